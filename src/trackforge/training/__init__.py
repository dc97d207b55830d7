"""Training of detectors: one loop for every model.

A plugin offers a `Recipe` and a `TrainingModule` with its losses; `fit` does the rest: several devices and machines,
mixed precision, averaged weights, checkpoints that resume exactly, validation, logs.

>>> from trackforge import training, data
>>> people = data.read("people.json")                                                   # doctest: +SKIP
>>> recipe = training.trainer("yolox", variant="nano")                                  # doctest: +SKIP
>>> settings = training.settings_for(recipe, epochs=10)                                 # doctest: +SKIP
>>> training.fit(recipe, people, None, settings, "runs/people").model                   # doctest: +SKIP

Importing this loads neither torch nor Lightning; using `fit` or `TrainingModule` does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trackforge.training.fitting import FitResult, fit, trainer
    from trackforge.training.losses import Losses
    from trackforge.training.module import TrainingModule
    from trackforge.training.plan import Plan
    from trackforge.training.recipe import Recipe, SampleSource, Training
    from trackforge.training.sampling import ResumableBatchSampler, SampleKey
    from trackforge.training.schedules import Schedule, Steps, WarmupCosine
    from trackforge.training.scorers import CocoAP, ReId, Tracking, VocAP
    from trackforge.training.scores import Score, Scorer
    from trackforge.training.settings import FitSettings, settings_for

_HOMES = {
    "FitResult": "fitting", "FitSettings": "settings", "Losses": "losses", "Plan": "plan", "Recipe": "recipe",
    "ResumableBatchSampler": "sampling", "SampleKey": "sampling", "SampleSource": "recipe", "Schedule": "schedules",
    "Steps": "schedules", "TrainingModule": "module", "WarmupCosine": "schedules", "fit": "fitting",
    "settings_for": "settings", "trainer": "fitting", "Training": "recipe", "CocoAP": "scorers", "ReId": "scorers",
    "Tracking": "scorers", "VocAP": "scorers", "Score": "scores", "Scorer": "scores",
}  # fmt: skip

__all__ = [
    "CocoAP",
    "FitResult",
    "FitSettings",
    "Losses",
    "Plan",
    "ReId",
    "Recipe",
    "ResumableBatchSampler",
    "SampleKey",
    "SampleSource",
    "Schedule",
    "Score",
    "Scorer",
    "Steps",
    "Tracking",
    "Training",
    "TrainingModule",
    "VocAP",
    "WarmupCosine",
    "fit",
    "settings_for",
    "trainer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
