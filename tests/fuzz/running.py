"""Workers, watched: one that hangs or dies is a finding, and another goes on behind it."""

from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz.worker import PATIENCE

__all__ = ["Found", "fuzz"]

TESTS = Path(__file__).parents[1]
STARTING = 120.0
"""Seconds that a worker may take to import what it needs."""
AT_ONCE = 1_000_000


@dataclass
class Found:
    """What came of it.

    Attributes:
        attempts: Inputs that were read.
        findings: As the workers write them.
    """

    attempts: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)

    def different(self) -> list[str]:
        """Return the first finding of each place, in words, with how to see it again."""
        lines: dict[tuple[str, ...], str] = {}
        for one in self.findings:
            key = (one["kind"], one["error"].split(":")[0], one["where"] or one["target"])
            again = f"--only {one['target']} --seed {one['seed']} --first {one['number']} --count 1"
            lines.setdefault(
                key, f"{one['target']}: {one['kind']}, {one['error']} ({one['where']}); {again}; {one['kept']}"
            )
        return list(lines.values())


def fuzz(
    names: Sequence[str],
    folder: Path,
    *,
    seed: str = "0",
    first: int = 0,
    count: int | None = None,
    seconds: float | None = None,
    workers: int = 1,
    say: Callable[[str], object] = lambda _: None,
) -> Found:
    """Fuzz the named targets, so many attempts or so many seconds each."""
    found = Found()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        done = {pool.submit(_target, name, folder / name, seed, first, count, seconds): name for name in names}
        for future in concurrent.futures.as_completed(done):
            attempts, findings = future.result()
            found.attempts += attempts
            found.findings += findings
            say(f"{done[future]:24} {attempts:8,} attempts {len(findings):5} findings")
    return found


def _target(
    name: str, folder: Path, seed: str, first: int, count: int | None, seconds: float | None
) -> tuple[int, list[dict[str, Any]]]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "findings").unlink(missing_ok=True)
    left, at = AT_ONCE if count is None else count, first
    end = time.monotonic() + (1e9 if seconds is None else seconds)
    died: list[dict[str, Any]] = []
    while left > 0 and time.monotonic() < end:
        why = _worker(name, folder, seed, at, left, end)
        words = ((folder / "at").read_text() if (folder / "at").exists() else "").split()
        if not why:
            at = int(words[0])
            break
        if not words:
            raise RuntimeError(f"the worker of {name} cannot begin: {why}")
        number = int(words[0])
        kind = "hang" if why == "killed" else "died"
        died.append(
            {"target": name, "seed": seed, "number": number, "kind": kind, "error": why, "where": "", "kept": ""}
        )
        left -= number + 1 - at
        at = number + 1
    text = (folder / "findings").read_text() if (folder / "findings").exists() else ""
    return at - first, [*map(json.loads, text.splitlines()), *died]


def _worker(name: str, folder: Path, seed: str, first: int, count: int, end: float) -> str:
    """Run a worker; return why it came to no good end, or nothing."""
    mark = folder / "at"
    mark.unlink(missing_ok=True)
    words = [name, seed, str(first), str(count), str(folder), str(max(0.1, end - time.monotonic()))]
    environment = os.environ | {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1", "OPENCV_LOG_LEVEL": "SILENT"}
    # what the limits allow is no finding: a few times this is still less than the growth that is one
    environment["TRACKFORGE_LIMIT_PIXELS"] = "20000000"
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "fuzz.worker", *words], stdout=errors, stderr=errors, env=environment, cwd=TESTS
        )
        last, since = "", time.monotonic()
        while process.poll() is None:
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                now = mark.read_text() if mark.exists() else ""
                if now != last:
                    last, since = now, time.monotonic()
                elif time.monotonic() - since > (3 * PATIENCE if now else STARTING):
                    process.kill()
                    process.wait()
                    return "killed"
    if process.returncode == 0:
        return ""
    tail = (folder / "stderr").read_text(errors="replace").splitlines()[-1:]
    return f"exit {process.returncode} {' '.join(tail)[:200]}"
