"""What the commands print: names from outside are in it, and must not steer the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment

from trackforge.intake.showing import visible

__all__ = ["console", "put"]


def put(text: str) -> None:
    """Write to stdout what is no control character."""
    sys.stdout.write(visible(text))


def console(*, stderr: bool = False) -> Console:
    """Make a console on which only what is styled here is styled."""
    made = _Console(stderr=stderr)
    made.push_render_hook(_Plain())
    return made


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Fall silent where nobody reads what is said beside the results, else do as `put` does."""
        if not self.stderr:
            raise BrokenPipeError
        self.quiet = True


class _Plain(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Visible(one) for one in renderables]


class _Visible:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._inner, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)
