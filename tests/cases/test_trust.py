"""States, plugins' answers, weights, journals and names: looked at before anything is done with them."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import subprocess
import sys
import threading
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trackforge
from trackforge.cli import main
from trackforge.errors import ConfigError, InvalidInputError, PluginError, StateError, WeightsError
from trackforge.intake.limits import limited
from trackforge.io.overlay import OverlaySink, OverlaySinkConfig
from trackforge.io.owned import owned
from trackforge.online import OnlineTracker
from trackforge.tuning.journal import mend
from trackforge.types import Detections, Frame, Matches, Step

TRACKERS = ("byte", "online", "observation-centric", "bytetrack", "sort", "ocsort", "appearance")


def found(k: int = 0) -> Detections:
    return Detections(xyxy=[[k, k, 10 + k, 20 + k], [50, 50 + k, 80, 90 + k]], score=[0.9, 0.8])


# -- states -----------------------------------------------------------------------------------------------------------


def after(name: str, frames: int = 3) -> Any:
    tracker = trackforge.tracker(name)
    for k in range(frames):
        tracker.update(found(k), Frame(index=k))
    return tracker


def _set(state: dict[str, Any], *path: str, to: Any) -> None:
    for key in path[:-1]:
        state = state[key]
    state[path[-1]] = to


DAMAGE: dict[str, Any] = {
    "id 0": lambda s: _set(s, "table", "track_id", to=np.array([0, 1])),
    "id below 0": lambda s: _set(s, "table", "track_id", to=np.array([-5, 1])),
    "id twice": lambda s: _set(s, "table", "track_id", to=np.array([1, 1])),
    "ids as floats": lambda s: _set(s, "table", "track_id", to=np.array([1.0, 2.0])),
    "ids in rows": lambda s: _set(s, "table", "track_id", to=np.array([[1], [2]])),
    "too many ids": lambda s: _set(s, "table", "track_id", to=np.array([1, 2, 3])),
    "next id infinite": lambda s: _set(s, "next_id", to=float("inf")),
    "next id 0": lambda s: _set(s, "next_id", to=0),
    "next id taken": lambda s: _set(s, "next_id", to=2),
    "next id 2.5": lambda s: _set(s, "next_id", to=2.5),
    "next id huge": lambda s: _set(s, "next_id", to=2**64),
    "next id text": lambda s: _set(s, "next_id", to="3"),
    "state 9": lambda s: _set(s, "table", "state", to=np.array([9, 1])),
    "hits below 0": lambda s: _set(s, "table", "hits", to=np.array([-1, 1])),
    "score NaN": lambda s: _set(s, "table", "score", to=np.array([np.nan, 1], np.float32)),
    "born later": lambda s: _set(s, "table", "born", to=np.array([99.0, 0.0])),
    "objects": lambda s: _set(s, "table", "hits", to=np.array([{}, []], object)),
    "filters of one": lambda s: _set(s, "filters", to={key: value[:1] for key, value in s["filters"].items()}),
    "filters complex": lambda s: _set(s, "filters", to={key: value + 0j for key, value in s["filters"].items()}),
    "no filters": lambda s: s.pop("filters"),
    "clock backwards": lambda s: _set(s, "clock", "now", to=-1.0),
    "clock updates 1.5": lambda s: _set(s, "clock", "updates", to=1.5),
    "clock index": lambda s: _set(s, "clock", "index", to=-2),
    "clock none": lambda s: _set(s, "clock", to=None),
    "clock timestamp": lambda s: _set(s, "clock", "timestamp", to=float("nan")),
    "format a list": lambda s: _set(s, "format", to=[]),
    "settings a list": lambda s: _set(s, "settings", to=[1]),
    "table a list": lambda s: _set(s, "table", to=[1]),
}


@pytest.mark.parametrize("name", TRACKERS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_refused_whole(name: str, damage: str) -> None:
    tracker, state = after(name), copy.deepcopy(after(name).state_dict())
    DAMAGE[damage](state)
    before = repr(tracker.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(StateError):
            tracker.load_state_dict(state)
    assert repr(tracker.state_dict()) == before


@pytest.mark.parametrize("name", TRACKERS)
def test_ids_end_rather_than_repeat(name: str) -> None:
    tracker, state = after(name), after(name).state_dict()
    state["next_id"] = 2**63 - 2
    tracker.load_state_dict(state)
    three = Detections(xyxy=[[300 * k, 0, 300 * k + 50, 99] for k in range(1, 4)], score=[0.9, 0.9, 0.9])
    before = repr(tracker.state_dict())
    with pytest.raises(InvalidInputError, match=r"Ids must stay below 2\*\*63"):
        tracker.update(three, Frame(index=3))
    assert repr(tracker.state_dict()) == before


# -- answers of plugins -----------------------------------------------------------------------------------------------


class Finding:
    """A detector that finds the same in every frame, and has the classes that it is told."""

    embedding_dim = None

    def __init__(self, classes: Any) -> None:
        self.classes = classes

    def detect(self, frames: Any, /) -> list[Detections]:
        return [found() for _ in frames]


class Saying:
    """An associator that says what it is told to."""

    def __init__(self) -> None:
        self.answer: Any = None

    def associate(self, tracks: Any, detections: Any, /, *, frame: Any, motion: Any) -> Any:
        if self.answer is not None:
            return self.answer
        n = min(len(tracks), len(detections))
        return Matches(
            track=np.arange(n), detection=np.arange(n), cost=np.zeros(n),
            unmatched_track=np.arange(n, len(tracks)), unmatched_detection=np.arange(n, len(detections)),
        )  # fmt: skip


def matches(**changes: Any) -> Matches:
    plain = {"track": [0, 1], "detection": [0, 1], "unmatched_track": [], "unmatched_detection": []}
    columns = {name: np.array(value, np.int64) for name, value in plain.items()}
    return Matches(**{**columns, "cost": np.zeros(2), **changes})


@pytest.mark.parametrize(
    "answer",
    [
        matches(track=np.array([-1, 0])), matches(detection=np.array([0, -1])), matches(track=np.array([0, 0])),
        matches(detection=np.array([1, 1])), matches(detection=np.array([0, 2])), matches(track=np.array([0, 7])),
        matches(track=np.array([0.0, 1.0])), matches(track=np.array([0])), matches(cost=np.zeros(1)),
        matches(unmatched_detection=np.array([1])), matches(unmatched_detection=np.array([-1])), matches(track=None),
        matches(track=np.array([0, 2**62])), matches(track=np.array([[0, 1]])), "matches", (1, 2),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("classes", ["ignore", "separate"])
def test_answers_of_associators_are_checked_and_undone(answer: Any, classes: Any) -> None:
    from trackforge.motion import KalmanXYAH
    from trackforge.online import Lifecycle

    said, good = Saying(), Saying()
    tracker, other = (OnlineTracker(one, KalmanXYAH(), Lifecycle(classes=classes)) for one in (said, good))
    for k in range(3):
        tracker.update(found(k), Frame(index=k))
        other.update(found(k), Frame(index=k))
    before = repr(tracker.state_dict())
    said.answer = answer
    with pytest.raises(PluginError, match="Saying gave others"):
        tracker.update(found(3), Frame(index=3))
    assert repr(tracker.state_dict()) == before
    said.answer = None  # the same frame again, as if nothing had been
    one, two = tracker.update(found(3), Frame(index=3)), other.update(found(3), Frame(index=3))
    assert one.track_id.tolist() == two.track_id.tolist()
    assert one.xyxy.tobytes() == two.xyxy.tobytes()


@pytest.mark.parametrize("answer", [None, 5, [], found()], ids=repr)
def test_a_tracker_that_gives_no_tracks_is_named(tmp_path: Path, answer: Any) -> None:
    class Odd:
        def update(self, *_: Any) -> Any:
            return answer

        def reset(self) -> None: ...

    with pytest.raises(PluginError, match=r"update\(\) must return Tracks; Odd gave"):
        list(trackforge.track([Frame(index=0)], Finding(("car",)), Odd(), sinks=[tmp_path / "a.txt"]))  # type: ignore[arg-type]
    assert not (tmp_path / "a.txt").exists()


@pytest.mark.parametrize("classes", [None, 5, "person", (1, 2)])
def test_classes_that_are_no_names_are_refused(classes: Any) -> None:
    with pytest.raises(PluginError, match="must be a tuple of names; those of Finding are"):
        list(trackforge.track([Frame(index=0)], Finding(classes), "byte"))


def test_whatever_a_part_raises_is_undone() -> None:
    from trackforge.motion import KalmanXYAH

    class Tired(KalmanXYAH):
        tired = False

        def update(self, *given: Any, **more: Any) -> Any:
            if self.tired:
                raise ZeroDivisionError
            return super().update(*given, **more)

    motion = Tired()
    tracker = OnlineTracker(Saying(), motion)
    tracker.update(found(0), Frame(index=0))
    before = repr(tracker.state_dict())
    motion.tired = True
    with pytest.raises(ZeroDivisionError):
        tracker.update(found(1), Frame(index=1))
    assert repr(tracker.state_dict()) == before


def test_two_threads_in_one_tracker_are_refused() -> None:
    from trackforge.motion import KalmanXYAH

    inside, leave = threading.Event(), threading.Event()

    class Slow(Saying):
        def associate(self, *given: Any, **more: Any) -> Any:
            inside.set()
            leave.wait(300)
            return super().associate(*given, **more)

    tracker = OnlineTracker(Slow(), KalmanXYAH())
    first = threading.Thread(target=tracker.update, args=(found(), Frame(index=0)), daemon=True)
    first.start()
    assert inside.wait(300)
    for refused in (
        lambda: tracker.update(found(), Frame(index=1)), tracker.state_dict, tracker.reset,
        lambda: tracker.load_state_dict({}),
    ):  # fmt: skip
        with pytest.raises(InvalidInputError, match="one thread at a time"):
            refused()
    leave.set()
    first.join(300)
    assert len(tracker.update(found(), Frame(index=1))) == 2


@pytest.mark.parametrize("name", ["byte", "observation-centric"])
def test_a_gap_beyond_all_counting_is_refused_and_a_long_one_is_no_hang(name: str) -> None:
    tracker = trackforge.tracker(name, frame_rate=30.0, max_lost=float("inf"))
    for k in range(3):
        tracker.update(found(k), Frame(index=k, timestamp=k / 30))
    before = repr(tracker.state_dict())
    for far in (1e200, 1e307, 1.7e308):
        with pytest.raises(InvalidInputError, match="below 2\\*\\*53"):
            tracker.update(found(3), Frame(index=3, timestamp=far))
    assert repr(tracker.state_dict()) == before
    tracker.update(Detections.empty(), Frame(index=3, timestamp=1e12))
    tracks = tracker.update(found(4), Frame(index=4, timestamp=1.1e12))
    assert np.isfinite(tracks.xyxy).all()
    assert (tracks.age > 0).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("far", [1e9, 1e30, 3e38])
def test_boxes_far_outside_are_drawn_as_far_outside(tmp_path: Path, far: float) -> None:
    pytest.importorskip("av")
    tracks = trackforge.Tracks(
        track_id=[1, 2, 3], xyxy=[[-far, -far, far, far], [far, far, far, far], [0, 0, 9, 9]], score=[1, 1, 1],
        class_id=[0, 0, 0], state=[2, 2, 2], age=[1, 1, 1], time_since_update=[0, 0, 0], detection=[-1, -1, -1],
    )  # fmt: skip
    image = np.zeros((48, 64, 3), np.uint8)
    with OverlaySink(OverlaySinkConfig(path=tmp_path / "o.mp4", lost=True)) as sink:
        for k in range(3):
            sink.write(Step(frame=Frame(index=k, image=image), detections=Detections.empty(), tracks=tracks))
    assert (tmp_path / "o.mp4").stat().st_size


# -- weights ----------------------------------------------------------------------------------------------------------


def _bomb(path: Path, size: int) -> None:
    """Write a checkpoint of torch's form whose only tensor is deflated zeros."""
    import torch

    file = io.BytesIO()
    torch.save({"model": {"a": torch.zeros(2)}, "trackforge": "{}", "loops": {}}, file)
    with zipfile.ZipFile(file) as good, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bad:
        for name in good.namelist():
            bad.writestr(name, b"\0" * size if name.endswith("data/0") else good.read(name))


