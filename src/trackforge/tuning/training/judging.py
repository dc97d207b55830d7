"""Which trial counts, and how far it is from the settings as they are and from the second best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trackforge.training.scores import Score
from trackforge.tuning.training.repeating import Repeat
from trackforge.tuning.training.trials import TrainingTrial, complete, worth

__all__ = ["best", "ranked", "steady"]


def ranked(trials: Sequence[TrainingTrial], score: Score) -> list[TrainingTrial]:
    """Return complete trials, best first; of equals the first."""
    return sorted(complete(trials), key=lambda one: (-worth(score, one.value or 0.0), one.number))


def best(trials: Sequence[TrainingTrial], score: Score) -> TrainingTrial | None:
    """Return the complete trial of the best value; None where none is complete."""
    return next(iter(ranked(trials, score)), None)


def steady(
    trials: Sequence[TrainingTrial], score: Score, repeats: Mapping[int, Sequence[Repeat]]
) -> TrainingTrial | None:
    """Return the trial whose gain with other seeds, less its standard error, is greatest.

    Where none gains more than its standard error, that is the settings as they are. Without repeats it is the best
    trial: nothing is known of how much a seed decides.

    Args:
        trials: All of them.
        score: The objective.
        repeats: Runs with other seeds, by number of the trial.
    """
    default = next((one for one in complete(trials) if one.default), None)
    before = _worths(repeats.get(default.number, ()), score) if default is not None else {}
    if default is None or not before:
        return best(trials, score)
    margins = {default.number: 0.0}
    for one in ranked(trials, score):
        after = _worths(repeats.get(one.number, ()), score)
        gains = np.array([after[seed] - before[seed] for seed in before if seed in after])
        if len(gains) and not one.default:
            error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else 0.0
            margins[one.number] = float(gains.mean() - error)
    chosen = max(margins, key=lambda number: (margins[number], number == default.number, -number))
    return next(one for one in trials if one.number == chosen)


def _worths(repeats: Sequence[Repeat], score: Score) -> dict[int, float]:
    return {one.seed: worth(score, one.value) for one in repeats if one.value is not None}
