"""Operators of two-stage networks: parts of a map as little maps (ROIAlign, ROIPooling), and proposals of parts.

Regions are rows ``picture, x1, y1, x2, y2`` in pixels of the input; ``spatial_scale`` brings them to the map.

Source: He et al., "Mask R-CNN", ICCV 2017; Ren et al., "Faster R-CNN", NIPS 2015; behaviour recorded from MXNet.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.operators import Function, operator
from trackforge_mxnet.suppression import survivors

__all__ = ["base_anchors"]

Floats: TypeAlias = npt.NDArray[np.float32]
AT_ONCE = 1 << 21
"""Samples that are gathered at once; bounds the memory of a thousand regions."""


def _pooled(attributes: Attributes) -> tuple[int, int]:
    size = attributes.wholes("pooled_size")
    if len(size) != 2 or any(not 1 <= side <= 1024 for side in size):
        raise attributes.refuse("pooled_size", "must be two whole numbers from 1 to 1024")
    return size[0], size[1]


@operator("_contrib_ROIAlign", "ROIAlign")
def _roi_align(attributes: Attributes) -> Function:
    size, scale = _pooled(attributes), attributes.number("spatial_scale")
    samples, aligned = attributes.whole("sample_ratio", -1), attributes.flag("aligned", default=False)
    if attributes.flag("position_sensitive", default=False):
        raise attributes.refuse("position_sensitive", "must be False")

    def run(data: Tensor, regions: Tensor) -> Tensor:
        rows = data.permute(0, 2, 3, 1).reshape(-1, data.shape[1])  # one row of channels a pixel
        first = regions[:, 1:3] * scale - (0.5 if aligned else 0.0)
        extent = regions[:, 3:5] * scale - (0.5 if aligned else 0.0) - first
        extent = extent if aligned else extent.clamp(min=1.0)
        bins = extent / torch.tensor([size[1], size[0]], dtype=extent.dtype, device=extent.device)
        counts = torch.full_like(bins, samples) if samples > 0 else bins.ceil()
        out = data.new_zeros((len(regions), size[0] * size[1], data.shape[1]))
        good = ((regions[:, 0] >= 0) & (regions[:, 0] < len(data))).nonzero().flatten()
        for across, down in torch.unique(counts[good], dim=0).long().tolist():
            those = good[(counts[good] == counts.new_tensor([across, down])).all(1)]
            if across < 1 or down < 1:
                continue
            step = max(AT_ONCE // (size[0] * size[1] * across * down * 4), 1)
            for some in torch.split(those, step):
                grid = _Grid(size, (down, across), data.shape[2:])
                out[some] = grid(rows, regions[some, 0].long(), first[some], bins[some])
        return out.reshape(len(regions), *size, -1).permute(0, 3, 1, 2).contiguous()

    return run


class _Grid:
    """Weighs the four pixels around each sample; the sum over a bin is one lookup of many rows."""

    def __init__(self, size: tuple[int, int], samples: tuple[int, int], extent: Any) -> None:
        self.size, self.samples, self.extent = size, samples, tuple(extent)

    def __call__(self, rows: Tensor, picture: Tensor, first: Tensor, bins: Tensor) -> Tensor:
        """Return ``(R, bins, C)``."""
        y_at, y_weight = self._along(0, first[:, 1], bins[:, 1])
        x_at, x_weight = self._along(1, first[:, 0], bins[:, 0])
        height, width = self.extent
        base = (picture * (height * width))[:, None, None, None, None]
        places = base + y_at[:, :, None, :, None] * width + x_at[:, None, :, None, :]
        weights = y_weight[:, :, None, :, None] * x_weight[:, None, :, None, :] / (self.samples[0] * self.samples[1])
        count = len(first) * self.size[0] * self.size[1]
        found = functional.embedding_bag(
            places.reshape(count, -1), rows, mode="sum", per_sample_weights=weights.reshape(count, -1).to(rows.dtype)
        )
        return found.reshape(len(first), -1, rows.shape[1])

    def _along(self, axis: int, first: Tensor, bins: Tensor) -> tuple[Tensor, Tensor]:
        """Return places and weights of the pixels on both sides of each sample, ``(R, bins, 2 * samples)``."""
        bin_count, samples, length = self.size[axis], self.samples[axis], self.extent[axis]
        number = torch.arange(bin_count, dtype=first.dtype, device=first.device)[None, :, None]
        part = (torch.arange(samples, dtype=first.dtype, device=first.device) + 0.5)[None, None]
        at = first[:, None, None] + number * bins[:, None, None] + part * bins[:, None, None] / samples
        inside = (at >= -1) & (at <= length)
        at = at.clamp(0, length - 1)
        low = at.floor().long()
        high = (low + 1).clamp(max=length - 1)
        share = at - low
        weights = torch.cat(((1 - share) * inside, share * inside), 2)
        return torch.cat((low, high), 2), weights


@operator("ROIPooling")
def _roi_pooling(attributes: Attributes) -> Function:
    size, scale = _pooled(attributes), attributes.number("spatial_scale")

    def run(data: Tensor, regions: Tensor) -> Tensor:
        out = data.new_zeros((len(regions), data.shape[1], *size))
        extents = data.shape[2:]
        corners = _rounded(regions[:, 1:].double() * scale).long().tolist()
        for row, (picture, (x1, y1, x2, y2)) in enumerate(zip(regions[:, 0].long().tolist(), corners, strict=True)):
            if not 0 <= picture < len(data):
                continue
            rows = _bins(y1, y2, size[0], extents[0])
            columns = _bins(x1, x2, size[1], extents[1])
            for i, (top, bottom) in enumerate(rows):
                if bottom <= top:
                    continue
                strip = data[picture, :, top:bottom].amax(1)
                for j, (left, right) in enumerate(columns):
                    if right > left:
                        out[row, :, i, j] = strip[:, left:right].amax(1)
        return out

    return run


def _rounded(data: Tensor) -> Tensor:
    return torch.sign(data) * torch.floor(torch.abs(data) + 0.5)


def _bins(first: int, last: int, count: int, extent: int) -> list[tuple[int, int]]:
    width = np.float32(max(last - first + 1, 1)) / np.float32(count)
    edges = []
    for k in range(count):
        low, high = int(np.floor(np.float32(k) * width)), int(np.ceil(np.float32(k + 1) * width))
        edges.append((min(max(low + first, 0), extent), min(max(high + first, 0), extent)))
    return edges


def base_anchors(stride: int, scales: tuple[float, ...], ratios: tuple[float, ...]) -> Floats:
    """Return the anchors of one cell of ``stride`` pixels, ``(len(ratios) * len(scales), 4)`` inclusive corners."""
    middle = (stride - 1) / 2
    found = []
    for ratio in ratios:
        width = np.floor(np.sqrt(stride * stride / ratio) + 0.5)
        height = np.floor(width * ratio + 0.5)
        for scale in scales:
            half_w, half_h = (width * scale - 1) / 2, (height * scale - 1) / 2
            found.append((middle - half_w, middle - half_h, middle + half_w, middle + half_h))
    return np.array(found, np.float32)


@operator("_contrib_Proposal", "_contrib_MultiProposal", "Proposal", "MultiProposal")
def _proposal(attributes: Attributes) -> Function:
    before, after = attributes.whole("rpn_pre_nms_top_n", 6000), attributes.whole("rpn_post_nms_top_n", 300, least=1)
    limit, smallest = attributes.number("threshold", 0.7), attributes.whole("rpn_min_size", 16)
    scales = attributes.numbers("scales", (4.0, 8.0, 16.0, 32.0))
    ratios, stride = attributes.numbers("ratios", (0.5, 1.0, 2.0)), attributes.whole("feature_stride", 16, least=1)
    gives_score = attributes.flag("output_score", default=False)
    if attributes.flag("iou_loss", default=False):
        raise attributes.refuse("iou_loss", "must be False")
    if after > 1 << 16 or not scales or not ratios or min(ratios) <= 0:
        raise attributes.refuse("scales", "must be numbers, as ratios, and rpn_post_nms_top_n at most 65536")
    base = base_anchors(stride, scales, ratios)

    def one(scores: Floats, shifts: Floats, picture: Floats) -> tuple[Floats, Floats]:
        boxes, valid = _proposed(base, shifts, picture, stride)
        score = scores.transpose(1, 2, 0).reshape(-1).copy()
        score[~valid.reshape(-1)] = -1  # cells in the padding of a batch
        least = np.float32(smallest) * picture[2]
        small = (boxes[:, 2] - boxes[:, 0] + 1 < least) | (boxes[:, 3] - boxes[:, 1] + 1 < least)
        half = np.float32(least / 2)
        boxes[small] += np.array([-half, -half, half, half], np.float32)
        score[small] = -1
        order = np.argsort(-score, kind="stable")[: before if before > 0 else None]
        boxes, score = boxes[order], score[order]
        grown = boxes + np.array([0, 0, 1, 1], np.float32)  # these boxes hold their last pixel
        kept = np.flatnonzero(survivors(grown, limit, inclusive=False))[:after]
        places = kept[np.arange(after) % len(kept)]  # too few are given again from the first
        return boxes[places], score[places]

    def run(probability: Tensor, offsets: Tensor, information: Tensor) -> Any:
        count = len(base)
        chosen, scored = [], []
        for k in range(len(probability)):
            scores = probability[k, count:].float().cpu().numpy()
            boxes, score = one(scores, offsets[k].float().cpu().numpy(), information[k].float().cpu().numpy())
            number = np.full((after, 1), k, np.float32)
            chosen.append(np.concatenate((number, boxes), axis=1))
            scored.append(score[:, None])
        regions = torch.from_numpy(np.concatenate(chosen)).to(probability.device)
        return (regions, torch.from_numpy(np.concatenate(scored)).to(regions.device)) if gives_score else regions

    return run


def _proposed(base: Floats, shifts: Floats, picture: Floats, stride: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return all boxes ``(H * W * A, 4)`` inside a picture of ``height, width, scale``, and which cells lie in it."""
    count, (rows, columns) = len(base), shifts.shape[1:]
    x, y = np.arange(columns, dtype=np.float32) * stride, np.arange(rows, dtype=np.float32) * stride
    corner = np.stack([*np.meshgrid(x, y)] * 2, axis=-1)
    anchors = corner[:, :, None] + base  # (H, W, A, 4)
    delta = shifts.reshape(count, 4, rows, columns).transpose(2, 3, 0, 1)
    width, height = anchors[..., 2] - anchors[..., 0] + 1, anchors[..., 3] - anchors[..., 1] + 1
    middle_x = anchors[..., 0] + np.float32(0.5) * (width - 1) + delta[..., 0] * width
    middle_y = anchors[..., 1] + np.float32(0.5) * (height - 1) + delta[..., 1] * height
    half_w = np.float32(0.5) * (np.exp(delta[..., 2]) * width - 1)
    half_h = np.float32(0.5) * (np.exp(delta[..., 3]) * height - 1)
    boxes = np.stack((middle_x - half_w, middle_y - half_h, middle_x + half_w, middle_y + half_h), axis=-1)
    most = np.array([picture[1] - 1, picture[0] - 1] * 2, np.float32)
    boxes = np.clip(boxes, 0, most).astype(np.float32)
    real = (np.arange(rows)[:, None] < int(picture[0] / stride)) & (np.arange(columns) < int(picture[1] / stride))
    return boxes.reshape(-1, 4), np.broadcast_to(real[:, :, None], (rows, columns, count))