def test_a_checkpoint_that_unpacks_to_more_than_it_weighs_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from trackforge.models.checkpoints import read_checkpoint
    from trackforge.training.checkpoints import read_checkpoint as read_run

    _bomb(tmp_path / "bomb.pth", 20 << 20)
    assert (tmp_path / "bomb.pth").stat().st_size < 100_000
    for read in (read_checkpoint, read_run):
        with pytest.raises(WeightsError, match="unpack to"):
            read(tmp_path / "bomb.pth")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"hello, this is a text\n", "it begins with b'hello, this is a text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "it begins with b'version https://git-lfs."),
        (b"\x1b[31m<html>", r"it begins with b'\\x1b\[31m<html>'"),
        (b"PK\x03\x04" + bytes(100), "central directory"),
        (pickle.dumps(Path("/tmp")), "it is damaged, or holds more than tensors and plain values"),
    ],
)
def test_what_is_no_checkpoint_is_told_in_words(content: bytes, says: str, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from trackforge.models.checkpoints import read_checkpoint
    from trackforge.training.checkpoints import read_checkpoint as read_run

    path = tmp_path / "a.pth"
    path.write_bytes(content)
    for read in (read_checkpoint, read_run):
        with pytest.raises(WeightsError, match=says) as caught:
            read(path)
        assert "weights_only" not in str(caught.value)


def test_tensors_that_are_no_plain_finite_numbers_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from trackforge.models.checkpoints import load, read_checkpoint

    path = tmp_path / "a.pth"
    for odd in (torch.zeros(2, 2).to_sparse(), torch.zeros(2, 2, device="meta"), torch.zeros(2, 2, dtype=torch.cfloat)):
        torch.save({"model": {"weight": odd}}, path)
        with pytest.raises(WeightsError, match="plain tensors of real numbers; weight is none"):
            read_checkpoint(path)
    network = torch.nn.Linear(2, 2)
    for number in (float("nan"), float("inf")):
        weights = {"weight": torch.full((2, 2), number), "bias": torch.zeros(2)}
        with pytest.raises(WeightsError, match="finite numbers; weight"):
            load(network, weights)
    assert network.weight.isfinite().all()


@pytest.mark.parametrize("shape", [[1, 3, 10**6, 10**6], [1, 3, 1_600_000, 600_000], [10**6, 3, 64, 64], [1, 3, 0, 8]])
def test_an_onnx_input_beyond_the_limits_is_refused(tmp_path: Path, shape: list[int]) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from trackforge.models.onnx import OnnxNetwork

    helper = onnx.helper
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(tmp_path / "a.onnx"))
    with pytest.raises(WeightsError, match=r"must be at most|1 or more"):
        OnnxNetwork(tmp_path / "a.onnx")
    if 0 not in shape:
        with limited(bytes=2**60, pixels=2**60):
            assert OnnxNetwork(tmp_path / "a.onnx").inputs == [shape]


