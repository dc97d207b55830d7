"""Starts a process for each device of this machine, passes on what stops them, and tells honestly how they ended.

The container's process is this one. It loads no torch, so that it lives on when a worker dies of memory or of a fault
in a library: a worker that crashed is never a completed job. SIGTERM is passed on to all workers, which save a
checkpoint together; what has not ended after `GRACE` is killed. As process 1 it also buries children that nobody else
waits for.

Where somebody else starts the processes (torchrun, as SDK v3's driver does), each of them is a worker itself; the first
one of a machine reads the job, since a pipe can be read once, and leaves it where the others look for it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from trackforge.errors import SinkError, TrackforgeError, TrainingError
from trackforge.io.atomic import atomic_path
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.training.endings import ending, named
from trackforge_sagemaker.training.job import Job, read_job
from trackforge_sagemaker.training.machine import Placement, started_elsewhere
from trackforge_sagemaker.training.worker import end_with_parent, listen, reason, work

__all__ = ["GRACE", "Workers", "carry_out"]

log = logging.getLogger("trackforge.sagemaker")
GRACE = 25.0
"""Seconds that workers have to save and end; AWS grants 120, torchrun 30."""
AFTER_CRASH = 10.0
"""Seconds that the others have when one has crashed: they may wait for it for ever."""
GLANCE = 0.05
TOOLKIT = ("SM_TRAINING_ENV", "SM_USER_ENTRY_POINT")
"""Variables of AWS's toolkits, which end on SIGTERM without a word to their child."""
PATIENCE = 3600.0
"""Seconds within which the first process of a machine has read the job; a pipe may hold much."""
WORKER = "trackforge_sagemaker.training.worker"


