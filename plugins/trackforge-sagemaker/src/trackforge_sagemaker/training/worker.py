"""One process of a training: ``python -m trackforge_sagemaker.training.worker JOB.json``; the first one writes.

Log and metric lines are on standard output, where the published jobs are looked at. Whatever ends it is said in
``/opt/ml/output/failure`` by whichever process it happens to first.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from trackforge.errors import TrackforgeError, TrainingError
from trackforge.intake.showing import visible
from trackforge.training.run import TrainingTask
from trackforge_sagemaker.metrics.lines import Lines
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.training.job import Job
from trackforge_sagemaker.training.results import clear_partials, lay_out

__all__ = ["end_with_parent", "listen", "main", "reason", "work"]

log = logging.getLogger("trackforge.sagemaker")
SET_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of Linux."""
SHOWN = 3
"""Innermost places of a traceback that a reason names."""


def work(there: OptMl, job: Job) -> int:
    """Train, as one of the processes of a job, and return the exit code: 143 where a signal stopped it.

    Args:
        there: Where results go.
        job: What to train.
    """
    rank = int(os.environ.get("RANK", "0"))
    listen(first=rank == 0)
    try:
        return _train(there, job, first=rank == 0)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        if isinstance(error, TrackforgeError):
            log.error("%s", error)
        else:
            traceback.print_exc()
        there.fail(reason(error))
        return 1
    finally:
        _leave_group()


def _train(there: OptMl, job: Job, *, first: bool) -> int:
    task = TrainingTask.of(job.run)
    if first:
        for file in clear_partials(there.checkpoints):
            log.info("removed %s, which a killed run was writing", file.name)
    lines = Lines(task.trainer.name, int(task.loop.get("log_every", 20)), _put)
    result = task.fit(watch=lines.epoch, tell=lines.step)
    stopped = result.stopped == "signal"
    if first and result.model is not None:
        _while_undisturbed(lambda: lay_out(there, job, result.out, result.model or Path()))
    if stopped:
        log.warning("stopped by a signal after %d steps; the checkpoint is saved, the same job goes on", result.steps)
        return 128 + (result.signal or signal.SIGTERM)
    if first and result.model is None:
        raise TrainingError(f"A training must leave a model; there is none in {result.out}. Look at the log.")
    if first and result.verdict:
        log.info("%s", result.verdict)
    return 0


def reason(error: BaseException) -> str:
    """Return why a training failed, the most useful words first: what went wrong, then where."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, TrackforgeError):
        return said
    places = traceback.extract_tb(error.__traceback__)[-SHOWN:]
    where = "; ".join(f"{Path(one.filename).name}:{one.lineno} in {one.name}" for one in reversed(places))
    return f"{said[:700]} (at {where})" if where else said


def listen(*, first: bool) -> None:
    """Write what trackforge logs to standard output, of all but the first process what is wrong alone."""
    root = logging.getLogger("trackforge")
    if not any(isinstance(one, _Stdout) for one in root.handlers):
        root.addHandler(_Stdout())
    root.setLevel(logging.INFO if first else logging.WARNING)
    root.propagate = False


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Have the system send this process a signal when the one that started it ends, however it ends (Linux)."""
    try:
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, int(number))
    except (OSError, AttributeError, TypeError):
        return


def main(words: list[str]) -> int:
    """Work at the job that a file describes."""
    end_with_parent()
    job = Job.from_json(json.loads(Path(words[0]).read_text(encoding="utf-8")))
    return work(OptMl(), job)


class _Stdout(logging.Handler):
    """Writes to what standard output is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        head = "" if record.levelno <= logging.INFO else f"{record.levelname}: "
        _put(head + visible(record.getMessage(), keep=""))  # a name in it makes no line of its own


def _put(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # where nobody reads it any more the work goes on
        sys.stdout.write(visible(line) + "\n")
        sys.stdout.flush()


def _while_undisturbed(carry_out: Callable[[], None]) -> None:
    """Let a signal wait that comes while results are copied, which takes seconds."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        carry_out()
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave_group() -> None:
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