def test_descriptions_of_weights_whatever_they_hold() -> None:
    from trackforge.models.card import ModelCard

    card = {
        "format": 2, "component": {"kind": "detector", "name": "yolox"}, "variant": "", "classes": ["a"],
        "preprocessing": {"size": [64, 64]}, "provenance": {}, "extra": {},
    }  # fmt: skip
    assert ModelCard.from_json(json.dumps(card)).classes == ("a",)
    for change in (
        {"classes": "ab"}, {"classes": [1]}, {"classes": ["x"] * 200_000}, {"preprocessing": {"size": [10**6, 10**6]}},
        {"component": 5}, {"extra": 5}, {"provenance": [1]}, {"variant": 5}, {"format": None}, {"format": "2"},
    ):  # fmt: skip
        with pytest.raises(WeightsError):
            ModelCard.from_json(json.dumps(card | change))
    for text in ("[" * 100_000, "9" * 5000, "{", "[]", '{"format": ' + "9" * 5000 + "}", '"\\ud800"'):
        with pytest.raises(WeightsError):
            ModelCard.from_json(text)


def test_configurations_whatever_they_hold(tmp_path: Path) -> None:
    from trackforge.runs import TrackingRun
    from trackforge.runs.layers import from_toml

    path = tmp_path / "run.toml"
    for text in ("frames = " + "9" * 5000, "frames = " + "[" * 5000, "frames = [", "[detector", "\0"):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"run\.toml"):
            from_toml(path, TrackingRun)


