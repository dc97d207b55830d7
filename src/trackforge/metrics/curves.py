"""Precision, recall and F1 of a detector over its scores, and the score that serves each class best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.metrics.boxes_of_pictures import Matching, PictureBoxes

__all__ = ["RECALLS", "SCORES", "Curves", "class_curves", "mean_curves"]

Floats = npt.NDArray[np.float64]
RECALLS: Floats = np.linspace(0.0, 1.0, 101)
"""Where precision over recall is read off, as COCO does."""
SCORES: Floats = np.linspace(0.0, 1.0, 501)
"""Least scores at which precision, recall and F1 are read off."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Curves:
    """How a class, or the mean of several, fares at one overlap; fractions of 1, NaN where there is no truth.

    Attributes:
        precision_at: ``(101,)`` best precision at recall 0, 0.01 ... 1 or more: its mean is the average precision.
        precision: ``(501,)`` at least score 0, 0.002 ... 1; 1 where nothing is found.
        recall: ``(501,)`` the same.
        f1: ``(501,)`` the same.
        best_score: Least score with the best F1: between the last detection that is worth it and the next.
        best_f1: F1 there.
        best_precision: Precision there.
        best_recall: Recall there.
        truths: True boxes that count.
        found: Detections that count.
    """

    precision_at: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    best_score: float
    best_f1: float
    best_precision: float
    best_recall: float
    truths: int
    found: int

    @property
    def average_precision(self) -> float:
        """Mean of ``precision_at``."""
        return float(self.precision_at.mean())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers; None for NaN."""

        def plain(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return [plain(one) for one in value.tolist()]
            if isinstance(value, float):
                return None if value != value else round(value, 6)
            return value

        return {name: plain(getattr(self, name)) for name in self.__dataclass_fields__}


def class_curves(truth: PictureBoxes, found: PictureBoxes, matching: Matching, count: int) -> list[Curves]:
    """Return the curves of each of ``count`` classes."""
    real = np.bincount(truth.class_id[~truth.ignore], minlength=count)
    out = []
    for class_id in range(count):
        rows = np.flatnonzero((found.class_id == class_id) & matching.counted)
        rows = rows[np.argsort(-found.score[rows], kind="stable")]
        out.append(_curves(found.score[rows], matching.truth_of[rows] >= 0, int(real[class_id])))
    return out


def _curves(score: Floats, right: npt.NDArray[np.bool_], truths: int) -> Curves:
    """Return the curves of one class, from its detections, best first."""
    if not truths:
        none = np.full(len(SCORES), np.nan)
        return Curves(
            precision_at=np.full(len(RECALLS), np.nan),
            precision=none,
            recall=none,
            f1=none,
            best_score=np.nan,
            best_f1=np.nan,
            best_precision=np.nan,
            best_recall=np.nan,
            truths=0,
            found=len(score),
        )
    hits = np.cumsum(right)
    number = np.arange(1, len(score) + 1)
    recall, precision = hits / truths, hits / number
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(recall, RECALLS)
    precision_at = np.concatenate((falling, [0.0]))[place]
    kept = np.searchsorted(-score, -SCORES, "right")  # detections with that score or more
    hits_at = np.concatenate(([0], hits))[kept]
    best = _best(score, 2 * hits / (number + truths))
    return Curves(
        precision_at=precision_at,
        precision=np.divide(hits_at, kept, out=np.ones(len(SCORES)), where=kept > 0),
        recall=hits_at / truths,
        f1=2 * hits_at / (kept + truths),
        best_score=best[0],
        best_f1=0.0 if best[1] < 0 else float(2 * hits[best[1]] / (number[best[1]] + truths)),
        best_precision=np.nan if best[1] < 0 else float(precision[best[1]]),
        best_recall=0.0 if best[1] < 0 else float(recall[best[1]]),
        truths=truths,
        found=len(score),
    )


def _best(score: Floats, f1: Floats) -> tuple[float, int]:
    """Return the least score with the best F1, and the last detection that it keeps; -1 where nothing is right."""
    if not len(score) or f1.max() <= 0:
        return np.nan, -1
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True))  # equal scores stay together
    row = int(last[f1[last].argmax()])
    below = float(score[row + 1]) if row + 1 < len(score) else 0.0
    return (float(score[row]) + below) / 2, row


def mean_curves(curves: Sequence[Curves]) -> Curves:
    """Return the mean over the classes that have truth: each counts the same, however many boxes it has.

    The best score is the one of `SCORES` where the mean F1 is best; in the middle, where several are.
    """
    there = [one for one in curves if one.truths]
    found = sum(one.found for one in curves)
    if not there:
        empty = _curves(np.zeros(0), np.zeros(0, np.bool_), 0)
        return Curves(**{**{name: getattr(empty, name) for name in empty.__dataclass_fields__}, "found": found})
    precision, recall, f1 = (
        np.mean([getattr(one, name) for one in there], axis=0) for name in ("precision", "recall", "f1")
    )
    tops = np.flatnonzero(f1 >= f1.max() - 1e-12)
    tops = tops[: 1 + int(np.argmax(np.append(np.diff(tops) > 1, True)))]  # the first run of them
    top = int(tops[len(tops) // 2])
    return Curves(
        precision_at=np.mean([one.precision_at for one in there], axis=0),
        precision=precision,
        recall=recall,
        f1=f1,
        best_score=float(SCORES[top]),
        best_f1=float(f1[top]),
        best_precision=float(precision[top]),
        best_recall=float(recall[top]),
        truths=sum(one.truths for one in there),
        found=found,
    )
