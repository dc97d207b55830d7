"""Outputs never fall upon what a run reads, nor upon each other, whatever the spelling of their paths."""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable, Iterable
from pathlib import Path

from trackforge.errors import ConfigError

__all__ = ["keep_apart"]


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
