"""How a server ends: nothing new begins, what has begun comes to its end, and endless answers hear that it is time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

__all__ = ["Lifetime"]


class Lifetime:
    """What is at work in a server, and whether it is being stopped.

    Belongs to one event loop; an answer that has no end of its own (live pictures, say) is `endless`.

    Attributes:
        stopping: Whether the server is being stopped: new requests are refused.
        at_work: Requests and sockets that somebody waits for the answers of.
        left: Seconds that are left for the end, once the server is being stopped; None where nobody has said.
    """

    def __init__(self) -> None:
        self.stopping = False
        self.at_work = 0
        self.left: float | None = None
        self._stop = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Count what must come to its end before the server does."""
        self.at_work += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.at_work -= 1
            if not self.at_work:
                self._idle.set()

    @contextlib.contextmanager
    def endless(self) -> Iterator[asyncio.Event]:
        """Take the request at work out of the count; the event given is set when it shall end."""
        self.at_work -= 1
        if not self.at_work:
            self._idle.set()
        try:
            yield self._stop
        finally:
            self.at_work += 1
            self._idle.clear()

    def stop(self) -> None:
        """Let nothing new begin."""
        self.stopping = True
        self._stop.set()

    async def stopped(self) -> None:
        """Wait until the server is being stopped."""
        await self._stop.wait()

    async def idle(self, seconds: float) -> bool:
        """Wait until nothing is at work, so many seconds at most; return whether that came to be."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._idle.wait(), max(seconds, 0.001))
        return not self.at_work
