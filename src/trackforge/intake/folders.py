"""What lies in a folder, as people mean it: without what their systems left beside it, and in the order they count.

macOS writes ``._a.jpg`` and ``__MACOSX/``, Jupyter ``.ipynb_checkpoints/``, Windows ``Thumbs.db``, a NAS ``@eaDir/``:
copies and notes that bear the endings of pictures or labels, and are none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

__all__ = ["Listing", "is_companion", "list_files", "natural_key", "natural_order"]

_COMPANIONS = frozenset({"__macosx", "@eadir", "$recycle.bin", "thumbs.db", "desktop.ini", "system volume information"})
_ENDING = re.compile(r"\.[a-z][a-z0-9]{0,9}$")
_DIGITS = re.compile(r"([0-9]+)")
_POINT = re.compile(r"[0-9]\.[0-9]")
_DECIMAL = re.compile(r"((?<![0-9.])[0-9]+\.[0-9]+(?!\.?[0-9])|[0-9]+)")
CLOCK = 9
"""Digits before a point from which a number is a time in seconds, and what comes after the point decimals of it."""
_Item = TypeVar("_Item")
_Piece: TypeAlias = "tuple[int, int, str, str]"
_Key: TypeAlias = "tuple[tuple[tuple[list[_Piece], str], ...], str]"


@dataclass(frozen=True)
class Listing:
    """Files of a folder.

    Attributes:
        files: In natural order.
        companions: How many files with a wanted ending were left out as nobody's.
        others: How many files have another ending.
        endings: Which other endings there are, lower case, in order of the alphabet.
    """

    files: tuple[Path, ...]
    companions: int
    others: int
    endings: tuple[str, ...] = ()

    @property
    def left_out(self) -> str:
        """What was left out, in words with counts; empty where nothing was."""
        words = []
        if self.companions:
            words.append(f"{self.companions} hidden or left there by a system (such as ._a.jpg)")
        if self.others:
            shown = " ".join(self.endings[:5]) + (" ..." if len(self.endings) > 5 else "")
            words.append(f"{self.others} of other endings ({shown})")
        return " and ".join(words)


def is_companion(path: str | Path, root: str | Path | None = None) -> bool:
    """Tell whether a file, or a folder on the way to it from ``root``, was left there by a system.

    >>> is_companion("set/__MACOSX/._a.jpg"), is_companion("set/a.jpg")
    (True, False)
    """
    path = Path(path)
    parts = path.parts if root is None else path.relative_to(root).parts
    return any((part.startswith(".") and part not in (".", "..")) or part.lower() in _COMPANIONS for part in parts)


def list_files(folder: str | Path, suffixes: Iterable[str], *, recursive: bool = False) -> Listing:
    """List the files of a folder that end in one of ``suffixes`` (lower case, with the dot; case is ignored in names).

    Links to files count, those whose file is gone, too; links to folders are not followed.

    Raises:
        OSError: The folder cannot be listed.
    """
    wanted = tuple(suffixes)
    files: list[str] = []
    companions, others = 0, 0
    endings: set[str] = set()
    for path, hidden in _walk(os.fspath(folder), recursive=recursive):
        if not path.lower().endswith(wanted):
            if not hidden:
                others += 1
                endings.add(os.path.splitext(path)[1].lower() or "none")  # noqa: PTH122 - a Path each takes its time
        elif hidden:
            companions += 1
        else:
            files.append(path)
    ordered = natural_order(files)
    return Listing(tuple(Path(folder, name) for name in ordered), companions, others, tuple(sorted(endings)))


def _walk(folder: str, *, recursive: bool) -> Iterator[tuple[str, bool]]:
    """Yield each file's path below a folder, with ``/``, and whether it or a folder on the way is a companion."""
    open_folders = [("", False)]
    while open_folders:
        place, hidden = open_folders.pop()
        with os.scandir(f"{folder}/{place}" if place else folder) as entries:
            for entry in entries:
                path, aside = f"{place}{entry.name}", hidden or is_companion(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if recursive:
                        open_folders.append((f"{path}/", aside))
                elif _is_file(entry):
                    yield path, aside


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a file, or a link that leads to nothing: whoever reads that says so."""
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))  # noqa: PTH110 - as above
    except OSError:  # a link to itself
        return True


def natural_order(items: Iterable[_Item], name: Callable[[_Item], str] = str) -> list[_Item]:
    """Return files in the order that people mean, which only all names together tell where they hold points.

    As `natural_key`, but ``0.5``, ``0.25`` are decimals, ``1.9``, ``1.10`` count: numbers of different length after a
    point are decimals unless one ends in 0, as printed decimals never do, or they follow one upon the other.

    >>> natural_order(["0.75.png", "0.5.png", "0.125.png"]), natural_order(["1.10.png", "1.9.png"])
    (['0.125.png', '0.5.png', '0.75.png'], ['1.9.png', '1.10.png'])

    Args:
        items: Names or paths, ``/`` between their parts; or anything.
        name: Gives an item's name.
    """
    listed = [(name(item), item) for item in items]
    decimals = _are_decimals([text for text, _ in listed])
    return [item for _, item in sorted(listed, key=lambda pair: _key(pair[0], decimals))]


def natural_key(text: str) -> _Key:
    """Return a sort key that counts, whatever the case: ``2.jpg`` before ``10.jpg``, ``a.jpg`` before ``a (1).jpg``.

    What follows the point of a time in seconds, ``1700000000.25.jpg``, are decimals. See `natural_order` for lists.

    >>> sorted(["10.jpg", "2.jpg", "B.jpg", "a (1).jpg", "a.jpg"], key=natural_key)
    ['2.jpg', '10.jpg', 'a.jpg', 'a (1).jpg', 'B.jpg']
    """
    return _key(text, _are_decimals([text]))


def _key(text: str, decimals: bool) -> _Key:
    pattern = _DECIMAL if decimals else _DIGITS
    parts = []
    for part in text.casefold().split("/"):
        stem, _, ending = part.rpartition(".")
        if not stem or not ending.isalnum() or ending.isdecimal():  # the point is no ending's
            stem, ending = part, ""
        parts.append((_tokens(pattern, stem), ending))
    return tuple(parts), text


def _tokens(pattern: re.Pattern[str], text: str) -> list[_Piece]:
    """Split into numbers, which compare by their value, and words, which come after them."""
    tokens: list[_Piece] = []
    pieces = pattern.split(text)
    for word, number in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        if word:
            tokens.append((1, 0, word, ""))
        if number:
            whole, _, fraction = number.partition(".")
            whole = whole.lstrip("0")
            tokens.append((0, len(whole), whole, fraction))
    return tokens


def _are_decimals(names: Sequence[str]) -> bool:
    """Tell whether what follows a point in file names are decimals of what stands before it."""
    runs: dict[str, list[str]] = {}
    for name in names:
        if not _POINT.search(name):
            continue
        stem = _ENDING.sub("", name.lower())
        for found in _DECIMAL.finditer(stem):
            whole, point, fraction = found.group().partition(".")
            if not point:
                continue
            if len(whole.lstrip("0")) >= CLOCK:
                return True
            runs.setdefault(stem[: found.start()] + whole, []).append(fraction)
    fractions = [fraction for run in runs.values() for fraction in run]
    if len({len(fraction) for fraction in fractions}) < 2:
        return False  # both orders are one
    if any(len(fraction) > 1 and fraction[0] == "0" for fraction in fractions):
        return True
    if any(len(fraction) > 1 and fraction[-1] == "0" for fraction in fractions):
        return False
    return not all(_consecutive(run) for run in runs.values() if len(run) > 1)


def _consecutive(run: Sequence[str]) -> bool:
    numbers = sorted({int(fraction[:18]) for fraction in run})
    return numbers[-1] - numbers[0] + 1 == len(numbers)
