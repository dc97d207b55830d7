r"""Where the pictures of a COCO json lie, whatever program wrote their names, and never outside of the set.

Names are relative to a folder that is searched for around the json. Windows programs write ``images\a.jpg``, labelling
tools addresses (``https://host/a.jpg``) and places on their own disk (``/data/upload/1/a.jpg``): of those the end is
taken, where such a picture lies in the set.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

from trackforge.data.pictures import split_key
from trackforge.errors import DataError
from trackforge.intake.addresses import is_address
from trackforge.intake.names import inside, name_problem
from trackforge.io.coco_entries import CocoImage

__all__ = ["PicturePlaces", "base_folder"]

_FOLDERS = ("images", "data", "frames", "train", "val", "valid", "test")
_STRANGE = re.compile(r"\.\.|[\\\0:]|^[/.]|//|%|[^\x20-\x7e]")
_LONGEST = 1024
"""Characters of a name; the longest of all decides how much memory each takes."""


def base_folder(file: Path) -> Path:
    """The folder of the set that a json file belongs to: file names are relative to it."""
    return file.parent.parent if file.parent.name == "annotations" else file.parent


class PicturePlaces:
    """Tells where pictures lie.

    Args:
        path: The json.
        images: What it says.
        folder: Where pictures lie, which is then not searched for; those that do not lie there are the set's own.

    Attributes:
        root: What the places are relative to.
        bounds: The folders that all of them lie in.
    """

    def __init__(self, path: Path, images: Iterable[CocoImage], folder: Path | None) -> None:
        self.path = path
        self._base = base_folder(path)
        self.bounds = (self._base,) if folder is None else (folder, self._base)
        self.root = self._search(images) if folder is None else folder

    def place(self, image: CocoImage) -> str:
        """Return where a picture lies, relative to ``root``; empty where none is named.

        Raises:
            DataError: It lies outside of the set, or the name is none for a file.
        """
        name = image.file_name
        if len(name) < 200 and not _STRANGE.search(name):  # the common case takes no look at parts
            if len(self.bounds) == 1 or _is_there(self.root / name) or not _is_there(self._base / name):
                return name
            return Path(os.path.relpath(self._base / name, self.root)).as_posix()
        what = f"The picture of images[{image.at}]"
        if len(name) > _LONGEST:
            why = f"{what} must have a name of at most {_LONGEST} characters; it has {len(name):,}."
            raise DataError(why, path=self.path)
        if is_address(name):
            return self._end(name) or next(_ends(name, shortest_first=True), "")
        # as it stands; and as programs write it that name pictures from the json, wherever these lie
        tries = [(self.root, bound) for bound in self.bounds] + [(self._base, bound) for bound in self.bounds]
        allowed: list[Path] = []
        for folder, bound in tries:
            try:
                allowed.append(self._below(folder, bound, name, what))
            except DataError as error:
                refused = error
        if not allowed:
            end = self._end(name)
            if not end:
                hint = " If it is yours, name the folder of the pictures: images=FOLDER, --pictures FOLDER."
                raise DataError(str(refused).removeprefix(f"{self.path}: ") + hint, path=self.path) from refused
            return end
        found = next(filter(_is_there, allowed), allowed[0])
        name = Path(os.path.relpath(found, self.root)).as_posix()
        return next((way for way in _spellings(name) if _is_there(self.root / way)), name)

    def _below(self, folder: Path, bound: Path, name: str, what: str) -> Path:
        if name_problem(name) != "is absolute":
            name = os.path.abspath(folder / name.replace("\\", "/"))  # noqa: PTH100 - lexical: links stay as they are
        return inside(bound, name, what, path=self.path)

    def _search(self, images: Iterable[CocoImage]) -> Path:
        first = next((image.file_name for image in images if image.file_name), "")
        if not first or len(first) > _LONGEST:
            return self._base
        foreign = is_address(first) or name_problem(first) is not None
        part = self.path.stem.removeprefix("instances_")
        wanted = [*_ends(first)] if foreign else [first.replace("\\", "/")]
        folders = [self._base, self.path.parent, *(self._base / name for name in _FOLDERS)]
        if name_problem(part) is None:
            folders[3:3] = [self._base / part, self._base / "images" / part]
        for folder in folders:
            if any(_is_there(folder / name) for name in wanted):
                return folder
        return self._base

    def _end(self, name: str) -> str:
        """Return the longest end of a name that is a file below the root, or nothing."""
        return next((end for end in _ends(name) if _is_there(self.root / end)), "")


def _is_there(path: Path) -> bool:
    return split_key(path)[0].is_file()  # of a frame, its video


def _spellings(name: str) -> Iterator[str]:
    """Yield a name as it stands, and as it would be if accents or special characters were written the other way."""
    yield name
    for form in ("NFC", "NFD"):
        yield unicodedata.normalize(form, name)
    plain = unquote(name)
    if name_problem(plain) is None:
        yield plain


def _ends(name: str, *, shortest_first: bool = False) -> Iterator[str]:
    """Yield the ends of a foreign name, each a relative path without ``..``."""
    if is_address(name):
        name = unquote(name.split("://", 1)[1].partition("?")[0].partition("#")[0])
    parts = [part for part in re.split(r"[\\/]|\?d=", name) if part not in ("", ".")]
    ends = range(len(parts)) if not shortest_first else range(len(parts) - 1, -1, -1)
    for first in ends:
        end = "/".join(parts[first:])
        if name_problem(end) is None:
            yield end
