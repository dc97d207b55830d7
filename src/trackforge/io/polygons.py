"""Outlines of objects: the ``segmentation`` of COCO as polygons, and the masks that they stand for.

A segmentation is a run-length mask (`trackforge.io.masks`) or a list of polygons, each a flat list of corners ``x, y``
in pixels. A pixel belongs to a polygon where its centre lies inside, by the even-odd rule, and to the object where it
belongs to one of its polygons; what lies beyond the picture is cut off. pycocotools walks along outlines rounded to
fifths of a pixel instead, so that its masks may differ by the pixels that an outline runs through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, InvalidInputError
from trackforge.intake.limits import check_limit
from trackforge.io.masks import check_mask, encode_mask, encode_part, mask_area, plain_mask

__all__ = ["Segmentation", "area_of", "as_mask", "check_segmentation", "plain_segmentation", "rasterise"]

Segmentation: TypeAlias = "Mapping[str, Any] | Sequence[npt.ArrayLike]"
"""A run-length mask, or polygons."""
Floats: TypeAlias = npt.NDArray[np.float64]


def check_segmentation(value: Any, what: str, *, path: Path | None = None, line: int | None = None) -> Segmentation:
    """Return a segmentation that a file holds.

    Args:
        value: What the file holds.
        what: Where, for the message: ``"annotations[3]"``.
        path: The file, for the message.
        line: 1-based line, for the message.

    Returns:
        The mask, or a tuple of ``(2 * K,)`` float64 arrays, which take a tenth of the memory of lists.

    Raises:
        DataError: It is neither a run-length mask nor polygons of three corners or more.
    """
    if isinstance(value, dict):
        return check_mask(value, what, path=path, line=line)
    polygons = tuple(_corners(polygon) for polygon in value) if isinstance(value, list) else ()
    if not polygons or any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
        raise DataError(
            f"{what} must have a segmentation of polygons, each x, y, x, y, ... of three corners or more, or a "
            f"run-length mask; it has {str(value)[:60]}.",
            path=path,
            line=line,
        )
    return polygons


def _corners(polygon: Any) -> Floats:
    """Return a flat list of numbers as an array; an empty one where it is none."""
    try:
        given = np.asarray(polygon)
    except (ValueError, OverflowError):  # lists of several lengths
        return np.empty(0)
    fine = given.ndim == 1 and given.dtype.kind in "iuf" and bool(np.isfinite(given).all())
    return given.astype(np.float64) if fine else np.empty(0)


def plain_segmentation(segmentation: Segmentation) -> Any:
    """Return a segmentation as JSON can hold it."""
    if isinstance(segmentation, Mapping):
        return plain_mask(segmentation)
    return [np.asarray(polygon, np.float64).tolist() for polygon in segmentation]


def as_mask(segmentation: Segmentation, size: tuple[int, int]) -> dict[str, Any]:
    """Return a segmentation as the run-length mask of a picture.

    Args:
        segmentation: A run-length mask, or polygons.
        size: ``(height, width)`` of the picture.

    Raises:
        InvalidInputError: It is the mask of a picture of another size.
    """
    if not isinstance(segmentation, Mapping):
        return rasterise(segmentation, size)
    stated = tuple(int(side) for side in segmentation["size"])
    if stated != tuple(size):
        raise InvalidInputError(
            f"A mask must be as large as its picture, {size[0]} x {size[1]} (height x width); it is "
            f"{stated[0]} x {stated[1]}. It belongs to another picture, or to a scaled one."
        )
    return plain_mask(segmentation)


def rasterise(polygons: Sequence[npt.ArrayLike], size: tuple[int, int]) -> dict[str, Any]:
    """Return the mask of a picture that polygons stand for.

    >>> rasterise([[1, 0, 3, 0, 3, 2, 1, 2]], (2, 4)) == encode_mask(np.array([[0, 1, 1, 0], [0, 1, 1, 0]]))
    True

    Args:
        polygons: Flat lists of corners, ``x, y, x, y, ...`` in pixels; outlines are closed.
        size: ``(height, width)`` of the picture.

    Raises:
        DataError: The picture is larger than the limit.
    """
    height, width = size
    check_limit("pixels", height * width, "A mask's number of pixels")
    outlines = [np.asarray(polygon, np.float64).reshape(-1, 2) for polygon in polygons]
    every = np.concatenate(outlines) if outlines else np.empty((0, 2))
    if not len(every) or not height or not width:
        return encode_mask(np.zeros(size, bool))
    left, top = np.clip(np.floor(every.min(axis=0)), 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(every.max(axis=0)), 0, (width, height)).astype(int).tolist()
    if right <= left or bottom <= top:
        return encode_mask(np.zeros(size, bool))
    part = np.zeros((bottom - top, right - left), bool)
    for outline in outlines:
        part |= _inside(outline - (left, top), *part.shape)
    return encode_part(part, left, top, size)


def _inside(outline: Floats, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Return the pixels whose centres lie inside: right of an odd number of edges in their row."""
    begin, end = outline, np.roll(outline, -1, axis=0)
    low, high = np.minimum(begin[:, 1], end[:, 1]), np.maximum(begin[:, 1], end[:, 1])
    # an edge crosses the rows whose centres lie in [low, high): where two edges meet, one of them counts
    first = np.clip(np.ceil(low - 0.5), 0, height).astype(np.int64)
    count = np.clip(np.ceil(high - 0.5), 0, height).astype(np.int64) - first
    edge = np.repeat(np.arange(len(outline)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    rise = end[edge, 1] - begin[edge, 1]
    x = begin[edge, 0] + (row + 0.5 - begin[edge, 1]) / rise * (end[edge, 0] - begin[edge, 0])
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    turns = np.zeros((height, width + 1), np.int64)
    np.add.at(turns, (row, column), 1)
    return np.asarray(np.cumsum(turns, axis=1)[:, :-1] % 2 == 1)


def area_of(segmentation: Segmentation) -> float:
    """Return the area in square pixels: pixels of a mask, what the outlines of polygons enclose."""
    if isinstance(segmentation, Mapping):
        return float(mask_area(segmentation))
    total = 0.0
    for polygon in segmentation:
        x, y = np.asarray(polygon, np.float64).reshape(-1, 2).T
        total += abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    return total
