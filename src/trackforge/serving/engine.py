"""The heart of a server, without any HTTP: a detector, the sessions that share it, and a thread that looks after both.

>>> from trackforge.serving import Engine, ServingRun
>>> engine = Engine(ServingRun(detector="yolox", weights="yolox-nano"))  # doctest: +SKIP
>>> engine.load()  # doctest: +SKIP
>>> session = engine.sessions.open(name="gate")  # doctest: +SKIP
>>> step = session.push(image).result()  # doctest: +SKIP
>>> engine.close()  # doctest: +SKIP
"""

from __future__ import annotations

import logging
import platform
import threading
import time
from concurrent.futures import Future
from types import TracebackType
from typing import Any

import trackforge
from trackforge.runs.facts import about_model, distribution
from trackforge.serving.happened import Happened
from trackforge.serving.keeping import Keeper
from trackforge.serving.model import Model, State
from trackforge.serving.planning import ServingPlan, plan_serving, told
from trackforge.serving.run import ServingRun
from trackforge.serving.sessions import Sessions
from trackforge.types import Detections, Frame

__all__ = ["Engine"]

log = logging.getLogger(__name__)
TICK = 0.2
"""Seconds between two rounds of the thread that looks after everything."""
MOMENT = 0.02
"""Seconds between two looks at whether all is done, while the server is being stopped."""


class Engine:
    """A detector and the sessions that share it; nothing is loaded before `load`.

    Args:
        run: The declaration of the server, or what several places came to (`plan_serving`).

    Attributes:
        plan: What is served.
        run: The options.
        sessions: All sessions.

    Raises:
        TrackforgeError: A setting is wrong, or a component is not there.
    """

    def __init__(self, run: ServingRun | ServingPlan) -> None:
        self.plan = run if isinstance(run, ServingPlan) else plan_serving(run)
        self.run = self.plan.run
        self.model = Model(self.plan)
        self.sessions = Sessions(self.model)
        self._keeper: Keeper | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._loading, self._closing = threading.Lock(), threading.Lock()

    @property
    def state(self) -> State:
        """``loading``, ``ready``, ``failed``, ``draining`` or ``closed``."""
        return self.model.state

    @property
    def failure(self) -> str:
        """Why the detector has failed; empty where it has not."""
        return self.model.failure

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the detector's classes; empty before it is loaded."""
        return self.model.classes

    @property
    def embedding_dim(self) -> int | None:
        """Width of the detector's embeddings; None where it makes none."""
        return self.model.embedding_dim

    def load(self) -> None:
        """Make the detector and let it look at a blank picture; takes as long as it takes, and once is enough.

        Raises:
            TrackforgeError: It cannot be made, or fails; `state` is ``failed`` then, and `failure` says why.
            Draining: The server has been stopped meanwhile.
        """
        with self._loading:
            if self._thread is not None:
                return
            self.model.load()
            self._keeper = self._kept()
            self._thread = threading.Thread(target=self._look_after, name="trackforge-engine", daemon=True)
            self._thread.start()
            self.model.begin()

    def card(self) -> dict[str, Any]:
        """Return what is served, as a value of JSON; files are told by their names alone."""
        detector = {
            **told(self.plan.detector),
            "from": distribution(self.plan.detector),
            "classes": list(self.classes),
            "embedding_dim": self.embedding_dim,
            "remembers": self.model.remembers,
            "model": about_model(self.model.made),
        }
        return {
            "detector": detector,
            "tracker": {**told(self.plan.tracker), "from": distribution(self.plan.tracker)},
            "policy": self.run.policy,
            "versions": {"trackforge": trackforge.__version__, "python": platform.python_version()},
        }

    def detect(self, frame: Frame) -> Future[Detections]:
        """Look at one picture, in a batch with the frames of sessions; never waits.

        Raises:
            Busy: Too many pictures wait.
            NotReady, Draining: Nothing is taken now.
            InvalidInputError: The detector compares frames, so that one tells it nothing.
        """
        return self.model.detect(frame)

    def figures(self) -> dict[str, float]:
        """Return what can be counted: of the detector, of the sessions, and of what waits."""
        pulse = self.model.pulse
        return {
            "batches": pulse.batches,
            "batched_frames": pulse.frames,
            "detect_seconds": pulse.seconds,
            "detect_failures": pulse.failures,
            "sessions": len(self.sessions),
            "sessions_opened": self.sessions.opened,
            "sessions_expired": self.sessions.expired,
            "waiting_bytes": self.model.held,
        }

    @property
    def happened(self) -> Happened:
        """What the analytics of all sessions have told so far."""
        return self.model.happened

    def drain(self) -> None:
        """Take nothing new from now on; what has begun goes on."""
        if self.state != "closed":
            self.model.drain("draining")

    def close(self, grace: float | None = None) -> None:
        """Take nothing new, do what waits, end all sessions with their outputs final, and let go of the detector.

        Args:
            grace: Seconds that this may take; what is not done by then is given up. None for the declared.
        """
        until = time.monotonic() + (self.run.grace if grace is None else grace)
        with self._closing:
            if self.state == "closed":
                return
            well = self.state != "failed"
            self.model.drain("draining")
            while well and time.monotonic() < until and any(one.waiting for one in self.sessions):
                time.sleep(MOMENT)
            self._stop.set()
            if self._thread is not None:
                self._thread.join(2 * TICK)
            if self._keeper is not None:
                self._keeper.save()
            self.sessions.end(max(0.0, until - time.monotonic()) if well else 0.0)
            self.model.close(max(0.1, until - time.monotonic()) if well else 0.1)
            self.model.drain("closed")

    def __enter__(self) -> Engine:
        self.load()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close(0.0 if error is not None else None)

    def _kept(self) -> Keeper | None:
        """Take up the sessions of an earlier server, where they are kept."""
        if self.run.sessions_dir is None:
            return None
        if self.model.remembers:
            log.warning("sessions cannot be kept, since detector %r remembers frames", self.plan.detector.name)
            return None
        keeper = Keeper(self.run.sessions_dir, self.sessions)
        log.info("%d sessions of an earlier server go on", keeper.restore())
        return keeper

    def _look_after(self) -> None:
        """End what has expired, and see whether the detector is well."""
        while not self._stop.wait(TICK):
            for job in (self.sessions.sweep, self.model.check, *([self._keeper.tend] if self._keeper else [])):
                try:
                    job()
                except Exception:  # a round that fails must not be the last
                    log.exception("a round of the engine failed, and goes on with the next")
