"""A small backbone and way up in the manner of YOLOv5, four levels to a quarter of the size.

Cross-stage-partial blocks down to 1/32 and, each time joined with the map of the same size, up to 1/4.

Source: Wang et al., "CSPNet", CVPRW 2020; He et al., "Spatial Pyramid Pooling", TPAMI 2015; Liu et al., "Path
Aggregation Network", CVPR 2018. What is FairMOT's own was found from the names and shapes of its state dict and from
its outputs; no code of YOLOv5 was read.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["YOLOv5"]

BN_EPSILON = 1e-3
BN_MOMENTUM = 0.03
POOLS = (5, 9, 13)
REPEATS = (1, 3, 3)
"""Blocks of the levels at 1/4, 1/8 and 1/16 on the way down; all others have one."""


class ConvBlock(nn.Module):
    """Convolution without bias, batch normalisation, SiLU; keeps the size at stride 1, halves it at stride 2."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(outputs, eps=BN_EPSILON, momentum=BN_MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, outputs, H / stride, W / stride)``."""
        return functional.silu(self.bn(self.conv(x)), inplace=True)


class PatchStem(nn.Module):
    """Puts the four pixels of every 2x2 patch side by side as channels, at half the size, before a convolution."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = ConvBlock(12, outputs, 3)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to ``(B, outputs, H / 2, W / 2)``."""
        corners = [images[..., y::2, x::2] for x in (0, 1) for y in (0, 1)]
        out: Tensor = self.conv(torch.cat(corners, 1))
        return out


class Bottleneck(nn.Module):
    """1x1 then 3x3 convolution, added to the input where ``shortcut``."""

    def __init__(self, channels: int, *, shortcut: bool) -> None:
        super().__init__()
        self.cv1 = ConvBlock(channels, channels)
        self.cv2 = ConvBlock(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        out: Tensor = self.cv2(self.cv1(x))
        return out + x if self.shortcut else out


class CspBlock(nn.Module):
    """Half of the channels through bottlenecks, half past them, joined by a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int, repeats: int = 1, *, shortcut: bool = True) -> None:
        super().__init__()
        half = outputs // 2
        self.cv1 = ConvBlock(inputs, half)
        self.cv2 = ConvBlock(inputs, half)
        self.cv3 = ConvBlock(outputs, outputs)
        self.m = nn.Sequential(*(Bottleneck(half, shortcut=shortcut) for _ in range(repeats)))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, outputs, H, W)``."""
        out: Tensor = self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))
        return out


class PyramidPooling(nn.Module):
    """Maxima over windows of several sizes, beside the map itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cv1 = ConvBlock(channels, channels // 2)
        self.cv2 = ConvBlock(channels // 2 * (len(POOLS) + 1), channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        x = self.cv1(x)
        out: Tensor = self.cv2(torch.cat((x, *(functional.max_pool2d(x, size, 1, size // 2) for size in POOLS)), 1))
        return out


class Pyramid(nn.Module):
    """Down and up again. The numbers of the layers are those of the official keys; layers without weights have none."""

    def __init__(self, stem: int) -> None:
        super().__init__()
        c = [stem * 2**i for i in range(5)]  # at 1/2, 1/4, 1/8, 1/16, 1/32
        layers: dict[int, nn.Module] = {0: PatchStem(c[0])}
        for i, repeats in enumerate(REPEATS, start=1):
            layers[2 * i - 1] = ConvBlock(c[i - 1], c[i], 3, 2)
            layers[2 * i] = CspBlock(c[i], c[i], repeats)
        layers[7] = ConvBlock(c[3], c[4], 3, 2)
        layers[8] = PyramidPooling(c[4])
        layers[9] = CspBlock(c[4], c[4], shortcut=False)
        for first, i in zip((10, 14, 18), (3, 2, 1), strict=True):
            layers[first] = ConvBlock(c[i + 1], c[i])
            layers[first + 3] = CspBlock(2 * c[i], c[i], shortcut=False)
        self.model = nn.ModuleDict({str(number): layer for number, layer in layers.items()})

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to ``(B, 2 stem, H / 4, W / 4)``."""
        x, beside = images, []
        for number in range(10):
            x = self.model[str(number)](x)
            if number in (2, 4, 6):
                beside.append(x)
        for first in (10, 14, 18):
            x = functional.interpolate(self.model[str(first)](x), scale_factor=2.0, mode="nearest")
            x = self.model[str(first + 3)](torch.cat((x, beside.pop()), 1))
        return x


@dataclass(frozen=True)
class YOLOv5:
    """The body.

    Attributes:
        stem: Channels at half the size, 32 for the published one; each coarser level has twice as many.
    """

    stem: int

    @property
    def channels(self) -> int:
        """Channels of the features."""
        return 2 * self.stem

    def parts(self) -> dict[str, nn.Module]:
        """Make the one part."""
        return {"backbone": Pyramid(self.stem)}

    def features(self, parts: dict[str, nn.Module], images: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to ``(B, 2 stem, H / 4, W / 4)``; H and W are multiples of 32."""
        features: Tensor = parts["backbone"](images)
        return features
