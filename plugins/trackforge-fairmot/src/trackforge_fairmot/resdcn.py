"""Residual networks with three steps of deformable and transposed convolutions up to a quarter of the size.

Two ways up: one after another (`ResDCN`), or joined with the backbone's maps of the same sizes (`ResFPN`).

Source: Xiao, Wu, Wei, "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018; Zhou, Wang, Kraehenbuehl,
"Objects as Points", arXiv 1904.07850 (xingyizhou/CenterNet, MIT); Lin et al., "Feature Pyramid Networks", CVPR 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from trackforge_fairmot.blocks import BasicBlock, Bottleneck, NormedConv, conv_norm
from trackforge_fairmot.deform import DeformConv2d

__all__ = ["ResDCN", "ResFPN", "stage"]

STAGES = (64, 128, 256, 512)
UP = (256, 128, 64)
"""Channels of the three steps up."""
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


def stage(
    block: type[BasicBlock] | type[Bottleneck],
    inputs: int,
    width: int,
    count: int,
    stride: int = 1,
    *,
    momentum: float = 0.1,
) -> nn.Sequential:
    """Make ``count`` blocks, the first of which changes size and channels."""
    outputs = width * block.expansion
    downsample = None
    if stride != 1 or inputs != outputs:
        downsample = conv_norm(inputs, outputs, 1, stride, relu=False, momentum=momentum)
    first = block(inputs, width, stride, downsample=downsample, momentum=momentum)
    return nn.Sequential(first, *(block(outputs, width, momentum=momentum) for _ in range(count - 1)))


def _backbone(layers: int) -> tuple[dict[str, nn.Module], list[int]]:
    """Make the parts of a residual network, and say how many channels its four stages give."""
    block: type[BasicBlock] | type[Bottleneck] = Bottleneck if layers >= 50 else BasicBlock
    parts: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, STAGES[0], 7, 2, 3, bias=False),
        "bn1": nn.BatchNorm2d(STAGES[0]),
    }
    inputs, channels = STAGES[0], []
    for i, (width, count) in enumerate(zip(STAGES, BLOCKS[layers], strict=True), start=1):
        parts[f"layer{i}"] = stage(block, inputs, width, count, 1 if i == 1 else 2)
        inputs = width * block.expansion
        channels.append(inputs)
    for part in parts.values():
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return parts, channels


def _stages(parts: dict[str, nn.Module], images: Tensor) -> list[Tensor]:
    """Map ``(B, 3, H, W)`` to the outputs of the four stages, at 1/4, 1/8, 1/16 and 1/32 of the size."""
    x = functional.relu(parts["bn1"](parts["conv1"](images)), inplace=True)
    x = functional.max_pool2d(x, 3, 2, 1)
    maps = []
    for i in range(1, 5):
        x = parts[f"layer{i}"](x)
        maps.append(x)
    return maps


def _step_up(inputs: int, outputs: int) -> list[nn.Module]:
    """Make a deformable convolution and one that doubles the size."""
    return [
        DeformConv2d(inputs, outputs),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(outputs, outputs, 4, 2, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


@dataclass(frozen=True)
class ResDCN:
    """The plain way up.

    Attributes:
        layers: 18, 34 or 50.
    """

    layers: int
    channels = UP[-1]

    def parts(self) -> dict[str, nn.Module]:
        """Make the backbone and the steps up, which are one sequence."""
        parts, channels = _backbone(self.layers)
        sizes = zip((channels[-1], *UP), UP, strict=False)
        parts["deconv_layers"] = nn.Sequential(*(layer for i, o in sizes for layer in _step_up(i, o)))
        return parts

    def features(self, parts: dict[str, nn.Module], images: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to ``(B, 64, H / 4, W / 4)``; H and W are multiples of 32."""
        features: Tensor = parts["deconv_layers"](_stages(parts, images)[-1])
        return features


@dataclass(frozen=True)
class ResFPN:
    """The way up with the backbone's map of the same size added, projected, after each step.

    Attributes:
        layers: 18, 34 or 50.
    """

    layers: int
    channels = UP[-1]

    def parts(self) -> dict[str, nn.Module]:
        """Make the backbone, the steps up, the smoothing after and the projections before each sum."""
        parts, channels = _backbone(self.layers)
        for i, (inputs, outputs) in enumerate(zip((channels[-1], *UP), UP, strict=False), start=1):
            parts[f"deconv_layer{i}"] = nn.Sequential(*_step_up(inputs, outputs))
        for i, outputs in enumerate(UP, start=1):
            parts[f"smooth_layer{i}"] = NormedConv(outputs, outputs)
        for i, (inputs, outputs) in enumerate(zip(channels[2::-1], UP, strict=True), start=1):
            parts[f"project_layer{i}"] = NormedConv(inputs, outputs)
        return parts

    def features(self, parts: dict[str, nn.Module], images: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to ``(B, 64, H / 4, W / 4)``; H and W are multiples of 32."""
        *finer, x = _stages(parts, images)
        for i, beside in enumerate(reversed(finer), start=1):
            x = parts[f"smooth_layer{i}"](parts[f"deconv_layer{i}"](x) + parts[f"project_layer{i}"](beside))
        return x
