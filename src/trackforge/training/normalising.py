"""Losses divided by the normaliser of the global batch: over processes and over accumulated pieces.

Gradients are averaged over processes by DDP and over pieces by Lightning; here both are undone, so that what remains is
the gradient of ``sum of sums / sum of normalisers``. A shared normaliser may depend on predictions (YOLOX assigns while
it trains), so the normaliser of all pieces is known only after the last backward pass: gradients are taken with that of
the first piece and corrected before the step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from trackforge.training.losses import Losses

__all__ = ["Reduced", "Window"]


@dataclass(frozen=True)
class Reduced:
    """Losses of a step so far, over all processes and pieces.

    Attributes:
        total: Weighted sum.
        terms: By name: divided by the normaliser, before weights.
        normalisers: By name.
        broken: Whether one is not finite, on any process.
        broken_here: Whether one is not finite on this process.
    """

    total: float
    terms: Mapping[str, float]
    normalisers: Mapping[str, float]
    broken: bool = False
    broken_here: bool = False


class Window:
    """The pieces of one step of the optimiser.

    Attributes:
        by_name: Whether losses have normalisers by name, so that it matters how many pieces a step has.
    """

    def __init__(self) -> None:
        self.by_name = False
        self._first: dict[str, float] = {}
        self._sums: dict[str, float] = {}
        self._counts: dict[str, float] = {}
        self._factor = 1.0

    def add(self, losses: Losses, *, piece: int, pieces: int, stop: bool = False) -> tuple[Tensor, Reduced, bool]:
        """Take one piece.

        Args:
            losses: Of this process.
            piece: Number of the piece, 0-based.
            pieces: How many there will be.
            stop: Whether this process wants to stop.

        Returns:
            What to call ``backward`` on (Lightning divides it by ``pieces``), the losses so far, and whether any
            process wants to stop.
        """
        names = list(losses.sums)
        shared = not isinstance(losses.normaliser, Mapping)
        self.by_name = not shared
        seen = _reduce(losses, names, stop)
        if piece == 0:
            self._first, self._sums, self._counts = dict(seen.counts), dict.fromkeys(names, 0.0), {}
        for name in names:
            self._sums[name] = self._sums.get(name, 0.0) + seen.sums[name]
            self._counts[name] = self._counts.get(name, 0.0) + seen.counts[name]
        total, world = losses.sums[names[0]].new_zeros(()), _world_size()
        for name, value in losses.sums.items():
            # by name: each piece by its own normaliser, averaged; shared: all by that of the first, corrected later
            divisor = max(self._first[name], losses.least) / pieces if shared else max(seen.counts[name], losses.least)
            total = total + value * losses.weights.get(name, 1.0) * (world / divisor)
        self._factor = 1.0
        if shared and pieces > 1 and piece == pieces - 1:
            name = names[0]
            self._factor = max(self._first[name], losses.least) / max(self._counts[name], losses.least)
        if losses.constant is not None:
            if not shared:
                total = total + losses.constant
            elif piece == pieces - 1:
                total = total + losses.constant * (pieces / self._factor)
        terms = {name: self._sums[name] / max(self._counts[name], losses.least) for name in self._sums}
        loss = sum(seen.weights.get(name, 1.0) * term for name, term in terms.items()) + seen.constant
        return total, Reduced(loss, terms, dict(self._counts), not math.isfinite(loss), seen.broken_here), seen.stop

    def correction(self) -> float:
        """Return the factor that the gradients of all pieces together still need."""
        return self._factor


@dataclass(frozen=True)
class _Seen:
    """One piece over all processes, as plain numbers."""

    sums: dict[str, float]
    counts: dict[str, float]
    weights: dict[str, float]
    constant: float
    stop: bool
    broken_here: bool


def _reduce(losses: Losses, names: list[str], stop: bool) -> _Seen:
    """Add up sums and normalisers over all processes: one message, and one wait for the device."""
    normaliser: Any = losses.normaliser
    of = normaliser if isinstance(normaliser, Mapping) else dict.fromkeys(names, normaliser)
    some = losses.sums[names[0]]
    kind = torch.float32 if some.device.type == "mps" else torch.float64
    same = [*(losses.weights.get(n, 1.0) for n in names), 0.0 if losses.constant is None else losses.constant]
    values = [*(losses.sums[n] for n in names), *(of[n] for n in names), float(stop), *same]
    mine = torch.stack([torch.as_tensor(v, device=some.device).detach().to(kind).reshape(()) for v in values])
    everybody = mine
    world = _world_size()
    if world > 1:
        everybody = mine.clone()
        dist.all_reduce(everybody)
    plain = everybody.tolist()
    k = len(names)
    shared = [value / world for value in plain[2 * k + 1 :]]  # these are the same everywhere
    return _Seen(
        sums=dict(zip(names, plain[:k], strict=True)),
        counts=dict(zip(names, plain[k : 2 * k], strict=True)),
        weights=dict(zip(names, shared[:k], strict=True)),
        constant=shared[k],
        stop=plain[2 * k] > 0,
        broken_here=not all(map(math.isfinite, plain)) and not bool(torch.isfinite(mine).all()),
    )


def _world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
