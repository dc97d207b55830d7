"""Frames of a session over a WebSocket: a picture in, a step out, one at a time or as fast as the policy allows.

The client sends a picture as a binary message and gets one answer, a text message with JSON: that is its credit for the
next. What it sends before is up to the policy of the session:

* ``every``: as many pictures wait as may (``waiting``); one more is answered by the problem ``busy``, and not tracked.
* ``newest``: one waits; a newer one takes its place. Before the next answer comes ``{"dropped": n}``: so many gave way.

A text message ``{"index": 12, "timestamp": 0.48}`` before a picture says which frame that is; without, frames count
up. What is wrong with one picture is answered by ``{"problem": {...}}`` (RFC 9457), and the session goes on. The socket
closes with 4000 + the status of what ended it: 4408 where the session has expired, since nothing came for its time to
live, 4410 where it has been closed; with 1012 where the server is being stopped, after the frames that came; with 1009
for a message that is longer than may be. One socket, or one request, at a time works in a session.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from trackforge.errors import InvalidInputError, TrackforgeError
from trackforge.serving.answers import step_json
from trackforge.serving.http.context import Context
from trackforge.serving.http.denials import Late, SlowBody
from trackforge.serving.http.parameters import Parameter, json_object
from trackforge.serving.http.problems import problem
from trackforge.serving.refusals import Busy, Draining, Refusal, SessionGone, UnknownSession
from trackforge.types import Step

if TYPE_CHECKING:
    from trackforge.serving.served import ServedSession

__all__ = ["FRAME", "Conversation"]

FRAME = (
    Parameter(
        "index",
        int,
        "Number of the frame; above that of the last. Without it, frames count up.",
        minimum=0,
        maximum=2**53,
    ),
    Parameter("timestamp", float, "Seconds since the start of the sequence.", minimum=-1e12, maximum=1e12),
    Parameter("name", str, "Name of the picture, for results.", longest=255),
)
"""What is said of a frame beside its picture."""
NORMAL, FAILED, RESTART = 1000, 1011, 1012
GLANCE = 0.25
"""Seconds between two looks at whether the session is still open."""
_FATAL = (SessionGone, UnknownSession, Draining)


class Conversation:
    """One WebSocket and the session that it has.

    Three tasks pass pictures on: one receives, one decodes and pushes in order, one answers in order. Whoever is ahead
    waits, so that a client that sends without reading is stopped by TCP, and takes no memory.

    Args:
        websocket: Accepted already.
        session: The session, exclusively.
        context: Of the server.
        request_id: For problems.
    """

    def __init__(self, websocket: WebSocket, session: ServedSession, context: Context, request_id: str) -> None:
        self._socket, self._session, self._context, self._request_id = websocket, session, context, request_id
        self._newest = session.policy == "newest"
        self._most = 1 if self._newest else context.run.waiting
        self._came: collections.deque[tuple[bytes, dict[str, Any]] | Refusal] = collections.deque()
        self._replies: collections.deque[Future[Step] | Exception] = collections.deque()
        self._changed = asyncio.Condition()
        self._dropped = self._answered = 0
        self._pushing = False

    async def run(self) -> None:
        """Talk until the client hangs up, the session ends, or the server is being stopped."""
        work = (self._receive(), self._push(), self._answer(), self._ended())
        receiving, *others = [asyncio.ensure_future(one) for one in work]
        stop = asyncio.ensure_future(self._context.lifetime.stopped())
        code = NORMAL
        try:
            await asyncio.wait({receiving, *others, stop}, return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                code = RESTART
                receiving.cancel()
                flush = asyncio.ensure_future(self.flush())
                await asyncio.wait({flush, *others}, return_when=asyncio.FIRST_COMPLETED)
                flush.cancel()
                others.append(flush)
            for task in (receiving, *others):
                if task.done() and not task.cancelled():
                    task.result()
        except WebSocketDisconnect:
            return
        except Refusal as refusal:
            code = 4000 + refusal.status
        except Exception:
            code = FAILED
            raise
        finally:
            for task in (receiving, *others, stop):
                task.cancel()
            await asyncio.gather(receiving, *others, stop, return_exceptions=True)
            for what in self._came:
                self._give(what)
            for waiting in self._replies:
                if isinstance(waiting, Future):
                    waiting.cancel()
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, asyncio.TimeoutError):
                await asyncio.wait_for(self._socket.close(code), 1.0)

    async def _receive(self) -> None:
        said: dict[str, Any] = {}
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code") or NORMAL)
            data = message.get("bytes")
            if data is None:
                try:
                    said = json_object((message.get("text") or "").encode(), FRAME)
                except Refusal as refusal:
                    await self._take(refusal)
                continue
            self._context.metrics.socket_frames.inc()
            await self._take((data, said))
            said = {}

    async def _ended(self) -> None:
        """End with the session, whoever ended it, once what came has been answered."""
        while not self._session.gone:
            await asyncio.sleep(GLANCE)
        await self.flush()
        if self._session.gone == "expired":
            raise SlowBody("A picture must come while a session lives; none did. Open another session.")
        self._session.present()

    async def _take(self, what: tuple[bytes, dict[str, Any]] | Refusal) -> None:
        async with self._changed:
            if isinstance(what, tuple) and sum(isinstance(one, tuple) for one in self._came) >= self._most:
                if self._newest and isinstance(self._came[-1], tuple):
                    self._give(self._came.pop())
                    self._dropped += 1
                    self._session.passed_over()
                else:
                    what = Busy(f"At most {self._most} pictures may wait; got one more. Send it after an answer.")
            await self._changed.wait_for(lambda: len(self._came) < 4 * self._most + 4)
            if isinstance(what, tuple):
                try:
                    self._context.bodies.take(len(what[0]))
                except Refusal as refusal:
                    what = refusal
            self._came.append(what)
            self._changed.notify_all()

    def _give(self, what: tuple[bytes, dict[str, Any]] | Refusal) -> None:
        """Give back what a picture took that waits no more."""
        if isinstance(what, tuple):
            self._context.bodies.give(len(what[0]))

    async def _push(self) -> None:
        """Decode and push one picture after the other, so that they stay in order."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._came))
                what, self._pushing = self._came.popleft(), True
                self._changed.notify_all()
            reply: Future[Step] | Exception
            try:
                if isinstance(what, Refusal):
                    raise what
                data, said = what
                image = await self._context.pictures.decoded(data)
                reply = await self._pushed(image, said)
            except TrackforgeError as error:
                reply = error
            finally:
                self._give(what)
            async with self._changed:
                self._pushing = False
                self._replies.append(reply)
                self._changed.notify_all()

    async def _pushed(self, image: Any, said: dict[str, Any]) -> Future[Step]:
        """Give the engine a picture; where too many of ours wait there, after one of them is done."""
        while True:
            answered = self._answered
            try:
                return self._session.push(image, **said)
            except Busy:
                if not self._replies:
                    raise
            async with self._changed:
                await self._changed.wait_for(lambda: self._answered > answered)  # noqa: B023 - awaited within the turn

    async def _answer(self) -> None:
        """Send the answers in order, as they become ready."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._replies))
            reply = self._replies[0]  # stays there until it is sent, so that whoever stops the server waits for it
            try:
                said = await self._said(reply)
            except _FATAL as error:
                await self._send({"problem": problem(error, self._request_id)})
                raise
            if said is None:
                self._dropped += 1
            else:
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    await self._send({"dropped": dropped})
                await self._send(said)
            async with self._changed:
                self._replies.popleft()
                self._answered += 1
                self._changed.notify_all()

    async def _said(self, reply: Future[Step] | Exception) -> dict[str, Any] | None:
        """Return an answer, or None where a newer frame took the place of this one."""
        try:
            if isinstance(reply, Exception):
                raise reply
            waited = asyncio.wrap_future(reply)
            done, _ = await asyncio.wait({waited}, timeout=self._context.run.request_timeout)
            if not done:
                waited.cancel()
                raise Late("A step must be ready within the time for a request; it was not. Send fewer pictures.")
            if waited.cancelled() and self._session.gone:
                raise self._context.given_up()
            return None if waited.cancelled() else step_json(waited.result(), self._session.classes)
        except _FATAL:
            raise
        except InvalidInputError as error:
            if self._session.gone:  # closed while the detector was at the frame
                raise self._context.given_up() from None
            return {"problem": problem(error, self._request_id)}
        except Exception as error:  # noqa: BLE001 - of the detector or the tracker: this frame's, not the socket's
            return {"problem": problem(error, self._request_id)}

    async def _send(self, said: dict[str, Any]) -> None:
        """Send one message; who does not read is not waited for without end."""
        try:
            text = json.dumps(said, allow_nan=False)
            await asyncio.wait_for(self._socket.send_text(text), self._context.run.request_timeout)
        except asyncio.TimeoutError:
            raise SlowBody("Answers must be read; the client did not for too long.") from None

    async def flush(self) -> None:
        """Wait until what came has been answered."""
        async with self._changed:
            await self._changed.wait_for(lambda: not (self._came or self._replies or self._pushing))
