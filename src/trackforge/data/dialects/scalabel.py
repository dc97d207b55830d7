"""Scalabel's JSON, which BDD100K uses, as a labelled data set.

A list of frames, or an object with such a list in ``frames``; a file may hold one video or many. A frame has a
``name`` (its picture), in a video ``videoName`` and ``frameIndex`` (counted from 0), and ``labels`` with ``category``,
``id`` and ``box2d``. Corners are taken as they are; Scalabel's own converter to COCO adds a pixel to the right and to
the bottom, which ``inclusive=True`` does. Labels with the attribute ``crowd``, and the categories that BDD100K does not
judge (other person, trailer, other vehicle), are ignore regions. Ids are texts: those of a video stay where all are
numbers, and are numbered where not.

Source: Yu et al., "BDD100K: A Diverse Driving Dataset for Heterogeneous Multitask Learning", CVPR 2020; Scalabel's
documentation of its format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from trackforge.data.building import Builder
from trackforge.data.dialects.frames import below, relative, size_of
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.documents import finite_number, load_json, whole_number
from trackforge.intake.limits import check_limit, limits
from trackforge.intake.names import relative_name
from trackforge.intake.reading import reading

__all__ = ["BDD_CLASSES", "read_scalabel", "sniff_scalabel"]

BDD_CLASSES = ("pedestrian", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")
"""What BDD100K's trackers are judged by."""
_SIGNS = ("traffic light", "traffic sign")
_UNJUDGED = ("other person", "trailer", "other vehicle")
PATTERNS = ("*.json", "*/*.json", "labels/*/*.json", "labels/*/*/*.json")
LOOKED_AT = 4
_HEAD = 65536
_PARTS = ("train", "val", "test")


def sniff_scalabel(path: Path) -> bool:
    """Tell whether a path is Scalabel's JSON, or a folder with such, as BDD100K's ``labels`` are."""
    return any(_is_scalabel(file) for file in islice(_files(path), LOOKED_AT))


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for pattern in PATTERNS:
        found = list(below(path, (pattern,)))
        if found:
            yield from found
            return


def _is_scalabel(file: Path) -> bool:
    if file.suffix.lower() != ".json":
        return False
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD).decode("utf-8-sig", errors="replace").lstrip()
    except OSError:
        return False
    keys = set(re.findall(r'"(\w+)"\s*:', head))
    if keys & {"annotations", "images", "bbox", "result", "shapes", "image_id"}:
        return False
    framed = head.startswith("[") or re.search(r'"frames"\s*:\s*\[', head) is not None
    return framed and "name" in keys and bool(keys & {"labels", "videoName", "video_name", "box2d"})


@dataclass(frozen=True)
class _Label:
    image: int
    sequence: str
    id: str
    category: str
    xyxy: tuple[float, ...]
    ignore: bool
    extra: dict[str, Any]


