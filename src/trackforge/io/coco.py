"""COCO json as tables of tracks: annotations with track ids, the plain list of detection results, the sink.

What the fields mean is told in `trackforge.io.coco_json`.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from trackforge.config import check, setting
from trackforge.errors import DataError, InvalidInputError, SinkError
from trackforge.intake.limits import check_limit
from trackforge.intake.reading import reading
from trackforge.io.atomic import PartialFile, atomic_path
from trackforge.io.coco_document import coco_document
from trackforge.io.coco_entries import CocoImage, Id, id_order
from trackforge.io.coco_json import CocoFile, load_coco, parse_categories, parse_coco
from trackforge.io.masks import check_mask
from trackforge.io.polygons import as_mask, check_segmentation
from trackforge.io.seqlabel_tables import is_seqlabel, seqlabel_classes, seqlabel_table
from trackforge.table import TrackTable, one_size
from trackforge.types import Frame, Step, Stream

__all__ = ["CocoSink", "CocoSinkConfig", "places_of", "read_coco", "read_coco_classes", "write_coco"]

log = logging.getLogger(__name__)

WHOLE = 100_000
"""Frames of a sequence up to which each is listed, however few have boxes."""


def read_coco(
    path: str | Path, *, reference: str | Path | None = None, frame_base: Literal["auto", 0, 1] = "auto"
) -> dict[str, TrackTable]:
    """Read annotations, or a list of results, as one table a sequence; a ``SeqLabel.json`` of Ground Truth as well.

    Args:
        path: The file. Images without a video are one sequence, named as the file.
        reference: For a list of results, the annotation file that its ``image_id`` and ``category_id`` mean. Without
            one, image ids are taken for frame numbers and category ids for classes.
        frame_base: The first number that frames count from, where ``frame_id`` or image ids number them;
            ``"auto"``: 0 if any is 0, else 1.

    Returns:
        Tables by sequence, sequences without boxes included. ``class_id`` is the place of the category among all,
        sorted by id; ``extra["flag"]`` is 0 for regions to be ignored, for annotations only. Masks come
        along, also those that are told as polygons, where the image states its size.

    Raises:
        DataError: The file is no COCO json; the message names the entry.
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
    with reading(path, "A COCO file"):
        data = load_coco(path)
        if is_seqlabel(data):
            table = seqlabel_table(data, path)
            return {table.sequence: table}
        if not isinstance(data, list):
            if "annotations" not in data or "images" not in data:
                raise DataError("A COCO file must have 'images' and 'annotations', or be a list of results.", path=path)
            file = parse_coco(data, path, frame_base=frame_base)
            return _tables(file, data["annotations"] or [], "annotations", path.stem, frame_base)
        if reference is None:
            return _tables(CocoFile(path=path), data, "results", path.stem, frame_base)
        reference = Path(reference)
        known = load_coco(reference)
        if isinstance(known, list):
            raise DataError("The reference must hold images and categories; this is a list of results.", path=reference)
        file = parse_coco(known, reference, frame_base=frame_base)
        return _tables(replace(file, path=path), data, "results", reference.stem, frame_base)


def read_coco_classes(path: str | Path) -> tuple[str, ...]:
    """Return the names of the categories, in the order that ``class_id`` counts.

    Raises:
        DataError: The file is no COCO json with categories.
    """
    path = Path(path)
    with reading(path, "A COCO file"):
        data = load_coco(path)
        if is_seqlabel(data):
            return seqlabel_classes(data, path)
        if not isinstance(data, dict) or "categories" not in data:
            raise DataError("A COCO file with classes must have 'categories'.", path=path)
        names = parse_categories(data, path).names
        return tuple(names[number] for number in sorted(names, key=id_order))


class _Columns:
    """The boxes of a sequence, a list a column: a tuple a box would keep the collector of garbage busy."""

    __slots__ = ("class_id", "corners", "flag", "frame", "mask", "score", "track")

    def __init__(self) -> None:
        self.frame: list[Id] = []
        self.track: list[int] = []
        self.corners: list[float] = []
        self.score: list[float] = []
        self.class_id: list[Id] = []
        self.flag: list[bool] = []
        self.mask: list[Any] = []


