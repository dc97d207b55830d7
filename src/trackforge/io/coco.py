"""COCO json with track ids: annotations, and the plain list of detection results.

Frames are told by ``images[].frame_index`` (0-based, as written here), else by ``frame_id`` within a video (0- or
1-based, whichever its smallest says), else by the order of image ids. Track ids are read from ``track_id`` or, as in
CocoVID files, ``instance_id``.

Source: the formats of cocodataset.org, of ByteTrack's converted sets (MIT) and of CocoVID.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from trackforge.config import check, setting
from trackforge.errors import DataError, InvalidInputError, SinkError
from trackforge.io.atomic import PartialFile, atomic_path
from trackforge.io.masks import plain_mask
from trackforge.table import TrackTable
from trackforge.types import Frame, Step, Stream

__all__ = ["CocoSink", "CocoSinkConfig", "read_coco", "read_coco_classes", "write_coco"]


def read_coco(path: str | Path, *, reference: str | Path | None = None) -> dict[str, TrackTable]:
    """Read annotations, or a list of results, as one table a sequence.

    Args:
        path: The file. Without ``videos`` all its images are one sequence, named as the file.
        reference: For a list of results, the annotation file that its ``image_id`` and ``category_id`` mean. Without
            one, image ids are taken for 0-based frame numbers and category ids for classes.

    Returns:
        Tables by sequence, sequences without boxes included. ``class_id`` is the place of the category among all,
        sorted by id; ``extra["flag"]`` is 0 for ``iscrowd`` regions, for annotations only.

    Raises:
        DataError: The file is no COCO json; the message names the entry.
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
    data = _load(path)
    if isinstance(data, list):
        known = _load(Path(reference)) if reference is not None else {}
        if not isinstance(known, dict):
            raise DataError("The reference must hold images and categories; this is a list of results.", path=reference)
        return _read(path, data, known, "result", Path(reference).stem if reference is not None else path.stem)
    if "annotations" not in data or "images" not in data:
        raise DataError("A COCO file must have 'images' and 'annotations', or be a list of results.", path=path)
    return _read(path, data["annotations"], data, "annotation", path.stem)


def read_coco_classes(path: str | Path) -> tuple[str, ...]:
    """Return the names of the categories, in the order that ``class_id`` counts.

    Raises:
        DataError: The file is no COCO json with categories.
    """
    path = Path(path)
    data = _load(path)
    if not isinstance(data, dict) or "categories" not in data:
        raise DataError("A COCO file with classes must have 'categories'.", path=path)
    try:
        return tuple(str(c["name"]) for c in sorted(data["categories"], key=lambda c: int(c["id"])))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"Every category must have an id and a name; {error!r}.", path=path) from error


