"""Tracking by an endpoint that remembers: frames in, tracks out, one session of SageMaker's a camera.

>>> with SessionTracker("cameras", frame_rate=25) as camera:  # doctest: +SKIP
...     for frame in trackforge.source("street.mp4"):
...         step = camera.step(frame)
...         print(step.tracks.track_id, step.tracks.xyxy)

A session can be lost: it expires, its instance is replaced, an answer does not arrive. Then a new one is opened and the
last frames are sent again, whose answers tell which of the new ids is which of the old ones; so ids go on.
"""

from __future__ import annotations

import base64
import collections
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.types import Detections, Frame, Step
from trackforge_sagemaker.client.answers import as_tracks, document_of, names_in, tracks_of
from trackforge_sagemaker.client.failures import AwsError, ModelFailedError
from trackforge_sagemaker.client.identities import Identities
from trackforge_sagemaker.client.invoking import Endpoint
from trackforge_sagemaker.client.pictures import KINDS, Kind, encoded, picture_of
from trackforge_sagemaker.client.retrying import outcome

__all__ = ["SessionTracker"]

log = logging.getLogger(__name__)
NEW = "NEW_SESSION"
_GONE = (404, 410)
"""What a container answers for a session that never was, or is over."""
_REOPENED = 3
"""Times that a session is opened anew for one frame."""


@dataclass(frozen=True)
class _Sent:
    """A frame as it was sent."""

    body: bytes
    kind: str
    attributes: str


