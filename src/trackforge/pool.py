"""Many sessions over one detector, with batches across them.

>>> import trackforge
>>> from trackforge.pool import SessionPool
>>> with SessionPool(trackforge.detector("yolox"), policy="newest") as pool:  # doctest: +SKIP
...     gate, yard = pool.open("byte", sinks=["gate.txt"]), pool.open("byte", sinks=["yard.txt"])
...     future = gate.push(frame)  # from any thread
...     step = future.result()
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import logging
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Literal

from trackforge.errors import InvalidInputError
from trackforge.io.outputs import places
from trackforge.io.targets import keep_apart
from trackforge.protocols import Detector, Remembering, Sink, Tracker
from trackforge.registry import doors
from trackforge.session import Session, answers, fit, follows
from trackforge.types import Detections, Frame, Step, Stream

__all__ = ["PooledSession", "SessionPool"]

log = logging.getLogger(__name__)
Waiting = tuple[Frame, "Future[Step]"]


class SessionPool:
    """Shares one detector among sessions: each turn takes what waits, a fair part of every session, as one batch.

    Frames of one session are detected and associated in the order in which they came; what goes wrong in one session
    ends that one only. A thread of the pool does the work; with ``thread=False`` whoever calls `turn` does.

    Args:
        detector: A Detector, or the name of one that needs no settings. It must look at each frame by itself.
        max_batch: Frames that the detector gets at once, at most.
        policy: ``"every"`` frame becomes a step, and `PooledSession.push` waits where too many are waiting; of
            ``"newest"``, one frame a session waits at most, and a newer one takes its place. So what is detected was
            the newest there is when detection began: at most one detection old when it is done.
        waiting: With ``"every"``, frames a session that may wait.
        thread: Whether to start a thread that works.

    Raises:
        InvalidInputError: The detector remembers something from frame to frame, or a number is below 1.
    """

    def __init__(
        self,
        detector: Detector | str,
        *,
        max_batch: int = 8,
        policy: Literal["every", "newest"] = "every",
        waiting: int = 8,
        thread: bool = True,
    ) -> None:
        made = doors.detector(detector) if isinstance(detector, str) else detector
        self.detector = fit(made, "detector", "detect")
        if isinstance(made, Remembering):
            raise InvalidInputError(
                f"A pool needs a detector that looks at each frame by itself; {type(made).__name__} remembers what "
                "came before. Give each camera a Session with a detector of its own."
            )
        if min(max_batch, waiting) < 1:
            raise InvalidInputError(f"max_batch and waiting must be >= 1; got {max_batch} and {waiting}.")
        if policy not in ("every", "newest"):
            raise InvalidInputError(f"policy must be 'every' or 'newest'; got {policy!r}.")
        self.max_batch, self.policy, self.waiting = max_batch, policy, waiting
        self._sessions: collections.deque[PooledSession] = collections.deque()  # the next to be served comes first
        self._changed = threading.Condition(threading.RLock())
        self._closed = False
        self._turning = threading.Lock()
        self._worker: int | None = None  # the thread whose turn it is
        self._thread = threading.Thread(target=self._work, name="trackforge-pool", daemon=True) if thread else None
        if self._thread is not None:
            self._thread.start()

    def open(
        self,
        tracker: Tracker | str,
        *,
        sinks: Iterable[Sink | str | Path] = (),
        stream: Stream | None = None,
        state: bytes | None = None,
    ) -> PooledSession:
        """Begin a session; its sinks are opened now.

        Args:
            tracker: A Tracker of its own, or the name of one.
            sinks: Sinks, or file names whose ending tells which sink is meant.
            stream: What is known about the frames beforehand.
            state: What `Session.state` returned, to go on there; it knows the stream.

        Raises:
            InvalidInputError: The pool is closed, or another session has the tracker.
            ConfigError: Another session writes to the same file.
            StateError: The state does not fit.
        """
        made = doors.tracker(tracker) if isinstance(tracker, str) else tracker
        with self._changed:
            if self._closed:
                raise InvalidInputError("A pool that is closed takes no more sessions. Make a new one.")
            if any(other.session.tracker is made for other in self._sessions):  # before a state is loaded into it
                raise InvalidInputError("Every session needs a tracker of its own; got one that another session has.")
            if state is None:
                session = Session(self.detector, made, sinks=sinks, stream=stream)
            else:
                session = Session.restore(state, self.detector, made, sinks=sinks)
            pooled = PooledSession(self, session)
            keep_apart(places(sink for one in (*self._sessions, pooled) for sink in one.session.sinks))
            session.__enter__()
            self._sessions.append(pooled)
        return pooled

    def turn(self) -> int:
        """Detect in one batch of what waits, and go on by it; return how many frames that were.

        Raises:
            BaseException: Ctrl-C or the like came; it has ended the sessions of the batch, and nobody waits for ever.
        """
        self._may_wait()
        count, stopped = self._turn()
        if stopped is not None:
            raise stopped
        return count

    def _turn(self) -> tuple[int, BaseException | None]:
        """Do a turn; return how many frames that were, and what is no error but wants everything to stop."""
        with self._turning:
            self._worker = threading.get_ident()
            try:
                batch = self._batch()
                found = self._detect([frame for _, (frame, _) in batch]) if batch else []
                failures = [pooled._take(*waiting, one) for (pooled, waiting), one in zip(batch, found, strict=True)]
            finally:
                self._worker = None
        return len(batch), next((f for f in failures if f is not None and not isinstance(f, Exception)), None)

    def _may_wait(self) -> None:
        """Refuse to wait for a turn within one."""
        if self._worker == threading.get_ident():
            raise InvalidInputError(
                "A callback of a future must not wait for the pool, which waits for the callback. Use another thread."
            )

    def close(self) -> None:
        """Do what waits, end all sessions, make their outputs final, and stop the thread.

        Raises:
            SinkError: An output cannot be finished; the others are.
        """
        with self._changed:
            self._closed = True
            sessions = list(self._sessions)
            for pooled in sessions:
                pooled._closed = True
            self._changed.notify_all()
        with contextlib.ExitStack() as stack:
            if self._thread is not None:
                stack.callback(self._thread.join)
            for pooled in sessions:
                stack.callback(pooled.close)

    def __enter__(self) -> SessionPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close; after an exception without doing what waits, and with the outputs as a sink leaves them then."""
        if error is not None:
            with self._changed:
                sessions = list(self._sessions)
            for pooled in sessions:
                pooled._end(error)
        self.close()

    def _batch(self) -> list[tuple[PooledSession, Waiting]]:
        """Take one frame of each session in turn, until the batch is full or nothing waits."""
        batch: list[tuple[PooledSession, Waiting]] = []
        with self._changed:
            idle = 0
            while len(batch) < self.max_batch and idle < len(self._sessions):
                pooled = self._sessions[0]
                self._sessions.rotate(-1)
                if pooled._waiting:
                    idle = 0
                    frame, future = pooled._waiting.popleft()
                    if future.set_running_or_notify_cancel():  # else nobody wants it any more
                        batch.append((pooled, (frame, future)))
                        pooled._busy.append(frame.index)
                else:
                    idle += 1
            self._changed.notify_all()
        return batch

    def _detect(self, frames: list[Frame]) -> list[Detections | BaseException]:
        """Detect in a batch; where that fails, frame by frame, so that only the faulty ones suffer."""
        try:
            return list(answers(self.detector, frames, self.detector.detect(frames)))
        except Exception as error:  # noqa: BLE001 - it belongs to the sessions whose frames these are
            if len(frames) == 1:
                return [error]
            log.warning("a batch of %d frames failed (%s), which are tried one by one", len(frames), error)
        except BaseException as stopped:  # noqa: BLE001 - Ctrl-C, say; those who wait must hear of it
            return [stopped] * len(frames)
        return [self._detect([frame])[0] for frame in frames]

    def _work(self) -> None:
        while True:
            with self._changed:
                while not any(pooled._waiting for pooled in self._sessions):
                    if self._closed:
                        return
                    self._changed.wait()
            self._turn()

    def _idle(self, pooled: PooledSession) -> None:
        """Wait until nothing of a session is on its way that was handed in before."""
        last = pooled._last
        while True:
            with self._changed:
                on_their_way = [
                    *itertools.islice(pooled._busy, 1),
                    *(f.index for f, _ in itertools.islice(pooled._waiting, 1)),
                ]
                if min(on_their_way, default=last + 1) > last:
                    return
                self._may_wait()
                if self._thread is not None:
                    self._changed.wait()
                    continue
            self.turn()


