"""Tells whoever watches how far the run is."""

from __future__ import annotations

import time
from typing import Any, Literal

import lightning.pytorch as pl

from trackforge.training.plan import Plan
from trackforge.training.progress import Progress, Teller
from trackforge.training.settings import FitSettings

__all__ = ["Telling"]


class Telling(pl.Callback):
    """Tells after every step and every batch of a validation; a run that nobody watches loses no time to it.

    Args:
        settings: Of the run.
        plan: The run.
        tell: Who is told, or None.
    """

    def __init__(self, settings: FitSettings, plan: Plan, tell: Teller | None) -> None:
        self.plan, self.pieces, self.tell = plan, settings.accumulate, tell
        whole = plan.epochs * plan.steps_per_epoch
        self.steps = min(whole, settings.max_steps) if settings.max_steps else whole
        self._began, self._before, self._epoch = 0.0, 0, 0

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Start the clock with the first step of this call; a run resumed in mid-epoch starts no epoch."""
        if not self._began:
            self._began, self._before = time.monotonic(), int(trainer.global_step)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Tell of a whole step."""
        reduced, step = pl_module.reduced, int(trainer.global_step)
        self._epoch = (step - 1) // self.plan.steps_per_epoch + 1
        if self.tell is None or reduced is None or (batch_idx + 1) % self.pieces or not trainer.is_global_zero:
            return
        mean = (time.monotonic() - self._began) / max(step - self._before, 1)
        now = Progress(
            stage="training",
            done=step,
            total=self.steps,
            epoch=self._epoch,
            epochs=self.plan.epochs,
            loss=float(reduced.total),
            terms={name: float(value) for name, value in reduced.terms.items()},
            epoch_steps=self.plan.steps_per_epoch,
            rate=float(trainer.optimizers[0].param_groups[0]["lr"]),
            left=mean * (self.steps - step),
            step_time=mean,
        )
        self.tell(now)

    def pictures(self, stage: Literal["start", "validating"], done: int, total: int) -> None:
        """Tell of a validation."""
        if self.tell is not None:
            self.tell(Progress(stage=stage, done=done, total=total, epoch=self._epoch, epochs=self.plan.epochs))
