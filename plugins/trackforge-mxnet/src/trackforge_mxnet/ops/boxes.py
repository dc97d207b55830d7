"""Boxes of GluonCV's networks: decoding, overlap, and suppression that gives whole rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.operators import Function, operator
from trackforge_mxnet.suppression import survivors

__all__: list[str] = []


@operator("_contrib_box_decode", "box_decode")
def _decode(attributes: Attributes) -> Function:
    spread = [attributes.number(f"std{k}", 1.0) for k in range(4)]
    clip, kind = attributes.number("clip", -1.0), attributes.text("format", "center", ("center", "corner"))

    def run(data: Tensor, anchors: Tensor) -> Tensor:
        one, two, three, four = anchors.unbind(-1)
        x, y, width, height = one, two, three, four
        if kind == "corner":
            width, height = three - one, four - two
            x, y = one + width * 0.5, two + height * 0.5
        shift_x, shift_y, grow_x, grow_y = data.unbind(-1)
        grow_x, grow_y = grow_x * spread[2], grow_y * spread[3]
        if clip > 0:
            grow_x, grow_y = grow_x.clamp(max=clip), grow_y.clamp(max=clip)
        middle_x, middle_y = shift_x * spread[0] * width + x, shift_y * spread[1] * height + y
        half_w, half_h = torch.exp(grow_x) * width * 0.5, torch.exp(grow_y) * height * 0.5
        return torch.stack((middle_x - half_w, middle_y - half_h, middle_x + half_w, middle_y + half_h), -1)

    return run


def _corners(boxes: Tensor) -> Tensor:
    half = boxes[..., 2:] / 2
    return torch.cat((boxes[..., :2] - half, boxes[..., :2] + half), -1)


def _centres(boxes: Tensor) -> Tensor:
    return torch.cat(((boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]), -1)


@operator("_contrib_box_iou", "box_iou")
def _iou(attributes: Attributes) -> Function:
    centred = attributes.text("format", "corner", ("corner", "center")) == "center"

    def run(one: Tensor, other: Tensor) -> Tensor:
        shape = (*one.shape[:-1], *other.shape[:-1])
        one, other = one.reshape(-1, 4), other.reshape(-1, 4)
        if centred:
            one, other = _corners(one), _corners(other)
        low, high = torch.maximum(one[:, None, :2], other[:, :2]), torch.minimum(one[:, None, 2:], other[:, 2:])
        inner = (high - low).clamp(min=0).prod(-1)
        area, other_area = ((boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1) for boxes in (one, other))
        union = area[:, None] + other_area - inner
        return torch.where(union > 0, inner / union, 0.0).reshape(shape)

    return run


@operator("_contrib_box_nms", "box_nms", "_contrib_box_non_maximum_suppression", "box_non_maximum_suppression")
def _box_nms(attributes: Attributes) -> Function:
    limit, least = attributes.number("overlap_thresh", 0.5), attributes.number("valid_thresh", 0.0)
    most, at = attributes.whole("topk", -1), attributes.whole("coord_start", 2, least=0)
    score, number = attributes.whole("score_index", 1, least=0), attributes.whole("id_index", -1)
    background, blind = attributes.whole("background_id", -1), attributes.flag("force_suppress", default=False)
    given, wanted = (attributes.text(f"{way}_format", "corner", ("corner", "center")) for way in ("in", "out"))
    bar = float(np.float32(least))

    def one(rows: Tensor) -> Tensor:
        valid = rows[:, score] > bar
        if number >= 0:
            valid &= rows[:, number] != background
        places = valid.nonzero().flatten()
        order = places[rows[places, score].sort(descending=True, stable=True).indices]
        best = rows[order[:most] if most > 0 else order]
        boxes = best[:, at : at + 4]
        corners = _corners(boxes) if given == "center" else boxes
        groups: npt.NDArray[Any] | None = None if blind or number < 0 else best[:, number].cpu().numpy()
        stays = survivors(corners.float().cpu().numpy(), limit, inclusive=False, groups=groups)
        kept = best[torch.from_numpy(stays).to(rows.device)]
        if given != wanted:
            kept[:, at : at + 4] = (_corners if wanted == "corner" else _centres)(kept[:, at : at + 4])
        out = torch.full_like(rows, -1)
        out[: len(kept)] = kept
        return out

    def run(data: Tensor) -> Tensor:
        parts = data.reshape(-1, *data.shape[-2:])
        if parts.shape[2] < at + 4:
            raise ValueError(f"rows must have {at + 4} values; they have {parts.shape[2]}")
        return torch.stack([one(rows) for rows in parts]).reshape(data.shape)

    return run
