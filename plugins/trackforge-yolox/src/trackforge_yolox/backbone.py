"""Backbones and necks: an image in, three feature maps of strides 8, 16 and 32 out.

Attribute names (``dark3``, ``C3_p4``, ``out1_cbl``, ...) are those of the official checkpoints.

Source: Ge et al., arXiv 2107.08430; Liu et al., "Path Aggregation Network", CVPR 2018; Redmon and Farhadi, arXiv
1804.02767 (Darknet-53).
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from trackforge_yolox.blocks import ConvBlock, CspBlock, PatchStem, PyramidPooling, ResidualBlock, conv_block

__all__ = ["CspDarknet", "Darknet53", "Darknet53Pyramid", "PathAggregation", "Pyramid"]

Pyramid: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Feature maps ``(B, C, H / s, W / s)`` for the strides ``s`` = 8, 16, 32."""


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class CspDarknet(nn.Module):
    """YOLOX's backbone: a patch stem and four cross-stage partial stages.

    Args:
        depth: Multiplies the number of bottlenecks; 1 gives 3, 9, 9, 3.
        width: Multiplies the channels; 1 gives 64 to 1024.
        depthwise: Use separable convolutions (nano).
    """

    def __init__(self, depth: float, width: float, *, depthwise: bool) -> None:
        super().__init__()
        base, n = int(width * 64), max(round(depth * 3), 1)

        def stage(inputs: int, repeats: int, *, pool: bool = False) -> nn.Sequential:
            outputs = 2 * inputs
            down = conv_block(inputs, outputs, 3, 2, depthwise=depthwise)
            block = CspBlock(outputs, outputs, repeats, shortcut=not pool, depthwise=depthwise)
            return nn.Sequential(down, *([PyramidPooling(outputs, outputs)] if pool else []), block)

        self.stem = PatchStem(base)
        self.dark2 = stage(base, n)
        self.dark3 = stage(2 * base, 3 * n)
        self.dark4 = stage(4 * base, 3 * n)
        self.dark5 = stage(8 * base, n, pool=True)

    def forward(self, x: Tensor) -> Pyramid:
        """Map images ``(B, 3, H, W)`` to features of ``256, 512, 1024 * width`` channels."""
        p3 = self.dark3(self.dark2(self.stem(x)))
        p4 = self.dark4(p3)
        return p3, p4, self.dark5(p4)


class PathAggregation(nn.Module):
    """YOLOX's neck: features go top-down, then bottom-up. Holds its `CspDarknet` as ``backbone``."""

    def __init__(self, depth: float, width: float, *, depthwise: bool) -> None:
        super().__init__()
        small, middle, large = (int(c * width) for c in (256, 512, 1024))
        self.channels = (small, middle, large)
        n = round(3 * depth)

        def merge(inputs: int, outputs: int) -> CspBlock:
            return CspBlock(inputs, outputs, n, shortcut=False, depthwise=depthwise)

        self.backbone = CspDarknet(depth, width, depthwise=depthwise)
        self.lateral_conv0 = ConvBlock(large, middle, 1)
        self.C3_p4 = merge(2 * middle, middle)
        self.reduce_conv1 = ConvBlock(middle, small, 1)
        self.C3_p3 = merge(2 * small, small)
        self.bu_conv2 = conv_block(small, small, 3, 2, depthwise=depthwise)
        self.C3_n3 = merge(2 * small, middle)
        self.bu_conv1 = conv_block(middle, middle, 3, 2, depthwise=depthwise)
        self.C3_n4 = merge(2 * middle, large)

    def forward(self, x: Tensor) -> Pyramid:
        """Map images ``(B, 3, H, W)`` to features of ``256, 512, 1024 * width`` channels; H, W are multiples of 32."""
        p3, p4, p5 = self.backbone(x)
        top = self.lateral_conv0(p5)
        middle = self.reduce_conv1(self.C3_p4(torch.cat((_double(top), p4), dim=1)))
        n3 = self.C3_p3(torch.cat((_double(middle), p3), dim=1))
        n4 = self.C3_n3(torch.cat((self.bu_conv2(n3), middle), dim=1))
        n5 = self.C3_n4(torch.cat((self.bu_conv1(n4), top), dim=1))
        return n3, n4, n5


class Darknet53(nn.Module):
    """YOLOv3's backbone, with spatial pyramid pooling at the end."""

    def __init__(self) -> None:
        super().__init__()

        def stage(outputs: int, repeats: int) -> list[nn.Module]:
            down = ConvBlock(outputs // 2, outputs, 3, 2, act="lrelu")
            return [down, *(ResidualBlock(outputs) for _ in range(repeats))]

        self.stem = nn.Sequential(ConvBlock(3, 32, 3, act="lrelu"), *stage(64, 1))
        self.dark2 = nn.Sequential(*stage(128, 2))
        self.dark3 = nn.Sequential(*stage(256, 8))
        self.dark4 = nn.Sequential(*stage(512, 8))
        self.dark5 = nn.Sequential(
            *stage(1024, 4),
            ConvBlock(1024, 512, 1, act="lrelu"),
            ConvBlock(512, 1024, 3, act="lrelu"),
            PyramidPooling(1024, 512, act="lrelu"),
            ConvBlock(512, 1024, 3, act="lrelu"),
            ConvBlock(1024, 512, 1, act="lrelu"),
        )

    def forward(self, x: Tensor) -> Pyramid:
        """Map images ``(B, 3, H, W)`` to features of 256, 512 and 512 channels."""
        p3 = self.dark3(self.dark2(self.stem(x)))
        p4 = self.dark4(p3)
        return p3, p4, self.dark5(p4)


class Darknet53Pyramid(nn.Module):
    """YOLOv3's feature pyramid: top-down only. Holds its `Darknet53` as ``backbone``."""

    channels = (128, 256, 512)

    def __init__(self) -> None:
        super().__init__()

        def merge(inputs: int, outputs: int) -> nn.Sequential:
            shapes = ((inputs, outputs, 1), (outputs, 2 * outputs, 3), (2 * outputs, outputs, 1))
            again = ((outputs, 2 * outputs, 3), (2 * outputs, outputs, 1))
            return nn.Sequential(*(ConvBlock(i, o, k, act="lrelu") for i, o, k in (*shapes, *again)))

        self.backbone = Darknet53()
        self.out1_cbl = ConvBlock(512, 256, 1, act="lrelu")
        self.out1 = merge(256 + 512, 256)
        self.out2_cbl = ConvBlock(256, 128, 1, act="lrelu")
        self.out2 = merge(128 + 256, 128)

    def forward(self, x: Tensor) -> Pyramid:
        """Map images ``(B, 3, H, W)`` to features of 128, 256 and 512 channels; H, W are multiples of 32."""
        p3, p4, p5 = self.backbone(x)
        n4 = self.out1(torch.cat((_double(self.out1_cbl(p5)), p4), dim=1))
        n3 = self.out2(torch.cat((_double(self.out2_cbl(n4)), p3), dim=1))
        return n3, n4, p5
