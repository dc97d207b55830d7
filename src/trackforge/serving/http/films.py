"""Films: sent, tracked beside the sessions, their steps followed, their results fetched, removed."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute

from trackforge.serving.films import Film, Films
from trackforge.serving.films.film import KINDS
from trackforge.serving.films.refusals import NoResult, UnknownFilm
from trackforge.serving.http.bodies import body_type, spool
from trackforge.serving.http.context import Context, context
from trackforge.serving.http.denials import BadRequest
from trackforge.serving.http.metrics import short_id
from trackforge.serving.http.operations import Answer, Body, json_answer, operation, paths, query
from trackforge.serving.http.parameters import Parameter
from trackforge.serving.http.problems import problem
from trackforge.serving.http.schemas import ANALYTICS, STEP
from trackforge.serving.http.streaming import Endless

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine

__all__ = ["routes"]

AREA = "films"
JSON, LINES = "application/json", "application/x-ndjson"
MEDIA = {"txt": "text/plain", "jsonl": LINES, "json": JSON, "mp4": "video/mp4"}
TYPES = ("application/octet-stream", "video/*", "image/gif")
FILM_ID = Parameter("film_id", str, "As sending the film gave it.", longest=64, pattern="[A-Za-z0-9]+")
KIND = Parameter(
    "kind",
    str,
    "txt: MOT text; jsonl: a line a frame; json: COCO with track ids; mp4: the film with its tracks drawn in.",
    choices=KINDS,
)
GLANCE = 0.1
"""Seconds between two looks at whether there is more."""
_RANGE = re.compile(r"bytes=(\d{1,18})?-(\d{1,18})?")
_RESULT = {
    "type": "object",
    "required": ["state", "frames"],
    "properties": {
        "state": {"enum": ["none", "making", "ready", "failed"]},
        "frames": {"type": "integer", "minimum": 0, "description": "Frames that are in it so far."},
        "why": {"type": "string"},
    },
}
FILM: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "state", "frames", "total", "results"],
    "properties": {
        "id": {"type": "string", "description": "Who knows it may see and remove the film."},
        "name": {"type": "string"},
        "state": {"enum": ["receiving", "waiting", "tracking", "done", "failed", "cancelled"]},
        "why": {"type": "string", "description": "What went wrong, or what is waited for."},
        "frames": {"type": "integer", "minimum": 0, "description": "Frames that are tracked."},
        "total": {"type": ["integer", "null"], "description": "Frames as the film says it."},
        "rate": {"type": ["number", "null"], "description": "Frames per second of the film."},
        "fps": {"type": "number", "description": "Frames per second of the tracking."},
        "seconds": {"type": "number", "description": "What tracking took so far."},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "bytes": {"type": "integer"},
        "skipped": {"type": "integer", "description": "Damaged frames that were left out."},
        "lack": {"type": "string", "description": "What is missing at the end of a film that is cut short."},
        "tracker": {"type": ["string", "null"]},
        "created": {"type": "string", "format": "date-time"},
        "expires_at": {"type": ["string", "null"], "format": "date-time"},
        "classes": {"type": "array", "items": {"type": "string"}},
        "results": {"type": "object", "properties": dict.fromkeys(KINDS, _RESULT)},
    },
}


@operation(
    "POST",
    "/v1/films",
    area=AREA,
    summary="Send a film to be tracked.",
    about="The body is the file itself. It is tracked when its turn comes, and kept with its results for a while.",
    parameters=(
        Parameter("name", str, "What it is called, its ending included.", longest=255),
        Parameter("tracker", str, "Name of the tracker; the server's where left out.", longest=64),
        Parameter("video", bool, "Whether to draw the video when it is done, without being asked again."),
    ),
    body=Body("A video file.", {media: {"type": "string", "format": "binary"} for media in TYPES}),
    answers={202: Answer("It is here, and waits for its turn.", {JSON: FILM})},
    errors=(404, 408, 413, 415, 429, 507),
)
async def send_film(request: Request) -> Response:
    """Take a film."""
    here = context(request)
    films = here.part(Films)
    said = query(request)
    body_type(request, TYPES)
    receiving = films.receiving(said.get("name", ""), tracker=said.get("tracker"), video=said.get("video", False))
    with receiving as film:
        stated = request.headers.get("content-length", "")
        length = int(stated) if stated.isascii() and stated.isdecimal() else None
        path = await spool(request, film.folder, await here.away(films.room.take, film, length))
        if not path.stat().st_size:
            raise BadRequest("The body must be a video file; it is empty. Send the bytes of one.")
        path.replace(film.path)
    return json_answer(told(film, here), 202, {"Location": f"/v1/films/{film.id}"})


@operation(
    "GET",
    "/v1/films",
    area=AREA,
    summary="List the films that are kept.",
    about="Where everybody may ask without a token, and not only this machine, ids are cut: who knows one may use it.",
    answers={
        200: Answer("The films.", {JSON: {
            "type": "object", "required": ["films"], "properties": {"films": {"type": "array", "items": FILM}}
        }})
    },
)  # fmt: skip
async def list_films(request: Request) -> Response:
    """List the films."""
    here = context(request)
    query(request)
    whole = here.run.local or bool(here.run.token)
    films = [told(film, here) for film in here.part(Films)]
    return json_answer({"films": [one if whole else {**one, "id": short_id(one["id"])} for one in films]})


@operation(
    "GET",
    "/v1/films/{film_id}",
    area=AREA,
    summary="Show how far a film is.",
    places=(FILM_ID,),
    answers={200: Answer("The film.", {JSON: FILM})},
    errors=(404,),
)
async def show_film(request: Request) -> Response:
    """Show a film."""
    query(request)
    return json_answer(told(_film(request), context(request)))


@operation(
    "DELETE",
    "/v1/films/{film_id}",
    area=AREA,
    summary="Remove a film with its results; one that is being tracked is cancelled.",
    places=(FILM_ID,),
    answers={200: Answer("What it was.", {JSON: FILM})},
    errors=(404,),
)
async def remove_film(request: Request) -> Response:
    """Remove a film."""
    here = context(request)
    query(request)
    film = await here.away(here.part(Films).remove, _film(request).id)
    return json_answer(told(film, here))


@operation(
    "GET",
    "/v1/films/{film_id}/steps",
    area=AREA,
    summary="Follow the steps of a film, from the first: one line of JSON a frame.",
    about=(
        "While the film is tracked the answer goes on with it. A film that does not come to its end has a last line "
        '{"problem": {...}}.'
    ),
    places=(FILM_ID,),
    answers={200: Answer("The steps.", {LINES: STEP})},
    errors=(404,),
)
async def film_steps(request: Request) -> Response:
    """Send the steps of a film."""
    here = context(request)
    query(request)
    return Endless(here, _steps(_film(request), here), LINES)


@operation(
    "GET",
    "/v1/films/{film_id}/results.{kind}",
    area=AREA,
    summary="Fetch a result of a film that is done.",
    about=(
        "COCO and the video are made when first asked for; a request waits for them so many seconds, and is then "
        "answered by 202: ask again."
    ),
    places=(FILM_ID, KIND),
    parameters=(Parameter("wait", float, "Seconds to wait for it, 10 where left out.", minimum=0, maximum=60),),
    answers={
        200: Answer("The result.", {media: {"type": "string"} for media in MEDIA.values()}),
        202: Answer("It is being made.", {JSON: _RESULT}),
        206: Answer("A part of it.", {media: {"type": "string"} for media in MEDIA.values()}),
        416: Answer("The range is not within it.", {"text/plain": {"type": "string"}}),
    },
    errors=(404, 409),
)
async def film_result(request: Request) -> Response:
    """Send a result of a film."""
    here = context(request)
    patience = min(query(request).get("wait", 10.0), here.run.request_timeout)
    films, film, kind = here.part(Films), _film(request), request.path_params["kind"]
    if kind not in KINDS:
        raise NoResult(f"A result must be one of {', '.join(KINDS)}; got another. Ask for one of these.")
    _check_range(request)
    until = time.monotonic() + patience
    while not films.result(film, kind):
        if time.monotonic() >= until or here.lifetime.stopping:
            said = film.results[kind]
            return json_answer({"state": said.state, "frames": said.frames}, 202, {"Retry-After": "1"})
        await asyncio.sleep(GLANCE)
    name = f"{Path(film.name).stem}.{kind}"
    return FileResponse(film.place(kind), media_type=MEDIA[kind], filename=name)


@operation(
    "GET",
    "/v1/films/{film_id}/analytics",
    area=AREA,
    summary="Show what the analytics made of a film so far.",
    about="Which there are is said to the server: --line, --zone, [analytics.NAME].",
    places=(FILM_ID,),
    answers={200: Answer("The results.", {JSON: ANALYTICS})},
    errors=(404,),
)
async def film_analytics(request: Request) -> Response:
    """Show what the analytics made of a film."""
    query(request)
    analytics = _film(request).analytics
    return json_answer({} if analytics is None else await context(request).away(analytics.result))


def told(film: Film, here: Context) -> dict[str, Any]:
    """Return a film as a value of JSON."""
    card = film.card()
    left = here.run.film_ttl - (time.monotonic() - film.ended)
    return {
        **card,
        "created": _time(card["created"]),
        "expires_at": _time(time.time() + left) if film.over else None,
        "classes": list(here.engine.classes),
    }


def routes(engine: Engine) -> list[BaseRoute]:  # noqa: ARG001 - every area is made alike
    """Return the routes of this area."""
    return paths(send_film, list_films, show_film, film_analytics, remove_film, film_steps, film_result)


def _film(request: HTTPConnection) -> Film:
    given = request.path_params["film_id"]
    if not (len(given) <= 64 and given.isascii() and given.isalnum()):
        raise UnknownFilm("A film must be named by the id that sending it gave; got something else.")
    films: Films = context(request).part(Films)
    return films.get(given)


async def _steps(film: Film, here: Context) -> AsyncGenerator[bytes, None]:
    sent = 0
    while True:
        over = film.over  # before the last look, so that nothing is missed
        try:
            piece = await here.away(film.steps.read, sent)
        except OSError:  # removed meanwhile
            piece = b""
        if piece:
            sent += len(piece)
            yield piece
        elif over:
            break
        else:
            await asyncio.sleep(GLANCE)
    if film.state != "done":
        why = NoResult(f"{film.name} was not tracked to its end: {film.why or film.state}")
        yield (json.dumps({"problem": problem(why)}) + "\n").encode()


def _check_range(request: Request) -> None:
    """Refuse ranges that say nothing; one that is beyond the end is answered by 416."""
    stated = request.headers.get("range")
    if stated is None:
        return
    found = _RANGE.fullmatch(stated)
    first, last = found.groups() if found else (None, None)
    if (first is None and last is None) or (first and last and int(first) > int(last)):
        raise BadRequest("Range must read bytes=FIRST-LAST; got something else. Leave it out for the whole.")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
