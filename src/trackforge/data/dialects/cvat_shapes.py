"""Shapes of CVAT's XML that tell pixels: polygons and masks, both ways.

A ``<mask>`` has the lengths of runs along the rows of the box around it, background first.

Source: CVAT's documentation, "XML annotation format", version 1.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trackforge.data.dialects.markup import Element
from trackforge.intake.limits import check_limit
from trackforge.io.masks import decode_mask, encode_part
from trackforge.io.polygons import Segmentation, as_mask

__all__ = ["SHAPES", "read_shape", "shape_of"]

SHAPES = ("polygon", "mask")
"""Tags that are read as the box around them, and its pixels."""
FAR = 2**31
NEAR = 1.0
"""Pixels by which the box around a shape may miss the box that is to be written."""


def read_shape(node: Element, size: tuple[int, int]) -> tuple[list[float], Segmentation | None]:
    """Return the box around a polygon or mask, and its pixels; None for a mask in a picture whose size nobody says.

    Args:
        node: The element.
        size: ``(width, height)`` of the picture.

    Raises:
        DataError: It is malformed, with its line.
    """
    if node.tag == "polygon":
        try:
            points = np.array([[float(x) for x in pair.split(",")] for pair in node.stated("points").split(";")])
        except ValueError as error:
            raise node.fault("The points of a polygon must be x,y;x,y;...") from error
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
            raise node.fault("A polygon must have three points or more, x,y;x,y;...")
        return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()], (points.ravel(),)
    left, top = (node.whole(name, -FAR) for name in ("left", "top"))
    width, height = (node.whole(name) for name in ("width", "height"))
    check_limit("pixels", width * height, "The size of a mask", path=node.path, line=node.line)
    try:
        runs = np.array([int(run) for run in node.stated("rle").split(",")], np.int64)
    except (ValueError, OverflowError) as error:
        raise node.fault("The rle of a mask must be whole numbers with commas between.") from error
    if min(width, height) < 1 or (runs < 0).any() or sum(runs.tolist()) != width * height:
        raise node.fault(f"The runs of a mask must fill its {width} x {height} pixels.")
    box = [float(left), float(top), float(left + width), float(top + height)]
    if min(size) <= 0:
        return box, None
    part = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    x, y = min(max(left, 0), size[0]), min(max(top, 0), size[1])
    part = part[max(y - top, 0) : max(size[1] - top, 0), max(x - left, 0) : max(size[0] - left, 0)]
    return box, encode_part(part, x, y, (size[1], size[0]))


def shape_of(mask: Segmentation, xyxy: Any, size: tuple[int, int]) -> tuple[str, str] | None:
    """Return the tag and attributes of a shape that says the box and its pixels; None where none says both.

    Args:
        mask: A run-length mask, or polygons.
        xyxy: ``(4,)`` the box, which CVAT takes from the shape.
        size: ``(width, height)`` of the picture.
    """
    if not isinstance(mask, Mapping) and len(mask) == 1:
        points = np.asarray(mask[0], np.float64).reshape(-1, 2)
        if np.allclose([*points.min(axis=0), *points.max(axis=0)], xyxy, atol=NEAR):
            return "polygon", 'points="' + ";".join(f"{x:.12g},{y:.12g}" for x, y in points.tolist()) + '"'
        return None
    if not isinstance(mask, Mapping) and min(size) <= 0:
        return None
    pixels = decode_mask(mask if isinstance(mask, Mapping) else as_mask(mask, (size[1], size[0])))
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return None
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    if not np.allclose([left, top, right, bottom], xyxy, atol=NEAR):
        return None
    flat = pixels[top:bottom, left:right].ravel()
    edges = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1, [flat.size]))
    runs = [0] * int(flat[0]) + np.diff(edges).tolist()
    place = f'left="{left}" top="{top}" width="{right - left}" height="{bottom - top}"'
    return "mask", f'rle="{", ".join(map(str, runs))}" {place}'
