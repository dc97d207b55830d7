"""What is refused about cameras, beside what any session may be refused (`trackforge.serving.refusals`)."""

from __future__ import annotations

from trackforge.serving.refusals import Refusal

__all__ = ["BadCamera", "CamerasForbidden", "TooManyCameras", "TooManyWatchers", "UnknownCamera"]


class BadCamera(Refusal):
    """What should be the address of a camera is none that the server opens."""

    status = 400


class CamerasForbidden(Refusal):
    """Clients may not have this server open addresses."""

    status = 403


class UnknownCamera(Refusal):
    """No camera has that id."""

    status = 404


class TooManyCameras(Refusal):
    """As many cameras are there as may be; those that are just leaving count."""

    status = 429
    retry_after = 5.0


class TooManyWatchers(Refusal):
    """As many clients watch the camera as may."""

    status = 429
    retry_after = 5.0
