"""What the commands print: names from outside are in it, and must not steer the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment

from trackforge.intake.showing import visible

__all__ = ["console", "put", "put_settings"]


def put(text: str) -> None:
    """Write to stdout what is no control character."""
    sys.stdout.write(visible(text))


def put_settings(settings: Mapping[str, str], *, as_json: bool) -> None:
    """Write settings to stdout as somebody would give them: a line ``name=value`` each, or as JSON."""
    text = (
        json.dumps(settings, indent=2) if as_json else "\n".join(f"{name}={value}" for name, value in settings.items())
    )
    put(text + "\n")


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
