"""Frames that come without a session, as the FairMOT example's client sends them: each camera gets one of its own.

The example kept one tracker for everybody, which frame 0 of anybody replaced. Here frame 0 opens a session, and the
frames after it are of that session if they are of the same camera, which ``trackforge-camera=gate`` in the custom
attributes names. Who names none is *the* camera without a name, of which there can be one at a time: what shows that
two are mixed is refused, never tracked. That is frame 0 while another sequence is under way (one that had a frame in
the last `QUIET` seconds), a frame number that does not go up, or pictures of another size.

A caller of several instances needs SageMaker's sessions all the same: nothing else brings a camera's frames to one
instance.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from trackforge.errors import TrackforgeError
from trackforge.serving import ServedSession, Sessions
from trackforge.serving.refusals import Refusal, UnknownSession

__all__ = ["QUIET", "Cameras", "CamerasMixed"]

QUIET = 10.0
"""Seconds without a frame after which the camera without a name may begin anew."""
_HOW = (
    'Open a session for each camera (SessionId="NEW_SESSION"), or name the camera in each request: '
    "CustomAttributes='trackforge-camera=gate'."
)


class CamerasMixed(Refusal):
    """Frames of two cameras, or of two callers, would end up in one tracker."""

    status: ClassVar[int] = 409


@dataclass(frozen=True)
class _Camera:
    session: str
    last: int
    size: tuple[int, int]
    used: float


class Cameras:
    """The sessions of cameras whose callers know nothing of sessions; for any number of threads.

    Args:
        sessions: Where the sessions are.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._known: dict[str, _Camera] = {}
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def frame(self, name: str, index: int, size: tuple[int, int]) -> Iterator[ServedSession]:
        """Give the session for a frame; frame 0 opens one. What fails within the block may be sent again.

        Args:
            name: Of the camera; empty for the one without a name.
            index: Of the frame.
            size: ``(width, height)`` of its picture.

        Raises:
            CamerasMixed: The frame cannot be the next one of that camera.
            UnknownSession: The camera's frame 0 did not come here.
            Refusal: No further session may be opened, or the camera's is gone.
        """
        with self._guard:
            before = self._known.get(name)
            session = self._session(name, index, size, before)
            now = self._known[name]
        try:
            yield session
        except BaseException:
            with self._guard:
                if self._known.get(name) is now:
                    self._undo(name, index, before)
            raise

    def _session(self, name: str, index: int, size: tuple[int, int], known: _Camera | None) -> ServedSession:
        if index == 0:
            return self._open(name, size, known)
        whose = f"camera {name!r}" if name else "the camera without a name"
        if known is None:
            raise UnknownSession(
                f"Frame 0 of {whose} must come first, to this instance; got frame {index}. Begin with "
                f"frame_id 0; where the endpoint has several instances: {_HOW}"
            )
        if index <= known.last or size != known.size:
            raise CamerasMixed(
                f"Frames of {whose} must count up and have one size; got frame {index} of {size[0]}x{size[1]} "
                f"after {known.last} of {known.size[0]}x{known.size[1]}, so that these may be two cameras. {_HOW}"
            )
        session = self._sessions.get(known.session)
        self._known[name] = replace(known, last=index, used=time.monotonic())
        return session

    def _undo(self, name: str, index: int, before: _Camera | None) -> None:
        """Forget a frame that came to nothing."""
        if index == 0:
            with contextlib.suppress(TrackforgeError):
                self._sessions.close(self._known.pop(name).session)
        elif before is not None:
            self._known[name] = before

    def _open(self, name: str, size: tuple[int, int], known: _Camera | None) -> ServedSession:
        now = time.monotonic()
        if known is not None:
            left = known.used + QUIET - now
            if not name and left > 0 and self._alive(known):
                raise CamerasMixed(
                    "Frame 0 must not come while another sequence without a session is tracked, since its tracks would "
                    f"be lost; that one had frame {known.last} just now. {_HOW} Or wait {QUIET:g} s.",
                    retry_after=left,
                )
            with contextlib.suppress(TrackforgeError):  # it may be gone already
                self._sessions.close(known.session)
        self._known = {one: camera for one, camera in self._known.items() if one != name and self._alive(camera)}
        session = self._sessions.open(name=name)
        self._known[name] = _Camera(session.id, 0, size, now)
        return session

    def _alive(self, camera: _Camera) -> bool:
        try:
            self._sessions.get(camera.session)
        except TrackforgeError:
            return False
        return True
