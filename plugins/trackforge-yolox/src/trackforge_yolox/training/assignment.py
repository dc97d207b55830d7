"""Which cells learn which objects: SimOTA, in the two rules that are published.

Each object claims the cells that predict it most cheaply, as many as its best overlaps add up to; a cell that several
objects claim goes to the cheapest. YOLOX and ByteTrack differ in which cells may be claimed at all:

=========== =================================== =======================================
rule        candidates of an object             dear unless
=========== =================================== =======================================
yolox       near its centre (1.5 cells)         (all candidates are equal)
bytetrack   near its centre (2.5 cells; centre  near its centre and inside its box
            moved into the picture), or inside
            its box
=========== =================================== =======================================

Source: Ge et al., arXiv 2107.08430, section 2.1; Ge et al., "OTA", CVPR 2021; rules of Megvii-BaseDetection/YOLOX
(Apache-2.0) and ifzhang/ByteTrack (MIT).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    "BYTETRACK_RULE",
    "YOLOX_RULE",
    "Assignment",
    "AssignmentRule",
    "Cells",
    "assign",
    "elementwise_iou",
    "reach",
]

OVERLAPS = 10
"""The number of an object's cells is the sum of this many of its best overlaps."""
IOU_WEIGHT = 3.0
PAIRS = 2**23
"""Most pairs of object and cell that are compared at once: some 30 MB a matrix."""


@dataclass(frozen=True, kw_only=True)
class AssignmentRule:
    """Which cells an object may claim.

    Attributes:
        radius: A cell is near an object if its centre is within so many cells of the object's, in x and in y.
        inside: Whether cells inside the box but not near the centre are candidates too.
        clip_centre: Whether the centre of an object that lies outside the picture is moved to its border.
        penalty: Added to the cost of candidates that are not both near and, with ``inside``, in the box.
    """

    radius: float
    inside: bool
    clip_centre: bool
    penalty: float


YOLOX_RULE = AssignmentRule(radius=1.5, inside=False, clip_centre=False, penalty=1e6)
BYTETRACK_RULE = AssignmentRule(radius=2.5, inside=True, clip_centre=True, penalty=1e5)


class Cells(NamedTuple):
    """The cells of all maps, in the order of `trackforge_yolox.head.flatten`.

    ``centre`` ``(A, 2)`` and ``stride`` ``(A, 1)`` in input pixels; ``size`` is ``(height, width)`` of the input.
    """

    centre: Tensor
    stride: Tensor
    size: tuple[int, int]


class Assignment(NamedTuple):
    """The cells of one picture that learn an object.

    ``cell`` ``(K,)`` rows of the cells, ascending; ``truth`` ``(K,)`` the object each learns; ``iou`` ``(K,)`` how well
    it predicts it already.
    """

    cell: Tensor
    truth: Tensor
    iou: Tensor


def reach(rule: AssignmentRule, boxes: Tensor, cells: Cells) -> tuple[Tensor, Tensor]:
    """Tell which cells each box may claim.

    Args:
        rule: The rule.
        boxes: ``(G, 4)`` centre x, y, width, height in input pixels.
        cells: The ``A`` cells.

    Returns:
        Two ``(G, A)`` masks: candidates, and those among them without penalty.
    """
    centre, half = boxes[:, None, :2], boxes[:, None, 2:] / 2
    offset = (cells.centre - centre).abs()
    if rule.clip_centre:
        height, width = cells.size
        clipped = torch.stack((centre[..., 0].clamp(0, width), centre[..., 1].clamp(0, height)), dim=-1)
        near = ((cells.centre - clipped).abs() < rule.radius * cells.stride).all(dim=-1)
    else:
        near = (offset < rule.radius * cells.stride).all(dim=-1)
    if not rule.inside:
        return near, near
    inside = (offset < half).all(dim=-1)
    return near | inside, near & inside


