"""The search over trainings from end to end."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from trackforge.errors import ConfigError
from trackforge.io.owned import owned
from trackforge.tuning.judging import importances
from trackforge.tuning.study import Search, load_optuna, open_journal
from trackforge.tuning.training.attempt import Slot
from trackforge.tuning.training.judging import best, steady
from trackforge.tuning.training.outcome import Outcome
from trackforge.tuning.training.question import Problem
from trackforge.tuning.training.repeating import finalists, repeat, repeats_of
from trackforge.tuning.training.searching import Searching, Watch, pruner
from trackforge.tuning.training.trials import TrainingTrial, score_of

if TYPE_CHECKING:
    import optuna

__all__ = ["STUDY", "TRIALS", "slots", "tune"]

STUDY = "study.journal"
TRIALS = "trials"


def tune(
    problem: Problem,
    folder: str | Path,
    *,
    trials: int = 20,
    workers: int = 1,
    search: Search | None = None,
    repeats: int = 0,
    keep: int = 1,
    on_trial: Callable[[TrainingTrial], object] | None = None,
    watch: Watch | None = None,
    begun: Callable[[], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Search for the settings with which a training scores best in validation.

    The first trial is the settings as they are. Each is a training in a process and a folder of its own; one that
    crashes, runs out of memory or whose loss is no number has failed, and the search goes on. A study that exists is
    continued: ``trials`` is what it shall hold in all, and trials that were under way go on from their last checkpoint.
    With one worker the same seed gives the same trials, interrupted or not; with several, the order in which they end
    decides.

    Args:
        problem: What to search, on what.
        folder: For the study, and ``trials`` with a folder for each.
        trials: Trials in all, pruned, refused and failed ones included.
        workers: Trials at a time; threads and GPUs are divided among them.
        search: How to look.
        repeats: Other seeds with which to train the best few and the settings as they are once more, in the end.
        keep: How many of the best trials keep their models and checkpoints.
        on_trial: Called after each trial.
        watch: Is told of every validated epoch.
        begun: Called once the study is this search's, before it is worked on.
        stop: Asked now and then whether to stop early; trials under way save a checkpoint.

    Raises:
        ConfigError: The study is about something else or in use, or the settings as they are cannot be trained with.
        TrainingError: All the first trials have failed.
        MissingDependencyError: Optuna is not installed.
        TrackforgeError: Something is wrong that no values can mend: data are gone, the disk is full.
    """
    if trials < 1 or workers < 1 or repeats < 0 or keep < 0:
        raise ConfigError(
            f"trials and workers must be >= 1, repeats and keep >= 0; got {trials}, {workers}, {repeats}, {keep}."
        )
    folder, search, stop, watch = Path(folder), search or Search(), stop or _never, watch or _untold
    path = folder / STUDY
    with owned(path.with_name(path.name + ".owner"), "A study is for one search at a time"):
        study = open_journal(
            path,
            search,
            pruner(problem, search),
            identity=problem.identity(),
            defaults=problem.defaults(),
            fresh=True,
            keep=True,
        )
        if begun is not None:
            begun()
        places = slots(workers, problem)
        made = Searching(study, problem, folder / TRIALS, places, keep=keep, stop=stop, watch=watch)
        with contextlib.closing(made.make(trials)) as ended:
            for trial in ended:
                if on_trial is not None:
                    on_trial(trial)
        done = sum(one.state != "unfinished" for one in made.trials) >= trials
        if repeats and done and not stop():
            repeat(study, problem, made.trials, folder / TRIALS, places, repeats, stop=stop, watch=watch)
        return _outcome(study, problem, search, folder, made.trials, repeats, done=done)


def _never() -> bool:
    return False


def _untold(name: str, fact: object) -> None:
    del name, fact


def _outcome(
    study: optuna.Study,
    problem: Problem,
    search: Search,
    folder: Path,
    trials: list[TrainingTrial],
    repeats: int,
    *,
    done: bool,
) -> Outcome:
    score, known = score_of(study, problem.objective), repeats_of(study, repeats)
    names = [one.name for one in problem.space]
    finals = finalists(trials, study, problem.objective)
    whole = done and all(len(known.get(one.number, ())) >= repeats for one in finals)
    luckiest = chosen = best(trials, score)
    if search.pick == "steady" and whole:
        chosen = steady(trials, score, known)
    return Outcome(
        problem=problem,
        search=search,
        folder=folder,
        score=score,
        trials=trials,
        best=chosen,
        luckiest=luckiest,
        repeats=known,
        importances=importances(study, names),
        interrupted=not whole,
    )


def slots(workers: int, problem: Problem) -> list[Slot]:
    """Divide threads and GPUs among trials at a time; one alone has all, as a training by itself."""
    load_optuna()
    threads = None
    if workers > 1 and "OMP_NUM_THREADS" not in os.environ:
        threads = max(_cpus() // workers, 1)
    settings = problem.settings({})
    gpus = [] if settings.accelerator == "cpu" else _gpus()
    if not gpus or (workers == 1 and settings.devices is None):
        return [Slot(threads)] * workers
    each = settings.devices or max(len(gpus) // workers, 1)
    return [Slot(threads, _share(gpus, place, each)) for place in range(workers)]


def _share(gpus: list[str], place: int, each: int) -> tuple[str, ...]:
    """Return the GPUs of one of several trials at a time, in turn: where there are too few, they are shared.

    >>> [_share(["0", "1", "2"], place, 2) for place in range(3)]
    [('0', '1'), ('2', '0'), ('1', '2')]
    """
    return tuple(dict.fromkeys(gpus[(place * each + k) % len(gpus)] for k in range(each)))


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gpus() -> list[str]:
    """Return the GPUs that there are to give, by the names that CUDA knows."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [one.strip() for one in given.split(",") if one.strip() and one.strip() != "-1"]
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]
