"""The application: every area's routes, behind who is let in, how many at once, and what is said and counted."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from trackforge.errors import TrackforgeError
from trackforge.serving.http import cameras, detect, films, health, labels, metrics, openapi, page, sessions
from trackforge.serving.http.admission import Admission
from trackforge.serving.http.context import Context
from trackforge.serving.http.logs import Recorder
from trackforge.serving.http.metrics import Metrics
from trackforge.serving.http.problems import answer
from trackforge.serving.http.security import Guard

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine

__all__ = ["create_app"]

AREAS = (page, health, detect, sessions, cameras, films, labels, metrics, openapi)


def create_app(engine: Engine, *, routes: Iterable[BaseRoute] = (), title: str = "trackforge") -> Starlette:
    """Return the ASGI application of an engine.

    Its lifespan loads the engine in a thread, so that ``/healthz`` and ``/readyz`` answer meanwhile, and closes it.

    Args:
        engine: Loaded, or to be loaded.
        routes: Further ones; they come first. What they declare (`trackforge.serving.http.operations`) is described.
        title: Of the description.
    """
    context = Context(engine, Metrics(engine))
    every = [*routes]
    for area in AREAS:
        every += area.routes(engine)
    run = engine.run
    cors = Middleware(
        CORSMiddleware,
        allow_origins=[origin.strip().rstrip("/").casefold() for origin in run.origins],  # as browsers say them
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["authorization", "content-type", "x-request-id"],
        expose_headers=["x-request-id", "retry-after", "location"],
    )
    app = Starlette(
        routes=every,
        lifespan=_life,
        middleware=[
            Middleware(Recorder, metrics=context.metrics),
            *([cors] if run.origins else []),  # before the guard: what a browser asks first bears no token
            Middleware(Guard, run=run),
            Middleware(Admission, context=context, most=run.max_requests),
        ],
        exception_handlers={TrackforgeError: answer, HTTPException: answer},
    )
    app.state.engine, app.state.context = engine, context
    app.state.description = openapi.description(openapi.declared(every), title=title)
    return app


@contextlib.asynccontextmanager
async def _life(app: Starlette) -> AsyncIterator[None]:
    context: Context = app.state.context
    if context.engine.state == "loading":
        threading.Thread(target=context.load, args=(cameras.begin,), name="trackforge-load", daemon=True).start()
    try:
        yield
    finally:
        context.lifetime.stop()
        await asyncio.to_thread(context.end)
        context.close()
