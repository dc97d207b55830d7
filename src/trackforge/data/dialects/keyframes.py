"""Boxes between key frames: label tools store a track as a few boxes and draw straight lines between them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["interpolated", "thinned"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def interpolated(frames: tuple[int, int], values: tuple[Floats, Floats], *, last: bool = False) -> tuple[Ints, Floats]:
    """Return what lies between two key frames, on straight lines.

    Args:
        frames: Numbers of the two, the second larger.
        values: ``(D,)`` values at each, such as the corners of a box.
        last: Whether the second belongs to what is returned.

    Returns:
        ``(N,)`` frame numbers, and the ``(N, D)`` values there; the first key frame first.
    """
    first, end = frames
    between = np.arange(first, end + last)
    share = ((between - first) / (end - first))[:, None]
    return between, values[0] + share * (values[1] - values[0])


def thinned(frames: Ints, values: Floats, tolerance: float = 0.01) -> Bools:
    """Choose key frames such that straight lines between them pass every value within the tolerance.

    The first and the last row of a run of consecutive frames are always chosen. One pass: from the last key frame on,
    each value that was passed narrows the slopes that are still allowed; where the slope to a value is none of them,
    the value before it becomes a key frame.

    Args:
        frames: ``(N,)`` frame numbers, increasing.
        values: ``(N, D)`` values there.
        tolerance: How far a line may pass from a value, in its unit.

    Returns:
        ``(N,)`` mask of the rows to keep.
    """
    n = len(frames)
    keep = np.zeros(n, bool)
    if not n:
        return keep
    keep[0] = keep[-1] = True
    anchor = 0
    low, high = np.full(values.shape[1], -np.inf), np.full(values.shape[1], np.inf)
    for row in range(1, n):
        if frames[row] != frames[row - 1] + 1:
            keep[row - 1] = keep[row] = True
            anchor = row
        else:
            slope = (values[row] - values[anchor]) / (frames[row] - frames[anchor])
            if (slope >= low).all() and (slope <= high).all():
                give = tolerance / (frames[row] - frames[anchor])
                low, high = np.maximum(low, slope - give), np.minimum(high, slope + give)
                continue
            keep[row - 1] = True
            anchor = row - 1
            slope = values[row] - values[anchor]
            low, high = slope - tolerance, slope + tolerance
            continue
        low, high = np.full(values.shape[1], -np.inf), np.full(values.shape[1], np.inf)
    return keep
