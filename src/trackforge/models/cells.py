"""The cells of networks that predict one box a cell, without anchors, on maps of several scales.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430: maps of 8, 16 and 32 pixels a cell, one
after the other, each row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["STRIDES", "Cells", "cells", "decode_rows"]

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Cells: TypeAlias = tuple[Floats, Floats]
"""Column and row ``(A, 2)``, and stride ``(A, 1)``, of every cell."""
STRIDES = (8, 16, 32)
"""Input pixels a cell, for each of the three usual maps."""


def cells(size: tuple[int, int], strides: Sequence[int] = STRIDES) -> Cells:
    """Return the cells of a ``(height, width)`` input.

    >>> position, stride = cells((32, 64))
    >>> len(position), position[1].tolist(), stride[-1].tolist()
    (42, [1.0, 0.0], [32.0])
    """
    positions, sizes = [], []
    for stride in strides:
        y, x = np.mgrid[: size[0] // stride, : size[1] // stride]
        positions.append(np.stack((x, y), axis=-1).reshape(-1, 2))
        sizes.append(np.full((x.size, 1), stride))
    return np.concatenate(positions).astype(np.float32), np.concatenate(sizes).astype(np.float32)


def decode_rows(rows: Floats, position: Floats, stride: Floats) -> Floats:
    """Turn raw box columns of predictions ``(K, 4 + ...)`` into centre, width, height in pixels; the rest stays.

    Args:
        rows: Offset in x and y from the cell, and the logarithm of width and height, in cells.
        position: ``(K, 2)`` the cell of each.
        stride: ``(K, 1)`` its stride.
    """
    out: Floats = rows.copy()
    out[:, :2] = (rows[:, :2] + position) * stride
    out[:, 2:4] = np.exp(rows[:, 2:4]) * stride
    return out
