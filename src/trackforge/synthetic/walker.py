"""Draws one walking person: clothes, hair, a bag, and limbs that swing.

Lengths are parts of the person's height; a figure is painted three times larger and reduced, so that it moves by
fractions of a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Look", "draw_walker"]

Colour: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]

SMOOTH = 3
BREADTH = 0.9
"""Width of the canvas, in body heights; a wide step takes 0.6."""
TOPS: tuple[Colour, ...] = (
    (196, 52, 48), (40, 84, 150), (236, 196, 72), (58, 128, 90), (238, 236, 230), (44, 46, 54), (150, 88, 150),
    (230, 128, 60), (90, 160, 190), (120, 124, 132), (112, 78, 58), (214, 110, 130),
)  # fmt: skip
LEGS: tuple[Colour, ...] = ((46, 58, 92), (38, 38, 44), (92, 84, 74), (160, 146, 120), (70, 92, 128), (84, 60, 52))
SKIN: tuple[Colour, ...] = ((236, 196, 168), (214, 166, 132), (168, 118, 86), (116, 78, 58), (246, 212, 188))
HAIR: tuple[Colour, ...] = ((42, 34, 30), (92, 64, 44), (196, 160, 100), (150, 148, 146), (124, 56, 36), (26, 24, 26))


@dataclass(frozen=True)
class Look:
    """What a person wears; colours are RGB."""

    top: Colour
    legs: Colour
    skin: Colour
    hair: Colour
    cut: str
    """``"jacket"``, ``"coat"`` or ``"skirt"``."""
    long_hair: bool
    hat: bool
    backpack: bool

    @classmethod
    def random(cls, random: np.random.Generator) -> Look:
        """Dress somebody."""
        top, legs, skin, hair = (c[int(random.integers(len(c)))] for c in (TOPS, LEGS, SKIN, HAIR))
        cut = ("jacket", "jacket", "coat", "skirt")[int(random.integers(4))]
        long_hair, hat, backpack = (bool(random.random() < p) for p in (0.4, 0.15, 0.3))
        return cls(top, legs, skin, hair, cut, long_hair, hat, backpack)


def draw_walker(
    look: Look, *, height: float, phase: float, swing: float, heading: float, shift: Point = (0.0, 0.0)
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Draw a person whose feet stand in the middle of the lower image border.

    Args:
        look: What the person wears.
        height: Body height in pixels.
        phase: Position in the stride, in radians; a full circle is two steps.
        swing: 0 = stands still, 1 = walks.
        heading: 1 = to the right, -1 = to the left, 0 = towards the camera or away; between is possible.
        shift: How far the feet are from the middle, to the right and down, in pixels, 0..1 each.

    Returns:
        ``(h, w, 3)`` float32 RGB 0..255 and ``(h, w)`` float32 alpha 0..1.
    """
    rows, columns = math.ceil(height * 1.06) + 2, math.ceil(height * BREADTH / 2) * 2
    figure = _Figure(look, height * SMOOTH, rows * SMOOTH, columns * SMOOTH, shift)
    figure.draw(phase, swing, heading)
    alpha: Any = cv2.resize(figure.mask, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    image: Any = cv2.resize(figure.canvas, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    image /= np.maximum(alpha, 1 / 255)[:, :, None]  # the canvas is black where nobody is: undo the mixing
    image *= np.linspace(1.12, 0.86, columns, dtype=np.float32)[None, :, None]  # the sun stands on the left
    return np.minimum(image, np.float32(255)), alpha


class _Figure:
    """A canvas in body heights, the feet at (0, 1) and the crown of the head at (0, 0)."""

    def __init__(self, look: Look, unit: float, rows: int, columns: int, shift: Point) -> None:
        self.look, self.unit = look, unit
        self.origin = (columns / 2 + shift[0] * SMOOTH, rows - (1 - shift[1]) * SMOOTH - unit * 1.02)
        self.canvas, self.mask = np.zeros((rows, columns, 3), np.uint8), np.zeros((rows, columns), np.uint8)

    def draw(self, phase: float, swing: float, heading: float) -> None:
        """Draw the whole person, from the far side to the near side."""
        look, side = self.look, abs(heading)
        facing = 1 if heading >= 0 else -1
        lateral = 0.045 * (1 - side)
        step = swing * (0.25 + 0.75 * side)
        bob = 0.008 * swing * math.cos(2 * phase)
        far, near = _tone(look.legs, 0.72), look.legs
        self._arm((-lateral * 2.4, 0.2 + bob), 0.5 * step * math.sin(phase), facing, _tone(look.top, 0.72))
        self._leg((-lateral, 0.5 + bob), phase + math.pi, step, facing, far)
        self._leg((lateral, 0.5 + bob), phase, step, facing, near)
        if look.backpack:
            self._ellipse((-facing * (0.04 + 0.07 * side), 0.29 + bob), (0.065, 0.11), _tone(look.legs, 1.4))
        self._torso(bob, side, step * math.sin(phase))
        self._arm((lateral * 2.4, 0.2 + bob), -0.5 * step * math.sin(phase), facing, _tone(look.top, 0.88))
        self._head(bob, side, facing)

    def _leg(self, hip: Point, phase: float, step: float, facing: int, colour: Colour) -> None:
        thigh = 0.5 * step * math.sin(phase)
        bend = step * (0.12 + 0.7 * max(0.0, math.cos(phase)) ** 2)  # the leg that swings forward is lifted
        knee = (hip[0] + facing * 0.245 * math.sin(thigh), hip[1] + 0.245 * math.cos(thigh))
        shin = thigh - bend
        ankle = (knee[0] + facing * 0.225 * math.sin(shin), knee[1] + 0.225 * math.cos(shin))
        bare = self.look.cut == "skirt"
        self._limb(hip, knee, 0.088, _tone(self.look.skin, 0.9) if bare else colour)
        self._limb(knee, ankle, 0.056 if bare else 0.066, _tone(self.look.skin, 0.9) if bare else colour)
        toe = (ankle[0] + facing * 0.055 * math.cos(shin), ankle[1] + 0.02 + 0.05 * math.sin(-shin))
        self._limb((ankle[0], ankle[1] + 0.012), toe, 0.042, (40, 34, 32))

    def _arm(self, shoulder: Point, angle: float, facing: int, colour: Colour) -> None:
        elbow = (shoulder[0] + facing * 0.15 * math.sin(angle), shoulder[1] + 0.16 * math.cos(angle))
        lower = angle + 0.35
        wrist = (elbow[0] + facing * 0.14 * math.sin(lower), elbow[1] + 0.14 * math.cos(lower))
        self._limb(elbow, wrist, 0.044, colour)
        self._ellipse((wrist[0] + facing * 0.008, wrist[1] + 0.012), (0.022, 0.022), self.look.skin)
        self._limb(shoulder, elbow, 0.056, colour)

    def _torso(self, bob: float, side: float, sway: float) -> None:
        half = 0.108 - 0.02 * side
        hem, flare = {"jacket": (0.52, 0.8), "coat": (0.66, 1.0), "skirt": (0.5, 0.75)}[self.look.cut]
        swing = 0.02 * sway
        self._polygon(
            [
                (-half * 0.8, 0.165 + bob),
                (half * 0.8, 0.165 + bob),
                (half, 0.21 + bob),
                (half * 0.86, 0.4 + bob),
                (half * flare + swing, hem),
                (-half * flare + swing, hem),
                (-half * 0.86, 0.4 + bob),
                (-half, 0.21 + bob),
            ],
            self.look.top,
        )
        if self.look.cut == "skirt":
            self._polygon(
                [
                    (-half * 0.8, 0.45),
                    (half * 0.8, 0.45),
                    (half * 1.15 + swing * 2, 0.7),
                    (-half * 1.15 + swing * 2, 0.7),
                ],
                self.look.legs,
            )
        self._polygon(
            [
                (half * 0.35, 0.17 + bob),
                (half * 0.8, 0.165 + bob),
                (half * 0.86, 0.4 + bob),
                (half * flare * 0.9 + swing, hem),
                (half * 0.45 + swing, hem),
            ],
            _tone(self.look.top, 0.87),
        )

    def _head(self, bob: float, side: float, facing: int) -> None:
        look, turn = self.look, facing * side
        if look.long_hair:
            self._ellipse((-0.02 * turn, 0.1 + bob), (0.058, 0.085), _tone(look.hair, 0.9))
        self._limb((0, 0.12 + bob), (0, 0.17 + bob), 0.05, _tone(look.skin, 0.85))
        self._ellipse((0.006 * turn, 0.078 + bob), (0.048, 0.066), look.skin)
        self._ellipse((-0.012 * turn, 0.05 + bob), (0.052, 0.045), look.hair)
        self._ellipse((-0.03 * turn, 0.07 + bob), (0.03, 0.045), look.hair)
        if look.hat:
            self._ellipse((0, 0.035 + bob), (0.055, 0.035), _tone(look.top, 0.7))
            self._limb(
                (-0.06 + 0.02 * turn, 0.052 + bob), (0.06 + 0.02 * turn, 0.052 + bob), 0.014, _tone(look.top, 0.6)
            )

    # -- strokes ------------------------------------------------------------------------------------------------------

    def _pixel(self, point: Point) -> tuple[int, int]:
        return round(self.origin[0] + point[0] * self.unit), round(self.origin[1] + point[1] * self.unit)

    def _limb(self, start: Point, end: Point, thick: float, colour: Colour) -> None:
        width = max(1, round(thick * self.unit))
        a, b = self._pixel(start), self._pixel(end)
        cv2.line(self.canvas, a, b, colour, width)
        cv2.line(self.mask, a, b, 255, width)

    def _ellipse(self, centre: Point, radius: Point, colour: Colour) -> None:
        middle, axes = self._pixel(centre), (max(1, round(radius[0] * self.unit)), max(1, round(radius[1] * self.unit)))
        cv2.ellipse(self.canvas, middle, axes, 0, 0, 360, colour, -1)
        cv2.ellipse(self.mask, middle, axes, 0, 0, 360, 255, -1)

    def _polygon(self, points: list[Point], colour: Colour) -> None:
        corners = np.array([self._pixel(p) for p in points], np.int32)
        cv2.fillPoly(self.canvas, [corners], colour)
        cv2.fillPoly(self.mask, [corners], 255)


def _tone(colour: Colour, factor: float) -> Colour:
    r, g, b = (int(min(255, max(0, c * factor))) for c in colour)
    return r, g, b
