"""What a checkpoint and a bundle say about the run that they are of."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from trackforge.data.model import Dataset
from trackforge.training.plan import Plan
from trackforge.training.recipe import Recipe, Training
from trackforge.training.settings import FitSettings

__all__ = ["FREE", "PIECES", "freedom", "identity", "labels_digest", "provenance"]

FREE = frozenset(
    {
        # what prolongs or shortens a run
        "epochs", "plain_epochs", "max_steps", "patience", "min_epochs", "tolerance",
        # where and how fast the same steps are made
        "workers", "accelerator", "devices", "nodes", "strategy", "accumulate", "deterministic",
        # what trackforge.training.checkpoints.ADVICE advises
        "precision", "clip",
        # what is looked at and written down
        "validate_every", "validate_batch", "validate_start", "validate_losses", "tracker", "checkpoint_steps",
        "log_every", "tensorboard", "progress",
    }
)  # fmt: skip
"""Settings that may change when a run is resumed; all others may not, nor ``accumulate`` where it decides
the course (see `PIECES`)."""


PIECES = "train.accumulate"
"""What only a checkpoint of losses with normalisers by name says of its run: there it must be the same."""


def identity(recipe: Recipe, training: Training, settings: FitSettings) -> dict[str, Any]:
    """What must be the same when a run is resumed, in plain values."""
    dataset, val = training.module.plan.dataset, training.module.plan.validation
    kept = {k: v for k, v in dataclasses.asdict(settings).items() if k not in FREE}
    return {
        "recipe": type(recipe).__name__,
        "classes": list(dataset.classes),
        "pictures": len(dataset),
        "boxes": len(dataset.boxes),
        "identities": dataset.identities()[1],
        "labels": labels_digest(dataset),
        "validation": None if val is None else labels_digest(val),
        **{f"train.{name}": _plain(value) for name, value in kept.items()},
        PIECES: settings.accumulate,
        **{f"trainer.{name}": _plain(value) for name, value in training.identity.items()},
    }


def labels_digest(dataset: Dataset) -> str:
    """Return 16 hexadecimal digits that differ where labels, classes or sequences do, wherever the pictures lie."""
    images, boxes = dataset.images, dataset.boxes
    found = hashlib.sha256("\0".join([*dataset.classes, "", *images.sequence.tolist()]).encode())
    columns = images.frame, images.width, images.height, boxes.image, boxes.xyxy, boxes.class_id, boxes.track_id
    for column in (*columns, boxes.ignore):
        found.update(np.ascontiguousarray(column).tobytes())
    return found.hexdigest()[:16]


def freedom(settings: FitSettings) -> dict[str, Any]:
    """What may be another when a run is resumed, in plain values: to be told of, not compared."""
    return {f"train.{name}": _plain(value) for name, value in dataclasses.asdict(settings).items() if name in FREE}


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
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)
