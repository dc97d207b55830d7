"""What analytics know, drawn into pictures; everything scales with the picture."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from trackforge.io.drawing import Canvas, colour_of

__all__ = [
    "canvas_for",
    "draw_ground",
    "draw_heat",
    "draw_lines",
    "draw_trails",
    "draw_zones",
    "tint",
    "to_picture",
]

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


def draw_zones(
    image: Image,
    zones: Mapping[str, Floats],
    known: Mapping[str, Mapping[str, Any]],
    size: tuple[int, int] | None,
) -> None:
    """Tint polygons ``(P, 2)``, and write how many are there and the longest dwell of those."""
    canvas = canvas_for((image.shape[1], image.shape[0]))
    for number, polygon in enumerate(zones.values(), 1):
        colour, corners = colour_of(number), to_picture(polygon, image, size)
        tint(image, corners, colour)
        cv2.polylines(image, [corners], isClosed=True, color=colour, thickness=canvas.line_width, lineType=cv2.LINE_AA)
    for number, (name, polygon) in enumerate(zones.items(), 1):
        here = known.get(name, {})
        longest = max(here.get("dwell", {}).values(), default=None)
        text = f"{name}: {here.get('now', 0)}" + ("" if longest is None else f", {longest:.0f} s")
        x, y = to_picture(polygon, image, size).min(axis=0).clip(0).tolist()
        canvas.label(image, (x, y, x, y), text, colour_of(number))


def tint(image: Image, corners: npt.NDArray[np.int32], colour: tuple[int, int, int], share: float = 0.22) -> None:
    """Mix a colour into what a polygon covers of a picture."""
    height, width = image.shape[:2]
    x1, y1 = np.clip(corners.min(axis=0), 0, (width, height)).tolist()
    x2, y2 = np.clip(corners.max(axis=0) + 1, 0, (width, height)).tolist()
    if x1 >= x2 or y1 >= y2:
        return
    part = image[y1:y2, x1:x2]
    over = part.copy()
    cv2.fillPoly(over, [corners - np.array((x1, y1), np.int32)], colour)
    cv2.addWeighted(over, share, part.copy(), 1 - share, 0, dst=over)
    part[:] = over


def draw_ground(
    image: Image,
    points: Floats,
    boxes: Floats,
    ids: npt.NDArray[np.int64],
    texts: Mapping[int, str],
    size: tuple[int, int] | None,
) -> None:
    """Mark the points of the ground ``(P, 2)``, and write a text under each box ``(N, 4)`` that has one."""
    canvas = canvas_for((image.shape[1], image.shape[0]))
    for x, y in to_picture(points, image, size).tolist():
        cv2.drawMarker(image, (x, y), (255, 255, 255), cv2.MARKER_CROSS, 12 * canvas.line_width, canvas.line_width)
    feet = to_picture(boxes[:, (0, 3)], image, size)
    for track_id, (x, y) in zip(ids.tolist(), feet.tolist(), strict=True):
        if track_id in texts:
            beneath = y + 24 * canvas.line_width  # a tag hangs above its place
            canvas.label(image, (x, beneath, x, beneath), texts[track_id], colour_of(track_id))


def draw_trails(image: Image, ids: npt.NDArray[np.int64], points: Floats, size: tuple[int, int] | None) -> None:
    """Draw the ways of tracks: ``ids`` ``(N,)`` of points ``(N, 2)``, oldest first."""
    canvas = canvas_for((image.shape[1], image.shape[0]))
    places = to_picture(points, image, size)
    for track_id in np.unique(ids).tolist():
        canvas.trail(image, [(x, y) for x, y in places[ids == track_id].tolist()], colour_of(track_id))


def draw_heat(image: Image, grid: Floats, opacity: float) -> None:
    """Lay a grid ``(rows, columns)`` over a picture, blurred, from blue to red; cells without anything stay clear."""
    most = float(grid.max(initial=0))
    if most <= 0:
        return
    height, width = image.shape[:2]
    share = np.sqrt(grid / most).astype(np.float32)  # so that ways are seen beside resting places
    large = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
    colours = cv2.cvtColor(cv2.applyColorMap((large * 255).astype(np.uint8), cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    weight = np.minimum(large * 2, 1) * np.float32(opacity)
    image[:] = cv2.blendLinear(image, colours, 1 - weight, weight)
