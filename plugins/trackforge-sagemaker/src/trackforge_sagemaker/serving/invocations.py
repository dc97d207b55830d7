"""The routes that SageMaker knows: ``/invocations``, ``/execution-parameters``; ``/ping`` is one of every server's.

Bodies of films go straight to disk. The work is done in threads of its own, so that ``/ping`` is answered at once
whatever happens; who leaves while a film is tracked ends it.

Source: Amazon SageMaker AI developer guide, "Use your own inference code with hosting services".
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from trackforge.serving.http.bodies import body_type, read_limited, spool
from trackforge.serving.http.context import Context, context
from trackforge.serving.http.operations import Answer as Told
from trackforge.serving.http.operations import Body, operation, paths
from trackforge.serving.refusals import Draining
from trackforge_sagemaker.answering.handler import Handler
from trackforge_sagemaker.answering.values import Answer, Request
from trackforge_sagemaker.formats.media import subject_of
from trackforge_sagemaker.serving.files import file_response
from trackforge_sagemaker.serving.threads import in_thread

__all__ = ["Invocations"]

_AREA = "SageMaker"
_ANY = {"type": "string", "format": "binary"}
_JSON = {"type": "object"}
_MOST_OF = 0.8
"""Share of the time for a stop after which what is not done is answered by 503."""


class Invocations:
    """The routes of one handler.

    Args:
        handler: What answers.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        run = handler.engine.run
        self._workers = ThreadPoolExecutor(min(64, run.max_sessions + 4), "trackforge-invocation")

    def close(self) -> None:
        """Let the threads end."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""

        @operation(
            "GET",
            "/execution-parameters",
            area=_AREA,
            summary="Say how batch transform is to ask.",
            answers={200: Told("Parameters.", {"application/json": _JSON})},
        )
        async def execution_parameters(_: HttpRequest) -> Response:
            run = self._handler.engine.run
            return JSONResponse(
                {
                    "MaxConcurrentTransforms": min(run.max_batch, 64),
                    "BatchStrategy": "SINGLE_RECORD",
                    "MaxPayloadInMB": max(1, min(run.max_body // 2**20, 100)),
                }
            )

        @operation(
            "POST",
            "/invocations",
            area=_AREA,
            summary="Detect in a picture, track a frame of a session, or track a film.",
            body=Body("A picture, a film, or JSON.", {"image/*": _ANY, "video/*": _ANY, "application/json": _JSON}),
            answers={200: Told("What Accept asks for.", {"application/json": _JSON, "video/mp4": _ANY})},
            errors=(400, 404, 406, 409, 410, 413, 415, 429, 504, 507),
        )
        async def invocations(request: HttpRequest) -> Response:
            async with self._body(request) as body:
                given = Request(
                    body=body,
                    content_type=request.headers.get("content-type"),
                    accept=request.headers.get("accept"),
                    headers=dict(request.headers),
                )
                answer = await self._answered(request, given)
            if isinstance(answer.body, Path):
                return file_response(answer.body, answer.media_type, answer.headers)
            return Response(answer.body, media_type=answer.media_type, headers=dict(answer.headers))

        return paths(execution_parameters, invocations)

    @contextlib.asynccontextmanager
    async def _body(self, request: HttpRequest) -> AsyncIterator[bytes | Path]:
        """Give the body, on disk where it is, or may be, a film."""
        body_type(request)
        run = self._handler.engine.run
        if subject_of(request.headers.get("content-type"), b"") != "film":  # of an unknown type it may be one
            yield await read_limited(request, run.max_body)
            return
        path = await spool(request, self._handler.folder, run.max_film)
        try:
            yield path
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _answered(self, request: HttpRequest, given: Request) -> Answer:
        stop = Event()
        if isinstance(given.body, bytes):
            work = asyncio.get_running_loop().run_in_executor(self._workers, self._handler.answer, given, stop)
        else:  # a film takes its time, and may not come back where a detector hangs
            work = in_thread("trackforge-film", self._handler.answer, given, stop)
        left: asyncio.Future[Any] = asyncio.ensure_future(_left(request))
        over: asyncio.Future[Any] = asyncio.ensure_future(_over(context(request)))
        try:
            await asyncio.wait([work, left, over], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                stop.set()
            if over.done() and not work.done():
                raise Draining("The server was stopped before the answer was there. Ask another.")
            return await work
        except BaseException:
            work.add_done_callback(_forget)
            raise
        finally:
            stop.set()
            left.cancel()
            over.cancel()


async def _over(here: Context) -> None:
    """Return when a server that is being stopped can wait for answers no longer."""
    await here.lifetime.stopped()
    await asyncio.sleep(_MOST_OF * here.run.grace)


def _forget(work: asyncio.Future[Answer]) -> None:
    """Clear away an answer that nobody waits for any more."""
    if work.cancelled() or work.exception() is not None:
        return
    body = work.result().body
    if isinstance(body, Path):
        body.unlink(missing_ok=True)


async def _left(request: HttpRequest) -> None:
    """Return once the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
