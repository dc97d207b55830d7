"""The frames of a sequence and their pictures, and where pictures lie; for formats that state neither."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from trackforge.data.building import Builder
from trackforge.errors import DataError
from trackforge.intake.folders import is_companion, list_files, natural_key
from trackforge.io.pictures import picture_size
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["add_frames", "below", "folders", "numbered_pictures", "relative", "size_of"]


def folders(path: Path) -> list[Path]:
    """Return the folders in a folder, without those that a system left there, in natural order; none for a file."""
    with contextlib.suppress(OSError):
        found = [p for p in path.iterdir() if p.is_dir() and not is_companion(p.name)]
        return sorted(found, key=lambda p: natural_key(p.name))
    return []


def below(path: Path, patterns: Iterable[str]) -> Iterator[Path]:
    """Yield the files that match a pattern, pattern by pattern, in natural order and without companions."""
    for pattern in patterns:
        with contextlib.suppress(OSError):
            found = [p for p in path.glob(pattern) if p.is_file() and not is_companion(p, path)]
            yield from sorted(found, key=lambda p: natural_key(p.relative_to(path).as_posix()))


def numbered_pictures(folder: Path, base: int = 1) -> dict[int, Path]:
    """Return the pictures of a folder by the number that their names end in; none where there is no such folder.

    Args:
        folder: Where they lie.
        base: The number of the first frame; frames count from 0 in what is returned.
    """
    found: dict[int, Path] = {}
    if folder.is_dir():
        for file in list_files(folder, IMAGE_SUFFIXES).files:
            number = re.search(r"(\d{1,18})$", file.stem)
            if number and int(number[1]) >= base:
                found.setdefault(int(number[1]) - base, file)
    return found


def relative(path: Path, root: Path) -> str:
    """Return a path as a set holds it: relative to its root where it lies there."""
    return (path.relative_to(root) if path.is_relative_to(root) else path.absolute()).as_posix()


def size_of(picture: Path) -> tuple[int, int]:
    """Return (width, height) of a picture; (0, 0) where it cannot be told, which a check of the set will say."""
    with contextlib.suppress(DataError):
        return picture_size(picture)
    return 0, 0


def add_frames(
    build: Builder,
    sequence: str,
    frames: Iterable[int],
    pictures: Mapping[int, Path],
    *,
    root: Path,
    split: str = "",
    size: tuple[int, int] = (0, 0),
    rate: float | None = None,
) -> dict[int, int]:
    """Add the frames that have a label or a picture, in their order, and return the row of each.

    Args:
        build: The set that grows.
        sequence: Its name.
        frames: 0-based numbers of the frames that have labels.
        pictures: The picture of each frame.
        root: Folder of the set.
        split: Part of the set.
        size: Width and height; those of the first picture where it is unknown.
        rate: Frames a second, where known.
    """
    if min(size) <= 0 and pictures:
        size = size_of(pictures[min(pictures)])
    extra = {} if rate is None else {"rate": rate}
    return {
        frame: build.image(
            relative(pictures[frame], root) if frame in pictures else "",
            size,
            sequence=sequence,
            frame=frame,
            split=split,
            extra=extra,
        )
        for frame in sorted({*frames, *pictures})
    }
