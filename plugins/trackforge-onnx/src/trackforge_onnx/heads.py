"""Heads: what the outputs of a detector mean, one function for each way in which they are laid out.

All take the outputs of one picture, by the order of the file and without the axis of the batch, and give candidates in
pixels of the network's input. Whether these still need suppression says `HEADS`.

Sources: the export code and documentation of the projects named with each head; only their layouts are facts here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.models.cells import cells, decode_rows

__all__ = ["HEADS", "Candidates", "Head", "View"]

Array: TypeAlias = npt.NDArray[Any]
Outputs: TypeAlias = Sequence[Array]


class Candidates(NamedTuple):
    """``xyxy`` ``(N, 4)`` in pixels of the input, ``score`` ``(N,)``, ``class_id`` ``(N,)``; in any order."""

    xyxy: Array
    score: Array
    class_id: Array


@dataclass(frozen=True, kw_only=True)
class View:
    """What a head has to know to read its outputs.

    Attributes:
        size: ``(height, width)`` of the input in pixels.
        order: Place of each output that the head reads, among the outputs of the file.
        classes: Number of classes, where the outputs have one column each.
        keep: Class numbers to look for, or None for all.
        least: Least score.
        unit: Whether boxes are in shares of the input, 0..1, instead of pixels.
        first: Number that the outputs give the first class.
    """

    size: tuple[int, int]
    order: tuple[int, ...] = (0,)
    classes: int = 0
    keep: tuple[int, ...] | None = None
    least: float = 0.1
    unit: bool = False
    first: int = 0


@dataclass(frozen=True)
class Head:
    """A way to lay out outputs.

    Attributes:
        read: Makes candidates.
        summary: What it looks like, for people.
        suppress: Whether candidates still overlap and need non-maximum suppression.
        style: Which preprocessing goes with it, where the file does not say.
    """

    read: Callable[[Outputs, View], Candidates]
    summary: str
    suppress: bool = False
    style: Literal["yolo", "yolox", "stretch", "imagenet", "bytes", "whole"] = "yolo"


def _corners(cxcywh: Array) -> Array:
    half = cxcywh[:, 2:4] / 2
    return np.concatenate((cxcywh[:, :2] - half, cxcywh[:, :2] + half), axis=1)


def _scaled(xyxy: Array, view: View, *, unit: bool | None = None) -> Array:
    if not (view.unit if unit is None else unit):
        return xyxy
    scaled: Array = xyxy * np.array([view.size[1], view.size[0]] * 2, xyxy.dtype)
    return scaled


def _best(boxes: Callable[[Array], Array], scores: Array, view: View) -> Candidates:
    """Choose the best class that is wanted of each row; ``boxes`` makes corners of the rows that remain."""
    columns = np.arange(scores.shape[1]) if view.keep is None else np.array(view.keep, np.int64)
    wanted = scores if view.keep is None else scores[:, columns]
    best = wanted.argmax(axis=1) if wanted.shape[1] else np.zeros(len(wanted), np.int64)
    score = np.take_along_axis(wanted, best[:, None], axis=1)[:, 0]
    rows = np.flatnonzero(score >= view.least)
    return Candidates(boxes(rows), score[rows], columns[best[rows]])


def _listed(xyxy: Array, score: Array, class_id: Array, view: View) -> Candidates:
    """Choose among boxes that have a class each."""
    class_id = np.rint(class_id).astype(np.int64) - view.first
    rows = (score >= view.least) & (class_id >= 0)
    if view.keep is not None:
        rows &= np.isin(class_id, view.keep)
    return Candidates(xyxy[rows], score[rows], class_id[rows])


def _rows(outputs: Outputs, view: View) -> Candidates:
    found = outputs[view.order[0]]
    found = found[found[:, 4] >= view.least]  # confidences are at most 1: most rows fall by their objectness
    scores = found[:, 4:5] * found[:, 5 : 5 + view.classes]
    return _best(lambda rows: _scaled(_corners(found[rows]), view), scores, view)


def _raw_rows(outputs: Outputs, view: View) -> Candidates:
    found = decode_rows(outputs[view.order[0]], *cells(view.size))
    return _rows([found], replace(view, order=(0,)))


def _columns(outputs: Outputs, view: View) -> Candidates:
    found = outputs[view.order[0]]
    scores = found[4 : 4 + view.classes].T
    return _best(lambda rows: _scaled(_corners(found[:4, rows].T), view), scores, view)


def _turned_columns(outputs: Outputs, view: View) -> Candidates:
    """Read boxes that are turned, by the angle in the last row, as the boxes around them."""
    found = outputs[view.order[0]]

    def around(rows: Array) -> Array:
        x, y, width, height = found[:4, rows]
        cos, sin = np.abs(np.cos(found[-1, rows])), np.abs(np.sin(found[-1, rows]))
        around_box = np.stack((x, y, width * cos + height * sin, width * sin + height * cos), axis=1)
        return _scaled(_corners(around_box), view)

    return _best(around, found[4 : 4 + view.classes].T, view)


def _boxes(outputs: Outputs, view: View) -> Candidates:
    found = outputs[view.order[0]]
    return _listed(_scaled(found[:, :4], view), found[:, 4], found[:, 5], view)


def _batched_rows(outputs: Outputs, view: View) -> Candidates:
    found = outputs[view.order[0]]
    return _listed(_scaled(found[:, 1:5], view), found[:, 6], found[:, 5], view)


def _suppressed(outputs: Outputs, view: View) -> Candidates:
    number, boxes, scores, classes = (outputs[k] for k in view.order)
    n = int(np.ravel(number)[0])
    return _listed(_scaled(boxes[:n], view), scores[:n], classes[:n], view)


def _softmax_queries(outputs: Outputs, view: View) -> Candidates:
    logits, boxes = (outputs[k] for k in view.order)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores = (shifted / shifted.sum(axis=1, keepdims=True))[:, view.first : -1]  # the last is "no object"
    return _best(lambda rows: _scaled(_corners(boxes[rows]), view, unit=True), scores, view)


def _sigmoid_queries(outputs: Outputs, view: View) -> Candidates:
    logits, boxes = (outputs[k] for k in view.order)
    scores = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
    return _best(lambda rows: _scaled(_corners(boxes[rows]), view, unit=True), scores[:, view.first :], view)


def _joined_queries(outputs: Outputs, view: View) -> Candidates:
    found = outputs[view.order[0]]
    scores = found[:, 4 : 4 + view.classes]
    return _best(lambda rows: _scaled(_corners(found[rows]), view, unit=True), scores, view)


def _labels_boxes_scores(outputs: Outputs, view: View) -> Candidates:
    labels, boxes, scores = (outputs[k] for k in view.order)
    return _listed(_scaled(boxes, view), scores, labels, view)


def _tensorflow(outputs: Outputs, view: View) -> Candidates:
    classes, boxes, scores = (outputs[k] for k in view.order)
    return _listed(_scaled(boxes[:, [1, 0, 3, 2]], view, unit=True), scores, classes, view)


HEADS: dict[str, Head] = {
    "yolov5": Head(_rows, "(A, 5 + C): centre, size, objectness, classes; YOLOv5, v6, v7", suppress=True),
    "yolov8": Head(_columns, "(4 + C, A): centre, size, classes; YOLOv8, v9, 11, 12", suppress=True),
    "yolov8-obb": Head(_turned_columns, "(4 + C + 1, A): as yolov8, and an angle", suppress=True),
    "yolov10": Head(_boxes, "(N, 6): corners, score, class; YOLOv10, YOLO26, exports with suppression inside"),
    "yolov7-end2end": Head(_batched_rows, "(N, 7): picture, corners, class, score; YOLOv7's end-to-end export"),
    "nms": Head(_suppressed, "number, boxes, scores, classes: exports with a suppression plugin inside"),
    "yolox": Head(_rows, "(A, 5 + C) as yolov5, of BGR 0..255", suppress=True, style="yolox"),
    "yolox-raw": Head(_raw_rows, "(A, 5 + C) relative to the cells; YOLOX's own export", suppress=True, style="yolox"),
    "detr": Head(_softmax_queries, "logits (Q, C + 1) and boxes (Q, 4): DETR", style="imagenet"),
    "rt-detr": Head(_sigmoid_queries, "logits (Q, C) and boxes (Q, 4): RT-DETR, D-FINE, transformers", style="stretch"),
    "queries": Head(
        _joined_queries, "(Q, 4 + C): centre, size in shares, classes: RT-DETR in one output", style="stretch"
    ),
    "sized": Head(
        _labels_boxes_scores, "labels, boxes, scores, and the picture's size as input: RT-DETR, D-FINE", style="stretch"
    ),
    "torchvision": Head(_labels_boxes_scores, "boxes (N, 4), labels, scores: torchvision's detectors", style="whole"),
    "ssd": Head(_labels_boxes_scores, "boxes in shares, labels, scores: SSD with suppression inside", style="imagenet"),
    "tensorflow": Head(_tensorflow, "detection_boxes, _classes, _scores: TensorFlow's model zoo", style="bytes"),
}
"""Every head by the name that users give."""
