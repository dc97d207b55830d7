"""Masks of Mask R-CNN: little maps of probability, one an object, drawn into its box in the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.io.masks import encode_part

__all__ = ["draw_masks"]


def draw_masks(
    maps: npt.NDArray[np.float32], xyxy: npt.NDArray[np.float32], size: tuple[int, int], least: float
) -> npt.NDArray[np.object_]:
    """Return run-length masks of a picture.

    Args:
        maps: ``(N, h, w)`` probabilities over the box of each object.
        xyxy: ``(N, 4)`` boxes in pixels of the picture.
        size: ``(H, W)`` of the picture.
        least: Probability from which a pixel belongs to the object.
    """
    import cv2

    out = np.empty(len(maps), object)
    for row, (values, box) in enumerate(zip(maps, xyxy.astype(np.float64), strict=True)):
        left, top = (int(np.clip(np.floor(box[k]), 0, size[1 - k])) for k in (0, 1))
        right, bottom = (int(np.clip(np.ceil(box[2 + k]), 0, size[1 - k])) for k in (0, 1))
        width, height = max(right - left, 0), max(bottom - top, 0)
        part = np.zeros((height, width), bool)
        if width and height:
            step_x, step_y = values.shape[1] / max(box[2] - box[0], 1e-6), values.shape[0] / max(box[3] - box[1], 1e-6)
            # the middle of a pixel of the picture, in pixels of the map
            way: Any = np.array(
                [
                    [step_x, 0, (left + 0.5 - box[0]) * step_x - 0.5],
                    [0, step_y, (top + 0.5 - box[1]) * step_y - 0.5],
                ]
            )
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            drawn = cv2.warpAffine(values, way, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
            part = np.asarray(drawn) >= least
        out[row] = encode_part(part, left, top, size)
    return out
