"""VGG-16 as SSD uses it: the fully connected layers made convolutions, the sixth of them dilated, no last pooling.

Layers bear the names of the paper's own (caffe) network, ``conv1_1`` to ``conv5_3``, ``fc6`` and ``fc7``, which are
also MXNet's.

Source: Simonyan and Zisserman, arXiv 1409.1556; Liu et al., "SSD", ECCV 2016, section 3; Liu et al., "ParseNet",
arXiv 1506.04579 (the scaled norm of conv4_3).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from trackforge_ssd.layers import convolve
from trackforge_ssd.layout import VGG_STAGES, Variant

__all__ = ["ScaledNorm", "Vgg16"]

SCALE = 20.0
"""What the norm of conv4_3 is scaled by at the beginning."""
INPUT_SCALE = (255 * 0.229, 255 * 0.224, 255 * 0.225)
"""What GluonCV's input is multiplied by, so that weights of caffe fit a picture normalised by ImageNet's deviation."""


class ScaledNorm(nn.Module):
    """Features over their length at each place, times one learned number a channel.

    Args:
        channels: Number of channels.
        epsilon: Keeps the length from being nothing.
        inside: Whether ``epsilon`` is added to the square (MXNet) or is the least length (torchvision).
    """

    def __init__(self, channels: int, epsilon: float, *, inside: bool) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), SCALE))
        self.epsilon = epsilon
        self.inside = inside

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape ``(B, channels, H, W)``."""
        squares = (x * x).sum(dim=1, keepdim=True)
        length = (squares + self.epsilon).sqrt() if self.inside else squares.sqrt().clamp(min=self.epsilon)
        return x / length * self.scale[None, :, None, None]


class Vgg16(nn.Module):
    """The backbone: conv4_3's features, normalised, and fc7's.

    Args:
        v: Says channels, which pools round up, how the norm is taken.
    """

    def __init__(self, v: Variant) -> None:
        super().__init__()
        inputs = 3
        for stage, (count, channels) in enumerate(VGG_STAGES, start=1):
            for number in range(1, count + 1):
                outputs = v.narrowed(channels)
                self.add_module(f"conv{stage}_{number}", nn.Conv2d(inputs, outputs, 3, padding=1))
                inputs = outputs
        wide = v.narrowed(1024)
        self.fc6 = nn.Conv2d(inputs, wide, 3, padding=6, dilation=6)
        self.fc7 = nn.Conv2d(wide, wide, 1)
        self.norm = ScaledNorm(v.narrowed(512), v.norm_epsilon, inside=v.dialect != "torchvision")
        self.input_scale: Tensor | None
        scale = torch.tensor(INPUT_SCALE) if v.dialect == "gluoncv" else None
        self.register_buffer("input_scale", scale)
        self._ceil = v.ceil_pools

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map images ``(B, 3, H, W)`` to features of about an eighth and a sixteenth of their size."""
        if self.input_scale is not None:
            x = x * self.input_scale[None, :, None, None]
        fourth = x
        for stage, (count, _) in enumerate(VGG_STAGES, start=1):
            for number in range(1, count + 1):
                x = convolve(self.get_submodule(f"conv{stage}_{number}"), x)
            if stage == 4:
                fourth = self.norm(x)
            if stage < 5:
                x = functional.max_pool2d(x, 2, 2, ceil_mode=stage in self._ceil)
        x = functional.max_pool2d(x, 3, 1, padding=1)
        return fourth, convolve(self.fc7, convolve(self.fc6, x))
