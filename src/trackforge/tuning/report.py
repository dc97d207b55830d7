"""What a search leaves behind: settings to use, a table of trials, facts for programs, pictures."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

from trackforge.errors import MissingDependencyError
from trackforge.io.atomic import atomic_path
from trackforge.metrics import Report
from trackforge.runs.machine import surroundings
from trackforge.runs.values import plain, written
from trackforge.runs.values import toml as toml_of
from trackforge.tuning.optimising import KEPT
from trackforge.tuning.space import Range
from trackforge.tuning.study import Trial
from trackforge.tuning.tables import columns, write_trials
from trackforge.tuning.tuning import Outcome

__all__ = ["facts", "text", "toml", "write"]

log = logging.getLogger(__name__)


def write(outcome: Outcome, folder: str | Path) -> list[Path]:
    """Write ``best.toml``, ``trials.csv``, ``tuning.json`` and the figures into a folder; return what was written.

    Raises:
        SinkError: The place cannot be written to.
    """
    folder = Path(folder)
    files = [folder / "trials.csv", folder / "tuning.json"]
    write_trials(files[0], outcome.trials, [one.name for one in outcome.problem.space], KEPT)
    with atomic_path(files[1]) as partial:
        partial.write_text(json.dumps(facts(outcome), indent=1) + "\n", encoding="utf-8")
    if outcome.best is not None:
        files.insert(0, folder / "best.toml")
        with atomic_path(files[0]) as partial:
            partial.write_text(toml(outcome), encoding="utf-8")
    try:
        from trackforge.tuning.figures import draw

        files += draw(outcome, folder)
    except MissingDependencyError as error:
        log.warning("%s", error)
    return files


def facts(outcome: Outcome) -> dict[str, Any]:
    """Return everything as plain numbers, lists and dicts."""
    problem, best = outcome.problem, outcome.best
    return {
        **surroundings(),
        "tracker": problem.setup.tracker.name,
        "objective": str(problem.objective),
        "average": problem.objective.average,
        "preprocessing": problem.preprocessing,
        "box": problem.box,
        "seed": outcome.search.seed,
        "train": [one.name for one in problem.train],
        "val": [one.name for one in problem.val],
        "space": {one.name: str(one) for one in problem.space},
        "interrupted": outcome.interrupted,
        "trials": dict(Counter(trial.state for trial in outcome.trials)),
        "seconds_per_trial": outcome.seconds_per_trial,
        "defaults": {one.name: plain(problem.setup.value(one.name)) for one in problem.space},
        "pick": outcome.search.pick,
        "best": _trial(best),
        "luckiest": _trial(outcome.luckiest),
        "scores": {
            "train": {"default": _scores(outcome.default_train), "best": _scores(outcome.best_train)},
            "val": {"default": _scores(outcome.default_val), "best": _scores(outcome.best_val)},
        },
        "gain": {"train": outcome.gain(held_out=False), "val": outcome.gain(held_out=True)},
        "importances": dict(outcome.importances),
    }


def _trial(trial: Trial | None) -> dict[str, Any] | None:
    if trial is None:
        return None
    return {"trial": trial.number, "value": trial.value, "values": dict(trial.values)}


def _scores(report: Report | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {
        "combined": {name: report.combined[name] for name in KEPT},
        "sequences": {name: {key: scores[key] for key in KEPT} for name, scores in report.sequences.items()},
    }


def toml(outcome: Outcome) -> str:
    """Return the best settings as a file for ``trackforge track --config``."""
    problem, best = outcome.problem, outcome.best
    lines = []
    if best is not None:
        tuned = ", ".join(one.name for one in problem.train)
        lines.append(f"# Found in {len(outcome.trials)} trials: {problem.objective} {best.value:.6g} on {tuned}.")
    if outcome.best_val is not None and outcome.default_val is not None:
        held, before = (problem.objective(report) for report in (outcome.best_val, outcome.default_val))
        lines.append(f"# Held out {', '.join(one.name for one in problem.val)}: {held:.6g}, untuned {before:.6g}.")
    return "".join(f"{line}\n" for line in lines) + toml_of({"box": problem.box, **outcome.setup.tables()})


def text(outcome: Outcome) -> str:
    """Return a summary for people: values, and scores with and without tuning on both parts."""
    problem, best = outcome.problem, outcome.best
    states = Counter(trial.state for trial in outcome.trials)
    lines = [", ".join(f"{count} {state}" for state, count in states.items()) + " trials"]
    if outcome.seconds_per_trial is not None:
        lines[0] += f", {outcome.seconds_per_trial:.2f} s each"
    if best is None:
        return "\n".join([*lines, "No trial was complete: " + (_first_reason(outcome) or "stopped too early.")])
    rows = [["setting", "default", "best", "importance"]]
    for one in sorted(problem.space, key=lambda one: -outcome.importances.get(one.name, 0.0)):
        share = outcome.importances.get(one.name)
        value = best.values.get(one.name)
        shown = "-" if value is None else f"{value:.4g}" if isinstance(one, Range) else str(value)
        before = problem.setup.value(one.name)
        rows.append(
            [
                one.name,
                f"{before:.4g}" if isinstance(before, float) else written(before),
                shown,
                "" if share is None else f"{100 * share:.0f} %",
            ]
        )
    lines += ["", *columns(rows), ""]
    rows = [["scores", "sequences", *KEPT]]
    for part, footage, reports in (
        ("tuned on", problem.train, (outcome.default_train, outcome.best_train)),
        ("held out", problem.val, (outcome.default_val, outcome.best_val)),
    ):
        for label, report in zip(("default", "best"), reports, strict=True):
            if report is not None:
                rows.append([f"{part}, {label}", str(len(footage)), *(_percent(report, name) for name in KEPT)])
    lines += columns(rows)
    if best.values == problem.defaults():
        lines.append("No trial was better by more than a single sequence decides (--pick best takes the best one).")
    if not problem.val:
        lines.append("Nothing was held out, so the gain is that on the sequences tuned on: expect less elsewhere.")
    elif best.values != problem.defaults() and (outcome.gain(held_out=True) or 0.0) <= 0:
        lines.append("Held out, these settings are no better than the default: keep the default, or tune on more.")
    return "\n".join(lines)


def _first_reason(outcome: Outcome) -> str:
    return next((trial.reason for trial in outcome.trials if trial.reason), "")


def _percent(report: Report, name: str) -> str:
    value = report.combined[name]
    return str(value) if isinstance(value, int) else f"{100 * value:.2f}"
