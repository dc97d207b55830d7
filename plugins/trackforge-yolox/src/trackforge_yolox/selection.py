"""From predictions to boxes: score filter, classes, non-maximum suppression; in NumPy.

Source: post-processing of Megvii-BaseDetection/YOLOX (Apache-2.0): each cell stands for its best class only, and boxes
of different classes do not suppress each other. The official code reaches the latter by moving the boxes of each class
far away in float32, which can flip an overlap that equals the limit; here classes are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trackforge.boxes import nms
from trackforge.models.cells import Cells, decode_rows

__all__ = ["Found", "Selection", "select"]

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which predictions become detections.

    Attributes:
        score: Least objectness times class confidence.
        limit: IoU above which the lesser of two boxes goes.
        keep: Class ids to look for, or None for all. Other classes are not looked at: a cell that is a little more of a
            bicycle than of a person still counts as a person where only persons are asked for.
        class_agnostic: Whether boxes of different classes suppress each other.
        candidates: Most boxes, best first, that enter non-maximum suppression.
    """

    score: float = 0.1
    limit: float = 0.65
    keep: tuple[int, ...] | None = None
    class_agnostic: bool = False
    candidates: int = 3000


class Found(NamedTuple):
    """What was found in one picture, best first.

    ``xyxy`` ``(N, 4)`` float32 input pixels; ``objectness``, ``confidence`` ``(N,)`` float32; ``class_id`` ``(N,)``
    int64.
    """

    xyxy: npt.NDArray[np.float32]
    objectness: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int64]

    @property
    def score(self) -> npt.NDArray[np.float32]:
        """Objectness times confidence, ``(N,)``."""
        return self.objectness * self.confidence


def select(predictions: Floats, selection: Selection, raw_cells: Cells | None = None) -> Found:
    """Choose the detections of one picture.

    Args:
        predictions: ``(A, 5 + C)``: centre x, y, width, height in input pixels, objectness, class confidences.
        selection: What to keep.
        raw_cells: Result of `trackforge.models.cells.cells` where the box columns are not yet decoded.
    """
    least = np.float32(selection.score)
    # Confidences are at most 1, so most cells fall by their objectness alone: 80 class columns are read for few rows.
    rows = np.flatnonzero(predictions[:, 4] >= least)
    columns = slice(5, None) if selection.keep is None else [5 + c for c in selection.keep]
    confidences = predictions[rows][:, columns]
    column = confidences.argmax(axis=1)
    confidence = np.take_along_axis(confidences, column[:, None], axis=1)[:, 0]
    score = predictions[rows, 4] * confidence
    best = np.flatnonzero(score >= least)
    if len(best) > selection.candidates:
        order = np.argsort(-score[best], kind="stable")[: selection.candidates]
        best = best[np.sort(order)]
    rows, column, confidence, score = rows[best], column[best], confidence[best], score[best]
    class_id = column if selection.keep is None else np.array(selection.keep, np.int64)[column]
    boxes = predictions[rows, :4]
    if raw_cells is not None:
        boxes = decode_rows(boxes, raw_cells[0][rows], raw_cells[1][rows])
    half = boxes[:, 2:] / 2
    xyxy = np.concatenate((boxes[:, :2] - half, boxes[:, :2] + half), axis=1)
    stay = nms(xyxy, score, selection.limit, class_id=None if selection.class_agnostic else class_id)
    return Found(
        xyxy[stay].astype(np.float32, copy=False),
        predictions[rows[stay], 4].astype(np.float32, copy=False),
        confidence[stay].astype(np.float32, copy=False),
        class_id[stay].astype(np.int64, copy=False),
    )
