"""``run.toml`` beside the outputs of a run, which repeats it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trackforge import __version__
from trackforge.intake.addresses import shown_setting
from trackforge.io.atomic import atomic_path
from trackforge.runs.layers import content
from trackforge.runs.values import toml

__all__ = ["repeating", "write_run"]


def repeating(job: Any, command: str, more: str = "", *, file: str = "run.toml") -> str:
    """Return a file for ``--config`` that repeats a job, without what is secret in addresses and options.

    Args:
        job: With everything that was settled, e.g. a `trackforge.runs.TrackingRun`.
        command: The command that carries it out.
        more: What to give it besides, e.g. ``"-o ANOTHER-FOLDER"``.
        file: What it will be called.
    """
    whole = content(job)
    told: dict[str, Any] = {key: shown_setting(value) for key, value in whole.items()}
    besides = f" {more}" if more else ""
    if told == whole:
        how = f"repeat it with: trackforge {command} --config {file}{besides}\n"
    else:
        how = (
            "user names, passwords and tokens are left out (...).\n"
            f"# Repeat it with what holds them: trackforge {command} ADDRESS --config {file}{besides}, "
            "or --set for options.\n"
        )
    return f"# Written by trackforge {__version__}; {how}" + toml(told)


def write_run(folder: Path, job: Any, command: str, more: str = "") -> Path:
    """Put ``run.toml`` into a folder; see `repeating`.

    Raises:
        SinkError: The place cannot be written to.
    """
    path = folder / "run.toml"
    with atomic_path(path) as partial:
        partial.write_text(repeating(job, command, more), encoding="utf-8")
    return path
