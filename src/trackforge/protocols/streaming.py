"""Frames in, results out, and what is known of them beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Protocol, runtime_checkable

from trackforge.protocols.using import Drawing
from trackforge.types import Frame, Step, Stream

__all__ = ["Closable", "Dropping", "Ending", "Lossy", "Painting", "Sink", "Source", "StreamAware", "stream_of"]


@runtime_checkable
class Source(Protocol):
    """Yields the frames of one sequence in order.

    Timestamps, where it gives some, increase strictly: whatever is wrong with the clock of a file or camera is mended
    here (see `trackforge.io.timeline`), so that nobody after it needs to ask. A source whose stream is ``live`` gives
    the newest frame whenever it is asked, and is asked as late as can be. A source may also be `Closable`, `Lossy` and
    `Dropping`. Wherever a source is taken, any iterable of frames is, too.
    """

    @property
    def stream(self) -> Stream:
        """What is known about the frames beforehand; ``Stream()`` where nothing is."""

    def __iter__(self) -> Iterator[Frame]:
        """Start at the first frame."""


def stream_of(source: Iterable[Frame], /) -> Stream:
    """Return what a source says about its frames; of any other iterable no more than its length, where it has one."""
    if isinstance(source, Source):
        return source.stream
    return Stream(length=len(source) if isinstance(source, Sized) else None)


@runtime_checkable
class Closable(Protocol):
    """A source that holds something: a camera, a file, a thread."""

    def close(self) -> None:
        """End iterations under way at their next frame, and let go; may be called at any time and more than once.

        One that waits for a frame that may never come, a live one's, ends at once.
        """


@runtime_checkable
class Lossy(Protocol):
    """A source that leaves out frames that are damaged."""

    @property
    def skipped(self) -> int:
        """Damaged frames left out by the latest iteration."""


@runtime_checkable
class Dropping(Protocol):
    """A live source that counts the frames for which nobody asked in time."""

    @property
    def dropped(self) -> int:
        """Frames in whose place a newer one came, in the latest iteration."""


@runtime_checkable
class Ending(Protocol):
    """A sink whose reader may have seen enough: a window that is closed, a pipe that nobody reads any more."""

    @property
    def ended(self) -> bool:
        """Whether the run shall end here, with every output whole."""


@runtime_checkable
class Painting(Protocol):
    """A sink that makes pictures, in which others may draw, too: an overlay, a window."""

    def draw_with(self, painter: Drawing, /) -> None:
        """Be told, before `StreamAware.open`, who draws into each picture after the sink itself has."""


@runtime_checkable
class StreamAware(Protocol):
    """A Sink, Tracker or Detector that wants to know about the frames before they come."""

    def open(self, stream: Stream, /) -> None:
        """Be told, before the first frame of every sequence, within a sink's ``with`` block.

        A detector may have seen the first frames by then.

        ``stream.classes`` are those of the detector; name and size are filled in from the first frame where the source
        did not know them. What was set explicitly wins over what the stream says.
        """


@runtime_checkable
class Sink(Protocol):
    """Takes results frame by frame; a context manager.

    Leaving the block without an exception, or through Ctrl-C, makes the output final; any other exception discards it.
    """

    def write(self, step: Step, /) -> None:
        """Take the results of one frame."""

    def __enter__(self) -> Sink:
        """Open the output."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Finish the output."""
