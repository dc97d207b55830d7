"""One session among those that share a detector: frames come in from any thread, steps come out in order."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from types import TracebackType

from trackforge.errors import InvalidInputError, StateError
from trackforge.pool.turns import Party, Policy, Turns, Waiting, cancel, fail, fulfil, tamed
from trackforge.roles import follows
from trackforge.session import Session
from trackforge.types import Detections, Frame, Step

__all__ = ["PooledSession"]

log = logging.getLogger(__name__)
MOMENT = 0.1
"""Seconds that whoever has no time at all waits for a tracker that is at work."""


class PooledSession(Party):
    """One session of a `trackforge.pool.SessionPool`; frames may come from any thread.

    Attributes:
        session: The session itself.
        policy: Whether every frame is wanted, or the newest alone.
        dropped: Frames that gave way to newer ones.
        failed: Frames that came to nothing by an error.
        frames: Frames that became steps.
        greatest: The greatest track id in them, which tells about how many tracks there were.
        last_step: The latest step, without its picture; None before the first.
        error: What ended the session, or None; of a lasting one, the latest error.
    """

    def __init__(self, turns: Turns, session: Session, *, policy: Policy, most: int, lasting: bool) -> None:
        super().__init__(session.detector)
        self.session = session
        self.policy = policy
        self.dropped = self.failed = self.frames = self.greatest = 0
        self.last_step: Step | None = None
        self.error: BaseException | None = None
        self._turns, self._most, self._lasting = turns, most, lasting
        self._last = session.last
        self._closed = self._left = False
        self._guard = threading.RLock()  # held while somebody works on the session

    def push(self, frame: Frame, /) -> Future[Step]:
        """Hand in a frame; with the policy ``every``, wait where too many are waiting.

        Returns:
            A future of its step. It is cancelled where a newer frame takes the frame's place, and has the error where
            the session ends by one.

        Raises:
            InvalidInputError: It is no Frame, its index does not increase, or the session is closed.
        """
        turns = self._turns
        while True:
            future = self.try_push(frame)
            if future is not None:
                return future
            with turns.changed:
                if self._closed or len(self.waiting) < self._most:
                    continue
                turns.may_wait()
                if turns.threaded:
                    turns.changed.wait()
                    continue
            turns.turn()

    def try_push(self, frame: Frame, /) -> Future[Step] | None:
        """Hand in a frame without waiting; None, and nothing has happened, where too many are waiting.

        Returns and raises as `push` does.
        """
        stale: list[Waiting] = []
        with self._turns.changed:
            if self._closed:
                raise InvalidInputError(
                    "A session that is closed takes no more frames. Open a new one."
                ) from self.error
            if self.policy == "every" and len(self.waiting) >= self._most:
                return None
            self._last = follows(frame, self._last).index
            if self.policy == "newest":
                stale = self._stale()
                self.dropped += sum(not old.cancelled() for _, old in stale)
            future = Future[Step]()
            self.waiting.append((frame, future))
            self._turns.changed.notify_all()
        cancel(stale)
        return future

    def state(self, *, within: float | None = None) -> bytes:
        """Do what waits now, and return the state of the session as bytes; raises as `Session.state` does.

        Frames that other threads hand in meanwhile may be part of it: its last frame says which.

        Args:
            within: Seconds to wait at most; what is not done by then is no part of it. None for as long as it takes.
        """
        with self.still(within=within):
            return self.session.state()

    @contextlib.contextmanager
    def still(self, *, within: float | None = None) -> Iterator[None]:
        """Do what waits now, and keep the session as it is within the block: state and counts fit each other there.

        Args:
            within: As for `state`.

        Raises:
            StateError: The tracker or an output is at work, and does not come back in that time.
        """
        self._idle(within)
        if not self._held(within):
            raise StateError("A session can be saved between two frames; its tracker does not come back. Try again.")
        try:
            yield
        finally:
            self._guard.release()

    def _held(self, within: float | None) -> bool:
        """Keep others from working on the session, if they come to an end; tell whether that is so."""
        return self._guard.acquire(timeout=-1 if within is None else max(within, MOMENT))

    def close(self, *, within: float | None = None) -> None:
        """Do what waits, and make the outputs final; may be called more than once.

        Args:
            within: Seconds to wait at most; what is not done by then is given up. None for as long as it takes.
        """
        with self._turns.changed:
            self._closed = True
            self._turns.changed.notify_all()
        if not self._idle(within):
            self._abandon()
        self._leave(None, within)

    def __enter__(self) -> PooledSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close; after an exception without doing what waits, and with the outputs as a sink leaves them then."""
        if error is not None:
            self.end(error)
        self.close()

    def take(self, waiting: Waiting, found: Detections | BaseException) -> BaseException | None:
        """Go on by a frame, in the thread that works; return what went wrong."""
        (frame, future), step = waiting, None
        with self._guard:
            failure = None if self._lasting else self.error
            failure = failure or (found if isinstance(found, BaseException) else None)
            if failure is None and isinstance(found, Detections):
                try:
                    step = self.session.associate(frame, found)
                    self.frames += 1
                    self.greatest = max(self.greatest, int(step.tracks.visible.track_id.max(initial=0)))
                    self.last_step = replace(step, frame=replace(frame, image=None))
                except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the step
                    failure = error
            if failure is not None:
                self.failed += 1
                if self._lasting:
                    failure = self.error = tamed(failure)
                else:
                    self.end(failure)
        self._turns.done(self, waiting)
        if step is not None:
            fulfil(future, step)
        else:
            fail(future, failure)
        return failure

    def end(self, error: BaseException) -> None:
        """Give up: cancel what waits, and leave the outputs as after any error."""
        with self._turns.changed:
            self._closed = True
            self.error = self.error or error
            stale = self._stale()
            self._turns.changed.notify_all()
        cancel(stale)
        try:
            self._leave(error)
        except Exception as problem:  # noqa: BLE001 - of a sink, whose session has an error already
            log.warning("%s", problem)

    def _abandon(self) -> None:
        """Give up the frames that wait and those that are being worked on; whoever works is not stopped."""
        with self._turns.changed:
            stale, busy = self._stale(), list(self.busy)
        cancel(stale)
        for _, future in busy:
            fail(future, InvalidInputError("The session was closed before the detector was done with this frame."))

    def _stale(self) -> list[Waiting]:
        """Take out what waits."""
        stale = list(self.waiting)
        self.waiting.clear()
        return stale

    def _idle(self, within: float | None) -> bool:
        """Wait until nothing is on its way that was handed in before; tell whether that is so."""
        turns, last = self._turns, self._last
        until = None if within is None else time.monotonic() + within
        while True:
            with turns.changed:
                on_their_way = [*itertools.islice(self.busy, 1), *itertools.islice(self.waiting, 1)]
                if min((frame.index for frame, _ in on_their_way), default=last + 1) > last:
                    return True
                remaining = None if until is None else until - time.monotonic()
                if remaining is not None and remaining <= 0:
                    return False
                turns.may_wait()
                if turns.threaded:
                    turns.changed.wait(remaining)
                    continue
            turns.turn()

    def _leave(self, error: BaseException | None, within: float | None = None) -> None:
        """Let go of the session, once; of one that somebody is stuck in, without its outputs."""
        free = self._held(within)
        try:
            with self._turns.changed:
                if self._left:
                    return
                self._left = True
                with contextlib.suppress(ValueError):
                    self._turns.parties.remove(self)
            if free:
                self.session.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
            else:
                log.warning("a session was given up whose tracker does not come back; its outputs are not whole")
        finally:
            if free:
                self._guard.release()
