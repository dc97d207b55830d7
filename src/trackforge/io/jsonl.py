"""Results as JSON lines: one object a frame, to be read while they are written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.errors import SinkError
from trackforge.intake.names import readable
from trackforge.io.masks import plain_mask
from trackforge.io.text_output import TextOutput
from trackforge.types import Step, Stream

__all__ = ["JsonLinesSink", "JsonLinesSinkConfig", "short"]


@dataclass(frozen=True, kw_only=True)
class JsonLinesSinkConfig:
    """Settings of `JsonLinesSink`."""

    path: Path = setting(help="File to write; - for standard output.")
    box: Literal["filtered", "detected"] = setting("filtered", help="The motion model's box, or the detector's own.")
    classes: tuple[str, ...] = setting(
        (), help="Class names to write beside class_id; the detector's where none are set."
    )

    def __post_init__(self) -> None:
        check(self)


class JsonLinesSink:
    """Writes one JSON object a frame, also for frames without tracks.

    Numbers are the shortest decimals that give back the very float32; frames of picture folders also have a ``file``,
    and tracks of detectors that give masks a ``mask``. Standard output (``-``) gets each line at once. A line reads::

        {"frame": 0, "timestamp": 0.0, "sequence": "street", "width": 768, "height": 576, "tracks":
         [{"track_id": 1, "xyxy": [10.5, 20.0, 50.25, 90.0], "score": 0.9, "class_id": 0}]}

    Attributes:
        ended: Whether nobody reads standard output any more.

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(self, config: JsonLinesSinkConfig) -> None:
        self.config = config
        self._text: TextOutput | None = None
        self.ended = False
        self._stream = Stream()

    def __enter__(self) -> JsonLinesSink:
        self._text, self._stream, self.ended = TextOutput(self.config.path), Stream(), False
        return self

    def open(self, stream: Stream, /) -> None:
        """Take the names of the classes, and of the sequence for frames that do not know it."""
        self._stream = stream

    def write(self, step: Step, /) -> None:
        """Append one line."""
        if self._text is None:
            raise SinkError(f"{self.config.path} is not open; write inside 'with sink:'.")
        frame = step.frame
        line = {
            "frame": frame.index,
            "timestamp": frame.timestamp,
            "sequence": readable(frame.sequence or self._stream.name),
            "width": frame.size[0],
            "height": frame.size[1],
            **({"file": readable(frame.file)} if frame.file else {}),
            "tracks": self._tracks(step),
        }
        self._text.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
        self.ended = self._text.ended

    def _tracks(self, step: Step) -> list[dict[str, Any]]:
        tracks = step.tracks.visible
        boxes = step.detections.xyxy[tracks.detection] if self.config.box == "detected" else tracks.xyxy
        classes = self.config.classes or self._stream.classes
        masks = step.detections.mask
        rows = []
        for track_id, xyxy, score, class_id, detection in zip(
            tracks.track_id.tolist(),
            short(boxes),
            short(tracks.score),
            tracks.class_id.tolist(),
            tracks.detection.tolist(),
            strict=True,
        ):
            row: dict[str, Any] = {"track_id": track_id, "xyxy": xyxy, "score": score, "class_id": class_id}
            if 0 <= class_id < len(classes):
                row["class"] = classes[class_id]
            if masks is not None:
                row["mask"] = plain_mask(masks[detection])
            rows.append(row)
        return rows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Make the file final, or leave it under its partial name after an error."""
        text, self._text = self._text, None
        if text is not None:
            text.settle(kind, error)


def short(values: npt.NDArray[np.float32]) -> Any:
    """Return nested lists of floats whose shortest decimals are those of the float32, not of its float64 double."""
    return values.astype(np.str_).astype(np.float64).tolist()
