"""The operators of SSD: MultiBoxPrior, MultiBoxDetection and MultiBoxTarget.

Boxes are corners in shares of the input. Of the arithmetic each step is float32 in MXNet's order, so that anchors are
equal to the bit.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016; behaviour recorded from Apache MXNet (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trackforge.intake.limits import check_limit
from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.operators import Function, operator
from trackforge_mxnet.suppression import overlaps, survivors

__all__ = ["MatchingRule", "anchors_of", "match"]

Floats: TypeAlias = npt.NDArray[np.float32]
LEAST_OVERLAP = 1e-6
"""Below it, not even the best anchor is given to a box."""
VARIANCES = (0.1, 0.1, 0.2, 0.2)


def anchors_of(
    rows: int,
    columns: int,
    sizes: tuple[float, ...],
    ratios: tuple[float, ...],
    *,
    steps: tuple[float, float] = (-1.0, -1.0),
    offsets: tuple[float, float] = (0.5, 0.5),
    clip: bool = False,
) -> Floats:
    """Return the anchors of a map.

    Args:
        rows: Height of the map.
        columns: Width of the map.
        sizes: In shares of the input's height.
        ratios: Width over height. All sizes go with the first, the others with the first size.
        steps: Between centres, down and across; below 0: by the size of the map.
        offsets: Of the first centre, in steps, down and across.
        clip: Cut anchors to the input.

    Returns:
        ``(rows * columns * (len(sizes) + len(ratios) - 1), 4)`` float32.
    """
    f = np.float32
    step_y, step_x = (f(s) if s > 0 else f(1) / f(n) for s, n in zip(steps, (rows, columns), strict=True))
    centre_y = (np.arange(rows, dtype=f) + f(offsets[0])) * step_y
    centre_x = (np.arange(columns, dtype=f) + f(offsets[1])) * step_x
    half = []
    for size, ratio in [*((size, ratios[0]) for size in sizes), *((sizes[0], ratio) for ratio in ratios[1:])]:
        root = np.sqrt(f(ratio))
        half.append((f(size) * f(rows) / f(columns) * root / f(2), f(size) / root / f(2)))
    out = np.empty((rows, columns, len(half), 4), f)
    for k, (across, down) in enumerate(half):
        out[:, :, k, 0], out[:, :, k, 2] = centre_x - across, centre_x + across
        out[:, :, k, 1], out[:, :, k, 3] = (centre_y - down)[:, None], (centre_y + down)[:, None]
    if clip:
        np.clip(out, 0, 1, out=out)
    return out.reshape(-1, 4)


@operator("_contrib_MultiBoxPrior", "MultiBoxPrior", shapes=(0,))
def _prior(attributes: Attributes) -> Function:
    sizes, ratios = attributes.numbers("sizes", (1.0,)), attributes.numbers("ratios", (1.0,))
    steps, offsets = attributes.numbers("steps", (-1.0, -1.0)), attributes.numbers("offsets", (0.5, 0.5))
    clip = attributes.flag("clip", default=False)
    for name, values in (("sizes", sizes), ("ratios", ratios)):
        if not 0 < len(values) <= 1000 or min(values) <= 0:
            raise attributes.refuse(name, "must be numbers above 0")
    for name, values in (("steps", steps), ("offsets", offsets)):
        if len(values) != 2:
            raise attributes.refuse(name, "must be two numbers")

    def run(data: Tensor) -> Tensor:
        count = data.shape[2] * data.shape[3] * (len(sizes) + len(ratios) - 1)
        check_limit("bytes", 16 * count, f"{attributes.where}: anchors, in bytes,")
        pairs: Any = {"steps": steps, "offsets": offsets}
        made = anchors_of(data.shape[2], data.shape[3], sizes, ratios, clip=clip, **pairs)
        return torch.from_numpy(made)[None].to(data.device, data.dtype)

    return run


@operator("_contrib_MultiBoxDetection", "MultiBoxDetection")
def _detection(attributes: Attributes) -> Function:
    least, limit = attributes.number("threshold", 0.01), attributes.number("nms_threshold", 0.5)
    clip, blind = attributes.flag("clip", default=True), attributes.flag("force_suppress", default=False)
    variances, most = attributes.numbers("variances", VARIANCES), attributes.whole("nms_topk", -1)
    if attributes.whole("background_id", 0) != 0:
        raise attributes.refuse("background_id", "must be 0")
    if len(variances) != 4:
        raise attributes.refuse("variances", "must be four numbers")
    suppresses = 0 < limit <= 1
    bar = float(np.float32(least))

    def run(probability: Tensor, offsets: Tensor, anchors: Tensor) -> Tensor:
        score, number = probability[:, 1:].max(1)
        out = torch.full((*score.shape, 6), -1.0, dtype=probability.dtype, device=probability.device)
        shifts = offsets.reshape(len(score), -1, 4)
        for picture, rows_out in enumerate(out):
            valid = (score[picture] >= bar).nonzero().flatten()
            if not len(valid):
                continue
            boxes = _decoded(shifts[picture][valid], anchors[0][valid], variances)
            boxes = boxes.clamp(0, 1) if clip else boxes
            chosen = torch.cat((number[picture][valid, None].to(boxes.dtype), score[picture][valid, None], boxes), 1)
            rows_out[: len(valid)] = _suppressed(chosen, limit, most, blind=blind) if suppresses else chosen
        return out

    return run


def _decoded(shift: Tensor, anchors: Tensor, variances: tuple[float, ...]) -> Tensor:
    across, down = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    middle_x, middle_y = (anchors[:, 0] + anchors[:, 2]) * 0.5, (anchors[:, 1] + anchors[:, 3]) * 0.5
    x = shift[:, 0] * variances[0] * across + middle_x
    y = shift[:, 1] * variances[1] * down + middle_y
    half_w = torch.exp(shift[:, 2] * variances[2]) * across / 2
    half_h = torch.exp(shift[:, 3] * variances[3]) * down / 2
    return torch.stack((x - half_w, y - half_h, x + half_w, y + half_h), 1)


def _suppressed(rows: Tensor, limit: float, most: int, *, blind: bool) -> Tensor:
    """Sort rows by score and give -1 as class to those that go; those beyond ``most`` stay where they were."""
    order = rows[:, 1].sort(descending=True, stable=True).indices
    kept = min(most, len(rows)) if most > 0 else len(rows)
    best = rows[order[:kept]]
    boxes, numbers = best[:, 2:].float().cpu().numpy(), best[:, 0].cpu().numpy()
    stays = survivors(boxes, limit, inclusive=True, groups=None if blind else numbers)
    best[~torch.from_numpy(stays).to(best.device), 0] = -1
    rest = rows[kept:].clone()
    rest[:, 0] = -1
    return torch.cat((best, rest))


@dataclass(frozen=True, kw_only=True)
class MatchingRule:
    """Which anchors learn which boxes.

    Attributes:
        overlap: Above it an anchor learns the box that it overlaps most.
        negatives: How many negatives there are to a positive; 0 or less: all the others.
        negative_overlap: Only anchors that overlap every box less can be negatives.
    """

    overlap: float = 0.5
    negatives: float = -1.0
    negative_overlap: float = 0.5


def match(anchors: Floats, boxes: Floats, background: Floats, rule: MatchingRule) -> npt.NDArray[np.int64]:
    """Give anchors to boxes.

    Args:
        anchors: ``(A, 4)`` corners.
        boxes: ``(N, 4)`` corners, N >= 1.
        background: ``(A,)`` probability of the background, for the choice of negatives.
        rule: How.

    Returns:
        ``(A,)``: the row of its box, -1 for negatives, -2 for those that count as neither.
    """
    overlap = overlaps(anchors, boxes)
    chosen = np.full(len(anchors), -2)
    free = overlap.copy()
    for _ in range(min(free.shape)):
        anchor, box = np.unravel_index(int(free.argmax()), free.shape)
        if free[anchor, box] <= LEAST_OVERLAP:
            break
        chosen[anchor] = box
        free[anchor], free[:, box] = -1, -1
    best, most = overlap.argmax(axis=1), overlap.max(axis=1)
    if rule.overlap > 0:
        more = (chosen == -2) & (most > np.float32(rule.overlap))
        chosen[more] = best[more]
    if rule.negatives <= 0:
        chosen[chosen == -2] = -1
        return chosen
    positives = int((chosen >= 0).sum())
    count = min(int(positives * rule.negatives), len(anchors) - positives)
    able = np.flatnonzero((chosen == -2) & (most < np.float32(rule.negative_overlap)))
    chosen[able[np.argsort(background[able], kind="stable")[:count]]] = -1
    return chosen


@operator("_contrib_MultiBoxTarget", "MultiBoxTarget")
def _target(attributes: Attributes) -> Function:
    rule = MatchingRule(
        overlap=attributes.number("overlap_threshold", 0.5),
        negatives=attributes.number("negative_mining_ratio", -1.0),
        negative_overlap=attributes.number("negative_mining_thresh", 0.5),
    )
    ignored, variances = attributes.number("ignore_label", -1.0), attributes.numbers("variances", VARIANCES)
    attributes.whole("minimum_negative_samples", 0)  # has no effect in MXNet either
    if len(variances) != 4:
        raise attributes.refuse("variances", "must be four numbers")

    def run(anchors: Tensor, labels: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        prior = anchors[0].float().cpu().numpy()
        background = torch.softmax(scores.float(), 1)[:, 0].cpu().numpy()
        count = len(prior)
        shifts, wanted = np.zeros((len(labels), count, 4), np.float32), np.zeros((len(labels), count, 4), np.float32)
        classes = np.full((len(labels), count), ignored, np.float32)
        for picture, rows in enumerate(labels.float().cpu().numpy()):
            ends = np.flatnonzero(rows[:, 0] == -1)
            rows = rows[: ends[0]] if len(ends) else rows
            if not len(rows):
                continue
            chosen = match(prior, rows[:, 1:5], background[picture], rule)
            positive = chosen >= 0
            classes[picture, chosen == -1] = 0
            classes[picture, positive] = rows[chosen[positive], 0] + 1
            wanted[picture, positive] = 1
            shifts[picture, positive] = _encoded(rows[chosen[positive], 1:5], prior[positive], variances)
        made = (shifts.reshape(len(labels), -1), wanted.reshape(len(labels), -1), classes)
        return tuple(torch.from_numpy(one).to(anchors.device) for one in made)  # type: ignore[return-value]

    return run


def _encoded(boxes: Floats, anchors: Floats, variances: tuple[float, ...]) -> Floats:
    own, other = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    middle = (boxes[:, :2] + boxes[:, 2:]) * np.float32(0.5) - (anchors[:, :2] + anchors[:, 2:]) * np.float32(0.5)
    spread = np.array(variances, np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.concatenate((middle / own / spread[:2], np.log(other / own) / spread[2:]), axis=1)
    return found
