"""Sessions: each camera its own tracker, opened, fed, saved, restored and closed by requests."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.websockets import WebSocket

from trackforge.errors import InvalidInputError, TrackforgeError
from trackforge.serving.answers import step_json
from trackforge.serving.http.bodies import body_type, read_limited
from trackforge.serving.http.context import Context, context
from trackforge.serving.http.detect import PICTURE_BODY, PICTURE_TYPES
from trackforge.serving.http.frames import FRAME, Conversation
from trackforge.serving.http.metrics import short_id
from trackforge.serving.http.operations import Answer, Body, json_answer, operation, paths, query, socket
from trackforge.serving.http.parameters import LONGEST_OBJECT, Parameter, json_object, object_schema
from trackforge.serving.http.problems import problem_response
from trackforge.serving.http.schemas import ANALYTICS, SESSION, STEP
from trackforge.serving.refusals import UnknownSession

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine
    from trackforge.serving.served import ServedSession

__all__ = ["routes"]

AREA = "sessions"
JSON, BYTES = "application/json", "application/octet-stream"
SESSION_ID = Parameter("session_id", str, "As opening the session gave it.", longest=64, pattern="[A-Za-z0-9]+")
NAME = Parameter("name", str, "Name of the camera or sequence, for results and metrics.", longest=200)
POLICY = Parameter(
    "policy",
    str,
    "Track every frame, or the newest there is; the server's where left out.",
    choices=("every", "newest"),
)
TTL = Parameter("ttl", float, "Seconds without a frame after which it expires; the server's at most.", minimum=1)
RATE = Parameter("frame_rate", float, "Frames a second, where known; some trackers adapt.", minimum=0.01, maximum=1e4)
TRACKER = Parameter(
    "tracker", (str, dict), 'Name of the tracker, or {"name": ..., settings}; the server\'s where left out.', longest=64
)
ANALYTICS_WANTED = Parameter(
    "analytics",
    dict,
    "Analytics of its own, beside or in place of the server's: "
    '{"lines": {"lines": "door=0,50% 100%,50%"}}; null leaves one out.',
)
OPENING = (NAME, TRACKER, RATE, POLICY, TTL, ANALYTICS_WANTED)
RESTORING = (
    NAME,
    Parameter("tracker", str, "Name of the tracker, where it is not the saved one's.", longest=64),
    POLICY,
    TTL,
)
MAX_STATE = 16 << 20
"""Bytes of a saved state that are taken, at most: some thousand tracks with embeddings."""


@operation(
    "POST",
    "/v1/sessions",
    area=AREA,
    summary="Open a session.",
    about="A session tracks the frames of one camera. It expires when no frame comes for its time to live.",
    body=Body("How it shall be; may be empty.", {JSON: object_schema(OPENING)}, required=False),
    answers={201: Answer("The session.", {JSON: SESSION})},
    errors=(408, 413, 415, 429),
)
async def open_session(request: Request) -> Response:
    """Open a session."""
    here = context(request)
    query(request)
    body_type(request, (JSON,), default=JSON)
    said = json_object(await read_limited(request, min(here.run.max_body, LONGEST_OBJECT)), OPENING)
    session = await here.away(here.engine.sessions.open, **_limited(said, here))
    return _opened(session)


@operation(
    "GET",
    "/v1/sessions",
    area=AREA,
    summary="List the sessions that are open.",
    about="Where everybody may ask without a token, and not only this machine, ids are cut: who knows one may use it.",
    answers={
        200: Answer("The sessions.", {JSON: {
            "type": "object", "required": ["sessions"], "properties": {"sessions": {"type": "array", "items": SESSION}}
        }})
    },
)  # fmt: skip
async def list_sessions(request: Request) -> Response:
    """List the sessions."""
    here = context(request)
    query(request)
    whole = here.run.local or bool(here.run.token)
    told = [told_session(one) for one in here.engine.sessions]
    return json_answer({"sessions": [one if whole else {**one, "id": short_id(one["id"])} for one in told]})


@operation(
    "GET",
    "/v1/sessions/{session_id}",
    area=AREA,
    summary="Show a session, its last step included.",
    places=(SESSION_ID,),
    answers={200: Answer("The session.", {JSON: {
        **SESSION, "properties": {**SESSION["properties"], "last_step": {"anyOf": [STEP, {"type": "null"}]}}
    }})},
    errors=(404, 410),
)  # fmt: skip
async def show_session(request: Request) -> Response:
    """Show a session."""
    query(request)
    session = _session(request)
    last = session.last_step
    return json_answer(
        {**told_session(session), "last_step": None if last is None else step_json(last, session.classes)}
    )


@operation(
    "DELETE",
    "/v1/sessions/{session_id}",
    area=AREA,
    summary="Close a session; its last counts.",
    places=(SESSION_ID,),
    answers={200: Answer("What it did.", {JSON: {"type": "object"}})},
    errors=(404, 410),
)
async def close_session(request: Request) -> Response:
    """Close a session."""
    here = context(request)
    query(request)
    session = _session(request)
    counts = await here.away(here.engine.sessions.close, session.id)
    return json_answer({"id": session.id, **counts})


@operation(
    "POST",
    "/v1/sessions/{session_id}/frames",
    area=AREA,
    summary="Track the next frame.",
    about="One request at a time; for more, open the stream.",
    places=(SESSION_ID,),
    parameters=FRAME,
    body=PICTURE_BODY,
    answers={200: Answer("The step.", {JSON: STEP})},
    errors=(404, 408, 409, 410, 413, 415, 429, 504),
)
async def push_frame(request: Request) -> Response:
    """Track one frame of a session."""
    here = context(request)
    said = query(request)
    session = _session(request)
    body_type(request, PICTURE_TYPES)
    body = await read_limited(request, here.run.max_body)  # a client that vanishes within it holds no session
    image = await here.pictures.decoded(body)
    with session.exclusive():
        try:
            step = await here.result(session.push(image, **said))
        except InvalidInputError:
            if session.gone:  # closed while the detector was at the frame
                raise here.given_up() from None
            raise
    return json_answer(step_json(step, session.classes))


@operation(
    "GET",
    "/v1/sessions/{session_id}/state",
    area=AREA,
    summary="Save a session: everything that is needed to go on elsewhere.",
    about="Detectors that remember frames (motion) cannot be saved.",
    places=(SESSION_ID,),
    answers={200: Answer("The state, for /v1/sessions/restore.", {BYTES: {"type": "string"}})},
    errors=(404, 409, 410),
)
async def save_session(request: Request) -> Response:
    """Give the state of a session."""
    here = context(request)
    query(request)
    session = _session(request)
    return Response(await here.away(session.state), media_type=BYTES)


@operation(
    "POST",
    "/v1/sessions/restore",
    area=AREA,
    summary="Open a session that goes on where another was saved.",
    parameters=RESTORING,
    body=Body("What /v1/sessions/{session_id}/state gave.", {BYTES: {"type": "string"}}),
    answers={201: Answer("The session.", {JSON: SESSION})},
    errors=(408, 413, 415, 429),
)  # fmt: skip
async def restore_session(request: Request) -> Response:
    """Open a session from a saved state."""
    here = context(request)
    said = query(request)
    body_type(request, (BYTES,))
    state = await read_limited(request, max(here.run.max_body, MAX_STATE))
    session = await here.away(here.engine.sessions.open, state=state, **_limited(said, here))
    return _opened(session)


@socket(
    "/v1/sessions/{session_id}/stream",
    area=AREA,
    summary="Track frames over a WebSocket: a picture in, a step out.",
    about=(
        "Send a picture as a binary message; the answer, a text message with JSON, is the credit for the next. More at "
        "once is up to the policy: every queues some and refuses more; newest lets older ones give way, told by "
        '{"dropped": n}. A text message {"index": ..., "timestamp": ...} says which frame the next picture is.'
    ),
    places=(SESSION_ID,),
    answers={101: Answer("The socket is open.")},
    errors=(404, 409, 410),
)
async def stream_session(websocket: WebSocket) -> None:
    """Serve the socket of a session."""
    here = context(websocket)
    request_id = str(websocket.scope["state"]["request_id"])
    try:
        session = _session(websocket)
        with session.exclusive():
            await websocket.accept()
            here.metrics.sockets.inc()
            try:
                await Conversation(websocket, session, here, request_id).run()
            finally:
                here.metrics.sockets.dec()
    except TrackforgeError as error:  # before the socket was open
        await websocket.send_denial_response(problem_response(error, request_id))


@operation(
    "GET",
    "/v1/sessions/{session_id}/analytics",
    area=AREA,
    summary="Show what the analytics made of a session so far.",
    about="Which there are is said to the server: --line, --zone, [analytics.NAME].",
    places=(SESSION_ID,),
    answers={200: Answer("The results.", {JSON: ANALYTICS})},
    errors=(404, 410),
)
async def session_analytics(request: Request) -> Response:
    """Show what the analytics made of a session."""
    query(request)
    analytics = _session(request).analytics
    return json_answer({} if analytics is None else await context(request).away(analytics.result))


def told_session(session: ServedSession) -> dict[str, Any]:
    """Return a session as a value of JSON."""
    return {
        "id": session.id,
        "name": session.name,
        "policy": session.policy,
        "frames": session.frames,
        "dropped": session.dropped,
        "failed": session.failed,
        "last_index": session.last_index,
        "created": _time(session.created),
        "expires_at": _time(session.expires_at),
        "classes": list(session.classes),
    }


def routes(engine: Engine) -> list[BaseRoute]:  # noqa: ARG001 - every area is made alike
    """Return the routes of this area."""
    return paths(
        restore_session,
        open_session,
        list_sessions,
        show_session,
        session_analytics,
        close_session,
        push_frame,
        save_session,
        stream_session,
    )


def _session(request: HTTPConnection) -> ServedSession:
    given = request.path_params["session_id"]
    if not (len(given) <= 64 and given.isascii() and given.isalnum()):
        raise UnknownSession("A session must be named by the id that opening it gave; got something else.")
    return context(request).engine.sessions.get(given)


def _opened(session: ServedSession) -> Response:
    return json_answer(told_session(session), 201, {"Location": f"/v1/sessions/{session.id}"})


def _limited(said: dict[str, Any], here: Context) -> dict[str, Any]:
    """Return what a request says with a time to live that is the server's at most."""
    return said | ({"ttl": min(said["ttl"], here.run.session_ttl)} if "ttl" in said else {})


def _time(seconds: float) -> str | None:
    if not math.isfinite(seconds):
        return None
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).isoformat(timespec="milliseconds")
