"""Which boxes have been there for some frames, and which of them go somewhere: walkers do, hands and hems do not."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge import boxes as _boxes

__all__ = ["Lasting"]

Floats: TypeAlias = npt.NDArray[np.float64]


class Lasting:
    """Follows boxes from frame to frame by their overlap.

    Attributes:
        xyxy: ``(N, 4)`` the boxes of the last frame.
        age: ``(N,)`` for how many frames there has been a box here before.
        number: ``(N,)`` of the thing that each box is of; never given twice.
    """

    def __init__(self) -> None:
        self.xyxy: Floats = np.empty((0, 4))
        self.age: Floats = np.empty(0)
        self.number: Floats = np.empty(0)
        self._next = 0
        self._start: Floats = np.empty((0, 2))  # where each began: its middle
        self._height: Floats = np.empty(0)  # smoothed
        self._wobble: Floats = np.empty(0)  # smoothed relative error of that

    def update(self, xyxy: Floats) -> Floats:
        """Take in the boxes ``(N, 4)`` of the next frame; returns the ages, ``(N,)``."""
        middle, height = (xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 3] - xyxy[:, 1]
        age, start, smooth, wobble = np.zeros(len(xyxy)), middle.copy(), height.copy(), np.full(len(xyxy), 0.1)
        number = self._next + np.arange(len(xyxy), dtype=np.float64)
        self._next += len(xyxy)
        if len(xyxy) and len(self.xyxy):
            overlap = _boxes.iou(xyxy, self.xyxy)
            old, same = overlap.argmax(axis=1), overlap.max(axis=1) > 0.3
            age = np.where(same, self.age[old] + 1, 0.0)
            number[same] = self.number[old[same]]
            start[same] = self._start[old[same]]
            before = np.where(same, self._height[old], height)
            smooth = before + 0.2 * (height - before)
            wobble = np.where(same, 0.8 * self._wobble[old] + 0.2 * np.abs(height / before - 1), wobble)
        self.xyxy, self.age, self._start, self._height, self._wobble = xyxy, age, start, smooth, wobble
        self.number = number
        return age

    def walks(self, least: float = 1.0, steady: float = 0.12) -> npt.NDArray[np.bool_]:
        """Return which boxes have come further than ``least`` of their widths and kept their height, ``(N,)``."""
        middle, width = (self.xyxy[:, :2] + self.xyxy[:, 2:]) / 2, self.xyxy[:, 2] - self.xyxy[:, 0]
        far = np.hypot(*(middle - self._start).T)
        return (far >= least * width) & (self._wobble < steady)  # type: ignore[no-any-return]
