"""Boxes told by keyframes, as label tools do: between two of them each corner moves in a straight line.

Both ways: which boxes a track of keyframes means, and which few keyframes mean the boxes of a track.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["between", "chosen", "envelope"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]


def between(frames: Ints, values: Floats, wanted: Ints) -> Floats:
    """Return values ``(W, C)`` at the frames ``wanted``, in straight lines between keyframes; held after the last.

    Args:
        frames: ``(K,)`` keyframes, ascending.
        values: ``(K, C)``.
        wanted: ``(W,)`` frames, none before the first keyframe.
    """
    left = np.clip(np.searchsorted(frames, wanted, side="right") - 1, 0, None)
    right = np.minimum(left + 1, len(frames) - 1)
    distance = np.maximum(frames[right] - frames[left], 1)
    share = ((wanted - frames[left]) / distance)[:, None]
    return np.asarray(values[left] + (values[right] - values[left]) * share, np.float64)


def chosen(frames: Ints, boxes: Floats, tolerance: float, fixed: Bools) -> Bools:
    """Choose keyframes so that what lies between is off by ``tolerance`` at most, in every coordinate.

    By the rule of Ramer, Douglas and Peucker: where a straight line is too far off, the frame that it is furthest off
    becomes a keyframe.

    Args:
        frames: ``(N,)``, ascending.
        boxes: ``(N, 4)`` pixels.
        tolerance: Pixels, >= 0.
        fixed: ``(N,)`` those that must be keyframes in any case.

    Returns:
        ``(N,)`` mask; the first and the last are always keyframes.

    Source: Douglas and Peucker, Cartographica 10, 1973.
    """
    keep: Bools = fixed.copy()
    keep[[0, -1]] = True
    stops = np.flatnonzero(keep)
    open_ = list(zip(stops[:-1].tolist(), stops[1:].tolist(), strict=True))
    while open_:
        first, last = open_.pop()
        if last - first < 2:
            continue
        ends = np.array([first, last])
        line = between(frames[ends], boxes[ends], frames[first + 1 : last])
        off = np.abs(line - boxes[first + 1 : last]).max(axis=1)
        worst = int(off.argmax())
        if off[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            open_ += [(first, middle), (middle, last)]
    return keep


def envelope(boxes: Floats, degrees: Floats) -> Floats:
    """Return the upright boxes ``(N, 4)`` around boxes that are turned about their centres by angles ``(N,)``."""
    if not degrees.any():
        return boxes
    turn = np.deg2rad(degrees)
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    half: Any = np.stack((size[:, 0] * cos + size[:, 1] * sin, size[:, 0] * sin + size[:, 1] * cos), axis=1) / 2
    turned = np.concatenate((centre - half, centre + half), axis=1)
    return np.where((degrees % 360 == 0)[:, None], boxes, turned)
