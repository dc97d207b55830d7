"""A crowd of boxes with ground truth: for tests and benchmarks of association. NumPy alone.

People walk over a plane seen from above and in front, so boxes grow towards the camera. Whoever stands nearer hides
those behind: their scores drop, and the more is hidden the more often they are missed. False positives have low scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame

__all__ = ["Crowd", "CrowdConfig", "visibility"]

Floats = npt.NDArray[np.float64]
ASPECT = 0.4
"""Width / height of a walker."""
HORIZON = 0.1
"""Height of the horizon in the image, from the top, in image heights."""


@dataclass(frozen=True, kw_only=True)
class CrowdConfig:
    """Settings of `Crowd`."""

    objects: int = setting(50, help="People in view at any time.", minimum=0)
    frames: int = setting(300, help="Length of the sequence.", unit="frames", minimum=1)
    size: tuple[int, int] = setting((1920, 1080), help="Width and height of the image.", unit="px", minimum=16)
    rate: float = setting(30.0, help="Frame rate.", unit="1/s", minimum=0.1)
    lifetime: float = setting(
        0.0,
        help="Mean life of a person before somebody else takes the place; 0 = until they leave the image.",
        unit="frames",
        minimum=0,
    )
    miss: float = setting(0.03, help="Probability of missing a person in full view.", minimum=0, maximum=1)
    false_positives: float = setting(2.0, help="Mean number of false detections.", unit="1/frame", minimum=0)
    jitter: float = setting(0.03, help="Standard deviation of detected box edges.", unit="box sizes", minimum=0)
    classes: int = setting(1, help="Number of classes; every person keeps one for life.", minimum=1)
    seed: int = setting(0, help="Two crowds of one seed are equal.", minimum=0)

    def __post_init__(self) -> None:
        check(self)


class Crowd:
    """A sequence of detections whose truth is known.

    >>> crowd = Crowd(CrowdConfig(objects=10, frames=100))
    >>> for frame, detections in crowd:
    ...     pass
    >>> crowd.truth.frames.size
    100

    Iterating makes the frames one by one and keeps nothing, so a stream of any length needs no memory; every
    iteration gives the same.
    """

    def __init__(self, config: CrowdConfig | None = None) -> None:
        self.config = config or CrowdConfig()
        self.name = "crowd"

    @classmethod
    def churny(cls, *, objects: int = 30, frames: int = 20_000, seed: int = 0) -> Crowd:
        """Return a stream in which people appear and vanish all the time: one lives 20 frames on average."""
        return cls(CrowdConfig(objects=objects, frames=frames, lifetime=20, miss=0.15, false_positives=3, seed=seed))

    def __len__(self) -> int:
        return self.config.frames

    def __iter__(self) -> Iterator[tuple[Frame, Detections]]:
        for frame, detections, _ in self.scenes():
            yield frame, detections

    @property
    def truth(self) -> TrackTable:
        """Everybody with at least a tenth in view; ``extra["visibility"]`` is the part in view, 0..1."""
        return TrackTable.concatenate([truth for _, _, truth in self.scenes()])

    def scenes(self) -> Iterator[tuple[Frame, Detections, TrackTable]]:
        """Yield frame, detections and truth together.

        ``detections.extra["truth_id"]`` is the person detected, -1 for false positives: for tests, never for trackers.
        """
        c = self.config
        random = np.random.default_rng(c.seed)
        walk = _Walk(c, random)
        for index in range(c.frames):
            seen = visibility(walk.xyxy, c.size)
            frame = Frame(index=index, size=c.size, timestamp=index / c.rate, sequence=self.name)
            there = np.flatnonzero(seen >= 0.1)
            truth = TrackTable(
                frame=np.full(len(there), index),
                track_id=walk.track_id[there],
                xyxy=walk.xyxy[there],
                class_id=walk.class_id[there],
                extra={"visibility": seen[there]},
                sequence=self.name,
            )
            yield frame, _detect(c, walk, seen, random), truth
            walk.step()


def visibility(xyxy: Floats, size: tuple[int, int]) -> Floats:
    """Return which part of each box is in the image and not behind a nearer one, ``(N,)``, 0..1.

    Nearer is what reaches further down. Overlaps are added up, which is exact while no three boxes meet.
    """
    low, high = np.maximum(xyxy[:, :2], 0), np.minimum(xyxy[:, 2:], size)
    inside = np.maximum(high - low, 0).prod(axis=1)
    overlap = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    hidden = np.maximum(overlap, 0).prod(axis=2) * (xyxy[None, :, 3] > xyxy[:, None, 3])
    area = (xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1)
    part: Floats = np.clip(inside - hidden.sum(axis=1), 0, None) / np.maximum(area, 1e-9)
    return part


def _detect(c: CrowdConfig, walk: _Walk, seen: Floats, random: np.random.Generator) -> Detections:
    """See the scene as a detector would."""
    n = len(seen)
    score = np.clip(0.95 * np.sqrt(seen) - np.abs(random.normal(0, 0.06, n)), 0.02, 1)
    found = random.random(n) >= c.miss + (1 - c.miss) * (1 - np.minimum(seen / 0.6, 1)) ** 2
    found &= seen >= 0.1
    scale = np.tile(walk.xyxy[:, 2:] - walk.xyxy[:, :2], 2)
    xyxy = (walk.xyxy + random.normal(0, 1, (n, 4)) * scale * c.jitter)[found]
    false = int(random.poisson(c.false_positives))
    height = random.uniform(0.04, 0.3, false) * c.size[1]
    corner = random.uniform(0, 1, (false, 2)) * c.size
    ghosts = np.concatenate((corner, corner + np.stack((ASPECT * height, height), axis=1)), axis=1)
    boxes = np.concatenate((xyxy, ghosts))
    boxes = np.concatenate((np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])), axis=1)
    scores = np.concatenate((score[found], random.beta(1.5, 6, false)))
    classes = np.concatenate((walk.class_id[found], random.integers(0, c.classes, false)))
    identity = np.concatenate((walk.track_id[found], np.full(false, -1)))
    order = random.permutation(len(boxes))  # a detector knows no order
    return Detections(
        xyxy=boxes[order].astype(np.float32),
        score=scores[order].astype(np.float32),
        class_id=classes[order],
        extra={"truth_id": identity[order]},
    )


class _Walk:
    """Where everybody is: foot points in the image, headings, identities."""

    def __init__(self, c: CrowdConfig, random: np.random.Generator) -> None:
        self._c, self._random, n = c, random, c.objects
        self._foot, self._heading, self._stature = np.empty((n, 2)), np.empty((n, 2)), np.empty(n)
        self.track_id, self.class_id = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._next = 1
        self._arrive(np.arange(n), anywhere=True)

    @property
    def xyxy(self) -> Floats:
        """Boxes, ``(N, 4)``."""
        half = ASPECT * self._height / 2
        x, y = self._foot.T
        return np.stack((x - half, y - self._height, x + half, y), axis=1)

    @property
    def _height(self) -> Floats:
        rows = self._c.size[1]
        depth: Floats = np.maximum(self._foot[:, 1] - HORIZON * rows, 0.05 * rows)
        crowded = min(1.0, (40 / max(self._c.objects, 1)) ** 0.5)  # many have room only where they look small
        height: Floats = 0.35 * crowded * depth * self._stature
        return height

    def step(self) -> None:
        """Move everybody by one frame; who has left, or whose time is over, gives way to somebody new."""
        c, (width, rows) = self._c, self._c.size
        n = len(self._stature)
        self._heading += self._random.normal(0, 0.02, (n, 2))
        self._foot += self._heading * self._height[:, None] * np.array([1.0, 0.4]) / c.rate
        xyxy = self.xyxy
        gone = (xyxy[:, 2] < 0) | (xyxy[:, 0] > width) | (xyxy[:, 1] > rows) | (xyxy[:, 3] < (HORIZON + 0.08) * rows)
        dead = np.zeros(n, bool)
        if c.lifetime:
            dead = self._random.random(n) < 1 / c.lifetime
        self._arrive(np.flatnonzero(dead), anywhere=True)
        self._arrive(np.flatnonzero(gone & ~dead), anywhere=False)

    def _arrive(self, rows: npt.NDArray[np.int64], *, anywhere: bool) -> None:
        """Put new people in the given places: anywhere in the image, or at its left and right edge."""
        k, random, (width, height) = len(rows), self._random, self._c.size
        side = random.integers(0, 2, k)
        y = random.uniform(HORIZON + 0.12, 1.05, k) * height
        x = random.uniform(0, 1, k) * width if anywhere else side * float(width)
        speed = random.uniform(0.4, 0.9, k)  # body heights a second
        angle = random.uniform(-0.6, 0.6, k)
        self._foot[rows] = np.stack((x, y), axis=1)
        towards = np.where(side == 1, -1.0, 1.0)
        self._heading[rows] = np.stack((towards * speed * np.cos(angle), speed * np.sin(angle)), axis=1)
        self._stature[rows] = np.clip(random.normal(1, 0.06, k), 0.8, 1.2)
        self.class_id[rows] = random.integers(0, self._c.classes, k)
        self.track_id[rows] = np.arange(self._next, self._next + k)
        self._next += k
