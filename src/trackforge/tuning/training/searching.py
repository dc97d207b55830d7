"""Trials under way, as many at a time as there are slots, each a training in a process of its own."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from trackforge.errors import ConfigError, TrainingError
from trackforge.training.scores import Score
from trackforge.tuning.space import suggest
from trackforge.tuning.study import DEFAULT, Search, load_optuna
from trackforge.tuning.training.attempt import Attempt, End, Slot, clear, thin
from trackforge.tuning.training.question import Problem
from trackforge.tuning.training.trials import (
    SCORE,
    TrainingTrial,
    complete,
    folder_of,
    recorded,
    score_of,
    worth,
)

if TYPE_CHECKING:
    import optuna

__all__ = ["PAUSE", "Searching", "Watch", "halt", "pruner"]

log = logging.getLogger(__name__)
PAUSE = 0.05
"""Seconds between two looks at the processes."""
GRACE = 60.0
"""Seconds that they get to save their checkpoints in."""
COMPARED = 5
"""Complete trials before any is pruned."""
HOPELESS = 5
"""Trials that may fail before the first that does not, before the search gives up."""
Watch: TypeAlias = Callable[[str, Mapping[str, Any]], object]
"""Is told of every validated epoch, with the name of the trial's folder: ``epoch``, ``epochs``, ``scores``."""


