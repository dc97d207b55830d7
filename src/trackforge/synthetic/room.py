"""A room with one to three people close by, who sit, gesture, lean in, come and go, cut by the picture's edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from trackforge.synthetic.painting import SMOOTH, Colour, Image, Sprite, reduce
from trackforge.synthetic.sitter import Garb, Pose, draw_sitter

__all__ = ["Guest", "guests", "paint_room"]

WALLS: tuple[Colour, ...] = ((206, 198, 184), (176, 190, 196), (196, 176, 160), (150, 160, 150), (226, 222, 214))
BOOKS: tuple[Colour, ...] = ((140, 50, 44), (48, 78, 110), (200, 170, 90), (60, 96, 70), (90, 70, 100), (220, 210, 190))


def paint_room(size: tuple[int, int], random: np.random.Generator) -> Image:
    """Return an empty room ``(H, W, 3)``: a wall with a window, a picture and shelves full of books."""
    width, height = size[0] * SMOOTH, size[1] * SMOOTH
    canvas: Image = np.full((height, width, 3), WALLS[int(random.integers(len(WALLS)))], np.uint8)

    def rectangle(x: float, y: float, w: float, h: float, colour: Colour) -> None:
        corner = (round(x * width), round(y * height))
        cv2.rectangle(canvas, corner, (round((x + w) * width), round((y + h) * height)), colour, -1)

    rectangle(0, 0.86, 1, 0.14, (120, 96, 76))
    rectangle(0, 0.84, 1, 0.02, (236, 232, 224))
    left = float(random.uniform(0.04, 0.14))
    rectangle(left, 0.08, 0.24, 0.5, (240, 238, 232))
    for pane in (0, 1):
        rectangle(left + 0.012 + 0.113 * pane, 0.1, 0.103, 0.46, (176, 204, 226))
        rectangle(left + 0.012 + 0.113 * pane, 0.4, 0.103, 0.16, (110, 140, 96))
    shelf = float(random.uniform(0.58, 0.66))
    for row in range(3):
        low, x = 0.28 + 0.2 * row, shelf + 0.01
        rectangle(shelf, low, 0.32, 0.014, (104, 78, 56))
        while x < shelf + 0.29:
            thick, tall = float(random.uniform(0.008, 0.022)), float(random.uniform(0.09, 0.15))
            rectangle(x, low - tall, thick, tall, BOOKS[int(random.integers(len(BOOKS)))])
            x += thick + 0.003
    rectangle(0.42, 0.14, 0.11, 0.22, (84, 66, 50))
    rectangle(0.43, 0.16, 0.09, 0.18, BOOKS[int(random.integers(len(BOOKS)))])
    room = reduce(canvas).astype(np.float32)
    across = np.linspace(0, 1, size[0], dtype=np.float32)[None, :, None]
    down = np.linspace(0, 1, size[1], dtype=np.float32)[:, None, None]
    room *= 1.06 - 0.22 * (across - left) ** 2 - 0.12 * down
    coarse = random.normal(0, 3, (size[1] // 3 + 1, size[0] // 3 + 1, 1)).astype(np.float32)
    room += np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR))[:, :, None]
    return np.clip(room, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Guest:
    """One person in the room, and what happens: a pose for every second.

    Attributes:
        number: 1 and up.
        garb: What the person looks like.
        seat: Where the middle of the shoulders is, ``(x, y)`` in parts of the picture.
        unit: Width of the shoulders, in picture heights.
        comes: Second at which the person starts to come in; negative where there from the start.
        goes: Second at which the person starts to leave.
        side: -1 or 1: comes from and leaves to the left or the right.
        beat: ``(6,)`` frequencies in 1/s: trunk, head (twice), left arm, right arm, gesturing as such.
        shift: ``(6,)`` phases in radians.
        vigour: How much is moved, about 1.
        near: How much nearer the person leans at times, as a part.
    """

    number: int
    garb: Garb
    seat: tuple[float, float]
    unit: float
    comes: float
    goes: float
    side: int
    beat: tuple[float, ...]
    shift: tuple[float, ...]
    vigour: float
    near: float

    def pose(self, now: float, size: tuple[int, int]) -> Pose | None:
        """Return how the person is held after ``now`` seconds, or None where out of the room."""
        width, height = size
        gone = max(1 - (now - self.comes) / 1.6 if self.comes >= 0 else 0.0, (now - self.goes) / 1.6, 0.0)
        if gone > 1:
            return None
        trunk, yaw, nod, left, right, talk = (
            math.sin(2 * math.pi * f * now + p) for f, p in zip(self.beat, self.shift, strict=True)
        )
        unit = self.unit * height * (1 + self.near * max(0.0, talk - 0.3))
        far = (self.seat[0] if self.side < 0 else 1 - self.seat[0]) * width + 1.3 * unit
        ease = gone * gone * (3 - 2 * gone)
        x = self.seat[0] * width + self.side * ease * far + 0.05 * self.vigour * unit * trunk
        y = self.seat[1] * height + (0.012 * yaw - 0.06 * ease) * unit
        up = self.vigour * max(0.0, talk)  # hands rest between the gestures
        arms = (
            (0.15 + 0.5 * up * (1 + left) / 2, 0.25 + 1.9 * up * (0.6 + 0.4 * left)),
            (0.15 + 0.4 * up * (1 + right) / 2, 0.25 + 1.6 * up * (0.6 + 0.4 * right)),
        )
        return Pose((x, y), unit, 0.05 * self.vigour * trunk, (0.09 * yaw * self.vigour, 0.025 * nod), arms)

    def draw(self, now: float, size: tuple[int, int]) -> Sprite | None:
        """Draw the person after ``now`` seconds; None where nothing of it is in view."""
        pose = self.pose(now, size)
        return None if pose is None else draw_sitter(self.garb, pose, size)


def guests(count: int, seconds: float, random: np.random.Generator) -> tuple[Guest, ...]:
    """Invite that many people; each has a part of the picture's width, and one in three is there from the start."""
    invited = []
    for i in range(count):
        there = bool(random.random() < 0.35)
        comes = -1.0 if there else float(random.uniform(0.8, 0.3 * seconds))
        goes = seconds if random.random() < 0.6 else float(random.uniform(0.75, 0.95) * seconds)
        x = (i + 0.5 + float(random.uniform(-0.1, 0.1))) / count
        unit = float(random.uniform(0.4, 0.62)) / (1 + 0.25 * (count - 1))
        invited.append(
            Guest(
                number=i + 1,
                garb=Garb.random(random),
                seat=(x, float(random.uniform(0.5, 0.62))),
                unit=unit,
                comes=comes,
                goes=goes,
                side=-1 if x < 0.5 else 1,
                beat=tuple(random.uniform((0.12, 0.15, 0.3, 0.6, 0.6, 0.1), (0.3, 0.4, 0.7, 1.4, 1.4, 0.25)).tolist()),
                shift=tuple(random.uniform(0, 2 * math.pi, 6).tolist()),
                vigour=float(random.uniform(0.6, 1.3)),
                near=float(random.choice((0.0, 0.0, 0.35))),
            )
        )
    return tuple(invited)