@torch.no_grad()
def assign(
    rule: AssignmentRule,
    boxes: Tensor,
    objectness: Tensor,
    classes: Tensor,
    truth: Tensor,
    truth_class: Tensor,
    cells: Cells,
    *,
    pairs: int = PAIRS,
) -> Assignment:
    """Give cells of one picture to its objects.

    Works in float32 at least, and without autocast: products of half-precision probabilities round to 0 and 1. Memory
    does not grow with the number of objects, since they are compared in groups.

    Args:
        rule: Which cells an object may claim.
        boxes: ``(A, 4)`` predictions: centre x, y, width, height in input pixels.
        objectness: ``(A,)`` logits.
        classes: ``(A, C)`` logits.
        truth: ``(G, 4)`` objects: centre x, y, width, height in input pixels.
        truth_class: ``(G,)`` their classes.
        cells: The ``A`` cells.
        pairs: Most pairs of object and cell that are compared at once.
    """
    device = boxes.device
    with torch.amp.autocast(device.type, enabled=False):
        boxes, objectness, classes = (_precise(t) for t in (boxes, objectness, classes))
        truth, cells = truth.to(boxes), Cells(cells.centre.to(boxes), cells.stride.to(boxes), cells.size)
        groups = list(_groups(len(truth), len(boxes), pairs))
        allowed = torch.zeros(len(boxes), dtype=torch.bool, device=device)
        for group in groups:
            allowed |= reach(rule, truth[group], cells)[0].any(dim=0)
        candidate = allowed.nonzero()[:, 0]
        some = Cells(cells.centre[candidate], cells.stride[candidate], cells.size)
        boxes = boxes[candidate]
        present, absent = _log_probabilities(objectness[candidate], classes[candidate])

        claims = torch.zeros(len(candidate), dtype=torch.int64, device=device)
        owner, cheapest = torch.zeros_like(claims), torch.zeros_like(claims)
        lowest = torch.full((len(candidate),), torch.inf, dtype=boxes.dtype, device=device)
        for group in groups if len(candidate) else ():
            iou = pairwise_iou(truth[group], boxes)
            good = reach(rule, truth[group], some)[1]
            cost = _class_cost(present, absent, truth_class[group])
            cost += IOU_WEIGHT * -torch.log(iou + 1e-8) + rule.penalty * ~good
            row, column = _claimed(cost, iou)
            claims.index_add_(0, column, torch.ones_like(column))
            owner[column] = group.start + row  # where several claim one cell, the next lines decide
            low, which = cost.min(dim=0)
            cheaper = low < lowest
            lowest = torch.where(cheaper, low, lowest)
            cheapest = torch.where(cheaper, group.start + which, cheapest)
        taken = claims > 0
        matched = torch.where(claims > 1, cheapest, owner)[taken]
        return Assignment(candidate[taken], matched, elementwise_iou(truth[matched], boxes[taken]))


def elementwise_iou(a: Tensor, b: Tensor, epsilon: float = 0.0) -> Tensor:
    """Return the IoU ``(K,)`` of boxes ``(K, 4)`` given as centre x, y, width, height."""
    return _iou(a, b, epsilon)


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the IoU ``(G, A)`` of boxes ``(G, 4)`` and ``(A, 4)`` given as centre x, y, width, height."""
    return _iou(a[:, None], b[None], 0.0)


def _iou(a: Tensor, b: Tensor, epsilon: float) -> Tensor:
    low = torch.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    high = torch.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    intersection = (high - low).clamp(min=0).prod(dim=-1)
    union = a[..., 2:].prod(dim=-1) + b[..., 2:].prod(dim=-1) - intersection
    return intersection / (union + epsilon)


def _precise(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def _groups(objects: int, cells: int, pairs: int) -> Iterator[slice]:
    step = max(pairs // max(cells, 1), 1)
    for start in range(0, objects, step):
        yield slice(start, min(start + step, objects))


def _log_probabilities(objectness: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of "is of the class" and "is not", ``(A, C)``; the probability is the mean of class and objectness."""
    p = (classes.sigmoid() * objectness.sigmoid()[:, None]).sqrt()
    return p.log().clamp(min=-100), torch.log1p(-p).clamp(min=-100)


def _class_cost(present: Tensor, absent: Tensor, truth_class: Tensor) -> Tensor:
    """Binary cross-entropy ``(G, A)`` summed over all classes: one sum a cell, corrected for the object's own class."""
    swapped = (absent - present).T[truth_class]
    return swapped - absent.sum(dim=1)


def _claimed(cost: Tensor, iou: Tensor) -> tuple[Tensor, Tensor]:
    """Return object and cell of every claim: each object's cheapest cells, as many as its best overlaps add up to."""
    most = min(OVERLAPS, iou.shape[1])
    wanted = iou.topk(most, dim=1).values.sum(dim=1).int().clamp(min=1)
    cheap = cost.topk(most, dim=1, largest=False).indices
    row, rank = (torch.arange(most, device=cost.device) < wanted[:, None]).nonzero(as_tuple=True)
    return row, cheap[row, rank]
