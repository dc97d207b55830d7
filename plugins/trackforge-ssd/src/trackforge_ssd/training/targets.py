"""What each anchor should have said: matching with the objects, and which of the others count as background.

An anchor learns an object if it is the best that the object can get (each object has one, chosen greedily), or if it
overlaps it by more than a threshold. Of all others the most mistaken count as background, three for each that learns an
object: hard negatives.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, sections 2.2 and 2.3; MXNet's MultiBoxTarget
(Apache-2.0) for what the paper leaves open: order, ties, limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from trackforge_ssd.model import VARIANCES

__all__ = ["IGNORED", "Matching", "Targets", "anchor_targets", "encode"]

IGNORED = -1
"""Class of an anchor that learns nothing."""
LEAST_OVERLAP = 1e-6
"""What an object's best anchor must overlap it by."""


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Which anchors learn what.

    Attributes:
        overlap: IoU above which an anchor learns an object; 0 or less: only the best anchor of each does.
        negatives: Anchors of background for each that learns an object; 0 or less: all of them.
        negative_overlap: IoU with the nearest object from which on an anchor is no background.
        empty: Whether pictures without objects teach background; in MXNet they teach nothing.
    """

    overlap: float = 0.5
    negatives: float = 3.0
    negative_overlap: float = 0.5
    empty: bool = False


class Targets(NamedTuple):
    """Targets of B pictures with N anchors.

    ``classes`` ``(B, N)`` int64: 0 background, then class + 1, `IGNORED` where nothing is learnt. ``offsets``
    ``(B, N, 4)`` float32, zeros but where ``positive`` ``(B, N)``.
    """

    classes: Tensor
    offsets: Tensor
    positive: Tensor


def encode(anchors: Tensor, boxes: Tensor) -> Tensor:
    """Return the offsets ``(N, 4)`` that take anchors to boxes, corners both, each over its variance."""
    size, wanted = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    centre, place = (anchors[:, :2] + anchors[:, 2:]) * 0.5, (boxes[:, :2] + boxes[:, 2:]) * 0.5
    variance = anchors.new_tensor(VARIANCES)
    return torch.cat(((place - centre) / size, (wanted / size).log()), dim=1) / variance


@torch.no_grad()
def anchor_targets(
    anchors: Tensor,
    logits: Tensor,
    boxes: list[Tensor],
    classes: list[Tensor],
    ignored: list[Tensor] | None = None,
    matching: Matching = Matching(),
) -> Targets:
    """Match B pictures.

    Args:
        anchors: ``(N, 4)`` corners, in any unit.
        logits: ``(B, N, 1 + C)``: the background first; tells which negatives are hard.
        boxes: Of each picture ``(M, 4)`` corners in the unit of the anchors; width and height above 0.
        classes: Of each picture ``(M,)``.
        ignored: Of each picture ``(R, 4)`` regions; anchors that overlap one by more than ``matching.overlap`` and
            learn no object learn nothing.
        matching: The rule.
    """
    count = logits.shape[0]
    kinds = torch.full(logits.shape[:2], IGNORED, dtype=torch.int64, device=logits.device)
    offsets = torch.zeros((*logits.shape[:2], 4), dtype=anchors.dtype, device=logits.device)
    positive = torch.zeros(logits.shape[:2], dtype=torch.bool, device=logits.device)
    background = logits.float().log_softmax(dim=2)[..., 0]
    for row in range(count):
        free = None
        if ignored is not None and len(ignored[row]):
            free = overlaps(anchors, ignored[row]).amax(dim=1) <= matching.overlap
        if not len(boxes[row]):
            if matching.empty:
                kinds[row] = _background(background[row], free, matching)
            continue
        shared = overlaps(anchors, boxes[row])
        owner = _bipartite(shared)
        best, nearest = shared.max(dim=1)
        if matching.overlap > 0:
            owner = torch.where((owner < 0) & (best > matching.overlap), nearest, owner)
        found = owner >= 0
        positive[row] = found
        kinds[row, found] = classes[row][owner[found]] + 1
        offsets[row, found] = encode(anchors[found], boxes[row][owner[found]])
        others = ~found if free is None else ~found & free
        kinds[row, _negatives(background[row], others, best, int(found.sum()), matching)] = 0
    return Targets(kinds, offsets, positive)


def overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Return the IoU ``(N, M)`` of corners ``(N, 4)`` and ``(M, 4)``."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    shared = (torch.minimum(first[:, None, 2:], second[None, :, 2:]) - low).clamp_(min=0).prod(dim=2)
    area, other = (t[:, 2:].sub(t[:, :2]).prod(dim=1) for t in (first, second))
    return shared / (area[:, None] + other[None, :] - shared)


def _bipartite(shared: Tensor) -> Tensor:
    """Give every object the best anchor that is left, best pair first; ``(N,)`` the object of each anchor, or -1."""
    owner = torch.full((shared.shape[0],), -1, dtype=torch.int64, device=shared.device)
    left = shared.clone()
    for _ in range(shared.shape[1]):
        place = int(left.argmax())
        anchor, item = divmod(place, shared.shape[1])
        if not left[anchor, item] > LEAST_OVERLAP:
            break
        owner[anchor] = item
        left[anchor] = left[:, item] = -1
    return owner


def _negatives(background: Tensor, others: Tensor, best: Tensor, positives: int, matching: Matching) -> Tensor:
    """Return the rows that count as background: of the least probable background first, earlier ones where equal."""
    if matching.negatives <= 0:
        return others.nonzero()[:, 0]
    candidates = (others & (best < matching.negative_overlap)).nonzero()[:, 0]
    wanted = min(int(positives * matching.negatives), len(background) - positives)
    order = background[candidates].argsort(stable=True)
    return candidates[order[:wanted]]


def _background(background: Tensor, free: Tensor | None, matching: Matching) -> Tensor:
    """Return the classes of a picture without objects: a few hard negatives, as if there were one object."""
    kinds = torch.full(background.shape, IGNORED, dtype=torch.int64, device=background.device)
    others = torch.ones_like(background, dtype=torch.bool) if free is None else free
    kinds[_negatives(background, others, torch.zeros_like(background), 1, matching)] = 0
    return kinds