class PooledSession:
    """One session of a `SessionPool`; frames may come from any thread.

    Attributes:
        session: The session itself.
        dropped: Frames that gave way to newer ones.
        error: What ended the session, or None.
    """

    def __init__(self, pool: SessionPool, session: Session) -> None:
        self.session = session
        self.dropped = 0
        self.error: BaseException | None = None
        self._pool = pool
        self._waiting: collections.deque[Waiting] = collections.deque()
        self._busy: collections.deque[int] = collections.deque()  # indices of frames that are being worked on
        self._last = session.last
        self._closed = self._left = False
        self._guard = threading.RLock()  # held while somebody works on the session

    def push(self, frame: Frame, /) -> Future[Step]:
        """Hand in a frame.

        Returns:
            A future of its step. It is cancelled where a newer frame takes the frame's place, and has the error where
            the session ends by one.

        Raises:
            InvalidInputError: It is no Frame, its index does not increase, or the session is closed.
        """
        pool, future = self._pool, Future[Step]()
        stale: list[Waiting] = []
        while True:
            with pool._changed:
                if self._closed:
                    raise InvalidInputError(
                        "A session that is closed takes no more frames. Open a new one."
                    ) from self.error
                if pool.policy == "newest" or len(self._waiting) < pool.waiting:
                    self._last = follows(frame, self._last).index
                    if pool.policy == "newest":
                        stale = self._stale()
                        self.dropped += sum(not old.cancelled() for _, old in stale)
                    self._waiting.append((frame, future))
                    pool._changed.notify_all()
                    break
                pool._may_wait()
                if pool._thread is not None:
                    pool._changed.wait()
                    continue
            pool.turn()
        _cancel(stale)
        return future

    def state(self) -> bytes:
        """Do what waits now, and return the state of the session as bytes; raises as `Session.state` does.

        Frames that other threads hand in meanwhile may be part of it: its last frame says which.
        """
        self._pool._idle(self)
        with self._guard:
            return self.session.state()

    def close(self) -> None:
        """Do what waits, and make the outputs final; may be called more than once."""
        with self._pool._changed:
            self._closed = True
            self._pool._changed.notify_all()
        self._pool._idle(self)
        self._leave(None)

    def __enter__(self) -> PooledSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close; after an exception without doing what waits, and with the outputs as a sink leaves them then."""
        if error is not None:
            self._end(error)
        self.close()

    def _take(self, frame: Frame, future: Future[Step], found: Detections | BaseException) -> BaseException | None:
        """Go on by a frame, in the thread that works; return what went wrong."""
        step: Step | None = None
        with self._guard:
            failure = self.error or (found if isinstance(found, BaseException) else None)
            if failure is None and isinstance(found, Detections):
                try:
                    step = self.session.associate(frame, found)
                except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the step
                    failure = error
            if failure is not None:
                self._end(failure)
        with self._pool._changed:
            self._busy.popleft()
            self._pool._changed.notify_all()
        if step is not None:
            future.set_result(step)
        else:
            future.set_exception(failure)
        return failure

    def _end(self, error: BaseException) -> None:
        """Give up: cancel what waits, and leave the outputs as after any error."""
        with self._pool._changed:
            self._closed = True
            self.error = self.error or error
            stale = self._stale()
            self._pool._changed.notify_all()
        _cancel(stale)
        try:
            self._leave(error)
        except Exception as problem:  # noqa: BLE001 - of a sink, whose session has an error already
            log.warning("%s", problem)

    def _stale(self) -> list[Waiting]:
        """Take out what waits."""
        stale = list(self._waiting)
        self._waiting.clear()
        return stale

    def _leave(self, error: BaseException | None) -> None:
        """Let go of the session, once."""
        with self._guard:
            if self._left:
                return
            self._left = True
            with self._pool._changed:
                self._pool._sessions.remove(self)
            self.session.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)


def _cancel(stale: list[Waiting]) -> None:
    """Tell who waits that nothing comes; without a lock, since callbacks are run."""
    for _, future in stale:
        future.cancel()
        future.set_running_or_notify_cancel()  # wakes who waits for several
