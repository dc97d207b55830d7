"""Class names of the published weights: PASCAL VOC's, and COCO's numbers 1 to 90."""

from __future__ import annotations

from trackforge.models.coco_names import COCO_CLASSES

__all__ = ["COCO90_CLASSES", "VOC_CLASSES"]

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
UNUSED = {
    12: "street sign",
    26: "hat",
    29: "shoe",
    30: "eye glasses",
    45: "plate",
    66: "mirror",
    68: "window",
    69: "desk",
    71: "door",
    83: "blender",
}
"""Numbers that COCO's paper lists and its annotations lack."""


def _coco90() -> tuple[str, ...]:
    used = iter(COCO_CLASSES)
    return tuple(UNUSED.get(number) or next(used) for number in range(1, 91))


COCO90_CLASSES = _coco90()
"""By COCO's own numbers, less one: torchvision's weights tell 90 classes apart, ten of which no picture shows."""
