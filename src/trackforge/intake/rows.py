"""Text that holds a record a line, in words: every word checked, every fault named with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path

from trackforge.errors import DataError
from trackforge.intake.documents import LARGEST, finite_number, whole_number
from trackforge.intake.limits import check_limit, limits
from trackforge.intake.reading import reading

__all__ = ["Row", "first_row", "read_rows"]

_VALUE = "Every value of a box"
_HEAD = 65536
"""Bytes of a file that its first line is looked for in."""


@dataclass(slots=True)
class Row:
    """The words of a line.

    Attributes:
        words: As they stand there, without the blanks around them.
        path: The file.
        line: 1-based.
        most: The limit of frames; asked for once a file, for a file has a million lines.
    """

    words: tuple[str, ...]
    path: Path
    line: int
    most: int

    def __len__(self) -> int:
        return len(self.words)

    def fault(self, message: str) -> DataError:
        """Return an error that names this line."""
        return DataError(message, path=self.path, line=self.line)

    def needs(self, count: int, what: str) -> None:
        """Require a number of words.

        Args:
            count: The least number.
            what: What stands in the line, for the message.

        Raises:
            DataError: There are fewer.
        """
        if len(self.words) < count:
            raise self.fault(f"A line must have {count} values or more ({what}); got {len(self.words)}.")

    def number(self, at: int, what: str) -> float:
        """Return the word at an index as a finite number.

        Raises:
            DataError: It is none.
        """
        try:
            number = float(self.words[at])
        except ValueError:
            number = nan
        if isfinite(number):
            return number
        try:
            return finite_number(self.words[at])  # says what is wrong
        except ValueError as error:
            raise self.fault(f"{what} {error}.") from None

    def whole(self, at: int, what: str, *, least: int = -LARGEST - 1, most: int = LARGEST) -> int:
        """Return the word at an index as a whole number; ``3.0`` is one.

        Raises:
            DataError: It is none, or not within ``least..most``.
        """
        word: str | float = self.words[at]
        if len(self.words[at]) < 19 and self.words[at].isdecimal():
            word = int(word)
        elif "." in self.words[at] or "e" in self.words[at].lower():
            word = self.number(at, what)
        try:
            return whole_number(word, least, most)
        except ValueError as error:
            raise self.fault(f"{what} {error}.") from None

    def frame(self, at: int, base: int) -> int:
        """Return the word at an index as a 0-based frame number.

        Args:
            at: Index of the word.
            base: The number of the first frame.

        Raises:
            DataError: It is no whole number >= ``base``, or beyond the limit of frames.
        """
        number = self.whole(at, "The frame", least=base)
        if number > self.most:
            check_limit("frames", number, "The frame", path=self.path, line=self.line)
        return number - base

    def box(self, at: int, *, corners: bool = False) -> tuple[float, float, float, float]:
        """Return four words from an index on as a box, xyxy.

        Args:
            at: Index of the first.
            corners: They are left, top, right, bottom; else left, top, width, height.

        Raises:
            DataError: One is no finite number, or the box is inverted.
        """
        x, y, a, b = [self.number(at + k, _VALUE) for k in range(4)]
        right, bottom = (a, b) if corners else (x + a, y + b)
        if right < x or bottom < y:
            raise self.fault(f"Width and height of a box must be >= 0; got {right - x:g} and {bottom - y:g}.")
        return x, y, right, bottom


def read_rows(path: Path, what: str, separator: str | None = None) -> Iterator[Row]:
    """Yield the lines that are not blank; a separator at the end of a line is tolerated.

    Args:
        path: The file.
        what: What it must be, for messages: ``"A label file"``.
        separator: What stands between words; None: blanks.

    Raises:
        DataError: It is not text.
        MissingFileError, SourceError: It is not there, or cannot be opened.
    """
    most = limits().frames
    with reading(path, what), path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield Row(_words(line, separator), path, number, most)


def first_row(path: Path, separator: str | None = None) -> Row | None:
    """Return the first line that is not blank, to tell what a file is; None where it has none, or cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8-sig", errors="replace")
    except OSError:
        return None
    lines = enumerate(head.splitlines(), 1)
    most = limits().frames
    return next((Row(_words(line, separator), path, k, most) for k, line in lines if line.strip()), None)


def _words(line: str, separator: str | None) -> tuple[str, ...]:
    text = line.strip()
    if separator is None:
        return tuple(text.split())
    return tuple(word.strip() for word in text.removesuffix(separator).split(separator))
