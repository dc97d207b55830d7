"""The scenes of the synthetic world while they are being drawn: a street, a room, and a street that the camera pans."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from trackforge.synthetic.ground import Camera
from trackforge.synthetic.painting import Image, Sprite
from trackforge.synthetic.room import guests, paint_room
from trackforge.synthetic.street import CROSSING, FAR, KERBS, NEAR, paint_street
from trackforge.synthetic.walker import Look, draw_walker
from trackforge.synthetic.walks import Walk, Walks

__all__ = ["SCENES", "Panning", "Room", "Street"]

Rows: TypeAlias = list[tuple[float, ...]]
"""``(index, number, x1, y1, x2, y2, visibility)`` of everybody in view."""
Placed: TypeAlias = tuple[Sprite, int]

FURNITURE = -1
VISIBLE = 0.25
"""Part of a person that must be in view to stand in the truth."""
SHADE = 0.36
"""How much of the light a shadow takes."""


class _Scene:
    """What all scenes have: a sensor, and people who hide each other.

    Args:
        size: Width and height of the images.
        frames: Length of the sequence.
        rate: Frame rate in 1/s.
        walkers: How many people, at most.
        noise: Standard deviation of the sensor noise, in grey levels.
        light: How much clouds change the light, as a part.
        seed: Decides everything.
    """

    def __init__(
        self, size: tuple[int, int], frames: int, rate: float, walkers: int, noise: float, light: float, seed: int
    ) -> None:
        self._size, self._rate, self._light_change = size, rate, light
        self._paint, self._walk, self._dress, self._grain = np.random.default_rng(seed).spawn(4)
        self._enter(frames, walkers)
        width, height = size
        self._noise = np.rint(self._grain.normal(0, noise, (height + 64, width + 64, 3))).astype(np.int16)

    def _enter(self, frames: int, walkers: int) -> None:
        """Paint what stands still, and invite people."""
        raise NotImplementedError

    def draw(self, index: int) -> tuple[Image, Rows]:
        """Draw the next frame; returns it, and who is where."""
        raise NotImplementedError

    def _layers(self, index: int, image: Image, sprites: list[Placed], drawn: list[Placed]) -> Rows:
        """Lay furniture and people over the image, farthest first; returns who is where."""
        owner = np.zeros(image.shape[:2], np.int32)  # the number of the person in each pixel
        for sprite, number in sorted(sprites + drawn, key=lambda s: -s[0].z):
            _compose(image, owner, sprite, number)
        return [row for sprite, number in drawn for row in _note(index, sprite, number, owner)]

    def _light(self, image: Image, index: int) -> Image:
        """Let clouds pass, and add the noise of a sensor."""
        seconds = index / self._rate
        gain = 1 + self._light_change * (0.7 * math.sin(0.5 * seconds) + 0.3 * math.sin(1.3 * seconds + 1))
        lit = cv2.convertScaleAbs(image, alpha=gain, beta=0)
        y, x = (int(v) for v in self._grain.integers(0, 64, 2))
        height, width = image.shape[:2]
        noisy: Any = cv2.add(lit, self._noise[y : y + height, x : x + width], dtype=cv2.CV_8U)
        return noisy  # type: ignore[no-any-return]


class Street(_Scene):
    """Walkers before a static camera."""

    def _enter(self, frames: int, walkers: int) -> None:  # noqa: ARG002 - a street has no end
        self._camera = Camera(*self._size)
        self._empty, self._furniture = paint_street(self._camera, self._paint)
        pavements = ((NEAR + 0.35, KERBS[0]), (KERBS[1] + 0.3, FAR - 0.2))
        self._walks = Walks(self._camera, walkers, CROSSING, pavements, self._walk)
        self._looks: dict[int, Look] = {}

    def draw(self, index: int) -> tuple[Image, Rows]:
        """Draw the next frame; returns it, and who is where."""
        image = self._empty.copy()
        drawn = [(self._figure(walk), walk.number) for walk in self._walks.people if walk is not None]
        for sprite, _ in drawn:
            _cast(image, sprite)
        rows = self._layers(index, image, [(piece, FURNITURE) for piece in self._furniture], drawn)
        self._walks.step(index / self._rate, 1 / self._rate)
        return self._light(image, index), rows

    def _figure(self, walk: Walk) -> Sprite:
        if walk.number not in self._looks:
            self._looks[walk.number] = Look.random(self._dress)
        x, z = walk.position
        foot = self._camera.point(x, z)
        column, row = math.floor(foot[0]), math.floor(foot[1])
        image, alpha = draw_walker(
            self._looks[walk.number],
            height=walk.stature * self._camera.scale(z),
            phase=walk.phase,
            swing=walk.walking,
            heading=walk.heading,
            shift=(foot[0] - column, foot[1] - row),
        )
        return Sprite(image, alpha, column - alpha.shape[1] // 2, row - alpha.shape[0] + 1, z)


class Room(_Scene):
    """Up to three people close by, indoors."""

    def _enter(self, frames: int, walkers: int) -> None:
        self._empty = paint_room(self._size, self._paint)
        count = min(walkers, 1 + int(self._walk.integers(3)))
        self._guests = guests(count, frames / self._rate, self._walk)

    def draw(self, index: int) -> tuple[Image, Rows]:
        """Draw the next frame; returns it, and who is where."""
        image, now = self._empty.copy(), index / self._rate
        drawn = [(guest.draw(now, self._size), guest.number) for guest in self._guests]
        rows = self._layers(index, image, [], [(sprite, number) for sprite, number in drawn if sprite is not None])
        return self._light(image, index), rows


class Panning(_Scene):
    """The street, looked at by a camera that turns left and right."""

    wider = 4 / 3

    def __init__(
        self, size: tuple[int, int], frames: int, rate: float, walkers: int, noise: float, light: float, seed: int
    ) -> None:
        width, height = (round(side * self.wider) for side in size)
        self._view, self._rate = size, rate
        self._street = Street((width, height), frames, rate, walkers, noise, light, seed)

    def draw(self, index: int) -> tuple[Image, Rows]:
        """Draw the next frame; returns it, and who is where."""
        image, rows = self._street.draw(index)
        width, height = self._view
        now = index / self._rate
        left = round((image.shape[1] - width) * (0.5 + 0.5 * math.sin(0.9 * now)))
        top = round((image.shape[0] - height) * (0.5 + 0.3 * math.sin(1.7 * now)))
        seen: Rows = []
        for frame, number, *box, part in rows:
            x1, y1 = max(box[0] - left, 0), max(box[1] - top, 0)
            x2, y2 = min(box[2] - left, width), min(box[3] - top, height)
            inside = max(x2 - x1, 0) * max(y2 - y1, 0) / ((box[2] - box[0]) * (box[3] - box[1]))
            if part * inside >= VISIBLE:
                seen.append((frame, number, x1, y1, x2, y2, part * inside))
        return np.ascontiguousarray(image[top : top + height, left : left + width]), seen


SCENES: dict[str, type[Street | Room | Panning]] = {"street": Street, "room": Room, "panning": Panning}
"""By the name that the setting ``scene`` has for them."""


def _cast(image: Image, sprite: Sprite) -> None:
    """Darken the ground to the right of a figure with its own shape, laid down."""
    height, width = sprite.alpha.shape
    lean, flat = 0.45, 0.22  # where the shadow of the head falls, in body heights: to the right, and down
    room = math.ceil(lean * height)
    matrix = np.array([[1.0, -lean, lean * height], [0.0, -flat, flat * height]])
    shadow = cv2.warpAffine(sprite.alpha, matrix, (width + room, math.ceil(flat * height) + 1))
    blur = max(1, height // 24) | 1
    shadow = cv2.GaussianBlur(shadow, (blur, blur), 0)
    target, part = _window(image, sprite.left, sprite.top + height - max(2, height // 40), shadow)
    target[:] = target * (1 - SHADE * part[:, :, None])


def _note(index: int, sprite: Sprite, number: int, owner: npt.NDArray[np.int32]) -> Rows:
    """Return the one row of a person in view, or none."""
    height, width = owner.shape
    solid = sprite.alpha > 0.5
    if not solid.any():
        return []
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    x1, x2 = (min(max(sprite.left + int(v), 0), width) for v in (columns[0], columns[-1] + 1))
    y1, y2 = (min(max(sprite.top + int(v), 0), height) for v in (rows[0], rows[-1] + 1))
    seen = float(np.count_nonzero(owner[y1:y2, x1:x2] == number) / np.count_nonzero(solid))
    return [(index, number, x1, y1, x2, y2, seen)] if seen >= VISIBLE else []


def _window(image: Any, left: int, top: int, part: Any) -> tuple[Any, Any]:
    """Return the pixels of the image that a part placed at ``left``, ``top`` covers, and the part cut to them."""
    height, width = image.shape[:2]
    y1, y2 = max(top, 0), min(top + part.shape[0], height)
    x1, x2 = max(left, 0), min(left + part.shape[1], width)
    y2, x2 = max(y1, y2), max(x1, x2)
    return image[y1:y2, x1:x2], part[y1 - top : y2 - top, x1 - left : x2 - left]


def _compose(image: Image, owner: npt.NDArray[np.int32], sprite: Sprite, number: int) -> None:
    """Lay a sprite over the image, and its number over the owners."""
    target, alpha = _window(image, sprite.left, sprite.top, sprite.alpha)
    _, colours = _window(image, sprite.left, sprite.top, sprite.image)
    target[:] = target + (colours - target) * alpha[:, :, None]
    owners, _ = _window(owner, sprite.left, sprite.top, sprite.alpha)
    owners[alpha > 0.5] = number
