"""From blobs of foreground pixels to standing figures: learn their size, join fragments, split groups.

People in the street stand on one plane, so how tall they look depends on where their feet are, nearly linearly. That
one line, learned from blobs that plainly are single figures, tells a torso from a person and a person from a pair.
All numbers are pixels of the image that the blobs come from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Blobs", "GroundScale", "join", "split"]

Floats = npt.NDArray[np.float64]

MEMORY = 600
"""Figures that the size model remembers."""
ENOUGH = 40
"""Figures that it must have seen before it says anything."""
SEVERAL = 3
"""Things that must have walked."""
WALKERS = 0.5
"""Part of them that must have walked, for the line to mean anything."""
LARGEST = 100
"""Fragments of one frame that are looked at; more is noise (a light switched on), and joining is quadratic."""


@dataclass(frozen=True)
class Blobs:
    """Connected foreground regions of one frame.

    Attributes:
        xyxy: ``(N, 4)`` bounding boxes.
        pixels: ``(N,)`` foreground pixels in each.
        labels: One tuple of region numbers in ``image`` for each.
        image: ``(H, W)`` int32, the region number of every pixel, 0 for background.
    """

    xyxy: Floats
    pixels: Floats
    labels: tuple[tuple[int, ...], ...]
    image: npt.NDArray[np.int32]

    @classmethod
    def of(cls, foreground: npt.NDArray[np.uint8], *, least: int) -> Blobs:
        """Find the regions of at least ``least`` pixels in a 0/1 mask ``(H, W)``, largest first."""
        found: Any = cv2.connectedComponentsWithStats(foreground)
        _, image, stats, _ = found
        numbers = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= least)
        numbers = numbers[numbers > 0]  # 0 is the background
        numbers = numbers[np.argsort(-stats[numbers, cv2.CC_STAT_AREA], kind="stable")][:LARGEST]
        x, y, w, h, pixels = stats[numbers].astype(np.float64).reshape(-1, 5).T
        return cls(np.stack((x, y, x + w, y + h), axis=1), pixels, tuple((int(n),) for n in numbers), image)

    def mask(self, row: int) -> npt.NDArray[np.bool_]:
        """Return the pixels of one blob, cut to its box."""
        x1, y1, x2, y2 = self.xyxy[row].astype(int)
        return np.isin(self.image[y1:y2, x1:x2], self.labels[row])


@dataclass
class GroundScale:
    """The height of standing figures as a linear function of where their feet are, learned while watching."""

    aspect: float = 0.38
    """Width / height of a figure; the prior fits walking people and moves slowly to what is seen."""
    slope: float = 0.0
    offset: float = 0.0
    known: bool = False
    likely: bool = False
    """Whether there are walkers, while not enough have been seen to know."""
    _number: Floats = field(default_factory=lambda: np.empty(0))
    _walked: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    _feet: Floats = field(default_factory=lambda: np.empty(0))
    _heights: Floats = field(default_factory=lambda: np.empty(0))

    def height(self, feet: Any) -> Any:
        """Return the height of figures whose feet are at these y."""
        return np.maximum(self.slope * feet + self.offset, 1.0)

    def height_below(self, head: float) -> float:
        """Return the height of the figure whose head is at this y."""
        slope = min(self.slope, 0.8)  # a figure is never as tall as its feet are far down
        return float(max((slope * head + self.offset) / (1 - slope), 1.0))

    def learn(self, xyxy: Floats, number: Any = None, walks: Any = None) -> None:
        """Take in boxes ``(N, 4)`` of what looks like single, whole figures; refits the line once there are enough.

        The line is known once several things have walked and kept their height, they were a good part of all, and they
        agree: figures do so, and hands, heads and hems of somebody close by do not.

        Args:
            xyxy: The boxes.
            number: ``(N,)`` of the thing that each is of; without it each is one of its own, and walks.
            walks: ``(N,)`` whether that has walked so far.
        """
        if not len(xyxy):
            return
        if number is None or walks is None:
            number, walks = -1.0 - np.arange(len(xyxy)) - len(self._number), np.ones(len(xyxy), np.bool_)
        self._number = np.concatenate((self._number, number))[-MEMORY:]
        self._walked = np.concatenate((self._walked, walks))[-MEMORY:]
        heights = xyxy[:, 3] - xyxy[:, 1]
        self._feet = np.concatenate((self._feet, xyxy[:, 3]))[-MEMORY:]
        self._heights = np.concatenate((self._heights, heights))[-MEMORY:]
        if len(self._feet) >= ENOUGH / 4:
            self._fit()
            fits = np.abs(np.log(self._heights / self.height(self._feet)))[self._walked] < 0.2
            part, walkers = float(self._walked.mean()), len(np.unique(self._number[self._walked]))
            agree = walkers >= SEVERAL and float(fits.mean()) >= 0.7
            self.likely = agree and part >= 0.3
            enough = WALKERS - 0.1 * self.known  # what is known is not given up at once
            self.known = agree and len(self._feet) >= ENOUGH and part >= enough
        if len(self._feet) >= ENOUGH:
            seen = float(np.median((xyxy[:, 2] - xyxy[:, 0]) / self.height(xyxy[:, 3])))
            self.aspect += 0.01 * float(np.clip(seen - self.aspect, -0.1, 0.1))

    def _fit(self, rounds: int = 5) -> None:
        """Fit by iteratively reweighted least squares with Cauchy weights, so that fragments and pairs count little.

        Before figures were seen at different depths the line stays level: a weak prior pulls its slope to 0.
        """
        mean, spread = float(self._feet.mean()), max(float(self._feet.std()), 1.0)
        design = np.stack((np.ones_like(self._feet), (self._feet - mean) / spread), axis=1)
        weight = np.ones_like(self._feet)
        prior = np.diag([1e-6, 2.0])
        level = tilt = 0.0
        for _ in range(rounds):
            weighted = design * weight[:, None]
            level, tilt = np.linalg.solve(weighted.T @ design + prior, weighted.T @ self._heights)
            expected = np.maximum(level + tilt * design[:, 1], 1.0)
            weight = 1 / (1 + ((self._heights - expected) / (0.12 * expected)) ** 2)
        self.slope, self.offset = float(tilt / spread), float(level - tilt * mean / spread)


def join(blobs: Blobs, scale: GroundScale) -> Blobs:
    """Join fragments that stand over each other and together make one figure: a head, a torso, legs."""
    while len(blobs.xyxy) > 1:
        pair = _fragments(blobs.xyxy, scale)
        if pair is None:
            break
        blobs = _joined(blobs, *pair)
    return blobs


def _fragments(xyxy: Floats, scale: GroundScale) -> tuple[int, int] | None:
    """Return the pair of rows that belongs together best (the smallest gap), or None."""
    low, high = np.minimum(xyxy[:, None, :2], xyxy[None, :, :2]), np.maximum(xyxy[:, None, 2:], xyxy[None, :, 2:])
    size = high - low
    widths = xyxy[:, 2] - xyxy[:, 0]
    narrower, wider = np.minimum.outer(widths, widths), np.maximum.outer(widths, widths)
    expected = scale.height(high[:, :, 1])
    shared = np.minimum.outer(xyxy[:, 2], xyxy[:, 2]) - np.maximum.outer(xyxy[:, 0], xyxy[:, 0])
    gap = np.maximum.outer(xyxy[:, 1], xyxy[:, 1]) - np.minimum.outer(xyxy[:, 3], xyxy[:, 3])
    fits = (
        (shared >= 0.4 * narrower)
        & (gap <= 0.35 * expected)
        & (size[:, :, 1] <= 1.15 * expected)
        & (size[:, :, 0] <= np.maximum(1.3 * scale.aspect * expected, wider))
    )
    fits &= np.triu(np.ones_like(fits), 1)
    if not fits.any():
        return None
    first, second = np.unravel_index(int(np.argmin(np.where(fits, gap / expected, np.inf))), fits.shape)
    return int(first), int(second)


def _joined(blobs: Blobs, first: int, second: int) -> Blobs:
    xyxy, pixels, labels = blobs.xyxy.copy(), blobs.pixels.copy(), list(blobs.labels)
    xyxy[first, :2] = np.minimum(xyxy[first, :2], xyxy[second, :2])
    xyxy[first, 2:] = np.maximum(xyxy[first, 2:], xyxy[second, 2:])
    pixels[first] += pixels[second]
    labels[first] += labels.pop(second)
    return replace(blobs, xyxy=np.delete(xyxy, second, axis=0), pixels=np.delete(pixels, second), labels=tuple(labels))


def split(blobs: Blobs, row: int, scale: GroundScale, *, most: int = 12) -> tuple[Floats, Floats]:
    """Take a group apart into figures, head by head.

    The highest point of what is left is a head. A figure of the size expected there is cut out below it, and so on.

    Returns:
        ``(K, 4)`` boxes and ``(K,)`` foreground pixels of the figures; none where the blob has no figure's shape.
    """
    left, top = blobs.xyxy[row, :2].astype(int)
    rest = blobs.mask(row)
    rows, columns = rest.shape
    boxes, pixels = [], []
    for _ in range(most):
        taken = rest.any(axis=0)
        if not taken.any():
            break
        crown = np.where(taken, rest.argmax(axis=0), rows)  # y of the first pixel of each column
        guess = scale.aspect * scale.height_below(float(top + crown.min()))
        reach = max(int(0.25 * guess) | 1, 1)
        level = cv2.blur(crown.astype(np.float32)[None], (reach, 1))[0]
        x = _middle_of_top(level, slack=0.1 * guess)
        head = int(crown[max(0, int(x - 0.25 * guess)) : int(x + 0.25 * guess) + 1].min())
        height = scale.height_below(float(top + head))
        width = scale.aspect * height
        x1, x2 = max(0, int(x - 0.6 * width)), min(columns, int(x + 0.6 * width) + 1)
        bottom = min(rows, int(head + 1.08 * height))
        part = rest[head:bottom, x1:x2].copy()
        edge = int(0.1 * width)  # what is cut out is narrower than what is looked at: neighbours overlap
        rest[:bottom, x1 + edge : max(x1 + edge, x2 - edge)] = False
        inside = np.flatnonzero(part.sum(axis=0) > 0.05 * height)  # columns with more than an arm in them
        if part.sum() < 0.2 * height * width or not len(inside):
            continue
        lines = np.flatnonzero(part.any(axis=1))
        boxes.append((x1 + inside[0], head + lines[0], x1 + inside[-1] + 1, head + lines[-1] + 1))
        pixels.append(float(part.sum()))
    found = np.array(boxes, dtype=np.float64).reshape(-1, 4) + np.array([left, top, left, top])
    return found, np.array(pixels, dtype=np.float64)


def _middle_of_top(level: npt.NDArray[Any], slack: float) -> int:
    """Return the middle of the first run of columns that are within ``slack`` pixels of the highest."""
    high = level <= level.min() + slack
    start = int(np.argmin(level))
    end = start + int(np.argmin(np.append(high[start:], False)))
    while start and high[start - 1]:
        start -= 1
    return (start + end - 1) // 2
