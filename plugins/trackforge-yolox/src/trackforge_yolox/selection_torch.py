"""The selection on torch tensors, for predictions that lie on a GPU."""

from __future__ import annotations

import torch
from torch import Tensor

from trackforge.models.suppression import nms_matrix
from trackforge_yolox.selection import Found, Selection

__all__ = ["select_tensor"]


@torch.inference_mode()
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
