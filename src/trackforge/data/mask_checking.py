"""What can be wrong with the masks of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import TrackforgeError
from trackforge.io.masks import decode_mask

__all__ = ["check_masks"]


def check_masks(dataset: Dataset, findings: Findings, place_of: Callable[[Any], Path]) -> None:
    """Report masks of another size than their picture, damaged ones, and polygons that lie elsewhere than their box.

    Args:
        dataset: The set.
        findings: Where they are reported.
        place_of: Where a picture lies, by its row, for messages.
    """
    boxes, images = dataset.boxes, dataset.images
    for row, mask in enumerate(() if boxes.mask is None else boxes.mask):
        if mask is None:
            continue
        image, label = boxes.image[row], int(boxes.class_id[row])
        name = dataset.classes[label] if 0 <= label < len(dataset.classes) else label
        what = f"The mask of a box of class {name!r}"
        if not isinstance(mask, Mapping):
            corners = np.concatenate([np.asarray(polygon, np.float64).reshape(-1, 2) for polygon in mask])
            low, high = corners.min(axis=0), corners.max(axis=0)
            if (high < boxes.xyxy[row, :2]).any() or (low > boxes.xyxy[row, 2:]).any():
                findings.warn(f"{what} lies beside the box.", path=place_of(image), kind="mask-elsewhere")
            continue
        size, known = tuple(mask.get("size", (0, 0))), (int(images.height[image]), int(images.width[image]))
        if min(known) > 0 and size != known:
            message = f"{what} is {size[1]}x{size[0]}, but its picture is {known[1]}x{known[0]}."
            findings.bad(message, path=place_of(image), kind="mask-size")
            continue
        try:
            decode_mask(mask)
        except TrackforgeError as error:
            findings.bad(f"{what} can't be read. {error}", path=place_of(image), kind="mask")