# -- journals and folders ---------------------------------------------------------------------------------------------


def test_a_torn_journal_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    optuna = pytest.importorskip("optuna")
    path = tmp_path / "study.journal"

    def study() -> Any:
        backend = optuna.storages.journal.JournalFileBackend(str(path))
        storage = optuna.storages.JournalStorage(backend)
        return optuna.create_study(study_name="x", storage=storage, load_if_exists=True)

    study().optimize(lambda trial: trial.suggest_float("a", 0, 1), n_trials=3)
    whole = path.read_bytes()
    for torn in (b'{"op_code":4,"wor', b'{"op_code":4}', b"\0\0\0", b"x" * 100_000):
        path.write_bytes(whole + torn)
        with caplog.at_level(logging.WARNING):
            assert mend(path) == len(torn)
        assert path.read_bytes() == whole
        assert "left out" in caplog.text
    assert mend(path) == 0
    assert len(study().trials) == 3
    path.write_bytes(b'{"op_c')
    assert mend(path) == 6
    for other in (b"my notes, without a line's end", b"", b'{"op_codex": 1'):
        path.write_bytes(other)
        assert mend(path) == 0 or other.startswith(b'{"op_code')
        assert path.read_bytes() == other or other.startswith(b'{"op_code')


HOLD = """
import sys, time
from pathlib import Path
from trackforge.io.owned import owned
with owned(Path(sys.argv[1]), "A folder is for one"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_is_held_by_one_and_nobody_dead_holds_it(tmp_path: Path) -> None:
    mark = tmp_path / "run" / ".owner"
    with owned(mark, "A folder is for one"), pytest.raises(ConfigError, match="for one; another process works at"):
        owned(mark, "A folder is for one").__enter__()
    assert not mark.exists()
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(mark)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(ConfigError):
        owned(mark, "A folder is for one").__enter__()
    process.kill()
    process.communicate(timeout=300)
    assert mark.exists()  # it could not clear up
    with owned(mark, "A folder is for one"):
        pass
    assert not mark.exists()


# -- the terminal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [["track", "nofile\x1b[2J\x1b]0;x\x07", "-o", "x.txt"], ["info", "tracker", "[/x]\x1b[2J"],
     ["track", "synthetic", "--set", "tracker.\x1b[2J=1", "-o", "x.txt"], ["track", "\u202eabc", "-o", "x.txt"]],
)  # fmt: skip
def test_errors_steer_no_terminal(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) in (1, 2)
    err = capsys.readouterr().err
    assert "error: " in err
    assert not {"\x1b", "\x07", "\u202e"} & set(err)
    assert "\\x1b[2J" in err or "\\u202e" in err


@pytest.mark.parametrize("name", ["\x1b]0;PWNED\x07\x1b[31mred", "a\nb", "[/bold]x", "\u202eabc", "\x1b[2J"])
def test_names_of_classes_are_shown_in_one_line_and_do_nothing(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 60, 3), np.uint8))
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5]}],
        "categories": [{"id": 1, "name": name}, {"id": 2, "name": "other"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    main(["data", "check", str(tmp_path / "a.json")])
    said = capsys.readouterr()
    assert not {"\x1b", "\x07", "\u202e"} & set(said.out + said.err)
    assert "a\nb" not in said.out


def test_a_run_names_its_film_as_it_can_be_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = tmp_path / "a\x1b[2Jb.mp4"
    assert main(["track", "synthetic", "--set", "source.frames=3", "--set", "source.size=96x64", "-o", str(film)]) == 0
    assert main(["track", str(film), "-o", str(tmp_path / "{name}.txt")]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "\\x1b[2J" in said.out
