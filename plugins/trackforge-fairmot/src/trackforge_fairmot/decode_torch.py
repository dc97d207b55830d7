"""The decoding of `trackforge_fairmot.decode` on torch tensors, for whole batches and inside of exported graphs.

The number of peaks is fixed, so that the shapes are: places that no peak takes have probability 0.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from trackforge_fairmot.decode import MOST, STRIDE

__all__ = ["Peaks", "boxes_at", "decode", "find_peaks", "values_at"]


class Peaks(NamedTuple):
    """Peaks of a batch of heat maps, best first.

    ``cell`` ``(B, K)`` in ``h * w`` row by row; ``class_id`` ``(B, K)``; ``score`` ``(B, K)`` float32, 0 where there is
    no peak.
    """

    cell: Tensor
    class_id: Tensor
    score: Tensor


def find_peaks(hm: Tensor, most: int = MOST) -> Peaks:
    """Find the peaks of heat maps ``(B, C, h, w)`` of logits, at most so many a picture, over all classes."""
    hm = hm.float()  # half precision would make neighbours equal
    classes, count = hm.shape[1], hm.shape[2] * hm.shape[3]
    nothing = torch.full_like(hm, float("-inf"))
    peaks = torch.where(functional.max_pool2d(hm, 3, stride=1, padding=1) == hm, hm, nothing).flatten(1)
    # a small picture has fewer cells than peaks are asked for
    logit, place = functional.pad(peaks, (0, most), value=float("-inf")).topk(most, dim=1)
    return Peaks(place % count, (place // count).clamp(max=classes - 1), logit.sigmoid())


def values_at(values: Tensor, cell: Tensor) -> Tensor:
    """Return what maps ``(B, C, h, w)`` say in cells ``(B, K)``, as ``(B, K, C)``."""
    flat = values.flatten(2)
    return flat.gather(2, cell[:, None].expand(-1, flat.shape[1], -1)).transpose(1, 2)


def boxes_at(cell: Tensor, width: int | Tensor, wh: Tensor, reg: Tensor) -> Tensor:
    """Return boxes ``(B, K, 4)``, pixels of the input, of cells ``(B, K)`` of maps ``width`` cells wide.

    Args:
        cell: The cells.
        width: Cells in a row of the maps.
        wh: ``(B, K, 4)`` distances to the left, top, right, bottom, or ``(B, K, 2)`` width and height, in cells.
        reg: ``(B, K, 2)`` offset of the centre, in cells.
    """
    centre = torch.stack((cell % width, cell // width), dim=2).to(reg.dtype) + reg
    before, after = (wh / 2, wh / 2) if wh.shape[2] == 2 else (wh[..., :2], wh[..., 2:])
    return torch.cat((centre - before, centre + after), dim=2) * STRIDE


def decode(hm: Tensor, wh: Tensor, looks: Tensor, reg: Tensor, most: int = MOST) -> tuple[Tensor, Tensor]:
    """Turn the maps of a batch into its objects.

    Args:
        hm: ``(B, C, h, w)`` logits.
        wh: ``(B, 4 or 2, h, w)``.
        looks: ``(B, D, h, w)``, the head ``id``.
        reg: ``(B, 2, h, w)``.
        most: Most peaks of a picture.

    Returns:
        ``(B, K, 6)`` x1, y1, x2, y2 in pixels of the input, probability, class id; ``(B, K, D)`` embeddings of length
        1; best first.
    """
    peaks = find_peaks(hm, most)
    around, offset, embedding = (values_at(part, peaks.cell).float() for part in (wh, reg, looks))
    boxes = boxes_at(peaks.cell, hm.shape[3], around, offset)
    rest = (peaks.score[..., None], peaks.class_id[..., None].float())
    return torch.cat((boxes, *rest), dim=2), functional.normalize(embedding, dim=2)
