"""The numbers of MOTChallenge text, and the line in which each stands.

NumPy reads the file; the slow pass over its lines is only taken where that stumbles, where an error is to be named, and
for ids that no float holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError

__all__ = ["Floats", "Ints", "exact_ids", "first_values", "line_of", "read_values"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
EXACT = 2.0**53
"""From here on not every whole number is a float."""
LARGEST_ID = 2**63 - 1


def read_values(path: Path) -> Floats:
    """Return all numbers, (R, C).

    Raises:
        DataError: A word is no number, or lines differ in length, with the line; or the file is not text.
        OSError: The file cannot be opened.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = next((line for line in file if line.strip()), None)
        if first is None:
            return np.empty((0, 0))
        return np.loadtxt(path, delimiter=_delimiter(first), comments=None, ndmin=2, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"A MOTChallenge file is text; this one is not ({error.reason}).", path=path) from error
    except ValueError:
        return _values_line_by_line(path)


def line_of(path: Path, row: int) -> int:
    """Return the 1-based line of a row."""
    return next((number for count, (number, _) in enumerate(_lines(path)) if count == row), 0)


def exact_ids(path: Path, values: Floats) -> Ints:
    """Return the second column as it is written, (R,), where a float would round it, too.

    Args:
        path: The file.
        values: What `read_values` returned; the column holds whole numbers.

    Raises:
        DataError: An id is larger than an int64 can be, with its line.
    """
    rounded = values[:, 1]
    if not len(rounded) or max(rounded.max(), -rounded.min()) < EXACT:
        return rounded.astype(np.int64)
    ids = np.empty(len(rounded), np.int64)
    for row, (number, text) in enumerate(_lines(path)):
        if abs(rounded[row]) < EXACT:
            ids[row] = int(rounded[row])
            continue
        word = _words(text)[1].strip()
        try:
            exact = Decimal(word) if abs(rounded[row]) <= LARGEST_ID else Decimal("Infinity")
        except InvalidOperation:
            exact = Decimal("Infinity")
        if not -LARGEST_ID <= exact <= LARGEST_ID:
            raise DataError(
                f"The id (second value) must be a whole number of at most 2**63 - 1; got {word[:40]}. "
                "Number the ids anew.",
                path=path,
                line=number,
            )
        ids[row] = int(exact)
    return ids


def first_values(path: Path) -> list[float]:
    """Return the numbers of the first line; none where it has others, or there is no line."""
    for _, text in _lines(path):
        try:
            return [float(word) for word in _words(text)]
        except ValueError:
            break
    return []


def _delimiter(text: str) -> str | None:
    return next((mark for mark in ",;" if mark in text), None)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and text of every line that is not blank."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def _words(text: str) -> list[str]:
    """Return the words of a line; a separator at its end is tolerated."""
    delimiter = _delimiter(text)
    text = text.strip()
    return (text.rstrip(delimiter) if delimiter else text).split(delimiter)


def _values_line_by_line(path: Path) -> Floats:
    """Do as `read_values`, slowly, tolerating a separator at the end of lines; names the line that cannot be read."""
    rows: list[list[float]] = []
    for number, line in _lines(path):
        row = []
        for word in _words(line):
            try:
                row.append(float(word))
            except ValueError:
                shown = word.strip() if len(word) <= 60 else word.strip()[:57] + "..."
                raise DataError(
                    f"Every value must be a number; got {shown!r}. Repair the line or leave it out.",
                    path=path,
                    line=number,
                ) from None
        if rows and len(row) != len(rows[0]):
            raise DataError(
                f"Every line must have as many values as the first, {len(rows[0])}; got {len(row)}. "
                "Was the file cut off?",
                path=path,
                line=number,
            )
        rows.append(row)
    return np.array(rows)
