"""A part of a sequence: from a frame or a time on, every n-th frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from trackforge.errors import ConfigError
from trackforge.io.starting import parse_start
from trackforge.protocols import Closable, Dropping, Lossy, Source, notes_of, stream_of
from trackforge.runs.component import Component
from trackforge.types import Frame, Stream

__all__ = ["Slice", "opened"]


def opened(component: Component, start: int | str, stride: int) -> Source:
    """Make a source that gives a part of its frames; by itself where it can, which saves decoding the rest.

    What is set of the component itself counts more.

    Raises:
        ConfigError: It is live, and to begin later.
        TrackforgeError: What making it raises.
    """
    # A camera has both settings for films at network addresses; whether it is one is known when it is open.
    own = {
        name: value
        for name, value in (("start", start), ("stride", stride))
        if component.has(name) and (component.name != "camera" or name in component.settings)
    }
    source: Source = component.create(**own)
    rest = "start" not in own and parse_start(start), 1 if "stride" in own else stride
    return source if rest in ((False, 1), (0, 1)) else Slice(source, rest[0] or 0, rest[1])


class Slice:
    """The frames of a source from a beginning on, every n-th; indices and times stay those of the whole.

    Of a live source, which may leave frames out, each is at least ``stride`` after the one before it.

    Args:
        source: What to take them from.
        start: Number of the first frame (int), or its time in seconds (float).
        stride: Take every n-th frame.

    Raises:
        ConfigError: A live source, or one without a clock, cannot begin at such a place.
    """

    def __init__(self, source: Source, start: int | float, stride: int) -> None:
        self._source, self._start, self._stride = source, start, stride
        stream = stream_of(source)
        if stream.live and start:
            raise ConfigError(
                f"start is for what has a beginning; {stream.name or 'the source'} is live. Leave it out."
            )

    @property
    def skipped(self) -> int:
        """Damaged frames that the source left out."""
        return self._source.skipped if isinstance(self._source, Lossy) else 0

    @property
    def dropped(self) -> int:
        """Frames in whose place newer ones came."""
        return self._source.dropped if isinstance(self._source, Dropping) else 0

    def notes(self) -> Sequence[str]:
        """Pass on what the source has noticed."""
        return notes_of(self._source)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    @property
    def stream(self) -> Stream:
        """What is known of the whole, and how many frames are to come."""
        whole = stream_of(self._source)
        if whole.length is None:
            return whole
        first: float = self._start
        if isinstance(first, float):
            if not whole.rate:
                return replace(whole, length=None, total=whole.total or whole.length)
            first = first * whole.rate
        return replace(
            whole, length=len(range(int(first), whole.length, self._stride)), total=whole.total or whole.length
        )

    def close(self) -> None:
        """Close the source."""
        if isinstance(self._source, Closable):
            self._source.close()

    def __iter__(self) -> Iterator[Frame]:
        """Give the first frame of the part, and so on.

        Raises:
            ConfigError: The start is a time, and the frames have none.
        """
        last, live = None, stream_of(self._source).live
        for frame in self._source:
            if last is None and self._before(frame):
                continue
            if last is None or (
                frame.index - last >= self._stride if live else not (frame.index - last) % self._stride
            ):
                last = frame.index if live or last is None else last
                yield frame

    def _before(self, frame: Frame) -> bool:
        if isinstance(self._start, int):
            return frame.index < self._start
        if frame.timestamp is None:
            raise ConfigError(
                f"start must be the number of a frame here, since they have no clock; got {self._start:g} s. Give a "
                "number, or set source.rate."
            )
        return frame.timestamp < self._start - 1e-9
