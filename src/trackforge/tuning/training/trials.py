"""What is known of a trial that is a training, and how a study keeps it.

The study's objective is what shall be large; of an objective that shall be small it holds the negative. Everything else
here, and all that is written and shown, is the score as it is.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trackforge.training.scores import Score
from trackforge.tuning.study import DEFAULT, Trial

if TYPE_CHECKING:
    import optuna

__all__ = ["SCORE", "TrainingTrial", "best_epoch", "complete", "folder_of", "recorded", "score_of", "worth"]

SCORE = "score"
"""Attribute of the study: name, direction and unit of the objective, as the first trial announced it."""


@dataclasses.dataclass(frozen=True)
class TrainingTrial(Trial):
    """One training and what came of it.

    Attributes:
        state: ``complete``; ``pruned`` (stopped early, as no good); ``refused`` (the values do not go together);
            ``failed`` (out of memory, loss not finite, crash); or ``unfinished`` (interrupted, and to be gone on with).
        value: Of the best validated epoch; None unless complete.
        scores: Of the epoch that is the best so far, whatever the state.
        seconds: Of all its processes together.
        reason: Why it was refused or has failed.
        epoch: The epoch that is the best so far, counted from 1; 0 before the first.
        course: Value by epoch, as far as it was validated; the starting weights are epoch 0.
        default: Whether it is the settings as they are.
        left_out: Empty.
    """

    epoch: int = 0
    course: Mapping[int, float] = dataclasses.field(default_factory=dict)
    default: bool = False

    @property
    def reached(self) -> float | None:
        """The best value so far, of unfinished and pruned trials too."""
        return self.course.get(self.epoch) if self.epoch else None


def folder_of(number: int, seed: int = 0) -> str:
    """Return the name of a trial's folder.

    >>> folder_of(7), folder_of(7, seed=2)
    ('0007', '0007-seed2')
    """
    return f"{number:04d}" + (f"-seed{seed}" if seed else "")


def score_of(study: optuna.Study, name: str) -> Score:
    """Return the objective without a value; higher is better as long as nobody has announced it."""
    known: Mapping[str, Any] = study.user_attrs.get(SCORE, {})
    return Score(name, better=known.get("better", "higher"), unit=known.get("unit", ""), title=known.get("title", ""))


def worth(score: Score, value: float) -> float:
    """Return a value so that more is better; NaN is worth nothing."""
    return dataclasses.replace(score, value=value).worth


def best_epoch(course: Mapping[int, float], score: Score) -> int:
    """Return the best epoch after the start, the first of equals; 0 where no value is a number."""
    known = {epoch: value for epoch, value in course.items() if epoch > 0 and not math.isnan(value)}
    return max(known, key=lambda epoch: (worth(score, known[epoch]), -epoch), default=0)


def recorded(trial: optuna.trial.FrozenTrial, score: Score) -> TrainingTrial:
    """Return what a study says about a trial."""
    said = trial.user_attrs
    reason = str(said.get("refused", "") or said.get("failed", ""))
    state = {"COMPLETE": "complete", "PRUNED": "pruned"}.get(trial.state.name, "unfinished")
    if state == "pruned" and reason:
        state = "refused" if "refused" in said else "failed"
    sign = 1 if score.better == "higher" else -1
    course = {epoch: sign * value for epoch, value in sorted(trial.intermediate_values.items())}
    epoch = best_epoch(course, score)
    return TrainingTrial(
        number=trial.number,
        state=state,
        value=course[epoch] if state == "complete" and epoch else None,
        values=dict(trial.params),
        scores=said.get("scores", {}),
        seconds=float(said.get("seconds", 0.0)),
        reason=reason,
        epoch=epoch,
        course=course,
        default=DEFAULT in said,
    )


def complete(trials: Sequence[TrainingTrial]) -> list[TrainingTrial]:
    """Return those that have a value."""
    return [trial for trial in trials if trial.value is not None]
