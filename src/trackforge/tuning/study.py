"""Optuna, as far as every search needs it: a study in a file, trials that can be repeated, what is known of them."""

from __future__ import annotations

import dataclasses
import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trackforge.errors import ConfigError, DataError, MissingDependencyError
from trackforge.tuning.journal import mend

if TYPE_CHECKING:
    import optuna

__all__ = ["NAME", "Search", "Trial", "load_optuna", "open_journal", "recorded"]

log = logging.getLogger(__name__)
NAME = "trackforge"
DEFAULT = "default"
"""Attribute of the trial that is the settings as they are."""


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


def open_journal(
    path: Path,
    search: Search,
    pruner: Any,
    *,
    identity: Mapping[str, Any],
    defaults: Mapping[str, Any],
    fresh: bool = False,
    keep: bool = False,
) -> optuna.Study:
    """Open a study, or begin one; its objective is what shall be large.

    Args:
        path: File with the journal of the study.
        search: How to look.
        pruner: Which trials to stop early.
        identity: What the study is about; one that stands there must be about the same.
        defaults: Values of the first trial, as far as they lie in the space: the settings as they are.
        fresh: Whether the caller owns the study: replaces one about something else that holds no finished trial, cuts
            off a record that was torn in writing, marks trials that somebody left unfinished, and queues the defaults.
        keep: Leave unfinished trials as they are, to go on with; the first trial is made even where no value of it
            lies in the space, and has an attribute that tells it.

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
            pruner=pruner,
        )
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise DataError(
            f"A study must be a journal that tuning has written; this is none: {error!r}. Name another file.", path=path
        ) from error
    if fresh and study.user_attrs.get("identity") not in (None, identity) and not _begun(study):
        log.warning("%s: the study there, of something else, has no finished trial; this one takes its place", path)
        path.unlink()
        return open_journal(path, search, pruner, identity=identity, defaults=defaults, fresh=True, keep=keep)
    if fresh:
        _adopt(study, path, identity, defaults, keep=keep)
    return study


def _adopt(
    study: optuna.Study, path: Path, identity: Mapping[str, Any], defaults: Mapping[str, Any], *, keep: bool
) -> None:
    states = load_optuna().trial.TrialState
    before = study.user_attrs.get("identity")
    if before is None:
        study.set_user_attr("identity", dict(identity))
    elif before != identity:
        differing = [key for key in {**before, **identity} if before.get(key) != identity.get(key)]
        raise ConfigError(
            f"{path} holds a study of something else: {', '.join(differing)} differ. Name another file for this one, "
            "or repeat what was asked then."
        )
    if keep:
        alive = study.get_trials(deepcopy=False, states=[one for one in states if one is not states.FAIL])
        if not any(DEFAULT in trial.user_attrs for trial in alive):
            study.enqueue_trial(dict(defaults), user_attrs={DEFAULT: True})
        return
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
        study.tell(trial.number, state=states.FAIL)
    begun = study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED, states.WAITING))
    if not begun and defaults:
        study.enqueue_trial(dict(defaults))


def _begun(study: optuna.Study) -> bool:
    states = load_optuna().trial.TrialState
    return bool(study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)))


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
