"""Whose turn it is at a detector: who shares one, what of theirs waits, and who may wait for it."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, InvalidStateError
from typing import Any, Literal, TypeAlias, TypeVar

from trackforge.errors import InvalidInputError, PluginError
from trackforge.protocols import Detector
from trackforge.types import Detections, Frame

__all__ = ["Looks", "Party", "Policy", "Turns", "Waiting", "cancel", "fail", "fulfil", "tamed"]

T = TypeVar("T")
Policy: TypeAlias = Literal["every", "newest"]
"""Whether every frame is wanted, or the newest alone."""
Waiting: TypeAlias = "tuple[Frame, Future[Any]]"
"""A frame, and who waits for what becomes of it."""


class Party:
    """One of those who share the turns: frames of its own that wait, and what is done with what was found in them.

    Attributes:
        detector: What its frames are looked at with.
        waiting: Frames that nobody works on yet.
        busy: Frames that are being worked on.
    """

    def __init__(self, detector: Detector | None) -> None:
        self.detector = detector
        self.waiting: collections.deque[Waiting] = collections.deque()
        self.busy: collections.deque[Waiting] = collections.deque()

    def take(self, waiting: Waiting, found: Detections | BaseException) -> BaseException | None:
        """Go on by what was found in a frame; return what went wrong."""
        raise NotImplementedError


class Turns:
    """What all parties of a pool share.

    Attributes:
        changed: Lock of all that is here and in the parties; notified of every change.
        parties: The next to be served comes first.
        threaded: Whether a thread of the pool works; else whoever waits does, by `turn`.
        worker: The thread whose turn it is.
    """

    def __init__(self, turn: Callable[[], object], *, threaded: bool) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.parties: collections.deque[Party] = collections.deque()
        self.threaded = threaded
        self.worker: int | None = None
        self.turn = turn

    def may_wait(self) -> None:
        """Refuse to wait for a turn within one.

        Raises:
            InvalidInputError: This is a callback of a future, say.
        """
        if self.worker == threading.get_ident():
            raise InvalidInputError(
                "A callback of a future must not wait for the pool, which waits for the callback. Use another thread."
            )

    def batch(self, most: int, batch: list[tuple[Party, Waiting]]) -> None:
        """Take one frame of each party in turn into the batch, until that is full or nothing waits."""
        with self.changed:
            idle = 0
            while len(batch) < most and idle < len(self.parties):
                party = self.parties[0]
                self.parties.rotate(-1)
                if party.waiting:
                    idle = 0
                    waiting = party.waiting.popleft()
                    if waiting[1].set_running_or_notify_cancel():  # else nobody wants it any more
                        batch.append((party, waiting))
                        party.busy.append(waiting)
                else:
                    idle += 1
            self.changed.notify_all()

    def done(self, party: Party, waiting: Waiting) -> None:
        """Take note that nobody works on a frame any more."""
        with self.changed:
            if waiting in party.busy:
                party.busy.remove(waiting)
            self.changed.notify_all()


class Looks(Party):
    """Frames of no session, in which somebody wants to know what is there."""

    def __init__(self, turns: Turns, detector: Detector, most: int) -> None:
        super().__init__(detector)
        self._turns, self._most = turns, most

    def put(self, frame: Frame) -> Future[Detections] | None:
        """Let a frame wait; None where too many do."""
        with self._turns.changed:
            if len(self.waiting) >= self._most:
                return None
            future = Future[Detections]()
            self.waiting.append((frame, future))
            self._turns.changed.notify_all()
        return future

    def take(self, waiting: Waiting, found: Detections | BaseException) -> BaseException | None:
        """Hand over what was found."""
        self._turns.done(self, waiting)
        if isinstance(found, Detections):
            fulfil(waiting[1], found)
            return None
        fail(waiting[1], tamed(found))
        return found


def fulfil(future: Future[T], value: T) -> None:
    """Give a result to a future that may have been given up meanwhile."""
    with contextlib.suppress(InvalidStateError):
        future.set_result(value)


def fail(future: Future[Any], error: BaseException | None) -> None:
    """Give an error to a future that may have been given up meanwhile."""
    with contextlib.suppress(InvalidStateError):
        future.set_exception(error)


def tamed(error: BaseException) -> Exception:
    """Return an error that harms nobody who waits: SystemExit would end an event loop, StopIteration break it."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    made = PluginError(f"{type(error).__name__} ended the work on this frame. Send the next; the log says more.")
    made.__cause__ = error
    return made


def cancel(stale: Iterable[Waiting]) -> None:
    """Tell who waits that nothing comes; without a lock, since callbacks are run."""
    for _, future in stale:
        future.cancel()
        with contextlib.suppress(InvalidStateError):
            future.set_running_or_notify_cancel()  # wakes who waits for several
