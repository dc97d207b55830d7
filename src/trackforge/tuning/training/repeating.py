"""The best trials once more, with other seeds: what of their gain is luck.

A trial that is the best of many is lucky as well as good, and a training is another with every seed. So the best few
and the settings as they are can be trained again with other seeds, the same for each, and are judged by these runs
alone: the run that made a trial one of the best would flatter it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trackforge.tuning.training.attempt import Attempt, End, Slot, course_of, thin
from trackforge.tuning.training.question import Problem
from trackforge.tuning.training.searching import PAUSE, Watch, halt
from trackforge.tuning.training.trials import TrainingTrial, best_epoch, complete, folder_of, score_of, worth

if TYPE_CHECKING:
    import optuna

__all__ = ["FINALISTS", "Repeat", "finalists", "repeat", "repeats_of", "spread"]

FINALISTS = 3
"""Trials that are repeated, beside the settings as they are."""
KEY = "repeat"


@dataclass(frozen=True)
class Repeat:
    """A trial's values with another seed.

    Attributes:
        seed: What was added to the training's seed.
        value: Of the best epoch; None where it failed.
        epoch: The best epoch.
        reason: Why it failed.
    """

    seed: int
    value: float | None
    epoch: int = 0
    reason: str = ""


def finalists(trials: Sequence[TrainingTrial], study: optuna.Study, objective: str) -> list[TrainingTrial]:
    """Return the settings as they are, and the best of the other complete trials, best first."""
    score = score_of(study, objective)
    ranked = sorted(complete(trials), key=lambda one: (-worth(score, one.value or 0.0), one.number))
    return [one for one in ranked if one.default] + [one for one in ranked if not one.default][:FINALISTS]


def repeats_of(study: optuna.Study, count: int) -> dict[int, tuple[Repeat, ...]]:
    """Return what is known of repeats, by number of the trial, of the first ``count`` seeds."""
    found: dict[int, list[Repeat]] = {}
    for key, said in study.user_attrs.items():
        word, _, rest = key.partition(" ")
        number, _, seed = rest.partition(" ")
        if word == KEY and int(seed) <= count:
            found.setdefault(int(number), []).append(Repeat(int(seed), **said))
    return {number: tuple(sorted(some, key=lambda one: one.seed)) for number, some in found.items()}


def spread(values: Iterable[float]) -> tuple[float, float]:
    """Return mean and standard deviation of one value or more; that of a single one is 0."""
    given = np.array(list(values), float)
    return float(given.mean()), float(given.std(ddof=1)) if len(given) > 1 else 0.0


def repeat(
    study: optuna.Study,
    problem: Problem,
    trials: Sequence[TrainingTrial],
    folder: Path,
    slots: Sequence[Slot],
    count: int,
    *,
    stop: Callable[[], bool],
    watch: Watch,
) -> None:
    """Train the finalists again with ``count`` other seeds each, as far as that was not done; the study keeps it.

    Raises:
        TrackforgeError: What is wrong has nothing to do with values.
    """
    done = {(number, one.seed) for number, some in repeats_of(study, count).items() for one in some}
    chosen = finalists(trials, study, problem.objective)
    waiting = [(one, seed) for seed in range(1, count + 1) for one in chosen if (one.number, seed) not in done]
    running: dict[tuple[int, int], Attempt] = {}
    try:
        while (waiting or running) and not stop():
            while waiting and len(running) < len(slots):
                trial, seed = waiting.pop(0)
                running[trial.number, seed] = _begin(problem, trial, seed, folder, slots, running.values(), watch)
            for (number, seed), attempt in list(running.items()):
                end = attempt.look()
                if end is not None:
                    del running[number, seed]
                    if end.how == "anew":
                        waiting.insert(0, (next(one for one in chosen if one.number == number), seed))
                        continue
                    _keep(study, problem, (number, seed), attempt.folder, end)
            time.sleep(PAUSE)
    finally:
        halt(list(running.values()), wait=stop())


def _begin(
    problem: Problem,
    trial: TrainingTrial,
    seed: int,
    folder: Path,
    slots: Sequence[Slot],
    running: Iterable[Attempt],
    watch: Watch,
) -> Attempt:
    used = {attempt.slot for attempt in running}
    slot = next((one for one in slots if one not in used), slots[0])
    name = folder_of(trial.number, seed)
    job = problem.trial({} if trial.default else trial.values, folder / name, seed=seed)

    def tell(fact: Mapping[str, Any]) -> None:
        watch(name, fact)

    return Attempt(job, slot, tell)


def _keep(study: optuna.Study, problem: Problem, which: tuple[int, int], folder: Path, end: End) -> None:
    if end.how == "unfinished":
        return
    if end.how == "error" and end.error is not None:
        raise end.error
    number, seed = which
    score = score_of(study, problem.objective)
    course = {
        epoch: row[problem.objective]
        for epoch, row in course_of(folder, [problem.objective]).items()
        if problem.objective in row
    }
    epoch = best_epoch(course, score)
    if end.how == "complete" and epoch:
        said: dict[str, Any] = {"value": course[epoch], "epoch": epoch}
    else:
        said = {"value": None, "reason": end.reason or f"{problem.objective} was never a number"}
    study.set_user_attr(f"{KEY} {number} {seed}", said)
    thin(folder)
