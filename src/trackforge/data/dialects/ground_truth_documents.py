"""The documents of Ground Truth's video jobs, made of a data set: sequence files, labels, metadata of manifests.

A sequence file lists the pictures of a sequence, and is what a line of an input manifest names::

    {"seq-no": 1, "prefix": "s3://bucket/frames/street/", "number-of-frames": 2, "frames":
     [{"frame-no": 1, "frame": "000001.jpg"}, {"frame-no": 2, "unix-timestamp": 1566861644, "frame": "000002.jpg"}]}

Numbers count from 1 there and from 0 in labels; names are what both are joined by.

Source: AWS, Ground Truth's "Video frame input data" and output data (developer guide).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from trackforge.data.dialects.ground_truth_fields import (
    FRAME_OWN,
    OBJECT_OWN,
    attributes_told,
    plain_number,
    rest_of,
    with_difference,
)
from trackforge.data.files import PicturePlacer
from trackforge.data.model import Dataset
from trackforge.data.pictures import split_key
from trackforge.intake.names import readable
from trackforge.io.seqlabel import object_id
from trackforge.io.seqlabel_json import frame_numbers, object_class

__all__ = ["TRACKING", "dumped", "label_metadata", "picture_names", "seqlabel_document", "sequence_document"]

TRACKING, DETECTION = "groundtruth/video-object-tracking", "groundtruth/video-object-detection"
SIDES = ("left", "top", "width", "height")
JUDGED = (*SIDES, "class-id", "object-id", "object-name")
"""What columns of a set say of an object."""


def picture_names(part: Dataset, placer: PicturePlacer, rows: Sequence[int]) -> list[str]:
    """Return the names of a sequence's pictures, by which labels are joined to frames.

    Those that the labels had when they were read; else those of the files, where they tell the frames that the set
    has; else the number of the frame from 1, ``000001.jpg``.

    Args:
        part: The set.
        placer: Of the set; knows the endings of pictures.
        rows: Pictures of one sequence, by frame.
    """
    images = part.images
    if "frame_name" in images.extra:
        names = [str(images.extra["frame_name"][row]) for row in rows]
        if all(names) and len(set(names)) == len(names):
            return names
    paths = [str(images.path[row]) for row in rows]
    names = [readable(PurePosixPath(path).name) if path and split_key(path)[1] is None else "" for path in paths]
    apart = all(names) and len(set(names)) == len(names)
    if apart and frame_numbers(names, range(len(names))) == [int(images.frame[row]) for row in rows]:
        return names
    return [f"{int(images.frame[row]) + 1:06d}{placer.suffix(row)}" for row in rows]


def sequence_document(names: Sequence[str], *, number: int, prefix: str, times: Sequence[float] = ()) -> dict[str, Any]:
    """Return a sequence file.

    Args:
        names: Of the pictures.
        number: Of the sequence, from 1.
        prefix: The address of the pictures' folder; ends in ``/``.
        times: Of each picture, seconds since 1970; NaN where unknown.
    """
    frames = []
    for k, name in enumerate(names):
        time = times[k] if len(times) else float("nan")
        stamp = {"unix-timestamp": plain_number(time)} if time == time else {}
        frames.append({"frame-no": k + 1, **stamp, "frame": name})
    return {"seq-no": number, "prefix": prefix, "number-of-frames": len(frames), "frames": frames}


def seqlabel_document(
    part: Dataset, names: Sequence[str], sequence: str, *, tracked: bool = True, whole: bool = False
) -> dict[str, Any]:
    """Return a ``SeqLabel.json``; ignore regions are left out.

    Args:
        part: The pictures of one sequence, by frame, with their boxes.
        names: Of the pictures.
        sequence: Its name, of which objects without an id of their own get one.
        tracked: Whether objects have an identity there.
        whole: Round boxes to whole pixels, and leave out what is empty then.
    """
    objects, attributes = (
        _Objects(part, sequence, tracked=tracked, whole=whole),
        attributes_told(part.images.extra, FRAME_OWN),
    )
    frames = []
    for row, name in enumerate(names):
        made = {
            "annotations": objects.of(row),
            "frame-no": str(row),
            "frame": name,
            "frame-attributes": attributes[row] if attributes else {},
        }
        frames.append(with_difference(made, rest_of(part.images.extra, row)))
    return {"tracking-annotations" if tracked else "detection-annotations": frames}


class _Objects:
    """The objects of a sequence, frame by frame."""

    def __init__(self, part: Dataset, sequence: str, *, tracked: bool, whole: bool) -> None:
        self.part, self.sequence, self.tracked, self.whole = part, sequence, tracked, whole
        self.attributes = attributes_told(part.boxes.extra, OBJECT_OWN)
        self._named = Counter[str]()
        self._names: dict[tuple[int, int], str] = {}
        self._ids: dict[int, str] = {}
        self._stated_ids, self._stated_names = self._texts("object_id"), self._texts("object_name")
        for name in self._stated_names:
            label = object_class(name)
            if label:
                self._named[label] = max(self._named[label], int(name.rpartition(":")[2][:9]))

    def _texts(self, column: str) -> list[str]:
        found = self.part.boxes.extra.get(column)
        return found.tolist() if found is not None and found.dtype.kind == "U" and found.ndim == 1 else []

    def of(self, image: int) -> list[dict[str, Any]]:
        """Return the entries of a picture."""
        boxes, first = self.part.labels(image), int(np.searchsorted(self.part.boxes.image, image))
        out = []
        for k in np.flatnonzero(~boxes.ignore).tolist():
            x1, y1, x2, y2 = boxes.xyxy[k].tolist()
            if self.whole:
                x1, y1, x2, y2 = (float(round(value)) for value in (x1, y1, x2, y2))
                if x1 >= x2 or y1 >= y2:
                    continue
            row, label = first + k, int(boxes.class_id[k])
            made: dict[str, Any] = {
                "height": plain_number(y2 - y1),
                "width": plain_number(x2 - x1),
                "top": plain_number(y1),
                "left": plain_number(x1),
                "class-id": str(label),
                "label-category-attributes": self.attributes[row] if self.attributes else {},
            }
            if self.tracked:
                made |= self._identity(row, int(boxes.track_id[k]), label)
            out.append(with_difference(made, {} if self.whole else rest_of(self.part.boxes.extra, row)))
        return out

    def _identity(self, row: int, track: int, label: int) -> dict[str, str]:
        """Return id and name of an object: as they were read, unless it has got another class since."""
        key, kind = (track if track >= 0 else -1 - row, label), self.part.classes[label]
        name = self._stated_names[row] if self._stated_names else ""
        if object_class(name) not in ("", kind) and object_class(name) in self.part.classes:
            name = ""
        if not name and key not in self._names:
            self._named[kind] += 1
            self._names[key] = f"{readable(kind)}:{self._named[kind]}"
        name = name or self._names[key]
        self._names.setdefault(key, name)
        found = self._stated_ids[row] if self._stated_ids else ""
        if not found:
            number = (track,) if track >= 0 else (-1, row)
            found = self._ids.setdefault(key[0], object_id(self.sequence, *number))
        return {"object-id": found, "object-name": name}


def label_metadata(part: Dataset, *, tracked: bool, job: str = "", human: bool = True) -> dict[str, Any]:
    """Return what the line of a manifest says of the labels that it names.

    Args:
        part: The pictures of one sequence; what they say themselves, as after reading, counts.
        tracked: Whether objects have an identity.
        job: The job's name, where the set states none.
        human: Whether people made or checked the labels, where the set states nothing.
    """
    extra = part.images.extra

    def stated(column: str, default: str) -> str:
        found = extra.get(column)
        value = str(found[0]) if found is not None and len(found) and found.dtype.kind == "U" else ""
        return value or default

    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+0000")
    made = {
        "class-map": {str(k): name for k, name in enumerate(part.classes)},
        "job-name": stated("job_name", job or "trackforge"),
        "human-annotated": stated("human_annotated", "yes" if human else "no"),
        "creation-date": stated("creation_date", now),
        "type": TRACKING if tracked else DETECTION,
    }
    adjusted = stated("adjustment_status", "")
    return made | ({"adjustment-status": adjusted} if adjusted else {})


def dumped(document: Mapping[str, Any]) -> str:
    """Return a document as one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
