"""The search from end to end."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trackforge.errors import ConfigError
from trackforge.io.owned import owned
from trackforge.metrics import Report
from trackforge.runs.setups import Setup
from trackforge.tuning.judging import best, importances, steady
from trackforge.tuning.optimising import open_study, work
from trackforge.tuning.problem import Problem
from trackforge.tuning.study import Search, Trial, recorded
from trackforge.tuning.workers import run_workers

if TYPE_CHECKING:
    import optuna

__all__ = ["Outcome", "tune"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a search has found.

    Attributes:
        problem: The question.
        search: How it was looked for.
        trials: Every trial, failed ones too, in the order of their beginning.
        best: The trial that counts, by `Search.pick`; None where none is complete.
        luckiest: The trial of the greatest value; None where none is complete.
        default_train: Scores without tuning on the sequences that were tuned on.
        best_train: Scores of the best trial on them.
        default_val: Scores without tuning on the sequences held out; None where none are.
        best_val: Scores of the best trial on them.
        importances: Share of each dimension in what decides whether a trial is good; empty for few trials.
        interrupted: Whether the search was stopped before all trials were made.
    """

    problem: Problem
    search: Search
    trials: Sequence[Trial]
    best: Trial | None
    luckiest: Trial | None
    default_train: Report
    best_train: Report | None
    default_val: Report | None
    best_val: Report | None
    importances: Mapping[str, float]
    interrupted: bool

    @property
    def setup(self) -> Setup:
        """Detector and tracker with the best values."""
        return self.problem.setup if self.best is None else self.problem.setup.but(self.best.values)

    @property
    def seconds_per_trial(self) -> float | None:
        """Median time of a complete trial."""
        times = [trial.seconds for trial in self.trials if trial.state == "complete"]
        return statistics.median(times) if times else None

    def gain(self, *, held_out: bool) -> float | None:
        """Return by how much the best trial's objective exceeds that without tuning.

        Args:
            held_out: On the sequences held out rather than on those tuned on.
        """
        before = self.default_val if held_out else self.default_train
        after = self.best_val if held_out else self.best_train
        if before is None or after is None:
            return None
        return self.problem.objective(after) - self.problem.objective(before)


def tune(
    problem: Problem,
    study: str | Path,
    *,
    trials: int = 100,
    workers: int = 1,
    search: Search | None = None,
    on_trial: Callable[[Trial], object] | None = None,
    begun: Callable[[], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Search for the settings that score best on some sequences, and score them on others.

    The first trial is the settings as they are. A study that exists is continued: ``trials`` is what it shall hold in
    all. With one worker the same seed gives the same trials, also when the search was interrupted and continued; with
    several, the order in which they end decides.

    Args:
        problem: What to search, on what.
        study: File that every trial is written to as it happens.
        trials: Trials in all, pruned and refused ones included.
        workers: Processes.
        search: How to look.
        on_trial: Called after each trial.
        begun: Called once the study is this search's, before it is worked on.
        stop: Asked now and then whether to stop early.

    Raises:
        ConfigError: The study is about something else or in use, or the settings without tuning do not work.
        MissingDependencyError: Optuna is not installed.
        TrackforgeError: A worker was killed.
    """
    if trials < 1 or workers < 1:
        raise ConfigError(f"trials and workers must be >= 1; got {trials} and {workers}.")
    path, search, stop = Path(study), search or Search(), stop or _never
    with owned(path.with_name(path.name + ".owner"), "A study is for one search at a time"):
        opened = open_study(path, problem, search, fresh=True)
        if begun is not None:
            begun()
        problem.library.check_floor(problem.train, {})
        default_train = problem.score({})
        problem.objective(default_train)  # a misspelt score shows before the work begins
        missing = trials - len(_finished(opened))
        for trial in _trials(opened, path, problem, search, missing, workers, stop):
            if on_trial is not None:
                on_trial(trial)
        return _outcome(opened, problem, search, default_train, interrupted=len(_finished(opened)) < trials)


def _never() -> bool:
    return False


def _finished(study: optuna.Study) -> list[Trial]:
    return [trial for trial in _all(study) if trial.state != "failed"]


def _all(study: optuna.Study) -> list[Trial]:
    return [recorded(trial) for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]


def _trials(
    study: optuna.Study,
    path: Path,
    problem: Problem,
    search: Search,
    count: int,
    workers: int,
    stop: Callable[[], bool],
) -> Iterator[Trial]:
    if count <= 0 or stop():
        return
    if min(workers, count) > 1:
        for one in problem.train:  # once here rather than once in every worker
            problem.library.find(one, {})
        yield from run_workers(path, problem, search, trials=count, workers=min(workers, count), stop=stop)
        return
    numbers = iter(range(count))
    yield from work(study, problem, more=lambda: next(numbers, None) is not None, stop=stop)


def _outcome(
    study: optuna.Study, problem: Problem, search: Search, default_train: Report, *, interrupted: bool
) -> Outcome:
    trials = _all(study)
    luckiest = chosen = best(trials)
    if search.pick == "steady":
        chosen = steady(trials, problem.objective(default_train), problem.left_out(default_train)) or luckiest
    scored: dict[str, Any] = {"best_train": None, "default_val": None, "best_val": None}
    if chosen is not None and not interrupted:
        scored["best_train"] = problem.score(chosen.values)
        if problem.val:
            scored["default_val"] = problem.score({}, problem.val)
            scored["best_val"] = problem.score(chosen.values, problem.val)
    return Outcome(
        problem=problem,
        search=search,
        trials=trials,
        best=chosen,
        luckiest=luckiest,
        default_train=default_train,
        interrupted=interrupted,
        importances=importances(study),
        **scored,
    )
