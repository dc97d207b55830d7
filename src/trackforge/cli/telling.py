"""How far a long job is: a bar on a terminal, and plain lines, further and further apart, where there is none."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from trackforge.cli.printing import console as make_console
from trackforge.intake.showing import visible
from trackforge.training.progress import Progress, progress_words

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

__all__ = ["Paced", "Telling", "telling"]

LONGEST = 30.0
"""Seconds between two lines, at most; a log of a day is not made of lines a second."""


class Paced:
    """Writes lines to stderr: the first at once, the next after a second, then ever later, up to `LONGEST`."""

    def __init__(self) -> None:
        self._next, self._wait = 0.0, 1.0

    def __call__(self, line: str) -> None:
        """Write a line if it is time for one."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next, self._wait = now + self._wait, min(2 * self._wait, LONGEST)
        say(line)


def say(line: str) -> None:
    """Write a line to stderr now; where nobody reads it any more the work goes on."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(visible(line) + "\n")
        sys.stderr.flush()


class Telling:
    """Shows the progress of a training.

    Args:
        bar: On a terminal; None for plain lines.
        quiet: Show nothing but lines that were asked for.
    """

    def __init__(self, bar: Bar | None, *, quiet: bool) -> None:
        self._bar, self._quiet, self._paced, self._stage = bar, quiet, Paced(), ""
        self._task: Any = bar.add_task("", total=None) if bar is not None else None

    @property
    def on_terminal(self) -> bool:
        """Whether there is a bar, which may be told of every step."""
        return self._bar is not None

    def now(self, progress: Progress) -> None:
        """Show how far it is."""
        if self._quiet:
            return
        words = progress_words(progress)
        if self._bar is not None:
            self._bar.update(self._task, completed=progress.done, total=progress.total or None, description=words)
        elif progress.stage == "loading" or (self._stage == "loading" and progress.stage != self._stage):
            say(words)
        else:
            self._paced(words)
        self._stage = progress.stage

    def line(self, words: str) -> None:
        """Show what stays."""
        if self._bar is not None:
            self._bar.console.print(words, markup=False, highlight=False, soft_wrap=True)
        else:
            say(words)


@contextlib.contextmanager
def telling(*, quiet: bool) -> Iterator[Telling]:
    """Give what shows progress while the block runs, on stderr."""
    console = make_console(stderr=True)
    if quiet or not console.is_terminal:
        yield Telling(None, quiet=quiet)
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    with Progress(
        SpinnerColumn(), BarColumn(20), TextColumn("{task.description}", markup=False), console=console, transient=True
    ) as bar:
        yield Telling(bar, quiet=False)
