"""One camera that the server pulls from: a thread that reaches it, tracks what comes, and goes on until it is removed.

The thread asks its session for one step at a time. With ``newest`` it then takes the newest picture there is
(`trackforge.io.camera`); with ``every`` it takes each in order, and a camera that is faster than the detector is held
back by the network.
"""

from __future__ import annotations

import collections
import concurrent.futures
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Literal

from trackforge.analytics.together import Together
from trackforge.errors import SourceError, TrackforgeError
from trackforge.intake.addresses import shown_address
from trackforge.intake.limits import limited
from trackforge.io.absence import Absence
from trackforge.io.camera import CameraSource, CameraSourceConfig
from trackforge.serving.cameras.addresses import camera_options
from trackforge.serving.cameras.scene import Scene
from trackforge.serving.engine import Engine
from trackforge.serving.refusals import Busy, NotReady, SessionGone, TooManySessions, UnknownSession
from trackforge.serving.served import ServedSession
from trackforge.types import Frame, Step

__all__ = ["Camera"]

log = logging.getLogger(__name__)
State = Literal["connecting", "live", "reconnecting", "ended", "failed", "removed"]
GLANCE = 0.2
"""Seconds between two looks whether the camera is to go, while a step is waited for."""
SPAN = 5.0
"""Seconds over which frames per second and latency are told."""


