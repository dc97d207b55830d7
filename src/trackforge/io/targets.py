"""Outputs never fall upon what a run reads, nor upon each other, and can be written: told before any work is done."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Literal

from trackforge.errors import ConfigError, SinkError, did_you_mean
from trackforge.intake.addresses import STDIN, was_address
from trackforge.intake.showing import visible

__all__ = ["check_writable", "keep_apart"]

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


def check_writable(
    outputs: Iterable[str | os.PathLike[str]],
    *,
    kind: Literal["file", "folder", "either"] = "file",
    placeholders: Iterable[str] | None = (),
) -> None:
    """Refuse outputs that could not be written in the end, before the work that they would hold; nothing is made.

    What only writing itself can tell, such as a disk that is full, is left to it.

    Args:
        outputs: Files or folders to be written, or made.
        kind: What they must be where they are there.
        placeholders: Names in braces that will be filled in; what is called so already is no placeholder. None
            where names are filled in already.

    Raises:
        ConfigError: There is a placeholder that nothing fills in.
        SinkError: A place is not to be written to, or holds what is of another kind.
    """
    for path in map(Path, outputs):
        if str(path) in STDIN or was_address(path):
            continue  # who takes them knows what they are
        there, is_folder = _nearest(path)
        if placeholders is not None:
            _check_placeholders(path, there, list(placeholders))
        if there == path and kind == "folder" and not is_folder:
            raise _refused(path, f"it must be a folder, and a file of this name is there. Choose another {kind}.")
        if there == path and kind == "file" and is_folder:
            raise _refused(path, "it must be a file, and a folder of this name is there. Name a file in it.")
        if there == path and not is_folder:
            if not there.is_file():
                continue  # a pipe or device, written to as it is
            there, is_folder = path.parent, True  # a file is replaced, not changed
        if not is_folder:
            raise _refused(path, f"{visible(str(there))} is no folder. Choose another place.")
        if not os.access(there, os.W_OK | os.X_OK):
            raise _refused(path, f"nothing can be made in {visible(str(there))}. Choose another place.")


def _nearest(path: Path) -> tuple[Path, bool]:
    """Return the path or what there is of the way to it, and whether that is a folder."""
    for place in (path, *path.parents):
        try:
            return place, stat.S_ISDIR(place.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:  # a name that is too long, or with a NUL; what must not be looked into
            why = getattr(error, "strerror", None) or "no file can have that name"
            raise _refused(path, f"{why}. Choose another place.") from error
    return Path(path.anchor or "."), True


def _check_placeholders(path: Path, there: Path, known: list[str]) -> None:
    rest = str(path)[len(str(there)) :] if path != there and str(path).startswith(str(there)) else str(path)
    for name in _PLACEHOLDER.findall("" if path == there else rest):
        if name not in known:
            has = " and ".join(f"{{{one}}}" for one in known)
            takes = f"{did_you_mean(name, known)} It takes: {has}." if known else " Here a name has none."
            raise ConfigError(f"There is no placeholder {{{visible(name)}}} in {visible(str(path))}.{takes}")


def _refused(path: Path, why: str) -> SinkError:
    made = SinkError(f"{visible(str(path))} cannot be written: {why}")
    made.path = path
    return made


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
