"""COCO json, parsed once for tables of tracks and for data sets; what its fields mean is decided here.

Ids
    of images, videos and categories are integers or strings, any and in any order; 7 and ``"7"`` are two ids.
Videos
    are called by their ``name`` (CocoVID, TAO), else ``file_name`` (ByteTrack), else their id; names must differ. Where
    ``videos`` is left out altogether, an image's ``video_id`` is the name.
Frames
    are 0-based. ``frame_index`` says so itself. ``frame_id`` counts from 0 (CocoVID) or 1 (ByteTrack): from 0 if any in
    the file is 0, for this is a habit of the program that wrote it, not of a video. A video that leaves out the number
    of one image has none: a table then counts its images in the order of their ids, a data set says "unknown".
Boxes
    have ``track_id`` or ``instance_id``; null, or a negative one, is none. ``iscrowd`` or ``ignore`` marks a region
    that is neither object nor background.
Categories
    keep the order of the file in a data set, so that writing gives it back; tables number them by sorted id, as
    pycocotools and most detectors do. Where a file has none, ``category_id`` itself is the class.

Source: the formats of cocodataset.org, of ByteTrack's converted sets (MIT), of CocoVID and of TAO.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from trackforge.errors import DataError
from trackforge.io.coco_entries import (
    CocoBox,
    CocoImage,
    Entry,
    Id,
    MalformedError,
    Report,
    frame_number,
    parse_box,
    parse_entries,
    parse_id,
    whole,
)

__all__ = ["CocoFile", "load_coco", "parse_categories", "parse_coco"]


@dataclass(frozen=True, kw_only=True)
class CocoFile:
    """What the boxes of a file refer to.

    Attributes:
        path: The file, for messages.
        images: By id, in the file's order.
        categories: Name by id, in the file's order.
        sequences: Names of the videos, those without an image included.
        complete: Demand a known category of every box.
        report: Takes what is wrong with an entry.
    """

    path: Path
    images: Mapping[Id, CocoImage] = field(default_factory=dict)
    categories: Mapping[Id, str] = field(default_factory=dict)
    sequences: tuple[str, ...] = ()
    complete: bool = False
    report: Report | None = None

    def boxes(self, items: Any, key: str = "annotations", *, frames: bool = False) -> Iterator[CocoBox]:
        """Parse annotations or results.

        Args:
            items: The list.
            key: What messages call it.
            frames: No images are known: ``image_id`` is the 0-based number of the frame.

        Raises:
            DataError: It is no list; or an entry is malformed, unless ``report`` gathers those.
        """
        named = self.complete or bool(self.categories)
        needs = ("image_id", "category_id", "bbox") if named else ("image_id", "bbox")

        parse = partial(
            parse_box, images=None if frames else self.images, categories=self.categories if named else None
        )
        rule = "must have bbox [left, top, width, height] and numbers for ids, score, area and visibility"
        return parse_entries(items, key, parse, path=self.path, report=self.report, needs=needs, rule=rule)


def load_coco(path: Path) -> dict[str, Any] | list[Any]:
    """Read the json: an object, or a list of results.

    Raises:
        DataError: It is no json, or holds something else.
        OSError: The file cannot be read.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DataError(
            f"A COCO file must be JSON; {error.msg} in column {error.colno}.", path=path, line=error.lineno
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"A COCO file is text; this one is not ({error.reason}).", path=path) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or brackets in brackets
        raise DataError(f"A COCO file must be JSON that can be read; {error}.", path=path) from error
    if not isinstance(data, (dict, list)):
        raise DataError(f"A COCO file must hold an object or a list; got {type(data).__name__}.", path=path)
    return data


