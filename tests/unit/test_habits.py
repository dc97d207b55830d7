"""Settings of habit: what they come to in components that call them differently, and which of two sayings counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trackforge.errors import ConfigError
from trackforge.io.starting import parse_start
from trackforge.runs import TrackingRun, from_toml, plan
from trackforge.runs.layers import Layer, content, from_assignments
from trackforge.runs.values import toml

YOLOX = {"detector": {"name": "yolox", "weights": "yolox-nano"}}


def planned(**said: Any) -> Any:
    """Return a plan for one camera, which is not opened."""
    return plan(TrackingRun(sources=("0",), **said))


def settings(made: Any, kind: str) -> dict[str, Any]:
    """Return the settings of a planned component."""
    return dict(getattr(made, kind).settings)


def test_conf_is_what_deserves_a_track_while_doubtful_boxes_go_on() -> None:
    made = planned(**YOLOX, conf=0.4)
    assert settings(made, "tracker") == {"birth_score": 0.4, "high_score": 0.4}
    assert settings(made, "detector") == {"weights": "yolox-nano"}  # its .1 is below
    made = planned(**YOLOX, conf=0.05)
    assert settings(made, "tracker") == {"birth_score": 0.05, "high_score": 0.05, "low_score": 0.05}
    assert settings(made, "detector")["score"] == 0.05


@pytest.mark.parametrize(
    ("tracker", "expected"),
    [
        ("bytetrack", {"track_thresh": 0.4}),
        ("ocsort", {"det_thresh": 0.4}),
        ("iou", {"birth_score": 0.4, "min_score": 0.4}),
        ("observation-centric", {"birth_score": 0.4, "high_score": 0.4}),
        ("online", {"birth_score": 0.4, "associator": "byte", "associator_settings": {"high_score": 0.4}}),
    ],
)
def test_every_tracker_takes_conf_in_its_own_words(tracker: str, expected: dict[str, Any]) -> None:
    assert settings(planned(**YOLOX, tracker=tracker, conf=0.4), "tracker") == expected


def test_a_tracker_that_minds_no_scores_leaves_conf_to_the_detector() -> None:
    made = planned(**YOLOX, tracker="sort", conf=0.4)
    assert settings(made, "tracker") == {}
    assert settings(made, "detector")["score"] == 0.4


def test_the_other_habits_are_the_detectors() -> None:
    made = planned(detector="yolox", weights="yolox-s", iou=0.5, imgsz=640, device="0", half=True)
    assert settings(made, "detector") == {
        "weights": "yolox-s", "nms": 0.5, "size": (640, 640), "device": "cuda:0", "precision": "fp16",
    }  # fmt: skip
    assert settings(planned(**YOLOX, imgsz="480,640"), "detector")["size"] == (480, 640)
    assert settings(planned(**YOLOX, imgsz="480x640"), "detector")["size"] == (480, 640)


def test_weights_alone_tell_the_detector() -> None:
    made = planned(weights="yolox-tiny", conf=0.3)
    assert made.detector.name == "yolox"
    assert settings(made, "detector")["weights"] == "yolox-tiny"


@pytest.mark.parametrize(
    "habit", [{"weights": "a.onnx"}, {"iou": 0.5}, {"imgsz": 640}, {"device": "cpu"}, {"half": True}]
)
def test_what_a_component_cannot_do_is_said_with_what_it_can(habit: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"motion.*no such setting.*Its settings: class_name"):
        planned(detector="motion", **habit)


def test_what_is_said_of_a_component_counts_more_unless_it_is_said_in_a_weaker_place() -> None:
    flags = Layer("--conf", options={"conf": 0.4})
    exact = from_assignments(["tracker.birth_score=0.6"], TrackingRun)
    run = TrackingRun(sources=("0",), **YOLOX)
    assert settings(plan(run, flags, exact), "tracker") == {"birth_score": 0.6, "high_score": 0.4}
    assert settings(plan(run, exact, flags), "tracker") == {"birth_score": 0.4, "high_score": 0.4}
    both = TrackingRun(sources=("0",), **YOLOX, tracker={"name": "byte", "high_score": 0.7}, conf=0.4)
    assert settings(plan(both), "tracker") == {"birth_score": 0.4, "high_score": 0.7}


@pytest.mark.parametrize(
    "said",
    [
        {**YOLOX, "conf": 0.3, "iou": 0.4, "imgsz": (64, 96), "device": "cpu"},
        {**YOLOX, "conf": 0.05, "tracker": "online", "stride": 3, "start": "1:30"},
        {"weights": "yolox-nano", "tracker": "sort", "conf": 0.7, "start": 8},
        {"detector": "motion", "conf": 0.02, "tracker": {"name": "byte", "low_score": 0.3}},
    ],
)
def test_a_written_run_repeats_it_and_is_applied_once(said: dict[str, Any], tmp_path: Path) -> None:
    made = planned(**said)
    file = tmp_path / "run.toml"
    file.write_text(toml(content(made.job())))
    again = plan(from_toml(file, TrackingRun))
    for part in ("detector", "tracker"):
        assert getattr(again, part) == getattr(made, part)
    assert again.job() == made.job()
    assert (again.options.start, again.options.stride) == (made.options.start, made.options.stride)
    assert not {"conf", "iou", "imgsz", "device", "weights"} & set(content(made.job()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), (17, 17), ("1:30", 90.0), ("90s", 90.0), ("1:02:03.5", 3723.5), ("0:00", 0.0), ("2.5 s", 2.5)],
)
def test_starts(text: int | str, expected: float) -> None:
    found = parse_start(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("text", ["-1", -1, "", "1:60", "soon", "1.5", "1:2:3:4", "9" * 12 + "s"])
def test_what_is_no_start(text: int | str) -> None:
    with pytest.raises(ConfigError, match="number of a frame, or a time"):
        TrackingRun(start=text)
