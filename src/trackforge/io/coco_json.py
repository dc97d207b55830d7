"""COCO json, parsed once for tables of tracks and for data sets; what its fields mean is decided here.

Ids
    of images, videos and categories are integers or strings, any and in any order. An entry that refers to ``7``,
    ``"7"`` or ``"007"`` means the one of these that there is; a category may be called by its name, too.
Videos
    are called by their ``name`` (CocoVID, TAO), else ``file_name`` (ByteTrack), else their id; names must differ, may
    have several parts (``train/YFCC100M/v_1``) and never lead out of a folder. Where ``videos`` is left out altogether,
    an image's ``video_id`` is the name.
Frames
    are 0-based. ``frame_index`` says so itself. ``frame_id`` counts from 0 (CocoVID) or 1 (ByteTrack): from 0 if any in
    the file is 0, for this is a habit of the program that wrote it, not of a video. A video that leaves out the number
    of one image has none: a table then counts its images in the order of their ids, a data set says "unknown".
Boxes
    have ``track_id``, ``instance_id`` or ``attributes.track_id`` (CVAT); null, or a negative one, is none. ``iscrowd``
    or ``ignore`` marks a region that is neither object nor background, by number, truth value or text.
Categories
    keep the order of the file in a data set, so that writing gives it back; tables number them by sorted id, as
    pycocotools and most detectors do. Where a file has none, ``category_id`` itself is the class. Roboflow's root, the
    ``supercategory`` of all others, is none where it has no box; where it shares the name of another, it is that one.

Source: the formats of cocodataset.org, of ByteTrack's converted sets (MIT), of CocoVID and of TAO, and the exports of
CVAT, Label Studio and Roboflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from trackforge.errors import DataError
from trackforge.intake.documents import load_json
from trackforge.intake.names import name_problem
from trackforge.io.coco_entries import (
    CocoBox,
    CocoImage,
    Entry,
    Id,
    MalformedError,
    Report,
    parse_box,
    parse_entries,
    parse_id,
    text,
    whole,
)
from trackforge.io.coco_ids import Ids, Numbers

__all__ = ["Categories", "CocoFile", "load_coco", "parse_categories", "parse_coco"]


class Categories(NamedTuple):
    """The categories of a file.

    Attributes:
        names: By id, in the file's order.
        merged: Ids that stand for one of these.
        root: Name of Roboflow's root where it was left out, else empty.
    """

    names: Mapping[Id, str]
    merged: Mapping[Id, Id]
    root: str


@dataclass(frozen=True, kw_only=True)
class CocoFile:
    """What the boxes of a file refer to.

    Attributes:
        path: The file, for messages.
        images: By id, in the file's order.
        categories: The categories.
        sequences: Names of the videos, those without an image included.
        complete: Demand a known category of every box.
        report: Takes what is wrong with an entry.
    """

    path: Path
    images: Mapping[Id, CocoImage] = field(default_factory=dict)
    categories: Categories = field(default_factory=lambda: Categories({}, {}, ""))
    sequences: tuple[str, ...] = ()
    complete: bool = False
    report: Report | None = None

    def boxes(self, items: Any, key: str = "annotations", *, frames: bool = False) -> Iterator[CocoBox]:
        """Parse annotations or results.

        Args:
            items: The list.
            key: What messages call it.
            frames: No images are known: ``image_id`` is the number of a frame, from whatever it counts.

        Raises:
            DataError: It is no list; or an entry is malformed, unless ``report`` gathers those.
        """
        names, merged, _ = self.categories
        named = self.complete or bool(names)
        needs = ("image_id", "category_id", "bbox") if named else ("image_id", "bbox")
        images: Mapping[Id, Id] = Ids(self.images, "must belong to an image")
        if frames:
            images = Numbers("image_id", "frames")
        categories: Mapping[Id, Id] = Numbers("category_id", "classes")
        if named:
            rule = "must have a category of the file"
            categories = Ids(names, rule, kind="class-range", names=names, merged=merged)
        parse = partial(parse_box, images=images, categories=categories)
        rule = "must have bbox [left, top, width, height] and numbers for ids, score, area and visibility"
        return parse_entries(items, key, parse, path=self.path, report=self.report, needs=needs, rule=rule)


def load_coco(path: Path) -> dict[str, Any] | list[Any]:
    """Read the json: an object, or a list of results.

    Raises:
        DataError: It is no json, or holds something else.
        OSError: The file cannot be read.
    """
    data = load_json(path, "A COCO file")
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
    video_of = Ids(videos, "must be of a video of the file")
    index_of, frame_of = Numbers("frame_index", "frames"), Numbers("frame_id", "frames")

    def image(at: int, entry: Entry) -> tuple[Id, CocoImage, int | None]:
        number = parse_id(entry["id"])
        if number in seen:
            raise MalformedError(f"must have an id of its own; {number} came twice", "duplicate-id")
        size = whole(entry.get("width") or 0), whole(entry.get("height") or 0)
        if min(size) < 0:
            raise MalformedError("must have width and height >= 0")
        index, frame = entry.get("frame_index"), entry.get("frame_id")
        index = None if index is None else index_of[parse_id(index)]
        frame = None if frame is None or index is not None else frame_of[parse_id(frame)]
        sequence = None
        if entry.get("video_id") is not None:
            video = parse_id(entry["video_id"])
            sequence = (
                videos[video_of[video]] if document.get("videos") is not None else _stays_inside(str(video), "video_id")
            )
        name = text(entry.get("file_name") or entry.get("coco_url") or "", "file_name")  # LVIS has the address only
        if complete and not name and "file_name" not in entry:
            raise MalformedError("must have file_name")
        seen.add(number)
        return number, CocoImage(at, number, name, size, sequence, index, entry), frame

    seen: set[Id] = set()
    rule = "must have numbers for width, height and frame, and ids"
    entries = document["images"]
    found = list(parse_entries(entries, "images", image, path=path, report=report, rule=rule))
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
) -> Categories:
    """Return the categories; with ``named`` each must have a name.

    Raises:
        DataError: They are no list, or one is malformed.
    """
    names: dict[Id, str] = {}
    above: dict[Id, Any] = {}

    def category(_: int, entry: Entry) -> None:
        number = parse_id(entry["id"])
        if number in names:
            raise MalformedError(f"must have an id of its own; {number} came twice", "duplicate-id")
        names[number] = text(entry.get("name", number), "name")
        above[number] = entry.get("supercategory")

    needs = ("id", "name") if named else ("id",)
    entries = document.get("categories") or []
    list(parse_entries(entries, "categories", category, path=path, report=report, needs=needs))
    return _without_root(names, above, document.get("annotations"))


def _without_root(names: dict[Id, str], above: Mapping[Id, Any], annotations: Any) -> Categories:
    """Leave out the category that is no class but stands for the whole project."""
    tops = [one for one in names if above[one] in (None, "", "none")]
    if len(tops) != 1 or len(names) == 1 or any(above[one] != names[tops[0]] for one in names if one != tops[0]):
        return Categories(names, {}, "")
    root, rest = tops[0], {one: name for one, name in names.items() if one != tops[0]}
    namesake = next((one for one, name in rest.items() if name == names[root]), None)
    if namesake is not None:
        return Categories(rest, {root: namesake}, names[root])
    spelt = (root, str(root), names[root])
    boxes = annotations if isinstance(annotations, list) else []
    if any(isinstance(box, dict) and box.get("category_id") in spelt for box in boxes):
        return Categories(names, {}, "")
    return Categories(rest, {}, names[root])


def _videos(document: Mapping[str, Any], path: Path, report: Report | None) -> dict[Id, str]:
    videos: dict[Id, str] = {}
    known: set[str] = set()

    def video(_: int, entry: Entry) -> None:
        number = parse_id(entry["id"])
        name = _stays_inside(text(entry.get("name") or entry.get("file_name") or number, "name"), "name")
        if number in videos or name in known:
            raise MalformedError(f"must have an id and a name of its own; {number} {name!r} came twice")
        known.add(name)
        videos[number] = name

    list(parse_entries(document.get("videos") or [], "videos", video, path=path, report=report))
    return videos


def _stays_inside(name: str, field_name: str) -> str:
    problem = name_problem(name)
    if problem:
        raise MalformedError(f"must have a {field_name} that stays in its folder; this one {problem}")
    return name
