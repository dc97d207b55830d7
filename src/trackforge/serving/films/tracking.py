"""One film through a session of the engine, with constant memory.

Frames of a film wait for the detector like those of any session, so that films and cameras share its batches fairly. A
few are decoded ahead (`AHEAD`, or as many as a session may have waiting), and nothing else grows with the film: outputs
are sinks, which write as it goes.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from trackforge.errors import DataError
from trackforge.intake.limits import limited
from trackforge.io.outputs import Outputs
from trackforge.io.video import VideoSource
from trackforge.protocols import Sink
from trackforge.registry import doors
from trackforge.serving.engine import Engine
from trackforge.serving.films.opening import open_film
from trackforge.serving.refusals import Busy, SessionGone, UnknownSession
from trackforge.serving.served import ServedSession
from trackforge.types import Frame, Step, Stream

__all__ = ["FilmSummary", "track_film"]

AHEAD = 4
"""Frames that are decoded ahead of the detector, at most."""
GLANCE = 0.2
"""Seconds between two looks whether anybody asked for a stop, while a step is waited for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilmSummary:
    """What became of a film.

    Attributes:
        name: Of the sequence.
        frames: Frames that were tracked.
        skipped: Frames that are damaged and were left out.
        lack: What is missing at the end of a film that is cut short; empty where it is whole.
        length: Frames as the film states them, or None.
        rate: Frames per second as the film states them, or None.
        size: ``(width, height)`` in pixels; (0, 0) without frames.
        seconds: What it took.
        stopped: Whether somebody asked for a stop before the end.
        analytics: What the analytics made of it, by name.
    """

    name: str
    frames: int
    skipped: int
    lack: str
    length: int | None
    rate: float | None
    size: tuple[int, int]
    seconds: float
    stopped: bool
    analytics: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


def track_film(
    engine: Engine,
    path: str | Path,
    *,
    name: str = "",
    tracker: str | Mapping[str, Any] | None = None,
    sinks: Iterable[Sink | str | Path] = (),
    stop: threading.Event | None = None,
    watch: Callable[[Step], object] | None = None,
    opened: Callable[[Stream], object] | None = None,
    began: Callable[[ServedSession], object] | None = None,
    most: int | None = None,
    stride: int = 1,
) -> FilmSummary:
    """Track one film, every frame of it unless said otherwise, and write its steps to sinks; blocks until it is done.

    The sinks are written here, not where the sessions are worked at: a slow one, or a full disk, is this film's alone.
    They become final at the end and after a stop; after an error nothing stands under their names.

    Args:
        engine: What detects and tracks; it must be ready.
        path: The film. It may come from a stranger (`trackforge.serving.films.opening`).
        name: What to call it; the file's name where empty.
        tracker: Name of a tracker, or a table with ``name`` and settings; the engine's where None.
        sinks: Sinks, or file names whose ending tells which sink is meant.
        stop: Ends the film at its next frame, once set.
        watch: Called with each step, in order, after the sinks have it.
        opened: Called with what the film says of itself, before its first frame.
        began: Called with its session, before its first frame.
        most: Frames that it may have.
        stride: Take every n-th frame; indices and times stay those of the film.

    Raises:
        SourceError: It is no film, or one of which nothing can be decoded.
        DataError: Its pictures, or its frames, are more than the limits allow.
        Refusal: The engine takes no session now, or has ended this one.
        SinkError: All outputs failed; or one did, and the others are whole.
        TrackforgeError: What the detector or the tracker raises.
    """
    begin = time.monotonic()
    stop = threading.Event() if stop is None else stop
    made = [doors.sink(sink) if isinstance(sink, (str, Path)) else sink for sink in sinks]
    frames, size = 0, (0, 0)
    with limited(pixels=engine.run.max_pixels), contextlib.ExitStack() as stack:
        source = open_film(Path(path), name or Path(path).name, stride)
        stack.callback(source.close)
        session = engine.sessions.open(  # which is closed here, and never kept for another server
            name=source.name, tracker=tracker, frame_rate=source.rate, policy="every", ttl=float("inf")
        )
        stack.callback(_close, engine, session)
        if began is not None:
            began(session)
        stack.enter_context(session.exclusive())  # nobody else's frames come between
        stream = dataclasses.replace(source.stream, classes=engine.classes)
        if opened is not None:
            opened(stream)
        outputs = stack.enter_context(Outputs(made))
        ahead = min(AHEAD, engine.run.waiting)
        with contextlib.closing(_steps(session, source, stop, ahead)) as steps:
            for step in steps:
                if most is not None and frames >= most:
                    raise DataError(f"A film must have at most {most:,} frames; {source.path} has more. Cut it.")
                if not frames:
                    size = step.frame.size
                    outputs.open(stream.seen(step.frame))
                outputs.write(step)
                frames += 1
                if watch is not None:
                    watch(step)
        if not frames:
            outputs.open(stream)
    return FilmSummary(
        name=source.name,
        frames=frames,
        skipped=source.skipped,
        lack=source.lack,
        length=stream.length,
        rate=source.rate,
        size=size,
        seconds=time.monotonic() - begin,
        stopped=stop.is_set(),
        analytics=session.analytics.result(),
    )


def _steps(
    session: ServedSession, source: VideoSource, stop: threading.Event, ahead: int
) -> Generator[Step, None, None]:
    """Give the steps of a film in order; a few frames are on their way meanwhile."""
    waiting: collections.deque[tuple[Frame, Future[Step]]] = collections.deque()
    frames = iter(source)
    frame = next(frames, None)
    while (frame is not None or waiting) and not stop.is_set():
        if frame is not None and frame.image is not None and len(waiting) < ahead:
            try:
                waiting.append((frame, session.push(frame.image, index=frame.index, timestamp=frame.timestamp)))
                frame = next(frames, None)
                continue
            except Busy:  # the pictures of all sessions take as much memory as they may
                if not waiting:
                    stop.wait(GLANCE)
                    continue
        step = _settled(*waiting.popleft(), stop)
        if step is not None:
            yield step


def _settled(frame: Frame, future: Future[Step], stop: threading.Event) -> Step | None:
    """Wait for a step, and give it the frame as the film has it; None where somebody asked for a stop."""
    while not future.done():
        if stop.is_set():
            return None
        concurrent.futures.wait([future], timeout=GLANCE)
    if future.cancelled():
        raise SessionGone(f"The session of {frame.sequence} was ended before the film. Send it again.")
    return dataclasses.replace(future.result(), frame=frame)


def _close(engine: Engine, session: ServedSession) -> None:
    with contextlib.suppress(UnknownSession, SessionGone):  # whoever ended it has told why
        engine.sessions.close(session.id)
