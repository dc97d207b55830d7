"""The cameras of a server: added and removed while it runs."""

from __future__ import annotations

import atexit
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from trackforge.intake.names import readable
from trackforge.intake.showing import visible
from trackforge.io.devices import device_name
from trackforge.serving.cameras.addresses import camera_address
from trackforge.serving.cameras.camera import Camera
from trackforge.serving.cameras.refusals import CamerasForbidden, TooManyCameras, UnknownCamera
from trackforge.serving.engine import Engine
from trackforge.serving.refusals import Draining

__all__ = ["Cameras"]

LEAVING = 2.0
"""Seconds that threads get to end by themselves when the server ends."""
LONGEST = 120
"""Characters of a camera's name that are kept."""


class Cameras:
    """Cameras by their ids.

    Args:
        engine: What tracks them; its settings tell the limits.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._cameras: dict[str, Camera] = {}
        self._leaving: list[Camera] = []
        self._lock = threading.Lock()
        self._closed = False

    def __iter__(self) -> Iterator[Camera]:
        with self._lock:
            return iter(list(self._cameras.values()))

    def add(
        self,
        address: str,
        *,
        name: str = "",
        policy: Literal["newest", "every"] = "newest",
        tracker: str | Mapping[str, Any] | None = None,
        analytics: Mapping[str, Any] | None = None,
        transport: Literal["tcp", "udp"] = "tcp",
        patience: float = 3600.0,
        timeout: float = 5.0,
        trusted: bool = False,
    ) -> Camera:
        """Add a camera, and begin to reach it; see `Camera`. One that is ``trusted`` whoever started the server named.

        Raises:
            CamerasForbidden: Clients may not have this server open addresses.
            BadCamera: The address is none that may be.
            TooManyCameras: As many are there as may be.
            Draining: The server is being stopped.
            ConfigError: The tracker, or a number, is wrong.
        """
        run = self.engine.run
        if not (trusted or run.cameras_allowed):
            raise CamerasForbidden(
                "Clients may not add cameras to this server, which others than this machine reach without a token. "
                "Start it with a token, or with --allow-cameras."
            )
        address = camera_address(address, devices=trusted or run.allow_devices)
        if tracker is not None:
            self.engine.plan.tracker_for(tracker)
        self.engine.plan.analytics_for(analytics)
        shown = visible(readable(name), keep="").strip()[:LONGEST] or device_name(address)
        with self._lock:
            self._leaving = [one for one in self._leaving if one.alive]
            if self._closed or self.engine.state in ("draining", "closed"):
                raise Draining("The server is being stopped and takes no camera.")
            if len(self._cameras) + len(self._leaving) >= run.max_cameras:
                raise TooManyCameras(f"{run.max_cameras} cameras are there, the most that may be. Remove one.")
            camera = Camera(
                secrets.token_hex(16),
                address,
                self.engine,
                name=shown,
                policy=policy,
                tracker=tracker,
                analytics=analytics,
                transport=transport,
                patience=patience,
                timeout=timeout,
            )
            if not self._cameras:
                atexit.register(self.close)
            self._cameras[camera.id] = camera
        camera.start()
        return camera

    def get(self, id: str) -> Camera:  # noqa: A002 - what everybody calls it
        """Return a camera.

        Raises:
            UnknownCamera: There is none of that id (any more).
        """
        with self._lock:
            camera = self._cameras.get(id)
        if camera is None:
            raise UnknownCamera("A camera must be one that is there; this id is of none. Add it.")
        return camera

    def remove(self, id: str) -> Camera:  # noqa: A002
        """Remove a camera: its session ends now. Raises as `get` does."""
        camera = self.get(id)
        with self._lock:
            if self._cameras.pop(id, None) is not None:
                self._leaving.append(camera)
        camera.stop()
        return camera

    def close(self) -> None:
        """Remove all; may be called more than once."""
        with self._lock:
            cameras = [*self._cameras.values()]
            self._closed = True
            self._cameras.clear()
        atexit.unregister(self.close)
        for camera in cameras:
            camera.stop()
        until = time.monotonic() + LEAVING
        while time.monotonic() < until and any(camera.alive for camera in cameras):
            time.sleep(0.05)
