"""The convolution blocks that YOLOX is made of.

Attribute names (``conv``, ``bn``, ``dconv``, ...) are those of the official checkpoints, since they become the keys of
the state dict; class names say what a block does.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430; Wang et al., "CSPNet", CVPRW 2020;
Redmon and Farhadi, "YOLOv3", arXiv 1804.02767.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

__all__ = [
    "Activation",
    "Bottleneck",
    "ConvBlock",
    "CspBlock",
    "PatchStem",
    "PyramidPooling",
    "ResidualBlock",
    "SeparableConv",
    "conv_block",
]

Activation: TypeAlias = Literal["silu", "lrelu"]
BN_EPSILON = 1e-3
BN_MOMENTUM = 0.03


def _activation(name: Activation) -> nn.Module:
    return nn.SiLU(inplace=True) if name == "silu" else nn.LeakyReLU(0.1, inplace=True)


class ConvBlock(nn.Module):
    """Convolution without bias, batch normalisation, activation; keeps the size at stride 1, halves it at stride 2."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, act: Activation = "silu"
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(outputs, eps=BN_EPSILON, momentum=BN_MOMENTUM)
        self.act = _activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, outputs, H / stride, W / stride)``."""
        out: Tensor = self.act(self.bn(self.conv(x)))
        return out


class SeparableConv(nn.Module):
    """One filter a channel, then a 1x1 convolution over channels: the cheap stand-in for a `ConvBlock`."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, act: Activation = "silu") -> None:
        super().__init__()
        self.dconv = ConvBlock(inputs, inputs, kernel, stride, groups=inputs, act=act)
        self.pconv = ConvBlock(inputs, outputs, 1, act=act)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, outputs, H / stride, W / stride)``."""
        out: Tensor = self.pconv(self.dconv(x))
        return out


def conv_block(
    inputs: int, outputs: int, kernel: int, stride: int = 1, *, depthwise: bool = False, act: Activation = "silu"
) -> nn.Module:
    """Make a `SeparableConv` where ``depthwise``, else a `ConvBlock`."""
    kind = SeparableConv if depthwise else ConvBlock
    return kind(inputs, outputs, kernel, stride, act=act)


class Bottleneck(nn.Module):
    """1x1 then 3x3 convolution, added to the input where ``shortcut``."""

    def __init__(self, channels: int, *, shortcut: bool, depthwise: bool) -> None:
        super().__init__()
        self.conv1 = ConvBlock(channels, channels, 1)
        self.conv2 = conv_block(channels, channels, 3, depthwise=depthwise)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape ``(B, channels, H, W)``."""
        y: Tensor = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class CspBlock(nn.Module):
    """Cross-stage partial block: half of the channels go through bottlenecks, half go around them."""

    def __init__(self, inputs: int, outputs: int, depth: int, *, shortcut: bool, depthwise: bool) -> None:
        super().__init__()
        hidden = outputs // 2
        self.conv1 = ConvBlock(inputs, hidden, 1)
        self.conv2 = ConvBlock(inputs, hidden, 1)
        self.conv3 = ConvBlock(2 * hidden, outputs, 1)
        self.m = nn.Sequential(*(Bottleneck(hidden, shortcut=shortcut, depthwise=depthwise) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, outputs, H, W)``."""
        out: Tensor = self.conv3(torch.cat((self.m(self.conv1(x)), self.conv2(x)), dim=1))
        return out


class PyramidPooling(nn.Module):
    """Join the input with its own maxima over 5, 9 and 13 pixels, so that every cell sees far (SPP).

    Source: He et al., "Spatial Pyramid Pooling in Deep Convolutional Networks", ECCV 2014, as in YOLOv3-SPP.
    """

    def __init__(self, inputs: int, outputs: int, *, act: Activation = "silu") -> None:
        super().__init__()
        hidden = inputs // 2
        self.conv1 = ConvBlock(inputs, hidden, 1, act=act)
        self.m = nn.ModuleList(nn.MaxPool2d(size, stride=1, padding=size // 2) for size in (5, 9, 13))
        self.conv2 = ConvBlock(4 * hidden, outputs, 1, act=act)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, outputs, H, W)``."""
        x = self.conv1(x)
        out: Tensor = self.conv2(torch.cat([x, *(pool(x) for pool in self.m)], dim=1))
        return out


class PatchStem(nn.Module):
    """Turn every 2x2 patch into 12 channels (columns first, then rows), then convolve: the "focus" layer."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = ConvBlock(12, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to ``(B, outputs, H / 2, W / 2)``; H and W are even."""
        patches = [x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        out: Tensor = self.conv(torch.cat(patches, dim=1))
        return out


class ResidualBlock(nn.Module):
    """Darknet's residual: 1x1 to half the channels, 3x3 back, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer1 = ConvBlock(channels, channels // 2, 1, act="lrelu")
        self.layer2 = ConvBlock(channels // 2, channels, 3, act="lrelu")

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape ``(B, channels, H, W)``."""
        y: Tensor = self.layer2(self.layer1(x))
        return x + y
