"""Names and places of pictures and label files, shared by the formats."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias

from trackforge.data.model import Dataset
from trackforge.data.pictures import PictureReader, split_key
from trackforge.errors import DataError, InvalidInputError, SinkError
from trackforge.intake.folders import list_files
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["PicturePlacer", "Place", "list_pictures", "read_lines", "stems", "write_text"]

Place: TypeAlias = Literal["copy", "link", "none"]


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder and the folders below it, in natural order, without what systems left there."""
    return list(list_files(folder, IMAGE_SUFFIXES, recursive=True).files)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines that are not blank.

    Raises:
        DataError: The file is missing, or not text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError("The file is missing.", path=path) from None
    except UnicodeDecodeError as error:
        raise DataError(f"The file must be text; it is not ({error.reason}).", path=path) from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.strip()


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write lines, making the folder; in place, for a data set has too many such files to sync each to disk.

    Raises:
        SinkError: The place cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{path} cannot be written: {error.strerror or error}.") from error


def stems(dataset: Dataset) -> list[str]:
    """Give every picture a file name without ending that no other picture has."""
    images = dataset.images
    names = []
    for path, sequence, frame in zip(
        images.path.tolist(), images.sequence.tolist(), images.frame.tolist(), strict=True
    ):
        file, key = split_key(path)
        stem = file.stem if key is None else f"{file.stem}_{key + 1:06d}"
        names.append(f"{sequence}_{frame + 1:06d}".replace("/", "_") if sequence and frame >= 0 else stem)
    names = _told_apart(names, [split_key(p)[0].with_suffix("").as_posix().strip("/") for p in images.path.tolist()])
    return _told_apart(names, [f"{name}-{k}" for k, name in enumerate(names)])


def _told_apart(names: list[str], longer: list[str]) -> list[str]:
    """Replace names that are empty or occur twice by longer ones."""
    count = Counter(names)
    return [b.replace("/", "_") if count[a] > 1 or not a else a for a, b in zip(names, longer, strict=True)]


class PicturePlacer:
    """Puts the pictures of a data set where a format wants them.

    Args:
        dataset: Whose pictures.
        how: ``"copy"``; ``"link"``: symbolic links; ``"none"``: leave them where they are. Frames of a video are
            written as JPEG (quality 95) in the first two cases.
    """

    def __init__(self, dataset: Dataset, how: Place) -> None:
        if how not in ("copy", "link", "none"):
            raise InvalidInputError(f"images must be 'copy', 'link' or 'none'; got {how!r}.")
        self.dataset, self.how = dataset, how
        self.placed = self.without = 0
        self._reader = PictureReader()

    def suffix(self, row: int) -> str:
        """Return the ending that the picture has, or will have."""
        path = self.dataset.image_path(row)
        if path is None:
            return ".jpg"
        file, key = split_key(path)
        return file.suffix if key is None else ".jpg"

    def place(self, row: int, target: Path) -> None:
        """Bring picture ``row`` to ``target``.

        Raises:
            DataError: The picture is missing.
            SinkError: It cannot be written there.
        """
        source = self.dataset.image_path(row)
        if source is None or self.how == "none":
            self.without += 1
            return
        file, key = split_key(source)
        if key is None and not file.is_file():
            raise DataError("The picture is missing. Restore it, or convert with images='none'.", path=file)
        self.placed += 1
        if key is None and target.exists() and target.samefile(file):
            return
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if key is not None:
                target.write_bytes(self._reader.encoded(source)[0])
            elif self.how == "copy":
                target.unlink(missing_ok=True)
                shutil.copyfile(file, target)
            else:
                target.unlink(missing_ok=True)
                target.symlink_to(os.path.relpath(file.resolve(), target.parent.resolve()))
        except OSError as error:
            raise SinkError(f"{target} cannot be written: {error.strerror or error}.") from error

    def notes(self) -> list[str]:
        """Say what was not brought along."""
        self._reader.close()
        return (
            [f"{self.without} pictures were left where they are"]
            if self.without and self.how == "none"
            else ([f"{self.without} of the images have no picture"] if self.without else [])
        )


def require_sizes(dataset: Dataset, why: str) -> None:
    """Refuse a set where the size of a picture with boxes is unknown.

    Raises:
        DataError: One is.
    """
    unknown = (dataset.images.width <= 0) | (dataset.images.height <= 0)
    unknown &= dataset.counts > 0
    if unknown.any():
        row = int(unknown.argmax())
        raise DataError(
            f"{why}; the size of {int(unknown.sum())} pictures is unknown. Put the pictures in place, "
            "or state the size.",
            path=dataset.image_path(row) or dataset.root,
        )
