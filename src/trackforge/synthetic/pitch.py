"""A simulated pitch with players whose ways, speeds and distances are known in metres. NumPy alone.

A camera on a stand sees the whole pitch. Players stand, walk, jog, run and sprint from place to place, with the
accelerations that people have; each is a box whose lower edge stands on the ground where the player does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame

__all__ = ["Pitch", "PitchConfig"]

Floats: TypeAlias = npt.NDArray[np.float64]
PACES = (0.0, 1.4, 3.0, 5.0, 7.5)
"""Standing, walking, jogging, running and sprinting, in m/s."""
OFTEN = (0.2, 0.35, 0.25, 0.15, 0.05)
"""How often each is chosen."""
STEPS = 4
"""Of the simulation, per frame: distances are those of the way between the frames, too."""
RESPONSE, FORCE = 0.5, 4.0
"""Seconds in which a player takes up a new pace, and the greatest acceleration, m/s²."""


@dataclass(frozen=True, kw_only=True)
class PitchConfig:
    """Settings of `Pitch`."""

    players: int = setting(10, help="How many.", minimum=0)
    frames: int = setting(1500, help="Length of the sequence.", unit="frames", minimum=1)
    rate: float = setting(25.0, help="Frame rate.", unit="1/s", minimum=1)
    pitch: tuple[float, float] = setting((40.0, 20.0), help="Length and width of the pitch.", unit="m", minimum=5)
    size: tuple[int, int] = setting((1920, 1080), help="Width and height of the image.", unit="px", minimum=64)
    mast: float = setting(9.0, help="Height of the camera over the ground.", unit="m", minimum=1)
    back: float = setting(12.0, help="How far the camera stands behind the near side.", unit="m", minimum=1)
    jitter: float = setting(1.5, help="Standard deviation of every edge of a box.", unit="px", minimum=0)
    miss: float = setting(0.02, help="Probability of missing a player in a frame.", minimum=0, maximum=1)
    still: int = setting(2, help="Players of whom each stands at one place all the time.", minimum=0)
    seed: int = setting(0, help="Two pitches of one seed are equal.", minimum=0)

    def __post_init__(self) -> None:
        check(self)


class Pitch:
    """A sequence of detections of players, whose truth is known in pixels and in metres.

    x runs along the pitch to the right, y across it towards the camera, both in metres from the far left corner.
    Nobody looks at overlaps: who is hidden by others is detected all the same.

    Attributes:
        to_image: ``(3, 3)`` homography from metres to pixels.
        corners: ``(4, 2)`` pixels of the corners: far left, far right, near right, near left.
    """

    def __init__(self, config: PitchConfig | None = None) -> None:
        self.config = config or PitchConfig()
        self.name = "pitch"
        (self._length, self._width), self._focal = self.config.pitch, 1.0
        self._tilt = math.atan2(self.config.mast, self.config.back + 0.45 * self._width)
        ground = np.array([[0, 0], [self._length, 0], [self._length, self._width], [0, self._width]], np.float64)
        reach = np.abs(self.project(ground, 0.0) - np.array(self.config.size) / 2)
        self._focal = float((0.46 * np.array(self.config.size) / reach.max(axis=0)).min())
        self.corners = self.project(ground, 0.0)
        self.to_image = self._homography()

    def __len__(self) -> int:
        return self.config.frames

    def __iter__(self) -> Iterator[tuple[Frame, Detections]]:
        for frame, detections, _ in self.scenes():
            yield frame, detections

    @property
    def truth(self) -> TrackTable:
        """Every player in every frame; ``extra`` has ``x``, ``y`` and ``distance`` in m and ``speed`` in m/s."""
        return TrackTable.concatenate([truth for _, _, truth in self.scenes()])

    def project(self, ground: Floats, up: Floats | float) -> Floats:
        """Return the pixels ``(N, 2)`` of points over the ground ``(N, 2)``, ``up`` metres over it."""
        right, forward, above, cos, sin = self._seen(ground, up)
        depth, rise = forward * cos - above * sin, forward * sin + above * cos
        centre = np.array(self.config.size) / 2
        return centre + self._focal * np.stack((right / depth, -rise / depth), axis=1)

    def _seen(self, ground: Floats, up: Floats | float) -> tuple[Floats, Floats, Floats | float, float, float]:
        right = ground[:, 0] - self._length / 2
        forward = self._width + self.config.back - ground[:, 1]
        return right, forward, up - self.config.mast, math.cos(self._tilt), math.sin(self._tilt)

    def _homography(self) -> Floats:
        """Write the projection of the ground as a matrix."""
        cos, sin, mast = math.cos(self._tilt), math.sin(self._tilt), self.config.mast
        near, (across, down) = self._width + self.config.back, np.array(self.config.size) / 2
        depth = np.array([0.0, -cos, near * cos + mast * sin])
        rise = np.array([0.0, -sin, near * sin - mast * cos])
        right = np.array([1.0, 0.0, -self._length / 2])
        return np.stack((across * depth + self._focal * right, down * depth - self._focal * rise, depth))

    def scenes(self) -> Iterator[tuple[Frame, Detections, TrackTable]]:
        """Yield frame, detections and truth together; ``detections.extra["truth_id"]`` is the player detected."""
        c = self.config
        walk, see = np.random.default_rng(c.seed).spawn(2)
        players = _Players(c, walk)
        ids = np.arange(1, c.players + 1)
        for index in range(c.frames):
            feet, heads = self.project(players.place, 0.0), self.project(players.place, players.stature)
            half = 0.17 * (feet[:, 1] - heads[:, 1])
            xyxy = np.stack((feet[:, 0] - half, heads[:, 1], feet[:, 0] + half, feet[:, 1]), axis=1)
            found = see.random(c.players) >= c.miss
            seen = (xyxy + see.normal(0, c.jitter, xyxy.shape) if c.jitter else xyxy)[found]
            seen[:, 2:] = np.maximum(seen[:, :2], seen[:, 2:])
            yield (
                Frame(index=index, size=c.size, timestamp=index / c.rate, sequence=self.name),
                Detections(
                    xyxy=seen.astype(np.float32),
                    score=np.full(len(seen), 0.9, np.float32),
                    extra={"truth_id": ids[found]},
                ),
                TrackTable(
                    frame=np.full(c.players, index),
                    track_id=ids,
                    xyxy=xyxy,
                    extra={
                        "x": players.place[:, 0].copy(), "y": players.place[:, 1].copy(),
                        "speed": np.hypot(*players.velocity.T), "distance": players.distance.copy(),
                    },
                    sequence=self.name,
                ),
            )  # fmt: skip
            for _ in range(STEPS):
                players.step(1 / (STEPS * c.rate))


class _Players:
    """Where everybody is, in metres."""

    def __init__(self, c: PitchConfig, random: np.random.Generator) -> None:
        self._random, self._pitch, n = random, np.array(c.pitch), c.players
        self.place = random.uniform(0.05, 0.95, (n, 2)) * self._pitch
        self.velocity, self.distance = np.zeros((n, 2)), np.zeros(n)
        self.stature = np.clip(random.normal(1.8, 0.07, n), 1.6, 2.0)
        self._target, self._pace, self._left = self.place.copy(), np.zeros(n), np.zeros(n)
        self._still = np.arange(n) < c.still

    def step(self, dt: float) -> None:
        """Go on by ``dt`` seconds; who is there, or whose time is over, goes elsewhere at another pace."""
        self._left -= dt
        way = self._target - self.place
        far = np.hypot(*way.T)
        new = np.flatnonzero((self._left <= 0) | ((far < 1.0) & (self._pace > 0)))
        if len(new):
            random = self._random
            self._pace[new] = random.choice(PACES, len(new), p=OFTEN) * random.uniform(0.85, 1.15, len(new))
            self._left[new] = random.uniform(2, 8, len(new))
            reach = random.uniform(-25, 25, (len(new), 2))
            self._target[new] = np.clip(self.place[new] + reach, 0.04 * self._pitch, 0.96 * self._pitch)
            way = self._target - self.place
            far = np.hypot(*way.T)
        self._pace[self._still] = 0
        wanted = way / np.maximum(far, 1e-9)[:, None] * self._pace[:, None]
        force = (wanted - self.velocity) / RESPONSE
        strength = np.hypot(*force.T)
        force *= np.minimum(1, FORCE / np.maximum(strength, 1e-9))[:, None]
        moved = self.velocity * dt + force * dt**2 / 2
        self.velocity += force * dt
        self.place += moved
        self.distance += np.hypot(*moved.T)
