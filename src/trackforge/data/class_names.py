"""Names of classes that a data set numbers from 0: stated once for all, stated bit by bit, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trackforge.data.files import read_lines
from trackforge.errors import DataError
from trackforge.intake.limits import check_limit, limits

__all__ = ["ClassNames"]


class ClassNames:
    """Gathers names while a set is read; numbers that nobody names are called by themselves.

    Args:
        known: Names in order, which settle the matter: a number beyond them is an error.
        folder: Where a ``classes.txt`` may say them instead.
    """

    def __init__(self, known: Iterable[str] = (), *, folder: Path | None = None) -> None:
        self._known = tuple(map(str, known))
        file = None if folder is None else folder / "classes.txt"
        if not self._known and file is not None and file.is_file():
            self._known = tuple(line for _, line in read_lines(file))
        self._names: dict[int, str] = {}
        self._taken = set[str]()
        self._largest = -1
        self._most = limits().classes  # asked for once, for a set has a million boxes

    @property
    def settled(self) -> bool:
        """Whether names were given that settle the matter."""
        return bool(self._known)

    def state(self, number: int, name: str, *, path: Path, line: int | None = None) -> None:
        """Note the name that a file gives a class.

        Raises:
            DataError: The class has another name already, or the name another number.
        """
        self._check(number, path, line)
        if self._known or self._names.get(number) == name:
            return
        if number in self._names or name in self._taken:
            other = self._names.get(number)
            both = f"{other!r} and {name!r}" if other is not None else f"{name!r}, as another class is"
            raise DataError(f"A class must have one name in the whole set; {number} is {both}.", path=path, line=line)
        self._names[number] = name
        self._taken.add(name)

    def number(self, value: float, what: str, *, path: Path, line: int | None = None) -> int:
        """Return a class as a file numbers it.

        Args:
            value: From 0.
            what: What has it, for the message: ``"A box of record 7"``.
            path: The file, for the message.
            line: 1-based line, for the message.

        Raises:
            DataError: It is no whole number, or none of the set's.
        """
        most = len(self._known)
        if not float(value).is_integer() or value < 0 or (most and value >= most):
            wanted = f"one of 0..{most - 1}" if most else "a whole number from 0 up"
            raise DataError(f"{what} must have a class that is {wanted}; got {value:g}.", path=path, line=line)
        self._check(int(value), path, line)
        self._largest = max(self._largest, int(value))
        return int(value)

    def _check(self, number: int, path: Path, line: int | None) -> None:
        if number > self._most:
            check_limit("classes", number, "The number of a class", path=path, line=line)

    def finish(self) -> tuple[tuple[str, ...], list[str]]:
        """Return all names, and what is worth knowing about them."""
        if self._known:
            return self._known, []
        count = max(self._largest, *self._names, -1) + 1
        taken = set(self._names.values())
        names = [self._names.get(k) or _free(str(k), taken) for k in range(count)]
        unnamed = count - len(self._names)
        if not unnamed:
            return tuple(names), []
        which = "the classes; they are" if unnamed == count else f"{unnamed} of the classes; these are"
        return tuple(names), [f"no file gives names to {which} called by their numbers"]


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"class {name}"
    taken.add(name)
    return name
