"""HRNet: branches at four sizes side by side, which exchange features again and again.

The finest branch stays at a quarter of the size throughout. Features are all four branches, enlarged to that size.

Source: Sun, Xiao, Liu, Wang, "Deep High-Resolution Representation Learning", CVPR 2019; Wang et al., TPAMI 2021
(HRNet/HRNet-Image-Classification, MIT).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trackforge_fairmot.blocks import BasicBlock, Bottleneck, conv_norm
from trackforge_fairmot.resdcn import stage

__all__ = ["HRNet"]

STEM = 64
MOMENTUM = 0.01
"""Of the norms in stem and blocks; those of exchanges and transitions have 0.1, as published."""
MODULES = (1, 4, 3)
"""Exchanges of the second, third and fourth stage, which have two, three and four branches."""
BLOCKS = 4
"""Residual blocks of a branch between two exchanges."""


class Exchange(nn.Module):
    """Blocks on every branch, and then a sum of all branches, brought to the size of each.

    Args:
        channels: Of the branches, finest first; each is half the size of the one before.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(stage(BasicBlock, c, c, BLOCKS, momentum=MOMENTUM) for c in channels)
        self.fuse_layers = nn.ModuleList(Fusion(channels, target) for target in range(len(channels)))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Map maps ``(B, channels[i], H / 2^i, W / 2^i)`` to maps of the same shapes."""
        done = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        return [fusion(done) for fusion in self.fuse_layers]


class Fusion(nn.ModuleList):
    """The sum of all branches at the size of one."""

    def __init__(self, channels: Sequence[int], target: int) -> None:
        super().__init__(_between(channels, origin, target) for origin in range(len(channels)))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map one map a branch to ``(B, channels[target], H / 2^target, W / 2^target)``."""
        first, *others = (way(x) for way, x in zip(self, maps, strict=True))
        return functional.relu(sum(others, first))


def _between(channels: Sequence[int], origin: int, target: int) -> nn.Module:
    """Make what brings the map of one branch to the size and channels of another."""
    inputs, outputs = channels[origin], channels[target]
    if origin == target:
        return nn.Identity()
    if origin > target:
        enlarge = nn.Upsample(scale_factor=2 ** (origin - target), mode="nearest")
        return nn.Sequential(*conv_norm(inputs, outputs, 1, relu=False), enlarge)
    steps = target - origin
    halvings = [conv_norm(inputs, inputs, stride=2) for _ in range(steps - 1)]
    return nn.Sequential(*halvings, conv_norm(inputs, outputs, stride=2, relu=False))


class Transition(nn.ModuleList):
    """Leads to the branches of the next stage: the last one is new, and made from the coarsest."""

    def __init__(self, before: Sequence[int], after: Sequence[int]) -> None:
        kept = [
            nn.Identity() if inputs == outputs else conv_norm(inputs, outputs)
            for inputs, outputs in zip(before, after, strict=False)
        ]
        super().__init__([*kept, nn.Sequential(conv_norm(before[-1], after[-1], stride=2))])

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Map one map a branch to one map a branch of the next stage."""
        return [way(x) for way, x in zip(self, (*maps, maps[-1]), strict=True)]


@dataclass(frozen=True)
class HRNet:
    """The body.

    Attributes:
        width: Channels of the finest branch, 18 or 32; each coarser one has twice those of the one before.
    """

    width: int

    @property
    def channels(self) -> int:
        """Channels of the features: those of all branches."""
        return sum(self._widths())

    def _widths(self, branches: int = 4) -> list[int]:
        return [self.width * 2**i for i in range(branches)]

    def parts(self) -> dict[str, nn.Module]:
        """Make the stem, the stages and the transitions between them."""
        parts: dict[str, nn.Module] = {
            "conv1": nn.Conv2d(3, STEM, 3, 2, 1, bias=False),
            "bn1": nn.BatchNorm2d(STEM, momentum=MOMENTUM),
            "conv2": nn.Conv2d(STEM, STEM, 3, 2, 1, bias=False),
            "bn2": nn.BatchNorm2d(STEM, momentum=MOMENTUM),
            "layer1": stage(Bottleneck, STEM, STEM, BLOCKS, momentum=MOMENTUM),
        }
        before = [STEM * Bottleneck.expansion]
        for i, count in enumerate(MODULES, start=1):
            after = self._widths(i + 1)
            parts[f"transition{i}"] = Transition(before, after)
            parts[f"stage{i + 1}"] = nn.Sequential(*(Exchange(after) for _ in range(count)))
            before = after
        for part in parts.values():
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.normal_(module.weight, std=0.001)
        return parts

    def features(self, parts: dict[str, nn.Module], images: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to ``(B, 15 width, H / 4, W / 4)``; H and W are multiples of 32."""
        x = functional.relu(parts["bn1"](parts["conv1"](images)), inplace=True)
        x = functional.relu(parts["bn2"](parts["conv2"](x)), inplace=True)
        maps = [parts["layer1"](x)]
        for i in range(1, len(MODULES) + 1):
            maps = parts[f"stage{i + 1}"](parts[f"transition{i}"](maps))
        finest = maps[0].shape[-2:]
        enlarged = [functional.interpolate(m, size=finest, mode="bilinear", align_corners=False) for m in maps[1:]]
        return torch.cat((maps[0], *enlarged), 1)
