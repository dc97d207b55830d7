"""Answers of SageMaker JumpStart's models of pictures: JSON with parallel lists, one entry an object.

Two forms are known. Instance segmentation (Mask R-CNN of GluonCV), asked with ``Accept:
application/json;verbose;n_predictions=N``, has corners in pixels; object detection has them in shares of the picture::

    {"ids": [17, 0], "scores": [0.98, 0.91], "bboxes": [[x1, y1, x2, y2], ...], "masks": [[[0, 1, ...], ...], ...],
     "labels": ["dog", "person"], "image_with_masks": [...]}
    {"normalized_boxes": [[x1, y1, x2, y2], ...], "classes": [17, 0], "scores": [0.98, 0.91], "labels": [...]}

``labels`` are the names of the objects, one each, or of all classes by number: object detection has the latter,
instance segmentation the former; where only one of the two can be, it is that. Lists may stand in lists of one, as
networks give them for a batch of one picture, and rows of a negative class, with which networks fill up, are left out.

A mask is as large as the picture, or as its box, or it is a square of a network, up to 64 pixels wide, that stands for
the box and is scaled to it; values from 0 to 1 belong to the object from 0.5 on.

Source: Amazon SageMaker AI developer guide and example notebooks on JumpStart, as to what the lists are called.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, InvalidInputError
from trackforge.intake.documents import finite_number, whole_number
from trackforge.intake.limits import check_limit
from trackforge.io.masks import check_mask, encode_mask, encode_part
from trackforge.io.polygons import as_mask
from trackforge.types import Detections

__all__ = ["is_jumpstart", "jumpstart_names", "jumpstart_objects"]

SEGMENTING, DETECTING = ("ids", "scores", "bboxes"), ("classes", "scores", "normalized_boxes")
"""What each form must have: classes, scores and boxes."""
SQUARE = 64
"""Widest mask, in pixels, that a network gives for a box before it is scaled."""
INSIDE = 0.5
"""Value from which on a pixel belongs to the object."""
Path_ = str | Path | None


def is_jumpstart(document: Any) -> bool:
    """Tell whether a parsed answer is of one of the two forms, whole or not."""
    return isinstance(document, Mapping) and bool({"ids", "bboxes", "normalized_boxes"} & document.keys())


def jumpstart_names(document: Mapping[str, Any], path: Path_ = None) -> dict[int, str]:
    """Return the names that an answer tells, by class; none where it has no labels.

    Raises:
        DataError: It is malformed, or has two names for a class.
    """
    kinds = _kinds(document, path)
    labels = document.get("labels")
    if labels is None:
        return {}
    batch = isinstance(labels, list) and len(labels) == 1 and isinstance(labels[0], list)
    given = [_alone(name) for name in (labels[0] if batch else labels)] if isinstance(labels, list) else None
    if given is None or not all(isinstance(name, str) for name in given):
        raise DataError(f'"labels" must be a list of names; it is {_shown(labels)}.', path=path)
    most = max(kinds, default=-1)
    each = len(given) == len(kinds)
    whole = most < len(given) and len(set(given)) == len(given)
    if whole and (not each or "normalized_boxes" in document):
        return dict(enumerate(given))
    if not each:
        raise DataError(
            f'"labels" must name each of the {len(kinds)} objects, or each class up to {most}; there are {len(given)}.',
            path=path,
        )
    names: dict[int, str] = {}
    for number, name in zip(kinds, given, strict=True):
        if number >= 0 and names.setdefault(number, name) != name:
            raise DataError(
                f'"labels" must give each class one name; class {number} is {names[number]!r} and {name!r}.', path=path
            )
    return names


def jumpstart_objects(document: Mapping[str, Any], size: tuple[int, int], path: Path_ = None) -> Detections:
    """Return the objects of an answer, in its order.

    Args:
        document: The parsed answer.
        size: ``(width, height)`` of the picture.
        path: The file, for messages.

    Raises:
        DataError: It is malformed; the message names the list and the row.
    """
    kinds = _kinds(document, path)
    _, scores_key, boxes_key = SEGMENTING if "bboxes" in document else DETECTING
    scores = [
        _told(f"{scores_key}[{row}]", path, value) for row, value in enumerate(_rows(document, scores_key, kinds, path))
    ]
    boxes = [_box(box, f"{boxes_key}[{row}]", path) for row, box in enumerate(_rows(document, boxes_key, kinds, path))]
    scale = (*size, *size) if boxes_key == "normalized_boxes" else (1.0, 1.0, 1.0, 1.0)
    xyxy = np.array(boxes, np.float64).reshape(-1, 4) * scale
    kept = [row for row, kind in enumerate(kinds) if kind >= 0]
    masks = None
    if document.get("masks") is not None:
        given = _rows(document, "masks", kinds, path)
        masks = np.full(len(kept), None)
        for place, row in enumerate(kept):
            masks[place] = _mask(given[row], xyxy[row], size, f"masks[{row}]", path)
    try:
        return Detections(
            xyxy=xyxy[kept].astype(np.float32),
            score=np.array([scores[row] for row in kept], np.float32),
            class_id=np.array([kinds[row] for row in kept], np.int64),
            mask=masks,
        )
    except InvalidInputError as error:
        raise DataError(str(error), path=path) from error


def _kinds(document: Mapping[str, Any], path: Path_) -> list[int]:
    """Return the class of each object, after a look whether the answer has what it needs."""
    wanted = SEGMENTING if {"ids", "bboxes"} & document.keys() else DETECTING
    missing = [key for key in wanted if not isinstance(document.get(key), list)]
    if missing:
        raise DataError(
            f"An answer of JumpStart must have the lists {', '.join(SEGMENTING)} (instance segmentation) or "
            f"{', '.join(DETECTING)} (object detection); {', '.join(missing)} is missing, or no list. Ask with Accept: "
            "application/json;verbose.",
            path=path,
        )
    values = document[wanted[0]]
    if len(values) == 1 and isinstance(values[0], list) and len(values[0]) != 1:
        values = values[0]
    kinds = []
    for row, value in enumerate(values):
        try:
            kinds.append(whole_number(_alone(value)))
        except ValueError as error:
            raise DataError(f"{wanted[0]}[{row}] {error}.", path=path) from error
        check_limit("classes", kinds[-1], f"The class of object {row}", path=path)
    return kinds


def _rows(document: Mapping[str, Any], key: str, kinds: Sequence[int], path: Path_) -> list[Any]:
    """Return the entries of a list, one an object; out of a batch of one."""
    values = document[key]
    if isinstance(values, list) and len(values) == 1 != len(kinds) and isinstance(values[0], list):
        values = values[0]
    if not isinstance(values, list) or len(values) != len(kinds):
        raise DataError(
            f"{key} must be a list of {len(kinds)}, one an object; it is "
            f"{f'one of {len(values)}' if isinstance(values, list) else _shown(values)}.",
            path=path,
        )
    return values


def _told(what: str, path: Path_, value: Any) -> float:
    try:
        return float(finite_number(_alone(value)))
    except ValueError as error:
        raise DataError(f"{what} {error}.", path=path) from error


def _box(box: Any, what: str, path: Path_) -> list[float]:
    while isinstance(box, list) and len(box) == 1:
        box = box[0]
    if not isinstance(box, list) or len(box) != 4:
        raise DataError(f"{what} must be four corners, x1, y1, x2, y2; it is {_shown(box)}.", path=path)
    return [_told(what, path, value) for value in box]


def _mask(value: Any, box: npt.NDArray[np.float64], size: tuple[int, int], what: str, path: Path_) -> dict[str, Any]:
    """Return the mask of an object, of whichever size it was given."""
    width, height = size
    if isinstance(value, dict):
        try:
            return as_mask(check_mask(value, what, path=Path(path) if path else None), (height, width))
        except InvalidInputError as error:
            raise DataError(f"{what}: {error}", path=path) from error
    try:
        pixels = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{what} must be rows of numbers, all of one length; {error}.", path=path) from error
    while pixels.ndim > 2 and 1 in (pixels.shape[0], pixels.shape[-1]):
        pixels = pixels[0] if pixels.shape[0] == 1 else pixels[..., 0]
    if pixels.ndim != 2 or not np.isfinite(pixels).all():
        raise DataError(f"{what} must be rows of finite numbers; its shape is {pixels.shape}.", path=path)
    if pixels.shape == (height, width):
        return encode_mask(pixels >= INSIDE)
    left, top = (math.floor(min(max(corner, -1e6), 1e6) + 0.5) for corner in box[:2].tolist())
    right, bottom = (math.floor(min(max(corner, -1e6), 1e6) + 0.5) for corner in box[2:].tolist())
    rows, columns = pixels.shape
    if abs(rows - (bottom - top)) <= 1 and abs(columns - (right - left)) <= 1:
        return _placed(pixels >= INSIDE, left, top, size)
    if rows == columns <= SQUARE:
        return _placed(_scaled(pixels, box, size), max(left, 0), max(top, 0), size)
    raise DataError(
        f"{what} must be as large as the picture, {height} x {width} (height x width), as its box, {bottom - top} x "
        f"{right - left}, or a square of up to {SQUARE}; it is {rows} x {columns}. It may be another picture's.",
        path=path,
    )


def _placed(part: npt.NDArray[np.bool_], left: int, top: int, size: tuple[int, int]) -> dict[str, Any]:
    """Put a part into the picture; what lies beyond is cut off."""
    width, height = size
    x, y = min(max(left, 0), width), min(max(top, 0), height)
    inside = part[max(y - top, 0) : max(height - top, 0), max(x - left, 0) : max(width - left, 0)]
    return encode_part(inside, x, y, (height, width))


def _scaled(
    pixels: npt.NDArray[np.float64], box: npt.NDArray[np.float64], size: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Return the part of a picture that a box covers, from the square that stands for the box: linear in between."""
    first = np.clip(np.floor(box[:2] + 0.5), 0, size)
    last = np.clip(np.floor(box[2:] + 0.5), first, size)
    extent = np.maximum(box[2:] - box[:2], 1e-9)
    x, y = (
        np.clip((np.arange(begin, end) + 0.5 - low) / wide * count - 0.5, 0, count - 1)
        for begin, end, low, wide, count in zip(first, last, box[:2], extent, pixels.shape[::-1], strict=True)
    )
    for values in (y, x):
        low = np.minimum(np.floor(values).astype(np.int64), len(pixels) - 1)
        high = np.minimum(low + 1, len(pixels) - 1)
        share = (values - low)[:, None]
        pixels = (pixels[low] * (1 - share) + pixels[high] * share).T
    return np.asarray(pixels >= INSIDE)


def _alone(value: Any) -> Any:
    """Return a value out of lists of one."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
