"""Trials of association: values are tried sequence by sequence, and told to the study."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trackforge.errors import TrackforgeError
from trackforge.metrics import Report
from trackforge.tuning.problem import Problem
from trackforge.tuning.space import suggest
from trackforge.tuning.study import Search, Trial, load_optuna, open_journal, recorded

if TYPE_CHECKING:
    import optuna

__all__ = ["KEPT", "open_study", "work"]

KEPT = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW")
"""Scores that are stored with every trial."""


def open_study(path: Path, problem: Problem, search: Search, *, fresh: bool = False) -> optuna.Study:
    """Open a study of a problem, or begin one; see `trackforge.tuning.study.open_journal`, whose errors it raises."""
    return open_journal(
        path,
        search,
        _pruner(load_optuna(), problem, search),
        identity=problem.identity(),
        defaults=problem.defaults(),
        fresh=fresh,
    )


def _pruner(optuna: Any, problem: Problem, search: Search) -> Any:
    if not search.pruning or len(problem.train) < 2:
        return optuna.pruners.NopPruner()
    rows = np.cumsum([len(one.truth) for one in problem.train])
    first = int(np.searchsorted(rows, rows[-1] / 3))  # not before a third of all boxes has been seen
    return optuna.pruners.MedianPruner(n_startup_trials=search.startup, n_warmup_steps=first)


def work(
    study: optuna.Study,
    problem: Problem,
    *,
    more: Callable[[], bool],
    stop: Callable[[], bool],
) -> Iterator[Trial]:
    """Try values, as long as there are more trials to make and nobody says stop; yield each trial that ended.

    Values that do not go together count as tried: their trial is pruned, with the reason. A trial that is stopped, or
    in which something unexpected goes wrong, is marked as failed.
    """
    optuna = load_optuna()
    states = optuna.trial.TrialState
    while not stop() and more():
        trial = study.ask()
        try:
            state, value = _try(trial, problem, stop)
        except BaseException:
            with contextlib.suppress(Exception):
                study.tell(trial, state=states.FAIL)
            raise
        study.tell(trial, value, state)
        yield recorded(study.get_trials(deepcopy=False)[trial.number])
        if state == states.FAIL:
            return


def _try(trial: Any, problem: Problem, stop: Callable[[], bool]) -> tuple[Any, float | None]:
    optuna = load_optuna()
    states = optuna.trial.TrialState

    def after(number: int, report: Report) -> None:
        if stop():
            raise _Stopped
        trial.report(problem.objective(report), number)
        if number + 1 < len(problem.train) and trial.should_prune():
            _note(trial, report)
            raise optuna.TrialPruned

    try:
        report = problem.score(suggest(trial, problem.space), after=after)
    except _Stopped:
        return states.FAIL, None
    except optuna.TrialPruned:
        return states.PRUNED, None
    except TrackforgeError as error:
        trial.set_user_attr("refused", str(error))
        return states.PRUNED, None
    _note(trial, report)
    trial.set_user_attr("left_out", problem.left_out(report))
    return states.COMPLETE, problem.objective(report)


class _Stopped(Exception):  # noqa: N818 - a signal inside this module
    pass


def _note(trial: Any, report: Report) -> None:
    trial.set_user_attr("scores", {name: report.combined[name] for name in KEPT})
