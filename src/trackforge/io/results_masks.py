"""Masks of other people's results: arrays of pixels, or outlines, as COCO's run lengths.

Source: the documentation of torchvision, detectron2, mmdetection and ultralytics; only what things are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.io.masks import encode_mask
from trackforge.io.polygons import rasterise
from trackforge.types.arrays import as_array

__all__ = ["outlined_masks", "pixel_masks"]

Masks = npt.NDArray[np.object_]
INSIDE = 0.5
"""Value from which on a pixel belongs to the object, where a network tells how likely it is."""


def pixel_masks(value: Any, count: int) -> Masks | None:
    """Return the masks of a result, one a box; None where it has none.

    Args:
        value: ``(N, H, W)`` or ``(N, 1, H, W)``, true or from 0.5 on inside; or what has such an array as ``tensor``
            or ``masks``.
        count: How many boxes there are.

    Raises:
        InvalidInputError: It has another shape.
    """
    if value is None:
        return None
    for name in ("tensor", "masks"):
        inner = getattr(value, name, None)
        value = value if inner is None or callable(inner) else inner
    pixels = as_array("masks", value)
    if pixels.ndim == 4 and pixels.shape[1] == 1:
        pixels = pixels[:, 0]
    if pixels.ndim != 3 or len(pixels) != count:
        raise InvalidInputError(
            f"masks must have shape ({count}, H, W), one a box, in pixels of the picture; got {pixels.shape}. Paste "
            "them into the picture first."
        )
    return _column([encode_mask(one if one.dtype == bool else one >= INSIDE) for one in pixels])


def outlined_masks(outlines: Sequence[Any], size: tuple[int, int], count: int) -> Masks:
    """Return the masks of a result that tells the outline of each object.

    Args:
        outlines: For each box, ``(K, 2)`` corners in pixels; fewer than three for an object without pixels.
        size: ``(height, width)`` of the picture.
        count: How many boxes there are.

    Raises:
        InvalidInputError: There is not one outline a box.
    """
    if len(outlines) != count:
        raise InvalidInputError(f"masks must have one outline a box, {count} in all; got {len(outlines)}.")
    corners = [as_array("masks", outline).reshape(-1, 2).astype(np.float64) for outline in outlines]
    return _column([rasterise([one.ravel()] if len(one) > 2 else [], size) for one in corners])


def _column(masks: Sequence[dict[str, Any]]) -> Masks:
    made = np.empty(len(masks), np.object_)
    for row, mask in enumerate(masks):
        made[row] = mask
    return made