class Camera:
    """A camera with a session of its own.

    Args:
        id: What clients call it.
        address: As `camera_address` returns it.
        engine: What detects and tracks.
        name: Of the sequence, fit to be shown.
        policy: ``"newest"`` takes the newest picture whenever the detector is ready, ``"every"`` each in order.
        tracker: Name of a tracker, or a table with ``name`` and settings; the engine's where None.
        analytics: Tables of analytics by name; the engine's where None.
        transport: What RTSP sends pictures by.
        patience: Seconds without the camera after which it has failed.
        timeout: Seconds to wait for an answer, and for a picture.

    Attributes:
        scene: What it shows now.
        frames: Steps so far.
        failures: Frames in which detection or tracking failed.
        analytics: What is made of its tracks; None before its session was opened.
    """

    def __init__(
        self,
        id: str,  # noqa: A002 - what everybody calls it
        address: str,
        engine: Engine,
        *,
        name: str,
        policy: Literal["newest", "every"] = "newest",
        tracker: str | Mapping[str, Any] | None = None,
        analytics: Mapping[str, Any] | None = None,
        transport: Literal["tcp", "udp"] = "tcp",
        patience: float = 3600.0,
        timeout: float = 5.0,
    ) -> None:
        self.id, self.name, self.policy = id, name, policy
        self.shown = shown_address(address)
        self.created = time.time()
        self.frames = self.failures = 0
        self.size = (0, 0)
        self.scene = Scene(engine.classes)
        self._engine, self._tracker, self._wanted = engine, tracker, analytics
        self._patience = patience
        self._config = CameraSourceConfig(
            path=address,
            latest=policy == "newest",
            patience=patience,
            timeout=timeout,
            options=camera_options(address, transport),
        )
        self._state: State = "connecting"
        self._why = ""
        self._stop = threading.Event()
        self._source: CameraSource | None = None
        self._session: ServedSession | None = None
        self.analytics: Together | None = None
        self._done: collections.deque[tuple[float, float]] = collections.deque(maxlen=1000)  # when, and after how long
        self._thread = threading.Thread(target=self._run, name=f"camera-{id[:8]}", daemon=True)

    def start(self) -> None:
        """Begin to reach it."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of it: its session ends now, its thread as soon as what it waits for in the network gives up."""
        self._stop.set()
        source = self._source
        if source is not None:
            source.close()
        self._leave()
        self.scene.end()

    @property
    def alive(self) -> bool:
        """Whether its thread still runs."""
        return self._thread.is_alive()

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self.state in ("ended", "failed", "removed")

    @property
    def state(self) -> State:
        """``connecting``, ``live``, ``reconnecting``, ``ended``, ``failed`` or ``removed``."""
        source = self._source
        if self._stop.is_set():
            return "removed"
        away = self._state == "live" and source is not None and source.away is not None
        return "reconnecting" if away else self._state

    @property
    def why(self) -> str:
        """What is wrong, without passwords; empty where nothing is."""
        source = self._source
        return (source.away if self._state == "live" and source is not None else None) or self._why

    def card(self) -> dict[str, Any]:
        """Tell what is known, as JSON has it."""
        source, now = self._source, time.monotonic()
        recent = [one for one in list(self._done) if now - one[0] <= SPAN]
        span = now - recent[0][0] if recent else 0.0
        return {
            "id": self.id,
            "name": self.name,
            "address": self.shown,
            "state": self.state,
            "why": self.why,
            "policy": self.policy,
            "tracker": self._tracker
            if self._tracker is None or isinstance(self._tracker, str)
            else dict(self._tracker),
            "frames": self.frames,
            "dropped": source.dropped if source is not None else 0,
            "skipped": source.skipped if source is not None else 0,
            "failures": self.failures,
            "reconnects": source.reconnects if source is not None else 0,
            "rate": source.rate if source is not None else None,
            "fps": round((len(recent) - 1) / span, 2) if len(recent) > 1 and span > 0 else 0.0,
            "latency": round(sum(took for _, took in recent) / len(recent), 4) if recent else None,
            "width": self.size[0],
            "height": self.size[1],
            "watchers": self.scene.watchers,
            "created": round(self.created, 3),
        }

    def _run(self) -> None:
        try:
            with limited(pixels=self._engine.run.max_pixels):
                self._follow()
            self._end("ended", "The stream is over.")
        except TrackforgeError as error:
            self._end("failed", str(error))
        except Exception:
            log.exception("camera %s failed", self.id)
            self._end("failed", "The server made a mistake; its log tells more.")

    def _end(self, state: State, why: str) -> None:
        if not self._stop.is_set():
            log.info("camera %s (%s): %s: %s", self.id, self.shown, state, why)
            self._state, self._why = state, why
        source = self._source
        if source is not None:
            source.close()
        self._leave()
        self.scene.end()

    def _leave(self) -> None:
        """Close the session, once."""
        session, self._session = self._session, None
        if session is not None:
            try:
                self._engine.sessions.close(session.id)
            except (SessionGone, UnknownSession):  # whoever ended it has told why
                pass
            except TrackforgeError as error:
                log.warning("camera %s: %s", self.id, error)

    def _follow(self) -> None:
        """Track what comes until the stream ends, or somebody removes the camera."""
        source = self._reached()
        session = self._opened(source) if source is not None else None
        if source is None or session is None:
            return
        with session.exclusive():  # nobody else's frames come between
            self._track(source, session)

    def _track(self, source: CameraSource, session: ServedSession) -> None:
        frames = iter(source)
        if self._stop.is_set():  # before there was an iteration that could be told
            source.close()
        for frame in frames:
            if self._stop.is_set():
                return
            begin = time.monotonic()
            step = self._tracked(session, frame)
            if step is None:
                continue
            now = time.monotonic()
            self._done.append((now, now - begin))
            self.frames, self.size, self._state, self._why = self.frames + 1, frame.size, "live", ""
            self.scene.show(step)

    def _reached(self) -> CameraSource | None:
        """Reach the camera for the first time; None where somebody removes it meanwhile.

        Raises:
            SourceError: It could not be reached for as long as patience allows.
        """
        away = Absence()
        while not self._stop.is_set():
            try:
                self._source = CameraSource(self._config)
            except SourceError as error:
                away.try_again()
                self._why = str(error)
                if away.seconds + away.pause > self._patience:
                    raise
                self._stop.wait(away.pause / 2)
                continue
            return self._source
        return None

    def _opened(self, source: CameraSource) -> ServedSession | None:
        """Open the session, as soon as there is room for it."""
        while not self._stop.is_set():
            try:
                session = self._engine.sessions.open(
                    name=self.name,
                    tracker=self._tracker,
                    frame_rate=source.rate,
                    policy="every",
                    ttl=float("inf"),
                    analytics=self._wanted,
                )
            except (TooManySessions, NotReady) as error:
                self._why = str(error)
                self._stop.wait(1.0)
                continue
            self.scene.classes, self.scene.also = self._engine.classes, session.analytics
            self._session, self.analytics = session, session.analytics
            if self._stop.is_set():  # before there was one that could be closed
                self._leave()
                return None
            return session
        return None

    def _tracked(self, session: ServedSession, frame: Frame) -> Step | None:
        """Wait for the step of a frame; None where that failed, or somebody removed the camera."""
        while not self._stop.is_set() and frame.image is not None:
            try:
                future = session.push(frame.image, index=frame.index, timestamp=frame.timestamp)
            except (Busy, NotReady) as error:
                self._why = str(error)
                self._stop.wait(GLANCE)
                continue
            while not future.done():
                if self._stop.is_set():
                    return None
                concurrent.futures.wait([future], timeout=GLANCE)
            if future.cancelled():
                raise SessionGone("The session of the camera was ended. Add the camera again.")
            try:
                return future.result()
            except Exception as error:  # noqa: BLE001 - of the detector, at this frame; the session goes on
                log.warning("camera %s: frame %d: %s", self.id, frame.index, error)
                self.failures, self._why = self.failures + 1, "Detection failed at a frame; the server's log says why."
                return None
        return None
