"""The end of an epoch: validate, compare, keep the best, stop early."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import lightning.pytorch as pl

from trackforge.data.grid import show
from trackforge.data.samples import Samples
from trackforge.errors import DataError
from trackforge.training.callbacks.averaging import Averaging
from trackforge.training.callbacks.recording import Recording
from trackforge.training.callbacks.saving import Saving
from trackforge.training.callbacks.signals import Signals
from trackforge.training.callbacks.telling import Telling
from trackforge.training.scores import Monitor, Score, Scorer
from trackforge.training.settings import FitSettings
from trackforge.training.validating import Validation, predictions, validate
from trackforge.training.verdict import doubt, verdict

if TYPE_CHECKING:
    from trackforge.training.module import TrainingModule

__all__ = ["Rounds"]

log = logging.getLogger(__name__)


class Rounds(pl.Callback):
    """Brings every epoch to its end, also one whose end a stop cut off.

    Args:
        settings: Of the run.
        val: What to validate on, or None.
        scorers: Who scores it.
        scores: All scores there will be, losses of training included.
        averaging: What is validated.
        recording: Where scores are written down.
        signals: Cut a validation short.
        saving: Keeps what is best, and what is last.
        telling: Is told how far a validation is.

    Attributes:
        monitor: The best epoch so far, the start (epoch 0) included; None without validation.
        trained: The best epoch after the start; None without validation.
        start: Scores of the starting weights; empty where they were not scored.
        last: The row of the last epoch that was brought to its end; empty before.
        early: Whether the run ended because there was no better score for long.
        scores: Announced scores; `best_scores` has values.
    """

    state_key = "rounds"

    def __init__(
        self,
        settings: FitSettings,
        val: Samples | None,
        scorers: Sequence[Scorer],
        scores: Sequence[Score],
        *,
        averaging: Averaging,
        recording: Recording,
        signals: Signals,
        saving: Saving,
        telling: Telling,
    ) -> None:
        self.settings, self.val, self.scorers, self.scores = settings, val, scorers, scores
        self.averaging, self.recording, self.signals, self.saving = averaging, recording, signals, saving
        self.telling = telling
        patience = {name: getattr(settings, name) for name in ("patience", "min_epochs", "tolerance")}
        self.monitor = Monitor(settings.monitor, scores, **patience) if val is not None else None
        self.trained = Monitor(settings.monitor, scores) if val is not None else None
        self.start: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.early = False
        self._finished = 0  # steps at the end of the last epoch that was brought to its end, validation included

    @property
    def best(self) -> dict[str, float]:
        """The best epoch's row; empty without validation."""
        return self.monitor.best if self.monitor is not None else {}

    @property
    def best_scores(self) -> tuple[Score, ...]:
        """Scores of the best epoch, losses left out."""
        return tuple(
            dataclasses.replace(s, value=self.best[s.name])
            for s in self.scores
            if s.name in self.best and s.unit != "loss"
        )

    @property
    def verdict(self) -> str:
        """Whether training has brought anything, in words; see `trackforge.training.verdict`."""
        monitored = next((score for score in self.scores if score.name == self.settings.monitor), None)
        return verdict(monitored, self.start, self.trained.best if self.trained is not None else {})

    def state_dict(self) -> dict[str, Any]:
        """Return what Lightning does not know of."""
        stale = self.monitor.stale if self.monitor is not None else 0
        trained = self.trained.best if self.trained is not None else {}
        return {
            "best": self.best,
            "stale": stale,
            "finished": self._finished,
            "start": self.start,
            "last": self.last,
            "trained": trained,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue."""
        self._finished = int(state_dict["finished"])
        if self.monitor is not None:
            self.monitor.best, self.monitor.stale = dict(state_dict["best"]), int(state_dict["stale"])
        self.start = dict(state_dict.get("start", {}))  # a checkpoint of a run whose start was not scored has none
        self.last = dict(state_dict.get("last", {}))
        if self.trained is not None:
            self.trained.best = dict(state_dict.get("trained", state_dict["best"]))

    # ---- Lightning's hooks

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Score the start, or make up for an epoch's end that a stop cut off."""
        if trainer.global_step == 0:
            self._score_start(trainer, pl_module)
        self._make_up(trainer, pl_module)
        self._stop_early(trainer, self.last.get("epoch", 0))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """End the run in mid-epoch after so many steps: here, where Lightning can go on from."""
        if (batch_idx + 1) % self.settings.accumulate or self.signals.stopping:
            return
        if trainer.global_step == trainer.max_steps and trainer.global_step % pl_module.plan.steps_per_epoch:
            self._end(trainer, pl_module)
            self.saving.checkpoint(trainer, pl_module, "last")

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """End the epoch."""
        if not self.signals.stopping and trainer.global_step > self._finished:
            self._end(trainer, pl_module)
            self.saving.checkpoint(trainer, pl_module, "last")

    def finish(self, trainer: Any, module: TrainingModule) -> None:
        """Make up for what the loop leaves open where a run that was resumed had no step left to do."""
        if not self.signals.stopping:
            self._make_up(trainer, module)
        if self.saving.owed:
            self.saving.checkpoint(trainer, module, "last")
        self.recording.close()

    # ---- the parts

    def _score_start(self, trainer: Any, module: TrainingModule) -> None:
        """Validate the weights that the run starts from; until an epoch is as good, they are the result."""
        if self.val is None or self.monitor is None or not self.settings.validate_start:
            return
        found = self._validate(trainer, module, self.val, stage="start")
        if found is None:
            self.signals.stop(trainer)
            return
        row = {"epoch": 0, "step": 0, **{score.name: score.value for score in found.scores}}
        self.start = row
        if self.settings.monitor in row:  # a loss of training is known after a step at the earliest
            self._doubt(trainer, row)
            self.monitor.offer(row)
            self.saving.bundle(trainer, module, row)
            self.saving.checkpoint(trainer, module, "best")
            self._picture(trainer, found, self.val)
        self.recording.write_epoch(trainer, row, found.scores, module.plan.epochs)

    def _make_up(self, trainer: Any, module: TrainingModule) -> None:
        step = trainer.global_step
        if step > self._finished and step % module.plan.steps_per_epoch == 0:
            self._end(trainer, module)
            self.saving.owed = not self.signals.stopping

    def _end(self, trainer: Any, module: TrainingModule) -> None:
        """Bring an epoch to its end; where a signal comes meanwhile, a resumed run does it over."""
        self.recording.open(trainer)
        plan, step = module.plan, trainer.global_step
        done = -(-step // plan.steps_per_epoch)
        final = done >= plan.epochs or bool(trainer.max_steps > 0 and step >= trainer.max_steps)
        row: dict[str, float] = {"epoch": done, "step": step, **self.recording.mean_losses()}
        better = False
        with self.averaging.average.applied(module.model):
            if self.val is not None and (final or done % self.settings.validate_every == 0):
                found = self._validate(trainer, module, self.val)
                if found is None:
                    self.signals.stop(trainer)
                    return
                row |= {score.name: score.value for score in found.scores}
                self._doubt(trainer, row)
                better = self.monitor is not None and self.monitor.offer(row)
                if self.trained is not None:
                    self.trained.offer(row)
                self._stop_early(trainer, done)
                if better:
                    self._picture(trainer, found, self.val)
            if better or self.val is None:
                self.saving.bundle(trainer, module, row)
        self._finished, self.last = step, row
        self.recording.begin_epoch()
        if better:
            self.saving.checkpoint(trainer, module, "best")
        scores = [dataclasses.replace(s, value=row[s.name]) for s in self.scores if s.name in row]
        self.recording.write_epoch(trainer, row, scores, plan.epochs)

    def _validate(
        self,
        trainer: Any,
        module: TrainingModule,
        val: Samples,
        *,
        stage: Literal["start", "validating"] = "validating",
    ) -> Validation | None:
        with trainer.precision_plugin.forward_context():
            return validate(
                module,
                val,
                self.scorers,
                batch=self.settings.validate_batch,
                workers=self.settings.workers,
                on_batch=partial(self.telling.pictures, stage) if trainer.is_global_zero else None,
            )

    def _doubt(self, trainer: Any, row: Mapping[str, float]) -> None:
        """Warn at the first validation whose monitored score is no number."""
        if self.monitor is not None and not self.monitor.best and math.isnan(row[self.settings.monitor]):
            monitored = next(score for score in self.scores if score.name == self.settings.monitor)
            if trainer.is_global_zero:
                log.warning("%s", doubt(monitored, f"in epoch {row['epoch']:.0f}"))

    def _stop_early(self, trainer: Any, epoch: float) -> None:
        if self.monitor is not None and self.monitor.exhausted(epoch):
            self.early = trainer.should_stop = True

    def _picture(self, trainer: Any, found: Validation, val: Samples) -> None:
        if trainer.is_global_zero:
            try:
                show(predictions(val.dataset, found.found), self.saving.out / "predictions.jpg")
            except DataError as error:
                log.warning("no picture of predictions: %s", error)
