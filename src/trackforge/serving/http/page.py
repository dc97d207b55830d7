"""The page at ``/``: plain HTML, ES modules and CSS out of the package; nothing else runs in it.

Its files are named one by one from what ships, so a path from outside is only ever looked up. They are few and small:
read once, kept, and answered with an entity tag, so that a browser asks again but seldom gets them again.

``GET /v1/server`` says what the page shows of the server: its state, what it runs, and its limits.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import trackforge
from trackforge import pages
from trackforge.serving.http.context import context
from trackforge.serving.http.operations import Answer, json_answer, operation, paths, query

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine

__all__ = ["routes"]

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Cache-Control": "no-cache",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
"""Beside what every answer says (`trackforge.serving.http.security`): scripts and styles of this server alone."""


class _File(NamedTuple):
    body: bytes
    type: str
    tag: str


@functools.cache
def _files() -> Mapping[str, _File]:
    """Return what ships, by name; the report's script of ids becomes a module by what it gives."""
    bodies = {
        entry.name: entry.read_bytes()
        for entry in files("trackforge.serving").joinpath("page").iterdir()
        if entry.name.endswith(tuple(TYPES))
    }
    bodies["page.css"] = pages.asset("page.css").encode()
    bodies["ids.js"] = (pages.asset("ids.js") + "\nexport {colourOf, idFilter};\n").encode()
    return {
        name: _File(body, TYPES[name[name.rindex(".") :]], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
        for name, body in bodies.items()
    }


def _answer(request: Request, file: _File) -> Response:
    headers = {**HEADERS, "ETag": file.tag}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.type, headers=headers)


async def _page(request: Request) -> Response:
    return _answer(request, _files()["index.html"])


async def _static(request: Request) -> Response:
    file = _files().get(request.path_params["name"])
    if file is None:
        raise HTTPException(404, "The page has no such file.")
    return _answer(request, file)


@operation(
    "GET",
    "/v1/server",
    area="page",
    summary="What runs here, as the page shows it.",
    answers={200: Answer("State, detector, tracker, limits.", {"application/json": {
        "type": "object",
        "required": ["state", "detector", "tracker", "cameras", "limits", "version"],
        "properties": {
            "state": {"enum": ["loading", "ready", "failed", "draining", "closed"]},
            "detector": {"type": "string"},
            "model": {"type": "string", "description": "Weights or files of the detector; empty for none."},
            "tracker": {"type": "string"},
            "cameras": {"type": "boolean", "description": "Whether addresses of cameras are taken."},
            "labels": {"type": "boolean", "description": "Whether there are labels to check."},
            "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
            "version": {"type": "string"},
        },
    }})},
)  # fmt: skip
async def server(request: Request) -> Response:
    """Tell what runs here."""
    query(request)
    engine = context(request).engine
    card, run = engine.card(), engine.run
    return json_answer(
        {
            "state": engine.state,
            "detector": card["detector"]["name"],
            "model": Path(run.weights).name if run.weights else "",
            "tracker": card["tracker"]["name"],
            "cameras": run.cameras_allowed,
            "labels": run.labels is not None,
            "limits": {"max_film": run.max_film, "max_pixels": run.max_pixels},
            "version": trackforge.__version__,
        }
    )


def routes(engine: Engine) -> list[BaseRoute]:  # noqa: ARG001 - every area is made alike
    """Return the routes of the page and of what it says of the server."""
    return [
        Route("/", _page, name="page"),
        Route("/static/{name}", _static, name="static"),
        *paths(server),
    ]
