"""The decoupled, anchor-free head, and the pure functions that turn its raw maps into predictions.

The head gives **raw maps**: one ``(B, 4 + 1 + C, H / s, W / s)`` tensor a stride, channels in the order box (x, y
offsets in cells, logarithms of width and height in cells), objectness logit, class logits. Losses work on these;
`flatten` and `decode` are what inference needs on top.

Source: Ge et al., arXiv 2107.08430, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trackforge.models.cells import STRIDES
from trackforge_yolox.blocks import Activation, ConvBlock, conv_block

__all__ = ["DecoupledHead", "decode", "flatten", "grid"]

PRIOR = 0.01


class DecoupledHead(nn.Module):
    """Separate towers for classes and boxes on every map.

    Args:
        classes: Number of classes.
        inputs: Channels of the three feature maps.
        hidden: Channels inside the towers.
        depthwise: Use separable convolutions (nano).
        act: Activation.
    """

    def __init__(
        self, classes: int, inputs: Sequence[int], hidden: int, *, depthwise: bool = False, act: Activation = "silu"
    ) -> None:
        super().__init__()

        def tower() -> nn.Sequential:
            return nn.Sequential(*(conv_block(hidden, hidden, 3, depthwise=depthwise, act=act) for _ in range(2)))

        self.classes = classes
        self.cls_convs = nn.ModuleList(tower() for _ in inputs)
        self.reg_convs = nn.ModuleList(tower() for _ in inputs)
        self.cls_preds = nn.ModuleList(nn.Conv2d(hidden, classes, 1) for _ in inputs)
        self.reg_preds = nn.ModuleList(nn.Conv2d(hidden, 4, 1) for _ in inputs)
        self.obj_preds = nn.ModuleList(nn.Conv2d(hidden, 1, 1) for _ in inputs)
        self.stems = nn.ModuleList(ConvBlock(channels, hidden, 1, act=act) for channels in inputs)
        self.reset_priors()

    def reset_priors(self, prior: float = PRIOR) -> None:
        """Set the biases so that every cell starts by giving each class and object the probability ``prior``."""
        for prediction in (*self.cls_preds, *self.obj_preds):
            nn.init.constant_(prediction.bias, -math.log((1 - prior) / prior))

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Map feature maps to raw maps ``(B, 5 + C, h, w)``, one a stride."""
        maps = []
        for level, feature in enumerate(features):
            x = self.stems[level](feature)
            boxes = self.reg_convs[level](x)
            parts = (self.reg_preds[level](boxes), self.obj_preds[level](boxes))
            maps.append(torch.cat((*parts, self.cls_preds[level](self.cls_convs[level](x))), dim=1))
        return tuple(maps)


def flatten(maps: Sequence[Tensor]) -> Tensor:
    """Join raw maps to ``(B, A, 5 + C)``: stride by stride, row by row."""
    return torch.cat([m.flatten(2) for m in maps], dim=2).permute(0, 2, 1)


def grid(maps: Sequence[Tensor], strides: Sequence[int] = STRIDES) -> tuple[Tensor, Tensor]:
    """Return the cells of the given maps in the order of `flatten`.

    Returns:
        ``(A, 2)`` column and row of each cell, and ``(A, 1)`` its stride in pixels, in the dtype of the maps.
    """
    cells, sizes = [], []
    for m, stride in zip(maps, strides, strict=True):
        height, width = m.shape[-2:]
        rows = torch.arange(height, device=m.device, dtype=m.dtype)
        columns = torch.arange(width, device=m.device, dtype=m.dtype)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        cell = torch.stack((x, y), dim=2).reshape(-1, 2)
        cells.append(cell)
        sizes.append(torch.full_like(cell[:, :1], stride))
    return torch.cat(cells), torch.cat(sizes)


def decode(maps: Sequence[Tensor], strides: Sequence[int] = STRIDES) -> Tensor:
    """Turn raw maps into predictions.

    Half-precision maps are decoded in float32: bfloat16 cannot tell neighbouring pixels apart beyond 256.

    Returns:
        ``(B, A, 5 + C)``: centre x, centre y, width, height in input pixels, objectness 0..1, class confidences 0..1.
    """
    if maps[0].dtype in (torch.float16, torch.bfloat16):
        maps = [m.float() for m in maps]
    raw = flatten(maps)
    cells, sizes = grid(maps, strides)
    centre = (raw[..., :2] + cells) * sizes
    return torch.cat((centre, raw[..., 2:4].exp() * sizes, raw[..., 4:].sigmoid()), dim=2)
