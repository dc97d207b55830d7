"""A camera over one connection: ``/invocations-bidirectional-stream``, pictures in, tracks out.

SageMaker opens it as a WebSocket for InvokeEndpointWithBidirectionalStream: what the client sends as bytes comes as
binary messages, text as text; what is sent here goes back.

* The first message may be ``{"requestType": "NEW_SESSION", ...}`` (`trackforge_sagemaker.formats.standard`), which says
  how to track; without it the first picture opens a session. Its answer tells the id.
* A binary message is a picture; its answer is a text message with the tracks, and the credit for the next. More
  pictures at once, and ``{"index": 12, "timestamp": 0.48}`` before one, are as in `trackforge.serving.http.frames`.
* ``{"requestType": "CLOSE"}`` ends the session, once the pictures before it are answered: its counts are the last
  message. With ``"state": true`` the state comes along, to go on in a further connection: SageMaker ends each after 30
  minutes, and may lead the next to another instance.
* What is wrong is told as ``{"ModelStreamError": {"ErrorCode": ..., "Message": ...}}``; the session goes on if it can.

A client that leaves without CLOSE ends its session.

Source: Amazon SageMaker AI developer guide and announcement of bidirectional streaming, November 2025.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from starlette.routing import BaseRoute
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from trackforge.errors import DataError, TrackforgeError
from trackforge.intake.documents import parse_json
from trackforge.serving import Draining, ServedSession
from trackforge.serving.http.context import context
from trackforge.serving.http.frames import Conversation
from trackforge.serving.http.operations import Answer, paths, socket
from trackforge.serving.http.problems import problem
from trackforge_sagemaker.answering.handler import Handler
from trackforge_sagemaker.formats.headers import expiring
from trackforge_sagemaker.formats.standard import SessionRequest, read_session_request

__all__ = ["streams"]

_PATH = "/invocations-bidirectional-stream"
_FAILED, _RESTART = 1011, 1012


def streams(handler: Handler) -> list[BaseRoute]:
    """Return the route."""

    @socket(
        _PATH,
        area="SageMaker",
        summary="Track a camera's frames over a WebSocket: a picture in, tracks out.",
        answers={101: Answer("The socket is open.")},
    )
    async def stream(websocket: WebSocket) -> None:
        await _Camera(handler, websocket).run()

    return paths(stream)


class _Camera:
    """One connection, with a session of its own."""

    def __init__(self, handler: Handler, websocket: WebSocket) -> None:
        self._handler, self._outer = handler, websocket
        self._here = context(websocket)
        self._first: Message | None = None
        self._talk: Conversation | None = None
        self._asked: SessionRequest | None = None
        self._request_id = str(websocket.scope.get("state", {}).get("request_id", ""))

    async def run(self) -> None:
        """Open a session, talk, and close it."""
        inner = WebSocket(self._outer.scope, self._receive, self._send)
        await inner.accept()
        try:
            session = await self._opened()
        except WebSocketDisconnect:
            return
        except TrackforgeError as error:
            await self._tell(self._error(problem(error, self._request_id)))
            await self._close(_RESTART if isinstance(error, Draining) else _FAILED)
            return
        try:
            with session.exclusive():
                self._talk = Conversation(inner, session, self._here, self._request_id)
                await self._talk.run()
        finally:
            await self._ended(session)

    async def _opened(self) -> ServedSession:
        """Wait for the first message, and open a session as it says."""
        patience = self._here.run.session_ttl
        came = asyncio.ensure_future(self._outer.receive())
        stop = asyncio.ensure_future(self._here.lifetime.stopped())
        try:
            await asyncio.wait({came, stop}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not came.done():
                if stop.done():
                    raise Draining("The server is being stopped. Open the stream again: another one answers.")
                raise DataError(f"A stream must begin within {patience:g} s; nothing came. Open it again.")
            message = came.result()
        finally:
            came.cancel()
            stop.cancel()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1000)
        asked = _request(message)
        if asked is None:
            self._first = message
        elif asked.kind != "NEW_SESSION":
            raise DataError("A stream must begin with NEW_SESSION or a picture; got CLOSE. There is no session yet.")
        session = await self._here.away(self._handler.open, asked or SessionRequest("NEW_SESSION"))
        await self._tell({"session": session.id, "expires": expiring(session.id, session.expires_at).partition("=")[2]})
        return session

    async def _ended(self, session: ServedSession) -> None:
        """Close the session, and tell what it did where that was asked for."""
        asked = self._asked
        try:
            told = await self._here.away(self._handler.closed, session.id, save=asked is not None and asked.save)
        except TrackforgeError as error:
            with contextlib.suppress(TrackforgeError):
                await self._here.away(self._handler.engine.sessions.close, session.id)
            told = self._error(problem(error, self._request_id))
        if asked is not None:
            await self._tell(told)
            await self._close(1000)

    async def _receive(self) -> Message:
        """Give the conversation what comes; CLOSE is the end for it, as if the client had left."""
        message, self._first = self._first, None
        if message is None:
            message = await self._outer.receive()
        with contextlib.suppress(DataError):  # the conversation says what is wrong
            asked = _request(message)
            if asked is not None and asked.kind == "CLOSE":
                if self._talk is not None:  # what came before is answered first
                    await self._talk.flush()
                self._asked = asked
                return {"type": "websocket.disconnect", "code": 1000}
        return message

    async def _send(self, message: Message) -> None:
        """Send what the conversation says; problems in SageMaker's words."""
        text = message.get("text")
        if text and text.startswith('{"problem"'):
            message = {**message, "text": json.dumps(self._error(json.loads(text)["problem"]))}
        if message["type"] != "websocket.close" or self._asked is None:
            await self._outer.send(message)

    async def _tell(self, said: dict[str, Any]) -> None:
        with contextlib.suppress(Exception):  # whoever left hears nothing
            await self._outer.send_text(json.dumps(said))

    async def _close(self, code: int) -> None:
        with contextlib.suppress(Exception):
            await self._outer.close(code)

    @staticmethod
    def _error(said: dict[str, Any]) -> dict[str, Any]:
        code = str(said.get("type", "")).rpartition(":")[2]
        return {"ModelStreamError": {"ErrorCode": code, "Message": str(said.get("detail", ""))}}


def _request(message: Message) -> SessionRequest | None:
    """Return the session's request that a message is; None where it is something else.

    Raises:
        DataError: It is one, but wrong.
    """
    text = message.get("text")
    if not text or "requestType" not in text:
        return None
    document = parse_json(text, "A message")
    if not isinstance(document, dict) or "requestType" not in document:
        return None
    return read_session_request(document)
