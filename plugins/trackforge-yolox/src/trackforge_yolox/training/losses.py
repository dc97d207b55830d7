"""The losses of YOLOX, as sums: whoever knows the whole batch divides them.

Source: Ge et al., arXiv 2107.08430; Megvii-BaseDetection/YOLOX (Apache-2.0), ifzhang/ByteTrack (MIT).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from trackforge.models.cells import STRIDES
from trackforge_yolox.head import flatten, grid
from trackforge_yolox.training.assignment import Assignment, AssignmentRule, Cells, assign, elementwise_iou, reach

__all__ = ["LossSums", "Truth", "loss_sums"]

BOX_WEIGHT = 5.0


class Truth(NamedTuple):
    """What is in the pictures of a batch, one row a box.

    ``image`` ``(N,)`` row of the picture in the batch; ``xyxy`` ``(N, 4)`` input pixels; ``class_id`` ``(N,)``;
    ``ignore`` ``(N,)`` whether it marks a region of which nothing is known.
    """

    image: Tensor
    xyxy: Tensor
    class_id: Tensor
    ignore: Tensor


class LossSums(NamedTuple):
    """Losses of a batch, summed over its cells and weighted, and how many cells learnt an object.

    The total is ``(box + objectness + classes + l1) / max(foreground, 1)``.
    """

    box: Tensor
    objectness: Tensor
    classes: Tensor
    l1: Tensor
    foreground: Tensor
    assignments: tuple[Assignment, ...]


def loss_sums(
    maps: Sequence[Tensor], truth: Truth, rule: AssignmentRule, *, l1: bool = False, skip_ignored: bool = True
) -> LossSums:
    """Compare raw maps with what is in the pictures.

    Half-precision maps are taken to float32 first, and autocast is off: losses and assignment do not survive rounding.

    Args:
        maps: Three raw maps ``(B, 5 + C, h, w)``, see `trackforge_yolox.head`.
        truth: What is in the pictures; boxes have an area.
        rule: How cells are assigned to objects.
        l1: Whether raw box columns are compared too, as in the last epochs.
        skip_ignored: Whether cells that could have been assigned to an ignore region are left out of the objectness
            loss; False makes such regions background.
    """
    with torch.amp.autocast(maps[0].device.type, enabled=False):
        maps = [m.float() if m.dtype in (torch.float16, torch.bfloat16) else m for m in maps]
        raw = flatten(maps)
        position, stride = grid(maps)
        height, width = maps[0].shape[-2:]
        cells = Cells((position + 0.5) * stride, stride, (height * STRIDES[0], width * STRIDES[0]))
        boxes = torch.cat(((raw[..., :2] + position) * stride, raw[..., 2:4].exp() * stride), dim=-1)

        target = torch.zeros_like(raw[..., 4])
        known = torch.ones_like(target)
        found: list[Assignment] = []
        columns: list[tuple[Tensor, Tensor, Tensor]] = []
        for image in range(len(raw)):
            here = truth.image == image
            real, doubtful = here & ~truth.ignore, here & truth.ignore
            objects, kinds = _centred(truth.xyxy[real]).to(raw), truth.class_id[real]
            one = assign(rule, boxes[image], raw[image, :, 4], raw[image, :, 5:], objects, kinds, cells)
            if skip_ignored and bool(doubtful.any()):
                known[image] = ~reach(rule, _centred(truth.xyxy[doubtful]).to(raw), cells)[0].any(dim=0)
                known[image, one.cell] = 1
            target[image, one.cell] = 1
            found.append(one)
            columns.append((torch.full_like(one.cell, image), objects[one.truth], kinds[one.truth]))
        picture, wanted, kind = (torch.cat(parts) for parts in zip(*columns, strict=True))
        cell = torch.cat([one.cell for one in found])
        overlap = torch.cat([one.iou for one in found])

        rows = raw[picture, cell]
        iou = elementwise_iou(boxes[picture, cell], wanted, epsilon=1e-16)
        goal = functional.one_hot(kind, raw.shape[2] - 5) * overlap[:, None]
        objectness = functional.binary_cross_entropy_with_logits(raw[..., 4], target, known, reduction="sum")
        coarse = rows.new_zeros(())
        if l1:
            offsets = wanted[:, :2] / stride[cell] - position[cell]
            sizes = torch.log(wanted[:, 2:] / stride[cell] + 1e-8)
            coarse = (rows[:, :4] - torch.cat((offsets, sizes), dim=1)).abs().sum()
        return LossSums(
            box=BOX_WEIGHT * (1 - iou.square()).sum(),
            objectness=objectness,
            classes=functional.binary_cross_entropy_with_logits(rows[:, 5:], goal, reduction="sum"),
            l1=coarse,
            foreground=torch.tensor(len(cell), device=raw.device),
            assignments=tuple(found),
        )


def _centred(xyxy: Tensor) -> Tensor:
    return torch.cat(((xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]), dim=1)
