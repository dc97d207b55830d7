"""Which files of a folder are pictures to read, what is left out of it and said, and what is lost on the way."""

from __future__ import annotations

import glob
import logging
import os
from pathlib import Path

from trackforge.errors import DataError, SourceError
from trackforge.intake.folders import Listing, is_companion, list_files, natural_order
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["Losses", "find_pictures", "time_at"]

log = logging.getLogger(__name__)


class Losses:
    """Counts the pictures of one iteration that cannot be decoded, tells the first, or stops there.

    Args:
        on_corrupt: ``"skip"`` or ``"stop"``.

    Attributes:
        count: Pictures lost so far.
    """

    def __init__(self, on_corrupt: str) -> None:
        self.count = 0
        self._first = ""
        self._stop = on_corrupt == "stop"

    def add(self, file: Path, error: DataError) -> None:
        """Count one.

        Raises:
            SourceError: Damaged pictures stop the run.
        """
        why = str(error).removeprefix(f"{file}: ")
        if self._stop:
            raise SourceError(f"{file} cannot be decoded. Repair or remove it, or set on_corrupt='skip'. ({why})")
        if not self.count:
            log.warning("%s cannot be decoded and is skipped; further ones are only counted. (%s)", file, why)
        self.count += 1
        self._first = self._first or why

    def check(self, path: str | Path, seen: int) -> None:
        """Refuse a folder of which nothing could be decoded.

        Raises:
            SourceError: All ``seen`` pictures are lost.
        """
        if seen and self.count == seen:
            raise SourceError(f"{path} must hold pictures; none of {seen} files can be decoded. ({self._first})")


def time_at(index: int, rate: float | None) -> float | None:
    """Return the seconds at which a frame was taken, or None without a rate."""
    return index / rate if rate else None


def find_pictures(path: str) -> list[Path]:
    """Return the pictures of a folder, those that match a glob, or the one named, in natural order.

    What is left out of a folder is said, once, with counts.

    Raises:
        SourceError: There are none.
    """
    place = Path(path)
    if place.is_dir():
        found, left_out, what = _in_folder(place), "", "A picture folder must hold pictures"
        files, left_out = list(found.files), found.left_out
    elif place.is_file():
        files, left_out, what = [place], "", ""
    else:
        matches = [Path(file) for file in glob.glob(_pattern(path), recursive=True)]  # noqa: PTH207 - may be absolute
        wanted = [file for file in matches if file.name.lower().endswith(IMAGE_SUFFIXES) and file.is_file()]
        root = _before_magic(path)
        kept = [file for file in wanted if not is_companion(file, root)]
        files, left_out = natural_order(kept), Listing((), len(wanted) - len(kept), 0).left_out
        what = "The path must name a folder of pictures, or a glob that matches some"
    if not files:
        aside = f"; left out: {left_out}" if left_out else ""
        raise SourceError(f"{what}; {path} gives none{aside}. Known endings: {' '.join(sorted(IMAGE_SUFFIXES))}.")
    if left_out:
        log.warning("%s: left out %s", path, left_out)
    return files


def _in_folder(folder: Path) -> Listing:
    try:
        return list_files(folder, IMAGE_SUFFIXES)
    except OSError as error:
        raise SourceError(f"{folder} cannot be listed: {error.strerror or error}.") from error


def _pattern(path: str) -> str:
    """Return a glob in which folders that exist as they are written, ``cam[1]``, stand for themselves."""
    folder = Path(path).parent
    return os.path.join(glob.escape(str(folder)), Path(path).name) if folder.is_dir() else path  # noqa: PTH118 - a text


def _before_magic(pattern: str) -> str:
    """Return the folder that a glob certainly names, which may lie in a hidden one."""
    parts = Path(pattern).parts
    fixed = [k for k, part in enumerate(parts) if glob.has_magic(part)]
    return os.path.join("", *parts[: fixed[0] if fixed else len(parts)])  # noqa: PTH118 - "" stays ""
