"""What is told by name: a component that raises, thresholds no score reaches, misspelt variables, unused steps."""

from __future__ import annotations

import gc
import json
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import trackforge
from trackforge import runs
from trackforge.cli import main
from trackforge.cli.environment import misspelt
from trackforge.config import setting
from trackforge.errors import ConfigError, PluginError, WeightsError
from trackforge.registry import ComponentSpec, hookimpl, registry
from trackforge.types import Detections, Frame, Step, Tracks

SOURCE = {"frames": 8, "size": (160, 120)}
RAISED: dict[str, BaseException] = {}
"""What the components below raise, by where."""


def trouble(where: str, frame: int = -1) -> None:
    if where in RAISED and frame in (-1, 5):
        raise RAISED[where]


class Detector:
    classes = ("person",)
    embedding_dim = None

    def __init__(self) -> None:
        trouble("made")

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        for frame in frames:
            trouble("detect", frame.index)
        return [Detections.empty() for _ in frames]


class Staged(Detector):
    def prepare(self, frames: Sequence[Frame], /) -> Any:
        return list(frames)

    def infer(self, prepared: Any, /) -> Any:
        return prepared

    def select(self, predictions: Any, /) -> list[Detections]:
        return self.detect(predictions)


class Tracker:
    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        trouble("update", frame.index)
        return Tracks.empty()

    def reset(self, sequence: str = "", /) -> None:
        trouble("reset")


@dataclass(frozen=True)
class SinkConfig:
    path: str = setting("", help="Where to.")


class Sink:
    def __init__(self, config: SinkConfig) -> None:
        self.config = config

    def write(self, step: Step, /) -> None:
        trouble("write", step.frame.index)

    def __enter__(self) -> Sink:
        trouble("opened")
        return self

    def __exit__(self, *error: object) -> None:
        trouble("finished")


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    yield ComponentSpec(kind="detector", name="troubled", target=f"{__name__}:Detector")
    yield ComponentSpec(kind="detector", name="troubled-steps", target=f"{__name__}:Staged")
    yield ComponentSpec(kind="tracker", name="troubled", target=f"{__name__}:Tracker")
    yield ComponentSpec(
        kind="sink",
        name="troubled",
        target=f"{__name__}:Sink",
        config=f"{__name__}:SinkConfig",
        suffixes=(".troubled",),
    )


@pytest.fixture(autouse=True)
def plugin() -> Iterator[None]:
    registry().register(sys.modules[__name__], "troubled")
    yield
    registry().unregister("troubled")
    RAISED.clear()


def run(detector: str = "troubled", **more: Any) -> runs.Summary:
    job = runs.TrackingRun(sources=("synthetic",), source=SOURCE, detector=detector, tracker="troubled", **more)
    return runs.carry_out(runs.plan(job))


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize(
    ("detector", "where", "said"),
    [
        ("troubled", "made", "The detector 'troubled' of troubled failed as it was made: KeyError: 'legs'."),
        ("troubled", "detect", "The detector 'troubled' of troubled failed {}: KeyError: 'legs'."),
        ("troubled-steps", "detect", "The detector 'troubled-steps' of troubled failed {}: KeyError: 'legs'."),
        ("troubled", "update", "The tracker 'troubled' of troubled failed at frame 5: KeyError: 'legs'."),
    ],
)
def test_who_raises_is_named_with_the_frame(detector: str, where: str, said: str, batch: int) -> None:
    RAISED[where] = KeyError("legs")
    with pytest.raises(PluginError) as caught:
        run(detector, batch_size=batch)
    assert str(caught.value).startswith(said.format("at frame 5" if batch == 1 else "in frames 4 to 7"))
    assert caught.value.__cause__ is RAISED[where]


@pytest.mark.parametrize(
    ("where", "said"), [("opened", "as it was opened"), ("write", "at frame 5"), ("finished", "as it was finished")]
)
def test_an_output_that_raises_is_named_and_the_others_are_whole(where: str, said: str, tmp_path: Path) -> None:
    RAISED[where] = ValueError("ink")
    with pytest.raises(PluginError, match=f"The sink 'troubled' of troubled failed {said}: ValueError: ink"):
        run(out=(str(tmp_path / "a.troubled"), str(tmp_path / "a.txt")))
    assert (tmp_path / "a.txt").is_file() == (where != "opened")


def test_the_second_sequence_finds_the_tracker_reset(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), np.zeros((20, 20, 3), np.uint8))
    RAISED["reset"] = RuntimeError("stuck")
    names = (str(tmp_path / "a"), str(tmp_path / "b"))
    with pytest.raises(PluginError, match="The tracker 'troubled' of troubled failed as it was reset: RuntimeError"):
        runs.carry_out(runs.plan(runs.TrackingRun(sources=names, detector="troubled", tracker="troubled")))


