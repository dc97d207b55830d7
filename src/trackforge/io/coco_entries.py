"""One entry of a COCO json: an image, an annotation or a result, and how a malformed one is named.

What the fields mean is told in `trackforge.io.coco_json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from trackforge.errors import DataError
from trackforge.intake.documents import LARGEST, whole_number

__all__ = [
    "CocoBox",
    "CocoImage",
    "Entry",
    "Id",
    "MalformedError",
    "Report",
    "id_order",
    "parse_box",
    "parse_entries",
    "parse_id",
    "text",
    "whole",
]

T = TypeVar("T")
Id: TypeAlias = int | str
Entry: TypeAlias = Mapping[str, Any]
Report: TypeAlias = Callable[[str, str], None]
"""Takes what is wrong, and the kind of problem; may raise, else the entry is left out."""
_IDS = (int, str)
_NO = ("", "0", "0.0", "false", "no")
_YES = ("1", "1.0", "true", "yes")


class CocoImage(NamedTuple):
    """An image.

    Attributes:
        at: Its place in the list.
        id: Its id.
        file_name: As stated; empty where it is not.
        size: ``(width, height)`` in pixels; 0 where not stated.
        sequence: Name of its video, or None.
        frame: 0-based number in the video, or None where unknown.
        entry: All that the file says.
    """

    at: int
    id: Id
    file_name: str
    size: tuple[int, int]
    sequence: str | None
    frame: int | None
    entry: Entry


class CocoBox(NamedTuple):
    """An annotation, or a result.

    Attributes:
        at: Its place in the list.
        image: Id of its image; the frame number where no images are known.
        category: Id of its category; 0 where none is stated.
        xyxy: Corners in pixels, finite; left and top may lie beyond right and bottom.
        track_id: Its identity, -1 for none.
        score: Finite; 1 where not stated.
        visibility: 1 where not stated.
        area: In square pixels, None where not stated.
        ignore: Neither object nor background.
        entry: All that the file says.
    """

    at: int
    image: Id
    category: Id
    xyxy: tuple[float, float, float, float]
    track_id: int
    score: float
    visibility: float
    area: float | None
    ignore: bool
    entry: Entry


class MalformedError(ValueError):
    """What an entry must have; `parse_entries` makes a `DataError` or a report of it."""

    def __init__(self, rule: str, kind: str = "format") -> None:
        super().__init__(rule)
        self.kind = kind


def id_order(number: Id) -> tuple[bool, Id]:
    """Return a sort key of ids: numbers first, then words."""
    return isinstance(number, str), number


def parse_entries(
    items: Any,
    key: str,
    parse: Callable[[int, Entry], T],
    *,
    path: Path,
    report: Report | None,
    needs: Sequence[str] = ("id",),
    rule: str = "must have a whole number or a word for its id",
) -> Iterator[T]:
    """Yield what the good entries of a list mean; a malformed one is named by its place.

    Args:
        items: The list.
        key: Its name.
        parse: Takes an entry's place and the entry.
        path: The file, for messages.
        report: Takes what is wrong; where None, it raises.
        needs: What every entry must have.
        rule: What is broken where ``parse`` cannot make numbers of what it finds.

    Raises:
        DataError: It is no list; or an entry is malformed and ``report`` is None.
    """
    if not isinstance(items, list):
        raise DataError(f"{key!r} must be a list; got {type(items).__name__}.", path=path)
    needed = set(needs)
    for at, entry in enumerate(items):
        try:
            if not isinstance(entry, dict) or not entry.keys() >= needed:
                missing = [n for n in needs if not isinstance(entry, dict) or n not in entry]
                raise MalformedError(f"must have {', '.join(missing)}")
            made = parse(at, entry)
        except (TypeError, ValueError, OverflowError) as error:
            broken, kind = (
                (str(error), error.kind) if isinstance(error, MalformedError) else (f"{rule}; {error}", "format")
            )
            message = f"{key}[{at}] {broken}; got {_shown(entry)}."
            if report is None:
                raise DataError(message, path=path) from error
            report(message, kind)
        else:
            yield made


def _shown(entry: Any) -> str:
    try:
        return json.dumps(entry, ensure_ascii=False)[:120]
    except RecursionError:
        return "brackets in brackets"


def parse_box(at: int, entry: Entry, images: Mapping[Id, Id], categories: Mapping[Id, Id]) -> CocoBox:
    """Return what an annotation or result says.

    Plain numbers that are fine, the common case, take no call: files have hundreds of thousands of boxes.

    Args:
        at: Its place in the list.
        entry: The entry.
        images: The image that each id means, see `trackforge.io.coco_ids`.
        categories: The category that each id means.

    Raises:
        MalformedError: A corner, the score or the visibility is not finite, or there is no such image or category.
        TypeError, ValueError, OverflowError: A value is no number.
    """
    get, corners = entry.get, entry["bbox"]
    left, top, width, height = corners if isinstance(corners, list) else []
    if not (type(left) is type(top) is type(width) is type(height) is float):
        left, top, width, height = map(float, corners)
    track, score, visibility, area = get("track_id"), get("score", 1.0), get("visibility", 1.0), get("area")
    if type(score) is not float:
        score = float(score)
    if type(visibility) is not float:
        visibility = float(visibility)
    if track is None and "track_id" not in entry:
        track = get("instance_id")
        if track is None and type(attributes := get("attributes")) is dict:
            track = attributes.get("track_id")
            track = None if track == "" else track  # CVAT's, where nobody filled it in
    right, bottom = left + width, top + height
    # a finite sum has finite parts, and so are left, top, width and height; one too great for a float may have them too
    if not isfinite(right + bottom + score + visibility) and not all(map(isfinite, (right, bottom, score, visibility))):
        raise MalformedError("must have a finite bbox [left, top, width, height], a finite score and visibility")
    image, category = entry["image_id"], get("category_id", 0)
    if type(image) not in _IDS:
        image = whole(image)
    if type(category) not in _IDS:
        category = whole(category)
    if track is None:
        track = -1
    elif type(track) is not int or not -1 <= track <= LARGEST:
        track = max(whole(track), -1)
    if area is not None:
        if type(area) is not float:
            area = float(area)
        if not isfinite(area):
            area = None
    crowd, other = get("iscrowd"), get("ignore")
    ignore = bool(crowd or other) and (_flag(crowd) or _flag(other))
    image, category = images[image], categories[category]
    return CocoBox(at, image, category, (left, top, right, bottom), track, score, visibility, area, ignore, entry)


def _flag(value: Any) -> bool:
    """Return a truth value; several programs write it as text, where ``"0"`` is true to Python."""
    if isinstance(value, (bool, int, float)) and value in (0, 1):
        return bool(value)
    word = "" if value is None else value.strip().lower() if isinstance(value, str) else "?"
    if word in _NO or word in _YES:
        return word in _YES
    raise MalformedError("must have 0 or 1 for iscrowd and ignore")


def parse_id(value: Any) -> Id:
    """Return an id: a string or whole number as it is, of any size; raises as `whole` does."""
    return value if type(value) in _IDS else whole(value)


def whole(value: Any) -> int:
    """Return a whole number that fits int64; 7.0 and ``"7"`` are such.

    Raises:
        ValueError: It is none.
    """
    if type(value) is int and -LARGEST <= value <= LARGEST:
        return value
    try:
        return whole_number(value, -LARGEST)
    except ValueError:
        shown = ascii(value)[:60] if isinstance(value, (int, float, str)) else type(value).__name__
        raise ValueError(f"{shown} is no whole number that can be used") from None


def text(value: Any, what: str) -> str:
    """Return a name; a number is one, too.

    Raises:
        MalformedError: It is neither.
    """
    if isinstance(value, str):
        return value
    if type(value) in (int, float):
        return str(value)
    raise MalformedError(f"must have text for {what}")