def _tables(
    file: CocoFile, items: Any, what: Literal["annotations", "results"], name: str, frame_base: Literal["auto", 0, 1]
) -> dict[str, TrackTable]:
    """Return the boxes of each sequence; where no images are known, of the one sequence ``name``."""
    places = places_of(file, name)
    classes: dict[Id, int] = {number: k for k, number in enumerate(sorted(file.categories.names, key=id_order))}
    bare = what == "results" and not places
    known = (name,) if bare else (*file.sequences, *(s for s, _ in places.values()))
    found: dict[str, _Columns] = defaultdict(_Columns, {s: _Columns() for s in known})
    for at, image, category, xyxy, track, score, _, _, ignore, entry in file.boxes(items, what, frames=bare):
        left, top, right, bottom = xyxy
        if not (left <= right and top <= bottom):
            raise DataError(f"{what}[{at}] must have width and height >= 0; got {entry['bbox']}.", path=file.path)
        sequence, frame = (name, image) if bare else places[image]
        columns, shape = found[sequence], entry.get("segmentation")
        columns.frame.append(frame)
        columns.track.append(track)
        columns.corners.extend(xyxy)
        columns.score.append(score)
        columns.class_id.append(classes.get(category, category))
        columns.flag.append(not ignore)
        mask = None
        if shape is not None and shape != []:  # COCO's key points have an empty list
            size = file.images[image].size[::-1] if image in file.images else (0, 0)
            mask = _mask(shape, size, f"{what}[{at}]", file.path)
        columns.mask.append(mask)
    if bare:
        found[name].frame = _from_zero(found[name].frame, frame_base, file.path)
    sizes: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for number, (sequence, _) in places.items():
        sizes[sequence].add(file.images[number].size)
    try:
        return {
            s: _table(s, columns, one_size(sizes[s]), with_flag=what == "annotations") for s, columns in found.items()
        }
    except InvalidInputError as error:
        raise DataError(str(error), path=file.path) from error


def _mask(shape: Any, size: tuple[int, int], what: str, path: Path) -> Mapping[str, Any] | None:
    """Return a segmentation as a mask; None for polygons that are none, or of a picture whose size nobody says."""
    if isinstance(shape, dict):
        return check_mask(shape, what, picture=size, path=path)
    try:
        return as_mask(check_segmentation(shape, what, path=path), size) if min(size) > 0 else None
    except DataError:
        return None


def _from_zero(frames: list[Any], base: Literal["auto", 0, 1], path: Path) -> list[Id]:
    """Count the frames of results from 0; nothing but their own numbers says what they count from."""
    first = min(frames, default=1)
    begin = min(first, 1) if base == "auto" else base
    if first < begin:
        raise DataError(f"Every image_id must be >= {begin}, what frames count from; some are less.", path=path)
    if base == "auto" and first > 1:
        log.warning("%s: image ids begin with %d; they are taken for frames counted from 1", path, first)
    return [frame - begin for frame in frames]


def places_of(file: CocoFile, name: str) -> dict[Id, tuple[str, int]]:
    """Return sequence and frame of each image; images without a number are counted in the order of their ids."""
    groups: dict[str, list[CocoImage]] = {}
    for image in file.images.values():
        groups.setdefault(name if image.sequence is None else image.sequence, []).append(image)
    places: dict[Id, tuple[str, int]] = {}
    for sequence, images in groups.items():
        order = {image.id: k for k, image in enumerate(sorted(images, key=lambda i: id_order(i.id)))}
        places |= {i.id: (sequence, order[i.id] if i.frame is None else i.frame) for i in images}
    return places


def _table(sequence: str, columns: _Columns, size: tuple[int, int] | None, *, with_flag: bool) -> TrackTable:
    if not columns.frame:
        return TrackTable.empty(sequence)
    given: Any = {"frame": columns.frame, "track_id": columns.track, "class_id": columns.class_id}
    if any(mask is not None for mask in columns.mask):
        given["mask"] = columns.mask
    return TrackTable(
        **given,
        xyxy=np.array(columns.corners).reshape(-1, 4),
        score=np.array(columns.score),
        sequence=sequence,
        size=size,
        extra={"flag": np.array(columns.flag, np.int64)} if with_flag else {},
    )


