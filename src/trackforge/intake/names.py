"""Names that a file states: of sequences, splits, pictures. None of them leads out of the folder that it is used in.

A name is data until a reader or a writer makes a path of it; that is done by `inside` and nowhere else.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from trackforge.errors import DataError

__all__ = ["inside", "name_problem", "plain_name", "readable", "relative_name"]

LONGEST = 255
"""Bytes that a file name may have, on nearly all file systems."""
LONGEST_PATH = 4095
"""Bytes that a path may have, on Linux; less elsewhere."""
_LONE = re.compile("[\ud800-\udfff]")
_LONE_UP = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def name_problem(name: str) -> str | None:
    """Say why a relative path (``/`` between its parts) must not be used; None where it may.

    >>> name_problem("train/000001.jpg")
    >>> name_problem("../../home/.ssh")
    "leads out of its folder ('..')"
    """
    problem = _unusable(name)
    if problem:
        return problem
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        return "is absolute"
    parts = re.split(r"[\\/]", name)
    if ".." in parts:
        return "leads out of its folder ('..')"
    return "names no file" if all(part in ("", ".") for part in parts) else None


def _unusable(name: str) -> str | None:
    """Say why a text can be no path at all, wherever it leads."""
    if not name:
        return "is empty"
    if "\0" in name:
        return "holds a NUL character"
    if len(name) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH} bytes"
    try:
        longest = max(len(part.encode()) for part in re.split(r"[\\/]", name))
    except UnicodeEncodeError:
        return "holds half a character (a lone surrogate)"
    return f"is longer than {LONGEST} bytes" if longest > LONGEST else None


def plain_name(name: str, what: str, *, path: str | Path | None = None, line: int | None = None) -> str:
    """Return a name that becomes one file or folder, such as a split's; it holds no separator either.

    Args:
        name: As the file states it.
        what: What it names, for the message: ``"The split"``.
        path: The file, for the message.
        line: 1-based line, for the message.

    Raises:
        DataError: It is not such a name.
    """
    problem = name_problem(name) or ("holds a separator" if "/" in name or "\\" in name else None)
    if problem:
        raise _refused(name, what, problem, path, line)
    return name


def relative_name(name: str, what: str, *, path: str | Path | None = None, line: int | None = None) -> PurePosixPath:
    r"""Return a name that may have several parts, such as a picture's or a sequence's, as a path that stays inside.

    Backslashes, which programs on Windows write, separate parts too.

    >>> relative_name("images\\a.jpg", "The picture")
    PurePosixPath('images/a.jpg')

    Raises:
        DataError: It is absolute, leads out, or is no name for a file.
    """
    problem = name_problem(name)
    if problem:
        raise _refused(name, what, problem, path, line)
    return PurePosixPath(name.replace("\\", "/"))


def inside(root: str | Path, name: str, what: str, *, path: str | Path | None = None, line: int | None = None) -> Path:
    """Return where ``name`` lies below ``root``.

    An absolute name, or one with ``..``, is fine where it leads to a place below the root. The text decides: symbolic
    links that lie in your folder are yours.

    Args:
        root: The folder that must not be left.
        name: As the file states it.
        what: What it names, for the message: ``"The picture"``.
        path: The file that states it, for the message.
        line: 1-based line, for the message.

    Raises:
        DataError: It leads out, or is no name for a file.
    """
    problem = _unusable(name)
    if problem is None:
        base = os.path.abspath(root)  # noqa: PTH100 - resolve() would follow links
        aim = os.path.normpath(os.path.join(base, name.replace("\\", "/")))  # noqa: PTH118 - pathlib keeps '..'
        if not _DRIVE.match(name) and aim.startswith(base.rstrip(os.sep) + os.sep):
            return Path(root) / os.path.relpath(aim, base)
        problem = f"{name_problem(name) or 'leads out'}, and must stay in {root}"
    raise _refused(name, what, problem, path, line)


def readable(name: str) -> str:
    r"""Return the name of a file as text that can be written: bytes that are no UTF-8 are taken for Latin-1.

    >>> readable("stra\udcdfe")
    'straße'
    """
    return name if name.isascii() or not _LONE.search(name) else os.fsencode(_LONE_UP.sub("?", name)).decode("latin-1")


def _refused(name: str, what: str, problem: str, path: str | Path | None, line: int | None) -> DataError:
    shown = ascii(name) if len(name) <= 80 else ascii(name[:77]) + "..."
    return DataError(f"{what} must have a name that stays in its folder; {shown} {problem}.", path=path, line=line)
