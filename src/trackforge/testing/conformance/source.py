"""The rules of `trackforge.protocols.Source`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sized
from typing import TypeAlias

from trackforge.protocols import Closable, Source
from trackforge.testing.conformance.rules import difference, require, rule, run
from trackforge.types import Frame, Stream

__all__ = ["check_source"]

Make: TypeAlias = Callable[[], Source]


def check_source(make: Make, *, skip: Iterable[str] = ()) -> None:
    """Try every rule of the Source protocol on a source that ends; leave out ``starts_again`` for live ones.

    Args:
        make: Returns a new source of the same few frames each time.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("source", make, skip)


@rule("source")
def yields_frames_in_order(make: Make) -> None:
    """Iterating yields Frames with strictly increasing indices and times, all of one sequence."""
    frames = list(make())
    require(frames, "it has no frames; give the check a source with some.")
    for frame in frames:
        require(isinstance(frame, Frame), f"it yielded a {type(frame).__name__}.")
    index = [frame.index for frame in frames]
    require(all(a < b for a, b in itertools.pairwise(index)), f"the indices are {index}.")
    times = [frame.timestamp for frame in frames if frame.timestamp is not None]
    require(all(a < b for a, b in itertools.pairwise(times)), f"the timestamps are {times}.")
    names = {frame.sequence for frame in frames}
    require(len(names) == 1, f"its frames are of several sequences: {sorted(names)}.")


@rule("source")
def starts_again(make: Make) -> None:
    """A second iteration, even after one that was broken off, starts at the first frame and yields the same."""
    source = make()
    whole = list(source)
    for _ in source:
        break
    found = difference(list(source), whole, "frames")
    require(not found, f"the second time {found}.")


@rule("source")
def tells_the_truth_about_itself(make: Make) -> None:
    """Its stream is a Stream, the same before and after, and fits the frames, of which damaged ones may be missing."""
    source = make()
    stream = getattr(source, "stream", None)
    require(isinstance(stream, Stream), f"stream is a {type(stream).__name__}.")
    assert isinstance(stream, Stream)  # noqa: S101 - for the type checker
    frames = list(source)
    require(source.stream == stream, f"stream is {source.stream} after the last frame, and was {stream}.")
    length = len(frames) if stream.length is None else stream.length
    require(len(frames) <= length, f"stream.length is {length} and {len(frames)} frames came.")
    if isinstance(source, Sized):
        require(len(source) == stream.length, f"stream.length is {stream.length} and len() is {len(source)}.")
    for frame in frames:
        named = frame.sequence in ("", stream.name) or not stream.name
        require(named, f"stream.name is {stream.name!r} and frame {frame.index} is of {frame.sequence!r}.")


@rule("source")
def knows_its_stream_at_once(make: Make) -> None:
    """Its stream can be had before the first frame, and while another iteration is under way."""
    source = make()
    stream = source.stream
    frames = iter(source)
    next(frames)
    require(source.stream == stream, f"stream is {source.stream} after a frame, and was {stream}.")


@rule("source")
def closes(make: Make) -> None:
    """Where it offers close(), that may be called at any time and more than once."""
    source = make()
    if not isinstance(source, Closable):
        return
    source.close()
    source.close()
    source = make()
    assert isinstance(source, Closable)  # noqa: S101 - as the one before
    frames = iter(source)
    next(frames)
    source.close()
