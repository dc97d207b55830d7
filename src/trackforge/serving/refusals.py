"""What the server refuses, each with the status that HTTP has for it and how long to wait before another try.

==================== ====== ===========================================================
error                status meaning
==================== ====== ===========================================================
`BadPicture`         400    the body is no picture
`UnknownSession`     404    no session has that id, and none that is remembered had it
`SessionInUse`       409    another request is at work in the session
`SessionGone`        410    the session was closed, expired or failed
`TooLarge`           413    a picture or body is larger than the limit
`Busy`               429    as many frames of the session wait as may
`TooManySessions`    429    as many sessions are open as may be
`NotReady`           503    the detector is not loaded yet, or has failed for good
`Draining`           503    the server is being stopped
`NoRoom`             507    what was sent cannot be kept
==================== ====== ===========================================================
"""

from __future__ import annotations

from typing import ClassVar

from trackforge.errors import TrackforgeError

__all__ = [
    "BadPicture",
    "Busy",
    "Draining",
    "NoRoom",
    "NotReady",
    "Refusal",
    "SessionGone",
    "SessionInUse",
    "TooLarge",
    "TooManySessions",
    "UnknownSession",
]


class Refusal(TrackforgeError):  # noqa: N818 - the names of its kinds say what is refused
    """Root of what the server refuses.

    Attributes:
        status: Status code of HTTP.
        retry_after: Seconds after which another try may succeed; None where none will.
    """

    status: ClassVar[int] = 400
    retry_after: float | None = None

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        if retry_after is not None:
            self.retry_after = retry_after


class BadPicture(Refusal):
    """A body that should be a picture is none, or a damaged one."""

    status = 400


class UnknownSession(Refusal):
    """No session has that id."""

    status = 404


class SessionInUse(Refusal):
    """Another request is at work in the session, where one at a time may be."""

    status = 409
    retry_after = 1.0


class SessionGone(Refusal):
    """The session was there, but was closed, expired or failed."""

    status = 410


class TooLarge(Refusal):
    """A picture or a body is larger than the limit."""

    status = 413


class Busy(Refusal):
    """As many frames of the session wait as may; none was taken."""

    status = 429
    retry_after = 1.0


class TooManySessions(Refusal):
    """As many sessions are open as may be."""

    status = 429
    retry_after = 5.0


class NotReady(Refusal):
    """The detector is not loaded yet, or has failed for good."""

    status = 503
    retry_after = 1.0


class Draining(Refusal):
    """The server is being stopped and takes nothing new."""

    status = 503
    retry_after = 5.0


class NoRoom(Refusal):
    """What was sent cannot be kept: the disk is full, or films take as much room as they may."""

    status = 507
    retry_after = 60.0
