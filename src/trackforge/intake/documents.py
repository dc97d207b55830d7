"""JSON from outside: text or an error of ours with its line, whatever the bytes."""

from __future__ import annotations

import json
import re
from math import isfinite
from pathlib import Path
from typing import Any

from trackforge.errors import DataError
from trackforge.intake.reading import reading

__all__ = ["finite_number", "load_json", "parse_json", "whole_number"]

LARGEST = 2**63 - 1
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def load_json(path: str | Path, what: str = "A JSON file") -> Any:
    """Read a JSON file; a mark of byte order before it is tolerated.

    Args:
        path: The file.
        what: What it is, for messages: ``"A COCO file"``.

    Raises:
        DataError: It is not JSON that can be read, with the line.
        MissingFileError, SourceError: It is not there, or cannot be opened.
    """
    path = Path(path)
    with reading(path, what):
        return parse_json(path.read_text(encoding="utf-8-sig"), what, path=path)


def parse_json(text: str, what: str = "The text", *, path: str | Path | None = None, line: int | None = None) -> Any:
    """Parse JSON.

    Numbers may be infinite or NaN here, as Python's own writer makes them; `finite_number` and `whole_number` judge
    those that matter.

    Args:
        text: The document.
        what: What it is, for messages.
        path: Where from, for messages.
        line: 1-based line in the file that the text is; unless given, it is found out.

    Raises:
        DataError: It is not JSON, is nested too deep, has a number of thousands of digits, or text with half a
            character (a lone surrogate), which no file could hold.
    """
    try:
        document = json.loads(text)
        if _HALF.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        why = f"{what} must be JSON; {error.msg} in column {error.colno}."
        raise DataError(why, path=path, line=line or error.lineno) from error
    except UnicodeEncodeError as error:
        raise DataError(
            f"{what} must be whole text; it holds half a character (a lone surrogate).", path=path, line=line
        ) from error
    except RecursionError as error:
        raise DataError(f"{what} must be JSON; it is nested too deep to be read.", path=path, line=line) from error
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"{what} must be JSON that can be read; {error}.", path=path, line=line) from error
    return document


def whole_number(value: Any, least: int = -LARGEST - 1, most: int = LARGEST) -> int:
    """Return a whole number that a document holds; text of digits counts, as several programs write ids.

    >>> whole_number("7"), whole_number(7.0)
    (7, 7)

    Raises:
        ValueError: It is none, or out of range; says what must hold.
    """
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif (isinstance(value, float) and value.is_integer() and abs(value) <= 2**53) or (
        isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,19}\s*", value, re.ASCII)
    ):
        number = int(value)
    if number is None:
        raise ValueError(f"must be a whole number; got {_shown(value)}")
    if not least <= number <= most:
        raise ValueError(f"must be a whole number from {least} to {most}; got {_shown(value)}")
    return number


def finite_number(value: Any) -> float:
    """Return a finite number that a document holds; text of a number counts.

    Raises:
        ValueError: It is none; says what must hold.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"must be a number; got {_shown(value)}") from None
    if not isfinite(number):
        raise ValueError(f"must be a finite number; got {_shown(value)}")
    return number


def _shown(value: Any) -> str:
    try:
        text = ascii(value)
    except (RecursionError, ValueError):  # brackets in brackets; an integer of thousands of digits
        text = type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
