"""The average of the weights takes in every step."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl

from trackforge.training.averaging import WeightAverage
from trackforge.training.settings import FitSettings

__all__ = ["Averaging"]


class Averaging(pl.Callback):
    """Keeps the moving average; first of the callbacks, so that all others find it up to date.

    Attributes:
        average: The average.
    """

    state_key = "average"

    def __init__(self, settings: FitSettings) -> None:
        self.average = WeightAverage(settings.ema_decay, settings.ema_ramp)
        self._pieces = settings.accumulate

    def state_dict(self) -> dict[str, Any]:
        """Return the average."""
        return self.average.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue."""
        self.average.load_state_dict(state_dict)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Take in a whole step."""
        if (batch_idx + 1) % self._pieces == 0:
            self.average.update(pl_module.model)
