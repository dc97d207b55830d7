"""What is written down: losses of steps and epochs, scores, the figure, and the lines of the log."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import lightning.pytorch as pl

from trackforge.errors import SinkError
from trackforge.training.history import History
from trackforge.training.scores import Score, metric_line
from trackforge.training.settings import FitSettings

__all__ = ["Recording", "Watcher"]

log = logging.getLogger(__name__)
PLOT_EVERY = 20
"""Seconds between two drawings of the same figure, which takes a part of one."""
Watcher: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Is told of every epoch, on the first process: ``epoch``, ``epochs``, ``step``, ``loss`` and its terms, ``seconds``,
scores by name; and losses and scores with their directions as ``scores``, a tuple of `trackforge.training.Score`. Epoch
0 is the start, whose losses of training are NaN."""


class Recording(pl.Callback):
    """Keeps the tables, the figure and TensorBoard's log, and adds up the losses of the epoch.

    Args:
        settings: Of the run.
        out: Folder of the run.
        scores: All that will be scored.
        watch: Is told of every epoch.
    """

    state_key = "losses"

    def __init__(
        self, settings: FitSettings, out: Path, scores: Sequence[Score], *, watch: Watcher | None = None
    ) -> None:
        self.settings, self.out, self.scores, self.watch = settings, out, scores, watch
        self._sums: dict[str, float] = {}
        self._steps = 0
        self._history: History | None = None
        self._began = self._plotted = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return the losses of the epoch so far."""
        return {"sums": dict(self._sums), "steps": self._steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue."""
        self._sums, self._steps = dict(state_dict["sums"]), int(state_dict["steps"])

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Open the tables."""
        self.open(trainer)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Write down a whole step."""
        reduced = pl_module.reduced
        if reduced is None or (batch_idx + 1) % self.settings.accumulate:
            return
        step = trainer.global_step
        values = {"loss": reduced.total, **reduced.terms}
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in values.items()}
        self._steps += 1
        if self._history is not None and (step % self.settings.log_every == 0 or step == 1):
            rate = float(trainer.optimizers[0].param_groups[0]["lr"])
            epoch = (step - 1) // pl_module.plan.steps_per_epoch + 1
            self._history.step({"step": step, "epoch": epoch, "lr": rate, **values})
        if self.settings.progress:
            pl_module.log("loss", reduced.total, prog_bar=True, batch_size=1)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Close the tables."""
        self.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        """Close the tables; what went wrong matters more than what that makes of the figure."""
        with contextlib.suppress(SinkError):
            self.close()

    # ---- what Rounds asks for

    def mean_losses(self) -> dict[str, float]:
        """Return loss and terms, mean over the steps of the epoch so far."""
        return {"loss": 0.0, **{name: value / max(self._steps, 1) for name, value in self._sums.items()}}

    def begin_epoch(self) -> None:
        """Forget the losses of the last one."""
        self._sums, self._steps = {}, 0

    def write_epoch(self, trainer: Any, row: Mapping[str, float], scores: Sequence[Score], epochs: int) -> None:
        """Write down an epoch in all places, and tell the module."""
        log.info("%s", metric_line({"epoch": row["epoch"], "epochs": epochs, **row}))
        if self._history is not None:
            self._history.epoch(row)
            if time.monotonic() - self._plotted > PLOT_EVERY:
                self._history.plot()
                self._plotted = time.monotonic()
        if self.watch is not None and trainer.is_global_zero:
            seconds = time.monotonic() - self._began
            unknown = {score.name: math.nan for score in self.scores if score.unit == "loss"}  # of epoch 0
            self.watch({**unknown, **row, "epochs": epochs, "seconds": seconds, "scores": tuple(scores)})
        if trainer.is_global_zero:
            trainer.lightning_module.epoch_ended(row)

    def open(self, trainer: Any) -> None:
        """Open the tables on the first process, unless they are."""
        if trainer.is_global_zero and self._history is None:
            self._history = History(
                self.out, until=trainer.global_step, tensorboard=self.settings.tensorboard, scores=self.scores
            )

    def close(self) -> None:
        """Draw the figure and close the tables."""
        if self._history is not None:
            self._history.plot()
            self._history.close()
            self._history = None
