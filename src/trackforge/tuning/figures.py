"""Pictures of a search: its course, what mattered, and how the score depends on each dimension."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.figures import GRID, INK, LINES, drawing, save
from trackforge.tuning.optimising import Trial
from trackforge.tuning.space import Choice, Dimension
from trackforge.tuning.tuning import Outcome

__all__ = ["draw"]

MAIN, BEST, POOR = LINES["HOTA"], LINES["DetA"], "#9ca3af"


def draw(outcome: Outcome, folder: Path) -> list[Path]:
    """Write ``history.png``, ``slices.png`` and, where known, ``importance.png``; return the paths.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        SinkError: The place cannot be written to.
    """
    complete = [trial for trial in outcome.trials if trial.value is not None]
    if not complete:
        return []
    drawings = {"history": _history, "slices": _slices}
    if outcome.importances:
        drawings["importance"] = _importance
    written = []
    with drawing("trackforge-mot[tune]") as new:
        for name, draw_one in drawings.items():
            figure = draw_one(new, outcome, complete)
            written.append(folder / f"{name}.png")
            save(figure, written[-1])
    return written


def _history(new: Any, outcome: Outcome, complete: list[Trial]) -> Any:
    figure = new(figsize=(8, 4.4), dpi=150, layout="constrained")
    axes = figure.subplots()
    numbers = [trial.number for trial in complete]
    values = np.array([trial.value for trial in complete], float)
    axes.scatter(numbers, values, s=22, color=MAIN, alpha=0.55, linewidth=0, label="complete")
    axes.step(numbers, np.maximum.accumulate(values), where="post", color=BEST, lw=2, label="best so far")
    stopped = [trial.number for trial in outcome.trials if trial.state in ("pruned", "refused")]
    low = _floor(values)
    if stopped:
        axes.scatter(stopped, [low] * len(stopped), marker="|", s=50, color=POOR, label="pruned or refused")
    untuned = outcome.problem.objective(outcome.default_train)
    axes.axhline(untuned, color=INK, lw=1, ls=(0, (4, 3)), label=f"default {untuned:.4g}")
    _tidy(axes, f"{outcome.problem.objective} of each trial, on the sequences tuned on", "trial")
    axes.set_ylim(bottom=min(low, untuned) - 0.02 * (values.max() - min(low, untuned) + 1e-9))
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    return figure


def _floor(values: Any) -> float:
    """Return where the picture shall begin: hopeless trials would squeeze all others into one line."""
    lower, middle = np.percentile(values, (25, 50))
    return float(max(values.min(), middle - 4 * (middle - lower) - 0.02))


def _importance(new: Any, outcome: Outcome, complete: list[Trial]) -> Any:
    shares = dict(reversed(list(outcome.importances.items())))
    figure = new(figsize=(7, max(2.2, 0.36 * len(shares) + 1.2)), dpi=150, layout="constrained")
    axes = figure.subplots()
    percent = [100 * share for share in shares.values()]
    axes.barh(list(shares), percent, color=MAIN, height=0.62, alpha=0.9, zorder=2)
    for place, share in enumerate(percent):
        axes.annotate(f"{share:.0f} %", (share, place), xytext=(5, 0), textcoords="offset points", va="center")
    _tidy(axes, f"What decides whether a trial is good ({len(complete)} complete trials)", "", grid="x")
    axes.set_xticks([])
    axes.set_xlim(0, 1.12 * max(percent, default=1) or 1)
    return figure


def _slices(new: Any, outcome: Outcome, complete: list[Trial]) -> Any:
    space = sorted(outcome.problem.space, key=lambda one: -outcome.importances.get(one.name, 0.0))
    columns = min(4, len(space))
    rows = math.ceil(len(space) / columns)
    figure = new(figsize=(3.1 * columns + 0.4, 2.5 * rows + 0.4), dpi=150, layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    low = _floor(np.array([trial.value for trial in complete], float))
    for axes, one in zip(grid, space, strict=False):
        _slice(axes, one, outcome, complete)
        axes.set_ylim(bottom=low)
    for axes in grid[len(space) :]:
        axes.set_visible(False)
    figure.supylabel(str(outcome.problem.objective), fontsize=10)
    return figure


def _slice(axes: Any, one: Dimension, outcome: Outcome, complete: list[Trial]) -> None:
    having = [trial for trial in complete if one.name in trial.values]
    where: Any = [trial.values[one.name] for trial in having]
    best = outcome.best.values.get(one.name) if outcome.best is not None else None
    if isinstance(one, Choice):
        where = [one.choices.index(str(value)) for value in where]
        best = None if best is None else one.choices.index(str(best))
        axes.set_xticks(range(len(one.choices)), one.choices)
        axes.set_xlim(-0.5, len(one.choices) - 0.5)
    elif one.log:
        axes.set_xscale("log")
        axes.minorticks_off()
        ticks = [one.low, (one.low * one.high) ** 0.5, one.high]
        axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
    values = [trial.value for trial in having]
    axes.scatter(where, values, c=[trial.number for trial in having], cmap="Blues", vmin=-len(complete) / 2, s=16)
    if best is not None and outcome.best is not None:
        axes.scatter([best], [outcome.best.value], color=BEST, s=42, zorder=3)
    _tidy(axes, one.name, "")
    axes.title.set_fontsize(9)


def _tidy(axes: Any, title: str, xlabel: str, grid: str = "y") -> None:
    axes.set(title=title, xlabel=xlabel)
    axes.grid(axis=grid, color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