class _Reader:
    """What is gathered while files are read."""

    def __init__(self, root: Path, findings: Findings, *, inclusive: bool) -> None:
        self.root, self.findings, self.inclusive = root, findings, inclusive
        self.build = Builder()
        self.labels: list[_Label] = []
        self.categories: dict[str, None] = {}
        self.frames: set[tuple[str, int]] = set()
        self.without = 0
        self.places: dict[str, list[Path]] = {}
        self.most = limits().frames

    def file(self, file: Path, part: str) -> None:
        document = load_json(file, "A Scalabel file")
        frames = document.get("frames") if isinstance(document, dict) else document
        if not isinstance(frames, list):
            raise DataError("A Scalabel file must be a list of frames, or an object with a list 'frames'.", path=file)
        config = document.get("config") if isinstance(document, dict) else None
        for one in config.get("categories") or [] if isinstance(config, dict) else []:
            if isinstance(one, dict) and isinstance(one.get("name"), str):
                self.categories[one["name"]] = None
        count: dict[str, int] = {}
        for k, frame in enumerate(frames):
            try:
                self._frame(frame, file, part, count)
            except DataError as error:
                self.findings.caught(error)
            except (ValueError, TypeError) as error:
                self.findings.bad(f"The frame with index {k} {error}.", path=file)

    def _frame(self, frame: Any, file: Path, part: str, count: dict[str, int]) -> None:
        if not isinstance(frame, dict) or not isinstance(frame.get("name"), str):
            raise TypeError("must be an object with a text 'name'")
        labels = frame.get("labels") or []
        if not isinstance(labels, list):
            raise TypeError("must have a list 'labels'")
        index = next((frame[key] for key in ("frameIndex", "frame_index", "index") if frame.get(key) is not None), None)
        named = next((frame[key] for key in ("videoName", "video_name") if frame.get(key)), "")
        if not isinstance(named, str):
            raise TypeError("must have a text as 'videoName'")
        sequence = named or ("" if index is None else file.stem)
        number = -1
        if sequence:
            number = count.get(sequence, 0) if index is None else whole_number(index, 0, self.most)
            count[sequence] = number + 1
            if (sequence, number) in self.frames:
                raise ValueError(f"must be there once; frame {number} of {sequence!r} is there twice")
            self.frames.add((sequence, number))
        name = relative_name(frame["name"], "The picture", path=file).as_posix()
        picture = self._picture(name, named, file, part)
        size = self._size(frame, picture, file)
        image = self.build.image(relative(picture, self.root), size, sequence=sequence, frame=number, split=part)
        for k, label in enumerate(labels):
            try:
                self._label(label, image, sequence)
            except (ValueError, TypeError) as error:
                self.findings.bad(f"The label with index {k} of {name!r} {error}.", path=file)

    def _size(self, frame: Mapping[str, Any], picture: Path, file: Path) -> tuple[int, int]:
        stated = frame.get("size")
        if isinstance(stated, dict) and {"width", "height"} <= stated.keys():
            size = (whole_number(stated["width"], 0), whole_number(stated["height"], 0))
            check_limit("pixels", size[0] * size[1], f"The size of {picture.name!r}", path=file)
            return size
        return size_of(picture) if picture.is_file() else (0, 0)

    def _picture(self, name: str, video: str, file: Path, part: str) -> Path:
        """Return where a picture lies, or would lie."""
        names = [name]
        if video:
            names.insert(0, relative_name(f"{video}/{name}", "The picture", path=file).as_posix())
        key = f"{file.parent}/{part}"
        if key not in self.places:
            part = part or _part(file, file.parent.parent)
            above = [parent.parent for parent in file.parents if parent.name == "labels"]
            bases = dict.fromkeys([self.root, file.parent, *above[:1]])
            kinds = ("", "images", f"images/track/{part}", f"images/100k/{part}", f"images/{part}", part)
            self.places[key] = [place for base in bases for kind in kinds if (place := base / kind).is_dir()]
        for place in self.places[key]:
            for one in names:
                if (place / one).is_file():
                    self.places[key].remove(place)
                    self.places[key].insert(0, place)
                    return place / one
        return self.root / names[0]

    def _label(self, label: Any, image: int, sequence: str) -> None:
        if not isinstance(label, dict):
            raise TypeError("must be an object")
        box = label.get("box2d")
        if box is None:
            self.without += 1
            return
        if not isinstance(box, dict) or not {"x1", "y1", "x2", "y2"} <= box.keys():
            raise TypeError("must have a 'box2d' with x1, y1, x2 and y2")
        x1, y1, x2, y2 = (finite_number(box[key]) for key in ("x1", "y1", "x2", "y2"))
        if x2 < x1 or y2 < y1:
            raise ValueError("must have a box with x1 <= x2 and y1 <= y2")
        category = label.get("category")
        if not isinstance(category, str) or not category:
            raise TypeError("must have a text 'category'")
        stated = label.get("attributes")
        told = {str(key).lower(): value for key, value in stated.items()} if isinstance(stated, dict) else {}
        extra: dict[str, Any] = {
            key: int(told[key]) for key in ("occluded", "truncated") if type(told.get(key)) is bool
        }
        if label.get("score") is not None:
            extra["score"] = finite_number(label["score"])
        more = float(self.inclusive)
        self.labels.append(
            _Label(
                image=image,
                sequence=sequence,
                id="" if label.get("id") is None else str(label["id"])[:100],
                category=category,
                xyxy=(x1, y1, x2 + more, y2 + more),
                ignore=told.get("crowd") is True or category in _UNJUDGED,
                extra=extra,
            )
        )

    def classes(self) -> list[str]:
        """Return what the files declare, BDD100K's categories if they suffice, or what is found, sorted."""
        found = {label.category for label in self.labels}
        if self.categories:
            return list(self.categories) + sorted(found - self.categories.keys())
        if found <= {*BDD_CLASSES, *_SIGNS, *_UNJUDGED}:
            signs = _SIGNS if found & {*_SIGNS} else ()
            return [*BDD_CLASSES, *signs, *(name for name in _UNJUDGED if name in found)]
        return sorted(found)

    def identities(self) -> dict[tuple[str, str], int]:
        """Return the number of each id of a video: the id itself where all of the video's are numbers."""
        ids: dict[str, dict[str, None]] = {}
        for label in self.labels:
            if label.sequence and label.id:
                ids.setdefault(label.sequence, {})[label.id] = None
        out: dict[tuple[str, str], int] = {}
        for sequence, texts in ids.items():
            numbers = [int(t) if re.fullmatch(r"\d{1,18}", t, re.ASCII) else -1 for t in texts]
            if min(numbers) < 0 or len(set(numbers)) < len(numbers):
                numbers = list(range(len(texts)))
            out |= {(sequence, text): number for text, number in zip(texts, numbers, strict=True)}
        return out


