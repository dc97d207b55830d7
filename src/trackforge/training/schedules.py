"""Learning rates as pure functions of the step: nothing to save, nothing to restore."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Schedule", "Steps", "WarmupCosine"]


class Schedule(Protocol):
    """Gives the factor on every learning rate."""

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """Return the factor for a step, 0-based, counted over all epochs."""


@dataclass(frozen=True, kw_only=True)
class WarmupCosine:
    """Quadratic warm-up from 0, a cosine down to a floor, and the floor to the end.

    Attributes:
        warmup: Epochs of warm-up.
        floor: Factor at the end.
        flat: Last epochs, at the floor.

    Source: YOLOX (Megvii-BaseDetection/YOLOX, Apache-2.0), ``yoloxwarmcos``.
    """

    warmup: float = 5.0
    floor: float = 0.05
    flat: float = 15.0

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """Return the factor for a step."""
        warm, flat, total = self.warmup * steps_per_epoch, self.flat * steps_per_epoch, epochs * steps_per_epoch
        if step < warm:
            return float((step / warm) ** 2)
        if step >= total - flat:
            return self.floor
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm - flat)))


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A drop at each of some epochs, after an optional linear warm-up.

    Attributes:
        drops: Epochs at whose start the rate drops: FairMOT ``(20,)``, SSD ``(80, 160)``.
        by: Factor of each drop.
        warmup: Epochs of linear warm-up from 0.

    Source: FairMOT (MIT), GluonCV SSD (Apache-2.0): the recipes' numbers.
    """

    drops: Sequence[float] = (20.0,)
    by: float = 0.1
    warmup: float = 0.0

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:  # noqa: ARG002 - the drops are absolute
        """Return the factor for a step."""
        warm = self.warmup * steps_per_epoch
        if step < warm:
            return float(step / warm)
        return float(self.by ** sum(step >= drop * steps_per_epoch for drop in self.drops))
