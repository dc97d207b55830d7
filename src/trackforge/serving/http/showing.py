"""A camera over a WebSocket: a step, its picture, and a word of the client for the next.

The word is the client's credit: without it nothing is sent, so that no socket fills up, and what is sent next is the
newest there is then.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect

from trackforge.serving.http.context import Context

if TYPE_CHECKING:
    from trackforge.serving.cameras import Camera, Shot, Watch

__all__ = ["Show"]

WORD = "next"
ENDED, NOT_UNDERSTOOD, FAILED, RESTART, REMOVED, AWAY = 1000, 1003, 1011, 1012, 4404, 4502
REASON = 100
"""Bytes of the reason that a socket is closed for; 123 may be."""


class Show:
    """One WebSocket that shows a camera.

    Args:
        websocket: Accepted already.
        camera: What it shows.
        watch: Of the camera, for this socket.
        here: Of the server.
    """

    def __init__(self, websocket: WebSocket, camera: Camera, watch: Watch[Shot], here: Context) -> None:
        self._socket, self._camera, self._watch, self._here = websocket, camera, watch, here
        self._credit = asyncio.Event()
        self._credit.set()

    async def run(self) -> None:
        """Show until the client hangs up, the camera is no more, or the server is being stopped."""
        listening = asyncio.ensure_future(self._listen())
        sending = asyncio.ensure_future(self._send())
        stopped = asyncio.ensure_future(self._here.lifetime.stopped())
        tasks = (listening, sending, stopped)
        code, reason = ENDED, ""
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                code = RESTART
            elif listening.done():
                code = listening.result()
            else:
                sending.result()
                states = {"ended": ENDED, "failed": AWAY, "removed": REMOVED}
                code, reason = states.get(self._camera.state, FAILED), self._camera.why
        except WebSocketDisconnect:
            return
        except asyncio.TimeoutError:  # who does not read is not waited for without end
            code = FAILED
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close(code, reason.encode()[:REASON].decode(errors="ignore"))

    async def _listen(self) -> int:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code") or ENDED)
            if message.get("text") != WORD:
                return NOT_UNDERSTOOD
            self._credit.set()

    async def _send(self) -> None:
        told = 0
        while True:
            await self._credit.wait()
            shot = await self._watch.next()
            if shot is None:
                return
            self._credit.clear()
            missed, told = self._watch.missed - told, self._watch.missed
            text = json.dumps({**shot.json(), "missed": missed}, ensure_ascii=False)
            picture = await self._here.away(shot.jpeg)
            patience = self._here.run.request_timeout
            await asyncio.wait_for(self._socket.send_text(text), patience)
            await asyncio.wait_for(self._socket.send_bytes(picture), patience)
