"""The page at ``/``: plain HTML, ES modules and CSS out of the package, under a policy that lets nothing else run.

Its files are named one by one from what ships, so a path from outside is only ever looked up. They are few and small:
read once, kept, and answered with an entity tag, so that a browser asks again but seldom gets them again.

``GET /v1/server`` says what the page shows of the server: its state, what it runs, and its limits.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trackforge import pages

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine

__all__ = ["POLICY", "routes"]

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The Content-Security-Policy of the page: its own files, its own server, and films that the user chose."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


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
        return JSONResponse({"title": "Not Found", "status": 404}, 404, media_type="application/problem+json")
    return _answer(request, file)


def routes(engine: Engine) -> list[Route]:
    """Return the routes of the page and of what it says of the server.

    Args:
        engine: Whose state and card are shown.
    """

    async def server(_: Request) -> Response:
        return JSONResponse(_told(engine), headers={"Cache-Control": "no-store"})

    return [
        Route("/", _page, name="page"),
        Route("/static/{name}", _static, name="static"),
        Route("/v1/server", server, name="server"),
    ]


def _told(engine: Engine) -> dict[str, Any]:
    return {"state": engine.state, "failure": engine.failure, **engine.card()}
