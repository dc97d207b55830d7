"""What a search over trainings has found, and the two jobs that follow from it."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trackforge.training.run import TrainingRun
from trackforge.training.scores import Score
from trackforge.tuning.study import Search
from trackforge.tuning.training.judging import ranked
from trackforge.tuning.training.question import Problem
from trackforge.tuning.training.repeating import Repeat, spread
from trackforge.tuning.training.trials import TrainingTrial, folder_of, worth

__all__ = ["Outcome"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a search has found.

    Attributes:
        problem: The question.
        search: How it was looked for.
        folder: Where it was made; trials have theirs in ``trials``.
        score: The objective: direction, unit, title; without a value.
        trials: Every trial, failed and unfinished ones too, in the order of their beginning.
        best: The trial that counts, by `Search.pick`; None where none is complete.
        luckiest: The trial of the best value; None where none is complete.
        repeats: Runs of the best few and of the default settings with other seeds, by number of the trial.
        importances: Share of each dimension in what decides whether a trial is good; empty for few trials.
        interrupted: Whether the search was stopped before all trials, and all repeats, were made.
    """

    problem: Problem
    search: Search
    folder: Path
    score: Score
    trials: Sequence[TrainingTrial]
    best: TrainingTrial | None
    luckiest: TrainingTrial | None
    repeats: Mapping[int, Sequence[Repeat]]
    importances: Mapping[str, float]
    interrupted: bool

    @property
    def default(self) -> TrainingTrial | None:
        """The trial of the settings as they are; None where it was not made yet."""
        return next((one for one in self.trials if one.default), None)

    @property
    def second(self) -> TrainingTrial | None:
        """The best trial but the one that counts; None where there is no other."""
        return next((one for one in ranked(self.trials, self.score) if one != self.best), None)

    @property
    def values(self) -> dict[str, Any]:
        """The best values, by ``section.setting``; empty where the settings as they are count."""
        return {} if self.best is None or self.best.default else dict(self.best.values)

    @property
    def epochs(self) -> int:
        """Epochs of a training with the best values."""
        return self.problem.settings(self.values).epochs

    @property
    def epoch(self) -> int:
        """The epoch after which the best values are best: the median over seeds; 0 if none is known."""
        if self.best is None:
            return 0
        seen = [one.epoch for one in self.repeats.get(self.best.number, ()) if one.value is not None]
        return round(statistics.median([self.best.epoch, *seen]))

    @property
    def seconds_per_trial(self) -> float | None:
        """Median time of a complete trial."""
        times = [trial.seconds for trial in self.trials if trial.state == "complete"]
        return statistics.median(times) if times else None

    def gain(self, *, over: TrainingTrial | None, repeated: bool = False) -> float | None:
        """Return by how much the trial that counts is better than another; negative where it is worse.

        Args:
            over: The other.
            repeated: In the mean over other seeds, rather than in the search itself.
        """
        pair = [self.mean(one) if repeated else (None if one is None else one.value) for one in (self.best, over)]
        if pair[0] is None or pair[1] is None:
            return None
        return worth(self.score, pair[0]) - worth(self.score, pair[1])

    def mean(self, trial: TrainingTrial | None) -> float | None:
        """Return a trial's mean value with other seeds; None where there are no such runs."""
        values = self.others(trial)
        return spread(values)[0] if values else None

    def others(self, trial: TrainingTrial | None) -> list[float]:
        """Return a trial's values with other seeds."""
        if trial is None:
            return []
        return [one.value for one in self.repeats.get(trial.number, ()) if one.value is not None]

    def place(self, trial: TrainingTrial) -> Path:
        """Return the folder of a trial."""
        return self.folder / "trials" / folder_of(trial.number)

    def job(self) -> TrainingRun:
        """Return the training with the best values, validated as in the search."""
        return dataclasses.replace(self.problem.but(self.values).job(), out=self.folder / "best")

    def retraining(self) -> TrainingRun:
        """Return the training with the best values on all pictures, that stops after the epoch that was best.

        The learning rate and everything else that changes with the epoch goes its way as in the trial: the run is not
        made shorter, but stopped.
        """
        task = self.problem.but(self.values)
        settings, loop = self.problem.settings(self.values), dict(task.loop)
        if 0 < self.epoch < settings.epochs:
            loop["max_steps"] = self.epoch * -(-self.problem.pictures[2] // settings.batch_size)
        job = dataclasses.replace(task, loop=loop).job()
        return dataclasses.replace(job, whole=True, out=self.folder / "retrained")
