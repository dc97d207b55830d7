"""Cameras: added and removed while the server runs, and watched live by any number of clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.websockets import WebSocket

from trackforge.errors import TrackforgeError
from trackforge.serving.cameras import Camera, Cameras, Shot, Watch
from trackforge.serving.cameras.refusals import UnknownCamera
from trackforge.serving.http.bodies import body_type, read_limited
from trackforge.serving.http.camera_figures import CameraFigures
from trackforge.serving.http.context import Context, context
from trackforge.serving.http.metrics import short_id
from trackforge.serving.http.operations import Answer, Body, json_answer, operation, paths, query, socket
from trackforge.serving.http.parameters import Parameter, json_object, object_schema
from trackforge.serving.http.problems import problem, problem_response
from trackforge.serving.http.schemas import ANALYTICS, STEP
from trackforge.serving.http.showing import Show
from trackforge.serving.http.streaming import Endless
from trackforge.serving.refusals import SessionGone

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine

__all__ = ["begin", "routes"]

AREA = "cameras"
JSON, LINES = "application/json", "application/x-ndjson"
BOUNDARY = b"frame"
MJPEG = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
CAMERA_ID = Parameter("camera_id", str, "As adding the camera gave it.", longest=64, pattern="[A-Za-z0-9]+")
ADDING = (
    Parameter(
        "address",
        str,
        "Of a stream over RTSP, HTTP, RTMP, RTP, UDP or SRT. User and password may stand in it; they are never shown.",
        required=True,
        longest=2000,
        example="rtsp://user:password@10.0.0.7/stream1",
    ),
    Parameter("name", str, "What it is called, for results and metrics.", longest=120),
    Parameter(
        "policy",
        str,
        "newest (where left out): the newest picture whenever the detector is ready; every: each in order.",
        choices=("newest", "every"),
    ),
    Parameter("tracker", (str, dict), 'Name of the tracker, or {"name": ..., settings}.', longest=64),
    Parameter("analytics", dict, 'Settings by name, {"lines": {"lines": "door=0,50% 100%,50%"}}; null leaves one out.'),
    Parameter("transport", str, "What RTSP sends pictures by; tcp where left out.", choices=("tcp", "udp")),
    Parameter(
        "patience", float, "Seconds without it after which it has failed; 3600 where left out.", minimum=0, maximum=1e9
    ),
    Parameter(
        "timeout", float, "Seconds to wait for an answer, and for a picture; 5 where left out.", minimum=0.5, maximum=60
    ),
)
_COUNT = {"type": "integer", "minimum": 0}
CAMERA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "address", "state", "policy", "frames", "dropped"],
    "properties": {
        "id": {"type": "string", "description": "Who knows it may watch and remove the camera."},
        "name": {"type": "string"},
        "address": {"type": "string", "description": "Without what is secret in it."},
        "state": {"enum": ["connecting", "live", "reconnecting", "ended", "failed", "removed"]},
        "why": {"type": "string", "description": "What is wrong; empty where nothing is."},
        "policy": {"enum": ["newest", "every"]},
        "tracker": {"type": ["string", "object", "null"]},
        "frames": {**_COUNT, "description": "Frames that were tracked."},
        "dropped": {**_COUNT, "description": "Frames that gave way to newer ones."},
        "skipped": {**_COUNT, "description": "Damaged frames."},
        "failures": {**_COUNT, "description": "Frames in which detection or tracking failed."},
        "reconnects": {**_COUNT, "description": "How often it broke off and came back."},
        "rate": {"type": ["number", "null"], "description": "Frames per second as the camera says."},
        "fps": {"type": "number", "description": "Frames per second that are tracked, over the last seconds."},
        "latency": {"type": ["number", "null"], "description": "Seconds from taking a picture to its step."},
        "width": _COUNT,
        "height": _COUNT,
        "watchers": _COUNT,
        "created": {"type": "string", "format": "date-time"},
        "classes": {"type": "array", "items": {"type": "string"}},
    },
}


@operation(
    "POST",
    "/v1/cameras",
    area=AREA,
    summary="Add a camera.",
    about=(
        "The server reaches it, tracks what it sends in a session of its own, and reaches it again when it breaks off. "
        "A stream that has an end (a film behind an address) is tracked to its end."
    ),
    body=Body("The camera.", {JSON: object_schema(ADDING)}),
    answers={201: Answer("The camera; it is being reached.", {JSON: CAMERA})},
    errors=(403, 408, 413, 415, 429),
)
async def add_camera(request: Request) -> Response:
    """Add a camera."""
    here = context(request)
    query(request)
    body_type(request, (JSON,), default=JSON)
    said = json_object(await read_limited(request, min(here.run.max_body, 1 << 16)), ADDING)
    cameras = here.part(Cameras)
    here.metrics.cover(CameraFigures(cameras))
    camera = await here.away(cameras.add, said.pop("address"), **said)
    return json_answer(told(camera, here), 201, {"Location": f"/v1/cameras/{camera.id}"})


@operation(
    "GET",
    "/v1/cameras",
    area=AREA,
    summary="List the cameras.",
    about="Where everybody may ask without a token, and not only this machine, ids are cut: who knows one may use it.",
    answers={
        200: Answer("The cameras.", {JSON: {
            "type": "object", "required": ["cameras"], "properties": {"cameras": {"type": "array", "items": CAMERA}}
        }})
    },
)  # fmt: skip
async def list_cameras(request: Request) -> Response:
    """List the cameras."""
    here = context(request)
    query(request)
    whole = here.run.local or bool(here.run.token)
    cameras = [told(camera, here) for camera in here.part(Cameras)]
    return json_answer({"cameras": [one if whole else {**one, "id": short_id(one["id"])} for one in cameras]})


@operation(
    "GET",
    "/v1/cameras/{camera_id}",
    area=AREA,
    summary="Show how a camera is doing.",
    places=(CAMERA_ID,),
    answers={200: Answer("The camera.", {JSON: CAMERA})},
    errors=(404,),
)
async def show_camera(request: Request) -> Response:
    """Show a camera."""
    query(request)
    return json_answer(told(_camera(request), context(request)))


@operation(
    "DELETE",
    "/v1/cameras/{camera_id}",
    area=AREA,
    summary="Remove a camera; its session ends now.",
    places=(CAMERA_ID,),
    answers={200: Answer("What it was.", {JSON: CAMERA})},
    errors=(404,),
)
async def remove_camera(request: Request) -> Response:
    """Remove a camera."""
    here = context(request)
    query(request)
    camera = await here.away(here.part(Cameras).remove, _camera(request).id)
    return json_answer(told(camera, here))


@operation(
    "GET",
    "/v1/cameras/{camera_id}/steps",
    area=AREA,
    summary="Follow the steps of a camera from now on: one line of JSON a frame.",
    about=(
        'Who reads too slowly misses some, and is told: {"dropped": n}. When the camera is no more the answer ends; '
        'with a last line {"problem": {...}}, unless its stream came to an end.'
    ),
    places=(CAMERA_ID,),
    answers={200: Answer("The steps.", {LINES: STEP})},
    errors=(404, 429),
)
async def camera_steps(request: Request) -> Response:
    """Send the steps of a camera as they come."""
    here = context(request)
    query(request)
    camera = _camera(request)
    watch = camera.scene.follow()
    return Endless(here, _lines(camera, watch), LINES, held=watch)


@operation(
    "GET",
    "/v1/cameras/{camera_id}/stream.mjpeg",
    area=AREA,
    summary="Watch a camera as multipart JPEG, the tracks drawn in: for an <img>, or a player.",
    places=(CAMERA_ID,),
    parameters=(Parameter("boxes", bool, "Whether to draw the tracks; true where left out."),),
    answers={200: Answer("Pictures, as fast as they are read.", {"multipart/x-mixed-replace": {"type": "string"}})},
    errors=(404, 429),
)
async def watch_camera(request: Request) -> Response:
    """Send the pictures of a camera as they come."""
    here = context(request)
    boxes = query(request).get("boxes", True)
    camera = _camera(request)
    watch = camera.scene.watch()
    return Endless(here, _parts(watch, here, boxes=boxes), MJPEG, held=watch)


@socket(
    "/v1/cameras/{camera_id}/stream",
    area=AREA,
    summary="Watch a camera over a WebSocket: each step, then its picture.",
    about=(
        "The server sends a text message, the step as JSON and how many were missed since the one before, then a "
        'binary message, its picture as JPEG. Send "next" for the next: the newest there is then. Closed with 1000 '
        "when the stream ends, 4404 when the camera is removed, 4502 when it fails, 1012 when the server stops."
    ),
    places=(CAMERA_ID,),
    answers={101: Answer("The socket is open.")},
    errors=(404, 429),
)
async def stream_camera(websocket: WebSocket) -> None:
    """Serve the socket of a camera."""
    here = context(websocket)
    with contextlib.ExitStack() as stack:
        try:
            camera = _camera(websocket)
            watch = stack.enter_context(camera.scene.watch())
        except TrackforgeError as error:  # before the socket was open
            request_id = str(websocket.scope["state"]["request_id"])
            await websocket.send_denial_response(problem_response(error, request_id))
            return
        await websocket.accept()
        here.metrics.sockets.inc()
        try:
            await Show(websocket, camera, watch, here).run()
        finally:
            here.metrics.sockets.dec()


@operation(
    "GET",
    "/v1/cameras/{camera_id}/analytics",
    area=AREA,
    summary="Show what the analytics made of a camera so far.",
    about="Which there are is said to the server: --line, --zone, [analytics.NAME].",
    places=(CAMERA_ID,),
    answers={200: Answer("The results.", {JSON: ANALYTICS})},
    errors=(404,),
)
async def camera_analytics(request: Request) -> Response:
    """Show what the analytics made of a camera."""
    query(request)
    analytics = _camera(request).analytics
    return json_answer({} if analytics is None else await context(request).away(analytics.result))


def told(camera: Camera, here: Context) -> dict[str, Any]:
    """Return a camera as a value of JSON."""
    card = camera.card()
    created = datetime.fromtimestamp(card["created"], timezone.utc).isoformat(timespec="milliseconds")
    return {**card, "created": created, "classes": list(here.engine.classes)}


def begin(here: Context) -> None:
    """Add the cameras that the server was started with; to be called when the detector is loaded.

    Raises:
        TrackforgeError: One cannot be added.
    """
    if here.run.cameras:
        cameras = here.part(Cameras)
        here.metrics.cover(CameraFigures(cameras))
        for address in here.run.cameras:
            cameras.add(address, trusted=True)


def routes(engine: Engine) -> list[BaseRoute]:  # noqa: ARG001 - every area is made alike
    """Return the routes of this area."""
    return paths(
        add_camera,
        list_cameras,
        show_camera,
        camera_analytics,
        remove_camera,
        camera_steps,
        watch_camera,
        stream_camera,
    )


def _camera(request: HTTPConnection) -> Camera:
    given = request.path_params["camera_id"]
    if not (len(given) <= 64 and given.isascii() and given.isalnum()):
        raise UnknownCamera("A camera must be named by the id that adding it gave; got something else.")
    cameras: Cameras = context(request).part(Cameras)
    return cameras.get(given)


async def _lines(camera: Camera, watch: Watch[str]) -> AsyncGenerator[bytes, None]:
    told = 0
    with watch:
        while (line := await watch.next()) is not None:
            if watch.missed > told:
                missed, told = watch.missed - told, watch.missed
                yield (json.dumps({"dropped": missed}) + "\n").encode()
            yield (line + "\n").encode()
    if camera.state != "ended":
        why = SessionGone(f"The camera {camera.name} is no more: {camera.why or camera.state}")
        yield (json.dumps({"problem": problem(why)}) + "\n").encode()


async def _parts(watch: Watch[Shot], here: Context, *, boxes: bool) -> AsyncGenerator[bytes, None]:
    with watch:
        yield b"--%b\r\n" % BOUNDARY
        while (shot := await watch.next()) is not None:
            data = await here.away(shot.drawn if boxes else shot.jpeg)
            head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
            yield head + data + b"\r\n--%b\r\n" % BOUNDARY  # at once: browsers show a picture when the next begins
            await asyncio.sleep(0)
