"""Where the time of a run goes: a stopwatch around the components, outside the loop.

>>> watch = Stopwatch()
>>> steps = trackforge.track(  # doctest: +SKIP
...     watch.source(source), watch.detector(detector), watch.tracker(tracker), sinks=[watch.sink(s) for s in sinks]
... )
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.protocols import (
    Closable,
    Detector,
    Drawing,
    Ending,
    Painting,
    Segmenter,
    Sink,
    StagedDetector,
    StreamAware,
    Tracker,
    notes_of,
    stream_of,
)
from trackforge.types import Detections, Frame, Step, Stream, Tracks

__all__ = ["Guard", "Stopwatch"]

Guard: TypeAlias = "Callable[[str], AbstractContextManager[object]]"
"""Stands around every call of a component; called with where the run is: ``"at frame 12"``, or an empty text."""


def _unguarded(where: str) -> AbstractContextManager[object]:  # noqa: ARG001 - see `Guard`
    return contextlib.nullcontext()


class Stopwatch:
    """Adds up the seconds that each stage of a run takes.

    Stages overlap, so that together they may take longer than the run.

    Attributes:
        seconds: Seconds of wall clock by stage: ``decode``, ``prepare``, ``detect``, ``select``, ``track``,
            ``segment`` and ``write``, as far as there and watched.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def source(self, source: Iterable[Frame], /, guard: Guard = _unguarded) -> Iterable[Frame]:
        """Return the source, watched as ``decode``."""
        return _Source(source, self, guard)

    def detector(self, detector: Detector, /, guard: Guard = _unguarded) -> Detector:
        """Return the detector, watched as ``detect``; a `StagedDetector` as ``prepare``, ``detect`` and ``select``."""
        staged = isinstance(detector, StagedDetector)
        return _StagedDetector(detector, self, guard) if staged else _Detector(detector, self, guard)

    def tracker(self, tracker: Tracker, /, guard: Guard = _unguarded) -> Tracker:
        """Return the tracker, watched as ``track``."""
        return _Tracker(tracker, self, guard)

    def segmenter(self, segmenter: Segmenter, /, guard: Guard = _unguarded) -> Segmenter:
        """Return the segmenter, watched as ``segment``."""
        return _Segmenter(segmenter, self, guard)

    def sink(self, sink: Sink, /, guard: Guard = _unguarded) -> Sink:
        """Return the sink, watched as ``write``; opening and finishing it count too."""
        return _Sink(sink, self, guard)

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

    def __init__(self, inner: Any, watch: Stopwatch, guard: Guard) -> None:
        self._inner = inner
        self._watch = watch
        self._guard = guard

    @contextlib.contextmanager
    def _stage(self, name: str, where: str = "") -> Iterator[None]:
        with self._watch.stage(name), self._guard(where):
            yield

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _StreamAware(_Watched):
    def open(self, stream: Stream, /) -> None:
        if isinstance(self._inner, StreamAware):
            with self._guard("as it was told of the stream"):
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
        where = "before its first frame"
        with self._stage("decode", where):
            frames = iter(self._inner)
        while True:
            with self._stage("decode", where):
                frame = next(frames, None)
            if frame is None:
                return
            where = f"after frame {getattr(frame, 'index', '?')}"
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
        with self._stage("detect", _at(frames)):
            found: list[Detections] = self._inner.detect(frames)
        return found


class _StagedDetector(_Detector):
    # What the steps hand on takes along where it was; whoever pulls the steps does not look into it.
    def prepare(self, frames: Sequence[Frame], /) -> Any:
        where = _at(frames)
        with self._stage("prepare", where):
            return where, self._inner.prepare(frames)

    def infer(self, prepared: Any, /) -> Any:
        where, inner = prepared
        with self._stage("detect", where):
            return where, self._inner.infer(inner)

    def select(self, predictions: Any, /) -> list[Detections]:
        where, inner = predictions
        with self._stage("select", where):
            found: list[Detections] = self._inner.select(inner)
        return found


class _Tracker(_StreamAware):
    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        with self._stage("track", _at([frame])):
            tracks: Tracks = self._inner.update(detections, frame)
        return tracks

    def reset(self) -> None:
        self._inner.reset()

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self._inner.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self._inner.load_state_dict(state)


class _Segmenter(_Watched):
    def segment(self, frame: Frame, xyxy: npt.NDArray[np.float32], /) -> list[dict[str, Any]]:
        with self._stage("segment", _at([frame])):
            masks: list[dict[str, Any]] = self._inner.segment(frame, xyxy)
        return masks


class _Sink(_StreamAware):
    @property
    def ended(self) -> bool:
        return isinstance(self._inner, Ending) and self._inner.ended

    def draw_with(self, painter: Drawing, /) -> None:
        if isinstance(self._inner, Painting):
            self._inner.draw_with(painter)

    def write(self, step: Step, /) -> None:
        with self._stage("write", _at([step.frame])):
            self._inner.write(step)

    def __enter__(self) -> Sink:
        with self._stage("write", "as it was opened"):
            self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        with self._stage("write", "as it was finished"):
            self._inner.__exit__(kind, error, trace)


def _at(frames: Sequence[Frame]) -> str:
    """Say which frames a component has got."""
    if not frames:
        return ""
    first, last = frames[0].index, frames[-1].index
    return f"at frame {first}" if first == last else f"in frames {first} to {last}"
