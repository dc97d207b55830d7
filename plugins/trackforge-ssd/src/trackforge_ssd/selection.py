"""From probabilities and boxes to detections, by the rule of each dialect; in NumPy.

Source: MXNet's MultiBoxDetection and box_nms (Apache-2.0), torchvision's SSD (BSD-3-Clause): recorded behaviour. IoU is
computed in float32 and compared as they do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trackforge_ssd.layout import Rule

__all__ = ["Found", "select"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


class Found(NamedTuple):
    """What was found in one picture, best first.

    ``xyxy`` ``(N, 4)`` float32, in the unit of the boxes given; ``score`` ``(N,)`` float32; ``class_id`` ``(N,)``
    int64.
    """

    xyxy: Floats
    score: Floats
    class_id: Integers


def select(probabilities: Floats, boxes: Floats, rule: Rule, keep: tuple[int, ...] | None = None) -> Found:
    """Choose the detections of one picture.

    Args:
        probabilities: ``(N, 1 + C)``, the background first.
        boxes: ``(N, 4)`` corners.
        rule: Of the dialect.
        keep: Class ids to look for, or None for all. Where an anchor stands for its best class, these are picked from
            what is found; elsewhere other classes are not looked at.
    """
    if rule.best_class and keep is not None:  # an anchor's best class, not its best of those
        found = select(probabilities, boxes, rule)
        wanted = np.isin(found.class_id, keep)
        return Found(found.xyxy[wanted], found.score[wanted], found.class_id[wanted])
    classes = np.arange(probabilities.shape[1] - 1) if keep is None else np.array(keep, np.int64)
    scores = probabilities[:, 1:] if keep is None else probabilities[:, 1 + classes]
    least = np.float32(rule.score)
    if rule.best_class:
        column = scores.argmax(axis=1) if scores.shape[1] else np.zeros(len(scores), np.int64)
        best = np.take_along_axis(scores, column[:, None], axis=1)[:, 0]
        row = np.flatnonzero(best >= least)
        score, column = best[row], column[row]
    else:
        column, row = np.nonzero(least < scores.T)  # class by class, which is how equal scores are ordered
        score = scores[row, column]
    class_id = classes[column].astype(np.int64)
    order = np.argsort(-score, kind="stable")
    place = _place_in_class(class_id[order]) if rule.per_class else np.arange(len(order))
    order = order[place < rule.candidates]
    row, score, class_id = row[order], score[order], class_id[order]
    corners = np.ascontiguousarray(boxes[row], np.float32)
    stay = np.ones(len(row), bool)
    for group in _groups(class_id, together=rule.class_agnostic):
        stay[group] = _stays(corners[group], rule)
    chosen = np.flatnonzero(stay)[: rule.most]
    return Found(corners[chosen], score[chosen].astype(np.float32, copy=False), class_id[chosen])


def _place_in_class(class_id: Integers) -> Integers:
    """Return how many of the same class stand before each."""
    order = np.argsort(class_id, kind="stable")
    ordered = class_id[order]
    first = np.searchsorted(ordered, ordered, side="left")
    place = np.empty(len(class_id), np.int64)
    place[order] = np.arange(len(class_id)) - first
    return place


def _groups(class_id: Integers, *, together: bool) -> Iterator[Integers]:
    """Yield the rows that may suppress each other, best first."""
    if together:
        yield np.arange(len(class_id))
        return
    order = np.argsort(class_id, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(class_id[order])) + 1)


BLOCK = 1024


def _stays(corners: Floats, rule: Rule) -> npt.NDArray[np.bool_]:
    """Walk over boxes, best first; each that still stands takes those away that it overlaps too much."""
    stay = np.ones(len(corners), bool)
    if len(corners) < 2:
        return stay
    x1, y1, x2, y2 = corners.T
    area = (x2 - x1) * (y2 - y1)
    limit = np.float32(rule.limit)
    for start in range(0, len(corners), BLOCK):  # rows of a matrix at once, but never all of 24576 boxes
        part = slice(start, min(start + BLOCK, len(corners)))
        width = np.minimum(x2[part, None], x2) - np.maximum(x1[part, None], x1)
        height = np.minimum(y2[part, None], y2) - np.maximum(y1[part, None], y1)
        inner = np.maximum(width, 0) * np.maximum(height, 0)
        union = area[part, None] + area - inner
        iou = np.divide(inner, union, out=np.zeros_like(inner), where=union > 0)
        over = iou >= limit if rule.inclusive else iou > limit
        for i in range(part.start, part.stop):
            if stay[i]:
                stay[i + 1 :] &= ~over[i - part.start, i + 1 :]
    return stay
