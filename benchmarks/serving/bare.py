"""The least that serves the same: Starlette, a queue, a thread that detects in batches; no limits, no refusals, no end.

python -m benchmarks.serving.bare DETECTOR PORT
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import trackforge
from benchmarks.serving.parts import TRACKER, settings
from trackforge.io.pictures import decode_picture
from trackforge.serving import step_json

name, given = settings(sys.argv[1])
detector = trackforge.detector(name, **given)
sessions: dict[str, trackforge.Session] = {}
waiting: queue.Queue[Any] = queue.Queue()


def work() -> None:
    while True:
        batch = [waiting.get()]
        while len(batch) < 8 and not waiting.empty():
            batch.append(waiting.get())
        found = detector.detect([frame for _, frame, _, _ in batch])
        for (session, frame, loop, future), one in zip(batch, found, strict=True):
            loop.call_soon_threadsafe(future.set_result, session.associate(frame, one))


async def frames(request: Request) -> JSONResponse:
    session = sessions.setdefault(request.path_params["session"], trackforge.Session(detector, TRACKER))
    image = await asyncio.to_thread(decode_picture, await request.body(), "body")
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    frame = trackforge.Frame(index=int(request.query_params["index"]), image=image)
    waiting.put((session, frame, loop, future))
    return JSONResponse(step_json(await future, detector.classes))


async def forget(request: Request) -> JSONResponse:  # noqa: ARG001 - the signature of an endpoint
    sessions.clear()
    return JSONResponse({})


threading.Thread(target=work, daemon=True).start()
app = Starlette(
    routes=[Route("/frames/{session}", frames, methods=["POST"]), Route("/forget", forget, methods=["POST"])]
)
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
