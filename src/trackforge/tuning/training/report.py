"""What a search over trainings leaves behind: the two jobs that follow, a table of trials, facts, pictures, words."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trackforge.errors import MissingDependencyError
from trackforge.io.atomic import atomic_path
from trackforge.runs.machine import surroundings
from trackforge.runs.repeating import repeating
from trackforge.runs.values import plain, written
from trackforge.tuning.space import Range
from trackforge.tuning.tables import columns, write_trials
from trackforge.tuning.training.outcome import Outcome
from trackforge.tuning.training.repeating import spread
from trackforge.tuning.training.trials import TrainingTrial

__all__ = ["facts", "retrain_command", "text", "toml", "write"]

log = logging.getLogger(__name__)
OPTIMISTIC = (
    "The validation pictures chose the values and the epoch, so their score is optimistic: expect less elsewhere, and "
    "judge the result on others."
)


def write(outcome: Outcome) -> list[Path]:
    """Write what was found into the folder of the search; return what was written.

    ``best.toml`` and ``retrain.toml`` are jobs for ``trackforge train --config``; beside them stand ``trials.csv``,
    ``tuning.json`` and the figures.

    Raises:
        SinkError: The place cannot be written to.
    """
    folder = outcome.folder
    files = [folder / "trials.csv", folder / "tuning.json"]
    write_trials(files[0], outcome.trials, [one.name for one in outcome.problem.space], _score_names(outcome))
    with atomic_path(files[1]) as partial:
        partial.write_text(json.dumps(facts(outcome), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if outcome.best is not None:
        files[:0] = [folder / "best.toml", folder / "retrain.toml"]
        for path, whole in zip(files, (False, True), strict=False):
            with atomic_path(path) as partial:
                partial.write_text(toml(outcome, whole=whole), encoding="utf-8")
    try:
        from trackforge.tuning.training.figures import draw

        files += draw(outcome, folder)
    except MissingDependencyError as error:
        log.warning("%s", error)
    return files


def toml(outcome: Outcome, *, whole: bool = False) -> str:
    """Return a training with the best values as a file for ``trackforge train --config``.

    Args:
        outcome: What was found.
        whole: On all pictures, stopped after the epoch that was best, without validation.
    """
    best, objective = outcome.best, outcome.problem.objective
    lines = []
    if best is not None:
        lines.append(f"Found in {len(outcome.trials)} trials: {objective} {best.value:.6g} after epoch {best.epoch}.")
    if whole:
        trained, held, total = outcome.problem.pictures
        lines.append(f"On all {total} pictures ({trained} to train and {held} to validate on), without validation.")
        if 0 < outcome.epoch < outcome.epochs:
            lines.append(f"Stopped after epoch {outcome.epoch} of {outcome.epochs}, which was the best one.")
    job, name = (outcome.retraining(), "retrain.toml") if whole else (outcome.job(), "best.toml")
    first, rest = repeating(job, "train", file=name).split("\n", 1)
    return "\n".join([first, *(f"# {line}" for line in lines), rest])


def retrain_command(outcome: Outcome) -> str:
    """Return the command that trains on all pictures with the best values, after `write`."""
    return f"trackforge train --config {shlex.quote(str(outcome.folder / 'retrain.toml'))}"


def facts(outcome: Outcome) -> dict[str, Any]:
    """Return everything as plain numbers, lists and dicts; scores as they are, gains positive where better."""
    problem, second = outcome.problem, outcome.second
    return {
        **surroundings(),
        "trainer": problem.task.trainer.name,
        "objective": problem.objective,
        "better": outcome.score.better,
        "seed": outcome.search.seed,
        "pictures": dict(zip(("train", "validation", "whole"), problem.pictures, strict=True)),
        "space": {one.name: str(one) for one in problem.space},
        "interrupted": outcome.interrupted,
        "trials": dict(Counter(trial.state for trial in outcome.trials)),
        "seconds_per_trial": outcome.seconds_per_trial,
        "defaults": {one.name: plain(problem.value(one.name)) for one in problem.space},
        "pick": outcome.search.pick,
        "best": _trial(outcome, outcome.best),
        "second": _trial(outcome, second),
        "luckiest": _trial(outcome, outcome.luckiest),
        "default": _trial(outcome, outcome.default),
        "gain": {
            "over_default": outcome.gain(over=outcome.default),
            "over_second": outcome.gain(over=second),
            "over_default_with_other_seeds": outcome.gain(over=outcome.default, repeated=True),
        },
        "repeats": {str(number): [dataclasses.asdict(one) for one in some] for number, some in outcome.repeats.items()},
        "epoch": outcome.epoch,
        "epochs": outcome.epochs,
        "retrain": None if outcome.best is None else retrain_command(outcome),
        "importances": dict(outcome.importances),
    }


def _trial(outcome: Outcome, trial: TrainingTrial | None) -> dict[str, Any] | None:
    if trial is None:
        return None
    return {
        "trial": trial.number,
        "state": trial.state,
        "value": trial.value,
        "epoch": trial.epoch,
        "values": dict(trial.values),
        "scores": dict(trial.scores),
        "folder": str(outcome.place(trial)),
        "reason": trial.reason,
    }


def _score_names(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(name for trial in outcome.trials for name in trial.scores))


def text(outcome: Outcome) -> str:
    """Return a summary for people: values, how far the best is from the default and the second, what to do next."""
    states = Counter(trial.state for trial in outcome.trials)
    lines = [(", ".join(f"{count} {state}" for state, count in states.items()) or "no") + " trials"]
    if outcome.seconds_per_trial is not None:
        lines[0] += f", {outcome.seconds_per_trial:.0f} s each"
    if outcome.best is None:
        reason = next((one.reason for one in outcome.trials if one.reason), "stopped too early.")
        return "\n".join([*lines, f"No trial was complete: {reason}"])
    lines += ["", *columns(_value_rows(outcome)), "", *columns(_trial_rows(outcome)), ""]
    lines += [*_distances(outcome), OPTIMISTIC]
    if not outcome.interrupted:
        lines += ["", "To train with them on all pictures, those validated on too:", f"  {retrain_command(outcome)}"]
    return "\n".join(lines)


def _value_rows(outcome: Outcome) -> list[list[str]]:
    rows = [["setting", "default", "best", "importance"]]
    shares = outcome.importances
    for one in sorted(outcome.problem.space, key=lambda one: -shares.get(one.name, 0.0)):
        before = outcome.problem.value(one.name)
        value = outcome.values.get(one.name, before)
        number = isinstance(one, Range) and isinstance(value, (int, float))
        rows.append(
            [
                one.name,
                f"{before:.4g}" if isinstance(before, float) else "recipe's" if before is None else written(before),
                f"{value:.4g}" if number else "recipe's" if value is None else written(value),
                f"{100 * shares[one.name]:.0f} %" if one.name in shares else "",
            ]
        )
    return rows


def _trial_rows(outcome: Outcome) -> list[list[str]]:
    named: dict[str, TrainingTrial | None] = {
        "default": outcome.default,
        "best": outcome.best,
        "second": outcome.second,
    }
    rows = [["", "trial", outcome.problem.objective, "epoch"]]
    if outcome.repeats:
        rows[0] += ["other seeds"]
    for name, trial in named.items():
        if trial is None:
            continue
        value = f"{trial.state}" if trial.value is None else _number(outcome, trial.value)
        row = [name, str(trial.number), value, f"{trial.epoch}/{outcome.problem.settings(_of(trial)).epochs}"]
        others = outcome.others(trial)
        if outcome.repeats:
            mean, deviation = spread(others) if others else (math.nan, 0.0)
            row.append(f"{_number(outcome, mean)} ± {_number(outcome, deviation)} ({len(others)})" if others else "")
        rows.append(row)
    return rows


def _of(trial: TrainingTrial) -> Mapping[str, Any]:
    return {} if trial.default else trial.values


def _distances(outcome: Outcome) -> Sequence[str]:
    objective, default, best = outcome.problem.objective, outcome.default, outcome.best
    lines = []
    over = outcome.gain(over=default)
    if best is not None and best.default:
        told = " by more than its standard error over seeds (--pick best takes the best one)" if outcome.repeats else ""
        lines.append(f"No trial was better than the default settings{told}.")
    elif over is None:
        lines.append(
            "The default settings have no score to compare with: " + (default.reason if default else "not made.")
        )
    else:
        told = f"{objective}: {_number(outcome, over)} better than the default settings"
        second = outcome.gain(over=outcome.second)
        if second is not None:
            told += (
                f", {_number(outcome, second)} better than the second" if second >= 0 else ", not the best by itself"
            )
        repeated = outcome.gain(over=default, repeated=True)
        if repeated is not None:
            told += f"; with other seeds {_number(outcome, repeated)} better than the default settings"
        lines.append(told + ".")
    if not outcome.repeats:
        lines.append("One run each: how much of that is the seed's is not known; --repeats 3 tells.")
    if best is not None and outcome.epochs > 1 and outcome.epoch == outcome.epochs:
        lines.append("The best epoch is the last one: more epochs may be better still (train.epochs).")
    return lines


def _number(outcome: Outcome, value: float) -> str:
    return f"{100 * value:.2f}" if outcome.score.unit == "share" else f"{value:.4g}"
