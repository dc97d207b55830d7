"""Connections that a server holds: how many, and how long one may take, and be, to say what it wants.

uvicorn leaves two things open that a server on a network needs: a client that sends half a head and stops keeps its
connection for ever, and so does one that opens it and says nothing; and there may be any number of them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = ["HEAD_TIME", "Socket", "Stuck", "protocol"]

PATIENCE = 30.0
"""Seconds within which a client must have read the end of an answer behind which its connection is closed."""
HEAD_TIME = 15.0
"""Seconds within which the head of a request must be whole, from the connection or its first byte on."""
LONGEST_HEAD = 32 << 10
"""Bytes that the head of a request may have."""


def _refusal(status: str, kind: str, detail: str) -> bytes:
    """Return a problem as it is sent to whom no application has seen yet."""
    number, _, title = status.partition(" ")
    body = json.dumps(
        {"type": f"urn:trackforge:problem:{kind}", "title": title, "status": int(number), "detail": detail}
    )
    lines = (
        f"HTTP/1.1 {status}", "Content-Type: application/problem+json", f"Content-Length: {len(body)}",
        *(["Retry-After: 5"] if number == "503" else []), "Connection: close", "", body,
    )  # fmt: skip
    return "\r\n".join(lines).encode()


_FULL = _refusal(
    "503 Service Unavailable", "overloaded", "The server holds as many connections as it may. Try again in a moment."
)
_LONG = _refusal(
    "431 Request Header Fields Too Large",
    "too-large",
    f"The head of a request may have {LONGEST_HEAD} bytes. Shorten it.",
)


def protocol(most: int, head_time: float = HEAD_TIME) -> type[asyncio.Protocol]:
    """Return how a connection is served.

    Args:
        most: Connections at once, WebSockets among them.
        head_time: Seconds for the head of a request.
    """

    class Connection(H11Protocol):
        _patience: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            if len(self.connections) >= most:
                transport.write(_FULL)
                transport.close()
                self.transport = transport
                self.data_received = _ignore  # type: ignore[method-assign, assignment]
                self.connection_lost = _ignore  # type: ignore[method-assign, assignment]
                return
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            if self.conn.their_state is h11.IDLE:
                head = self.conn.trailing_data[0] + data
                end = head.find(b"\r\n\r\n")
                if (len(head) if end < 0 else end) > LONGEST_HEAD:
                    self.transport.write(_LONG)
                    self.transport.close()
                    return
            super().data_received(data)
            if self.transport.get_protocol() is not self or self.conn.their_state is not h11.IDLE:
                self._wait_no_more()  # a WebSocket now, or the head is whole
            elif self.conn.trailing_data[0]:
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._wait_no_more()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            """Answer what is no HTTP, which may come within a body that somebody is reading: he hears of it."""
            cycle = self.cycle
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
                if cycle.response_started:
                    self.transport.close()
                    return
            super().send_400_response(msg)

        def _wait(self) -> None:
            if self._patience is None:
                self._patience = self.loop.call_later(head_time, self._enough)

        def _wait_no_more(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

        def _enough(self) -> None:
            self._patience = None
            if not self.transport.is_closing():
                self.transport.close()

    return Connection


class Socket(WebSocketsSansIOProtocol):
    """A WebSocket whose client is not blamed for a pong that lies behind pictures which the server has not read."""

    _heard = 0.0

    def data_received(self, data: bytes) -> None:
        """Note that the client is there."""
        self._heard = self.loop.time()
        super().data_received(data)

    def keepalive_timeout(self) -> None:
        """Close, unless the client was heard, or could not be."""
        patience = self.ping_timeout or 0.0
        if self.read_paused or self.loop.time() - self._heard < patience:
            self.pong_timer = self.loop.call_later(patience, self.keepalive_timeout)
            return
        super().keepalive_timeout()


class Stuck:
    """Breaks off connections that are being closed and do not come to it, since nobody reads what was sent."""

    def __init__(self) -> None:
        self._since: dict[Any, float] = {}

    def look(self, connections: Iterable[Any], patience: float = PATIENCE) -> None:
        """Break off those that were being closed for longer than so many seconds, as far as earlier looks saw them."""
        now = time.monotonic()
        closing = [one for one in connections if one.transport is not None and one.transport.is_closing()]
        self._since = {one: self._since.get(one, now) for one in closing}
        for one, since in self._since.items():
            if now - since >= patience:
                one.transport.abort()


def _ignore(_: object) -> None:
    """Take no notice of what somebody says who was sent away."""
