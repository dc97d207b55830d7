"""Who walks where on the synthetic street, in metres and seconds. NumPy alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from trackforge.synthetic.ground import Camera

__all__ = ["Walk", "Walks"]

Place: TypeAlias = tuple[float, float]

STRIDE = 1.5
"""Metres of two steps."""


@dataclass
class Walk:
    """One person on the way through the scene.

    Attributes:
        number: Of the person, 1 and up; never given twice.
        route: Places to go to, ``(x, z)`` in metres; reached ones are taken out.
        position: Now, ``(x, z)`` in metres.
        speed: In metres a second.
        stature: Body height in metres.
        wait: Seconds to stand still when the next place is reached.
        phase: Position in the stride, in radians.
        heading: 1 = to the right, -1 = to the left, 0 = towards the camera or away.
        walking: 1 = walks, 0 = stands; between while starting and stopping.
    """

    number: int
    route: list[Place]
    position: Place
    speed: float
    stature: float
    wait: float = 0.0
    phase: float = 0.0
    heading: float = 1.0
    walking: float = 1.0
    pause: float = field(default=0.0)

    def step(self, dt: float) -> bool:
        """Walk for ``dt`` seconds; returns whether there is still somewhere to go."""
        moving = self.pause <= 0
        self.walking += (float(moving) - self.walking) * min(1.0, 5 * dt)
        if not moving:
            self.pause -= dt
            return True
        (x, z), (to_x, to_z) = self.position, self.route[0]
        far = math.hypot(to_x - x, to_z - z)
        reach = self.speed * dt
        self.phase += 2 * math.pi * reach / STRIDE
        if far > 1e-9:
            self.heading += ((to_x - x) / far - self.heading) * min(1.0, 6 * dt)
        if far <= reach:
            self.position = self.route.pop(0)
            self.pause, self.wait = self.wait, 0.0
            return bool(self.route)
        self.position = (x + (to_x - x) / far * reach, z + (to_z - z) / far * reach)
        return True


class Walks:
    """A street on which a given number of people is under way; who leaves is followed by somebody else.

    It starts empty and fills over the first seconds, from its left and right end. Some cross the road and wait at the
    kerb before they do; some go in pairs; some run.

    Args:
        camera: Where the scene ends.
        people: How many are under way, at most.
        crossing: From where to where the crossing reaches, metres to the right.
        pavements: ``(near, far)``, each from where to where, in metres ahead.
        random: Decides everything.
    """

    def __init__(
        self, camera: Camera, people: int, crossing: Place, pavements: tuple[Place, Place], random: np.random.Generator
    ) -> None:
        self._camera, self._crossing, self._pavements, self._random = camera, crossing, pavements, random
        self._due = [0.55 * i for i in range(people)]  # when each place is to be filled, in seconds
        self._number = 1
        self._last: Walk | None = None
        self.people: list[Walk | None] = [None] * people

    def step(self, now: float, dt: float) -> None:
        """Go on from ``now`` seconds by ``dt`` seconds."""
        for i, walk in enumerate(self.people):
            if walk is None:
                if now >= self._due[i]:
                    self.people[i] = self._arrive()
            elif not walk.step(dt):
                self.people[i], self._due[i] = None, now + float(self._random.uniform(0, 1.5))

    def _arrive(self) -> Walk:
        random, friend = self._random, self._last
        stature = float(np.clip(random.normal(1.72, 0.09), 1.5, 1.95))
        phase = float(random.uniform(0, 2 * math.pi))
        if friend is not None and random.random() < 0.2 and not friend.wait and not friend.pause:
            x, z = friend.position
            near, far = (sum(pavement) / 2 for pavement in self._pavements)
            middle = near if abs(z - near) < abs(z - far) else far
            beside = 0.75 if z < middle else -0.75
            route = [(rx, rz + beside) for rx, rz in friend.route]
            behind = 0.35 if x < 0 else -0.35
            walk = Walk(self._number, route, (x - behind, z + beside), friend.speed, stature, phase=phase)
            walk.heading, self._last = friend.heading, None
        else:
            speed = float(random.uniform(1.15, 1.75)) if random.random() < 0.88 else float(random.uniform(2.4, 3.0))
            start, route, wait = self._route()
            walk = Walk(self._number, route, start, speed, stature, wait, phase)
            walk.heading = 1.0 if start[0] < 0 else -1.0
            self._last = walk
        self._number += 1
        return walk

    def _route(self) -> tuple[Place, list[Place], float]:
        """Return where somebody comes in, the places to go to, and the seconds to wait at the first of them."""
        random = self._random
        side = -1.0 if random.random() < 0.5 else 1.0
        near = bool(random.random() < 0.4)
        (low, high), (other_low, other_high) = self._pavements if near else self._pavements[::-1]
        z = float(random.uniform(low + 0.3, high - 0.3))
        edge = self._camera.side(z) + 0.5
        if random.random() < 0.6:
            return (side * edge, z), [(-side * edge, z)], 0.0
        x = float(random.uniform(self._crossing[0] + 0.4, self._crossing[1] - 0.4))
        kerb, beyond = (high - 0.15, other_low + 0.3) if near else (low + 0.15, other_high - 0.3)
        end = float(random.uniform(other_low + 0.3, other_high - 0.3))
        out = self._camera.side(end) + 0.5
        leave = 1.0 if random.random() < 0.5 else -1.0
        route = [(x, kerb), (x + float(random.uniform(-0.4, 0.4)), beyond), (leave * out, end)]
        return (side * edge, z), route, float(random.uniform(0, 2.5))
