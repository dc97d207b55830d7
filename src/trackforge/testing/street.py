"""Paints the synthetic street: houses, pavements, a road, and the furniture that hides walkers.

Everything is given in metres (x to the right, z away from the camera, up from the ground) and painted at twice the
size, then reduced, which smooths the edges. Colours are RGB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from trackforge.testing.ground import Camera

__all__ = ["CROSSING", "FAR", "KERBS", "NEAR", "Sprite", "paint_street"]

Image: TypeAlias = npt.NDArray[np.uint8]
Colour: TypeAlias = tuple[int, int, int]

NEAR, FAR = 6.6, 18.9
"""Where the ground begins at the lower image border, and where the houses stand, in metres."""
KERBS = (8.8, 15.5)
"""The near and the far kerb of the road, in metres."""
CROSSING = (0.6, 3.9)
"""From where to where the zebra crossing reaches, in metres to the right."""
SMOOTH = 2
"""Everything is painted this many times larger, then reduced."""
WALLS: tuple[Colour, ...] = ((168, 98, 76), (226, 212, 184), (120, 146, 152), (186, 122, 88), (206, 190, 172))
DOORS: tuple[Colour, ...] = ((44, 74, 92), (128, 44, 40), (52, 88, 60), (72, 52, 44), (36, 48, 66))


@dataclass(frozen=True)
class Sprite:
    """Something upright that stands in the scene.

    Attributes:
        image: ``(h, w, 3)`` float32 RGB, 0..255.
        alpha: ``(h, w)`` float32, 0..1.
        left: Column of its first pixel in the image; may be negative.
        top: Row of its first pixel; may be negative.
        z: Distance in metres; what is nearer is painted later.
    """

    image: npt.NDArray[np.float32]
    alpha: npt.NDArray[np.float32]
    left: int
    top: int
    z: float

    @classmethod
    def cut(cls, painting: Image, mask: Image, z: float) -> Sprite:
        """Cut what ``mask`` covers out of a painting of the size of the whole scene, times `SMOOTH`."""
        image, alpha = _reduce(painting).astype(np.float32), _reduce(mask).astype(np.float32) / np.float32(255)
        rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
        y, x = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return cls(image[y, x], alpha[y, x], int(columns[0]), int(rows[0]), z)


def paint_street(camera: Camera, random: np.random.Generator) -> tuple[Image, tuple[Sprite, ...]]:
    """Return the empty street ``(H, W, 3)`` without its furniture, and the furniture, farthest first."""
    big = Camera(camera.width * SMOOTH, camera.height * SMOOTH, camera.mast, camera.horizon, camera.focal)
    painter = _Painter(big, random)
    painter.ground()
    painter.houses()
    sprites = [
        painter.car(-6.4, 14.6, (176, 44, 40)), painter.car(7.6, 14.5, (64, 92, 128)),
        *(painter.bollard(x, 15.9) for x in (-8.0, -2.0, 0.2, 4.4)),
        painter.lamp(4.6, 8.45), painter.bench(-0.9, 7.35), painter.tree(-4.55, 8.2),
    ]  # fmt: skip
    scene = _reduce(painter.canvas).astype(np.float32)
    y, x = np.mgrid[0 : camera.height, 0 : camera.width]
    vignette = 1 - 0.16 * (((x / camera.width - 0.5) ** 2 + (y / camera.height - 0.5) ** 2) / 0.5)
    scene *= vignette[:, :, None]
    return np.clip(scene, 0, 255).astype(np.uint8), tuple(sorted(sprites, key=lambda s: -s.z))


def _reduce(image: Image) -> Image:
    size = (image.shape[1] // SMOOTH, image.shape[0] // SMOOTH)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


class _Painter:
    """Paints on a canvas in metres."""

    def __init__(self, camera: Camera, random: np.random.Generator) -> None:
        self.camera, self.random = camera, random
        self.canvas: Image = np.zeros((camera.height, camera.width, 3), np.uint8)
        self.mask: Image | None = None  # what the piece of furniture covers that is being painted

    # -- strokes ------------------------------------------------------------------------------------------------------

    def _polygon(self, points: Any, colour: Colour) -> None:
        corners = np.round(np.array(points, np.float64)).astype(np.int32)
        cv2.fillPoly(self.canvas, [corners], colour, cv2.LINE_AA)
        if self.mask is not None:
            cv2.fillPoly(self.mask, [corners], 255, cv2.LINE_AA)

    def _floor(self, x1: float, x2: float, z1: float, z2: float, colour: Colour) -> None:
        point = self.camera.point
        self._polygon([point(x1, z1), point(x2, z1), point(x2, z2), point(x1, z2)], colour)

    def _wall(self, z: float, x1: float, x2: float, low: float, high: float, colour: Colour) -> None:
        point = self.camera.point
        self._polygon([point(x1, z, low), point(x2, z, low), point(x2, z, high), point(x1, z, high)], colour)

    def _disc(self, x: float, z: float, up: float, radius: float, colour: Colour, *, flat: float = 1.0) -> None:
        centre = tuple(round(v) for v in self.camera.point(x, z, up))
        axes = (max(1, round(radius * self.camera.scale(z))), max(1, round(flat * radius * self.camera.scale(z))))
        for image, value in ((self.canvas, colour), (self.mask, 255)):
            if image is not None:
                cv2.ellipse(image, centre, axes, 0, 0, 360, value, -1, cv2.LINE_AA)

    def _shade(self, x: float, z: float, width: float, depth: float, strength: float) -> None:
        """Darken a soft ellipse of the ground."""
        shade = np.zeros(self.canvas.shape[:2], np.float32)
        centre = tuple(round(v) for v in self.camera.point(x, z))
        scale = self.camera.scale(z)
        axes = (max(1, round(width * scale)), max(1, round(depth * scale * self.camera.mast / z)))
        cv2.ellipse(shade, centre, axes, 0, 0, 360, 1.0, -1)
        blur = max(1, round(0.35 * width * scale)) | 1
        self._multiply(1 - strength * cv2.GaussianBlur(shade, (blur, blur), 0)[:, :, None])

    def _multiply(self, factor: Any, rows: slice = slice(None)) -> None:
        self.canvas[rows] = np.clip(self.canvas[rows] * factor, 0, 255).astype(np.uint8)

    def _grain(self, rows: slice, *strengths: tuple[int, float]) -> None:
        """Multiply rows of the canvas with smooth noise of the given (grain in pixels, strength) each."""
        height, width = self.canvas[rows].shape[:2]
        factor = np.ones((height, width), np.float32)
        for grain, strength in strengths:
            coarse = self.random.normal(0, strength, (height // grain + 2, width // grain + 2)).astype(np.float32)
            factor += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        self._multiply(factor[:, :, None], rows)

    # -- the ground ---------------------------------------------------------------------------------------------------

    def ground(self) -> None:
        """Paint pavements, road and crossing."""
        near, far = KERBS
        wide = self.camera.side(FAR) + 1
        for z1, z2, colour in ((NEAR * 0.9, near, (186, 180, 168)), (far, FAR + 0.2, (178, 172, 162))):
            self._floor(-wide, wide, z1, z2, colour)
            self._slabs(z1, z2, wide)
        self._floor(-wide, wide, near, far, (92, 94, 100))
        for z in np.arange(near + 0.45, far - 0.4, 0.95):
            self._floor(*CROSSING, z, z + 0.5, (222, 222, 216))
        middle = (near + far) / 2
        for x in np.arange(-wide, wide, 2.6):
            if x + 1.2 < CROSSING[0] - 0.6 or x > CROSSING[1] + 0.6:
                self._floor(x, x + 1.2, middle - 0.07, middle + 0.07, (214, 212, 200))
        for z, depth, gutter in ((near, 0.18, 0.09), (far, 0.28, -0.28)):
            self._floor(-wide, wide, z - depth / 2, z + depth / 2, (206, 202, 194))
            self._floor(-wide, wide, z + gutter, z + gutter + depth / 2, (70, 72, 78))
        self._disc(-2.2, 11.2, 0, 0.42, (70, 70, 74), flat=0.42)
        self._disc(-2.2, 11.2, 0, 0.36, (82, 82, 86), flat=0.42)
        start = round(self.camera.point(0, FAR)[1])
        self._grain(slice(start, None), (2, 0.035), (14, 0.022), (120, 0.03))
        for x, z, width, depth in ((-3.3, 7.75, 1.5, 1.4), (-2.6, 8.3, 1.1, 1.1), (-3.9, 8.2, 0.9, 0.8)):
            self._shade(x, z, width, depth, 0.18)

    def _slabs(self, z1: float, z2: float, wide: float) -> None:
        joint = (138, 133, 124)
        for z in np.arange(z1, z2, 0.75):
            self._floor(-wide, wide, z, z + 0.03, joint)
        for i, z in enumerate(np.arange(z1, z2, 0.75)):
            end = min(z + 0.75, z2)
            for x in np.arange(-np.ceil(wide), wide, 1.1) + 0.55 * (i % 2):
                tone = int(self.random.normal(0, 5))
                self._floor(x + 0.04, x + 1.06, z + 0.04, end, (182 + tone, 176 + tone, 164 + tone))

    # -- the houses ---------------------------------------------------------------------------------------------------

    def houses(self) -> None:
        """Paint a row of houses with shops."""
        wide, top = self.camera.side(FAR), 8.0
        x, number = -wide - 1.5, 0
        while x < wide:
            width = float(self.random.uniform(5.2, 6.8))
            wall = WALLS[number % len(WALLS)]
            self._wall(FAR, x, x + width, 0, top, wall)
            self._bricks(x, width, top, wall)
            self._shop(x, width, number)
            for column in range(3):
                self._window(x + width * (0.22 + 0.28 * column), 4.1)
            self._wall(FAR, x, x + width, 3.35, 3.5, _tone(wall, 0.72))
            self._wall(FAR, x + width - 0.08, x + width, 0, top, _tone(wall, 0.6))
            x, number = x + width, number + 1
        base = round(self.camera.point(0, FAR)[1])
        self._wall(FAR, -wide - 2, wide + 2, 0, 0.25, (112, 106, 100))
        self._grain(slice(0, base), (3, 0.02), (60, 0.02))
        self._multiply(np.linspace(1.06, 0.9, base, dtype=np.float32)[:, None, None], slice(0, base))

    def _bricks(self, x: float, width: float, top: float, wall: Colour) -> None:
        for row, up in enumerate(np.arange(0, top, 0.24)):
            self._wall(FAR, x, x + width, up, up + 0.035, _tone(wall, 0.93))
            for column in np.arange(x + 0.3 * (row % 2), x + width, 0.6):
                if self.random.random() < 0.35:
                    self._wall(FAR, column, min(column + 0.55, x + width), up + 0.04, up + 0.23,
                               _tone(wall, float(self.random.uniform(0.9, 1.05))))  # fmt: skip

    def _shop(self, x: float, width: float, number: int) -> None:
        door, trim = DOORS[number % len(DOORS)], (236, 232, 222)
        self._wall(FAR, x + 0.35, x + width * 0.66, 0.55, 2.5, trim)
        self._wall(FAR, x + 0.45, x + width * 0.66 - 0.1, 0.65, 2.4, (70, 88, 98))
        for k in range(4):  # what lies in the shop window
            self._wall(FAR, x + 0.6 + 0.75 * k, x + 1.05 + 0.75 * k, 0.65, float(self.random.uniform(0.9, 1.5)),
                       _tone(WALLS[(number + k) % len(WALLS)], 0.8))  # fmt: skip
        glint = ((1.1, 2.4), (1.7, 2.4), (0.9, 0.65), (0.5, 0.65))
        self._polygon([self.camera.point(x + d, FAR, up) for d, up in glint], (92, 110, 120))
        self._wall(FAR, x + width * 0.72, x + width * 0.72 + 1.15, 0.1, 2.45, trim)
        self._wall(FAR, x + width * 0.72 + 0.1, x + width * 0.72 + 1.05, 0.1, 2.35, door)
        self._wall(FAR, x + width * 0.72 + 0.25, x + width * 0.72 + 0.9, 1.3, 2.15, (104, 124, 134))
        stripes = 10
        for k in range(stripes):  # the awning hangs out over the pavement
            a, b = (x + 0.25 + (width * 0.7 - 0.1) * (k + d) / stripes for d in (0, 1))
            point = self.camera.point
            corners = [point(a, FAR, 3.15), point(b, FAR, 3.15), point(b, FAR - 0.9, 2.5), point(a, FAR - 0.9, 2.5)]
            self._polygon(corners, door if k % 2 else (238, 232, 220))

    def _window(self, x: float, low: float) -> None:
        self._wall(FAR, x - 0.55, x + 0.55, low, low + 1.7, (236, 232, 222))
        self._wall(FAR, x - 0.46, x + 0.46, low + 0.09, low + 1.61, (84, 104, 118))
        self._wall(FAR, x - 0.46, x - 0.2, low + 0.09, low + 1.61, (196, 190, 178))
        self._wall(FAR, x - 0.03, x + 0.03, low + 0.09, low + 1.61, (236, 232, 222))
        self._wall(FAR, x - 0.65, x + 0.65, low - 0.12, low, (206, 200, 190))

    # -- the furniture ------------------------------------------------------------------------------------------------

    def _begin(self) -> Image:
        """Start a piece of furniture; returns the street without it."""
        street = self.canvas
        self.canvas, self.mask = street.copy(), np.zeros(street.shape[:2], np.uint8)
        return street

    def _end(self, street: Image, z: float) -> Sprite:
        assert self.mask is not None  # noqa: S101 - _begin made it
        sprite = Sprite.cut(self.canvas, self.mask, z)
        self.canvas, self.mask = street, None
        return sprite

    def car(self, x: float, z: float, colour: Colour) -> Sprite:
        """Paint a parked car, seen from its side."""
        self._shade(x + 0.2, z - 0.45, 2.4, 0.8, 0.45)
        street, point = self._begin(), self.camera.point
        side = ((-2.1, 0.3), (2.1, 0.3), (2.15, 0.75), (1.9, 0.95), (1.25, 1.0), (0.65, 1.48), (-1.0, 1.5),
                (-1.7, 1.02), (-2.1, 0.9))  # fmt: skip
        self._polygon([point(x + d, z, up) for d, up in side], colour)
        self._wall(z, x - 2.1, x + 2.12, 0.3, 0.48, _tone(colour, 0.6))
        for glass in (((-1.45, 1.02), (-0.95, 1.42), (-0.2, 1.42), (-0.2, 1.02)),
                      ((-0.1, 1.02), (-0.1, 1.42), (0.6, 1.4), (1.05, 1.02))):  # fmt: skip
            self._polygon([point(x + d, z, up) for d, up in glass], (60, 74, 84))
        self._wall(z, x - 0.18, x - 0.12, 0.5, 1.0, _tone(colour, 0.75))
        self._wall(z, x - 2.0, x + 2.0, 0.86, 0.9, _tone(colour, 1.2))
        self._wall(z, x + 2.0, x + 2.14, 0.62, 0.75, (240, 236, 210))
        for wheel in (-1.3, 1.3):
            for radius, tone in ((0.34, 34), (0.2, 150), (0.08, 80)):
                self._disc(x + wheel, z, 0.34, radius, (tone, tone, tone + 2))
        return self._end(street, z)

    def bollard(self, x: float, z: float) -> Sprite:
        """Paint a bollard."""
        self._shade(x + 0.15, z, 0.25, 0.2, 0.35)
        street = self._begin()
        self._wall(z, x - 0.08, x + 0.08, 0, 0.85, (58, 62, 66))
        self._wall(z, x - 0.08, x - 0.03, 0, 0.85, (88, 92, 96))
        self._wall(z, x - 0.08, x + 0.08, 0.62, 0.72, (222, 214, 190))
        self._disc(x, z, 0.87, 0.1, (58, 62, 66))
        return self._end(street, z)

    def lamp(self, x: float, z: float) -> Sprite:
        """Paint a street lamp that reaches out of the image."""
        self._shade(x + 0.35, z, 0.5, 0.15, 0.35)
        street = self._begin()
        self._wall(z, x - 0.07, x + 0.07, 0, 8, (62, 72, 70))
        self._wall(z, x - 0.07, x - 0.03, 0, 8, (96, 108, 104))
        self._wall(z, x - 0.13, x + 0.13, 0, 0.9, (54, 64, 62))
        self._wall(z, x - 0.27, x + 0.27, 2.3, 2.8, (38, 92, 142))
        self._wall(z, x - 0.24, x + 0.24, 2.33, 2.77, (52, 112, 168))
        self._polygon(
            [self.camera.point(x + d, z, up) for d, up in ((0, 2.72), (-0.18, 2.4), (0.18, 2.4))], (236, 236, 230)
        )
        return self._end(street, z)

    def bench(self, x: float, z: float) -> Sprite:
        """Paint a bench, seen from behind."""
        self._shade(x + 0.15, z, 1.1, 0.4, 0.35)
        street = self._begin()
        for leg in (-0.8, 0.8):
            self._wall(z, x + leg - 0.05, x + leg + 0.05, 0, 0.85, (48, 50, 52))
        for low in (0.4, 0.56, 0.72):
            self._wall(z, x - 0.95, x + 0.95, low, low + 0.12, _tone((146, 98, 60), 0.8 + low / 3))
        return self._end(street, z)

    def tree(self, x: float, z: float) -> Sprite:
        """Paint a tree whose crown reaches over the pavement."""
        street, point = self._begin(), self.camera.point
        trunk = ((-0.2, 0), (0.2, 0), (0.13, 1.2), (0.16, 3.4), (-0.14, 3.4), (-0.12, 1.2))
        self._polygon([point(x + d, z, up) for d, up in trunk], (92, 72, 56))
        lit = ((-0.2, 0), (-0.08, 0), (-0.04, 3.4), (-0.14, 3.4), (-0.12, 1.2))
        self._polygon([point(x + d, z, up) for d, up in lit], (116, 92, 72))
        angle, radius = self.random.uniform(0, 2 * np.pi, 620), np.sqrt(self.random.uniform(0, 1, 620))
        wobble = radius * (1 + 0.13 * np.sin(5 * angle) + 0.07 * np.sin(9 * angle + 1))
        spread = np.stack((1.25 * wobble * np.cos(angle), 0.9 * wobble * np.sin(angle)), axis=1)
        light = np.clip(0.85 - 0.2 * spread[:, 0] + 0.25 * spread[:, 1], 0.5, 1.25)
        for i in np.argsort(light, kind="stable"):
            green = _tone((96, 138, 62), float(light[i] * self.random.uniform(0.85, 1.15)))
            dx, dy = spread[i]
            self._disc(x + dx, z, 4.15 + dy, float(self.random.uniform(0.06, 0.15)), green, flat=0.75)
        return self._end(street, z)


def _tone(colour: Colour, factor: float) -> Colour:
    """Lighten or darken."""
    r, g, b = (int(min(255, max(0, c * factor))) for c in colour)
    return r, g, b
