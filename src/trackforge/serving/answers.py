"""What was found, as JSON: the shape of the JSON lines that ``trackforge track`` writes (`trackforge.io.jsonl`).

>>> from trackforge import Detections, Frame
>>> frame = Frame(index=4, size=(64, 48), timestamp=0.16)
>>> detections_json(frame, Detections(xyxy=[[1, 2, 3.5, 4]], score=[0.9]), ("person",))["detections"]
[{'xyxy': [1.0, 2.0, 3.5, 4.0], 'score': 0.9, 'class_id': 0, 'class': 'person'}]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trackforge.io.jsonl import object_rows
from trackforge.types import Detections, Frame, Step

__all__ = ["detections_json", "step_json"]


def step_json(step: Step, classes: Sequence[str] = ()) -> dict[str, Any]:
    """Return a step as a value of JSON: ``{"frame", "timestamp", "width", "height", "tracks": [...]}``.

    A track has ``track_id``, ``xyxy`` (pixels, the motion model's box), ``score``, ``class_id``, ``class`` where the
    name is known, and ``mask`` where the detector gives masks; numbers are the shortest decimals that give back the
    very float32. ``analytics`` (what each knows, by its name) and ``events`` follow where there are some.

    Args:
        step: Of a session.
        classes: Names of the detector's classes.
    """
    tracks, masks = step.tracks.visible, step.detections.mask
    found = None if masks is None else masks[tracks.detection]
    rows = object_rows(tracks.xyxy, tracks.score, tracks.class_id, classes, found)
    ids = tracks.track_id.tolist()
    return {
        **_about(step.frame),
        "tracks": [{"track_id": one, **row} for one, row in zip(ids, rows, strict=True)],
        **({"analytics": dict(step.analytics)} if step.analytics else {}),
        **({"events": [dict(one) for one in step.events]} if step.events else {}),
    }


def detections_json(frame: Frame, found: Detections, classes: Sequence[str] = ()) -> dict[str, Any]:
    """Return what was found in a frame as a value of JSON: as `step_json`, with ``detections`` that have no id.

    Args:
        frame: That was looked at.
        found: In it.
        classes: Names of the detector's classes.
    """
    rows = object_rows(found.xyxy, found.score, found.class_id, classes, found.mask)
    return {**_about(frame), "detections": rows}


def _about(frame: Frame) -> dict[str, Any]:
    width, height = frame.size
    return {"frame": frame.index, "timestamp": frame.timestamp, "width": width, "height": height}
