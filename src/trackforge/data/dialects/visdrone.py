"""VisDrone as a labelled data set: its videos (MOT, VID) and its stills (DET).

Videos are ``sequences/<name>/0000001.jpg`` with ``annotations/<name>.txt``, stills ``images/x.jpg`` with
``annotations/x.txt``. A line of a video is ``frame, id, left, top, width, height, score, category, truncation,
occlusion``, frames counted from 1; a line of a still has neither frame nor id. Categories 1 to 10 are the classes.
Category 0 (ignored regions), 11 (others) and whatever has score 0 are ignore regions; the number of the category is
kept as a further column.

Source: Zhu et al., "Detection and Tracking Meet Drones Challenge", TPAMI 2021; the benchmark's readme files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from trackforge.data.building import Builder
from trackforge.data.dialects.frames import add_frames, below, folders, numbered_pictures, relative, size_of
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.reading import reading
from trackforge.intake.rows import Row, first_row, read_rows
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["VISDRONE_CLASSES", "read_visdrone", "sniff_visdrone"]

VISDRONE_CLASSES = (
    "pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus", "motor",
)  # fmt: skip
"""The categories 1 to 10."""
IGNORED, OTHERS = 0, 11
WHAT = "A VisDrone annotation file"
Kind: TypeAlias = Literal["videos", "stills"]
_COLUMNS = {"videos": 10, "stills": 8}


def sniff_visdrone(path: Path) -> bool:
    """Tell whether a path is a part of VisDrone, or a folder of parts."""
    return next(_parts(path), None) is not None


def _parts(path: Path) -> Iterator[tuple[Path, str, Kind]]:
    """Yield folder, name and kind of each part."""
    for folder, name in ((path, ""), *((p, re.sub(r"^VisDrone\d*-[A-Z]+-", "", p.name)) for p in folders(path))):
        annotations = folder / "annotations"
        if not annotations.is_dir():
            continue
        first = next(below(annotations, ("*.txt",)), None)
        row = first_row(first, ",") if first is not None else None
        filmed = (folder / "sequences").is_dir()
        if filmed or (row is not None and len(row) == _COLUMNS["videos"] and not (folder / "images").is_dir()):
            if row is None or (len(row) == _COLUMNS["videos"] and _is_label(row)):
                yield folder, name, "videos"
        elif row is not None and len(row) == _COLUMNS["stills"] and _is_label(row):
            yield folder, name, "stills"


def _is_label(row: Row) -> bool:
    try:
        return 0 <= row.whole(len(row) - 3, "The category") <= OTHERS
    except DataError:
        return False


def read_visdrone(path: Path, *, findings: Findings, split: str | None = None) -> Dataset:
    """Read VisDrone.

    Args:
        path: A part (with ``annotations/``), or a folder of parts such as ``VisDrone2019-MOT-train``.
        findings: Where malformed lines are reported.
        split: Read this part only: ``"train"``.
    """
    with reading(path, "A VisDrone folder"):
        found = [part for part in _parts(path) if split in (None, part[1])]
        if not found:
            raise DataError(
                "There must be annotations/*.txt beside sequences/ or images/; none was found"
                f"{f' for the split {split!r}' if split else ''}.",
                path=path,
            )
        build, others = Builder(), 0
        for folder, name, kind in found:
            if kind == "videos":
                names = dict.fromkeys(file.stem for file in below(folder / "annotations", ("*.txt",)))
                names |= dict.fromkeys(p.name for p in folders(folder / "sequences"))
                for sequence in names:
                    others += _read_video(build, folder, sequence, name, path, findings)
            else:
                others += _read_stills(build, folder, name, path, findings)
        if others:
            build.notes.append(f"{others} boxes of category 'others' are ignore regions")
        return build.finish(VISDRONE_CLASSES, root=path)


class _Label(NamedTuple):
    frame: int
    track_id: int
    xyxy: tuple[float, float, float, float]
    score: float
    category: int
    extra: dict[str, int]


def _labels(file: Path, kind: Kind, findings: Findings) -> Iterator[_Label]:
    for row in read_rows(file, WHAT, ","):
        try:
            yield _label(row, kind)
        except DataError as error:
            findings.caught(error)


def _label(row: Row, kind: Kind) -> _Label:
    video = kind == "videos"
    row.needs(_COLUMNS[kind], f"{'frame, id, ' if video else ''}left, top, width, height, ...")
    at = _COLUMNS[kind] - 8
    category = row.whole(at + 5, "The category", least=IGNORED, most=OTHERS)
    extra = {"category": category}
    for name, k in (("truncated", at + 6), ("occluded", at + 7)):
        value = row.number(k, f"The value {name}")
        if value >= 0:
            extra[name] = int(value)
    track = row.whole(1, "The id", least=-1) if video and category != IGNORED else -1
    return _Label(
        row.frame(0, base=1) if video else -1, track, row.box(at), row.number(at + 4, "The score"), category, extra
    )


def _read_video(build: Builder, folder: Path, name: str, split: str, root: Path, findings: Findings) -> int:
    file = folder / "annotations" / f"{name}.txt"
    labels = list(_labels(file, "videos", findings)) if file.is_file() else []
    pictures = numbered_pictures(folder / "sequences" / name)
    rows = add_frames(build, name, (label.frame for label in labels), pictures, root=root, split=split)
    return sum(_add(build, rows[label.frame], label) for label in labels)


def _read_stills(build: Builder, folder: Path, split: str, root: Path, findings: Findings) -> int:
    others = 0
    for file in below(folder / "annotations", ("*.txt",)):
        tried = (folder / "images" / f"{file.stem}{suffix}" for suffix in IMAGE_SUFFIXES)
        picture = next((p for p in tried if p.is_file()), folder / "images" / f"{file.stem}.jpg")
        size = size_of(picture) if picture.is_file() else (0, 0)
        image = build.image(relative(picture, root), size, split=split)
        others += sum(_add(build, image, label) for label in _labels(file, "stills", findings))
    return others


def _add(build: Builder, image: int, label: _Label) -> bool:
    """Add a box; tell whether it is of category 'others'."""
    region = label.category in (IGNORED, OTHERS)
    build.box(
        image,
        label.xyxy,
        0 if region else label.category - 1,
        track_id=label.track_id,
        ignore=region or label.score == 0,
        extra=label.extra,
    )
    return label.category == OTHERS