def read_scalabel(path: Path, *, findings: Findings, split: str | None = None, inclusive: bool = False) -> Dataset:
    """Read Scalabel's JSON.

    Args:
        path: A file, or a folder of files, such as BDD100K's with ``labels/`` and ``images/``.
        findings: Where malformed entries are reported.
        split: Read this part only; the part is in a folder's or a file's name.
        inclusive: The right and lower corners are the last pixels of a box, as Scalabel's converter to COCO has it.
    """
    with reading(path, "A Scalabel file"):
        root = path.parent if path.is_file() else path
        files = [path] if path.is_file() else [file for file in _files(path) if _is_scalabel(file)]
        parts = {file: "" if path.is_file() else _part(file, path) for file in files}
        chosen = [file for file in files if split in (None, parts[file])]
        if not chosen:
            known = ", ".join(dict.fromkeys(parts.values())) or "none"
            raise DataError(
                f"There must be files of frames; there is none of split {split!r}. It has: {known}.", path=path
            )
        reader = _Reader(root, findings, inclusive=inclusive)
        for file in chosen:
            try:
                reader.file(file, parts[file])
            except DataError as error:
                findings.caught(error)
        names, numbers = reader.classes(), reader.identities()
        for label in reader.labels:
            track = numbers.get((label.sequence, label.id), -1)
            where = names.index(label.category)
            reader.build.box(label.image, label.xyxy, where, track_id=track, ignore=label.ignore, extra=label.extra)
        if reader.without:
            reader.build.notes.append(f"{reader.without} labels without a box were left out; the set holds boxes")
        return reader.build.finish(names, root=root, name=path.stem if path.is_file() else path.name)


def _part(file: Path, root: Path) -> str:
    words = [*file.relative_to(root).parts[:-1], *re.split(r"[_\-.]", file.stem)]
    return next((word for word in reversed(words) if word in _PARTS), "")
