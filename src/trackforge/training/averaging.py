"""The moving average of the weights: what is validated and kept."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from trackforge.errors import StateError

__all__ = ["WeightAverage"]


class WeightAverage:
    """An exponential moving average over all float state of a model, batch norm statistics included.

    After the n-th step the average moves towards the weights by ``1 - decay * (1 - exp(-n / ramp))``: fast at first.

    Args:
        decay: Limit of the decay; 0 keeps the weights themselves.
        ramp: Steps over which the decay rises.

    Source: YOLOX ``ModelEMA`` (Megvii-BaseDetection/YOLOX, Apache-2.0), the formula.
    """

    def __init__(self, decay: float, ramp: float) -> None:
        self.decay, self.ramp = decay, ramp
        self.steps = 0
        self._state: dict[str, Tensor] = {}

    def decay_at(self, steps: int) -> float:
        """Return the decay that the given step, counted from 1, uses."""
        return self.decay * (1 - math.exp(-steps / self.ramp))

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the weights after one more step."""
        if not self.decay:
            return
        now = model.state_dict()
        self._prepare(now)
        self.steps += 1
        floats = [name for name, value in now.items() if value.is_floating_point()]
        # one call for all of them: a model has hundreds of tensors
        torch._foreach_lerp_([self._state[n] for n in floats], [now[n] for n in floats], 1 - self.decay_at(self.steps))
        for name, value in now.items():
            if not value.is_floating_point():
                self._state[name].copy_(value)

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Put the average in the model's place for the time of the block; what stood there comes back bit by bit."""
        if not self._state:
            yield
            return
        now = model.state_dict()
        self._prepare(now)
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            for value in self._state.values():  # batch norm statistics may differ between processes
                dist.broadcast(value, 0)
        kept = {name: value.clone() for name, value in now.items()}
        with torch.no_grad():
            for name, value in now.items():
                value.copy_(self._state[name])
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in now.items():
                    value.copy_(kept[name])

    def finite(self) -> bool:
        """Whether every number of the average is one."""
        return all_finite(self._state.values())

    def state_dict(self) -> dict[str, Any]:
        """Return the average and its age."""
        return {"steps": self.steps, "state": dict(self._state)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.steps = int(state["steps"])
        self._state = {name: value.clone() for name, value in state["state"].items()}

    def _prepare(self, now: dict[str, Tensor]) -> None:
        """Start from the given weights, or check that what was loaded fits them, and be on their device."""
        if not self._state:
            self._state = {name: value.detach().clone() for name, value in now.items()}
            return
        for name, value in now.items():
            mine = self._state.get(name)
            if mine is None or mine.shape != value.shape:
                raise StateError(f"The averaged weights must be of this model; {name} differs. Start anew elsewhere.")
            if mine.device != value.device:
                self._state[name] = mine.to(value.device)


def all_finite(values: Any) -> bool:
    """Whether every number of some tensors is finite; waits for the device once."""
    floats = [v for v in values if v.is_floating_point() and v.numel()]
    if not floats:
        return True
    return bool(torch.isfinite(torch.stack([n.float() for n in torch._foreach_norm(floats, float("inf"))])).all())
