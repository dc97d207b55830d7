"""What describes one network: its layers, its anchors, its rule of selection; and how large its maps are.

Needs no torch. What each dialect fills in stands in `trackforge_ssd.variants`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["UNLIMITED", "VGG_STAGES", "Base", "Dialect", "Extra", "Level", "Rule", "Variant", "map_sizes"]

Dialect: TypeAlias = Literal["sagemaker", "gluoncv", "torchvision"]
Base: TypeAlias = Literal["vgg16", "resnet50"]
UNLIMITED = 1 << 30
"""As many candidates as there are."""
VGG_STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Convolutions and channels of VGG-16's five stages."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """Two convolutions after the backbone, 1x1 and 3x3 or so, which make the next smaller map."""

    squeeze: int
    channels: int
    kernel: int = 3
    stride: int
    padding: int


@dataclass(frozen=True, kw_only=True)
class Level:
    """The anchors of one map.

    Attributes:
        sizes: Side of the small square, and of the large one; in pixels for gluoncv, else parts of the input.
        ratios: Width to height of the others, the first being 1.
        step: From one centre to the next, down and across; parts of the input for sagemaker, where None spreads them
            evenly, else pixels.
    """

    sizes: tuple[float, ...]
    ratios: tuple[float, ...]
    step: tuple[float, float] | None = None

    @property
    def count(self) -> int:
        """Anchors at one place."""
        return len(self.sizes) + len(self.ratios) - 1


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which anchors become detections.

    Attributes:
        best_class: An anchor stands for its best class only; else for every class by itself.
        score: Least score; must be reached where ``best_class``, exceeded elsewhere.
        limit: IoU from which the lesser box of a class goes.
        inclusive: Whether an IoU of just ``limit`` is too much.
        candidates: Most boxes, best first, that are compared with each other.
        per_class: Whether ``candidates`` is for each class.
        most: Most detections a picture; None is no limit.
        clip: Whether boxes end at the border of the input.
        class_agnostic: Whether boxes of different classes suppress each other.
    """

    best_class: bool = False
    score: float = 0.01
    limit: float = 0.45
    inclusive: bool = False
    candidates: int = 400
    per_class: bool = False
    most: int | None = None
    clip: bool = False
    class_agnostic: bool = False


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One network.

    Attributes:
        name: What users write, e.g. ``"sagemaker-vgg16-300"``.
        dialect: Whose weights it takes.
        base: Backbone.
        size: Height and width of the input in pixels.
        divisor: What the channels of every layer but the last are divided by; 1 is the published network.
        extras: The layers after the backbone.
        levels: The anchors, map by map.
        rule: Which anchors become detections.
        ceil_pools: Which of VGG-16's first four pools round sizes up.
        norm_epsilon: Keeps the norm of conv4_3's features from being nothing.
        classes: Names that the published weights have, or none.
    """

    name: str
    dialect: Dialect
    base: Base
    size: int
    divisor: int = 1
    extras: tuple[Extra, ...]
    levels: tuple[Level, ...]
    rule: Rule
    ceil_pools: frozenset[int] = frozenset()
    norm_epsilon: float = 1e-10
    classes: tuple[str, ...] = ()

    def narrowed(self, channels: int) -> int:
        """Return that many channels over the divisor."""
        return channels // self.divisor

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each map that is looked at."""
        base = (512, 1024) if self.base == "vgg16" else (1024, 2048)
        return (*(self.narrowed(c) for c in base), *(extra.channels for extra in self.extras))


def map_sizes(v: Variant, size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Return height and width of each map that is looked at, for an input ``(height, width)``; fewer if it is small."""

    def conv(n: int, kernel: int, stride: int, padding: int, *, up: bool = False) -> int:
        over = n + 2 * padding - kernel
        return (-(-over // stride) if up else over // stride) + 1

    def first(n: int) -> tuple[int, int]:
        if v.base == "vgg16":
            pooled = [n := conv(n, 2, 2, 0, up=pool in v.ceil_pools) for pool in (1, 2, 3, 4)]
            return pooled[2], pooled[3]
        n = conv(conv(conv(n, 7, 2, 3), 3, 2, 1), 1, 2, 0)
        return conv(n, 1, 2, 0), conv(conv(n, 1, 2, 0), 1, 2, 0)

    axes = []
    for n in size:
        sides = list(first(n))
        for extra in v.extras:
            sides.append(conv(sides[-1], extra.kernel, extra.stride, extra.padding))
        axes.append(sides)
    return tuple((h, w) for h, w in zip(*axes, strict=True) if h > 0 and w > 0)
