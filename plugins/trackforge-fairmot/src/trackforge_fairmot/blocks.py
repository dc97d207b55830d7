"""The blocks that the backbones share: residual blocks, and a convolution with norm and activation after it.

Attribute names are those of the official checkpoints, since they become the keys of the state dict.

Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from trackforge_fairmot.deform import DeformConv2d

__all__ = ["BasicBlock", "Body", "Bottleneck", "NormedConv", "bilinear_kernel", "conv_norm"]


class Body(Protocol):
    """All of a network but its heads: what its parts are, and how features come out of them.

    The official state dicts have the parts of a body beside the heads, without a common prefix. So a body is no module:
    it makes its parts, which the network takes as its own, and finds them there.
    """

    @property
    def channels(self) -> int:
        """Channels of the features."""

    def parts(self) -> dict[str, nn.Module]:
        """Make the parts, by their names in the state dict and in its order."""

    def features(self, parts: dict[str, nn.Module], images: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to features ``(B, channels, H / 4, W / 4)``."""


def conv_norm(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, relu: bool = True, momentum: float = 0.1
) -> nn.Sequential:
    """Make a convolution that keeps the size (at stride 1), its norm and, where asked for, a ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs, momentum=momentum),
    ]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, added to the input."""

    expansion = 1

    def __init__(
        self,
        inputs: int,
        width: int,
        stride: int = 1,
        *,
        downsample: nn.Module | None = None,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(width, momentum=momentum)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(width, momentum=momentum)
        self.downsample = downsample

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, width, H / stride, W / stride)``.

        Args:
            x: The input.
            residual: What is added; None is the input, through ``downsample`` where there is one.
        """
        if residual is None:
            residual = x if self.downsample is None else self.downsample(x)
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out)) + residual
        return functional.relu(out, inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution, the last to four times the width, added to the input."""

    expansion = 4

    def __init__(
        self,
        inputs: int,
        width: int,
        stride: int = 1,
        *,
        downsample: nn.Module | None = None,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(width, momentum=momentum)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(width, momentum=momentum)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3: nn.Module = nn.BatchNorm2d(4 * width, momentum=momentum)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, 4 width, H / stride, W / stride)``."""
        residual = x if self.downsample is None else self.downsample(x)
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        out = functional.relu(self.bn2(self.conv2(out)), inplace=True)
        out = self.bn3(self.conv3(out)) + residual
        return functional.relu(out, inplace=True)


class NormedConv(nn.Module):
    """A 3x3 convolution, deformable or not, its norm and a ReLU."""

    def __init__(self, inputs: int, outputs: int, *, deformable: bool = True) -> None:
        super().__init__()
        self.actf = nn.Sequential(nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
        self.conv: nn.Module = (
            DeformConv2d(inputs, outputs) if deformable else nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, outputs, H, W)``."""
        out: Tensor = self.actf(self.conv(x))
        return out


def bilinear_kernel(size: int) -> Tensor:
    """Return the ``(size, size)`` kernel with which a transposed convolution of stride ``size // 2`` interpolates."""
    half = (size + 1) // 2
    centre = (2 * half - 1 - half % 2) / (2 * half)
    line = 1 - (torch.arange(size) / half - centre).abs()
    return line[:, None] * line[None]
