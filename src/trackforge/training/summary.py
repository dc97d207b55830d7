"""What a training has come to, as plain values: ``summary.json`` beside its result, and ``--json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from trackforge import __version__
from trackforge.intake.addresses import shown_setting
from trackforge.io.atomic import atomic_path
from trackforge.runs.machine import surroundings
from trackforge.runs.values import plain

if TYPE_CHECKING:
    from trackforge.data import Dataset
    from trackforge.training.fitting import FitResult

__all__ = ["facts", "now", "write_summary"]


def now() -> str:
    """Return the time, UTC, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def facts(result: FitResult) -> dict[str, Any]:
    """Return a result as plain values; a score that is not a number is None."""
    return {
        "model": None if result.model is None else str(result.model),
        "out": str(result.out),
        "epochs": result.epochs,
        "steps": result.steps,
        "stopped": result.stopped,
        "start": _row(result.start),
        "best": _row(result.best),
        "last": _row(result.last),
        "verdict": result.verdict,
        "seconds": round(result.seconds, 1),
    }


def write_summary(result: FitResult, asked: Mapping[str, Any], train: Dataset, val: Dataset | None, began: str) -> None:
    """Write ``summary.json`` into the folder of a run.

    Args:
        result: What came of the run.
        asked: What was asked for, by name.
        train: What was trained on.
        val: What was validated on.
        began: When, from `now`.

    Raises:
        SinkError: The place cannot be written to.
    """
    whole = {
        "trackforge": __version__,
        "command": "train",
        **surroundings(),
        **{name: plain(shown_setting(value)) for name, value in asked.items()},
        "data": {"train": _about(train), "validation": None if val is None else _about(val)},
        "began": began,
        "ended": now(),
        "interrupted": result.stopped == "signal",
        **facts(result),
    }
    with atomic_path(result.out / "summary.json") as partial:
        partial.write_text(json.dumps(whole, indent=2, allow_nan=False, default=str) + "\n", encoding="utf-8")


def _about(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "root": str(dataset.root),
        "pictures": len(dataset),
        "boxes": len(dataset.boxes),
        "sequences": len([one for one in dataset.sequences if one]),
        "classes": list(dataset.classes),
    }


def _row(row: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in row.items()}
