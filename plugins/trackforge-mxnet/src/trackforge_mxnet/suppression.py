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
    """Return the overlaps of corner boxes ``(N, 4)`` and ``(M, 4)``: ``(N, M)`` float32, 0 for empty ones."""
    return _Corners(one).against(_Corners(other))


class _Corners:
    """Boxes, coordinate by coordinate, with their areas."""

    def __init__(self, boxes: Floats) -> None:
        self.sides = np.ascontiguousarray(boxes.T, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # boxes of a network that was never trained
            self.area = (self.sides[2] - self.sides[0]) * (self.sides[3] - self.sides[1])

    def of(self, rows: npt.NDArray[Any]) -> _Corners:
        """Return some of them."""
        some = object.__new__(_Corners)
        some.sides, some.area = self.sides[:, rows], self.area[rows]
        return some

    def against(self, other: _Corners) -> Floats:
        """Return the overlaps ``(N, M)`` with others."""
        (x1, y1, x2, y2), (u1, v1, u2, v2) = self.sides[:, :, None], other.sides
        with np.errstate(over="ignore", invalid="ignore"):
            width = np.minimum(x2, u2)
            width -= np.maximum(x1, u1)
            np.maximum(width, 0, out=width)
            height = np.minimum(y2, v2)
            height -= np.maximum(y1, v1)
            np.maximum(height, 0, out=height)
            width *= height
            union = self.area[:, None] + other.area
            union -= width
            full = union > 0
            found: Floats = np.divide(width, union, out=height, where=full)
            if not full.all():
                found[~full] = 0
        return found


def survivors(
    boxes: Floats, limit: float, *, inclusive: bool, groups: npt.NDArray[Any] | None = None
) -> npt.NDArray[np.bool_]:
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
    corners = _Corners(boxes)
    left = np.arange(len(boxes))
    over = np.greater_equal if inclusive else np.greater
    bar = np.float32(limit)
    while left.size:
        block, left = left[:BLOCK], left[BLOCK:]
        best = corners.of(block)
        beaten = np.triu(over(best.against(best), bar), 1)
        alive = np.ones(len(block), bool)
        for row in np.flatnonzero(beaten.any(axis=1)):
            if alive[row]:
                alive[beaten[row]] = False
        kept = block[alive]
        stays[kept] = True
        if left.size and kept.size:
            left = left[~over(corners.of(kept).against(corners.of(left)), bar).any(axis=0)]
    return stays
