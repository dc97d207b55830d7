"""Greedy suppression as MXNet's operators do it: nobody below an overlap with a better box is kept, block by block.

A matrix of all overlaps would take gigabytes for the boxes of a large input; blocks take a few megabytes.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["overlaps", "survivors"]

Floats: TypeAlias = npt.NDArray[np.float32]
BLOCK = 256


def overlaps(one: Floats, other: Floats) -> Floats:
    """Return intersection over union of corner boxes ``(N, 4)`` and ``(M, 4)``: ``(N, M)`` float32; 0 for empty ones."""
    left, top = np.maximum(one[:, None, 0], other[:, 0]), np.maximum(one[:, None, 1], other[:, 1])
    width = np.minimum(one[:, None, 2], other[:, 2])
    width -= left
    height = np.minimum(one[:, None, 3], other[:, 3])
    height -= top
    np.maximum(width, 0, out=width)
    np.maximum(height, 0, out=height)
    width *= height
    union = _area(one)[:, None] + _area(other)
    union -= width
    found: Floats = np.divide(width, union, out=np.zeros_like(width), where=union > 0)
    return found


def _area(boxes: Floats) -> Floats:
    area: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def survivors(boxes: Floats, limit: float, *, inclusive: bool, groups: npt.NDArray[Any] | None = None) -> npt.NDArray[np.bool_]:
    """Tell which boxes stay.

    Args:
        boxes: ``(N, 4)`` corners, best first.
        limit: Overlap with a better box that stays from which, or above which, a box goes.
        inclusive: Whether it goes at exactly that overlap.
        groups: ``(N,)``: only boxes of one group suppress each other; None: all do.

    Returns:
        ``(N,)`` bool.
    """
    if groups is None or len(boxes) <= 1:
        return _alone(boxes, limit, inclusive=inclusive)
    stays = np.zeros(len(boxes), bool)
    order = np.argsort(groups, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        stays[rows] = _alone(boxes[rows], limit, inclusive=inclusive)
    return stays


def _alone(boxes: Floats, limit: float, *, inclusive: bool) -> npt.NDArray[np.bool_]:
    stays = np.zeros(len(boxes), bool)
    left = np.arange(len(boxes))
    bar = np.float32(limit)
    while left.size:
        block, left = left[:BLOCK], left[BLOCK:]
        over = _over(boxes[block], boxes[block], bar, inclusive)
        alive = np.ones(len(block), bool)
        for row in range(len(block) - 1):
            if alive[row]:
                alive[row + 1 :] &= ~over[row, row + 1 :]
        kept = block[alive]
        stays[kept] = True
        if left.size:
            left = left[~_over(boxes[kept], boxes[left], bar, inclusive).any(axis=0)]
    return stays


def _over(one: Floats, other: Floats, bar: np.float32, inclusive: bool) -> npt.NDArray[np.bool_]:
    found = overlaps(one, other)
    return found >= bar if inclusive else found > bar
