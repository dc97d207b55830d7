"""The one loop of the library: frames in, steps out.

>>> import trackforge
>>> steps = trackforge.track("street.mp4", "motion", "byte", sinks=["out.txt", "out.mp4"])  # doctest: +SKIP
>>> for step in steps:  # doctest: +SKIP
...     print(step.frame.index, step.tracks.visible.track_id)

It is a generator, so that progress bars, early stop and filters wrap it from outside; `trackforge.runs.Stopwatch` times
its stages the same way. Decoding, detection and association overlap: each of the first two runs in a thread of its own,
a few frames ahead, and a `StagedDetector` shares its work out among all three. Of a live source nothing is fetched
ahead: each detection begins with the newest frame, when the one before it is taken.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import threading
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from trackforge.analytics.together import Given
from trackforge.errors import InvalidInputError
from trackforge.protocols import Closable, Detector, Sink, Source, StagedDetector, Tracker, stream_of
from trackforge.registry import doors
from trackforge.roles import answers, fit, follows
from trackforge.session import Session, Steps
from trackforge.types import Detections, Frame, Step

__all__ = ["track"]

log = logging.getLogger(__name__)
T = TypeVar("T")
MOMENT = 0.5
"""Seconds that a live source may take to give its next frame, where nobody wants it any more."""
PATIENCE = 5.0
"""Seconds to wait for a background thread that is stuck in a read, say of a dead network stream."""


def track(
    source: str | Path | Source | Iterable[Frame],
    detector: Detector | str,
    tracker: Tracker | str,
    *,
    sinks: Iterable[Sink | str | Path] = (),
    batch_size: int = 1,
    ahead: int = 4,
    analytics: Given = (),
) -> Generator[Step, None, None]:
    """Track the objects of one sequence, frame by frame.

    Outputs become final when the loop ends, whether the frames ran out or the caller stopped (``break``, ``close()``,
    Ctrl-C). After any other exception nothing stands under their names; what was written so far is kept beside them. An
    output that fails takes no other along: it is left out, and its error raised when the others are final.

    Args:
        source: A path, URL or source name (see `trackforge.source`), a Source, or any iterable of frames.
        detector: A Detector, or the name of one that needs no settings.
        tracker: A Tracker, or the name of one. It goes on from where it stands: `reset()` it between sequences.
        sinks: Sinks, or file names whose ending tells which sink is meant. Opened and closed here.
        batch_size: Frames that the detector gets at once. More is faster on a GPU, and later.
        ahead: Frames that decoding and detection may run ahead of the caller; 0 does everything in the caller's thread.
            Of a live source (``stream.live``), detection works on one frame, the newest, while the caller has another.
        analytics: Analytics, or names of such that need no settings: what each knows is in `Step.analytics`, and its
            ``result()`` is what came of all. In a mapping the keys are the names of their answers.

    Yields:
        A `Step` for every frame, empty or not.

    Raises:
        InvalidInputError: An argument cannot play its role; the source yields something else than frames, or their
            indices do not increase.
        PluginError: The detector does not give one Detections a frame.
        TrackforgeError: Whatever the components raise, in the order of the frames.
    """
    if batch_size < 1:
        raise InvalidInputError(f"batch_size must be >= 1; got {batch_size}.")
    if ahead < 0:
        raise InvalidInputError(f"ahead must be >= 0; got {ahead}.")
    opened = isinstance(source, (str, Path, int))
    given = fit(doors.source(source) if isinstance(source, (str, Path, int)) else source, "source", "__iter__")
    session = Session(detector, tracker, sinks=sinks, stream=stream_of(given), analytics=analytics)
    return Steps(_steps(given, session, batch_size, ahead, opened))


def _steps(
    source: Iterable[Frame], session: Session, batch_size: int, ahead: int, close_source: bool
) -> Generator[Step, None, None]:
    with contextlib.ExitStack() as stack:
        if close_source and isinstance(source, Closable):
            stack.callback(source.close)
        stack.enter_context(session)
        line = stack.enter_context(_Line(source))
        for frame, detections in _found(line, source, session.detector, batch_size, ahead):
            yield session.associate(frame, detections)
            if session.ended:  # a window was closed
                return


def _increasing(source: Iterable[Frame]) -> Iterator[Frame]:
    """Pass frames on as long as their indices increase."""
    last = -1
    for frame in source:
        last = follows(frame, last).index
        yield frame


def _found(
    line: _Line, source: Iterable[Frame], detector: Detector, batch_size: int, ahead: int
) -> Iterator[tuple[Frame, Detections]]:
    """Detect in batches; the last one may be smaller.

    A staged detector prepares its input in the thread that decodes and selects in the caller's, so that the network
    never waits for either. A live source is asked as late as can be, when the detector is ready.
    """
    if ahead and stream_of(source).live:
        batches = _batches(_increasing(source), batch_size)
        if isinstance(detector, StagedDetector):
            raw = line.newest("detect", ((batch, detector.infer(detector.prepare(batch))) for batch in batches))
            return _checked(((batch, detector.select(one)) for batch, one in raw), detector)
        return line.newest("detect", _checked(((batch, detector.detect(batch)) for batch in batches), detector))
    if isinstance(detector, StagedDetector):
        prepare, infer, select = detector.prepare, detector.infer, detector.select
        batches = _batches(_increasing(source), batch_size)
        ready = line.stage("decode", ((batch, prepare(batch)) for batch in batches), -(-ahead // batch_size))
        given = line.stage("detect", ((batch, infer(prepared)) for batch, prepared in ready), -(-ahead // batch_size))
        return _checked(((batch, select(raw)) for batch, raw in given), detector)
    frames = line.stage("decode", _increasing(source), max(ahead, batch_size) if ahead else 0)
    batches = _batches(frames, batch_size)
    return line.stage("detect", _checked(((batch, detector.detect(batch)) for batch in batches), detector), ahead)


def _checked(
    batches: Iterable[tuple[list[Frame], list[Detections]]], detector: Detector
) -> Iterator[tuple[Frame, Detections]]:
    """Take batches apart, each frame with its detections."""
    for batch, found in batches:
        yield from zip(batch, answers(detector, batch, found), strict=True)


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    batch = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class _Line:
    """The threads of one run. Leaving the block stops them all first and then waits for each.

    A live source may wait for a camera that does not come back: if it still does after a moment, it is closed.
    """

    def __init__(self, source: Iterable[Frame]) -> None:
        self._source = source if stream_of(source).live and isinstance(source, Closable) else None
        self._stages: list[_Ahead[object]] = []
        self._here = contextlib.ExitStack()

    def stage(self, name: str, items: Iterable[T], depth: int) -> Iterator[T]:
        """Iterate over items in a thread of their own, up to ``depth`` ahead; with depth 0, in the caller's."""
        if depth == 0:
            return self._here.enter_context(_closing(items))
        made = _Ahead(name, items, depth)
        self._stages.append(made)  # type: ignore[arg-type]
        return made

    def newest(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Iterate over items in a thread of their own; each is begun when the one before it is taken, not sooner."""
        made = _Ahead(name, items, 1, eager=False)
        self._stages.append(made)  # type: ignore[arg-type]
        return made

    def __enter__(self) -> _Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stage in self._stages:
            stage.stop()
        if self._source is not None and not all(stage.join(MOMENT) for stage in self._stages):
            self._source.close()
        for stage in self._stages:
            if not stage.join(PATIENCE):
                log.warning("%s is stuck in a read and was left behind", stage.name)
        self._here.close()


@contextlib.contextmanager
def _closing(items: Iterable[T]) -> Iterator[Iterator[T]]:
    """Close a generator when the block ends, rather than when it is collected."""
    iterator = iter(items)
    try:
        yield iterator
    finally:
        if isinstance(iterator, Generator):
            iterator.close()


class _Ahead(Generic[T]):
    """An iterator that works ahead in a background thread, at most ``depth`` items.

    An exception of the items reaches the consumer after the items before it. The thread itself closes its items, since
    a generator can only be closed by the thread that runs it. Unless ``eager``, it draws an item when there is
    room for it.
    """

    def __init__(self, name: str, items: Iterable[T], depth: int, *, eager: bool = True) -> None:
        self._items = items
        self._depth = depth
        self._eager = eager
        self._ready: collections.deque[T] = collections.deque()
        self._error: BaseException | None = None
        self._ended = self._stopped = False
        self._changed = threading.Condition()  # of a lock that one thread may take twice
        self._thread = threading.Thread(target=self._run, name=f"trackforge-{name}", daemon=True)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._thread.ident is None:
            self._thread.start()
        with self._changed:
            while not self._ready and not self._ended and not self._stopped:
                self._changed.wait(0.5)  # a limit, so that Ctrl-C gets through on every system
            if self._ready and not self._stopped:
                item = self._ready.popleft()
                self._changed.notify_all()
                return item
            error, self._error = self._error, None
        if error is not None and not self._stopped:
            raise error
        raise StopIteration

    def stop(self) -> None:
        """End the iteration on both sides, without waiting."""
        with self._changed:
            self._stopped = True
            self._ready.clear()
            self._changed.notify_all()

    @property
    def name(self) -> str:
        """Of the thread."""
        return self._thread.name

    def join(self, patience: float) -> bool:
        """Wait until the thread is done with its items; tell whether it is."""
        # Whoever collects garbage may close the pipeline, even one of its own threads.
        if self._thread.ident is None or self._thread is threading.current_thread():
            return True
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with _closing(self._items) as items:
                for item in items:
                    if not self._put(item) or not (self._eager or self._room()):
                        break
        except BaseException as raised:  # noqa: BLE001 - all of them belong to the consumer
            error = raised
        with self._changed:
            self._error, self._ended = error, True
            self._changed.notify_all()

    def _room(self) -> bool:
        """Wait until an item fits in; False where none is wanted any more."""
        with self._changed:
            while len(self._ready) >= self._depth and not self._stopped:
                self._changed.wait()
            return not self._stopped

    def _put(self, item: T) -> bool:
        with self._changed:
            if self._room():
                self._ready.append(item)
                self._changed.notify_all()
            return not self._stopped
