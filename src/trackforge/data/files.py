"""Names and places of pictures and label files, shared by the formats."""

from __future__ import annotations

import filecmp
import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias

from trackforge.data.model import Dataset
from trackforge.data.pictures import PictureReader, split_key
from trackforge.errors import DataError, InvalidInputError, SinkError
from trackforge.intake.folders import list_files
from trackforge.intake.names import readable, relative_name
from trackforge.io.pictures import picture_size
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = [
    "RECORD_NAME",
    "PicturePlacer",
    "Place",
    "file_names",
    "left_out",
    "list_pictures",
    "read_lines",
    "require_order",
    "require_sizes",
    "stems",
    "write_names",
    "write_text",
]

Place: TypeAlias = Literal["copy", "link", "none"]
RECORD_NAME = "record_name"
"""The further column of pictures that were files of a name before they came into a record."""
KEPT = (".rec",)
"""Endings of containers whose pictures are files in them, of endings of their own."""
_NOT_IN_A_NAME = re.compile(r"[/\x00-\x1f\x7f-\x9f\u2028\u2029]|^\.")


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder and the folders below it, in natural order, without what systems left there."""
    return list(list_files(folder, IMAGE_SUFFIXES, recursive=True).files)


def left_out(companions: int) -> str:
    """Say how many files were left out that nobody meant to be there."""
    return f"{companions} files that macOS, Jupyter or another system left there were left out"


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
    except OSError as error:
        raise DataError(f"The file cannot be read: {error.strerror or error}.", path=path) from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.strip()


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write lines, making the folder; in place, for a data set has too many such files to sync each to disk.

    Raises:
        DataError: A line holds half a character (a lone surrogate).
        SinkError: The place cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"Names must be whole text; {error.object[error.start - 20 : error.end + 20]!a} holds half a character."
        ) from error
    except OSError as error:
        raise SinkError(f"{path} cannot be written: {error.strerror or error}.") from error


def write_names(path: Path, names: Iterable[str]) -> None:
    """Write names of classes, one a line.

    Raises:
        DataError: A name cannot stand on a line.
        SinkError: The place cannot be written to.
    """
    names = list(names)
    for name in names:
        if name != name.strip() or len(name.splitlines()) != 1:
            raise DataError(f"A class must have a name that fits on one line; got {name!a}. Rename it.")
    write_text(path, names)


def file_names(names: Iterable[str], what: str, dataset: Dataset) -> dict[str, str]:
    """Make names that a data set states into names of files or folders; ``/`` and what cannot be seen become ``_``.

    Args:
        names: The names; the empty one stays empty.
        what: What they name, for the message: ``"A sequence"``.
        dataset: Whose they are, for the message.

    Raises:
        DataError: One leads out of its folder or can be no file's, or two become one.
    """
    made: dict[str, str] = {}
    owner: dict[str, str] = {}
    for name in dict.fromkeys(names):
        made[name] = short = _one_name(name, what, dataset) if name else ""
        if owner.setdefault(short, name) != name:
            raise DataError(
                f"{what} must have a name of its own; {owner[short]!r} and {name!r} would both become {short!r}. "
                "Rename one.",
                path=dataset.root,
            )
    return made


def _one_name(name: str, what: str, dataset: Dataset) -> str:
    return _NOT_IN_A_NAME.sub("_", relative_name(name, what, path=dataset.root).as_posix())


def stems(dataset: Dataset) -> list[str]:
    """Give every picture a file name without ending that no other picture has.

    Frames are named by sequence and frame, so a frame without a picture has a name, too.

    Raises:
        DataError: A name leads out of its folder, or can be no file's.
    """
    images = dataset.images
    paths = [split_key(p) if p else (None, None) for p in images.path.tolist()]
    sequences = {name: _one_name(name, "A sequence", dataset) for name in dataset.sequences}
    names, longer = [], []
    recorded = images.extra[RECORD_NAME].tolist() if RECORD_NAME in images.extra else [""] * len(paths)
    for row, (file, key) in enumerate(paths):
        if recorded[row]:
            file, key = Path(recorded[row]), None
        sequence, frame = str(images.sequence[row]), int(images.frame[row])
        if sequence and frame >= 0:
            names.append(f"{sequences[sequence]}_{frame + 1:06d}")
        elif file is None:
            names.append(f"image_{row + 1:06d}")
        else:
            stem = readable(file.stem)
            names.append(stem if key is None else f"{stem}_{key + 1:06d}")
        whole = readable(file.with_suffix("").as_posix()) if file is not None and file.name else names[-1]
        longer.append(re.sub(r"^(\.*/)+", "", whole))
    names = [_one_name(name, "A picture", dataset) for name in names]
    names = [_one_name(name, "A picture", dataset) for name in _told_apart(names, longer)]
    return _told_apart(names, [f"{name}-{k}" for k, name in enumerate(names)])


def _told_apart(names: list[str], longer: list[str]) -> list[str]:
    """Replace names that occur twice by longer ones."""
    count = Counter(names)
    return [b.replace("/../", "/") if count[a] > 1 else a for a, b in zip(names, longer, strict=True)]


class PicturePlacer:
    """Puts the pictures of a data set where a format wants them.

    Only pictures are taken along, and of a set that was read from disk only those that lie inside it, or in the folders
    that its reader was told of: a file in a data set must not be able to fetch other files of yours.

    Args:
        dataset: Whose pictures.
        how: ``"copy"``; ``"link"``: symbolic links; ``"none"``: leave them where they are. Frames of a video are
            written as JPEG (quality 95) in the first two cases.
    """

    def __init__(self, dataset: Dataset, how: Place) -> None:
        if how not in ("copy", "link", "none"):
            raise InvalidInputError(f"images must be 'copy', 'link' or 'none'; got {how!r}.")
        self.dataset, self.how = dataset, how
        self.without = self.left = 0
        self._reader = PictureReader()
        folders = dataset.folders
        self._folders = None if folders is None else tuple(os.path.join(_absolute(f), "") for f in folders)  # noqa: PTH118

    def suffix(self, row: int) -> str:
        """Return the ending that the picture has, or will have."""
        path = self.dataset.image_path(row)
        if path is None:
            return ".jpg"
        file, key = split_key(path)
        if key is not None and file.suffix.lower() in KEPT and file.is_file():
            return self._reader.encoded(path)[1]
        return file.suffix if key is None else ".jpg"

    def content(self, row: int) -> tuple[bytes, str]:
        """Return picture ``row`` as a file's content, and the ending that fits it.

        Raises:
            DataError: There is none, it is missing, is none, or lies elsewhere than its set.
        """
        source = self.dataset.image_path(row)
        if source is None:
            raise DataError(f"Image {row} has labels but no picture; a record needs one.", path=self.dataset.root)
        file, key = split_key(source)
        self._check(file, picture=key is None)
        return self._reader.encoded(source)

    def place(self, row: int, target: Path) -> None:
        """Bring picture ``row`` to ``target``.

        Raises:
            DataError: The picture is missing, is none, or lies elsewhere than its set.
            SinkError: It cannot be written there, or another picture has that name.
        """
        source = self.dataset.image_path(row)
        if source is None or self.how == "none":
            self.without += source is None
            self.left += source is not None
            return
        file, key = split_key(source)
        self._check(file, picture=key is None)
        partial = target.with_name(f".{secrets.token_hex(8)}{target.suffix[-20:]}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if key is not None:
                partial.write_bytes(self._reader.encoded(source)[0])
            elif self.how == "copy":
                shutil.copyfile(file, partial)
            else:
                partial.symlink_to(os.path.relpath(file.resolve(), target.parent.resolve()))
            if os.path.lexists(target):
                if not (target.is_file() and filecmp.cmp(partial, target, shallow=False)):
                    raise SinkError(f"{target} is there already, and is another picture. Choose another place.")
                partial.unlink()
            else:
                partial.rename(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            if isinstance(error, SinkError):
                raise
            raise SinkError(f"{target} cannot be written: {error.strerror or error}.") from error

    def _check(self, file: Path, *, picture: bool) -> None:
        if self._folders is not None and not _absolute(file).startswith(self._folders):
            raise DataError(
                f"A picture must lie inside its data set to be taken along; {file} lies elsewhere. If yours are "
                f"meant to be there, say so: pictures=... (--pictures {self._elsewhere()}).",
                path=self.dataset.root,
            )
        if not file.is_file():
            raise DataError("The picture is missing. Restore it, or convert with images='none'.", path=file)
        if picture:
            picture_size(file)

    def _elsewhere(self) -> str:
        """Return the folder that all pictures outside the set lie in."""
        paths = filter(None, map(self.dataset.image_path, range(len(self.dataset))))
        places = {os.path.dirname(_absolute(split_key(path)[0])) for path in paths}  # noqa: PTH120
        return os.path.commonpath([p for p in places if not os.path.join(p, "").startswith(self._folders or ())])  # noqa: PTH118

    def notes(self) -> list[str]:
        """Say what was not brought along."""
        self._reader.close()
        notes = [f"{self.left} pictures were left where they are"] if self.left else []
        return notes + ([f"{self.without} of the images have no picture"] if self.without else [])


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - the text decides: links in your folder are yours


def require_order(dataset: Dataset, why: str) -> None:
    """Refuse a set with boxes whose left or top lies beyond their right or bottom.

    Raises:
        DataError: One does.
    """
    bad = (dataset.boxes.xyxy[:, :2] > dataset.boxes.xyxy[:, 2:]).any(axis=1)
    if bad.any():
        row = int(bad.argmax())
        corners = ", ".join(f"{v:g}" for v in dataset.boxes.xyxy[row].tolist())
        raise DataError(
            f"{why} must have x1 <= x2 and y1 <= y2; got ({corners}), and {int(bad.sum())} such boxes in all. Repair "
            "them, or leave them out.",
            path=dataset.image_path(int(dataset.boxes.image[row])) or dataset.root,
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
