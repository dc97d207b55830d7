"""A trial under way: a process, what it tells, and what is made of its end."""

from __future__ import annotations

import csv
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge import errors
from trackforge.errors import ConfigError, TrackforgeError
from trackforge.io.owned import owned
from trackforge.training.apart import LINES, Apart
from trackforge.training.run import TrainingRun

__all__ = ["Attempt", "End", "Slot", "clear", "course_of", "thin"]

NO_WAY_ON = ("StateError", "WeightsError")
"""Errors of a checkpoint that cannot be gone on with."""
OF_VALUES = ("ConfigError", "InvalidInputError", "WeightsError")
"""Errors that values can cause, by not going together."""
OF_TRAINING = ("TrainingError", "MemoryError")
"""Errors that values can cause by what they do; others of ours come from elsewhere, and end the search."""
HEAVY = ("checkpoints", "model.pth")
WAIT = 30.0
"""Seconds to wait for the process of a search that was killed to let go of a folder."""


@dataclass(frozen=True)
class Slot:
    """What one of several trials at a time may use.

    Attributes:
        threads: Of torch, or None for all.
        gpus: Names or numbers, or None for all.
    """

    threads: int | None = None
    gpus: tuple[str, ...] | None = None


@dataclass(frozen=True)
class End:
    """How a training ended.

    Attributes:
        how: ``complete``, ``refused``, ``failed``, ``unfinished`` (a signal), ``anew`` (what was begun cannot be gone
            on with; its folder is gone), or ``error`` (nothing to do with values).
        reason: In words.
        error: What to raise, of ``error``, and of ``refused`` where the values were the settings as they are.
    """

    how: str
    reason: str = ""
    error: TrackforgeError | None = None


class Attempt:
    """A training that runs for a search.

    Args:
        job: With its folder; goes on where it was begun.
        slot: What it may use.
        watch: Is told of every validated epoch.

    Attributes:
        folder: Of the run.
        slot: What it uses.
    """

    def __init__(self, job: TrainingRun, slot: Slot, watch: Callable[[Mapping[str, Any]], None]) -> None:
        if job.out is None:
            raise ValueError("a trial needs a folder")
        self.folder, self.slot, self._job, self._watch = job.out, slot, job, watch
        self._began = time.monotonic()
        self._end: dict[str, Any] = {}
        self._goes_on = (self.folder / "checkpoints").exists()
        self._process = self._start()

    @property
    def seconds(self) -> float:
        """Time since it was started here."""
        return time.monotonic() - self._began

    def look(self) -> End | None:
        """Pass on what the process has told; return how it ended, or None while it runs."""
        code = self._process.code  # first: what it told before its end is read after
        for fact in self._process.told():
            if "epoch" in fact:
                self._watch(fact)
            else:
                self._end = fact
        if code is None:
            return None
        self._process.close()
        if self._goes_on and self._end.get("error") in NO_WAY_ON:
            clear(self.folder)
            return End("anew", str(self._end.get("message", "")))
        return self._ended(code)

    def stop(self) -> None:
        """Ask it to save a checkpoint and end."""
        self._process.stop()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    def _start(self) -> Apart:
        until = time.monotonic() + WAIT
        while True:
            try:
                with owned(self.folder / ".owner", "A trial is for one search at a time"):
                    break
            except ConfigError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        return Apart(self._job, threads=self.slot.threads, gpus=self.slot.gpus)

    def _ended(self, code: int) -> End:
        name, message = self._end.get("error"), str(self._end.get("message", ""))
        if name is None:
            stopped = self._end.get("stopped")
            if stopped in ("", "early", "steps"):
                return End("complete")
            if stopped == "signal" or code in (-15, -2):
                return End("unfinished")
            why = "killed, perhaps for want of memory" if code in (-9, 137) else f"its process ended with {code}"
            return End("failed", f"{why}; see {self.folder / 'log.txt'}")
        kind: Any = getattr(errors, name, None)
        ours = isinstance(kind, type) and issubclass(kind, TrackforgeError)
        if name in OF_VALUES:
            return End("refused", message, _made(kind, message))
        if name in OF_TRAINING or not ours:
            return End("failed", message)
        return End("error", message, _made(kind, message))


def _made(kind: Any, message: str) -> TrackforgeError:
    try:
        made: TrackforgeError = kind(message)
    except TypeError:  # one that wants to be told more
        made = TrackforgeError(message)
    return made


def clear(folder: Path) -> None:
    """Remove a trial's folder; another one that is called so is left alone."""
    if (folder / LINES).is_file():
        shutil.rmtree(folder, ignore_errors=True)


def thin(folder: Path) -> None:
    """Remove what is heavy in the folder of a trial that nobody will go on with."""
    if (folder / LINES).is_file():
        for name in HEAVY:
            if (folder / name).is_dir():
                shutil.rmtree(folder / name, ignore_errors=True)
            else:
                (folder / name).unlink(missing_ok=True)


def course_of(folder: Path, names: Sequence[str]) -> dict[int, dict[str, float]]:
    """Return scores by epoch, as the table of a run has them; empty where there is none."""
    try:
        with (folder / "epochs.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return {}
    found: dict[int, dict[str, float]] = {}
    for row in rows:
        values = {name: float(row[name]) for name in names if row.get(name)}
        if values and row.get("epoch"):
            found[int(float(row["epoch"]))] = {k: v for k, v in values.items() if not math.isnan(v)}
    return found
