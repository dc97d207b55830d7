"""What the scripts of the page are given: tracks as columns of bytes, films, and how frames are numbered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.table import TrackTable

__all__ = ["STEPS", "numbering", "packed"]

STEPS = 4096
"""Boxes stand as 16-bit numbers in this part of the picture's size: a tenth of a pixel or better on a small film."""


def packed(table: TrackTable, size: tuple[int, int], wrong: npt.NDArray[np.bool_] | None = None) -> bytes:
    """Return a table as columns: frame and id (int32), box (4 × int16), class (uint16), score and mark (uint8).

    Args:
        table: R rows.
        size: ``(width, height)`` of the pictures that the boxes are on.
        wrong: ``(R,)`` rows to be marked, or None for none.
    """
    scale = STEPS / np.array([*size, *size], np.float64)
    box = np.clip(np.round(table.xyxy * scale), -32768, 32767)
    columns: list[tuple[npt.NDArray[Any], str]] = [
        (np.clip(table.frame, 0, 2**31 - 1), "<i4"),
        (np.clip(table.track_id, -1, 2**31 - 1), "<i4"),
        (box, "<i2"),
        (np.clip(table.class_id, 0, 65535), "<u2"),
        (np.round(255 * np.clip(table.score, 0, 1)), "u1"),
        (np.zeros(len(table)) if wrong is None else wrong, "u1"),
    ]
    return b"".join(np.ascontiguousarray(column.astype(kind)).tobytes() for column, kind in columns)


def numbering(numbers: Sequence[int]) -> Mapping[str, Any]:
    """Return frame numbers as short as can be: those that follow each other as the first and how many."""
    if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:
        return {"first": numbers[0], "count": len(numbers)}
    return {"list": list(numbers)}
