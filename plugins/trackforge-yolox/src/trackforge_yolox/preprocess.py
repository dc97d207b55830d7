"""The ways in which the family's published weights want their pictures.

Two dialects exist and cannot be told apart by looking at the weights' shapes. Feeding one to weights of the other does
not fail, it silently ruins the results, so the `trackforge.models.Preprocessing` is part of every file that trackforge
writes.

========== ============================================================ =========================================
name       picture                                                      weights
========== ============================================================ =========================================
yolox      BGR, 0..255                                                  YOLOX releases since 0.1.1
bytetrack  RGB, 0..1, minus ImageNet mean, over std; float64 arithmetic ByteTrack
legacy     the same in float32 arithmetic                               YOLOX releases before 0.1.1
========== ============================================================ =========================================

All of them shrink or enlarge the picture to fit, keep its aspect, put it in the top left corner and pad with grey 114.

Source: Megvii-BaseDetection/YOLOX (Apache-2.0); ifzhang/ByteTrack (MIT).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trackforge.models import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from trackforge.models.cells import STRIDES

__all__ = ["MULTIPLE", "PREPROCESSINGS", "preprocessing"]

MULTIPLE = STRIDES[-1]
_IMAGENET: dict[str, Any] = {"order": "rgb", "scale": 255.0, "mean": IMAGENET_MEAN, "std": IMAGENET_STD}
PREPROCESSINGS: Mapping[str, Mapping[str, Any]] = {
    "yolox": {"order": "bgr"},
    "bytetrack": _IMAGENET,
    "legacy": {**_IMAGENET, "arithmetic": "float32"},
}
"""The dialects by name, without a size."""


def preprocessing(name: str, size: tuple[int, int]) -> Preprocessing:
    """Return the dialect of that name for inputs of ``size = (height, width)``."""
    return Preprocessing(size=size, multiple=MULTIPLE, **PREPROCESSINGS[name])
