"""ResNet-50 without its end, in the two versions that SSD was trained on.

Version 1 (GluonCV) normalises after each convolution, strides in the first 1x1 convolution of a stage, and its 1x1
convolutions have a bias though a norm follows, as MXNet's model zoo has it. Version 2 (SageMaker) normalises before,
strides in the 3x3 convolution, and the two maps that are looked at are sums that no norm has seen yet.

Source: He et al., "Deep Residual Learning", CVPR 2016; He et al., "Identity Mappings in Deep Residual Networks", ECCV
2016 (version 2).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from trackforge_ssd.layers import activated, convolve
from trackforge_ssd.layout import Variant

__all__ = ["BLOCKS", "FixedGainNorm", "ResNetV1", "ResNetV2"]

BLOCKS = (3, 4, 6, 3)
"""Blocks of each stage."""
V1_EPSILON, V2_EPSILON = 1e-5, 2e-5


class FixedGainNorm(nn.Module):
    """Batch norm whose gain is 1 whatever is stored (MXNet's ``fix_gamma``); the stored one is kept, for export."""

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.weight: Tensor
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.eps = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape ``(B, channels, H, W)``."""
        return functional.batch_norm(
            x, self.running_mean, self.running_var, None, self.bias, self.training, momentum=0.1, eps=self.eps
        )


class _BlockV1(nn.Module):
    FOLDS = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"), ("shortcut", "bn_shortcut"))

    def __init__(self, inputs: int, outputs: int, stride: int, *, shortcut: bool) -> None:
        super().__init__()
        middle = outputs // 4
        self.conv1 = nn.Conv2d(inputs, middle, 1, stride)
        self.bn1: nn.Module = nn.BatchNorm2d(middle, eps=V1_EPSILON)
        self.conv2 = nn.Conv2d(middle, middle, 3, padding=1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(middle, eps=V1_EPSILON)
        self.conv3 = nn.Conv2d(middle, outputs, 1)
        self.bn3: nn.Module = nn.BatchNorm2d(outputs, eps=V1_EPSILON)
        if shortcut:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.bn_shortcut: nn.Module = nn.BatchNorm2d(outputs, eps=V1_EPSILON)
        self._shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        around = convolve(self.shortcut, x, self.bn_shortcut, relu=False) if self._shortcut else x
        y = convolve(self.conv2, convolve(self.conv1, x, self.bn1), self.bn2)
        return convolve(self.conv3, y, self.bn3, add=around)


class _BlockV2(nn.Module):
    FOLDS = (("conv1", "bn2"), ("conv2", "bn3"))
    PRENORM = ("bn1", ("conv1", "shortcut"))

    def __init__(self, inputs: int, outputs: int, stride: int, *, shortcut: bool) -> None:
        super().__init__()
        middle = outputs // 4
        self.bn1: nn.Module = nn.BatchNorm2d(inputs, eps=V2_EPSILON)
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(middle, eps=V2_EPSILON)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, padding=1, bias=False)
        self.bn3: nn.Module = nn.BatchNorm2d(middle, eps=V2_EPSILON)
        self.conv3 = nn.Conv2d(middle, outputs, 1, bias=False)
        if shortcut:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self._shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = activated(self.bn1, x)
        around = convolve(self.shortcut, y, relu=False) if self._shortcut else x
        y = convolve(self.conv2, convolve(self.conv1, y, self.bn2), self.bn3)
        return convolve(self.conv3, y, add=around, relu=False)


def _stages(block: type[nn.Module], v: Variant) -> nn.ModuleList:
    inputs, stages = v.narrowed(64), []
    for stage, count in enumerate(BLOCKS):
        outputs = v.narrowed(256) << stage
        blocks = []
        for number in range(count):
            stride = 2 if stage and not number else 1
            blocks.append(block(inputs, outputs, stride, shortcut=number == 0))
            inputs = outputs
        stages.append(nn.Sequential(*blocks))
    return nn.ModuleList(stages)


class ResNetV1(nn.Module):
    """Version 1: the third and the fourth stage, after their activation."""

    FOLDS = (("conv0", "bn0"),)

    def __init__(self, v: Variant) -> None:
        super().__init__()
        channels = v.narrowed(64)
        self.conv0 = nn.Conv2d(3, channels, 7, 2, padding=3, bias=False)
        self.bn0: nn.Module = nn.BatchNorm2d(channels, eps=V1_EPSILON)
        self.stages = _stages(_BlockV1, v)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map images ``(B, 3, H, W)`` to features of a sixteenth and a thirty-second of their size."""
        x = functional.max_pool2d(convolve(self.conv0, x, self.bn0), 3, 2, padding=1)
        third = self.stages[2](self.stages[1](self.stages[0](x)))
        return third, self.stages[3](third)


class ResNetV2(nn.Module):
    """Version 2: the third and the fourth stage, before any norm."""

    FOLDS = (("conv0", "bn0"),)

    def __init__(self, v: Variant) -> None:
        super().__init__()
        channels = v.narrowed(64)
        self.bn_data = FixedGainNorm(3, V2_EPSILON)
        self.conv0 = nn.Conv2d(3, channels, 7, 2, padding=3, bias=False)
        self.bn0: nn.Module = nn.BatchNorm2d(channels, eps=V2_EPSILON)
        self.stages = _stages(_BlockV2, v)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map images ``(B, 3, H, W)`` to features of a sixteenth and a thirty-second of their size."""
        x = convolve(self.conv0, self.bn_data(x), self.bn0)
        x = functional.max_pool2d(x, 3, 2, padding=1)
        third = self.stages[2](self.stages[1](self.stages[0](x)))
        return third, self.stages[3](third)
