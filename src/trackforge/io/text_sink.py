"""What all sinks of text have in common: they open, grow by what each frame gives, and end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TypeVar

from trackforge.errors import SinkError
from trackforge.io.atomic import STOPPED
from trackforge.io.text_output import TextOutput
from trackforge.types import Step, Stream

__all__ = ["TextSink"]

S = TypeVar("S", bound="TextSink")


class TextSink:
    """A sink of text: its kinds say what stands at the head, what a frame gives, and what stands at the end.

    Args:
        path: The file; ``-`` for standard output.

    Attributes:
        ended: Whether nobody reads standard output any more.
        stream: What is known of the sequence, the names of the classes among it.

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text: TextOutput | None = None
        self.ended = False
        self.stream = Stream()

    def head(self) -> str:
        """Begin anew, and return what stands before the first frame."""
        return ""

    def body(self, step: Step) -> str:
        """Return what a frame gives."""
        raise NotImplementedError

    def tail(self) -> str:
        """Return what stands behind the last frame; not asked for after an error."""
        return ""

    def __enter__(self: S) -> S:
        self._text, self.stream, self.ended = TextOutput(self._path), Stream(), False
        self._text.write(self.head())
        return self

    def open(self, stream: Stream, /) -> None:
        """Take the names of the classes, and of the sequence for frames that do not know it."""
        self.stream = stream

    def write(self, step: Step, /) -> None:
        """Append a frame."""
        if self._text is None:
            raise SinkError(f"{self._path} is not open; write inside 'with sink:'.")
        self._text.write(self.body(step))
        self.ended = self._text.ended

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Make the file final, or leave it under its partial name after an error."""
        text, self._text = self._text, None
        if text is None:
            return
        if kind is None or issubclass(kind, STOPPED):
            text.write(self.tail())
        text.settle(kind, error)
