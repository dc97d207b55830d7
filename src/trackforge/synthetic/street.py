"""Paints the synthetic street: houses, pavements, a road, and the furniture that hides walkers.

Everything is given in metres (x to the right, z away from the camera, up from the ground) and painted at twice the
size, then reduced, which smooths the edges. Colours are RGB.
"""

from __future__ import annotations

import numpy as np

from trackforge.synthetic.ground import Camera
from trackforge.synthetic.painting import SMOOTH, Canvas, Colour, Image, Sprite, reduce, tone

__all__ = ["CROSSING", "FAR", "KERBS", "NEAR", "Sprite", "paint_street"]

NEAR, FAR = 6.6, 18.9
"""Where the ground begins at the lower image border, and where the houses stand, in metres."""
KERBS = (8.8, 15.5)
"""The near and the far kerb of the road, in metres."""
CROSSING = (0.6, 3.9)
"""From where to where the zebra crossing reaches, in metres to the right."""
WALLS: tuple[Colour, ...] = ((168, 98, 76), (226, 212, 184), (120, 146, 152), (186, 122, 88), (206, 190, 172))
DOORS: tuple[Colour, ...] = ((44, 74, 92), (128, 44, 40), (52, 88, 60), (72, 52, 44), (36, 48, 66))


def paint_street(camera: Camera, random: np.random.Generator) -> tuple[Image, tuple[Sprite, ...]]:
    """Return the empty street ``(H, W, 3)`` without its furniture, and the furniture, farthest first."""
    big = Camera(camera.width * SMOOTH, camera.height * SMOOTH, camera.mast, camera.horizon, camera.focal)
    painter = _Painter(big, random)
    painter.ground()
    painter.houses()
    sprites = [
        painter.car(-6.4, 14.6, (176, 44, 40)),
        painter.car(7.6, 14.5, (64, 92, 128)),
        *(painter.bollard(x, 15.9) for x in (-8.0, -2.0, 0.2, 4.4)),
        painter.lamp(4.6, 8.45),
        painter.bench(-0.9, 7.35),
        painter.tree(-4.55, 8.2),
    ]
    scene = reduce(painter.canvas).astype(np.float32)
    y, x = np.mgrid[0 : camera.height, 0 : camera.width]
    vignette = 1 - 0.16 * (((x / camera.width - 0.5) ** 2 + (y / camera.height - 0.5) ** 2) / 0.5)
    scene *= vignette[:, :, None]
    return np.clip(scene, 0, 255).astype(np.uint8), tuple(sorted(sprites, key=lambda s: -s.z))


