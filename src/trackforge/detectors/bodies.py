"""Bodies close to the camera: what moves near each other for seconds is one thing, and stays one while it rests.

Close by, a person is no blob: hair, hands and the edges of a pullover move, the rest looks like a moment ago. So a body
is remembered. Its box grows at once to what moves beside it, and shrinks only as far as its outline is in view.
All numbers are pixels of the reduced picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Bodies", "Body"]

Floats: TypeAlias = npt.NDArray[np.float64]

NEW = 3
"""Frames for which something must have been there to be a body."""
SETTLED = 10
"""First frames of a scene, in which nobody has arrived: what moves was there."""
FORGET = 250
"""Frames without any evidence after which a body is gone."""


@dataclass(eq=False)
class Body:
    """One thing that is remembered.

    Attributes:
        xyxy: ``(4,)`` its box.
        age: Frames since it was first seen.
        unseen: Frames since there was evidence of it.
        fill: Part of its box that is foreground, smoothed over frames.
        nested: For how many frames it has been inside of another, or one part above the other.
        arrived: Whether it came in from the left or right, whole; else it may be a piece of what was there before.
    """

    xyxy: Floats
    age: int = 0
    unseen: int = 0
    fill: float = 0.0
    nested: int = field(default=0)
    arrived: bool = False

    @property
    def size(self) -> Floats:
        """Width and height."""
        return self.xyxy[2:] - self.xyxy[:2]

    def take(self, box: Floats, pixels: float) -> None:
        """Move the box to what was seen of the body."""
        fill = pixels / max(float(self.size.prod()), 1.0)
        self.fill += 0.2 * (min(fill, 1.0) - self.fill)
        outward = np.array([1, 1, -1, -1]) * (self.xyxy - box) > 0
        inward = 0.004 + 0.4 * float(np.clip((min(fill, self.fill) - 0.1) / 0.25, 0, 1))
        self.xyxy = self.xyxy + np.where(outward, 0.6, inward) * (box - self.xyxy)
        self.age, self.unseen = self.age + 1, 0


class Bodies:
    """Remembers bodies and gives every foreground pixel to one of them."""

    def __init__(self) -> None:
        self.all: list[Body] = []
        self._frames = 0

    def update(self, found: npt.NDArray[np.uint8]) -> None:
        """Take in the foreground of a frame, a 0/1 mask ``(H, W)``."""
        rows, columns = found.shape
        self._frames += 1
        reach = max(int(0.035 * max(found.shape)) | 1, 3)
        closed = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
        least = 0.0008 * found.size
        owner = np.full(found.shape, -1, np.int32)
        fresh = []
        for number in range(1, count):
            x, y, w, h, area = (int(v) for v in stats[number])
            if area < least:
                continue
            part = (slice(y, y + h), slice(x, x + w))
            inside = (labels[part] == number) & (found[part] > 0)
            box = np.array([x, y, x + w, y + h], np.float64)
            near = self._near(box)
            if not near:
                fresh.append((box, float(inside.sum())))
            elif len(near) == 1:
                owner[part][inside] = near[0]
            else:
                yy, xx = np.nonzero(inside)
                owner[part][yy, xx] = self._nearest(near, xx + x, yy + y)
        for i, body in enumerate(self.all):
            seen = owner == i
            pixels = int(np.count_nonzero(seen))
            if pixels < least:
                body.unseen += 1
                continue
            body.take(_extent(seen), pixels)
        for box, amount in _grouped(fresh):
            arrived = self._frames > SETTLED and bool(box[0] <= 1 or box[2] >= columns - 1)
            fill = amount / max(float((box[2:] - box[:2]).prod()), 1.0)
            self.all.append(Body(box, age=1, fill=fill, arrived=arrived))
        self._merge()
        limit = np.array([columns, rows, columns, rows])
        kept = []
        for body in self.all:
            body.xyxy = np.clip(body.xyxy, 0, limit)
            # who was in full view and is not now has gone; of whom only hands were seen, those may rest
            patience = 4 if body.fill > 0.3 else min(FORGET, 3 * body.age)
            if body.unseen <= patience and body.size.min() >= 2:
                kept.append(body)
        self.all = kept
        self.owner = owner

    def _near(self, box: Floats) -> list[int]:
        """Return the bodies to which a component may belong: those it touches, and large ones close beside it."""
        near = []
        for i, body in enumerate(self.all):
            margin = 0.08 * float(body.size.max())
            low = np.maximum(box[:2], body.xyxy[:2] - margin)
            high = np.minimum(box[2:], body.xyxy[2:] + margin)
            if (high > low).all():
                near.append(i)
        return near

    def _nearest(self, near: list[int], x: Any, y: Any) -> Any:
        """Return for each pixel the body whose box it lies in deepest."""
        away = []
        for i in near:
            body = self.all[i]
            centre, half = (body.xyxy[:2] + body.xyxy[2:]) / 2, np.maximum(body.size / 2, 1)
            away.append(np.maximum(np.abs(x - centre[0]) / half[0], 0.7 * np.abs(y - centre[1]) / half[1]))
        return np.array(near)[np.argmin(np.array(away), axis=0)]

    def _merge(self) -> None:
        """Make one of two bodies that for some frames were one inside the other, or one above the other."""
        for one in list(self.all):
            for other in list(self.all):
                if one is other or one not in self.all or other not in self.all:
                    continue
                if float(one.size.prod()) < float(other.size.prod()):
                    continue
                pieces = not (one.arrived or other.arrived) and _compact(one.xyxy, other.xyxy)
                if pieces or _belongs(other.xyxy, one.xyxy):
                    other.nested += 1
                    if other.nested > 4:
                        self._absorb(one, other)

    def _absorb(self, one: Body, other: Body) -> None:
        xyxy = np.concatenate((np.minimum(one.xyxy[:2], other.xyxy[:2]), np.maximum(one.xyxy[2:], other.xyxy[2:])))
        keep = one
        keep.xyxy, keep.age = xyxy, max(one.age, other.age)
        self.all = [b for b in self.all if b is not other]


def _belongs(small: Floats, large: Floats) -> bool:
    """Return whether a box is a part of a larger one: mostly inside, or above or below it and hardly apart."""
    low, high = np.maximum(small[:2], large[:2]), np.minimum(small[2:], large[2:])
    overlap = high - low
    size, other = small[2:] - small[:2], large[2:] - large[:2]
    if (overlap > 0).all() and overlap.prod() > 0.6 * size.prod():
        return True
    stacked = overlap[0] > 0.5 * min(size[0], other[0]) and overlap[1] > -0.25 * other[1]
    beside = overlap[1] > 0.5 * size[1] and overlap[0] > -0.15 * other.max() and size.prod() < 0.35 * other.prod()
    return bool(stacked or beside)


def _compact(one: Floats, other: Floats) -> bool:
    """Return whether two boxes touch and together are no wider than a person who sits: not two side by side."""
    low, high = np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])
    apart = np.maximum(one[:2], other[:2]) - np.minimum(one[2:], other[2:])
    width, height = high - low
    return bool(apart.max() < 0.1 * height and width < 0.95 * height)


def _grouped(found: list[tuple[Floats, float]]) -> list[tuple[Floats, float]]:
    """Join fresh components that belong together."""
    left = sorted(found, key=lambda f: -f[1])
    i = 0
    while i < len(left):
        for j in range(len(left) - 1, i, -1):
            (one, pixels), (other, more) = left[i], left[j]
            if _belongs(other, one):
                joined = np.concatenate((np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])))
                left[i] = (joined, pixels + more)
                del left[j]
                i = -1
                break
        i += 1
    return left


def _extent(seen: npt.NDArray[np.bool_]) -> Floats:
    """Return the box of a mask, without the thinnest hundredth on each side."""
    columns, rows = seen.sum(axis=0).cumsum(), seen.sum(axis=1).cumsum()
    total = columns[-1]
    x1, x2 = np.searchsorted(columns, (0.005 * total, 0.995 * total))
    y1, y2 = np.searchsorted(rows, (0.005 * total, 0.995 * total))
    return np.array([x1, y1, x2 + 1, y2 + 1], np.float64)
