"""What analytics know, drawn into pictures; everything scales with the picture."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from trackforge.io.drawing import Canvas, colour_of

__all__ = ["canvas_for", "draw_lines", "to_picture"]

Image: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float64]
FAR = 20_000
"""Pixels beyond which OpenCV's coordinates could overflow."""


@functools.lru_cache(maxsize=16)
def canvas_for(size: tuple[int, int]) -> Canvas:
    """Return a canvas whose lines and letters suit pictures of ``(width, height)``."""
    return Canvas(size)


def to_picture(points: Floats, image: Image, size: tuple[int, int] | None) -> npt.NDArray[np.int32]:
    """Return points ``(P, 2)`` as whole pixels of a picture that may be larger or smaller than the frames were.

    Args:
        points: In pixels of the frames.
        image: The picture.
        size: ``(width, height)`` of the frames, None for that of the picture.
    """
    height, width = image.shape[:2]
    scale = np.array((width, height)) / (size or (width, height))
    whole: npt.NDArray[np.int32] = np.clip(np.rint(points * scale), -FAR, FAR).astype(np.int32)
    return whole


def draw_lines(
    image: Image, lines: Mapping[str, Floats], counts: Mapping[str, Mapping[str, int]], size: tuple[int, int] | None
) -> None:
    """Draw lines ``(2, 2)`` with an arrow towards *in*, and their counts."""
    canvas = canvas_for((image.shape[1], image.shape[0]))
    for number, (name, ends) in enumerate(lines.items(), 1):
        colour = colour_of(number)
        start, end = to_picture(ends, image, size)
        way = (end - start).astype(np.float64)
        left = np.array((way[1], -way[0])) / max(float(np.hypot(*way)), 1.0)
        middle = (start + end) / 2
        tip = middle + left * 8 * canvas.line_width
        cv2.line(image, start.tolist(), end.tolist(), colour, 2 * canvas.line_width, cv2.LINE_AA)
        for place in (start, end):
            cv2.circle(image, place.tolist(), 2 * canvas.line_width, colour, -1, cv2.LINE_AA)
        cv2.arrowedLine(
            image, np.rint(middle).astype(int).tolist(), np.rint(tip).astype(int).tolist(), colour, canvas.line_width,
            cv2.LINE_AA, tipLength=0.4,
        )  # fmt: skip
        text = f"{name}: in {counts[name]['in']}, out {counts[name]['out']}"
        canvas.label(image, (*np.rint(middle), *np.rint(middle)), text, colour)
