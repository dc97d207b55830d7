"""Ground Truth's labels of video frames, as files hold them: ``SeqLabel.json`` and the answers of single workers.

A ``SeqLabel.json`` is an object with a list of frames, ``tracking-annotations`` or, where objects have no identity,
``detection-annotations``; `trackforge.io.seqlabel` shows one. What the guide and real files disagree about is read
either way: numbers of frames and classes are numbers or texts, ``frame-attributes`` may be missing, frames come in any
order. Answers of workers have the same content in other words (``trackingAnnotations``, ``boundingBoxes``,
``objectId``), a frame a file, and name no class: it is what stands before the colon of an object's name, ``Car:1``.

Frames are told apart by the names of their pictures. Which frame of the film a picture is, its name says where all of
a sequence end in numbers: ``000001.jpg`` is the first, unless there is a ``000000.jpg``. Where names have no numbers,
or such as times are, ``frame-no`` counts, from 0, or the place in the sequence.

Source: AWS, Ground Truth's output data (developer guide), and files of real jobs in aws/amazon-sagemaker-examples
(Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from trackforge.errors import DataError
from trackforge.intake.documents import finite_number, whole_number
from trackforge.intake.limits import check_limit, limits

__all__ = [
    "ANSWERS",
    "CONSOLIDATED",
    "LabelledFrame",
    "LabelledObject",
    "SeqLabel",
    "classes_named",
    "frame_numbers",
    "object_class",
    "parse_seqlabel",
    "sequence_name",
]

CONSOLIDATED = {"tracking-annotations": True, "detection-annotations": False}
"""What a file calls its list of frames, and whether objects have an identity there."""
ANSWERS = {"trackingAnnotations": True, "detectionAnnotations": False}
"""Likewise in the answer of one worker."""
_SIDES = ("left", "top", "width", "height")
_NUMBER = re.compile(r"(?<!\d)(?<!\d\.)(\d{1,9})$")
_SPARSE = 100
"""How many numbers a frame may take up at most; names that are further apart are times, or ids."""


class LabelledObject(NamedTuple):
    """An object in a frame.

    Attributes:
        id: Its identity; empty where it has none.
        name: What labellers see, ``Car:1``; empty where it is not stated.
        number: Of its class, as the job's class map has it; -1 where it is not stated.
        xyxy: Corners in pixels.
        attributes: What labellers said of it.
        entry: All that the file says.
    """

    id: str
    name: str
    number: int
    xyxy: tuple[float, float, float, float]
    attributes: Mapping[str, Any]
    entry: Mapping[str, Any]


class LabelledFrame(NamedTuple):
    """A frame.

    Attributes:
        file: Name of its picture.
        number: As stated; None where it is not.
        objects: What is in it.
        attributes: What labellers said of the frame.
        entry: All that the file says.
    """

    file: str
    number: int | None
    objects: tuple[LabelledObject, ...]
    attributes: Mapping[str, Any]
    entry: Mapping[str, Any]


class SeqLabel(NamedTuple):
    """The labels of a sequence, or of a part of it.

    Attributes:
        frames: As they stand in the file.
        tracked: Whether objects have an identity.
    """

    frames: tuple[LabelledFrame, ...]
    tracked: bool


def parse_seqlabel(document: Any, path: Path, report: Callable[[str], None]) -> SeqLabel:
    """Return what a ``SeqLabel.json``, or the answer of a worker, says.

    Args:
        document: The file's content.
        path: The file, for messages.
        report: Takes what is wrong with a frame or an object, which is left out then; may raise.

    Raises:
        DataError: It is no such document.
    """
    found = _found(document)
    if found is None:
        raise DataError(
            f"Labels of a sequence must be an object with {' or '.join(CONSOLIDATED)}; this is none.", path=path
        )
    listed, tracked = found
    check_limit("frames", len(listed), "The number of frames", path=path)
    frames, seen = [], set[str]()
    for at, entry in enumerate(listed):
        try:
            frame = _frame(entry, f"frame {at}", report)
            if frame.file and frame.file in seen:
                raise ValueError(f"must be there once; the picture {frame.file[:80]!a} is there twice")
        except ValueError as error:
            report(f"frame {at} of the labels {error}")
            continue
        seen.add(frame.file)
        frames.append(frame)
    return SeqLabel(tuple(frames), tracked)


def _found(document: Any, depth: int = 0) -> tuple[list[Any], bool] | None:
    """Return the frames of a document, and whether they are tracked; answers wrap them, once or several times."""
    if not isinstance(document, dict):
        return None
    for name, tracked in (CONSOLIDATED | ANSWERS).items():
        if name in document:
            value = document[name]
            if isinstance(value, dict):
                return [value], tracked
            return (value, tracked) if isinstance(value, list) else None
    if depth < 4:
        for value in document.values():
            for one in value if isinstance(value, list) else [value]:
                inner = _found(one, depth + 1)
                if inner is not None:
                    return inner
    return None


def _frame(entry: Any, place: str, report: Callable[[str], None]) -> LabelledFrame:
    if not isinstance(entry, dict):
        raise ValueError("must be an object with 'frame' and 'annotations'")
    file = entry.get("frame")
    stated = next((entry[key] for key in ("frame-no", "frameNumber") if entry.get(key) is not None), None)
    try:
        number = None if stated is None else whole_number(stated, 0, limits().frames)
    except ValueError as error:
        raise ValueError(f"must have a frame-no, which {error}") from None
    if not isinstance(file, str) or not file:
        if number is None:
            raise ValueError("must name its picture, 'frame'; it has neither that nor a frame-no")
        file = ""
    boxes: Any = next((entry[key] for key in ("annotations", "boundingBoxes") if entry.get(key) is not None), [])
    if not isinstance(boxes, list):
        raise ValueError("must have a list of annotations")
    objects = []
    for k, box in enumerate(boxes):
        try:
            objects.append(_object(box))
        except ValueError as error:
            report(f"object {k} of {place} of the labels {error}")
    return LabelledFrame(file, number, tuple(objects), _plain(entry, "frame-attributes", "frameAttributes"), entry)


def _object(entry: Any) -> LabelledObject:
    if not isinstance(entry, dict):
        raise ValueError("must be an object with left, top, width and height")
    sides = []
    for name in _SIDES:
        try:
            sides.append(finite_number(entry.get(name)))
        except ValueError as error:
            raise ValueError(f"must have a {name}, which {error}") from None
    left, top, width, height = sides
    if width < 0 or height < 0:
        raise ValueError(f"must have a width and height >= 0; got {width:g} and {height:g}")
    stated = next((entry[key] for key in ("class-id", "classId") if entry.get(key) is not None), None)
    try:
        number = -1 if stated is None else whole_number(stated, 0, limits().classes)
    except ValueError as error:
        raise ValueError(f"must have a class-id, which {error}") from None
    return LabelledObject(
        id=_text(entry, "object-id", "objectId"),
        name=_text(entry, "object-name", "objectName"),
        number=number,
        xyxy=(left, top, left + width, top + height),
        attributes=_plain(entry, "label-category-attributes", "labelCategoryAttributes"),
        entry=entry,
    )


def _text(entry: Mapping[str, Any], *keys: str) -> str:
    value = next((entry[key] for key in keys if entry.get(key) is not None), "")
    return value if isinstance(value, str) else str(value)[:100]


def _plain(entry: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    value: Any = next((entry[key] for key in keys if isinstance(entry.get(key), dict)), {})
    return {str(name): one for name, one in value.items()}


def object_class(name: str) -> str:
    """Return the class that an object's name begins with; empty where it has no number behind it.

    >>> object_class("Traffic light:12"), object_class("lorry")
    ('Traffic light', '')
    """
    label, colon, number = name.rpartition(":")
    return label if colon and number.isdecimal() else ""


def frame_numbers(files: Sequence[str], stated: Sequence[int | None] = ()) -> list[int]:
    """Return which frame each picture of a sequence is, from 0.

    >>> frame_numbers(["000001.jpg", "000003.jpg"]), frame_numbers(["a.jpg", "b.jpg"], [4, 2])
    ([0, 2], [4, 2])

    Args:
        files: The names of the pictures, each different.
        stated: What the file says of each, counted from 0; the place in the list counts where it says nothing.
    """
    found = [_NUMBER.search(PurePosixPath(file).stem) for file in files]
    numbers = [int(match[1]) for match in found if match]
    if numbers and len(set(numbers)) == len(files):
        dense = max(numbers) - min(numbers) <= _SPARSE * len(numbers) and max(numbers) <= limits().frames
        if dense:
            base = 0 if min(numbers) == 0 else 1
            return [number - base for number in numbers]
    known = [number for number in stated if number is not None]
    if len(known) == len(files) and len(set(known)) == len(files):
        return known
    return list(range(len(files)))


def sequence_name(file: Path) -> str:
    """Return the sequence that a file of labels is called after: its own name, or its folder's where all have one."""
    name = re.sub(r"(\.seqlabel)?\.json$", "", file.name, flags=re.IGNORECASE)
    return file.absolute().parent.name or name if name.lower() == "seqlabel" else name


def classes_named(frames: Sequence[LabelledFrame]) -> Iterator[tuple[int, str]]:
    """Yield number and name of each class that the names of objects tell."""
    told: dict[int, str] = {}
    for frame in frames:
        for one in frame.objects:
            label = object_class(one.name)
            if one.number >= 0 and label and one.number not in told:
                told[one.number] = label
                yield one.number, label
