"""Which dimensions decide whether a trial is good."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from trackforge.tuning.optimising import load_optuna

if TYPE_CHECKING:
    import optuna

__all__ = ["LEAST", "importances"]

LEAST = 8
"""Complete trials below which nothing can be said."""


def importances(study: optuna.Study) -> dict[str, float]:
    """Return the share of each dimension, greatest first; empty where there are too few complete trials.

    Source: Watanabe et al., "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces",
    IJCAI 2023, as implemented in Optuna (MIT).
    """
    optuna = load_optuna()
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < LEAST or len({trial.value for trial in complete}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about dimensions that have one value only: their share is 0
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}
