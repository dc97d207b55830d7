"""Tables of a search: trials for programs, columns for people."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from trackforge.io.atomic import atomic_path
from trackforge.tuning.study import Trial

__all__ = ["columns", "write_trials"]


def write_trials(path: Path, trials: Iterable[Trial], names: Sequence[str], scores: Sequence[str]) -> None:
    """Write one row for each trial: number, state, value, values by name, scores by name, seconds and reason.

    Raises:
        SinkError: The place cannot be written to.
    """
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["trial", "state", "value", *names, *scores, "seconds", "reason"])
        writer.writerows(_cells(trial, names, scores) for trial in trials)


def _cells(trial: Trial, names: Sequence[str], scores: Sequence[str]) -> Iterator[Any]:
    yield from (trial.number, trial.state, trial.value)
    yield from (trial.values.get(name) for name in names)
    yield from (trial.scores.get(name) for name in scores)
    yield from (f"{trial.seconds:.3f}", trial.reason)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, the first column to the left and all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]
