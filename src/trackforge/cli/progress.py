"""Progress on a terminal: frames, frames per second, time left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from trackforge.cli.printing import console as make_console

__all__ = ["progress"]


class _Rate(ProgressColumn):
    """Frames per second of late."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} fps" if speed else "", style="progress.data.speed")


@contextlib.contextmanager
def progress(name: str, total: int | None, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr while the block runs, and give a function to call after each frame.

    Nothing is shown when ``quiet``, or where stderr is no terminal.
    """
    console = make_console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, redirect_stdout=False) as bar:
        task = bar.add_task(name, total=total)
        yield lambda: bar.advance(task)
