"""Average precision of detections, by the rules of PASCAL VOC.

Source: Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV 2010 (11 points until 2009, area since).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.boxes import iou
from trackforge.errors import InvalidInputError
from trackforge.metrics.inputs import Input, Job, pair_up

__all__ = ["VocPrecision", "VocReport", "voc_average_precision"]

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class VocPrecision:
    """Average precision of one class; fractions of 1, NaN where there is no truth.

    Attributes:
        area: Under the precision curve, made to fall (VOC 2010 and later).
        eleven: Mean of the precision at recall 0, 0.1 ... 1 (VOC 2007).
        truths: Truth boxes, difficult ones not counted.
    """

    area: float
    eleven: float
    truths: int


@dataclass(frozen=True, kw_only=True)
class VocReport:
    """What `voc_average_precision` returns.

    Attributes:
        area: Mean over the classes that have truth; see `VocPrecision`.
        eleven: The same by 11 points.
        classes: By name.
    """

    area: float
    eleven: float
    classes: Mapping[str, VocPrecision]


def voc_average_precision(
    truth: Input,
    detections: Input,
    *,
    classes: Sequence[str] | None = None,
    overlap: float = 0.5,
    lengths: Mapping[str, int] | int | None = None,
) -> VocReport:
    """Score detections against ground truth by VOC's average precision.

    A detection stands for the truth box of its class that it overlaps most. The first one for a box is right, every
    further one is wrong. Boxes are measured as everywhere in the library, ``x2 - x1`` wide, without VOC's pixel more.

    Args:
        truth: As for `trackforge.evaluate`. Rows flagged 0 are difficult: what stands for one is neither right nor
            wrong.
        detections: The same forms.
        classes: Names by ``class_id``; where None, or one name, all boxes are of one class.
        overlap: Least IoU of a detection with its truth box.
        lengths: Frames of each sequence, as for `trackforge.evaluate`.

    Raises:
        InvalidInputError: A class has no name.
    """
    names = ("object",) if classes is None else tuple(classes)
    jobs = list(pair_up(truth, detections, lengths=lengths, kind="detections"))
    _check_classes(jobs, names)
    found = {name: _precision(jobs, None if len(names) == 1 else k, overlap) for k, name in enumerate(names)}
    return VocReport(
        area=_mean([one.area for one in found.values()]),
        eleven=_mean([one.eleven for one in found.values()]),
        classes=found,
    )


def _check_classes(jobs: Sequence[Job], names: Sequence[str]) -> None:
    for job in jobs if len(names) > 1 else ():
        for table in (job.truth, job.tracks):
            strange = (table.class_id < 0) | (table.class_id >= len(names))
            if strange.any():
                raise InvalidInputError(
                    f"Every class_id must have a name; sequence {job.name!r} has class_id "
                    f"{table.class_id[strange][0]}, and there are {len(names)} names. Give all."
                )


def _precision(jobs: Sequence[Job], class_id: int | None, overlap: float) -> VocPrecision:
    scores: list[Floats] = []
    rights: list[npt.NDArray[np.int64]] = []
    truths = 0
    for job in jobs:
        truth, found = job.truth, job.tracks
        if class_id is not None:
            truth, found = truth[truth.class_id == class_id], found[found.class_id == class_id]
        easy = truth.extra["flag"] != 0 if "flag" in truth.extra else np.ones(len(truth), np.bool_)
        truths += int(easy.sum())
        for frame in np.unique(found.frame).tolist():
            here, there = found.frame == frame, truth.frame == frame
            order = np.argsort(-found.score[here], kind="stable")
            scores.append(found.score[here][order].astype(np.float64))
            rights.append(_stand_for(found.xyxy[here][order], truth.xyxy[there], easy[there], overlap))
    if not truths:
        return VocPrecision(area=math.nan, eleven=math.nan, truths=0)
    score = np.concatenate(scores) if scores else np.zeros(0)
    right = np.concatenate(rights) if rights else np.zeros(0, np.int64)
    right = right[np.argsort(-score, kind="stable")]
    right = right[right >= 0]
    hits = np.cumsum(right)
    recall, precision = hits / truths, hits / np.arange(1, len(hits) + 1)
    return VocPrecision(area=_area(recall, precision), eleven=_eleven(recall, precision), truths=truths)


def _stand_for(
    found: npt.NDArray[np.float32], truth: npt.NDArray[np.float32], easy: npt.NDArray[np.bool_], overlap: float
) -> npt.NDArray[np.int64]:
    """Tell for each detection of a frame, best first, whether it is right (1), wrong (0) or not counted (-1)."""
    out = np.zeros(len(found), np.int64)
    if not len(truth):
        return out
    overlaps = iou(found, truth)
    taken = np.zeros(len(truth), np.bool_)
    for row, best in enumerate(overlaps.argmax(axis=1).tolist()):
        if overlaps[row, best] < overlap:
            continue
        if not easy[best]:
            out[row] = -1
        elif not taken[best]:
            out[row], taken[best] = 1, True
    return out


def _area(recall: Floats, precision: Floats) -> float:
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * falling).sum())


def _eleven(recall: Floats, precision: Floats) -> float:
    # a tenth as a quotient and recall as a quotient meet exactly only up to rounding
    return float(np.mean([precision[recall >= k / 10 - 1e-12].max(initial=0.0) for k in range(11)]))


def _mean(values: Sequence[float]) -> float:
    there = [value for value in values if not math.isnan(value)]
    return sum(there) / len(there) if there else math.nan
