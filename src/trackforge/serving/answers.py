"""What was found, as JSON: the shape of the JSON lines that ``trackforge track`` writes (`trackforge.io.jsonl`).

>>> from trackforge import Detections, Frame
>>> frame = Frame(index=4, size=(64, 48), timestamp=0.16)
>>> detections_json(frame, Detections(xyxy=[[1, 2, 3.5, 4]], score=[0.9]), ("person",))["detections"]
[{'xyxy': [1.0, 2.0, 3.5, 4.0], 'score': 0.9, 'class_id': 0, 'class': 'person'}]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trackforge.io.jsonl import short
from trackforge.io.masks import plain_mask
from trackforge.types import Detections, Frame, Step

__all__ = ["detections_json", "step_json"]


def step_json(step: Step, classes: Sequence[str] = ()) -> dict[str, Any]:
    """Return a step as a value of JSON: ``{"frame", "timestamp", "width", "height", "tracks": [...]}``.

    A track has ``track_id``, ``xyxy`` (pixels, the motion model's box), ``score``, ``class_id``, ``class`` where the
    name is known, and ``mask`` where the detector gives masks; numbers are the shortest decimals that give back the
    very float32.

    Args:
        step: Of a session.
        classes: Names of the detector's classes.
    """
    tracks, masks = step.tracks.visible, step.detections.mask
    rows = []
    for track_id, row, detection in zip(
        tracks.track_id.tolist(),
        _rows(tracks.xyxy, tracks.score, tracks.class_id, classes),
        tracks.detection.tolist(),
        strict=True,
    ):
        mask = {} if masks is None or detection < 0 else {"mask": plain_mask(masks[detection])}
        rows.append({"track_id": track_id, **row, **mask})
    return {**_about(step.frame), "tracks": rows}


def detections_json(frame: Frame, found: Detections, classes: Sequence[str] = ()) -> dict[str, Any]:
    """Return what was found in a frame as a value of JSON: as `step_json`, with ``detections`` that have no id.

    Args:
        frame: That was looked at.
        found: In it.
        classes: Names of the detector's classes.
    """
    rows = list(_rows(found.xyxy, found.score, found.class_id, classes))
    if found.mask is not None:
        rows = [{**row, "mask": plain_mask(mask)} for row, mask in zip(rows, found.mask, strict=True)]
    return {**_about(frame), "detections": rows}


def _about(frame: Frame) -> dict[str, Any]:
    width, height = frame.size
    return {"frame": frame.index, "timestamp": frame.timestamp, "width": width, "height": height}


def _rows(xyxy: Any, score: Any, class_id: Any, classes: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for box, one, number in zip(short(xyxy), short(score), class_id.tolist(), strict=True):
        name = {"class": classes[number]} if 0 <= number < len(classes) else {}
        rows.append({"xyxy": box, "score": one, "class_id": number, **name})
    return rows
