"""Which pictures a JDE data set, a part of one, or one of its lists of pictures means.

* The folder with ``images`` and ``labels_with_ids``: all of it.
* A folder inside of ``images``, ``MOT17/images/train`` or one sequence: the pictures below it. It is not taken for JDE
  unless somebody says so, since MOTChallenge's own files may lie there as well.
* A list, a picture a line, as JDE and FairMOT publish them (``mot17.half``, ``prw.train``): it lies in the folder that
  its paths begin from, ``MOT17/images/train/MOT17-02-SDP/img1/000001.jpg``.

The labels of a picture stand under the same name with ``labels_with_ids`` in the place of ``images``.

Source: the dataset zoo of Zhongdao/Towards-Realtime-MOT (MIT), the data files of ifzhang/FairMOT (MIT): layout only.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from trackforge.data.files import read_lines
from trackforge.data.yolo_yaml import find_below
from trackforge.errors import DataError
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["Part", "find_jde", "label_of", "listed_pictures"]

LISTS = (".all", ".half", ".test", ".train", ".txt", ".val")
"""Endings of lists of pictures."""


class Part(NamedTuple):
    """Where a set, or a part of it, lies.

    ``root`` the folder that paths of pictures begin from; ``folder`` below which all pictures count, or the ``list``
    that names them.
    """

    root: Path
    folder: Path | None = None
    list: Path | None = None


def find_jde(path: Path) -> Part | None:
    """Tell what a path is of a JDE set; None where it is nothing of one."""
    if path.is_file():
        return Part(path.parent, list=path) if path.suffix.lower() in LISTS and _lists_pictures(path) else None
    for images in (path / "images", *(p for p in (path, *path.parents) if p.name == "images")):
        if (images.parent / "labels_with_ids").is_dir():
            return Part(images.parent, folder=images if images.parent == path else path)
    return None


def listed_pictures(file: Path) -> list[Path]:
    """Return the pictures that a list names.

    Raises:
        DataError: One is not there.
    """
    found = []
    for number, line in read_lines(file):
        picture = find_below(file.parent, line)
        if picture is None or "images" not in picture.relative_to(file.parent).parts:
            raise DataError(
                f"A line must be a picture below an 'images' folder, seen from where the list lies; {line[:200]!r} is "
                "none. Put the list into the folder that its paths begin from.",
                path=file,
                line=number,
            )
        found.append(picture)
    return found


def label_of(picture: Path, root: Path) -> Path:
    """Return where the labels of a picture are: the same place under ``labels_with_ids``."""
    parts = list(picture.relative_to(root).parts)
    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels_with_ids"
    return root.joinpath(*parts).with_suffix(".txt")


def _lists_pictures(file: Path) -> bool:
    with file.open("rb") as lines:
        first = lines.readline(10_000).decode("utf-8", "replace").strip()
    return "images/" in first.replace("\\", "/") and Path(first).suffix.lower() in IMAGE_SUFFIXES
