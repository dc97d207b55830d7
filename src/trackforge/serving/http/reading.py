"""Clients must read what they are sent: who does not is not waited for without end, whatever the answer is."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import Message, Send

from trackforge.serving.http.context import Context

__all__ = ["patient"]

MOMENT = 2.0
"""Seconds for a piece of an answer while the server is being stopped."""


def patient(context: Context, send: Send) -> Send:
    """Return what sends an answer piece by piece, each within the time for a request.

    A client that reads slowly gets all of it, since the time begins anew with each piece. One that takes nothing for so
    long counts as gone (`ClientDisconnect`): its answer ends unfinished.
    """
    patience, lifetime = context.run.request_timeout, context.lifetime

    async def sent(message: Message) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        until, late = loop.time() + patience, False
        timer: asyncio.TimerHandle | None = None

        def look() -> None:
            nonlocal late, timer
            left = until - loop.time()
            if task is not None and (left <= 0 or lifetime.stopping):
                late = task.cancel()
            else:
                timer = loop.call_later(min(left, MOMENT), look)

        timer = loop.call_later(min(patience, MOMENT), look)
        try:
            await send(message)  # mostly done at once, and never given to another task: that would take longer
        except asyncio.CancelledError:
            if late:
                raise ClientDisconnect from None
            raise
        finally:
            if timer is not None:
                timer.cancel()

    return sent
