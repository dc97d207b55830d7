"""Pure functions on ``(N, 4)`` arrays of boxes, computed in float32 or, where the boxes are wider, as wide as they.

All boxes are continuous: a box covers ``x1 <= x < x2`` and is ``x2 - x1`` wide. The published trackers count pixels
instead (``x2 - x1 + 1``); `iou` offers that as ``inclusive=True`` for the presets that reproduce them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.types.arrays import as_array, as_floats

__all__ = [
    "area",
    "clip",
    "giou",
    "iou",
    "nms",
    "xyah_to_xyxy",
    "xywh_to_xyxy",
    "xyxy_to_xyah",
    "xyxy_to_xywh",
]

Boxes = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.floating[Any]]
BLOCK = 12_000
"""Pairs looked at in one go: fewer than fill 128 kB, from where on memory comes from the system, page by page."""
NMS_BLOCK = 64


def _boxes(value: npt.ArrayLike, name: str) -> Boxes:
    array = as_floats(name, value)  # half precision overflows at an area of 256 x 256
    if array.size == 0:
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise InvalidInputError(f"{name} must have shape (N, 4); got {array.shape}.")
    return array


def xywh_to_xyxy(xywh: npt.ArrayLike) -> Boxes:
    """Convert left, top, width, height to left, top, right, bottom; ``(N, 4)`` to ``(N, 4)``."""
    b = _boxes(xywh, "xywh")
    return np.concatenate((b[:, :2], b[:, :2] + b[:, 2:]), axis=1)


def xyxy_to_xywh(xyxy: npt.ArrayLike) -> Boxes:
    """Convert left, top, right, bottom to left, top, width, height; ``(N, 4)`` to ``(N, 4)``."""
    b = _boxes(xyxy, "xyxy")
    return np.concatenate((b[:, :2], b[:, 2:] - b[:, :2]), axis=1)


def xyxy_to_xyah(xyxy: npt.ArrayLike) -> Boxes:
    """Convert corners to centre x, centre y, aspect ratio (width / height), height; ``(N, 4)`` to ``(N, 4)``.

    A box of height 0 has aspect ratio 0 / 0, given as NaN.
    """
    b = _boxes(xyxy, "xyxy")
    size = b[:, 2:] - b[:, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        aspect = size[:, :1] / size[:, 1:]
    return np.concatenate((b[:, :2] + size / 2, aspect, size[:, 1:]), axis=1)


def xyah_to_xyxy(xyah: npt.ArrayLike) -> Boxes:
    """Convert centre x, centre y, aspect ratio, height to corners; ``(N, 4)`` to ``(N, 4)``."""
    b = _boxes(xyah, "xyah")
    half = np.stack((b[:, 2] * b[:, 3], b[:, 3]), axis=1) / 2
    return np.concatenate((b[:, :2] - half, b[:, :2] + half), axis=1)


def area(xyxy: npt.ArrayLike) -> Floats:
    """Return the areas in square pixels, ``(N,)``."""
    b = _boxes(xyxy, "xyxy")
    out: Floats = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    return out


def clip(xyxy: npt.ArrayLike, size: tuple[int, int]) -> Boxes:
    """Cut boxes at the border of an image of ``size = (width, height)`` pixels; ``(N, 4)`` to ``(N, 4)``."""
    b = _boxes(xyxy, "xyxy")
    limit = np.array([size[0], size[1], size[0], size[1]], b.dtype)
    return np.clip(b, 0, limit)


def _overlap(a: Boxes, b: Boxes, one: float) -> tuple[Floats, Floats]:
    """Return intersection and union areas, both ``(N, M)``; works in place, because memory is what takes time here."""
    sizes, other = [], None
    for low, high in ((0, 2), (1, 3)):
        size = np.minimum(a[:, None, high], b[None, :, high])
        other = np.maximum(a[:, None, low], b[None, :, low], out=other)
        size -= other
        if one:
            size += one
        sizes.append(np.maximum(size, 0, out=size))
    intersection, spare = sizes
    intersection *= spare
    union = np.add(_area(a, one)[:, None], _area(b, one)[None, :], out=spare)
    union -= intersection
    return intersection, union


def _area(b: Boxes, one: float) -> Floats:
    out: Floats = (b[:, 2] - b[:, 0] + one) * (b[:, 3] - b[:, 1] + one)
    return out


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide in place, giving 0 where ``whole`` is not positive."""
    if whole.size and whole.min() > 0:
        return np.divide(part, whole, out=part)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def iou(a: npt.ArrayLike, b: npt.ArrayLike, *, inclusive: bool = False) -> Floats:
    """Return the intersection over union of every pair, ``(N, M)``, 0..1; two empty boxes give 0.

    Args:
        a: ``(N, 4)`` xyxy boxes.
        b: ``(M, 4)`` xyxy boxes.
        inclusive: Count the right and bottom pixel as part of the box (``x2 - x1 + 1`` wide), as cython_bbox does.
    """
    a, b = _same(_boxes(a, "a"), _boxes(b, "b"))
    one = 1.0 if inclusive else 0.0
    if len(a) * len(b) <= BLOCK:
        return _ratio(*_overlap(a, b, one))
    out = np.empty((len(a), len(b)), a.dtype)
    rows = max(1, BLOCK // len(b))
    for start in range(0, len(a), rows):
        part = slice(start, start + rows)
        out[part] = _ratio(*_overlap(a[part], b, one))
    return out


def _same(a: Boxes, b: Boxes) -> tuple[Boxes, Boxes]:
    """Bring both to the wider of their dtypes, so that results can be computed in place."""
    if a.dtype != b.dtype:
        wide = np.promote_types(a.dtype, b.dtype)
        return a.astype(wide, copy=False), b.astype(wide, copy=False)
    return a, b


def giou(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Return the generalised IoU of every pair, ``(N, M)``, -1..1.

    Source: Rezatofighi et al., "Generalized Intersection over Union", CVPR 2019, algorithm 1.
    """
    a, b = _same(_boxes(a, "a"), _boxes(b, "b"))
    intersection, union = _overlap(a, b, 0.0)
    width = np.maximum(a[:, None, 2], b[None, :, 2]) - np.minimum(a[:, None, 0], b[None, :, 0])
    height = np.maximum(a[:, None, 3], b[None, :, 3]) - np.minimum(a[:, None, 1], b[None, :, 1])
    hull = width * height
    waste = _ratio(hull - union, hull)
    out: Floats = _ratio(intersection, union) - waste
    return out


def nms(
    xyxy: npt.ArrayLike, score: npt.ArrayLike, limit: float, *, class_id: npt.ArrayLike | None = None
) -> npt.NDArray[np.int64]:
    """Suppress boxes that overlap a better one by more than ``limit`` IoU (greedy non-maximum suppression).

    Args:
        xyxy: ``(N, 4)`` boxes.
        score: ``(N,)`` confidences.
        limit: IoU above which the lesser box goes.
        class_id: ``(N,)``; where given, boxes of different classes do not suppress each other.

    Returns:
        The rows kept, best first; equal scores keep their input order.
    """
    boxes = _boxes(xyxy, "xyxy")
    columns = {"score": as_floats("score", score)}
    if class_id is not None:
        columns["class_id"] = as_array("class_id", class_id)
    for name, column in columns.items():
        if column.shape != (len(boxes),):
            raise InvalidInputError(f"{name} must have shape ({len(boxes)},), one a box; got {column.shape}.")
    order = np.argsort(-columns["score"], kind="stable")
    corners = np.ascontiguousarray(boxes[order].T)  # (4, N), best first
    areas = (corners[2] - corners[0]) * (corners[3] - corners[1])
    classes = columns["class_id"][order] if "class_id" in columns else None

    def beaten(best: npt.NDArray[np.int64], rest: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        a, b = corners[:, best, None], corners[:, rest]
        width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
        height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
        intersection = np.maximum(width, 0) * np.maximum(height, 0)
        over: npt.NDArray[np.bool_] = intersection > limit * (areas[best, None] + areas[rest] - intersection)
        return over if classes is None else over & (classes[best, None] == classes[rest])

    # The chain of decisions is walked within blocks of the best boxes left; everything else is whole-matrix arithmetic.
    rest, kept = np.arange(len(order)), []
    while len(rest):
        block, rest = rest[:NMS_BLOCK], rest[NMS_BLOCK:]
        over = np.triu(beaten(block, block), 1)
        stays = np.ones(len(block), bool)
        for row in np.flatnonzero(over.any(axis=1)):
            if stays[row]:
                stays[over[row]] = False
        kept.append(block[stays])
        if len(rest):
            rest = rest[~beaten(kept[-1], rest).any(axis=0)]
    return order[np.concatenate(kept)].astype(np.int64) if kept else np.empty(0, np.int64)
