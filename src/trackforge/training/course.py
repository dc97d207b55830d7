"""The course of a run: averaging, logs, validation, checkpoints, stopping. One Lightning callback."""

from __future__ import annotations

import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl

from trackforge.data.grid import show
from trackforge.data.samples import Samples
from trackforge.errors import DataError, SinkError, TrainingError
from trackforge.training.averaging import WeightAverage, all_finite
from trackforge.training.checkpoints import HEADER, VERSION, save_atomically
from trackforge.training.history import History
from trackforge.training.settings import FitSettings
from trackforge.training.validating import Validation, predictions, validate

if TYPE_CHECKING:
    from trackforge.training.module import TrainingModule

__all__ = ["Course", "Watcher"]

log = logging.getLogger(__name__)
PLOT_EVERY = 20
"""Seconds between two drawings of the same figure, which takes a part of one."""
Watcher = Callable[[Mapping[str, Any]], None]
"""Is told of every epoch, on the first process: ``epoch``, ``epochs``, ``step``, ``loss``, ``seconds`` and scores."""


class Course(pl.Callback):
    """What happens between the steps of a run.

    Attributes:
        best: Best score so far and what else was scored then.
        stopped: Why training ended before its last epoch: ``"signal"``, ``"early"``, or empty.
        signal: Number of the signal that came, or 0.
        model_path: The bundle that was written last.
    """

    def __init__(
        self,
        settings: FitSettings,
        out: Path,
        val: Samples | None,
        *,
        header: Mapping[str, Any],
        provenance: Mapping[str, Any],
        watch: Watcher | None = None,
    ) -> None:
        self.settings, self.out, self.val = settings, out, val
        self.header, self.provenance, self.watch = dict(header), dict(provenance), watch
        self.average = WeightAverage(settings.ema_decay, settings.ema_ramp)
        self.best: dict[str, float] = {}
        self.stale = 0
        self.finished = 0
        """Steps at the end of the last epoch that was brought to its end, validation included."""
        self.stopped = ""
        self.signal = 0
        self._loss = [0.0, 0]
        self._unsaved = False
        self._history: History | None = None
        self._handlers: dict[int, Any] = {}
        self._began = self._plotted = time.monotonic()

    @property
    def model_path(self) -> Path:
        """Where the bundle stands."""
        return self.out / "model.pth"

    # ---- what a checkpoint holds

    state_key = "trackforge"

    def state_dict(self) -> dict[str, Any]:
        """Return what Lightning does not know of."""
        return {
            "average": self.average.state_dict(),
            "best": self.best,
            "stale": self.stale,
            "finished": self.finished,
            "loss": list(self._loss),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue."""
        self.average.load_state_dict(state_dict["average"])
        self.best, self.stale = dict(state_dict["best"]), int(state_dict["stale"])
        self.finished, self._loss = int(state_dict["finished"]), list(state_dict["loss"])

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:  # noqa: ARG002
        """Say which run the checkpoint is of."""
        checkpoint[HEADER] = {"version": VERSION, **self.header}

    # ---- Lightning's hooks

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the logs, listen to SIGTERM and Ctrl-C, and make up for an epoch's end that a stop cut off."""
        if threading.current_thread() is threading.main_thread():
            self._handlers = {
                number: signal.signal(number, lambda n, frame: self._ask(pl_module, n, frame))
                for number in (signal.SIGTERM, signal.SIGINT)
            }
        self._open(trainer)
        self.make_up(trainer, pl_module)
        if self.settings.patience and self.stale >= self.settings.patience:
            self.stopped, trainer.should_stop = "early", True

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """After a whole step: average, write down, save, stop."""
        module: TrainingModule = pl_module
        if (batch_idx + 1) % self.settings.accumulate:
            return
        self.average.update(module.model)
        step, last = trainer.global_step, trainer.global_step % module.plan.steps_per_epoch == 0
        reduced = module.reduced
        if reduced is not None:
            self._loss = [self._loss[0] + reduced.total, self._loss[1] + 1]
            if self._history is not None and (step % self.settings.log_every == 0 or step == 1):
                rate = float(trainer.optimizers[0].param_groups[0]["lr"])
                epoch = (step - 1) // module.plan.steps_per_epoch + 1
                self._history.step({"step": step, "epoch": epoch, "lr": rate, "loss": reduced.total, **reduced.terms})
            if self.settings.progress:
                module.log("loss", reduced.total, prog_bar=True, batch_size=1)
        every = self.settings.checkpoint_steps
        if module.stop_agreed:
            self._stop(trainer, module)
        elif step == trainer.max_steps and not last:  # here, where Lightning can go on in mid-epoch
            self._end_epoch(trainer, module)
            self._save(trainer, module, "last")
        elif every and step % every == 0 and not last:
            self._save(trainer, module, "last")

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Validate, keep the best, save."""
        if self.stopped != "signal" and trainer.global_step > self.finished:
            self._end_epoch(trainer, pl_module)
            if self.stopped != "signal":
                self._save(trainer, pl_module, "last")

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Close what is open."""
        self._close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        """Close what is open; what went wrong matters more than what that makes of the figure."""
        with contextlib.suppress(SinkError):
            self._close()

    # ---- the parts

    def make_up(self, trainer: Any, module: TrainingModule) -> None:
        """End an epoch whose steps are done but whose validation was cut off by a stop."""
        step = trainer.global_step
        if step > self.finished and step % module.plan.steps_per_epoch == 0:
            self._end_epoch(trainer, module)
            self._unsaved = True

    def finish(self, trainer: Any, module: TrainingModule) -> None:
        """Make up for what the loop leaves open where a run that was resumed had no step left to do."""
        if self.stopped != "signal":
            self.make_up(trainer, module)
        if self._unsaved:
            self._save(trainer, module, "last")
        self._close()

    def _open(self, trainer: Any) -> None:
        if trainer.is_global_zero and self._history is None:
            until = trainer.global_step
            self._history = History(self.out, until=until, tensorboard=self.settings.tensorboard)

    def _close(self) -> None:
        if self._history is not None:
            self._history.plot()
            self._history.close()
            self._history = None
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def _ask(self, module: TrainingModule, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if module.stop_asked:
            raise SystemExit(128 + number)
        log.warning("signal %d: a checkpoint is saved after this step, then training stops", number)
        self.signal, module.stop_asked = number, True

    def _stop(self, trainer: Any, module: TrainingModule) -> None:
        self.stopped, trainer.should_stop = "signal", True
        self._save(trainer, module, "last")

    def _end_epoch(self, trainer: Any, module: TrainingModule) -> None:
        self._open(trainer)
        plan, step = module.plan, trainer.global_step
        done = -(-step // plan.steps_per_epoch)
        final = done >= plan.epochs or bool(trainer.max_steps > 0 and step >= trainer.max_steps)
        row = {"epoch": done, "step": step, "loss": self._loss[0] / max(self._loss[1], 1)}
        better = False
        with self.average.applied(module.model):
            if self.val is not None and (final or done % self.settings.validate_every == 0):
                with trainer.precision_plugin.forward_context():
                    found = validate(
                        module,
                        self.val,
                        batch=self.settings.validate_batch,
                        workers=self.settings.workers,
                        tracker=self.settings.tracker,
                    )
                if found is None:
                    self._stop(trainer, module)
                    return
                row |= found.scores
                better = self._compare(trainer, row)
                if better:
                    self._picture(trainer, found)
            if better or self.val is None:
                self._bundle(trainer, module, row)
        self.finished, self._loss = step, [0.0, 0]
        if better:
            self._save(trainer, module, "best")
        if self._history is not None:
            self._history.epoch(row)
            if time.monotonic() - self._plotted > PLOT_EVERY:
                self._history.plot()
                self._plotted = time.monotonic()
        seconds = time.monotonic() - self._began
        log.info("epoch %d of %d: %s", done, plan.epochs, ", ".join(f"{k} {v:.4g}" for k, v in row.items()))
        if self.watch is not None and trainer.is_global_zero:
            self.watch({**row, "epochs": plan.epochs, "seconds": seconds})

    def _compare(self, trainer: Any, row: dict[str, float]) -> bool:
        """Tell whether the model is the best so far, and stop if there was none for long."""
        better = not self.best or self._score(row) > self._score(self.best)
        if better:
            self.best, self.stale = dict(row), 0
        else:
            self.stale += 1
        if self.settings.patience and self.stale >= self.settings.patience:
            self.stopped, trainer.should_stop = "early", True
        return better

    def _score(self, row: Mapping[str, float]) -> float:
        value = -row["loss"] if self.settings.monitor == "loss" else row[self.settings.monitor]
        return -math.inf if math.isnan(value) else value

    def _picture(self, trainer: Any, found: Validation) -> None:
        if trainer.is_global_zero and self.val is not None:
            try:
                show(predictions(self.val.dataset, found.found), self.out / "predictions.jpg")
            except DataError as error:
                log.warning("no picture of predictions: %s", error)

    def _bundle(self, trainer: Any, module: TrainingModule, row: Mapping[str, float]) -> None:
        """Write the one-file result; the average is in place."""
        if trainer.is_global_zero:
            plain = {name: (None if math.isnan(value) else float(value)) for name, value in row.items()}
            save_atomically({**module.bundle(), "training": {**self.provenance, "scores": plain}}, self.model_path)

    def _save(self, trainer: Any, module: TrainingModule, name: str) -> None:
        """Save a checkpoint, unless what it would hold is broken.

        Raises:
            TrainingError: A weight is no longer a number.
            SinkError: The place cannot be written to, or is full.
        """
        if not (all_finite(module.parameters()) and self.average.finite()):
            raise TrainingError(
                f"Every weight must be finite; after step {trainer.global_step} some are not. The last checkpoint is "
                "intact. Lower the learning rate, clip gradients (train.clip), or train in 32 bits."
            )
        trainer.save_checkpoint(self.out / "checkpoints" / f"{name}.ckpt")
        self._unsaved = self._unsaved and name != "last"
