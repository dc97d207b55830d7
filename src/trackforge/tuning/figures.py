"""Pictures of a search: its course, what mattered, and how the score depends on each dimension."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.figures import GRID, INK, LINES, drawing, save
from trackforge.tuning.space import Choice, Dimension
from trackforge.tuning.study import Trial
from trackforge.tuning.tuning import Outcome

__all__ = ["BEST", "MAIN", "POOR", "Course", "draw", "draw_course", "tidy", "worst_shown"]

MAIN, BEST, POOR = LINES["HOTA"], LINES["DetA"], "#9ca3af"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Course:
    """What pictures show of a search.

    Attributes:
        trials: All trials.
        space: What was searched.
        objective: What the value is called.
        title: Of the picture of the course.
        default: The value without tuning, or None where it is not known.
        best: The trial that counts, or None.
        importances: Share of each dimension; empty where nothing is known.
        lower: Whether less is better.
        stopped: States of trials that are shown though they have no value.
    """

    trials: Sequence[Trial]
    space: Sequence[Dimension]
    objective: str
    title: str
    default: float | None
    best: Trial | None
    importances: Mapping[str, float]
    lower: bool = False
    stopped: tuple[str, ...] = ("pruned", "refused")

    @property
    def complete(self) -> list[Trial]:
        """Trials that have a value."""
        return [trial for trial in self.trials if trial.value is not None]


def draw(outcome: Outcome, folder: Path) -> list[Path]:
    """Write ``history.png``, ``slices.png`` and, where known, ``importance.png``; return the paths.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        SinkError: The place cannot be written to.
    """
    problem = outcome.problem
    course = Course(
        trials=outcome.trials,
        space=problem.space,
        objective=str(problem.objective),
        title=f"{problem.objective} of each trial, on the sequences tuned on",
        default=problem.objective(outcome.default_train),
        best=outcome.best,
        importances=outcome.importances,
    )
    return draw_course(course, folder)


def draw_course(
    course: Course, folder: Path, more: Mapping[str, Callable[[Any, Course], Any]] | None = None
) -> list[Path]:
    """Write the pictures of a course, and further ones by name; raises as `draw` does."""
    if not course.complete:
        return []
    drawings: dict[str, Callable[[Any, Course], Any]] = {"history": _history, "slices": _slices}
    if course.importances:
        drawings["importance"] = _importance
    written = []
    with drawing("trackforge-mot[tune]") as new:
        for name, draw_one in {**drawings, **(more or {})}.items():
            figure = draw_one(new, course)
            written.append(folder / f"{name}.png")
            save(figure, written[-1])
    return written


def _history(new: Any, course: Course) -> Any:
    figure = new(figsize=(8, 4.4), dpi=150, layout="constrained")
    axes = figure.subplots()
    numbers = [trial.number for trial in course.complete]
    values = np.array([trial.value for trial in course.complete], float)
    so_far = (np.minimum if course.lower else np.maximum).accumulate(values)
    axes.scatter(numbers, values, s=22, color=MAIN, alpha=0.55, linewidth=0, label="complete")
    axes.step(numbers, so_far, where="post", color=BEST, lw=2, label="best so far")
    stopped = [trial.number for trial in course.trials if trial.state in course.stopped]
    worst = worst_shown(values, lower=course.lower)
    if stopped:
        label = f"{', '.join(course.stopped[:-1])} or {course.stopped[-1]}"
        axes.scatter(stopped, [worst] * len(stopped), marker="|", s=50, color=POOR, label=label)
    end = worst
    if course.default is not None:
        axes.axhline(course.default, color=INK, lw=1, ls=(0, (4, 3)), label=f"default {course.default:.4g}")
        end = max(worst, course.default) if course.lower else min(worst, course.default)
    tidy(axes, course.title, "trial")
    if course.lower:
        axes.set_ylim(top=end + 0.02 * (end - values.min() + 1e-9))
    else:
        axes.set_ylim(bottom=end - 0.02 * (values.max() - end + 1e-9))
    axes.legend(loc="best" if course.lower else "lower right", frameon=False, fontsize=9)
    return figure


def worst_shown(values: Any, *, lower: bool = False) -> float:
    """Return where a picture shall begin, or end: hopeless trials would squeeze all others into one line."""
    if lower:
        return -worst_shown(-values)
    poor, middle = np.percentile(values, (25, 50))
    return float(max(values.min(), middle - 4 * (middle - poor) - 0.02))


def _importance(new: Any, course: Course) -> Any:
    shares = dict(reversed(list(course.importances.items())))
    figure = new(figsize=(7, max(2.2, 0.36 * len(shares) + 1.2)), dpi=150, layout="constrained")
    axes = figure.subplots()
    percent = [100 * share for share in shares.values()]
    axes.barh(list(shares), percent, color=MAIN, height=0.62, alpha=0.9, zorder=2)
    for place, share in enumerate(percent):
        axes.annotate(f"{share:.0f} %", (share, place), xytext=(5, 0), textcoords="offset points", va="center")
    tidy(axes, f"What decides whether a trial is good ({len(course.complete)} complete trials)", "", grid="x")
    axes.set_xticks([])
    axes.set_xlim(0, 1.12 * max(percent, default=1) or 1)
    return figure


def _slices(new: Any, course: Course) -> Any:
    space = sorted(course.space, key=lambda one: -course.importances.get(one.name, 0.0))
    columns = min(4, len(space))
    rows = math.ceil(len(space) / columns)
    figure = new(figsize=(3.1 * columns + 0.4, 2.5 * rows + 0.4), dpi=150, layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    worst = worst_shown(np.array([trial.value for trial in course.complete], float), lower=course.lower)
    for axes, one in zip(grid, space, strict=False):
        _slice(axes, one, course)
        axes.set_ylim(**{"top" if course.lower else "bottom": worst})
    for axes in grid[len(space) :]:
        axes.set_visible(False)
    figure.supylabel(course.objective, fontsize=10)
    return figure


def _slice(axes: Any, one: Dimension, course: Course) -> None:
    having = [trial for trial in course.complete if one.name in trial.values]
    where: Any = [trial.values[one.name] for trial in having]
    best = course.best.values.get(one.name) if course.best is not None else None
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
    vmin = -len(course.complete) / 2
    axes.scatter(where, values, c=[trial.number for trial in having], cmap="Blues", vmin=vmin, s=16)
    if best is not None and course.best is not None:
        axes.scatter([best], [course.best.value], color=BEST, s=42, zorder=3)
    tidy(axes, one.name, "")
    axes.title.set_fontsize(9)


def tidy(axes: Any, title: str, xlabel: str, grid: str = "y") -> None:
    """Give axes the looks of the library."""
    axes.set(title=title, xlabel=xlabel)
    axes.grid(axis=grid, color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
