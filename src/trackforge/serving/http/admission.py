"""How many requests are at work, and that each ends cleanly: with its body read, or with the connection closed.

A client that is still sending when its answer is ready (413, 401) would have its connection reset and never read the
answer. So what it sends is thrown away for a moment, and only then the answer ends.
"""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trackforge.serving.http.bodies import HELD
from trackforge.serving.http.context import Context
from trackforge.serving.http.denials import Overloaded
from trackforge.serving.http.problems import problem_response
from trackforge.serving.http.reading import patient
from trackforge.serving.http.security import is_open
from trackforge.serving.refusals import Draining, Refusal

__all__ = ["Admission"]

LINGER = 2.0
"""Seconds for which the rest of a body is thrown away behind an answer."""
MOST = 16 << 20
"""Bytes of it, at most."""
SILENCE = 0.5
"""Seconds after which a client that sends nothing counts as one that has read the answer."""
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class Admission:
    """Lets requests in, as many at once as may be, and none while the server is being stopped; health always.

    Args:
        app: What is behind it.
        context: What is at work in the server.
        most: Requests with a body that may be at work at once: each may hold a picture in memory.
    """

    def __init__(self, app: ASGIApp, context: Context, most: int) -> None:
        self.app, self._context, self._most = app, context, most
        self._sending = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        lifetime = self._context.lifetime
        if scope["type"] == "websocket":  # hears of the stop, answers what came, and ends by itself
            if lifetime.stopping:
                await self._refuse(_draining(), scope, receive, send)
                return
            with lifetime.working():
                await self.app(scope, receive, send)
            return
        tail = _Tail(scope, receive, patient(self._context, send))
        heavy = scope["method"] not in _WITHOUT_BODY
        if not is_open(scope["path"]):
            if lifetime.stopping:
                await self._refuse(_draining(), scope, tail.receive, tail.send)
                return
            if heavy and self._sending >= self._most:
                refusal = Overloaded(f"At most {self._most} requests may be at work at once. Try again in a moment.")
                await self._refuse(refusal, scope, tail.receive, tail.send)
                return
        self._sending += heavy
        try:
            with lifetime.working():
                await self.app(scope, tail.receive, tail.send)
        finally:
            self._sending -= heavy
            self._context.bodies.give(scope.get("state", {}).pop(HELD, 0))

    async def _refuse(self, refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        await problem_response(refusal, scope.get("state", {}).get("request_id", ""))(scope, receive, send)


class _Tail:
    """Watches how much of a body was read, and reads on behind the answer where it was not all."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0" if "transfer-encoding" not in headers else "")
        self._read = length == "0"
        self._waits = "100-continue" in headers.get("expect", "").lower()  # sends nothing before it is asked to
        self._receive, self._send = receive, send

    async def receive(self) -> Message:
        message = await self._receive()
        self._waits = False
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._read = True
        return message

    async def send(self, message: Message) -> None:
        if self._read:
            await self._send(message)
        elif message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            headers["Connection"] = "close"
            await self._send({**message, "headers": headers.raw})
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            if not self._waits:
                await self._linger()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._send(message)

    async def _linger(self) -> None:
        until, came = time.monotonic() + LINGER, 0
        while not self._read and came < MOST and (left := until - time.monotonic()) > 0:
            try:
                message = await asyncio.wait_for(self.receive(), min(left, SILENCE))
            except asyncio.TimeoutError:
                return
            came += len(message.get("body", b""))


def _draining() -> Draining:
    return Draining("The server is being stopped and takes nothing new. Ask another, or this one in a while.")
