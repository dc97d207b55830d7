"""The outputs of one sequence: each commits or fails for itself, and no signal comes between while they commit."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from trackforge.io.atomic import STOPPED
from trackforge.io.targets import keep_apart
from trackforge.protocols import Drawing, Ending, Painting, Sink, StreamAware
from trackforge.types import Step, Stream

__all__ = ["Outputs", "finishing", "is_finishing", "places"]

log = logging.getLogger(__name__)
_depth = 0


@contextlib.contextmanager
def finishing() -> Iterator[None]:
    """Mark a block that must not be broken off: `trackforge.runs.stopping` lets no signal through meanwhile."""
    global _depth
    here = threading.current_thread() is threading.main_thread()  # where signals arrive
    _depth += here
    try:
        yield
    finally:
        _depth -= here


def is_finishing() -> bool:
    """Tell whether the main thread is within `finishing`."""
    return _depth > 0


def places(sinks: Iterable[Sink]) -> list[Path]:
    """Return the files that sinks write to, of those whose settings say it."""
    found = (getattr(getattr(sink, "config", None), "path", None) for sink in sinks)
    return [Path(path) for path in found if isinstance(path, (str, Path))]


class Outputs:
    """Sinks that get the same steps. One that fails is left out from then on, and the others go on.

    Leaving the block makes those final that did not fail, and then raises the first failure. Where all have failed,
    there is nothing to go on for: the last failure is raised at once.

    Attributes:
        whole: How many were made final.
        ended: Whether the reader of one has seen enough.

    Raises:
        ConfigError: Two write to one file.
        Exception: Whatever a sink raises where it is opened; nothing is left of the others then.
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = tuple(sinks)
        keep_apart(places(self._sinks))
        self._open: list[Sink] = []
        self._failures: list[Exception] = []
        self.whole = 0
        self.ended = False

    def __enter__(self) -> Outputs:
        for sink in self._sinks:
            try:
                sink.__enter__()
            except BaseException as error:
                self._leave(type(error), error, error.__traceback__)
                raise
            self._open.append(sink)
        return self

    def draw_with(self, painter: Drawing) -> None:
        """Tell those that make pictures who else draws into them."""
        for sink in self._open:
            if isinstance(sink, Painting):
                sink.draw_with(painter)

    def open(self, stream: Stream) -> None:
        """Tell those that want to know about the stream."""
        for sink in tuple(self._open):
            if isinstance(sink, StreamAware):
                try:
                    sink.open(stream)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is this sink's own
                    self._drop(sink, error)

    def write(self, step: Step) -> None:
        """Write a step to all that have not failed."""
        for sink in tuple(self._open):
            try:
                sink.write(step)
                self.ended |= isinstance(sink, Ending) and sink.ended
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this sink's own
                self._drop(sink, error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with finishing():
            self._leave(kind, error, trace)
        if self._failures and (kind is None or kind is GeneratorExit):
            raise self._failures[0]

    def _leave(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leaving, self._open = self._open[::-1], []
        for sink in leaving:
            try:
                sink.__exit__(kind, error, trace)
                self.whole += kind is None or issubclass(kind, STOPPED)
            except Exception as problem:  # noqa: BLE001 - the others have a right to their end
                self._failures.append(problem)
                if len(leaving) > 1 or (kind is not None and issubclass(kind, STOPPED)):
                    log.warning("an output failed: %s", problem)

    def _drop(self, sink: Sink, error: Exception) -> None:
        self._open.remove(sink)
        self._failures.append(error)
        with finishing(), contextlib.suppress(Exception):  # what fails in clearing up has failed already
            sink.__exit__(type(error), error, error.__traceback__)
        if not self._open:
            raise error
        log.warning("an output failed, the others go on: %s", error)
