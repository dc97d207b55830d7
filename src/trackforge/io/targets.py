"""Outputs never fall upon what a run reads, nor upon each other, whatever the spelling of their paths."""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable, Iterable
from pathlib import Path

from trackforge.errors import ConfigError, SinkError

__all__ = ["check_writable", "keep_apart"]


def keep_apart(outputs: Iterable[str | os.PathLike[str]], inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Refuse outputs that would replace an input, or one another.

    Paths are compared as what they lead to: other spellings, symbolic and hard links are seen through.

    Args:
        outputs: Files to be written.
        inputs: Files that are read meanwhile.

    Raises:
        ConfigError: Two are the same file.
    """
    read = {key: Path(path) for path in inputs for key in _marks(path)}
    written: dict[Hashable, Path] = {}
    for path in map(Path, outputs):
        marks = _marks(path)
        for mark in marks:
            if mark in read:
                also = "" if path == read[mark] else f", which is {read[mark]}"
                raise ConfigError(
                    f"An output must not replace its source; {path}{also} is read here. Choose another name."
                )
            if mark in written:
                other = written[mark]
                also = f"{path} is there twice" if path == other else f"{other} and {path} are the same"
                raise ConfigError(f"Every output needs a file of its own; {also}. Rename one.")
        written |= dict.fromkeys(marks, path)


def check_writable(outputs: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse places that plainly cannot be written to, before the work that they are for; nothing is made there.

    Raises:
        SinkError: A place is a folder, or the folder that it is to be in is a file or must not be written to.
    """
    for path in map(Path, outputs):
        try:
            why = _obstacle(path)
        except (OSError, ValueError) as error:  # no name at all, a folder that must not be looked into
            why = getattr(error, "strerror", None) or str(error)
        if why:
            made = SinkError(f"{path} cannot be written: {why}. Choose another place.")
            made.path = path
            raise made


def _obstacle(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    if path.exists() and not path.is_file():  # a pipe, /dev/null: whoever opens it knows
        return ""
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        if os.path.islink(folder):  # noqa: PTH114 - says whether, and never fails
            return f"{folder} is a link that leads to nothing"
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is no folder"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} must not be written to"


def _marks(path: str | os.PathLike[str]) -> set[Hashable]:
    """Return what tells a file from all others; nothing for what is written to, but not replaced."""
    try:
        marks: set[Hashable] = {os.path.realpath(path)}
        found = os.stat(path)  # noqa: PTH116 - takes what pathlib would turn into another spelling
    except FileNotFoundError:
        return marks
    except (OSError, ValueError):  # no path at all: whoever opens it says so
        return set()
    if stat.S_ISCHR(found.st_mode) or stat.S_ISFIFO(found.st_mode):
        return set()
    return marks | {(found.st_dev, found.st_ino)}
