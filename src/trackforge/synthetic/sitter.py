"""Draws one person close by: patterned clothes, a head that turns, arms that gesture; the picture's edge may cut it.

Lengths are parts of the shoulders' width; the middle of the shoulders is (0, 0), and down is positive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from trackforge.synthetic.painting import SMOOTH, Colour, Image, Sprite, tone
from trackforge.synthetic.walker import HAIR, SKIN, TOPS

__all__ = ["Garb", "Pose", "draw_sitter"]

Point: TypeAlias = tuple[float, float]
TILE = 256
"""Side of the cloth that repeats, in pixels; it is one shoulders' width."""


@dataclass(frozen=True)
class Garb:
    """What a person close by looks like; ``cloth`` is ``(TILE, TILE, 3)``."""

    cloth: Image
    skin: Colour
    hair: Colour
    long_hair: bool

    @classmethod
    def random(cls, random: np.random.Generator) -> Garb:
        """Dress somebody in plain, striped, checked or dotted cloth."""
        one, other = (TOPS[int(i)] for i in random.permutation(len(TOPS))[:2])
        cloth = np.full((TILE, TILE, 3), one, np.float32)
        y, x = np.mgrid[0:TILE, 0:TILE]
        step = TILE // int(random.integers(4, 9))
        kind = int(random.integers(4))
        where = (np.zeros_like(x, bool), y % step < step // 2, (x // step + y // step) % 2 > 0,
                 (x % step - step / 2) ** 2 + (y % step - step / 2) ** 2 < (step / 4) ** 2)[kind]  # fmt: skip
        cloth[where] = 0.4 * cloth[where] + 0.6 * np.array(other, np.float32)
        cloth *= random.normal(1, 0.05, (TILE // 4, TILE // 4, 1)).repeat(4, 0).repeat(4, 1)  # the weave
        skin, hair = SKIN[int(random.integers(len(SKIN)))], HAIR[int(random.integers(len(HAIR)))]
        return cls(np.clip(cloth, 0, 255).astype(np.uint8), skin, hair, bool(random.random() < 0.5))


@dataclass(frozen=True)
class Pose:
    """Where somebody is and how the body is held.

    Attributes:
        place: Middle of the shoulders, ``(x, y)`` in pixels.
        unit: Width of the shoulders in pixels.
        lean: Turn of the trunk about its hips, in radians, positive to the right.
        nod: Where the head is off its rest, ``(x, y)`` in shoulders' widths.
        arms: Angle of upper arm and forearm from hanging down, in radians, for the left and the right arm; positive
            lifts them away from the body.
    """

    place: Point
    unit: float
    lean: float = 0.0
    nod: Point = (0.0, 0.0)
    arms: tuple[Point, Point] = ((0.15, 0.0), (0.15, 0.0))


def draw_sitter(garb: Garb, pose: Pose, size: tuple[int, int]) -> Sprite | None:
    """Draw a person into a picture of this ``(width, height)``; None where nothing of it is in view."""
    figure = _Figure(garb, pose, size)
    figure.draw()
    if not figure.mask[SMOOTH // 2 :: SMOOTH, SMOOTH // 2 :: SMOOTH].any():
        return None
    return Sprite.cut(figure.canvas, figure.mask, z=1 / pose.unit)


class _Figure:
    """A canvas as large as the picture, times `SMOOTH`."""

    def __init__(self, garb: Garb, pose: Pose, size: tuple[int, int]) -> None:
        self.garb, self.pose = garb, pose
        self.canvas: Image = np.zeros((size[1] * SMOOTH, size[0] * SMOOTH, 3), np.uint8)
        self.mask: Image = np.zeros(self.canvas.shape[:2], np.uint8)
        self.unit = pose.unit * SMOOTH
        cos, sin, hips = math.cos(pose.lean), math.sin(pose.lean), 1.6
        x, y = (v * SMOOTH for v in pose.place)
        turn = np.array([[cos, -sin], [sin, cos]]) * self.unit
        shift = np.array([x, y]) + np.array([0, hips * self.unit]) - turn @ np.array([0, hips])
        self.matrix = np.concatenate((turn, shift[:, None]), axis=1)

    def draw(self) -> None:
        """Draw trunk, head and arms, one over the other."""
        garb, (dx, dy) = self.garb, self.pose.nod
        if garb.long_hair:
            self._ellipse((dx * 0.8, -0.3 + dy), (0.34, 0.5), tone(garb.hair, 0.85))
        outline = ((-0.16, -0.1), (0.16, -0.1), (0.42, 0), (0.5, 0.14), (0.46, 0.8), (0.48, 1.6), (0.56, 2.6),
                   (-0.56, 2.6), (-0.48, 1.6), (-0.46, 0.8), (-0.5, 0.14), (-0.42, 0))  # fmt: skip
        self._cloth(lambda mask: cv2.fillPoly(mask, [self._pixels(outline)], 255, cv2.LINE_AA))
        self._line((0, 0.05), (dx * 0.7, -0.3 + dy), 0.24, tone(garb.skin, 0.82))
        self._ellipse((dx, -0.46 + dy), (0.25, 0.33), garb.skin)
        self._ellipse((dx, -0.66 + dy), (0.28, 0.2), garb.hair)
        for side in (-1, 1):
            self._ellipse((1.25 * dx + side * 0.1, -0.46 + dy), (0.035, 0.025), (40, 36, 36))
        self._line((1.25 * dx - 0.07, -0.27 + dy), (1.25 * dx + 0.07, -0.27 + dy), 0.03, (150, 70, 70))
        for side, (upper, lower) in zip((-1, 1), self.pose.arms, strict=True):
            self._arm(side, upper, upper + lower)

    def _arm(self, side: int, upper: float, lower: float) -> None:
        shoulder = (side * 0.43, 0.14)
        elbow = (shoulder[0] + side * 0.62 * math.sin(upper), shoulder[1] + 0.62 * math.cos(upper))
        wrist = (elbow[0] + side * 0.56 * math.sin(lower), elbow[1] + 0.56 * math.cos(lower))
        sleeve = (elbow[0] + 0.75 * (wrist[0] - elbow[0]), elbow[1] + 0.75 * (wrist[1] - elbow[1]))
        self._line(elbow, wrist, 0.13, self.garb.skin)
        self._ellipse((wrist[0] + side * 0.04 * math.sin(lower), wrist[1] + 0.04 * math.cos(lower)), (0.1, 0.1),
                      self.garb.skin)  # fmt: skip

        def stroke(mask: Image) -> None:
            points = self._pixels((shoulder, elbow, sleeve))
            cv2.polylines(mask, [points], False, 255, max(1, round(0.2 * self.unit)), cv2.LINE_AA)

        self._cloth(stroke, light=0.88)

    # -- strokes ------------------------------------------------------------------------------------------------------

    def _pixels(self, points: Any) -> npt.NDArray[np.int32]:
        placed = np.array(points, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]
        pixels: npt.NDArray[np.int32] = np.rint(placed).astype(np.int32)
        return pixels

    def _cloth(self, stroke: Any, light: float = 1.0) -> None:
        mask: Image = np.zeros_like(self.mask)
        stroke(mask)
        left, top, width, height = cv2.boundingRect(mask)
        if not width:
            return
        matrix = self.matrix @ np.diag([1 / TILE, 1 / TILE, 1.0])
        matrix[:, 2] -= (left, top)
        cloth: Any = cv2.warpAffine(self.garb.cloth, matrix, (width, height), borderMode=cv2.BORDER_WRAP)
        part = (slice(top, top + height), slice(left, left + width))
        inside = mask[part] > 127
        self.canvas[part][inside] = cloth[inside] * light
        self.mask[part][inside] = 255

    def _line(self, start: Point, end: Point, thick: float, colour: Colour) -> None:
        for image, value in ((self.canvas, colour), (self.mask, 255)):
            cv2.polylines(image, [self._pixels((start, end))], False, value, max(1, round(thick * self.unit)))

    def _ellipse(self, centre: Point, radius: Point, colour: Colour) -> None:
        middle = tuple(int(v) for v in self._pixels((centre,))[0])
        axes = (max(1, round(radius[0] * self.unit)), max(1, round(radius[1] * self.unit)))
        for image, value in ((self.canvas, colour), (self.mask, 255)):
            cv2.ellipse(image, middle, axes, math.degrees(self.pose.lean), 0, 360, value, -1)
