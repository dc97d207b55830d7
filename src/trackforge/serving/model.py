"""The detector of a server: loaded once, shared by all sessions, and watched.

A detector that fails or does not come back is no reason to lose a server: its state is ``failed`` and nothing new is
taken, until it finds something in a blank picture again. What has gone wrong is told by `Model.failure`.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from typing import Literal, TypeAlias

import numpy as np

from trackforge.errors import InvalidInputError
from trackforge.pool import SessionPool
from trackforge.protocols import Detector, Remembering
from trackforge.runs.blame import blaming
from trackforge.runs.filtering import narrowed
from trackforge.serving.happened import Happened
from trackforge.serving.planning import ServingPlan
from trackforge.serving.refusals import Busy, Draining, NotReady
from trackforge.serving.watched import Pulse, Watched
from trackforge.types import Detections, Frame

__all__ = ["Model", "State"]

log = logging.getLogger(__name__)
State: TypeAlias = Literal["loading", "ready", "failed", "draining", "closed"]
BLANK = (480, 640, 3)
"""The picture that a detector has to look at before it counts as ready."""
AGAIN = 5.0
"""Seconds between two attempts of a detector that has failed."""


class Model:
    """A detector that many sessions share, or of which each gets its own where it remembers frames.

    Attributes:
        plan: What it is made from.
        state: ``loading``, ``ready``, ``failed``, ``draining`` or ``closed``.
        failure: Why it has failed; empty where it has not.
        classes: Names of the detector's classes, once it is loaded.
        embedding_dim: Width of the detector's embeddings, or None.
        pulse: How the detector is doing.
        happened: What the analytics of all sessions have told so far.
    """

    def __init__(self, plan: ServingPlan) -> None:
        self.plan = plan
        self.state: State = "loading"
        self.failure = ""
        self.classes: tuple[str, ...] = ()
        self.embedding_dim: int | None = None
        self.remembers = False
        self.pulse = Pulse()
        self.happened = Happened()
        self.made: Detector | None = None
        self._pool: SessionPool | None = None
        self._lock = threading.Lock()
        self._held = 0
        self._probe: Future[Detections] | None = None
        self._tried = 0.0

    def load(self) -> None:
        """Make the detector, and let it look at a blank picture; takes as long as it takes. `begin` makes it ready.

        Raises:
            TrackforgeError: It cannot be made, or fails; the state is ``failed`` then.
            Draining: The server has been stopped meanwhile.
        """
        try:
            detector = self._make()
            self._glance(detector)
        except BaseException as error:
            self._fail(str(error) or type(error).__name__)
            raise
        run = self.plan.run
        with self._lock:
            if self.state in ("draining", "closed"):
                raise Draining("The server was stopped while the detector was being loaded.")
            shared = None if self.remembers else detector
            self._pool = SessionPool(shared, max_batch=run.max_batch, waiting=run.waiting, policy=run.policy)
            self.classes, self.embedding_dim = tuple(detector.classes), detector.embedding_dim

    def begin(self) -> None:
        """Take what comes from now on."""
        with self._lock:
            if self.state in ("loading", "failed"):
                self.state, self.failure = "ready", ""

    @property
    def pool(self) -> SessionPool:
        """What shares the detector out.

        Raises:
            NotReady: There is no detector yet.
        """
        if self._pool is None:
            raise NotReady("The detector is not loaded yet. Try again in a moment.")
        return self._pool

    @property
    def patience(self) -> float:
        """Seconds to wait for frames that wait: none where the detector does not get to them."""
        return 0.0 if self.state == "failed" else self.plan.run.request_timeout

    def detector(self) -> Detector | None:
        """Return a detector for one session alone, or None where all share one."""
        return self._make() if self.remembers else None

    def admit(self) -> None:
        """Refuse what is new where nothing new is taken.

        Raises:
            NotReady: The detector is not loaded, or has failed.
            Draining: The server is being stopped.
        """
        state = self.state
        if state == "loading":
            raise NotReady("The detector is still being loaded. Try again in a moment.")
        if state == "failed":  # why, may name files of this machine
            what = "The detector has failed; nothing is taken until it recovers. The log of the server says why."
            raise NotReady(what, retry_after=AGAIN)
        if state != "ready":
            raise Draining("The server is being stopped and takes nothing new. Ask another, or try again later.")

    def detect(self, frame: Frame) -> Future[Detections]:
        """Look at a frame of no session, in a batch with those of sessions.

        Raises:
            Busy: Too many such frames wait.
            NotReady, Draining: As `admit`.
            InvalidInputError: The detector compares each frame with those before it, or the frame has no picture.
        """
        self.admit()
        if self.remembers:
            raise InvalidInputError(
                f"Detector {self.plan.detector.name!r} compares each frame with those before it, so that a single "
                "picture tells it nothing. Open a session, or serve a network."
            )
        size = 0 if frame.image is None else frame.image.nbytes
        self.hold(size)
        future = self.pool.detect(frame)
        if future is None:
            self.release(size)
            raise Busy("As many pictures wait to be looked at as may. Try again in a moment.")
        future.add_done_callback(lambda _: self.release(size))
        return future

    def hold(self, size: int) -> None:
        """Take note of a picture of so many bytes that is going to wait.

        Raises:
            Busy: All that wait would take more than the limit.
        """
        with self._lock:
            if self._held and self._held + size > self.plan.run.max_waiting_bytes:
                raise Busy(
                    f"Pictures of all sessions that wait may take {self.plan.run.max_waiting_bytes:,} bytes; they do. "
                    "Try again in a moment, send smaller ones, or raise --max-waiting-bytes."
                )
            self._held += size

    def release(self, size: int) -> None:
        """Take note that a picture waits no more."""
        with self._lock:
            self._held -= size

    @property
    def held(self) -> int:
        """Bytes of all pictures that wait or are being looked at."""
        return self._held

    def check(self) -> None:
        """Make sure that the detector is well, and the state says how it is; to be called every second or so."""
        if self._pool is None or self.state not in ("ready", "failed"):
            return
        limit = self.plan.run.hang
        if self._pool.busy_for > limit:
            self._fail(f"it has not come back from one batch for {limit:g} s")
        elif not self._pool.alive:
            self._fail("the thread that it runs in has ended")
        elif self.pulse.doubt is not None or self._probe is not None or self.state == "failed":
            self._make_sure()

    def drain(self, state: Literal["draining", "closed"]) -> None:
        """Take nothing new from now on."""
        with self._lock:
            self.state = state

    def close(self, within: float) -> None:
        """Let go of the detector within so many seconds."""
        if self._pool is not None:
            self._pool.close(within=within)

    def _make_sure(self) -> None:
        """Let the detector look at a blank picture, in its own thread, and go by how that ends."""
        if self._probe is None:
            if self.state == "failed" and time.monotonic() - self._tried < AGAIN:
                return
            self._tried, self.pulse.doubt = time.monotonic(), None
            try:
                self._probe = self._look()
            except Exception as error:  # noqa: BLE001 - of a detector made anew, say
                self._fail(str(error))
                return
        if self._probe is None or not self._probe.done():
            return
        probe, self._probe = self._probe, None
        problem = None if probe.cancelled() else probe.exception()
        if problem is None or isinstance(problem, InvalidInputError):
            self._recover()
        else:
            self._fail(str(problem) or type(problem).__name__)

    def _look(self) -> Future[Detections] | None:
        if not self.remembers:
            return self.pool.detect(_blank())
        future = Future[Detections]()
        self._glance(self._make())  # raises where it fails
        future.set_result(Detections.empty())
        return future

    def _make(self) -> Detector:
        plan = self.plan
        with blaming(plan.detector, "as it was made"):
            self.made = raw = plan.detector.create()
        self.remembers = isinstance(raw, Remembering)
        return Watched(narrowed(raw, plan.classes, plan.class_agnostic), plan.detector, self.pulse)

    def _glance(self, detector: Detector) -> None:
        """Let a detector look at a blank picture in this thread.

        Raises:
            TrackforgeError: It fails; that it wants another picture is all right.
        """
        try:
            detector.detect([_blank()])
        except InvalidInputError as error:
            log.debug("the detector is ready, though no blank picture is to its taste: %s", error)

    def _fail(self, why: str) -> None:
        with self._lock:
            if self.state not in ("loading", "ready", "failed"):
                return
            told, self.state, self.failure = self.failure, "failed", why
        if told != why:
            log.error("the detector has failed: %s", why)

    def _recover(self) -> None:
        with self._lock:
            if self.state != "failed":
                return
            self.state, self.failure = "ready", ""
        log.warning("the detector is well again")


def _blank() -> Frame:
    return Frame(index=0, image=np.zeros(BLANK, np.uint8))
