"""Answers that have no end of their own, or take as long as a film: sent piece by piece, each read in good time.

Such an answer ends when its pieces do, when the client has gone, and when the server is being stopped, which does not
wait for it; lines of JSON then have a last one, ``{"problem": ...}``, so that they do not look whole. A client that
does not read is not waited for longer than a request may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from trackforge.serving.http.context import Context
from trackforge.serving.http.problems import problem
from trackforge.serving.refusals import Draining

__all__ = ["Endless"]

LINES = "application/x-ndjson"
MOMENT = 1.0
"""Seconds that the end of an answer may take to be sent."""


class Endless(Response):
    """An answer of pieces.

    Args:
        here: Of the server.
        pieces: The body; it is closed in any case.
        media_type: What the pieces are.
        held: Left when the answer is over, even if no piece was asked for.
    """

    def __init__(
        self,
        here: Context,
        pieces: AsyncGenerator[bytes, None],
        media_type: str,
        held: AbstractContextManager[object] | None = None,
    ) -> None:
        self._here, self._pieces, self._held = here, pieces, held or contextlib.nullcontext()
        self._within = False  # a line of which a part is sent
        super().__init__(status_code=200, headers={"Cache-Control": "no-store"}, media_type=media_type)
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces."""
        with self._held:
            await self._all(scope, receive, send)

    async def _all(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":  # whoever wants the head alone does not wait for the end
            await self._pieces.aclose()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        with self._here.lifetime.endless() as stop:
            waits = [asyncio.ensure_future(one) for one in (self._send(send), _gone(receive), stop.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                cut = stop.is_set() and not waits[0].done()
                if waits[0].done():
                    waits[0].result()
            except asyncio.TimeoutError:
                raise ClientDisconnect from None
            finally:
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)
                await self._pieces.aclose()
        try:
            body = self._farewell() if cut and self.media_type == LINES else b""
            last = {"type": "http.response.body", "body": body, "more_body": False}
            await asyncio.wait_for(send(last), MOMENT)
        except asyncio.TimeoutError:  # whoever does not read keeps no server from its end
            raise ClientDisconnect from None

    async def _send(self, send: Send) -> None:
        async for piece in self._pieces:
            message = {"type": "http.response.body", "body": piece, "more_body": True}
            self._within = not piece.endswith(b"\n")
            await asyncio.wait_for(send(message), self._here.run.request_timeout)

    def _farewell(self) -> bytes:
        why = Draining("The server is being stopped before the answer came to its end. Ask again, from its beginning.")
        return b"%b%b\n" % (b"\n" * self._within, json.dumps({"problem": problem(why)}).encode())


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
