"""A segmenter between a run and its outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trackforge
from trackforge import Detections, Frame, Step, Tracks
from trackforge.errors import ConfigError, PluginError
from trackforge.io.masking import Masking, with_masks
from trackforge.io.masks import encode_mask
from trackforge.runs import TrackingRun, plan
from trackforge.types import TrackState


class Boxes:
    """Takes the whole of a box for the object, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[list[float]]] = []

    def segment(self, frame: Frame, xyxy: np.ndarray, /) -> list[dict[str, Any]]:
        self.asked.append(xyxy.tolist())
        made = []
        for x1, y1, x2, y2 in xyxy.astype(int):
            pixels = np.zeros(frame.size[::-1], bool)
            pixels[y1:y2, x1:x2] = True
            made.append(encode_mask(pixels))
        return made


def step(*states: TrackState, mask: list | None = None, index: int = 0) -> Step:
    """A detection and a track for each state."""
    n = len(states)
    boxes = np.array([[10 * k, 0, 10 * k + 8, 8] for k in range(n)], np.float32).reshape(-1, 4)
    return Step(
        frame=Frame(index=index, image=np.zeros((20, 60, 3), np.uint8)),
        detections=Detections(xyxy=boxes, mask=mask),
        tracks=Tracks(
            track_id=np.arange(1, n + 1),
            xyxy=boxes + 1,
            score=np.ones(n),
            class_id=np.zeros(n),
            state=list(states),
            age=np.ones(n),
            time_since_update=np.zeros(n),
            detection=np.arange(n),
        ),
    )


def test_what_nobody_sees_is_not_looked_at() -> None:
    asked = Boxes()
    made = with_masks(step(TrackState.CONFIRMED, TrackState.TENTATIVE, TrackState.CONFIRMED), asked)
    assert asked.asked == [[[0, 0, 8, 8], [20, 0, 28, 8]]]
    assert [mask is None for mask in made.detections.mask] == [False, True, False]
    nothing = step(TrackState.TENTATIVE)
    assert with_masks(nothing, asked) is nothing
    assert len(asked.asked) == 1


def test_masks_of_the_detector_stay() -> None:
    own = {"size": [20, 60], "counts": "own"}
    asked = Boxes()
    made = with_masks(step(TrackState.CONFIRMED, TrackState.CONFIRMED, mask=[own, None]), asked)
    assert made.detections.mask[0] == own
    assert asked.asked == [[[10, 0, 18, 8]]]


def test_a_segmenter_that_gives_too_little_is_told() -> None:
    class Idle:
        def segment(self, frame: Frame, xyxy: np.ndarray, /) -> list:
            return []

    with pytest.raises(PluginError, match="a list of 1 masks"):
        with_masks(step(TrackState.CONFIRMED), Idle())


def test_outputs_get_masks_whatever_tracks(tmp_path: Path) -> None:
    """Through the pipeline: what is written has masks, and the file is whole at the end only."""
    frames = [Frame(index=n, image=np.zeros((20, 60, 3), np.uint8)) for n in range(6)]

    class Mover:
        classes = ("thing",)
        embedding_dim = None

        def detect(self, given: list[Frame], /) -> list[Detections]:
            return [Detections(xyxy=[[2 * f.index, 2, 2 * f.index + 9, 11]], score=[0.9]) for f in given]

    sinks = [Masking([tmp_path / "a.jsonl", tmp_path / "a.mp4"], Boxes())]
    steps = list(trackforge.track(frames, Mover(), trackforge.tracker("byte"), sinks=sinks))
    rows = [json.loads(line)["tracks"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert sum(map(len, rows)) == sum(len(one.tracks.visible) for one in steps) > 3
    for row in (row for frame in rows for row in frame):
        assert row["mask"]["size"] == [20, 60]
    assert (tmp_path / "a.mp4").stat().st_size > 0


def test_a_segmenter_for_nobody_is_refused() -> None:
    """Before the first frame; the names of its files are not looked at yet."""
    sam = {"encoder": "e.onnx", "decoder": "d.onnx"}

    def planned(*out: str, **more: Any) -> Any:
        return plan(TrackingRun(sources=("synthetic",), segmenter=sam, out=out, **more))

    for out in ("a.txt", "a.csv", "a.seqlabel.json"):
        with pytest.raises(ConfigError, match="an output that holds masks"):
            planned(out)
    for out in ("a.jsonl", "a.json", "a.parquet", "a.mp4"):
        made = planned("a.txt", out)
        assert made.segmenter is not None
        assert made.job().segmenter == made.segmenter
    assert planned("a.csv", sinks={"csv": {"masks": True}}).segmenter is not None
    with pytest.raises(ConfigError, match="an output that holds masks"):
        planned("a.mp4", sinks={"overlay": {"masks": False}})
    assert planned().segmenter is not None
