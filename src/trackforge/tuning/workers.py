"""Several processes at one study."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import logging
import multiprocessing
import queue
import signal
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from trackforge.errors import TrackforgeError
from trackforge.tuning.optimising import open_study, work
from trackforge.tuning.problem import Problem
from trackforge.tuning.study import Search, Trial

__all__ = ["run_workers"]

log = logging.getLogger(__name__)


@dataclasses.dataclass
class _Shared:
    """What the processes have in common."""

    left: Any
    stopped: Any
    ended: Any

    def more(self) -> bool:
        """Take one of the trials that are left."""
        with self.left.get_lock():
            self.left.value -= 1
            return bool(self.left.value >= 0)

    def stop(self) -> bool:
        """Whether somebody said stop, or the process that started this one is gone."""
        parent = multiprocessing.parent_process()
        return bool(self.stopped.is_set()) or (parent is not None and not parent.is_alive())


_shared: _Shared | None = None


def _begin(left: Any, stopped: Any, ended: Any) -> None:
    global _shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    _shared = _Shared(left, stopped, ended)


def _work(path: Path, problem: Problem, search: Search) -> None:
    if _shared is None:
        raise RuntimeError("a worker was not told what it shares with the others")
    study = open_study(path, problem, search)
    for trial in work(study, problem, more=_shared.more, stop=_shared.stop):
        _shared.ended.put(trial)


def run_workers(
    path: Path, problem: Problem, search: Search, *, trials: int, workers: int, stop: Callable[[], bool]
) -> Iterator[Trial]:
    """Make trials in several processes; yield each when it ends.

    Raises:
        TrackforgeError: A process was killed, or something went wrong in one; the study holds what was done until then.
    """
    context = multiprocessing.get_context("spawn")  # threads and GPUs do not survive a fork
    left, stopped, ended = context.Value("l", trials), context.Event(), context.Queue()
    pool = concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(left, stopped, ended)
    )
    with pool:
        futures = [pool.submit(_work, path, problem, search) for _ in range(workers)]
        try:
            waiting = set(futures)
            while waiting:
                done, waiting = concurrent.futures.wait(waiting, timeout=0.1)
                if stop() or any(future.exception() is not None for future in done):
                    stopped.set()
                yield from _drain(ended)
        finally:
            stopped.set()
    yield from _drain(ended)
    ended.close()
    for future in futures:
        try:
            future.result()
        except BrokenProcessPool as error:
            raise TrackforgeError(
                "A worker was killed, perhaps for want of memory. What was tried is in the study: go on with the same "
                "command and fewer workers."
            ) from error


def _drain(ended: Any) -> Iterator[Trial]:
    with contextlib.suppress(queue.Empty):
        while True:
            yield ended.get_nowait()
