"""Boxes of many pictures as columns, and which detection stands for which true box, by COCO's rules.

Source: cocodataset.org, "Detection evaluation". Everything else that is said of a detector (curves, best scores, the
confusion matrix, mistakes picture by picture) is read off this one matching, so that all of it agrees with the
average precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from trackforge.boxes import area, iou
from trackforge.errors import InvalidInputError

__all__ = ["Matching", "PictureBoxes", "match_boxes"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class PictureBoxes:
    """True boxes, or detections, of all pictures; N rows in any order.

    Attributes:
        image: ``(N,)`` int64 number of the picture.
        xyxy: ``(N, 4)`` float64 pixels.
        class_id: ``(N,)`` int64.
        score: ``(N,)`` float64; 1 where nobody said.
        ignore: ``(N,)`` bool: regions in which a detection is neither right nor wrong; False where nobody said.

    Raises:
        InvalidInputError: Columns differ in length.
    """

    image: Ints
    xyxy: Floats
    class_id: Ints
    score: Floats = field(default=cast("Any", None))
    ignore: Bools = field(default=cast("Any", None))

    def __post_init__(self) -> None:
        put, n = object.__setattr__, len(np.asarray(self.image))
        put(self, "image", np.asarray(self.image, np.int64))
        put(self, "xyxy", np.asarray(self.xyxy, np.float64).reshape(-1, 4))
        put(self, "class_id", np.asarray(self.class_id, np.int64))
        put(self, "score", np.ones(n) if self.score is None else np.asarray(self.score, np.float64))
        put(self, "ignore", np.zeros(n, np.bool_) if self.ignore is None else np.asarray(self.ignore, np.bool_))
        lengths = {len(getattr(self, name)) for name in ("image", "xyxy", "class_id", "score", "ignore")}
        if lengths != {n}:
            raise InvalidInputError(f"Columns of boxes must be equally long; got {sorted(lengths)} rows.")

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, rows: Any) -> PictureBoxes:
        """Select rows by mask or indices."""
        return PictureBoxes(
            image=self.image[rows],
            xyxy=self.xyxy[rows],
            class_id=self.class_id[rows],
            score=self.score[rows],
            ignore=self.ignore[rows],
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Matching:
    """Which detection stands for which true box; N true boxes, M detections.

    Attributes:
        truth_of: ``(M,)`` row of the true box that a detection stands for, -1 for none.
        counted: ``(M,)`` whether it counts: not inside an ignore region, and among the best of its picture and class.
        found_by: ``(N,)`` row of the detection that stands for a true box, -1 for none; always -1 of ignore regions.
    """

    truth_of: Ints
    counted: Bools
    found_by: Ints


def match_boxes(
    truth: PictureBoxes, found: PictureBoxes, *, overlap: float = 0.5, max_detections: int = 100
) -> Matching:
    """Let detections, best first, take the true box of their picture and class that they overlap most.

    Leaving out the detections below any score changes nothing for those above it, so one matching serves all scores.

    Args:
        truth: True boxes, ignore regions among them.
        found: Detections.
        overlap: Least IoU; with an ignore region, least share of the detection inside.
        max_detections: Best detections of a picture and class that count.
    """
    truth_of = np.full(len(found), -1, np.int64)
    found_by = np.full(len(truth), -1, np.int64)
    counted = np.ones(len(found), np.bool_)
    least = min(overlap, 1 - 1e-10)
    for mine, theirs in _groups(truth, found):
        counted[mine[max_detections:]] = False
        mine = mine[:max_detections]
        real, regions = theirs[~truth.ignore[theirs]], theirs[truth.ignore[theirs]]
        overlaps = iou(found.xyxy[mine], truth.xyxy[real])
        inside = _inside(found.xyxy[mine], truth.xyxy[regions])
        for row, pairs, region in zip(mine.tolist(), overlaps, inside, strict=True):
            if len(pairs):
                best = len(pairs) - 1 - int(pairs[::-1].argmax())  # of equal ones the last, as COCO has it
                if pairs[best] >= least:
                    truth_of[row], found_by[real[best]] = real[best], row
                    overlaps[:, best] = -1.0
                    continue
            if len(region) and region.max() >= least:
                counted[row] = False
    return Matching(truth_of=truth_of, counted=counted, found_by=found_by)


def _groups(truth: PictureBoxes, found: PictureBoxes) -> Iterator[tuple[Ints, Ints]]:
    """Yield the detections, best first, and the true boxes of every picture and class with a detection."""
    classes = 1 + max((int(side.class_id.max()) for side in (truth, found) if len(side)), default=0)
    left, right = truth.image * classes + truth.class_id, found.image * classes + found.class_id
    theirs, mine = np.argsort(left, kind="stable"), np.lexsort((-found.score, right))
    left, right = left[theirs], right[mine]
    keys = np.unique(right)
    bounds = zip(
        np.searchsorted(right, keys).tolist(),
        np.searchsorted(right, keys, "right").tolist(),
        np.searchsorted(left, keys).tolist(),
        np.searchsorted(left, keys, "right").tolist(),
        strict=True,
    )
    for a, b, c, d in bounds:
        yield mine[a:b], theirs[c:d]


def _inside(found: Floats, regions: Floats) -> Floats:
    """Return the share of each detection that lies inside each region, ``(M, R)``."""
    low = np.maximum(found[:, None, :2], regions[None, :, :2])
    high = np.minimum(found[:, None, 2:], regions[None, :, 2:])
    common: Floats = np.maximum(high - low, 0).prod(axis=2)
    whole = area(found)[:, None]
    share: Floats = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    return share
