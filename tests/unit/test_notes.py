"""What components notice reaches people: through every wrapper, once, into the summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import trackforge
from trackforge import runs
from trackforge.protocols import Noting, Remembering, notes_of
from trackforge.registry import ComponentSpec, hookimpl, registry
from trackforge.types import Detections, Frame


class Noticing:
    """Finds two things of two classes in every frame, and has something to say about what it saw."""

    classes = ("cat", "dog")
    embedding_dim = None

    def __init__(self) -> None:
        self.seen = 0

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        self.seen += len(frames)
        xyxy = np.array([[10, 10, 40, 60], [80, 10, 110, 60]], np.float32)
        return [Detections(xyxy=xyxy, score=np.full(2, 0.9, np.float32), class_id=np.array([0, 1])) for _ in frames]

    def reset(self, sequence: str = "", /) -> None:
        self.seen = 0

    def notes(self) -> Sequence[str]:
        return (f"{self.seen} frames looked odd; look again", f"{self.seen} frames looked odd; look again")


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    yield ComponentSpec(kind="detector", name="noticing", target=f"{__name__}:Noticing")


@pytest.fixture(autouse=True)
def plugin() -> Iterator[None]:
    import sys

    registry().register(sys.modules[__name__], "noticing")
    yield
    registry().unregister("noticing")


def job(**more: Any) -> runs.RunPlan:
    source = {"frames": 6, "size": (160, 120)}
    return runs.plan(
        runs.TrackingRun(sources=("synthetic",), source=source, detector="noticing", tracker="iou", **more)
    )


@pytest.mark.parametrize("classes", [(), ("cat",)])
def test_notes_come_with_the_result_once(classes: tuple[str, ...]) -> None:
    summary = runs.carry_out(job(classes=classes))
    assert summary.results[0].notes == ["6 frames looked odd; look again"]
    assert summary.as_dict()["sequences"][0]["notes"] == summary.results[0].notes


def test_wrappers_pass_notes_on() -> None:
    detector = Noticing()
    assert isinstance(detector, Noting)
    assert isinstance(detector, Remembering)
    watch = runs.Stopwatch()
    assert notes_of(watch.detector(detector)) == notes_of(detector)
    assert notes_of(watch.tracker(trackforge.tracker("iou"))) == ()
    assert notes_of(object()) == ()
