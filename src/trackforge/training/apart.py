"""A training in a process of its own: its memory, its threads, its devices and its crash are not ours.

The process is ``python -m trackforge.training.apart``. It is told its job in the environment, tells of itself in lines
of JSON at the end of a file, and ends when its standard input does: with whoever started it, however that ended. What
it prints goes into ``log.txt`` beside that file. Lightning starts further processes of a job for several devices with
the same command and environment.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trackforge.errors import TrackforgeError
from trackforge.runs.layers import content, from_mapping
from trackforge.runs.values import plain
from trackforge.training.run import TrainingRun, TrainingTask

__all__ = ["LINES", "Apart", "main"]

JOB = "TRACKFORGE_APART_JOB"
LINES = "trial.jsonl"
"""Where a process tells of itself, in the folder of its run."""
NO_MEMORY = ("out of memory", "allocate memory")
"""What torch and the system say of it, in errors of any class."""
MODULE = "trackforge.training.apart"


class Apart:
    """A training that runs elsewhere.

    Args:
        job: What to train; its folder must be given.
        threads: Of torch; None leaves that to it.
        gpus: Names or numbers of those that it may see; None for all.

    Attributes:
        folder: Of the run.
    """

    def __init__(self, job: TrainingRun, *, threads: int | None = None, gpus: Sequence[str] | None = None) -> None:
        if job.out is None:
            raise ValueError("a training apart needs a folder")
        self.folder = job.out
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lines = self.folder / LINES
        self._before = self._lines.stat().st_size if self._lines.exists() else 0
        self._place = 0
        path = os.pathsep.join(one or str(Path.cwd()) for one in sys.path)
        environment = {**os.environ, JOB: json.dumps(plain(content(job))), "PYTHONPATH": path}
        if threads is not None:
            environment["OMP_NUM_THREADS"] = str(threads)
        if gpus is not None:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        safely = ["-P"] if sys.version_info >= (3, 11) else []  # else a file here called torch.py would be taken for it
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and a module of ours
                [sys.executable, *safely, "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C comes to whoever started it, who decides
            )

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def told(self) -> list[dict[str, Any]]:
        """Return what it has told since the last time: ``epoch`` and scores, ``error``, or ``stopped`` at its end.

        The first time that begins with the epochs of processes before it, which nobody may have listened to.
        """
        facts = []
        with contextlib.suppress(FileNotFoundError), self._lines.open("rb") as file:
            file.seek(self._place)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # the rest comes later
                with contextlib.suppress(ValueError):  # cut off by a kill
                    fact = json.loads(line)
                    facts += [fact] if "epoch" in fact or self._place >= self._before else []
                self._place += len(line)
        return facts

    def stop(self) -> None:
        """Ask it to save a checkpoint and end."""
        with contextlib.suppress(OSError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, and all that it has started, now."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()
            self._process.wait()
        self.close()

    def close(self) -> None:
        """Let go of it: it ends if it has not."""
        if self._process.stdin is not None:
            self._process.stdin.close()


def main() -> int:
    """Train what the environment says, and tell of it; what `python -m` calls."""
    _end_with_whoever_started_it()
    job = json.loads(os.environ[JOB])
    log = logging.getLogger("trackforge")
    log.addHandler(logging.StreamHandler())
    log.setLevel(logging.INFO)
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    with (Path(job["out"]) / LINES).open("a", encoding="utf-8", buffering=1) as file:
        file.write("\n" if first else "")  # ends a line that a kill has cut off

        def tell(facts: Mapping[str, Any]) -> None:
            if first:
                file.write(json.dumps(facts) + "\n")

        try:
            task = TrainingTask.of(from_mapping(job, TrainingRun, ""))
            result = task.fit(watch=lambda row: tell(_epoch(row)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            traceback.print_exc()
            tell(_error(error))
            return 1
        tell({"stopped": result.stopped})
    return 128 + result.signal if result.stopped == "signal" else 0


def _epoch(row: Mapping[str, Any]) -> dict[str, Any]:
    scores = {
        score.name: {"value": score.value if math.isfinite(score.value) else None, "better": score.better,
                     "unit": score.unit, "title": score.title}
        for score in row["scores"]
    }  # fmt: skip
    return {"epoch": int(row["epoch"]), "epochs": int(row["epochs"]), "scores": scores}


def _error(error: Exception) -> dict[str, Any]:
    first = (str(error).strip() or type(error).__name__).split("\n", 1)[0]
    name = type(error).__name__
    if isinstance(error, MemoryError) or "OutOfMemory" in name or any(words in first for words in NO_MEMORY):
        return {"error": "MemoryError", "message": f"out of memory: {first}"}
    if isinstance(error, TrackforgeError):
        return {"error": name, "message": str(error)}
    return {"error": name, "message": f"{name}: {first}"}


def _end_with_whoever_started_it() -> None:
    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):  # not sys.stdin, whose lock a thread that waits would hold at the end
                pass
        if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
