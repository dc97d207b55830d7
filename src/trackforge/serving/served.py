"""One camera's session: frames in from any thread, steps out in order, counted and limited."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.analytics.together import Together
from trackforge.errors import InvalidInputError, StateError
from trackforge.pool import Policy, PooledSession
from trackforge.runs.component import Component
from trackforge.serving.model import Model
from trackforge.serving.refusals import Busy, SessionGone, SessionInUse
from trackforge.serving.saving import Saved
from trackforge.types import Frame, Step

__all__ = ["ServedSession"]


class ServedSession:
    """A session of the server; made by `trackforge.serving.Sessions.open`.

    Attributes:
        id: Unguessable: 128 random bits.
        name: As its opener calls it; it is the name of the sequence.
        tracker: What it tracks with.
        created: When it was opened, in seconds since the epoch.
        frame_rate: Frames a second, where they are known; frames without a timestamp are timed by it.
        ttl: Seconds without a frame after which it expires.
    """

    def __init__(
        self,
        model: Model,
        pooled: PooledSession,
        *,
        id: str,  # noqa: A002 - what it is called in addresses
        name: str,
        tracker: Component,
        frame_rate: float | None,
        ttl: float,
        saved: Saved | None,
        leave: Callable[[ServedSession], dict[str, Any]],
        wanted: Mapping[str, Any] | None = None,
    ) -> None:
        self.id, self.name, self.tracker, self.frame_rate, self.ttl = id, name, tracker, frame_rate, ttl
        self.created = time.time()
        self._model, self._pooled, self._leave = model, pooled, leave
        self._wanted = wanted
        self._lock, self._one = threading.RLock(), threading.Lock()
        self._next = pooled.session.last + 1
        self._time = self._before_time = saved.time if saved else None
        self._before = dict(saved.counts) if saved else {}
        self._passed_by = 0
        self._touched = time.monotonic()
        self._gone = ""

    def push(
        self,
        image: npt.NDArray[np.uint8],
        *,
        index: int | None = None,
        timestamp: float | None = None,
        name: str = "",
    ) -> Future[Step]:
        """Hand in a picture; never waits.

        Args:
            image: RGB uint8 ``(H, W, 3)``.
            index: Of the frame, greater than that of the one before; None counts on.
            timestamp: Seconds since the start of the sequence, greater than that of the frame before; None goes by the
                session's frame rate, where it has one.
            name: Of the picture's file, for outputs that tell it.

        Returns:
            A future of the step: cancelled where a newer frame takes the frame's place, and with the error where the
            frame cannot be tracked; the session goes on then.

        Raises:
            Busy: As many frames as may wait already; this one was not taken.
            SessionGone: The session is closed.
            NotReady, Draining: Nothing is taken now.
            InvalidInputError: It is no picture, or index or timestamp do not increase.
        """
        self._model.admit()
        with self._lock:
            self.present()
            number = self._next if index is None else index
            stamp = timestamp
            if stamp is None and self.frame_rate and isinstance(number, int):
                stamp = number / self.frame_rate
            frame = Frame(index=number, image=image, timestamp=stamp, sequence=self.name, file=name or None)
            if frame.timestamp is not None and self._time is not None and not frame.timestamp > self._time:
                raise InvalidInputError(
                    f"timestamp must increase strictly within a session; got {frame.timestamp:g} after {self._time:g}. "
                    "Leave it out, or send the frames in their order."
                )
            size = 0 if frame.image is None else frame.image.nbytes
            self._model.hold(size)
            future: Future[Step] | None = None
            try:
                future = self._pooled.try_push(frame)
            finally:
                if future is None:
                    self._model.release(size)
            if future is None:
                raise Busy(
                    f"At most {self._model.plan.run.waiting} frames of a session may wait; they do. Wait for the step "
                    "of one before sending the next, or open the session with the policy 'newest'."
                )
            self._next = frame.index + 1
            self._time = frame.timestamp if frame.timestamp is not None else self._time
            self._touched = time.monotonic()
        future.add_done_callback(lambda done: self._passed(size, done))
        return future

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep others out who ask for the same; they push no frame meanwhile if all callers do so.

        Raises:
            SessionInUse: Somebody is within.
        """
        if not self._one.acquire(blocking=False):
            raise SessionInUse(
                "Another request is at work in this session. Send one at a time, or open another session."
            )
        try:
            yield
        finally:
            self._one.release()

    def state(self) -> bytes:
        """Do what waits now, and return the session as bytes, to go on elsewhere or later.

        Where the detector has failed, what waits is no part of it; the last frame in it says so.

        Raises:
            StateError: The detector remembers frames, which cannot be saved.
            SessionGone: The session is closed.
        """
        if self._model.remembers:
            raise StateError(
                f"A session can be saved where only its tracker remembers; detector {self._model.plan.detector.name!r} "
                "remembers frames, too. Serve a detector that looks at each frame by itself."
            )
        self.present()
        return self.snapshot(self._model.patience)

    def snapshot(self, within: float) -> bytes:
        """Return what `state` does, after at most so many seconds; what still waits then is no part of it."""
        with self._pooled.still(within=within):
            last = self.last_step
            return Saved(
                session=self._pooled.session.state(),
                tracker=self.tracker.table(),
                name=self.name,
                rate=self.frame_rate,
                policy=self.policy,
                time=self._before_time if last is None else last.frame.timestamp,
                counts={"frames": self.frames, "dropped": self.dropped, "failed": self.failed, "tracks": self.tracks},
                ttl=self.ttl if math.isfinite(self.ttl) else None,
                analytics=self._wanted,
            ).to_bytes()

    def close(self) -> dict[str, Any]:
        """Do what waits, make outputs final, and return what `counts` says then.

        Raises:
            SessionGone: It is closed already.
            SinkError: An output cannot be finished.
        """
        return self._leave(self)

    def present(self) -> None:
        """Refuse where the session is closed.

        Raises:
            SessionGone: It is.
        """
        if self._gone:
            raise SessionGone(f"Session {self.id} has been {self._gone}. Open a new one.")

    def mark(self, why: str) -> None:
        """Take no more frames from now on; for `trackforge.serving.Sessions`.

        Args:
            why: What becomes of it: ``closed``, ``expired``.
        """
        self._gone = why

    def finish(self, within: float | None) -> None:
        """Do what waits, and make outputs final; for `trackforge.serving.Sessions`.

        Args:
            within: Seconds to wait at most.

        Raises:
            SinkError: An output cannot be finished.
        """
        with self._lock:  # whoever is about to hand in a frame has done so
            pass
        self._pooled.close(within=within)

    def passed_over(self) -> None:
        """Count a frame that gave way to a newer one before it was handed in."""
        with self._lock:
            self._passed_by += 1

    def touch(self) -> None:
        """Begin the time anew after which it expires."""
        self._touched = time.monotonic()

    @property
    def analytics(self) -> Together:
        """What is made of its tracks; ``analytics.result()`` is what came of all frames so far, by name."""
        return self._pooled.session.analytics

    def counts(self) -> dict[str, Any]:
        """Return what became of its frames: ``id``, ``name``, ``frames``, ``dropped``, ``failed`` and ``tracks``."""
        return {
            "id": self.id,
            "name": self.name,
            "frames": self.frames,
            "dropped": self.dropped,
            "failed": self.failed,
            "tracks": self.tracks,
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the detector's classes."""
        return self._model.classes

    @property
    def policy(self) -> Policy:
        """Whether every frame is wanted, or the newest alone."""
        return self._pooled.policy

    @property
    def frames(self) -> int:
        """Frames that became steps, those before a restore included."""
        return self._before.get("frames", 0) + self._pooled.frames

    @property
    def dropped(self) -> int:
        """Frames that gave way to newer ones."""
        return self._before.get("dropped", 0) + self._passed_by + self._pooled.dropped

    @property
    def failed(self) -> int:
        """Frames that could not be tracked."""
        return self._before.get("failed", 0) + self._pooled.failed

    @property
    def tracks(self) -> int:
        """How many tracks there were, as the greatest id says."""
        return max(self._before.get("tracks", 0), self._pooled.greatest)

    @property
    def last_index(self) -> int:
        """Index of the last frame that was tracked; -1 before the first."""
        return self._pooled.session.last

    @property
    def last_step(self) -> Step | None:
        """The latest step, without its picture."""
        return self._pooled.last_step

    @property
    def waiting(self) -> int:
        """Frames that were handed in and have not become steps yet."""
        return len(self._pooled.waiting) + len(self._pooled.busy)

    @property
    def idle(self) -> float:
        """Seconds since the last frame came or was done; 0 where one is on its way."""
        return 0.0 if self.waiting else time.monotonic() - self._touched

    @property
    def expires_at(self) -> float:
        """When it expires if no frame comes, in seconds since the epoch; infinite where it never does."""
        return time.time() - self.idle + self.ttl

    @property
    def gone(self) -> str:
        """What has become of it; empty where it is open."""
        return self._gone

    def _passed(self, size: int, future: Future[Step]) -> None:
        self._model.release(size)
        if not future.cancelled() and future.exception() is None:
            self._model.happened.add(future.result().events)
        self._touched = time.monotonic()
