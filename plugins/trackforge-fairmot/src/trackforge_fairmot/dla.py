"""DLA-34: deep layer aggregation, with the upsampling that CenterNet gave it, deformable or not.

A tree of residual blocks joins features of all depths of a stage; on the way up, each resolution is merged with the
next finer one again and again. Features come out at a quarter of the size.

Eight parameters of the official checkpoints do nothing: the classifier that the backbone was pretrained with
(``base.fc``), and the projections of the two trees of two levels, whose output nobody reads. They are kept, so that
files load and are written strictly, and they are frozen, so that several processes can train without looking for unused
ones.

Source: Yu, Wang, Shelhamer, Darrell, "Deep Layer Aggregation", CVPR 2018; Zhou, Wang, Kraehenbuehl, "Objects as
Points", arXiv 1904.07850 (xingyizhou/CenterNet, MIT).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trackforge_fairmot.blocks import BasicBlock, NormedConv, bilinear_kernel, conv_norm

__all__ = ["DLA34", "AggregatingUp", "IterativeUp", "Root", "Tree"]

CHANNELS = (16, 32, 64, 128, 256, 512)
"""Of the six levels, the first at full size, each further one at half the size of the one before."""
FIRST, LAST = 2, 5
"""Levels: features come out at the size of the first; the last, coarsest one is used for them by its mergers only."""
IMAGENET_CLASSES = 1000


class Root(nn.Module):
    """Joins the outputs of a tree by a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, branches: Sequence[Tensor]) -> Tensor:
        """Map ``(B, c, H, W)`` each, the channels adding up to ``inputs``, to ``(B, outputs, H, W)``."""
        return functional.relu(self.bn(self.conv(torch.cat(tuple(branches), 1))), inplace=True)


class Tree(nn.Module):
    """A stage: two blocks and their root, or two trees.

    Args:
        levels: 1 for two blocks; n > 1 for two trees of n - 1 levels.
        inputs: Channels of the input.
        outputs: Channels of the output.
        stride: Of the first block.
        with_input: Whether the input of the stage, pooled, goes to the root as well.
        collected: Channels of what earlier parts of the stage hand to the root.
    """

    def __init__(
        self,
        levels: int,
        inputs: int,
        outputs: int,
        stride: int = 1,
        *,
        with_input: bool = False,
        collected: int = 0,
    ) -> None:
        super().__init__()
        if with_input:
            collected += inputs
        if levels == 1:
            self.tree1: nn.Module = BasicBlock(inputs, outputs, stride)
            self.tree2: nn.Module = BasicBlock(outputs, outputs)
            self.root = Root(2 * outputs + collected, outputs)
        else:
            self.tree1 = Tree(levels - 1, inputs, outputs, stride)
            self.tree2 = Tree(levels - 1, outputs, outputs, collected=collected + outputs)
        self.levels, self.stride, self.with_input = levels, stride, with_input
        self.project = conv_norm(inputs, outputs, 1, relu=False) if inputs != outputs else None
        if levels > 1 and self.project is not None:
            self.project.requires_grad_(False)  # nobody reads its output

    def forward(self, x: Tensor, collected: Sequence[Tensor] = ()) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, outputs, H / stride, W / stride)``.

        Args:
            x: The input.
            collected: What earlier parts of the stage hand to the root, at the size of the output.
        """
        pooled = functional.max_pool2d(x, self.stride) if self.stride > 1 else x
        if self.with_input:
            collected = (*collected, pooled)
        out: Tensor
        if self.levels == 1:
            first = self.tree1(x, pooled if self.project is None else self.project(pooled))
            out = self.root((self.tree2(first), first, *collected))
        else:
            first = self.tree1(x)
            out = self.tree2(first, (*collected, first))
        return out


class Base(nn.Module):
    """DLA-34 without its pooling: images to features at six sizes."""

    def __init__(self) -> None:
        super().__init__()
        c = CHANNELS
        self.base_layer = conv_norm(3, c[0], 7)
        self.level0 = conv_norm(c[0], c[0])
        self.level1 = conv_norm(c[0], c[1], stride=2)
        self.level2 = Tree(1, c[1], c[2], 2)
        self.level3 = Tree(2, c[2], c[3], 2, with_input=True)
        self.level4 = Tree(2, c[3], c[4], 2, with_input=True)
        self.level5 = Tree(1, c[4], c[5], 2, with_input=True)
        self.fc = nn.Conv2d(c[5], IMAGENET_CLASSES, 1).requires_grad_(False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map ``(B, 3, H, W)`` to six maps ``(B, CHANNELS[i], H / 2^i, W / 2^i)``."""
        levels = []
        x = self.base_layer(images)
        for i in range(len(CHANNELS)):
            x = self.get_submodule(f"level{i}")(x)
            levels.append(x)
        return levels


