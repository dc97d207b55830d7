"""Score filter and non-maximum suppression on torch tensors, for predictions that lie on a GPU.

Greedy suppression is a chain of decisions; here it is solved as a fixed point, a few matrix products instead of one
step a box: a box stays if no better box *that stays* overlaps it too much. Starting from "all stay", every round
settles at least the next box of the chain, and in practice a handful of rounds settles all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trackforge_yolox.selection import Found, Selection

__all__ = ["nms_matrix", "select_tensor"]


def nms_matrix(xyxy: Tensor, score: Tensor, limit: float, class_id: Tensor | None = None) -> Tensor:
    """Suppress boxes that overlap a better one by more than ``limit`` IoU; same result as `trackforge.boxes.nms`.

    Memory grows with the square of N: about 40 MB for 3000 boxes.

    Args:
        xyxy: ``(N, 4)`` boxes.
        score: ``(N,)`` confidences.
        limit: IoU above which the lesser box goes.
        class_id: ``(N,)``; where given, boxes of different classes do not suppress each other.

    Returns:
        ``(K,)`` rows kept, best first; equal scores keep their input order.
    """
    order = torch.argsort(score, descending=True, stable=True)
    boxes = xyxy[order]
    size = boxes[:, 2:] - boxes[:, :2]
    area = size[:, 0] * size[:, 1]
    corner = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    overlap = (torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - corner).clamp_(min=0)
    intersection = overlap[..., 0] * overlap[..., 1]
    over = intersection > limit * (area[:, None] + area[None, :] - intersection)
    if class_id is not None:
        classes = class_id[order]
        over &= classes[:, None] == classes[None, :]
    beats = over.triu_(diagonal=1).to(boxes.dtype)  # [i, j]: i is better than j and overlaps it
    stays = torch.ones_like(area)
    while True:
        settled = (stays @ beats == 0).to(boxes.dtype)
        if torch.equal(settled, stays):
            return order[stays > 0]
        stays = settled


def select_tensor(predictions: Tensor, selection: Selection) -> Found:
    """Choose the detections of one picture, as `trackforge_yolox.selection.select` does.

    Args:
        predictions: ``(A, 5 + C)`` float32: centre x, y, width, height in input pixels, objectness, class confidences.
        selection: What to keep.
    """
    columns = predictions[:, 5:]
    if selection.keep is not None:
        kept = torch.tensor(selection.keep, device=predictions.device)
        confidence, column = columns[:, kept].max(dim=1)
        class_id = kept[column]
    else:
        confidence, class_id = columns.max(dim=1)
    objectness = predictions[:, 4]
    score = objectness * confidence
    best = (score >= selection.score).nonzero()[:, 0]
    if len(best) > selection.candidates:
        best = best[torch.argsort(score[best], descending=True, stable=True)[: selection.candidates]]
    centre, half = predictions[best, :2], predictions[best, 2:4] / 2
    xyxy = torch.cat((centre - half, centre + half), dim=1)
    classes = class_id[best]
    survivors = nms_matrix(xyxy, score[best], selection.limit, None if selection.class_agnostic else classes)
    final = best[survivors]
    # One copy from the device instead of four; class ids are far below 2 ** 24, so float32 holds them exactly.
    rest = (objectness[final, None], confidence[final, None], class_id[final, None].to(xyxy.dtype))
    table = torch.cat((xyxy[survivors], *rest), dim=1).cpu().numpy()
    return Found(table[:, :4], table[:, 4], table[:, 5], table[:, 6].astype("int64"))