class _Preparing:
    """What a signal ends at once, as long as there is no worker that could save anything.

    It does not raise: readers and plugins take an exception, whatever it is, for a fault of what they are reading.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}

    def over(self) -> None:
        """Listen no more."""
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        with contextlib.suppress(OSError):
            os.write(1, b"WARNING: stopped by a signal before the training began\n")  # print may be at work below us
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(128 + number)


def carry_out(arguments: Sequence[str]) -> int:
    """Carry out the training job of this machine, and return the exit code.

    Args:
        arguments: Hyperparameters of the command line.
    """
    listen(first=True)
    there, started = OptMl(), started_elsewhere()
    preparing = _Preparing()
    try:
        if started is not None:
            job = _shared(there, arguments, started)
            preparing.over()
            code = work(there, job)
            if os.environ["LOCAL_RANK"] == "0":
                shutil.rmtree(_meeting(there), ignore_errors=True)
            return code
        if any(name in os.environ for name in TOOLKIT):
            end_with_parent()
        there.begin()
        _ready(there)
        with tempfile.TemporaryDirectory(prefix=".trackforge-", dir=there.root) as folder:
            preparing.folder = Path(folder)
            job = read_job(there, arguments, environment=os.environ, scratch=Path(folder) / "inputs")
            _tell(job)
            return _supervised(there, job, Path(folder))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        if isinstance(error, TrackforgeError):
            log.error("%s", error)
        else:
            traceback.print_exc()
        there.fail(reason(error))
        return 1
    finally:
        preparing.over()


def _ready(there: OptMl) -> None:
    """Make the folders that only some jobs have."""
    for folder in (there.checkpoints, there.model, there.output_data):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(f"{folder} must be a folder; it cannot be made: {error.strerror}.") from error
        if not os.access(folder, os.W_OK):  # told now, and not after hours
            raise SinkError(f"{folder} must be a folder that can be written to; it is not. Look at how it is mounted.")


def _tell(job: Job) -> None:
    for note in job.notes:
        log.info("note: %s", note)
    place = job.placement
    if place.world > 1:
        log.info("process %d of %d machines, %d on each", place.rank, place.machines, place.processes)


def _supervised(there: OptMl, job: Job, folder: Path) -> int:
    file = folder / "job.json"
    file.write_text(json.dumps(job.to_json()), encoding="utf-8")
    if job.placement.machines > 1:
        job.placement.wait_for_first()
    safely = ["-P"] if sys.version_info >= (3, 11) else []  # else a file here called torch.py would be taken for it
    workers = Workers(job.placement, [sys.executable, *safely, "-m", WORKER, str(file)])
    codes = workers.run()
    code, words = ending(codes, broken=workers.broken, stopped=workers.stopped, killed=workers.killed)
    if words:
        log.error("%s", words)
        there.fail(words, over=workers.crashed)  # what others say of it is that they lost a neighbour
    return code


class Workers:
    """The processes of a job on this machine.

    Args:
        placement: How many, and what each is told.
        command: What each runs.
        grace: Seconds that they have to end after a signal.

    Attributes:
        stopped: Whether a signal came that was passed on.
        killed: Whether some had to be killed since they did not end.
        broken: The first that ended otherwise than well, by number, and how; None where a signal was passed on before.
    """

    def __init__(self, placement: Placement, command: Sequence[str], *, grace: float = GRACE) -> None:
        self.stopped = self.killed = False
        self.broken: tuple[int, int] | None = None
        self._placement, self._command, self._grace = placement, list(command), grace
        self._running: dict[int, int] = {}
        self._until = float("inf")

    @property
    def crashed(self) -> bool:
        """Whether one was ended by a signal that was not passed on."""
        return self.broken is not None and self.broken[1] < 0

    def run(self) -> list[int]:
        """Start them, wait for all, and return their exit codes, negative for signals, in their order."""
        port = self._placement.port() if self._placement.world > 1 else 0
        codes = [0] * self._placement.processes
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._pass_on)
        processes = []
        for local in range(self._placement.processes):
            told = {**os.environ, **self._placement.variables(local, port)}
            # In a session of its own: Ctrl-C comes to the launcher, which passes it on once.
            process = subprocess.Popen(self._command, env=told, start_new_session=True)  # noqa: S603
            processes.append(process)
            self._running[process.pid] = local
            if self.stopped:  # the signal came while they were started
                self._send(signal.SIGTERM)
        while self._running:
            ended = self._ended()
            for local, code in ended.items():
                codes[local] = processes[local].returncode = code
            bad = sorted((code >= 0, local, code) for local, code in ended.items() if code)  # signals before exit codes
            if bad and not self.stopped and self.broken is None:
                self.broken = bad[0][1:]
                if self._running:
                    log.error("process %d ended with %s; the others are stopped", self.broken[0], named(bad[0][2]))
                    self._end_within(AFTER_CRASH)
            if time.monotonic() > self._until:
                if self.stopped and not self.killed:
                    log.warning("what had not ended after %.0f s was killed; the last checkpoint counts", self._grace)
                self.killed = True
                self._send(signal.SIGKILL)
            time.sleep(GLANCE)
        return codes

    def _ended(self) -> Mapping[int, int]:
        """Wait for whatever has ended, children that were left to process 1 among them."""
        found: dict[int, int] = {}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return found
            if not pid:
                return found
            if pid in self._running:
                found[self._running.pop(pid)] = os.waitstatus_to_exitcode(status)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.stopped = True
        self._end_within(self._grace)

    def _end_within(self, seconds: float) -> None:
        self._until = min(self._until, time.monotonic() + seconds)
        self._send(signal.SIGTERM)

    def _send(self, number: int) -> None:
        for pid in list(self._running):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


# ---- processes that somebody else starts


def _shared(there: OptMl, arguments: Sequence[str], started: Placement) -> Job:
    """Return the job, read by the first process of this machine.

    Raises:
        TrainingError: The first process did not leave it.
    """
    folder = _meeting(there)
    file = folder / "job.json"
    if int(os.environ["LOCAL_RANK"]) == 0:
        there.begin()
        _ready(there)
        job = read_job(there, arguments, environment=os.environ, scratch=folder / "inputs", started=started)
        _tell(job)
        with atomic_path(file) as partial:
            partial.write_text(json.dumps(job.to_json()), encoding="utf-8")
        return job
    until, parent = time.monotonic() + PATIENCE, os.getppid()
    while not file.is_file():
        if time.monotonic() > until or os.getppid() != parent:
            raise TrainingError("The first process of a machine must read the job; it did not. Look at its log.")
        time.sleep(GLANCE)
    return Job.from_json(json.loads(file.read_text(encoding="utf-8")))


def _meeting(there: OptMl) -> Path:
    """Return the folder of the processes of one launcher, and of no other, not even of one with the same number."""
    parent = os.getppid()
    try:
        began = Path(f"/proc/{parent}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        began = "0"
    return there.output / f".trackforge-{parent}-{began}"
