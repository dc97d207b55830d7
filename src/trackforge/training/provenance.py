"""What a checkpoint and a bundle say about the run that they are of."""

from __future__ import annotations

import dataclasses
import platform
import time
from typing import Any

from trackforge.data.model import Dataset
from trackforge.training.plan import Plan, Recipe
from trackforge.training.settings import FitSettings

__all__ = ["identity", "provenance"]


def identity(recipe: Recipe, plan: Plan) -> dict[str, Any]:
    """What must be the same when a run is resumed."""
    return {
        "recipe": type(recipe).__name__,
        "classes": list(plan.dataset.classes),
        "pictures": len(plan.dataset),
        "batch_size": plan.batch_size,
        "seed": plan.seed,
    }


def provenance(recipe: Recipe, plan: Plan, settings: FitSettings, val: Dataset | None) -> dict[str, Any]:
    """Where a bundle comes from; plain values only, so that it is read without unpickling code."""
    import torch

    import trackforge

    config = getattr(recipe, "config", None)
    fields = dataclasses.asdict(config) if dataclasses.is_dataclass(config) and not isinstance(config, type) else {}
    return {
        "recipe": type(recipe).__name__,
        "recipe_settings": {k: _plain(v) for k, v in fields.items()},
        "settings": {k: _plain(v) for k, v in dataclasses.asdict(settings).items()},
        "weights": plan.weights,
        "data": {"name": plan.dataset.name, "pictures": len(plan.dataset), "boxes": len(plan.dataset.boxes)},
        "validation": None if val is None else {"name": val.name, "pictures": len(val), "boxes": len(val.boxes)},
        "versions": {
            "trackforge": trackforge.__version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        },
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)
