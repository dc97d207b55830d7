"""Tracks as Ground Truth's ``SeqLabel.json``, so that people can verify and adjust them in a labelling job.

The file is one object, a list of frames; sides are whole pixels, numbers of frames and classes are texts::

    {"tracking-annotations": [{"annotations": [{"height": 193, "width": 79, "top": 602, "left": 947, "class-id": "1",
     "label-category-attributes": {}, "object-id": "89b3e700-0732-51eb-8e0b-1ffa4c38e68b",
     "object-name": "Pedestrian:1"}], "frame-no": "0", "frame": "000001.jpg", "frame-attributes": {}}, ...]}

What classes the numbers mean is not told there, but in the line of the job's manifest that names the file: the object
``<attribute>-ref-metadata`` of that line stands beside the file, as ``NAME.seqlabel.metadata.json``.

Source: AWS, Ground Truth's output data (developer guide), and files of real jobs in aws/amazon-sagemaker-examples
(Apache-2.0), which have texts where the guide has numbers.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

from trackforge.config import check, setting
from trackforge.intake.names import readable
from trackforge.io.atomic import STOPPED, atomic_path
from trackforge.io.text_sink import TextSink
from trackforge.types import Frame, Step

__all__ = ["ENDING", "KIND", "SeqLabelSink", "SeqLabelSinkConfig", "metadata_path", "object_id"]

ENDING = ".seqlabel.json"
KIND = "groundtruth/video-object-tracking"
"""What the manifest calls such labels."""
_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://trackforge/object-id")


def metadata_path(file: str | Path) -> Path:
    """Return where the metadata of a file stand: ``street.seqlabel.metadata.json`` beside ``street.seqlabel.json``."""
    path = Path(file)
    return path.with_name(f"{path.stem}.metadata.json")


def object_id(sequence: str, *number: int) -> str:
    """Return the id of an object: a UUID that the same track of the same sequence gets in every run.

    >>> object_id("street", 7) == object_id("street", 7) != object_id("street", 8)
    True
    """
    return str(uuid.uuid5(_SPACE, "/".join((readable(sequence), *map(str, number)))))


@dataclass(frozen=True, kw_only=True)
class SeqLabelSinkConfig:
    """Settings of `SeqLabelSink`."""

    path: Path = setting(help="File to write; - for standard output.")
    box: Literal["filtered", "detected"] = setting("filtered", help="The motion model's box, or the detector's own.")
    classes: tuple[str, ...] = setting((), help="Class names; the detector's where none are set.")
    inside: bool = setting(
        True, help="Cut boxes at the border of the picture, where labellers see it; one that is all beyond is left out."
    )

    def __post_init__(self) -> None:
        check(self)


class _Object(NamedTuple):
    """What an object keeps as long as it is seen."""

    id: str
    name: str
    class_id: int


class SeqLabelSink(TextSink):
    """Writes the visible tracks of every frame, also frames without any, as they come.

    ``frame-no`` counts the frames that are written, from 0; ``frame`` is the picture's name. Frames of a film are named
    as ``trackforge data convert --to mot`` names their pictures: ``000001.jpg`` is the film's first, so labels are to
    be joined by it. A track is one object, of the class that it had when it was first seen; its name counts the objects
    of that class from 1. Boxes without identity (``trackforge detect``) are each an object of their own.

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(self, config: SeqLabelSinkConfig) -> None:
        super().__init__(config.path)
        self.config = config
        self._begin()

    def _begin(self) -> None:
        self._frames = 0
        self._objects: dict[tuple[str, int], _Object] = {}
        self._named, self._used = Counter[int](), set[int]()

    def head(self) -> str:
        """Forget all objects; return what begins the list."""
        self._begin()
        return '{"tracking-annotations":['

    def body(self, step: Step) -> str:
        """Return the entry of a frame."""
        entry = {
            "annotations": self._annotations(step),
            "frame-no": str(self._frames),
            "frame": _picture(step.frame),
            "frame-attributes": {},
        }
        before = "," if self._frames else ""
        self._frames += 1
        return f"{before}\n{json.dumps(entry, ensure_ascii=False, separators=(',', ':'))}"

    def _annotations(self, step: Step) -> list[dict[str, Any]]:
        tracks = step.tracks.visible
        boxes = step.detections.xyxy[tracks.detection] if self.config.box == "detected" else tracks.xyxy
        rows = []
        for row, (track, class_id, xyxy) in enumerate(
            zip(tracks.track_id.tolist(), tracks.class_id.tolist(), boxes.tolist(), strict=True)
        ):
            left, top, right, bottom = self._corners(xyxy, step.frame.size)
            if left >= right or top >= bottom:
                continue
            one = self._object(step.frame, track, class_id, row)
            rows.append(
                {
                    "height": bottom - top,
                    "width": right - left,
                    "top": top,
                    "left": left,
                    "class-id": str(one.class_id),
                    "label-category-attributes": {},
                    "object-id": one.id,
                    "object-name": one.name,
                }
            )
        return rows

    def _corners(self, xyxy: list[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return corners in whole pixels."""
        left, top, right, bottom = map(round, xyxy)
        if self.config.inside and all(size):
            return max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
        return left, top, right, bottom

    def _object(self, frame: Frame, track: int, class_id: int, row: int) -> _Object:
        sequence = frame.sequence or self.stream.name
        known = self._objects.get((sequence, track)) if track >= 0 else None
        if known is None:
            self._named[class_id] += 1
            self._used.add(class_id)
            number = (track,) if track >= 0 else (frame.index, row)
            known = _Object(object_id(sequence, *number), f"{self._class(class_id)}:{self._named[class_id]}", class_id)
            if track >= 0:
                self._objects[sequence, track] = known
        return known

    def _class(self, class_id: int) -> str:
        classes = self.config.classes or self.stream.classes
        return readable(classes[class_id]) if 0 <= class_id < len(classes) else f"class {class_id}"

    def tail(self) -> str:
        """Return what ends the list."""
        return "\n]}\n"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Make the file final with its metadata beside it, or leave it under its partial name after an error."""
        text = self._text
        super().__exit__(kind, error, trace)
        if text is not None and not text.direct and (kind is None or issubclass(kind, STOPPED)):
            with atomic_path(metadata_path(self.config.path)) as partial:
                partial.write_text(json.dumps(self._metadata(), ensure_ascii=False) + "\n", encoding="utf-8")

    def _metadata(self) -> dict[str, Any]:
        """Return what the line of a manifest says of the file."""
        return {
            "class-map": {str(number): self._class(number) for number in sorted(self._used)},
            "job-name": "trackforge",
            "human-annotated": "no",
            "creation-date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "type": KIND,
        }


def _picture(frame: Frame) -> str:
    return readable(frame.file) if frame.file else f"{frame.index + 1:06d}.jpg"
