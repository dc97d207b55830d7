"""Pictures that nobody has labelled yet, as a set: what a new labelling job begins with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trackforge.data.building import Builder
from trackforge.data.model import Dataset
from trackforge.data.pictures import PictureReader
from trackforge.errors import DataError, MissingFileError
from trackforge.intake.folders import is_companion
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["unlabelled"]


def unlabelled(folder: str | Path, classes: Sequence[str]) -> Dataset:
    """Return the pictures of a folder, and of the folders in it, as a set without boxes.

    Args:
        folder: Whose pictures they are; in the order of their names.
        classes: What people are to draw.

    Raises:
        MissingFileError: There is no such folder.
        DataError: It has no picture, or one cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(f"Pictures must lie in a folder; there is no {folder}.")
    made, reader = Builder(), PictureReader()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not is_companion(path, folder):
            made.image(path.relative_to(folder).as_posix(), reader.size(path))
    if not len(made):
        raise DataError("A folder to be labelled must have pictures; there is none.", path=folder)
    return made.finish(classes=tuple(classes), root=folder, name=folder.resolve().name)
