"""Where the time of a run goes: a stopwatch around the components, outside the loop.

>>> watch = Stopwatch()
>>> steps = trackforge.track(  # doctest: +SKIP
...     watch.source(source), watch.detector(detector), watch.tracker(tracker), sinks=[watch.sink(s) for s in sinks]
... )
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any

from trackforge.protocols import (
    Closable,
    Detector,
    Ending,
    Sink,
    StagedDetector,
    StreamAware,
    Tracker,
    notes_of,
    stream_of,
)
from trackforge.types import Detections, Frame, Step, Stream, Tracks

__all__ = ["Stopwatch"]


class Stopwatch:
    """Adds up the seconds that each stage of a run takes.

    Stages overlap, so that together they may take longer than the run.

    Attributes:
        seconds: Seconds of wall clock by stage: ``decode``, ``prepare``, ``detect``, ``select``, ``track``
            and ``write``, as far as there and watched.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def source(self, source: Iterable[Frame], /) -> Iterable[Frame]:
        """Return the source, watched as ``decode``."""
        return _Source(source, self)

    def detector(self, detector: Detector, /) -> Detector:
        """Return the detector, watched as ``detect``; a `StagedDetector` as ``prepare``, ``detect`` and ``select``."""
        staged = isinstance(detector, StagedDetector)
        return _StagedDetector(detector, self) if staged else _Detector(detector, self)

    def tracker(self, tracker: Tracker, /) -> Tracker:
        """Return the tracker, watched as ``track``."""
        return _Tracker(tracker, self)

    def sink(self, sink: Sink, /) -> Sink:
        """Return the sink, watched as ``write``; opening and finishing it count too."""
        return _Sink(sink, self)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block to a stage; one thread at a time may be in one stage."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin


class _Watched:
    """Passes everything on that is not timed."""

    def __init__(self, inner: Any, watch: Stopwatch) -> None:
        self._inner = inner
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _StreamAware(_Watched):
    def open(self, stream: Stream, /) -> None:
        if isinstance(self._inner, StreamAware):
            self._inner.open(stream)

    def notes(self) -> Sequence[str]:
        return notes_of(self._inner)


class _Source(_Watched):
    @property
    def stream(self) -> Stream:
        return stream_of(self._inner)

    def close(self) -> None:
        if isinstance(self._inner, Closable):
            self._inner.close()

    def __len__(self) -> int:
        return len(self._inner)

    def __iter__(self) -> Iterator[Frame]:
        with self._watch.stage("decode"):
            frames = iter(self._inner)
        while True:
            with self._watch.stage("decode"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame


class _Detector(_StreamAware):
    # Written out: since Python 3.12 an isinstance check of a protocol does not see what __getattr__ gives.
    @property
    def classes(self) -> Sequence[str]:
        classes: Sequence[str] = self._inner.classes
        return classes

    @property
    def embedding_dim(self) -> int | None:
        width: int | None = self._inner.embedding_dim
        return width

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        with self._watch.stage("detect"):
            found: list[Detections] = self._inner.detect(frames)
        return found


class _StagedDetector(_Detector):
    def prepare(self, frames: Sequence[Frame], /) -> Any:
        with self._watch.stage("prepare"):
            return self._inner.prepare(frames)

    def infer(self, prepared: Any, /) -> Any:
        with self._watch.stage("detect"):
            return self._inner.infer(prepared)

    def select(self, predictions: Any, /) -> list[Detections]:
        with self._watch.stage("select"):
            found: list[Detections] = self._inner.select(predictions)
        return found


class _Tracker(_StreamAware):
    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        with self._watch.stage("track"):
            tracks: Tracks = self._inner.update(detections, frame)
        return tracks

    def reset(self) -> None:
        self._inner.reset()

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self._inner.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self._inner.load_state_dict(state)


class _Sink(_StreamAware):
    @property
    def ended(self) -> bool:
        return isinstance(self._inner, Ending) and self._inner.ended

    def write(self, step: Step, /) -> None:
        with self._watch.stage("write"):
            self._inner.write(step)

    def __enter__(self) -> Sink:
        with self._watch.stage("write"):
            self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        with self._watch.stage("write"):
            self._inner.__exit__(kind, error, trace)
