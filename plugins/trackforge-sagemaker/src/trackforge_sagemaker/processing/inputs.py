"""What a job has to look at: every video, folder of pictures and MOTChallenge sequence below a folder.

* A file with the ending of a video is a sequence.
* A folder with ``seqinfo.ini`` is one, and is not looked into further.
* A folder that holds pictures and no video is one, and the folders in it are looked into; pictures beside videos are
  taken for what they mostly are, previews, and left out.

What systems leave behind, hidden files and links to folders are no input. Sequences are called by their place:
``cam1/monday`` is ``cam1/monday.mp4``; where two would be called alike, they keep their endings. What would be called
like a file of the job itself (``summary.json``) does so too, a folder as ``summary.pictures``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from trackforge.errors import MissingFileError, SourceError
from trackforge.intake.folders import is_companion
from trackforge.registry.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES

__all__ = ["Item", "files_of", "find_items"]

SEQINFO = "seqinfo.ini"
RESERVED = ("summary", "failures", "processed")
"""What files of the job itself are called, beside the results."""


@dataclass(frozen=True)
class Item:
    """A sequence to track.

    Attributes:
        name: Where its results go, below the output and without an ending.
        path: The file or folder.
        kind: What it is.
        bytes: How large it is, all its files together.
    """

    name: str
    path: Path
    kind: Literal["video", "pictures", "sequence"]
    bytes: int


def find_items(root: str | Path, without: str | Path | None = None) -> list[Item]:
    """Return the sequences below a folder, or the one that a file is, sorted by name.

    Args:
        root: The folder or file.
        without: A folder that is not looked into, wherever it lies: that of the results.

    Raises:
        MissingFileError: There is no such place.
        SourceError: A folder cannot be listed.
    """
    root = Path(root)
    if not root.exists():
        raise MissingFileError(f"The input must be a folder or a file; there is no {root}. Check the job's inputs.")
    if root.is_file():
        return list(_told_apart([Item(root.stem, root, "video", root.stat().st_size)]))
    try:
        found = list(_below(root, root, None if without is None else os.path.realpath(without)))
    except OSError as error:
        raise SourceError(f"{error.filename or root} cannot be listed: {error.strerror or error}.") from error
    return sorted(_told_apart(found), key=lambda item: item.name)


def _below(folder: Path, root: Path, without: str | None) -> Iterator[Item]:
    if os.path.realpath(folder) == without:
        return
    with os.scandir(folder) as listing:
        entries = [entry for entry in listing if not is_companion(entry.name)]
    files = {entry.name: entry for entry in entries if entry.is_file()}
    name = folder.relative_to(root).as_posix() if folder != root else root.name
    if SEQINFO in files:
        yield Item(name, folder, "sequence", _size(folder))
        return
    videos = [entry for key, entry in files.items() if key.lower().endswith(VIDEO_SUFFIXES)]
    for entry in videos:
        path = Path(entry.path)
        yield Item(path.relative_to(root).with_suffix("").as_posix(), path, "video", entry.stat().st_size)
    pictures = [entry for key, entry in files.items() if key.lower().endswith(IMAGE_SUFFIXES)]
    if pictures and not videos:
        yield Item(name, folder, "pictures", sum(entry.stat().st_size for entry in pictures))
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), root, without)


def files_of(item: Item) -> list[Path]:
    """Return the files of a sequence, in an order that is always the same.

    Raises:
        OSError: Its folder cannot be listed.
    """
    if item.kind == "video":
        return [item.path]
    if item.kind == "sequence":
        return sorted(file for file in item.path.rglob("*") if file.is_file())
    return sorted(file for file in item.path.iterdir() if _is_picture(file.name) and file.is_file())


def _is_picture(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not is_companion(name)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _told_apart(items: list[Item]) -> Iterator[Item]:
    """Give those that would be called alike, or like a file of the job, the ending that they have, or their kind."""
    times = Counter(item.name for item in items)
    for item in items:
        reserved = item.name.partition("-")[0] in RESERVED
        ending = item.path.suffix if item.kind == "video" else f".{item.kind}" if reserved else ""
        yield replace(item, name=item.name + ending) if times[item.name] > 1 or reserved else item
