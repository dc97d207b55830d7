"""What trials tell: which one to believe, and which dimensions decide.

The best of many trials is lucky as well as good: a hundred settings tried on five sequences find one that happens to
keep two more identities in one of them. A *steady* trial is better than the untuned settings by more than a single
sequence decides: its gain, less the jackknife's standard error of that gain (every sequence left out in turn), is
greatest. Where no trial gains more than its standard error, the untuned settings stay.

Source: Efron and Stein, "The Jackknife Estimate of Variance", Annals of Statistics 9, 1981; the rule is that of one
standard error in Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from trackforge.tuning.study import Trial, load_optuna

if TYPE_CHECKING:
    import optuna

__all__ = ["LEAST", "best", "importances", "steady"]

LEAST = 8
"""Complete trials below which nothing can be said about dimensions."""


def best(trials: Sequence[Trial]) -> Trial | None:
    """Return the complete trial of the greatest value, the first of equals; None where none is complete."""
    complete = [trial for trial in trials if trial.value is not None]
    return max(complete, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)


def steady(trials: Sequence[Trial], value: float, left_out: Mapping[str, float]) -> Trial | None:
    """Return the complete trial of the greatest gain less its standard error.

    Args:
        trials: With ``left_out`` each.
        value: Of the untuned settings.
        left_out: Theirs without each of the sequences; where empty, there is one sequence, and the best trial is taken.
    """
    if not left_out:
        return best(trials)
    complete = [trial for trial in trials if trial.value is not None and set(trial.left_out) == set(left_out)]
    return max(
        complete,
        key=lambda trial: ((trial.value or 0.0) - value - _error(trial.left_out, left_out), -trial.number),
        default=None,
    )


def _error(tuned: Mapping[str, float], untuned: Mapping[str, float]) -> float:
    """Return the jackknife's standard error of a difference."""
    gains = np.array([tuned[name] - untuned[name] for name in untuned])
    n = len(gains)
    return float(np.sqrt((n - 1) / n * ((gains - gains.mean()) ** 2).sum()))


def importances(study: optuna.Study, names: Sequence[str] | None = None) -> dict[str, float]:
    """Return the share of each dimension, greatest first; empty where there are too few complete trials.

    Args:
        study: The study.
        names: Dimensions; trials that lack one are left out. Where None, those that every complete trial has.

    Source: Watanabe et al., "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces",
    IJCAI 2023, as implemented in Optuna (MIT).
    """
    optuna = load_optuna()
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    complete = [trial for trial in complete if set(names or ()) <= trial.params.keys()]
    if len(complete) < LEAST or len({trial.value for trial in complete}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about dimensions that have one value only: their share is 0
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(
            study, evaluator=evaluator, params=None if names is None else list(names)
        )
    return {name: float(share) for name, share in found.items()}