class IterativeUp(nn.Module):
    """Merges coarser maps into the finest one, one after another.

    Args:
        outputs: Channels of every merged map.
        inputs: Channels of the maps, finest first.
        factors: By how much each is enlarged; the first is 1.
        deformable: Whether its convolutions are.
    """

    def __init__(self, outputs: int, inputs: Sequence[int], factors: Sequence[int], *, deformable: bool) -> None:
        super().__init__()
        for i in range(1, len(inputs)):
            f = factors[i]
            enlarge = nn.ConvTranspose2d(outputs, outputs, 2 * f, f, f // 2, groups=outputs, bias=False)
            with torch.no_grad():
                enlarge.weight.copy_(bilinear_kernel(2 * f).expand_as(enlarge.weight))
            self.add_module(f"proj_{i}", NormedConv(inputs[i], outputs, deformable=deformable))
            self.add_module(f"up_{i}", enlarge)
            self.add_module(f"node_{i}", NormedConv(outputs, outputs, deformable=deformable))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Map maps, finest first, to as many of the finest size, each with one coarser map merged in more."""
        part = self.get_submodule
        merged = [maps[0]]
        for i in range(1, len(maps)):
            larger = part(f"up_{i}")(part(f"proj_{i}")(maps[i]))
            merged.append(part(f"node_{i}")(larger + merged[-1]))
        return merged


class AggregatingUp(nn.Module):
    """Merges maps from the coarsest to the finest: first the last two, then these with the one before, and so on."""

    def __init__(self, channels: Sequence[int], *, deformable: bool) -> None:
        super().__init__()
        inputs = list(channels)
        scales = [2**i for i in range(len(channels))]
        for step in range(len(channels) - 1):
            j = len(channels) - 2 - step
            factors = [scale // scales[j] for scale in scales[j:]]
            self.add_module(f"ida_{step}", IterativeUp(channels[j], inputs[j:], factors, deformable=deformable))
            scales[j + 1 :] = [scales[j]] * (len(channels) - j - 1)
            inputs[j + 1 :] = [channels[j]] * (len(channels) - j - 1)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Map maps, finest first, to as many with all coarser ones merged in."""
        layers = list(maps)
        out = [layers[-1]]
        for step in range(len(layers) - 1):
            j = len(layers) - 2 - step
            layers[j:] = self.get_submodule(f"ida_{step}")(layers[j:])
            out.insert(0, layers[-1])
        return out


@dataclass(frozen=True)
class DLA34:
    """The body of FairMOT's usual network.

    Attributes:
        deformable: Whether the convolutions on the way up are (``dla_34``), or plain ones (``dlaconv_34``).
    """

    deformable: bool = True
    channels = CHANNELS[FIRST]

    def parts(self) -> dict[str, nn.Module]:
        """Make the backbone and the two ways up."""
        used = CHANNELS[FIRST:]
        steps = range(LAST - FIRST)
        return {
            "base": Base(),
            "dla_up": AggregatingUp(used, deformable=self.deformable),
            "ida_up": IterativeUp(used[0], [used[i] for i in steps], [2**i for i in steps], deformable=self.deformable),
        }

    def features(self, parts: dict[str, nn.Module], images: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to ``(B, 64, H / 4, W / 4)``; H and W are multiples of 32."""
        maps = parts["dla_up"](parts["base"](images)[FIRST:])
        merged: list[Tensor] = parts["ida_up"](maps[: LAST - FIRST])
        return merged[-1]
