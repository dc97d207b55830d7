"""A detector that many sessions share: each turn takes what waits as one batch."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType

from trackforge.analytics.together import Given
from trackforge.errors import InvalidInputError
from trackforge.io.outputs import places
from trackforge.io.targets import keep_apart
from trackforge.pool.looking import detect_each, looked
from trackforge.pool.pooled import PooledSession
from trackforge.pool.turns import Looks, Party, Policy, Turns, Waiting
from trackforge.protocols import Detector, Remembering, Sink, Tracker
from trackforge.registry import doors
from trackforge.roles import fit
from trackforge.session import Session
from trackforge.types import Detections, Frame, Stream

__all__ = ["SessionPool"]

log = logging.getLogger(__name__)
LOOKS = 64
"""Frames of no session that may wait."""
CLOSED = "A pool that is closed takes no more sessions. Make a new one."
BREATH = 0.05
"""Seconds before a thread that something broke into goes on, lest it spin."""


class SessionPool:
    """Shares one detector among sessions: each turn takes what waits, a fair part of every session, as one batch.

    Frames of one session are detected and associated in the order in which they came; what goes wrong in one session
    ends that one only. A thread of the pool does the work; with ``thread=False`` whoever calls `turn` does.

    Args:
        detector: A Detector, or the name of one that needs no settings. It must look at each frame by itself. None
            where every session is opened with one of its own.
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
        detector: Detector | str | None,
        *,
        max_batch: int = 8,
        policy: Policy = "every",
        waiting: int = 8,
        thread: bool = True,
    ) -> None:
        made = doors.detector(detector) if isinstance(detector, str) else detector
        self.detector = None if made is None else fit(made, "detector", "detect")
        if isinstance(made, Remembering):
            raise InvalidInputError(
                f"A pool needs a detector that looks at each frame by itself; {type(made).__name__} remembers what "
                "came before. Open each session with one of its own: SessionPool(None).open(..., detector=...)."
            )
        if min(max_batch, waiting) < 1:
            raise InvalidInputError(f"max_batch and waiting must be >= 1; got {max_batch} and {waiting}.")
        self.max_batch, self.policy, self.waiting = max_batch, _policy(policy), waiting
        self._turns = Turns(self.turn, threaded=thread)
        self._looks: Looks | None = None
        self._claimed: list[object] = []
        self._closed = False
        self._turning = threading.Lock()
        self._begun: float | None = None
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
        detector: Detector | None = None,
        policy: Policy | None = None,
        lasting: bool = False,
        analytics: Given = (),
    ) -> PooledSession:
        """Begin a session; its sinks are opened now.

        Args:
            tracker: A Tracker of its own, or the name of one.
            sinks: Sinks, or file names whose ending tells which sink is meant.
            stream: What is known about the frames beforehand.
            state: What `Session.state` returned, to go on there; it knows the stream.
            detector: One of its own, which gets the session's frames one by one; None to share that of the pool.
            policy: Another than the pool's.
            lasting: Whether the session outlives errors: the future of a frame has its error, and the next frame goes
                on where the one before it left off. Else the first error ends the session.
            analytics: What is to be made of the tracks, as for `trackforge.Session`; of its own.

        Raises:
            InvalidInputError: The pool is closed, another session has the tracker or the detector, or there is none.
            ConfigError: Another session writes to the same file.
            StateError: The state does not fit.
        """
        made = doors.tracker(tracker) if isinstance(tracker, str) else tracker
        looking = self.detector if detector is None else detector
        if looking is None:
            raise InvalidInputError("A pool without a detector needs one with every session. Give open(detector=...).")
        chosen = self.policy if policy is None else _policy(policy)
        own = [made, *([] if detector is None else [detector])]
        self._claim(own)
        try:  # what follows takes its time, and others go on meanwhile
            if state is None:
                session = Session(looking, made, sinks=sinks, stream=stream, analytics=analytics)
            else:
                session = Session.restore(state, looking, made, sinks=sinks, analytics=analytics)
            pooled = PooledSession(self._turns, session, policy=chosen, most=self.waiting, lasting=lasting)
            with self._turns.changed:
                if self._closed:
                    raise InvalidInputError(CLOSED)
                keep_apart(places(sink for one in (*self._sessions(), pooled) for sink in one.session.sinks))
                self._turns.parties.append(pooled)
        finally:
            with self._turns.changed:
                self._claimed = [one for one in self._claimed if not any(one is mine for mine in own)]
        try:
            session.__enter__()
        except BaseException:
            with self._turns.changed, contextlib.suppress(ValueError):
                self._turns.parties.remove(pooled)
            raise
        return pooled

    def _claim(self, own: Sequence[object]) -> None:
        """Take note of what a session is going to have for itself, before a state is loaded into it.

        Raises:
            InvalidInputError: Another session has one of them, or the pool is closed.
        """
        with self._turns.changed:
            if self._closed:
                raise InvalidInputError(CLOSED)
            taken = [part for one in self._sessions() for part in (one.session.tracker, one.detector)]
            for part in own:
                if any(part is other for other in (*taken, *self._claimed)):
                    what = "tracker" if part is own[0] else "detector"
                    raise InvalidInputError(
                        f"Every session needs a {what} of its own; got one that another session has."
                    )
            self._claimed += own

    def detect(self, frame: Frame, /) -> Future[Detections] | None:
        """Look at a frame of no session, in a batch with those of sessions; None where too many such frames wait.

        Raises:
            InvalidInputError: The pool is closed, or has no detector.
        """
        with self._turns.changed:
            if self._closed or self.detector is None:
                why = "is closed" if self._closed else "has no detector"
                raise InvalidInputError(f"A pool that {why} looks at no frame. Make one that does.")
            if self._looks is None:
                self._looks = Looks(self._turns, self.detector, LOOKS)
                self._turns.parties.append(self._looks)
            return self._looks.put(frame)

    def turn(self) -> int:
        """Detect in one batch of what waits, and go on by it; return how many frames that were.

        Raises:
            BaseException: Ctrl-C or the like came; it has ended the sessions of the batch, and nobody waits for ever.
        """
        self._turns.may_wait()
        count, stopped = self._turn()
        if stopped is not None:
            raise stopped
        return count

    @property
    def alive(self) -> bool:
        """Whether the thread of the pool is at work or ready for it."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def busy_for(self) -> float:
        """Seconds that the turn under way has taken so far; 0 where there is none."""
        begun = self._begun
        return 0.0 if begun is None else time.monotonic() - begun

    def close(self, *, within: float | None = None) -> None:
        """Do what waits, end all sessions, make their outputs final, and stop the thread.

        Args:
            within: Seconds to wait at most. What is not done by then is given up, and a detector that does not come
                back is left behind. None for as long as it takes.

        Raises:
            SinkError: An output cannot be finished; the others are.
        """
        until = None if within is None else time.monotonic() + within

        def left() -> float | None:
            return None if until is None else max(0.0, until - time.monotonic())

        with self._turns.changed:
            self._closed = True
            sessions = self._sessions()
            for pooled in sessions:
                pooled._closed = True
            self._turns.changed.notify_all()
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: self._join(left()))
            for pooled in sessions:
                stack.callback(lambda one: one.close(within=left()), pooled)

    def _join(self, within: float | None) -> None:
        if self._thread is not None:
            self._thread.join(within)
            if self._thread.is_alive():
                log.warning("the detector does not come back, and is left behind")

    def __enter__(self) -> SessionPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close; after an exception without doing what waits, and with the outputs as a sink leaves them then."""
        if error is not None:
            with self._turns.changed:
                sessions = self._sessions()
            for pooled in sessions:
                pooled.end(error)
        self.close()

    def _sessions(self) -> list[PooledSession]:
        return [party for party in self._turns.parties if isinstance(party, PooledSession)]

    def _turn(self) -> tuple[int, BaseException | None]:
        """Do a turn; return how many frames that were, and what is no error but wants everything to stop."""
        batch: list[tuple[Party, Waiting]] = []
        with self._turning:
            self._turns.worker = threading.get_ident()
            self._begun = time.monotonic()
            try:
                self._turns.batch(self.max_batch, batch)
                failures = self._served(batch)
            except BaseException as broken:  # something broke in, here and not in a component
                for party, waiting in batch:
                    if not waiting[1].done():
                        party.take(waiting, broken)
                raise
            finally:
                self._begun = None
                self._turns.worker = None
        return len(batch), next((f for f in failures if f is not None and not isinstance(f, Exception)), None)

    def _served(self, batch: list[tuple[Party, Waiting]]) -> list[BaseException | None]:
        """Look at a batch, what the pool's detector is for first, and go on by it; return what went wrong."""
        shared = [(party, waiting) for party, waiting in batch if party.detector is self.detector]
        frames = [frame for _, (frame, _) in shared]
        found = detect_each(self.detector, frames) if self.detector is not None and frames else []
        failures = [party.take(waiting, one) for (party, waiting), one in zip(shared, found, strict=True)]
        for party, waiting in batch:
            if party.detector is not self.detector and party.detector is not None:
                failures.append(party.take(waiting, looked(party.detector, [waiting[0]])[0]))
        return failures

    def _work(self) -> None:
        """Do turns until the pool is closed, whatever happens in one."""
        turns = self._turns
        while True:
            try:
                with turns.changed:
                    while not any(party.waiting for party in turns.parties):
                        if self._closed:
                            return
                        turns.changed.wait()
                self._turn()
            except BaseException:  # somebody raised it in this thread: those who waited have been told
                log.exception("the thread of a pool was broken into, and goes on")
                time.sleep(BREATH)


def _policy(given: Policy) -> Policy:
    if given not in ("every", "newest"):
        raise InvalidInputError(f"policy must be 'every' or 'newest'; got {given!r}.")
    return given
