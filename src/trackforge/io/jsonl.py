"""Results as JSON lines: one object a frame, to be read while they are written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.intake.names import readable
from trackforge.io.masks import plain_mask
from trackforge.io.text_sink import TextSink
from trackforge.types import Step

__all__ = ["JsonLinesSink", "JsonLinesSinkConfig", "object_rows", "short"]


@dataclass(frozen=True, kw_only=True)
class JsonLinesSinkConfig:
    """Settings of `JsonLinesSink`."""

    path: Path = setting(help="File to write; - for standard output.")
    box: Literal["filtered", "detected"] = setting("filtered", help="The motion model's box, or the detector's own.")
    classes: tuple[str, ...] = setting(
        (), help="Class names to write beside class_id; the detector's where none are set."
    )

    both: bool = setting(False, help="Write the detector's own box beside the other, as detected.")

    def __post_init__(self) -> None:
        check(self)


class JsonLinesSink(TextSink):
    """Writes one JSON object a frame, also for frames without tracks.

    Numbers are the shortest decimals that give back the very float32; frames of picture folders also have a ``file``,
    and tracks of detectors that give masks a ``mask``, COCO's run lengths. Where there are some, ``analytics`` (what
    each knows, by name) and ``events`` follow. Standard output (``-``) gets each line at once. A line reads::

        {"frame": 0, "timestamp": 0.0, "sequence": "street", "width": 768, "height": 576, "tracks":
         [{"track_id": 1, "xyxy": [10.5, 20.0, 50.25, 90.0], "score": 0.9, "class_id": 0}]}

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(self, config: JsonLinesSinkConfig) -> None:
        super().__init__(config.path)
        self.config = config

    def body(self, step: Step) -> str:
        """Return the line of a frame."""
        frame = step.frame
        line = {
            "frame": frame.index,
            "timestamp": frame.timestamp,
            "sequence": readable(frame.sequence or self.stream.name),
            "width": frame.size[0],
            "height": frame.size[1],
            **({"file": readable(frame.file)} if frame.file else {}),
            "tracks": self._tracks(step),
            **({"analytics": step.analytics} if step.analytics else {}),
            **({"events": step.events} if step.events else {}),
        }
        return json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"

    def _tracks(self, step: Step) -> list[dict[str, Any]]:
        tracks = step.tracks.visible
        boxes = step.detections.xyxy[tracks.detection] if self.config.box == "detected" else tracks.xyxy
        masks = step.detections.mask
        rows = object_rows(
            boxes,
            tracks.score,
            tracks.class_id,
            self.config.classes or self.stream.classes,
            None if masks is None else masks[tracks.detection],
        )
        if self.config.both:
            detected = short(step.detections.xyxy[tracks.detection])
            rows = [{**row, "detected": box} for row, box in zip(rows, detected, strict=True)]
        ids = tracks.track_id.tolist()
        return [{"track_id": track_id, **row} for track_id, row in zip(ids, rows, strict=True)]


def object_rows(
    xyxy: npt.NDArray[np.float32],
    score: npt.NDArray[np.float32],
    class_id: npt.NDArray[np.int64],
    classes: Sequence[str],
    masks: Sequence[Any] | npt.NDArray[Any] | None = None,
) -> list[dict[str, Any]]:
    """Return objects as values of JSON: ``xyxy``, ``score``, ``class_id``, and ``class`` and ``mask`` where known.

    Args:
        xyxy: ``(N, 4)`` corners in pixels.
        score: ``(N,)``.
        class_id: ``(N,)``.
        classes: Their names.
        masks: ``(N,)`` run-length masks; None for objects without one.
    """
    rows = []
    for row, (box, one, number) in enumerate(zip(short(xyxy), short(score), class_id.tolist(), strict=True)):
        name = {"class": classes[number]} if 0 <= number < len(classes) else {}
        mask = {} if masks is None or masks[row] is None else {"mask": plain_mask(masks[row])}
        rows.append({"xyxy": box, "score": one, "class_id": number, **name, **mask})
    return rows


def short(values: npt.NDArray[np.float32]) -> Any:
    """Return nested lists of floats whose shortest decimals are those of the float32, not of its float64 double."""
    return values.astype(np.str_).astype(np.float64).tolist()
