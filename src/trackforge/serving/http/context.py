"""What every operation needs of the server that it belongs to."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from starlette.requests import HTTPConnection

from trackforge.serving.http.budget import Budget
from trackforge.serving.http.denials import Late
from trackforge.serving.http.lanes import Lanes
from trackforge.serving.http.lifetime import Lifetime
from trackforge.serving.refusals import Draining, Refusal, SessionGone

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine
    from trackforge.serving.http.metrics import Metrics

__all__ = ["Context", "context"]

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


class Closing(Protocol):
    """What an area keeps for a server."""

    def close(self) -> object:
        """End all that it does."""


Part = TypeVar("Part", bound=Closing)


class Context:
    """The engine, its settings, and what the HTTP face keeps for itself.

    Attributes:
        engine: What loads, detects and tracks.
        run: What is served, under which limits.
        lifetime: What is at work, and whether the server is being stopped.
        bodies: What bodies in memory may take.
        pictures: What decodes pictures.
        metrics: What is counted.
        failure: What the engine could not be loaded for; None where it could, or is loading.
        endings: Called, in a thread, when the server ends, before the engine is closed; areas with work of their own
            put theirs here.
    """

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self.engine, self.run, self.metrics = engine, engine.run, metrics
        self.lifetime = Lifetime()
        self.bodies = Budget(self.run.max_waiting_bytes)
        metrics.body_bytes.set_function(lambda: self.bodies.held)
        self.failure: BaseException | None = None
        self.endings: list[Callable[[], object]] = []
        self._parts: dict[Callable[[Engine], Any], Any] = {}
        self._making = threading.Lock()
        threads = min(8, 2 + (os.cpu_count() or 1))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="trackforge-http")
        self.pictures = Lanes(self.run.max_pixels, self.run.request_timeout)

    async def away(self, do: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do in a thread what takes more than a moment: decoding a picture, making a tracker."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, functools.partial(do, *args, **kwargs))

    async def result(self, future: Future[T]) -> T:
        """Wait for what the engine gives, as long as a request may take.

        Raises:
            Late: It takes longer; it is not waited for any more.
            SessionGone, Draining: It was given up, with its session or with the server.
        """
        waited = asyncio.wrap_future(future)
        done, _ = await asyncio.wait({waited}, timeout=self.run.request_timeout)
        if not done:
            waited.cancel()
            raise Late(
                f"A request may take {self.run.request_timeout:g} s; the answer was not ready by then. Send less at "
                "once, or let the server be started with a higher --request-timeout."
            )
        if waited.cancelled():
            raise self.given_up()
        return waited.result()

    def given_up(self) -> Refusal:
        """Return what is told of a frame that was given up before it was tracked."""
        if self.lifetime.stopping:
            return Draining("The server was stopped before the answer was there. Ask another, or this one in a while.")
        return SessionGone("The session ended before its frame was tracked. Open a new one.")

    def part(self, kind: Callable[[Engine], Part]) -> Part:
        """Return what an area keeps for this server: made of the engine when first asked for, and closed in time."""
        with self._making:
            if kind not in self._parts:
                self._parts[kind] = part = kind(self.engine)
                self.endings.append(part.close)
            made: Part = self._parts[kind]
        return made

    def load(self, then: Callable[[Context], object]) -> None:
        """Load the engine, and then do something; what goes wrong is kept."""
        try:
            self.engine.load()
            then(self)
        except BaseException as error:  # noqa: BLE001 - told by whoever runs the server
            self.failure = error

    def end(self) -> None:
        """End what areas do, and the engine."""
        for ending in self.endings:
            try:
                ending()
            except Exception:  # the others have a right to their end
                log.exception("a part of the server could not be ended")
        self.engine.close(self.lifetime.left)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.pictures.close()


def context(request: HTTPConnection) -> Context:
    """Return what an operation needs of its server."""
    found: Context = request.app.state.context
    return found