def test_the_command_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    RAISED["update"] = ZeroDivisionError("division by zero")
    words = ["--set", "source.frames=8", "--detector", "troubled", "--tracker", "troubled", "-q"]
    assert main(["track", "synthetic", *words]) == 1
    [line] = [one for one in capsys.readouterr().err.splitlines() if one.startswith("error")]
    assert line == (
        "error: The tracker 'troubled' of troubled failed at frame 5: ZeroDivisionError: division by zero. This is a "
        "fault in troubled, or in a library that it needs: report it there; --debug shows the line."
    )


@pytest.mark.parametrize("error", [WeightsError("no weights"), KeyboardInterrupt(), SystemExit(3), MemoryError()])
def test_what_says_itself_what_it_is_passes(error: BaseException) -> None:
    RAISED["update"] = error
    with pytest.raises(type(error)) as caught:
        run()
    assert caught.value is error


def test_a_disk_or_camera_that_fails_is_nobodys_fault() -> None:
    RAISED["detect"] = OSError(5, "Input/output error")
    with pytest.raises(PluginError, match=r"at frame 5: OSError: .*Input/output error\. --debug"):
        run()


def test_a_threshold_that_no_score_reaches_is_refused_but_for_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tracker 'byte': high_score must be <= 1.* got 40\. A score of 40 % is 0.4"):
        runs.plan(runs.TrackingRun(sources=("synthetic",), tracker={"name": "byte", "high_score": 40}))
    boxes = {"name": "file", "path": str(tmp_path / "det.txt")}  # public detections have scores of any size
    made = runs.plan(
        runs.TrackingRun(sources=("synthetic",), detector=boxes, tracker={"name": "byte", "high_score": 40})
    )
    assert made.tracker.settings["high_score"] == 40


def test_a_misspelt_variable_is_told_and_others_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = ["track", "train", "tune", "detect", "data"]
    ours = ["TRACKFORGE_TRACK_FRMES", "TRACKFORGE_CACHE", "TRACKFORGE_LIMIT_X", "TRACKFORGE_DATA", "TRACKFORGE_GOLDEN"]
    assert misspelt([*ours, "TRACKFORGE_HOME_PAGE", "PATH", "TRACK_FORGE"], known) == {}
    assert misspelt(["TRACKFORGE_TRIAN_TRAIN__EPOCHS"], known) == {
        "TRACKFORGE_TRIAN_TRAIN__EPOCHS": "TRACKFORGE_TRAIN_TRAIN__EPOCHS"
    }
    monkeypatch.setenv("TRACKFORGE_TRAK_FRAMES", "3")
    assert main(["info", "tracker", "byte"]) == 0
    said = capsys.readouterr().err
    assert "TRACKFORGE_TRAK_FRAMES means nothing; did you mean TRACKFORGE_TRACK_FRAMES?" in said


def test_steps_that_nobody_asks_for_are_told() -> None:
    with pytest.warns(UserWarning, match="Nothing was tracked.*Iterate") as caught:
        trackforge.track([], "troubled", "byte")
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trackforge.track([], "troubled", "byte").close()
        assert list(trackforge.track([], "troubled", "byte")) == []
        frames = [Frame(index=k, size=(20, 20)) for k in range(3)]
        steps = trackforge.track(frames, "troubled", "byte")
        assert next(steps).frame.index == 0
        del steps
        gc.collect()


def test_the_summary_says_with_what_where_and_when(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    out = tmp_path / "out"
    job = runs.TrackingRun(sources=("synthetic",), source=SOURCE, tracker="byte", start=2, out=(f"{out}/",))
    runs.carry_out(runs.plan(job))
    told = json.loads((out / "summary.json").read_text())
    assert told["command"] == "track"
    assert told["job"]["start"] == 2
    assert told["job"]["source"]["frames"] == 8
    assert told["detector"] == told["detector"] | {"name": "motion", "of": "trackforge-mot", "classes": ["person"]}
    assert told["detector"]["why"]
    assert told["tracker"]["of"] == "trackforge-byte"
    assert {"trackforge", "python", "numpy", "trackforge-byte"} <= set(told["versions"])
    assert told["machine"]["cpus"] >= 1
    begin, end = (datetime.fromisoformat(told[name].replace("Z", "+00:00")) for name in ("started", "ended"))
    [one] = told["sequences"]
    assert begin <= datetime.fromisoformat(one["started"].replace("Z", "+00:00")) <= end
    assert (one["first_frame"], one["last_frame"], one["frames"], one["size"]) == (2, 7, 6, [160, 120])
    assert one["rate"] == pytest.approx(20)
    assert sum(one["scores"].values()) == one["detections"]
    assert [file["path"] for file in one["files"]] == one["outputs"]
    assert [file["format"] for file in one["files"]] == ["mot", "overlay"]
    assert all(Path(path).is_file() for path in one["outputs"])
