"""UAVDT (tracking) as a labelled data set.

``GT/<name>_gt_whole.txt`` has a box a line, ``frame, id, left, top, width, height, out-of-view, occlusion, category``,
frames counted from 1 and categories 1 car, 2 truck, 3 bus. Where it is missing, ``<name>_gt.txt`` is read, which states
no category. The boxes of ``<name>_gt_ignore.txt`` are ignore regions. Pictures are ``<name>/img000001.jpg`` in a folder
beside the labels, and ``M_attr/train`` and ``M_attr/test``, where they are there, say which part a sequence belongs to.

Source: Du et al., "The Unmanned Aerial Vehicle Benchmark: Object Detection and Tracking", ECCV 2018; its readme.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trackforge.data.building import Builder
from trackforge.data.dialects.frames import add_frames, below, folders, numbered_pictures
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.reading import reading
from trackforge.intake.rows import Row, read_rows

__all__ = ["UAVDT_CLASSES", "read_uavdt", "sniff_uavdt"]

UAVDT_CLASSES = ("car", "truck", "bus")
UNTOLD = "vehicle"
"""The one class of a set whose files state no category."""
WHOLE, PLAIN, IGNORE = "_gt_whole.txt", "_gt.txt", "_gt_ignore.txt"
RATE = 30.0
WHAT = "A UAVDT label file"


def sniff_uavdt(path: Path) -> bool:
    """Tell whether a folder holds UAVDT's labels, itself, in ``GT``, or in a folder's ``GT``."""
    return path.is_dir() and next(_files(path), None) is not None


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and label file of each sequence, from the first folder that has any."""
    if path.is_file():
        for ending in (WHOLE, PLAIN):
            if path.name.endswith(ending):
                yield path.name.removesuffix(ending), path
                return
    for folder in ("", "GT/", "*/GT/"):
        for ending in (WHOLE, PLAIN):
            found = [(f.name.removesuffix(ending), f) for f in below(path, (f"{folder}*?{ending}",))]
            if found:
                yield from found
                return


def read_uavdt(path: Path, *, findings: Findings, split: str | None = None) -> Dataset:
    """Read UAVDT.

    Args:
        path: The folder of the benchmark, or of its labels; or one label file.
        findings: Where malformed lines are reported.
        split: Read this part only; known where ``M_attr`` is there.
    """
    with reading(path, "A UAVDT folder"):
        folder = path.parent if path.is_file() else path
        build = Builder()
        parts = {
            file.name.removesuffix("_attr.txt"): part.name
            for attributes in (folder / "M_attr", *(p / "M_attr" for p in folders(folder)))
            for part in folders(attributes)
            for file in below(part, ("*_attr.txt",))
        }
        found = [(name, file) for name, file in _files(path) if split in (None, parts.get(name, ""))]
        if not found:
            raise DataError(
                f"There must be label files (M0101{WHOLE}); none was found{f' of split {split!r}' if split else ''}.",
                path=path,
            )
        told = any(file.name.endswith(WHOLE) for _, file in found)
        for name, file in found:
            _read(build, name, file, folder, parts.get(name, ""), findings)
        return build.finish(UAVDT_CLASSES if told else (UNTOLD,), root=folder, name=path.stem)


def _rows(file: Path, findings: Findings, *, told: bool) -> Iterator[Row]:
    for row in read_rows(file, WHAT, ","):
        try:
            row.needs(9 if told else 6, "frame, id, left, top, width, height, ...")
            row.frame(0, base=1)
            row.whole(1, "The id", least=-1)
            row.box(2)
            if told:
                row.whole(8, "The category", least=1, most=len(UAVDT_CLASSES))
                row.whole(6, "Out of view")
                row.whole(7, "The occlusion")
        except DataError as error:
            findings.caught(error)
        else:
            yield row


def _read(build: Builder, name: str, file: Path, root: Path, split: str, findings: Findings) -> None:
    told = file.name.endswith(WHOLE)
    labels = list(_rows(file, findings, told=told))
    ignored = file.with_name(name + IGNORE)
    regions = list(_rows(ignored, findings, told=False)) if ignored.is_file() else []
    frames = (row.frame(0, base=1) for row in (*labels, *regions))
    rows = add_frames(build, name, frames, _pictures(name, file), root=root, split=split, rate=RATE)
    for row in labels:
        extra = {"out_of_view": row.whole(6, ""), "occlusion": row.whole(7, "")} if told else {}
        build.box(
            rows[row.frame(0, base=1)],
            row.box(2),
            row.whole(8, "The category") - 1 if told else 0,
            track_id=row.whole(1, "The id"),
            extra=extra,
        )
    for row in regions:
        build.box(rows[row.frame(0, base=1)], row.box(2), 0, ignore=True)


def _pictures(name: str, file: Path) -> dict[int, Path]:
    around = [file.parent, *list(file.parents)[1:3]]
    for place in (p for a in around for p in (a, *folders(a))):
        found = numbered_pictures(place / name)
        if found:
            return found
    return {}
