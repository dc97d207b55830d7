"""Pictures of a search over trainings: those of every search, and the course of every trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trackforge.figures import INK
from trackforge.tuning.figures import BEST, MAIN, POOR, Course, draw_course, tidy, worst_shown
from trackforge.tuning.training.outcome import Outcome

__all__ = ["draw"]


def draw(outcome: Outcome, folder: Path) -> list[Path]:
    """Write ``history.png``, ``slices.png``, ``curves.png`` and, where known, ``importance.png``; return the paths.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        SinkError: The place cannot be written to.
    """
    problem, default = outcome.problem, outcome.default
    course = Course(
        trials=outcome.trials,
        space=problem.space,
        objective=problem.objective,
        title=f"{problem.objective} of each trial's best epoch, on the pictures to validate on",
        default=None if default is None else default.value,
        best=outcome.best,
        importances=outcome.importances,
        lower=outcome.score.better == "lower",
        stopped=("pruned", "refused", "failed"),
    )

    def curves(new: Any, course: Course) -> Any:
        return _curves(new, outcome, course)

    return draw_course(course, folder, {"curves": curves})


def _curves(new: Any, outcome: Outcome, course: Course) -> Any:
    figure = new(figsize=(8, 4.4), dpi=150, layout="constrained")
    axes = figure.subplots()
    shown: set[str] = set()
    for trial in sorted(outcome.trials, key=lambda one: (one == outcome.best, one.default, one.state == "complete")):
        look: dict[str, Any]
        points = [(epoch, value) for epoch, value in trial.course.items() if epoch and np.isfinite(value)]
        if not points:
            continue
        if trial == outcome.best:
            label, look = f"best, trial {trial.number}", {"color": BEST, "lw": 2.2, "zorder": 4}
        elif trial.default:
            label, look = "default", {"color": INK, "lw": 1.6, "ls": (0, (4, 3)), "zorder": 3}
        elif trial.state == "complete":
            label, look = "complete", {"color": MAIN, "lw": 1, "alpha": 0.5}
        else:
            label, look = "stopped early", {"color": POOR, "lw": 1, "alpha": 0.8}
        named = None if label in shown else label
        shown.add(label)
        axes.plot(*zip(*points, strict=True), marker="o", ms=3 if len(points) < 30 else 0, label=named, **look)
    tidy(axes, f"{course.objective} over epochs, one line for each trial", "epoch")
    values = [v for trial in outcome.trials for e, v in trial.course.items() if e and np.isfinite(v)]
    if len(values) > 3:
        worst = worst_shown(np.array(values, float), lower=course.lower)
        axes.set_ylim(**{"top" if course.lower else "bottom": worst})
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="best", frameon=False, fontsize=9)
    return figure
