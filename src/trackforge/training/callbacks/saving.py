"""Checkpoints and the one-file result."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl

from trackforge.errors import TrainingError
from trackforge.training.averaging import all_finite
from trackforge.training.callbacks.averaging import Averaging
from trackforge.training.callbacks.signals import Signals
from trackforge.training.checkpoints import ADVICE, FREEDOM, HEADER, VERSION, changes, count_in_pieces, save_atomically
from trackforge.training.provenance import PIECES, freedom
from trackforge.training.settings import FitSettings

if TYPE_CHECKING:
    from trackforge.training.module import TrainingModule

__all__ = ["Saving"]

log = logging.getLogger(__name__)


class Saving(pl.Callback):
    """Saves when a signal stops the run and every few steps within an epoch; `Rounds` has it save at their end.

    Args:
        settings: Of the run.
        out: Folder of the run.
        averaging: Whose average is checked, like the weights, before it is saved.
        signals: Tells that the run stops.
        header: What a checkpoint says about the run that it is of.
        provenance: What a bundle says about it.

    Attributes:
        owed: Whether the run has come further than its last checkpoint, without a step.
    """

    def __init__(
        self,
        settings: FitSettings,
        out: Path,
        averaging: Averaging,
        signals: Signals,
        *,
        header: Mapping[str, Any],
        provenance: Mapping[str, Any],
    ) -> None:
        self.out, self.averaging, self.signals = out, averaging, signals
        self.every, self.freedom = settings.checkpoint_steps, freedom(settings)
        self.header, self.provenance = dict(header), dict(provenance)
        self.owed = False

    @property
    def model_path(self) -> Path:
        """Where the bundle stands."""
        return self.out / "model.pth"

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:  # noqa: ARG002
        """Say which run the checkpoint is of; the number of pieces where it decides the course."""
        header = {name: value for name, value in self.header.items() if name != PIECES or pl_module.window.by_name}
        checkpoint[HEADER] = {"version": VERSION, **header}
        checkpoint[FREEDOM] = self.freedom

    def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Say what the run goes on with that it did not begin with."""
        other = changes(checkpoint.get(FREEDOM, self.freedom), self.freedom)
        if other and trainer.is_global_zero:
            log.info("going on with other settings; the checkpoint was made with %s", other)
        pl_module.window.by_name = PIECES in checkpoint[HEADER]
        count_in_pieces(checkpoint, trainer.accumulate_grad_batches)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Save after a whole step, where it is time; what ends an epoch is saved after its validation."""
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        step = trainer.global_step
        within = step % pl_module.plan.steps_per_epoch != 0 and step != trainer.max_steps
        if self.signals.stopping or (self.every and step % self.every == 0 and within):
            self.checkpoint(trainer, pl_module, "last")

    def checkpoint(self, trainer: Any, module: TrainingModule, name: str) -> None:
        """Save a checkpoint, unless what it would hold is broken.

        Raises:
            TrainingError: A weight is no longer a number.
            SinkError: The place cannot be written to, or is full.
        """
        if not (all_finite(module.parameters()) and self.averaging.average.finite()):
            raise TrainingError(
                f"Every weight must be finite; after step {trainer.global_step} some are not. The last checkpoint is "
                f"intact. {ADVICE}"
            )
        trainer.save_checkpoint(self.out / "checkpoints" / f"{name}.ckpt")
        self.owed = self.owed and name != "last"

    def bundle(self, trainer: Any, module: TrainingModule, row: Mapping[str, float]) -> None:
        """Write the one-file result; the average is in place."""
        if trainer.is_global_zero:
            plain = {name: (None if math.isnan(value) else float(value)) for name, value in row.items()}
            save_atomically({**module.bundle(), "training": {**self.provenance, "scores": plain}}, self.model_path)