class _Painter(Canvas):
    """Paints the pieces of the street."""

    # -- the ground ---------------------------------------------------------------------------------------------------

    def ground(self) -> None:
        """Paint pavements, road and crossing."""
        near, far = KERBS
        wide = self.camera.side(FAR) + 1
        for z1, z2, colour in ((NEAR * 0.9, near, (186, 180, 168)), (far, FAR + 0.2, (178, 172, 162))):
            self.floor(-wide, wide, z1, z2, colour)
            self._slabs(z1, z2, wide)
        self.floor(-wide, wide, near, far, (92, 94, 100))
        for z in np.arange(near + 0.45, far - 0.4, 0.95):
            self.floor(*CROSSING, z, z + 0.5, (222, 222, 216))
        middle = (near + far) / 2
        for x in np.arange(-wide, wide, 2.6):
            if x + 1.2 < CROSSING[0] - 0.6 or x > CROSSING[1] + 0.6:
                self.floor(x, x + 1.2, middle - 0.07, middle + 0.07, (214, 212, 200))
        for z, depth, gutter in ((near, 0.18, 0.09), (far, 0.28, -0.28)):
            self.floor(-wide, wide, z - depth / 2, z + depth / 2, (206, 202, 194))
            self.floor(-wide, wide, z + gutter, z + gutter + depth / 2, (70, 72, 78))
        self.disc(-2.2, 11.2, 0, 0.42, (70, 70, 74), flat=0.42)
        self.disc(-2.2, 11.2, 0, 0.36, (82, 82, 86), flat=0.42)
        start = round(self.camera.point(0, FAR)[1])
        self.grain(slice(start, None), (2, 0.035), (14, 0.022), (120, 0.03))
        for x, z, width, depth in ((-3.3, 7.75, 1.5, 1.4), (-2.6, 8.3, 1.1, 1.1), (-3.9, 8.2, 0.9, 0.8)):
            self.shade(x, z, width, depth, 0.18)

    def _slabs(self, z1: float, z2: float, wide: float) -> None:
        joint = (138, 133, 124)
        for z in np.arange(z1, z2, 0.75):
            self.floor(-wide, wide, z, z + 0.03, joint)
        for i, z in enumerate(np.arange(z1, z2, 0.75)):
            end = min(z + 0.75, z2)
            for x in np.arange(-np.ceil(wide), wide, 1.1) + 0.55 * (i % 2):
                shift = int(self.random.normal(0, 5))
                self.floor(x + 0.04, x + 1.06, z + 0.04, end, (182 + shift, 176 + shift, 164 + shift))

    # -- the houses ---------------------------------------------------------------------------------------------------

    def houses(self) -> None:
        """Paint a row of houses with shops."""
        wide, top = self.camera.side(FAR), 8.0
        x, number = -wide - 1.5, 0
        while x < wide:
            width = float(self.random.uniform(5.2, 6.8))
            wall = WALLS[number % len(WALLS)]
            self.wall(FAR, x, x + width, 0, top, wall)
            self._bricks(x, width, top, wall)
            self._shop(x, width, number)
            for column in range(3):
                self._window(x + width * (0.22 + 0.28 * column), 4.1)
            self.wall(FAR, x, x + width, 3.35, 3.5, tone(wall, 0.72))
            self.wall(FAR, x + width - 0.08, x + width, 0, top, tone(wall, 0.6))
            x, number = x + width, number + 1
        base = round(self.camera.point(0, FAR)[1])
        self.wall(FAR, -wide - 2, wide + 2, 0, 0.25, (112, 106, 100))
        self.grain(slice(0, base), (3, 0.02), (60, 0.02))
        self.multiply(np.linspace(1.06, 0.9, base, dtype=np.float32)[:, None, None], slice(0, base))

    def _bricks(self, x: float, width: float, top: float, wall: Colour) -> None:
        for row, up in enumerate(np.arange(0, top, 0.24)):
            self.wall(FAR, x, x + width, up, up + 0.035, tone(wall, 0.93))
            for column in np.arange(x + 0.3 * (row % 2), x + width, 0.6):
                if self.random.random() < 0.35:
                    self.wall(
                        FAR,
                        column,
                        min(column + 0.55, x + width),
                        up + 0.04,
                        up + 0.23,
                        tone(wall, float(self.random.uniform(0.9, 1.05))),
                    )

    def _shop(self, x: float, width: float, number: int) -> None:
        door, trim = DOORS[number % len(DOORS)], (236, 232, 222)
        self.wall(FAR, x + 0.35, x + width * 0.66, 0.55, 2.5, trim)
        self.wall(FAR, x + 0.45, x + width * 0.66 - 0.1, 0.65, 2.4, (70, 88, 98))
        for k in range(4):  # what lies in the shop window
            self.wall(
                FAR,
                x + 0.6 + 0.75 * k,
                x + 1.05 + 0.75 * k,
                0.65,
                float(self.random.uniform(0.9, 1.5)),
                tone(WALLS[(number + k) % len(WALLS)], 0.8),
            )
        glint = ((1.1, 2.4), (1.7, 2.4), (0.9, 0.65), (0.5, 0.65))
        self.polygon([self.camera.point(x + d, FAR, up) for d, up in glint], (92, 110, 120))
        self.wall(FAR, x + width * 0.72, x + width * 0.72 + 1.15, 0.1, 2.45, trim)
        self.wall(FAR, x + width * 0.72 + 0.1, x + width * 0.72 + 1.05, 0.1, 2.35, door)
        self.wall(FAR, x + width * 0.72 + 0.25, x + width * 0.72 + 0.9, 1.3, 2.15, (104, 124, 134))
        stripes = 10
        for k in range(stripes):  # the awning hangs out over the pavement
            a, b = (x + 0.25 + (width * 0.7 - 0.1) * (k + d) / stripes for d in (0, 1))
            point = self.camera.point
            corners = [point(a, FAR, 3.15), point(b, FAR, 3.15), point(b, FAR - 0.9, 2.5), point(a, FAR - 0.9, 2.5)]
            self.polygon(corners, door if k % 2 else (238, 232, 220))

    def _window(self, x: float, low: float) -> None:
        self.wall(FAR, x - 0.55, x + 0.55, low, low + 1.7, (236, 232, 222))
        self.wall(FAR, x - 0.46, x + 0.46, low + 0.09, low + 1.61, (84, 104, 118))
        self.wall(FAR, x - 0.46, x - 0.2, low + 0.09, low + 1.61, (196, 190, 178))
        self.wall(FAR, x - 0.03, x + 0.03, low + 0.09, low + 1.61, (236, 232, 222))
        self.wall(FAR, x - 0.65, x + 0.65, low - 0.12, low, (206, 200, 190))

    # -- the furniture ------------------------------------------------------------------------------------------------

    def car(self, x: float, z: float, colour: Colour) -> Sprite:
        """Paint a parked car, seen from its side."""
        self.shade(x + 0.2, z - 0.45, 2.4, 0.8, 0.45)
        street, point = self.begin(), self.camera.point
        side = (
            (-2.1, 0.3),
            (2.1, 0.3),
            (2.15, 0.75),
            (1.9, 0.95),
            (1.25, 1.0),
            (0.65, 1.48),
            (-1.0, 1.5),
            (-1.7, 1.02),
            (-2.1, 0.9),
        )
        self.polygon([point(x + d, z, up) for d, up in side], colour)
        self.wall(z, x - 2.1, x + 2.12, 0.3, 0.48, tone(colour, 0.6))
        for glass in (
            ((-1.45, 1.02), (-0.95, 1.42), (-0.2, 1.42), (-0.2, 1.02)),
            ((-0.1, 1.02), (-0.1, 1.42), (0.6, 1.4), (1.05, 1.02)),
        ):
            self.polygon([point(x + d, z, up) for d, up in glass], (60, 74, 84))
        self.wall(z, x - 0.18, x - 0.12, 0.5, 1.0, tone(colour, 0.75))
        self.wall(z, x - 2.0, x + 2.0, 0.86, 0.9, tone(colour, 1.2))
        self.wall(z, x + 2.0, x + 2.14, 0.62, 0.75, (240, 236, 210))
        for wheel in (-1.3, 1.3):
            for radius, grey in ((0.34, 34), (0.2, 150), (0.08, 80)):
                self.disc(x + wheel, z, 0.34, radius, (grey, grey, grey + 2))
        return self.end(street, z)

    def bollard(self, x: float, z: float) -> Sprite:
        """Paint a bollard."""
        self.shade(x + 0.15, z, 0.25, 0.2, 0.35)
        street = self.begin()
        self.wall(z, x - 0.08, x + 0.08, 0, 0.85, (58, 62, 66))
        self.wall(z, x - 0.08, x - 0.03, 0, 0.85, (88, 92, 96))
        self.wall(z, x - 0.08, x + 0.08, 0.62, 0.72, (222, 214, 190))
        self.disc(x, z, 0.87, 0.1, (58, 62, 66))
        return self.end(street, z)

    def lamp(self, x: float, z: float) -> Sprite:
        """Paint a street lamp that reaches out of the image."""
        self.shade(x + 0.35, z, 0.5, 0.15, 0.35)
        street = self.begin()
        self.wall(z, x - 0.07, x + 0.07, 0, 8, (62, 72, 70))
        self.wall(z, x - 0.07, x - 0.03, 0, 8, (96, 108, 104))
        self.wall(z, x - 0.13, x + 0.13, 0, 0.9, (54, 64, 62))
        self.wall(z, x - 0.27, x + 0.27, 2.3, 2.8, (38, 92, 142))
        self.wall(z, x - 0.24, x + 0.24, 2.33, 2.77, (52, 112, 168))
        self.polygon(
            [self.camera.point(x + d, z, up) for d, up in ((0, 2.72), (-0.18, 2.4), (0.18, 2.4))], (236, 236, 230)
        )
        return self.end(street, z)

    def bench(self, x: float, z: float) -> Sprite:
        """Paint a bench, seen from behind."""
        self.shade(x + 0.15, z, 1.1, 0.4, 0.35)
        street = self.begin()
        for leg in (-0.8, 0.8):
            self.wall(z, x + leg - 0.05, x + leg + 0.05, 0, 0.85, (48, 50, 52))
        for low in (0.4, 0.56, 0.72):
            self.wall(z, x - 0.95, x + 0.95, low, low + 0.12, tone((146, 98, 60), 0.8 + low / 3))
        return self.end(street, z)

    def tree(self, x: float, z: float) -> Sprite:
        """Paint a tree whose crown reaches over the pavement."""
        street, point = self.begin(), self.camera.point
        trunk = ((-0.2, 0), (0.2, 0), (0.13, 1.2), (0.16, 3.4), (-0.14, 3.4), (-0.12, 1.2))
        self.polygon([point(x + d, z, up) for d, up in trunk], (92, 72, 56))
        lit = ((-0.2, 0), (-0.08, 0), (-0.04, 3.4), (-0.14, 3.4), (-0.12, 1.2))
        self.polygon([point(x + d, z, up) for d, up in lit], (116, 92, 72))
        angle, radius = self.random.uniform(0, 2 * np.pi, 620), np.sqrt(self.random.uniform(0, 1, 620))
        wobble = radius * (1 + 0.13 * np.sin(5 * angle) + 0.07 * np.sin(9 * angle + 1))
        spread = np.stack((1.25 * wobble * np.cos(angle), 0.9 * wobble * np.sin(angle)), axis=1)
        light = np.clip(0.85 - 0.2 * spread[:, 0] + 0.25 * spread[:, 1], 0.5, 1.25)
        for i in np.argsort(light, kind="stable"):
            green = tone((96, 138, 62), float(light[i] * self.random.uniform(0.85, 1.15)))
            dx, dy = spread[i]
            self.disc(x + dx, z, 4.15 + dy, float(self.random.uniform(0.06, 0.15)), green, flat=0.75)
        return self.end(street, z)
