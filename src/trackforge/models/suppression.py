"""Non-maximum suppression on torch tensors, for predictions that lie on a GPU.

Greedy suppression is a chain of decisions; here it is solved as a fixed point, a few matrix products instead of one
step a box: a box stays if no better box *that stays* overlaps it too much. Starting from "all stay", every round
settles at least the next box of the chain, and in practice a handful of rounds settles all.

Arrays go to `trackforge.boxes.nms`, which keeps the same boxes. Both take any number as ``class_id``: the boxes of a
whole batch are suppressed in one call with ``picture * classes + class_id``.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["nms_matrix"]


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