class SessionTracker:
    """Tracks one camera by an endpoint's session; one thread at a time.

    Args:
        endpoint: Name of the endpoint, or an `Endpoint`.
        tracker: Name of a tracker, or a table with ``name`` and settings; None for the endpoint's own.
        frame_rate: Frames a second, where frames have no timestamps.
        name: Of the sequence.
        form: ``picture`` sends JPEG or PNG and gets our JSON; ``fairmot`` sends and gets what the FairMOT example does.
        picture: How pictures are encoded.
        quality: Of JPEG.
        replay: Frames that are kept, to be sent again to a new session.
        stateful: False for an endpoint without sessions, such as the FairMOT example's own: frame 0 begins a sequence.
        more: Further arguments of `Endpoint`: ``runtime``, ``region``, ``component``, ``limit``, ``patience``, ...

    Attributes:
        session: Id of the session that is open, or empty.
        classes: Names of classes by number, as far as answers told them.
        reopened: Times that a session was lost and another took its place.

    Raises:
        ConfigError: The name of the endpoint is none, or no region is known.
        InvalidInputError: An endpoint without sessions takes frames in FairMOT's form only.
    """

    def __init__(
        self,
        endpoint: str | Endpoint,
        *,
        tracker: str | Mapping[str, Any] | None = None,
        frame_rate: float | None = None,
        name: str = "",
        form: Literal["picture", "fairmot"] = "picture",
        picture: Kind = "jpeg",
        quality: int = 95,
        replay: int = 30,
        stateful: bool = True,
        **more: Any,
    ) -> None:
        self.endpoint = endpoint if isinstance(endpoint, Endpoint) else Endpoint(endpoint, **more)
        if not stateful and form != "fairmot":
            raise InvalidInputError("stateful=False is for frames in FairMOT's form; give form='fairmot'.")
        asked = {"tracker": tracker, "frame_rate": frame_rate, "name": name or None}
        self._asked = {key: value for key, value in asked.items() if value is not None}
        self._form, self._picture, self._quality, self._stateful = form, picture, quality, stateful
        self._sent: collections.deque[_Sent] = collections.deque(maxlen=max(replay, 1))
        self._identities = Identities(replay)
        self.session, self.expires, self.reopened = "", "", 0
        self._astray = False
        self.classes: dict[int, str] = {}

    def __enter__(self) -> SessionTracker:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close the session; after an error as well as may be."""
        try:
            self.close()
        except AwsError as failure:
            if kind is None:
                raise
            log.warning("the session could not be closed, and will expire: %s", failure)

    def open(self) -> str:
        """Open a session, unless one is open; return its id (empty for an endpoint without sessions).

        Raises:
            AwsError: The endpoint refused.
        """
        if self._stateful and not self.session:
            body = json.dumps({"requestType": NEW, **self._asked}).encode()
            reply = self.endpoint(body, "application/json", session=NEW)  # one that nobody uses expires
            if not reply.session:
                raise AwsError(
                    f"The endpoint {self.endpoint.name} must open a session; it answered without one. Is it one that "
                    "tracks, with SAGEMAKER_ENABLE_STATEFUL_SESSIONS? For FairMOT's own: stateful=False."
                )
            self.session, self.expires = reply.session, reply.expires
        return self.session

    def step(
        self, frame: Frame | npt.NDArray[np.uint8], *, index: int | None = None, timestamp: float | None = None
    ) -> Step:
        """Send a frame and return its tracks.

        Args:
            frame: A frame, or a picture, RGB uint8 ``(H, W, 3)``.
            index: Of a picture; one more than the last where it is not given.
            timestamp: Of a picture, in seconds.

        Raises:
            InvalidInputError: The frame has no picture, or too large a one.
            AwsError: The endpoint refused it, failed at it, or cannot be reached; the frame may be sent again.
            DataError: The answer is none that is known.
        """
        if not isinstance(frame, Frame):
            frame = Frame(index=self._identities.next if index is None else index, image=frame, timestamp=timestamp)
        sent = self._encoded(frame)
        self.endpoint.check_size(sent.body)
        found = self._answered(sent)
        ids = self._identities.take(frame.index, found)
        self._sent.append(sent)
        return Step(frame=frame, detections=found, tracks=as_tracks(found, ids))

    def close(self, *, save: bool = False) -> dict[str, Any]:
        """Close the session, if one is open; return what it did, with its ``state`` where that is wanted.

        Raises:
            AwsError: The endpoint refused; a session that is over already is closed.
        """
        if not self.session:
            return {}
        body = json.dumps({"requestType": "CLOSE", **({"state": True} if save else {})}).encode()
        identity, self.session = self.session, ""
        try:
            reply = self.endpoint(body, "application/json", session=identity, again=False)
        except ModelFailedError as error:
            if error.status in _GONE:
                return {"session": identity, "closed": True}
            raise
        told = document_of(reply.body)
        return dict(told) if isinstance(told, Mapping) else {}

    def _answered(self, sent: _Sent) -> Detections:
        """Return what a frame's answer holds, in a new session where the old one is lost."""
        for attempt in range(_REOPENED + 1):
            try:
                self._ready()
                return self._asked_for(sent)
            except AwsError as error:
                if not self._lost(error) or attempt == _REOPENED:
                    raise
                log.warning("the session %s is lost (%s); its last frames are sent to a new one", self.session, error)
                self.session, self._astray = "", True
        raise AssertionError("unreachable")

    def _lost(self, error: AwsError) -> bool:
        """Tell whether the session knows other frames than we do, or is no more."""
        if not self._stateful:
            return False
        return (isinstance(error, ModelFailedError) and error.status in _GONE) or outcome(error) == "unsure"

    def _ready(self) -> None:
        """See to it that a session is open that knows the frames so far."""
        self.open()
        if self._astray:
            self._identities.begin_again()
            for sent in self._sent:
                self._identities.replay(self._asked_for(sent))
            self._astray = False
            self.reopened += 1

    def _asked_for(self, sent: _Sent) -> Detections:
        reply = self.endpoint(
            sent.body, sent.kind, session=self.session, attributes=sent.attributes, again=not self._stateful
        )
        document = document_of(reply.body)
        self.classes |= names_in(document)
        return tracks_of(document)

    def _encoded(self, frame: Frame) -> _Sent:
        image = picture_of(frame)
        data = encoded(image, self._picture, self._quality)
        hints = [f"trackforge-index={frame.index}"]
        hints += [] if frame.timestamp is None else [f"trackforge-timestamp={frame.timestamp!r}"]
        if self._form == "picture":
            return _Sent(data, KINDS[self._picture], "; ".join(hints))
        number = frame.index if self._stateful else self._identities.count
        document: dict[str, Any] = {"frame_id": number, "frame_data": base64.b64encode(data).decode()}
        if not number or self._stateful:
            document |= {"frame_w": image.shape[1], "frame_h": image.shape[0], "batch_size": 1}
        camera = str(self._asked.get("name", ""))
        told = "; ".join(hints) if self._stateful else f"trackforge-camera={camera}" if camera else ""
        return _Sent(json.dumps(document).encode(), "application/json", told)
