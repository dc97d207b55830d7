"""Painting in metres: strokes on a canvas that a camera looks at, and sprites cut out of it. Colours are RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from trackforge.synthetic.ground import Camera

__all__ = ["SMOOTH", "Canvas", "Colour", "Image", "Sprite", "reduce", "tone"]

Image: TypeAlias = npt.NDArray[np.uint8]
Colour: TypeAlias = tuple[int, int, int]

SMOOTH = 2
"""Everything is painted this many times larger, then reduced, which smooths the edges."""


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
        image, alpha = reduce(painting).astype(np.float32), reduce(mask).astype(np.float32) / np.float32(255)
        rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
        y, x = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return cls(image[y, x], alpha[y, x], int(columns[0]), int(rows[0]), z)


def reduce(image: Image) -> Image:
    """Bring what was painted large to its final size."""
    size = (image.shape[1] // SMOOTH, image.shape[0] // SMOOTH)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


class Canvas:
    """Something to paint on, in metres: x to the right, z away from the camera, up from the ground."""

    def __init__(self, camera: Camera, random: np.random.Generator) -> None:
        self.camera, self.random = camera, random
        self.canvas: Image = np.zeros((camera.height, camera.width, 3), np.uint8)
        self.mask: Image | None = None  # what the piece of furniture covers that is being painted

    # -- strokes ------------------------------------------------------------------------------------------------------

    def polygon(self, points: Any, colour: Colour) -> None:
        """Fill a polygon of pixels."""
        corners = np.round(np.array(points, np.float64)).astype(np.int32)
        cv2.fillPoly(self.canvas, [corners], colour, cv2.LINE_AA)
        if self.mask is not None:
            cv2.fillPoly(self.mask, [corners], 255, cv2.LINE_AA)

    def floor(self, x1: float, x2: float, z1: float, z2: float, colour: Colour) -> None:
        """Fill a rectangle that lies on the ground."""
        point = self.camera.point
        self.polygon([point(x1, z1), point(x2, z1), point(x2, z2), point(x1, z2)], colour)

    def wall(self, z: float, x1: float, x2: float, low: float, high: float, colour: Colour) -> None:
        """Fill a rectangle that stands upright and faces the camera."""
        point = self.camera.point
        self.polygon([point(x1, z, low), point(x2, z, low), point(x2, z, high), point(x1, z, high)], colour)

    def disc(self, x: float, z: float, up: float, radius: float, colour: Colour, *, flat: float = 1.0) -> None:
        """Fill a disc that faces the camera, or an ellipse where ``flat`` is not 1."""
        centre = tuple(round(v) for v in self.camera.point(x, z, up))
        axes = (max(1, round(radius * self.camera.scale(z))), max(1, round(flat * radius * self.camera.scale(z))))
        for image, value in ((self.canvas, colour), (self.mask, 255)):
            if image is not None:
                cv2.ellipse(image, centre, axes, 0, 0, 360, value, -1, cv2.LINE_AA)

    def shade(self, x: float, z: float, width: float, depth: float, strength: float) -> None:
        """Darken a soft ellipse of the ground."""
        shade = np.zeros(self.canvas.shape[:2], np.float32)
        centre = tuple(round(v) for v in self.camera.point(x, z))
        scale = self.camera.scale(z)
        axes = (max(1, round(width * scale)), max(1, round(depth * scale * self.camera.mast / z)))
        cv2.ellipse(shade, centre, axes, 0, 0, 360, 1.0, -1)
        blur = max(1, round(0.35 * width * scale)) | 1
        self.multiply(1 - strength * cv2.GaussianBlur(shade, (blur, blur), 0)[:, :, None])

    def multiply(self, factor: Any, rows: slice = slice(None)) -> None:
        """Lighten or darken rows of pixels."""
        self.canvas[rows] = np.clip(self.canvas[rows] * factor, 0, 255).astype(np.uint8)

    def grain(self, rows: slice, *strengths: tuple[int, float]) -> None:
        """Multiply rows of the canvas with smooth noise of the given (grain in pixels, strength) each."""
        height, width = self.canvas[rows].shape[:2]
        factor = np.ones((height, width), np.float32)
        for grain, strength in strengths:
            coarse = self.random.normal(0, strength, (height // grain + 2, width // grain + 2)).astype(np.float32)
            factor += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        self.multiply(factor[:, :, None], rows)

    # -- cutting out --------------------------------------------------------------------------------------------------

    def begin(self) -> Image:
        """Start a piece of furniture; returns the street without it."""
        street = self.canvas
        self.canvas, self.mask = street.copy(), np.zeros(street.shape[:2], np.uint8)
        return street

    def end(self, street: Image, z: float) -> Sprite:
        """Finish it: the canvas shows the street again, and the piece is returned."""
        assert self.mask is not None  # noqa: S101 - _begin made it
        sprite = Sprite.cut(self.canvas, self.mask, z)
        self.canvas, self.mask = street, None
        return sprite


def tone(colour: Colour, factor: float) -> Colour:
    """Lighten or darken."""
    r, g, b = (int(min(255, max(0, c * factor))) for c in colour)
    return r, g, b
