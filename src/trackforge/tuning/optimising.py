"""Optuna, as far as the rest of the package needs it: a study in a file, and trials that can be repeated."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trackforge.errors import ConfigError, DataError, MissingDependencyError, TrackforgeError
from trackforge.metrics import Report
from trackforge.tuning.journal import mend
from trackforge.tuning.problem import Problem
from trackforge.tuning.space import suggest

if TYPE_CHECKING:
    import optuna

__all__ = ["Search", "Trial", "load_optuna", "open_study", "recorded", "work"]

log = logging.getLogger(__name__)
NAME = "trackforge"
KEPT = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW")
"""Scores that are stored with every trial."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One set of values and what came of it.

    Attributes:
        number: Counted from 0, in the order of their beginning.
        state: ``complete``, ``pruned`` (stopped early, as no good), ``refused`` (the values do not go together), or
            ``failed`` (interrupted).
        value: Of the objective; None unless complete.
        values: By ``section.setting``.
        scores: Some scores over all sequences to tune on; of pruned trials, over those that were reached.
        seconds: Computing time.
        left_out: The objective without each of the sequences; for complete trials.
        reason: Why it was refused.
    """

    number: int
    state: str
    value: float | None
    values: Mapping[str, Any]
    scores: Mapping[str, float]
    seconds: float
    left_out: Mapping[str, float] = dataclasses.field(default_factory=dict)
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    """How to look for the best values.

    Attributes:
        seed: Of the choice of values; with one worker, the same seed gives the same trials.
        startup: Trials at random before a model of the scores chooses.
        pruning: Whether to stop trials that are worse than half of the others after the same sequences.
        pick: Which trial counts in the end: ``"best"``, that of the greatest value; or ``"steady"``, that of the
            greatest gain over the untuned settings less its standard error (see `trackforge.tuning.judging`).
    """

    seed: int = 0
    startup: int = 10
    pruning: bool = True
    pick: Literal["best", "steady"] = "steady"

    def __post_init__(self) -> None:
        if self.pick not in ("best", "steady"):
            raise ConfigError(f"pick must be best or steady; got {self.pick!r}.")


def load_optuna() -> Any:
    """Import Optuna, and keep it quiet.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        module = importlib.import_module("optuna")
    except ImportError as error:
        raise MissingDependencyError(
            "Tuning needs optuna, which is not installed; run: pip install 'trackforge-mot[tune]'", name="optuna"
        ) from error
    module.logging.set_verbosity(module.logging.WARNING)
    return module


def open_study(path: Path, problem: Problem, search: Search, *, fresh: bool = False) -> optuna.Study:
    """Open a study, or begin one.

    Args:
        path: File with the journal of the study.
        problem: What the study is about; one that stands there must be about the same.
        search: How to look.
        fresh: Whether the caller owns the study: replaces one about something else that holds no finished trial, cuts
            off a record that was torn in writing, marks trials that somebody left unfinished, and queues the defaults.

    Raises:
        ConfigError: The study is about something else.
        DataError: The file is no study.
    """
    module = load_optuna()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if fresh and path.is_file():
            mend(path)
        backend = module.storages.journal.JournalFileBackend(str(path))
        storage = module.storages.JournalStorage(backend)
        study: optuna.Study = module.create_study(
            study_name=NAME,
            storage=storage,
            direction="maximize",
            load_if_exists=True,
            sampler=_sampler(module, search),
            pruner=_pruner(module, problem, search),
        )
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise DataError(
            f"A study must be a journal that tuning has written; this is none: {error!r}. Name another file.", path=path
        ) from error
    if fresh and study.user_attrs.get("identity") not in (None, problem.identity()) and not _begun(study):
        log.warning("%s: the study there, of something else, has no finished trial; this one takes its place", path)
        path.unlink()
        return open_study(path, problem, search, fresh=True)
    if fresh:
        _adopt(study, problem, path)
    return study


def _adopt(study: optuna.Study, problem: Problem, path: Path) -> None:
    optuna = load_optuna()
    states = optuna.trial.TrialState
    identity, before = problem.identity(), study.user_attrs.get("identity")
    if before is None:
        study.set_user_attr("identity", identity)
    elif before != identity:
        differing = [key for key in {**before, **identity} if before.get(key) != identity.get(key)]
        raise ConfigError(
            f"{path} holds a study of something else: {', '.join(differing)} differ. Name another file for this one, "
            "or repeat what was asked then."
        )
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
        study.tell(trial.number, state=states.FAIL)
    begun = study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED, states.WAITING))
    if not begun and problem.defaults():
        study.enqueue_trial(problem.defaults())


def _begun(study: optuna.Study) -> bool:
    states = load_optuna().trial.TrialState
    return bool(study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)))


def _pruner(optuna: Any, problem: Problem, search: Search) -> Any:
    if not search.pruning or len(problem.train) < 2:
        return optuna.pruners.NopPruner()
    rows = np.cumsum([len(one.truth) for one in problem.train])
    first = int(np.searchsorted(rows, rows[-1] / 3))  # not before a third of all boxes has been seen
    return optuna.pruners.MedianPruner(n_startup_trials=search.startup, n_warmup_steps=first)


def _sampler(optuna: Any, search: Search) -> Any:
    """Return a TPE sampler whose choices depend on seed, number and history of a trial, not on who asks.

    So a search that was interrupted goes on as if it had not been. Failed trials do not count: what takes their place
    gets the same random numbers.
    """

    class Repeatable(optuna.samplers.BaseSampler):  # type: ignore[misc]
        def __init__(self) -> None:
            self._inner: Any = None

        def before_trial(self, study: Any, trial: Any) -> None:
            failed = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.FAIL,))
            index = trial.number - sum(other.number < trial.number for other in failed)
            seed = int(np.random.SeedSequence((search.seed, index)).generate_state(1)[0])
            self._inner = optuna.samplers.TPESampler(seed=seed, n_startup_trials=search.startup)
            self._inner.before_trial(study, trial)

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return self._inner.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            return self._inner.sample_relative(study, trial, search_space)

        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            return self._inner.sample_independent(study, trial, param_name, param_distribution)

        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            if self._inner is not None:
                self._inner.after_trial(study, trial, state, values)

    return Repeatable()


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


def recorded(trial: optuna.trial.FrozenTrial) -> Trial:
    """Return what a study says about a trial."""
    reason = str(trial.user_attrs.get("refused", ""))
    state = {"COMPLETE": "complete", "PRUNED": "refused" if reason else "pruned"}.get(trial.state.name, "failed")
    return Trial(
        number=trial.number,
        state=state,
        value=trial.value if state == "complete" else None,
        values=dict(trial.params),
        scores=trial.user_attrs.get("scores", {}),
        seconds=trial.duration.total_seconds() if trial.duration else 0.0,
        left_out=trial.user_attrs.get("left_out", {}),
        reason=reason,
    )