def _load(path: Path) -> dict[str, Any] | list[Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DataError(f"A COCO file must be JSON; {error.msg}.", path=path, line=error.lineno) from error
    except UnicodeDecodeError as error:
        raise DataError(f"A COCO file is text; this one is not ({error.reason}).", path=path) from error
    if not isinstance(data, (dict, list)):
        raise DataError(f"A COCO file must hold an object or a list; got {type(data).__name__}.", path=path)
    return data


def _entries(items: Any, what: str, path: Path, parse: Callable[[Any], Any]) -> list[Any]:
    """Parse every entry; a malformed one is named by its place."""
    made = []
    for index, item in enumerate(items):
        try:
            made.append(parse(item))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise DataError(f"{what} {index} is malformed: {reason}; got {str(item)[:120]}.", path=path) from error
    return made


def _read(
    path: Path, boxes: list[Any], known: Mapping[str, Any], what: Literal["annotation", "result"], name: str
) -> dict[str, TrackTable]:
    videos = dict(_entries(known.get("videos", ()), "video", path, lambda v: (v["id"], str(v.get("name", v["id"])))))
    places = _places(path, known.get("images", ()), videos, name)
    ids = sorted(_entries(known.get("categories", ()), "category", path, lambda c: int(c["id"])))
    classes = {number: place for place, number in enumerate(ids)}

    def parse(item: Any) -> tuple[Any, ...]:
        image, bbox = item["image_id"], [float(value) for value in item["bbox"]]
        if len(bbox) != 4:
            raise ValueError("bbox must be left, top, width and height")
        x, y, w, h = bbox
        if places and image not in places:
            raise ValueError(f"there is no image {image!r}")
        category = int(item.get("category_id", 0))
        if classes and category not in classes:
            raise ValueError(f"there is no category {category}")
        if not (w >= 0 and h >= 0):
            raise ValueError("width and height must be >= 0")
        sequence, frame = places[image] if places else (name, int(image))
        track = item.get("track_id", item.get("instance_id", -1))
        return (
            sequence,
            frame,
            int(track),
            (x, y, x + w, y + h),
            float(item.get("score", 1.0)),
            classes.get(category, category),
            0 if item.get("iscrowd") else 1,
        )

    rows: dict[str, list[tuple[Any, ...]]] = {sequence: [] for sequence in videos.values()}
    rows.update({sequence: rows.get(sequence, []) for sequence, _ in places.values()})
    for row in _entries(boxes, what, path, parse):
        rows.setdefault(row[0], []).append(row)
    try:
        return {sequence: _table(sequence, part, with_flag=what == "annotation") for sequence, part in rows.items()}
    except InvalidInputError as error:
        raise DataError(str(error), path=path) from error


def _table(sequence: str, rows: list[tuple[Any, ...]], *, with_flag: bool) -> TrackTable:
    if not rows:
        return TrackTable.empty(sequence)
    columns: Any = zip(*rows, strict=True)
    _, frame, track, xyxy, score, class_id, flag = columns
    return TrackTable(
        frame=frame,
        track_id=track,
        xyxy=xyxy,
        score=score,
        class_id=class_id,
        sequence=sequence,
        extra={"flag": np.array(flag)} if with_flag else {},
    )


def _places(path: Path, images: Iterable[Any], videos: Mapping[Any, str], name: str) -> dict[Any, tuple[str, int]]:
    """Return sequence and frame of each image id."""
    parsed = _entries(
        images,
        "image",
        path,
        lambda i: (i["id"], i.get("video_id"), i.get("frame_index"), i.get("frame_id")),
    )
    by_video: dict[Any, list[tuple[Any, ...]]] = {}
    for image in parsed:
        if image[1] is not None and image[1] not in videos:
            raise DataError(f"Every image must be of a known video; image {image[0]} is of {image[1]!r}.", path=path)
        by_video.setdefault(image[1], []).append(image)
    places: dict[Any, tuple[str, int]] = {}
    for video, members in by_video.items():
        sequence = name if video is None else videos[video]
        if all(m[2] is not None for m in members):
            frames = [int(m[2]) for m in members]
        elif all(m[3] is not None for m in members):
            first = min(1, *(int(m[3]) for m in members), 1)
            frames = [int(m[3]) - first for m in members]
        else:
            members = sorted(members, key=lambda m: m[0])
            frames = list(range(len(members)))
        places |= {m[0]: (sequence, frame) for m, frame in zip(members, frames, strict=True)}
    return places


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
        sizes: Width and height of each sequence's images, in pixels.
        lengths: Frames of each sequence; up to its last box where not given.

    Raises:
        SinkError: The place cannot be written to.
    """
    if isinstance(tables, TrackTable):
        tables = {tables.sequence or Path(path).stem: tables}
    frames = {}
    for name, table in tables.items():
        count = (lengths or {}).get(name, int(table.frame[-1]) + 1 if len(table) else 0)
        size = (sizes or {}).get(name, (0, 0))
        frames[name] = [Frame(index=index, size=size, sequence=name) for index in range(count)]
    with atomic_path(path) as partial:
        partial.write_text(json.dumps(_document(tables, frames, classes)), encoding="utf-8")


def _document(
    tables: Mapping[str, TrackTable], frames: Mapping[str, Sequence[Frame]], classes: Sequence[str]
) -> dict[str, Any]:
    most = max((int(t.class_id.max()) + 1 for t in tables.values() if len(t)), default=1)
    names = [classes[i] if i < len(classes) else f"class {i}" for i in range(max(most, len(classes)))]
    videos: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for video, (name, table) in enumerate(tables.items(), 1):
        videos.append({"id": video, "name": name})
        image_of = {}
        for frame in frames[name]:
            image_of[frame.index] = len(images) + 1
            images.append(
                {
                    "id": len(images) + 1,
                    "video_id": video,
                    "frame_index": frame.index,
                    "file_name": f"{name}/{frame.file or f'{frame.index + 1:06d}.jpg'}",
                    "width": frame.size[0],
                    "height": frame.size[1],
                }
            )
        box = np.concatenate((table.xyxy[:, :2], table.xyxy[:, 2:] - table.xyxy[:, :2]), axis=1)
        flag = table.extra["flag"] if "flag" in table.extra else np.ones(len(table), np.int64)
        masks = [None] * len(table) if table.mask is None else table.mask.tolist()
        for index, track, bbox, score, class_id, considered, mask in zip(
            table.frame.tolist(),
            table.track_id.tolist(),
            np.round(box, 6).tolist(),
            table.score.tolist(),
            table.class_id.tolist(),
            flag.tolist(),
            masks,
            strict=True,
        ):
            annotation: dict[str, Any] = {
                "id": len(annotations) + 1,
                "image_id": image_of[index],
                "category_id": class_id + 1,
                "bbox": bbox,
                "area": bbox[2] * bbox[3],
                "iscrowd": int(not considered),
                "score": score,
            }
            if track >= 0:
                annotation["track_id"] = track
            if mask is not None:
                annotation["segmentation"] = plain_mask(mask)
            annotations.append(annotation)
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    return {"videos": videos, "images": images, "categories": categories, "annotations": annotations}


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
        text = json.dumps(_document(tables, self._frames, self.config.classes or self._stream.classes))
        partial.settle(kind, error, close=lambda: partial.path.write_text(text, encoding="utf-8"))
