"""The steps of a film from its results: what is drawn, or written in another form, afterwards needs no detector."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.types import Detections, Frame, Step, Tracks, TrackState

__all__ = ["steps_of"]


def steps_of(path: Path, frames: Iterable[Frame] | None = None) -> Iterator[Step]:
    """Give the steps of a file of `trackforge.io.jsonl`: the visible tracks, and their detections.

    Args:
        path: The file.
        frames: The frames of the film with their pictures, those of the file among them; None for none.
    """
    pictures = None if frames is None else iter(frames)
    with path.open(encoding="utf-8") as file:
        for line in map(json.loads, file):
            frame: Frame | None = _frame(line)
            if pictures is not None:
                frame = next((one for one in pictures if one.index == line["frame"]), None)
            if frame is None:
                return
            yield _step(frame, line["tracks"])


def _frame(line: dict[str, Any]) -> Frame:
    return Frame(
        index=line["frame"],
        size=(line["width"], line["height"]),
        timestamp=line["timestamp"],
        sequence=line["sequence"],
    )


def _step(frame: Frame, rows: list[dict[str, Any]]) -> Step:
    count = len(rows)
    xyxy = np.asarray([row["xyxy"] for row in rows], np.float32).reshape(count, 4)
    score = np.asarray([row["score"] for row in rows], np.float32)
    class_id = np.asarray([row["class_id"] for row in rows], np.int64)
    ones = np.ones(count, np.int64)
    tracks = Tracks(
        track_id=np.asarray([row["track_id"] for row in rows], np.int64),
        xyxy=xyxy,
        score=score,
        class_id=class_id,
        state=ones * int(TrackState.CONFIRMED),
        age=ones,
        time_since_update=ones - 1,
        detection=np.arange(count),
    )
    upright = np.concatenate((np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])), axis=1)
    mask = None
    if any("mask" in row for row in rows):
        mask = np.empty(count, object)
        mask[:] = [row.get("mask") for row in rows]
    if all("detected" in row for row in rows):
        upright = np.asarray([row["detected"] for row in rows], np.float32).reshape(count, 4)
    found = Detections(xyxy=upright, score=score, class_id=class_id, mask=mask)
    return Step(frame=frame, detections=found, tracks=tracks)