def parse_coco(
    document: Any,
    path: Path,
    *,
    report: Report | None = None,
    frame_base: Literal["auto", 0, 1] = "auto",
    complete: bool = False,
) -> CocoFile:
    """Resolve videos, images, frames and categories; the boxes are left to `CocoFile.boxes`.

    Args:
        document: What `load_coco` gave.
        path: Where from, for messages.
        report: Takes what is wrong with an entry, which is then left out; where None, it raises.
        frame_base: What ``frame_id`` counts from; ``"auto"``: 0 if any is 0, else 1.
        complete: Demand what a data set needs: names of files and categories, and a category for every box.

    Raises:
        DataError: It is no object with images; or an entry is malformed, unless ``report`` gathers those.
    """
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise DataError("A COCO file must be an object with lists 'images', 'annotations' and 'categories'.", path=path)
    videos = _videos(document, path, report)

    def image(_: int, entry: Entry) -> tuple[Id, CocoImage, int | None]:
        number = parse_id(entry["id"])
        if number in seen:
            raise MalformedError(f"must have an id of its own; {number} came twice", "duplicate-id")
        size = whole(entry.get("width") or 0), whole(entry.get("height") or 0)
        index = frame_number(entry.get("frame_index"), "frame_index")
        frame = frame_number(entry.get("frame_id"), "frame_id") if index is None else None
        sequence = _sequence(entry.get("video_id"), videos, listed="videos" in document)
        seen.add(number)
        name = str(entry.get("file_name", "")).removeprefix("./")
        return number, CocoImage(number, name, size, sequence, index, entry), frame

    seen: set[Id] = set()
    needs = ("id", "file_name") if complete else ("id",)
    rule = "must have numbers for width, height and frame, and ids"
    entries = document["images"]
    found = list(parse_entries(entries, "images", image, path=path, report=report, needs=needs, rule=rule))
    base = frame_base if frame_base != "auto" else 0 if any(frame == 0 for *_, frame in found) else 1
    if any(frame is not None and frame < base for *_, frame in found):
        raise DataError(f"Every frame_id must be >= {base}, what it counts from; some are less.", path=path)
    images = {k: i if frame is None else i._replace(frame=frame - base) for k, i, frame in found}
    unnumbered = {i.sequence for i in images.values() if i.frame is None}
    return CocoFile(
        path=path,
        images={k: i._replace(frame=None) if i.sequence in unnumbered else i for k, i in images.items()},
        categories=parse_categories(document, path, report=report, named=complete),
        sequences=tuple(videos.values()),
        complete=complete,
        report=report,
    )


def parse_categories(
    document: Mapping[str, Any], path: Path, *, report: Report | None = None, named: bool = True
) -> dict[Id, str]:
    """Return the categories, name by id in the file's order; with ``named`` each must have a name.

    Raises:
        DataError: They are no list, or one is malformed.
    """
    categories: dict[Id, str] = {}

    def category(_: int, entry: Entry) -> None:
        number = parse_id(entry["id"])
        if number in categories:
            raise MalformedError(f"must have an id of its own; {number} came twice", "duplicate-id")
        categories[number] = str(entry.get("name", number))

    needs = ("id", "name") if named else ("id",)
    entries = document.get("categories", [])
    list(parse_entries(entries, "categories", category, path=path, report=report, needs=needs))
    return categories


def _videos(document: Mapping[str, Any], path: Path, report: Report | None) -> dict[Id, str]:
    videos: dict[Id, str] = {}

    def video(_: int, entry: Entry) -> None:
        number = parse_id(entry["id"])
        name = str(entry.get("name") or entry.get("file_name") or number)
        if number in videos or name in videos.values():
            raise MalformedError(f"must have an id and a name of its own; {number} {name!r} came twice")
        videos[number] = name

    list(parse_entries(document.get("videos", []), "videos", video, path=path, report=report))
    return videos


def _sequence(video: Any, videos: Mapping[Id, str], *, listed: bool) -> str | None:
    if video is None:
        return None
    number = parse_id(video)
    if listed and number not in videos:
        raise MalformedError(f"must be of a video of the file; there is none with id {number}")
    return videos.get(number, str(number))