def write_coco(
    path: str | Path,
    tables: TrackTable | Mapping[str, TrackTable],
    *,
    classes: Sequence[str] = (),
    sizes: Mapping[str, tuple[int, int]] | None = None,
    lengths: Mapping[str, int] | None = None,
) -> None:
    """Write annotations with track ids and scores that `read_coco` reads back.

    Args:
        path: The file; its folder is made where needed.
        tables: One table, or one a sequence.
        classes: Names by ``class_id``; ``"class 0"`` ... where there are none.
        sizes: Width and height of each sequence's images, in pixels; those of the tables unless given.
        lengths: Frames of each sequence; up to its last box where not given. Of a sequence with more than 100,000, and
            a box in less than every hundredth, those with boxes are listed, and the last.

    Raises:
        DataError: A sequence has more frames, or there are more classes, than the limits allow.
        SinkError: The place cannot be written to.
    """
    if isinstance(tables, TrackTable):
        tables = {tables.sequence or Path(path).stem: tables}
    frames = {}
    for name, table in tables.items():
        count = (lengths or {}).get(name, int(table.frame[-1]) + 1 if len(table) else 0)
        check_limit("frames", count, f"The number of frames of {name!r}")
        size = (sizes or {}).get(name, table.size or (0, 0))
        # a box in frame 9,999,999 alone must not make ten million entries
        whole = count <= max(WHOLE, 100 * len(table))
        listed = range(count) if whole else sorted({*table.frame.tolist(), count - 1})
        frames[name] = [Frame(index=index, size=size, sequence=name) for index in listed]
    with atomic_path(path) as partial:
        partial.write_text(json.dumps(coco_document(tables, frames, classes)), encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class CocoSinkConfig:
    """Settings of `CocoSink`."""

    path: Path = setting(help="File to write.")
    box: Literal["filtered", "detected"] = setting(
        "filtered", help="Write the motion model's box, or that of the detection."
    )
    classes: tuple[str, ...] = setting((), help="Names of the classes, by class_id; the detector's where none are set.")

    def __post_init__(self) -> None:
        check(self)


class CocoSink:
    """Writes the visible tracks of all frames as one COCO json, when the block ends.

    Raises:
        SinkError: The place cannot be written to.
    """

    def __init__(self, config: CocoSinkConfig) -> None:
        self.config = config
        self._partial: PartialFile | None = None
        self._stream = Stream()
        self._frames: dict[str, list[Frame]] = {}
        self._tables: dict[str, list[TrackTable]] = {}

    def __enter__(self) -> CocoSink:
        self._partial, self._stream = PartialFile(self.config.path), Stream()
        self._frames, self._tables = {}, {}
        return self

    def open(self, stream: Stream, /) -> None:
        """Take the names of the classes, and of the sequence for frames that do not know it."""
        self._stream = stream

    def write(self, step: Step, /) -> None:
        """Remember the visible tracks of one frame."""
        if self._partial is None:
            raise SinkError(f"{self.config.path} is not open; write inside 'with sink:'.")
        name = step.frame.sequence or self._stream.name or self.config.path.stem
        bare = replace(step.frame, image=None, sequence=name)  # the image must not stay in memory
        self._frames.setdefault(name, []).append(bare)
        self._tables.setdefault(name, []).append(TrackTable.from_steps([step], self.config.box, sequence=name))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Write the file; it takes its final name unless there was an error."""
        if self._partial is None:
            return
        partial, self._partial = self._partial, None
        tables = {name: TrackTable.concatenate(parts) for name, parts in self._tables.items()}
        text = json.dumps(coco_document(tables, self._frames, self.config.classes or self._stream.classes))
        partial.settle(kind, error, close=lambda: partial.path.write_text(text, encoding="utf-8"))