def pruner(problem: Problem, search: Search) -> Any:
    """Return what stops trials that are worse than the median of the others at the same epoch.

    Not before a third of the epochs, in which the rate still rises and scores tell little; and not at all where the
    number of epochs itself is searched, since trials of another length cannot be compared on the way.

    Source: the median stopping rule of Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017,
    section 3.2.2, as implemented in Optuna (MIT).
    """
    optuna = load_optuna()
    if not search.pruning or any(one.name == "train.epochs" for one in problem.space):
        return optuna.pruners.NopPruner()
    first = -(-problem.settings({}).epochs // 3)
    return optuna.pruners.MedianPruner(n_startup_trials=COMPARED, n_warmup_steps=first)


class Searching:
    """Makes the trials of a study.

    Args:
        study: The study.
        problem: The question.
        folder: Where trials have their folders, by number.
        slots: What each of the trials at a time may use.
        keep: How many of the best trials keep models and checkpoints.
        stop: Asked whether to stop early.
        watch: Is told of every validated epoch.
    """

    def __init__(
        self,
        study: optuna.Study,
        problem: Problem,
        folder: Path,
        slots: Sequence[Slot],
        *,
        keep: int,
        stop: Callable[[], bool],
        watch: Watch,
    ) -> None:
        self.study, self.problem, self.folder, self.keep = study, problem, folder, keep
        self._slots, self._stop, self._watch = list(slots), stop, watch
        self._optuna = load_optuna()
        self._running: dict[int, tuple[Any, Attempt]] = {}
        self._ended_at_once: list[TrainingTrial] = []
        self._poor: set[int] = set()  # numbers of trials to stop

    @property
    def trials(self) -> list[TrainingTrial]:
        """All trials so far; those that were cut off before they had all their values are left out."""
        score, states = score_of(self.study, self.problem.objective), self._optuna.trial.TrialState
        known = (states.COMPLETE, states.PRUNED, states.RUNNING)
        return [recorded(trial, score) for trial in self.study.get_trials(deepcopy=False, states=known)]

    def make(self, count: int) -> Generator[TrainingTrial, None, None]:
        """Make trials until there are so many in all, those that were left unfinished first; yield each at its end.

        Raises:
            TrackforgeError: The settings as they are cannot be trained with, or what is wrong has nothing to do with
                values: the disk is full, data are gone. Trials under way stay unfinished.
            TrainingError: All the first trials have failed.
        """
        waiting = self._unfinished()
        try:
            while not self._stop():
                self._begin(waiting, count)
                if not self._running and not self._ended_at_once:
                    return
                yield from self._look()
                time.sleep(PAUSE if self._running else 0)
        finally:
            halt([attempt for _, attempt in self._running.values()], wait=self._stop())
            for trial, attempt in self._running.values():
                trial.set_user_attr("seconds", trial.user_attrs.get("seconds", 0.0) + attempt.seconds)

    # ---- beginning

    def _unfinished(self) -> list[Any]:
        """Return trials to go on with; those that were cut off before they had their values are given up."""
        states, waiting = self._optuna.trial.TrialState, []
        names = {one.name for one in self.problem.space}
        for trial in self.study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            wanted = set(self.problem.defaults()) if DEFAULT in trial.user_attrs else names
            if wanted <= set(trial.params):
                waiting.append(self._optuna.trial.Trial(self.study, trial._trial_id))
            else:
                self.study.tell(trial.number, state=states.FAIL)
                if DEFAULT in trial.user_attrs:
                    self.study.enqueue_trial(self.problem.defaults(), user_attrs={DEFAULT: True})
        return waiting

    def _begin(self, waiting: list[Any], count: int) -> None:
        states = self._optuna.trial.TrialState
        begun = len(self.study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED, states.RUNNING)))
        while len(self._running) < len(self._slots) and not self._ended_at_once:
            if waiting:
                trial = waiting.pop(0)
            elif begun < count:
                trial, begun = self.study.ask(), begun + 1
                clear(self.folder / folder_of(trial.number))  # of a study that was replaced
            else:
                return
            self._start(trial)

    def _start(self, trial: Any) -> None:
        default = DEFAULT in trial.user_attrs
        inside = self.problem.defaults()
        space = [one for one in self.problem.space if not default or one.name in inside]
        values = suggest(trial, space)
        folder = self.folder / folder_of(trial.number)
        try:
            job = self.problem.trial({} if default else values, folder, first=default)
        except ConfigError as error:
            if default:
                raise
            self._tell(trial, End("refused", str(error)), 0.0)
            return
        used = {attempt.slot for _, attempt in self._running.values()}
        slot = next((one for one in self._slots if one not in used), self._slots[0])
        attempt = Attempt(job, slot, lambda fact: self._epoch(trial, folder.name, fact))
        self._running[trial.number] = trial, attempt

    # ---- under way

    def _epoch(self, trial: Any, name: str, fact: Mapping[str, Any]) -> None:
        found = fact["scores"].get(self.problem.objective)
        if found is None or trial.number in self._poor:  # of the start, losses of training are not known
            return
        if SCORE not in self.study.user_attrs:
            self.study.set_user_attr(SCORE, {key: found[key] for key in ("better", "unit", "title")})
        score, epoch = score_of(self.study, self.problem.objective), fact["epoch"]
        value = math.nan if found["value"] is None else float(found["value"])
        if epoch not in self._seen(trial.number, score).course:  # else the end of this epoch was cut off before
            trial.report(value if score.better == "higher" else -value, epoch)
        seen = self._seen(trial.number, score)
        if 0 < epoch < fact["epochs"] and epoch == max(seen.course) and not seen.default and trial.should_prune():
            self._poor.add(trial.number)  # here, so that it depends on the epochs alone, not on when we look
        if epoch and seen.epoch == epoch:
            trial.set_user_attr("scores", {"epoch": epoch, **{n: one["value"] for n, one in fact["scores"].items()}})
        self._watch(name, fact)

    def _look(self) -> Iterator[TrainingTrial]:
        yield from self._ended_at_once
        self._ended_at_once = []
        for number, (trial, attempt) in list(self._running.items()):
            end = attempt.look()
            if number in self._poor:
                attempt.kill()
                end = End("pruned")
            if end is not None:
                del self._running[number]
                self._tell(trial, end, attempt.seconds)
        yield from self._ended_at_once
        self._ended_at_once = []

    def _seen(self, number: int, score: Score) -> TrainingTrial:
        return recorded(self.study.get_trials(deepcopy=False)[number], score)

    # ---- ended

    def _tell(self, trial: Any, end: End, seconds: float) -> None:
        states = self._optuna.trial.TrialState
        number, folder = trial.number, self.folder / folder_of(trial.number)
        if end.how == "unfinished":
            return
        if end.how == "anew":  # as if it had never been: another takes its place, with the same values
            log.warning("trial %d cannot be gone on with, and is made anew: %s", number, end.reason)
            self.study.tell(trial, None, states.FAIL)
            if DEFAULT in trial.user_attrs:
                self.study.enqueue_trial(self.problem.defaults(), user_attrs={DEFAULT: True})
            return
        if end.error is not None and (end.how == "error" or DEFAULT in trial.user_attrs):
            raise end.error
        trial.set_user_attr("seconds", trial.user_attrs.get("seconds", 0.0) + seconds)
        score = score_of(self.study, self.problem.objective)
        seen = self._seen(number, score)
        if end.how == "complete" and not seen.epoch:
            end = End("failed", f"{self.problem.objective} was never a number")
        if end.how in ("refused", "failed"):
            trial.set_user_attr(end.how, end.reason)
        if end.how == "complete":
            self.study.tell(trial, worth(score, seen.course[seen.epoch]), states.COMPLETE)
        else:
            self.study.tell(trial, None, states.PRUNED)
        self._make_room()
        if end.how != "complete":
            thin(folder)
        self._ended_at_once.append(self._seen(number, score))
        ended = [one for one in self.trials if one.state != "unfinished"]
        first = [one for one in ended if one.default]
        if first and len(ended) >= HOPELESS and all(one.state in ("failed", "refused") for one in ended):
            raise TrainingError(
                f"A search needs trials that come to an end; the first {len(ended)} have failed, the settings as they "
                f"are among them: {first[0].reason}"
            )

    def _make_room(self) -> None:
        score = score_of(self.study, self.problem.objective)
        ranked = sorted(complete(self.trials), key=lambda one: (-worth(score, one.value or 0.0), one.number))
        for one in ranked[self.keep :]:
            thin(self.folder / folder_of(one.number))


def halt(attempts: Sequence[Attempt], *, wait: bool) -> None:
    """End trainings that are under way: with a checkpoint where there is time, else at once."""
    try:
        if wait:
            for attempt in attempts:
                attempt.stop()
            until = time.monotonic() + GRACE
            while time.monotonic() < until and any(attempt.look() is None for attempt in attempts):
                time.sleep(PAUSE)
    finally:
        for attempt in attempts:
            attempt.kill()
