"""Requests in, answers out: which part of the library a request is for, and sessions by SageMaker's headers.

=========================== =========================== ===============================================
``Session-Id``              body                        answer
=========================== =========================== ===============================================
none                        picture                     detections
none                        FairMOT's frame             tracks of the camera (`cameras`)
none                        film                        tracks of the film
``NEW_SESSION``, or none    ``requestType`` NEW_SESSION a session is opened: ``New-Session-Id``
``NEW_SESSION``             nothing                     the same
``NEW_SESSION``             picture, FairMOT's frame    the same, and the frame is its first: tracks
an id                       picture, FairMOT's frame    tracks
an id                       ``requestType`` CLOSE       the session is closed: ``Closed-Session-Id``
=========================== =========================== ===============================================

A session that is opened by a request which then fails is closed again: its client never heard of it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from trackforge.errors import DataError, TrackforgeError
from trackforge.intake.documents import parse_json
from trackforge.serving import Engine, ServedSession
from trackforge.serving.refusals import Refusal, TooLarge
from trackforge_sagemaker.answering.cameras import Cameras
from trackforge_sagemaker.answering.films import Films
from trackforge_sagemaker.answering.frames import Frames, same_size
from trackforge_sagemaker.answering.hosting import Hosting
from trackforge_sagemaker.answering.values import Answer, Request
from trackforge_sagemaker.formats.fairmot import read_frame
from trackforge_sagemaker.formats.headers import CLOSED_SESSION, NEW_SESSION, echoed, expiring, hints, session_id
from trackforge_sagemaker.formats.media import subject_of
from trackforge_sagemaker.formats.standard import SessionRequest, read_session_request

__all__ = ["AnswerTooLarge", "Handler", "Stateless"]

NEW = "NEW_SESSION"


class Stateless(Refusal):
    """A session is asked for where none may be."""

    status: ClassVar[int] = 400


class AnswerTooLarge(Refusal):
    """The answer has more bytes than an answer may."""

    status: ClassVar[int] = 507


class Handler:
    """Answers requests of SageMaker's endpoints.

    Args:
        engine: What detects and tracks; it is loaded, or being loaded.
        hosting: How to answer.
        folder: Where films and their results lie meanwhile.
    """

    def __init__(self, engine: Engine, hosting: Hosting, folder: Path) -> None:
        self.engine, self.hosting, self.folder = engine, hosting, folder
        self.frames = Frames(engine, hosting)
        self._films = Films(engine, hosting, folder)
        self._cameras = Cameras(engine.sessions)

    def answer(self, request: Request, stop: threading.Event | None = None) -> Answer:
        """Answer a request; blocks until the answer is there.

        Args:
            request: The request.
            stop: Ends a film, once set.

        Raises:
            TrackforgeError: The request cannot be carried out; `trackforge.serving.http.problems` tells the status.
        """
        given = self._answer(request, session_id(request.headers), stop)
        return replace(given, headers={**echoed(request.headers), **given.headers})

    def _answer(self, request: Request, identity: str, stop: threading.Event | None) -> Answer:
        head = request.head
        if identity == NEW and not head:
            return self._opened(SessionRequest("NEW_SESSION"))
        subject = subject_of(request.content_type, head)
        if subject == "film":
            if identity:
                raise DataError("A film must be sent without a session; it gets one of its own. Leave out SessionId.")
            with self._film(request.body) as path:
                return self._fitting(self._films.answer(path, request.accept, stop))
        body = self._whole(request.body)
        if subject == "json":
            document = _object(body)
            if "requestType" in document:
                return self._managed(read_session_request(document), identity)
            return self._frame(document, identity, request)
        if not identity:
            return self._fitting(self.frames.detected(body, request.accept))
        told, image = hints(request.headers), self.frames.decoded(body)
        with self._session(identity) as (session, headers):
            given = self._fitting(
                self.frames.tracked(session, image, request.accept, index=told.index, timestamp=told.timestamp)
            )
        return replace(given, headers=headers)

    def _frame(self, document: Mapping[str, Any], identity: str, request: Request) -> Answer:
        """Answer a frame as the FairMOT example sends it."""
        if "frame_data" not in document and "frame_id" not in document:
            raise DataError(
                'A JSON request must be a frame, {"frame_id": 0, "frame_data": "<base64>"}, or a session\'s, '
                '{"requestType": "NEW_SESSION"}; this is neither.'
            )
        told, frame = hints(request.headers), read_frame(document)
        image = self.frames.decoded(frame.picture)
        size = same_size(image, frame.size)
        with contextlib.ExitStack() as stack:
            if identity:
                session, headers = stack.enter_context(self._session(identity))
            else:
                self._may_open()
                session, headers = stack.enter_context(self._cameras.frame(told.camera, frame.index, size)), {}
            given = self.frames.tracked(
                session, image, request.accept, "fairmot", index=frame.index, timestamp=told.timestamp
            )
            self._fitting(given)
        return replace(given, headers=headers)

    def _managed(self, asked: SessionRequest, identity: str) -> Answer:
        """Open or close a session."""
        if asked.kind == NEW:
            if identity not in ("", NEW):
                raise DataError("A session must be opened without the id of another. Leave out SessionId.")
            return self._opened(asked)
        if identity in ("", NEW):
            raise DataError("The session to be closed must be named. Give its id: SessionId=...")
        told = json.dumps(self.closed(identity, save=asked.save))
        return Answer(body=told.encode(), headers={CLOSED_SESSION: identity})

    def closed(self, identity: str, *, save: bool = False) -> dict[str, Any]:
        """Close a session and return what it did, with its state where it is wanted.

        Raises:
            UnknownSession, SessionGone: It is not open.
            StateError: It cannot be saved, and is not closed.
        """
        session = self.engine.sessions.get(identity)
        state = {"state": base64.b64encode(session.state()).decode()} if save else {}
        counts = self.engine.sessions.close(identity)
        return {"session": counts.pop("id", identity), "closed": True, **counts, **state}

    def _opened(self, asked: SessionRequest) -> Answer:
        session = self.open(asked)
        told = expiring(session.id, session.expires_at)
        return Answer(body=json.dumps({"session": session.id}).encode(), headers={NEW_SESSION: told})

    def open(self, asked: SessionRequest) -> ServedSession:
        """Open a session as it is asked for.

        Raises:
            Stateless: None may be opened.
            Refusal, ConfigError: As `Sessions.open` does.
        """
        self._may_open()
        return self.engine.sessions.open(
            name=asked.name,
            tracker=asked.tracker,
            frame_rate=asked.frame_rate,
            policy=asked.policy,
            state=asked.state,
            analytics=asked.analytics,
        )

    @contextlib.contextmanager
    def _session(self, identity: str) -> Iterator[tuple[ServedSession, dict[str, str]]]:
        """Give the session that a request names, or a new one, and what to tell of it."""
        if identity != NEW:
            yield self.engine.sessions.get(identity), {}
            return
        session = self.open(SessionRequest("NEW_SESSION"))
        told: dict[str, str] = {}
        try:
            yield session, told
            told[NEW_SESSION] = expiring(session.id, session.expires_at)
        except BaseException:
            with contextlib.suppress(TrackforgeError):
                self.engine.sessions.close(session.id)
            raise

    def _may_open(self) -> None:
        if not self.hosting.stateful:
            raise Stateless(
                "Sessions must be switched on to be used; SAGEMAKER_ENABLE_STATEFUL_SESSIONS says that they are off."
            )

    def _fitting(self, given: Answer) -> Answer:
        """Return an answer that is not too large.

        Raises:
            AnswerTooLarge: It is.
        """
        size = len(given.body) if isinstance(given.body, bytes) else given.body.stat().st_size
        if self.hosting.max_answer is not None and size > self.hosting.max_answer:
            if isinstance(given.body, Path):
                given.body.unlink(missing_ok=True)
            raise AnswerTooLarge(
                f"An answer must have at most {self.hosting.max_answer:,} bytes; this one has {size:,}. Raise "
                "TS_MAX_RESPONSE_SIZE, or ask for less: text/csv in place of video/mp4."
            )
        return given

    def _whole(self, body: bytes | Path) -> bytes:
        """Return a body that is no film."""
        if isinstance(body, bytes):
            return body
        size, most = body.stat().st_size, self.engine.run.max_body
        if size > most:
            raise TooLarge(
                f"A picture or JSON must have at most {most:,} bytes; got {size:,}. Send less, raise the limit "
                "(SAGEMAKER_MAX_PAYLOAD_IN_MB), or say by Content-Type that it is a film."
            )
        return body.read_bytes()

    @contextlib.contextmanager
    def _film(self, body: bytes | Path) -> Iterator[Path]:
        """Give a film as a file."""
        if isinstance(body, Path):
            yield body
            return
        path = self.folder / f"body-{secrets.token_hex(16)}"
        try:
            path.write_bytes(body)
            yield path
        finally:
            path.unlink(missing_ok=True)


def _object(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"A JSON request must be UTF-8; {error.reason} at byte {error.start}.") from error
    document = parse_json(text, "A request")
    if not isinstance(document, dict):
        raise DataError(f"A JSON request must be an object; got {type(document).__name__}.")
    return document
