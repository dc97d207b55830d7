"""The description of every operation, OpenAPI 3.1, made from what stands beside the code; and a page that shows it.

A route without a declaration is no operation: the page and its files. A WebSocket, which OpenAPI has no word for, is a
``GET`` that answers 101, marked ``x-websocket``.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

import trackforge
from trackforge.serving.http.operations import Answer, Operation, json_answer, operation, operations_of, paths
from trackforge.serving.http.parameters import Parameter
from trackforge.serving.http.problems import MEDIA_TYPE, SCHEMA
from trackforge.serving.http.security import is_open

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine

__all__ = ["declared", "description", "routes"]

AREA = "description"
ALWAYS = (400, 403, 405, 421, 500, 503)
"""Statuses of problems that any operation may answer by."""
MEANING = {
    400: "A parameter, the body or a header is wrong.",
    401: "The token is missing or wrong.",
    403: "A page of another origin asked for what changes something, or the server does not allow it.",
    404: "There is no such thing.",
    405: "The path takes other methods.",
    406: "The answer is not given in the form that Accept asks for.",
    408: "The body did not come in time.",
    409: "Another request is at work there.",
    410: "It was there, and is closed or expired.",
    413: "The body or the picture is too large.",
    415: "The body is of a kind that is not taken.",
    416: "The range is not within the file.",
    421: "The server is asked for by a name that is not its own.",
    422: "The film, or the document of labels, cannot be read.",
    426: "This is a WebSocket.",
    431: "The head of the request is too long.",
    429: "Too many at once: wait.",
    500: "The server failed; its log says why.",
    501: "The server lacks a package for that.",
    502: "A camera does not answer.",
    503: "Not ready, being stopped, or overloaded: wait.",
    504: "The answer was not ready in time.",
    507: "The server's disk is full.",
}


def declared(routes: Iterable[BaseRoute]) -> Iterator[Operation]:
    """Yield the operations of routes, in order."""
    for route in routes:
        yield from operations_of(route)


def description(operations: Iterable[Operation], *, title: str = "trackforge") -> dict[str, Any]:
    """Return the OpenAPI description of operations."""
    by_path: dict[str, dict[str, Any]] = {}
    areas: dict[str, None] = {}
    for one in operations:
        areas[one.area] = None
        by_path.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": trackforge.__version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Detection and tracking for many cameras. Problems are RFC 9457.",
        },
        "tags": [{"name": area} for area in areas],
        "security": [{}, {"token": []}],
        "paths": by_path,
        "components": {
            "schemas": {"Problem": SCHEMA},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Where the server has a token."}
            },
        },
    }


def _operation(one: Operation) -> dict[str, Any]:
    open_to_all = one.open or is_open(one.path)
    problems = sorted({*ALWAYS, *one.errors, *(() if open_to_all else (401,))})
    answers = {str(status): _answer(answer) for status, answer in one.answers.items()}
    for status in problems:
        said = {"description": MEANING[status], "content": {MEDIA_TYPE: {"schema": _ref("Problem")}}}
        answers.setdefault(str(status), said)
    made: dict[str, Any] = {
        "operationId": _identity(one),
        "tags": [one.area],
        "summary": one.summary,
        "parameters": [
            *(_parameter(place, "path") for place in one.places),
            *(_parameter(parameter, "query") for parameter in one.parameters),
        ],
        "responses": answers,
    }
    if one.about:
        made["description"] = one.about
    if one.body is not None:
        made["requestBody"] = {
            "description": one.body.what,
            "required": one.body.required,
            "content": {media: {"schema": dict(schema)} for media, schema in one.body.media.items()},
        }
    if open_to_all:
        made["security"] = []
    if one.websocket:
        made["x-websocket"] = True
    return made


def _identity(one: Operation) -> str:
    words = [word.strip("{}") for word in one.path.replace(".", "/").split("/") if word]
    return "_".join([one.method.lower(), *words]) or one.method.lower()


def _parameter(parameter: Parameter, where: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": where,
        "required": where == "path" or parameter.required,
        "description": parameter.help,
        "schema": parameter.schema(),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    content = {media: {"schema": dict(schema)} for media, schema in answer.media.items()}
    return {"description": answer.what, **({"content": content} if content else {})}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@operation("GET", "/openapi.json", area=AREA, summary="This description.",
           answers={200: Answer("OpenAPI 3.1.", {"application/json": {"type": "object"}})})  # fmt: skip
async def openapi(request: Request) -> Response:
    """Answer with the description."""
    return json_answer(request.app.state.description)


@operation("GET", "/docs", area=AREA, summary="This description, as a page.",
           answers={200: Answer("HTML.", {"text/html": {"type": "string"}})})  # fmt: skip
async def docs(request: Request) -> Response:
    """Answer with the description as a page of its own: no script, nothing from elsewhere."""
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(page(request.app.state.description), headers={"Content-Security-Policy": policy})


def page(said: Mapping[str, Any]) -> str:
    """Return a description as HTML."""
    parts = []
    for tag in said["tags"]:
        parts.append(f"<h2>{html.escape(tag['name'])}</h2>")
        for path, methods in said["paths"].items():
            parts += [_shown(path, name, one) for name, one in methods.items() if tag["name"] in one["tags"]]
    title = html.escape(f"{said['info']['title']} {said['info']['version']}")
    return (
        f"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>{title}</title>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1>"
        f"<p>{html.escape(said['info']['description'])} For programs: <a href=openapi.json>openapi.json</a>, OpenAPI "
        f"3.1. <a href=./>The page.</a></p>{''.join(parts)}</main></body></html>"
    )


def _shown(path: str, method: str, one: Mapping[str, Any]) -> str:
    word = "WS" if one.get("x-websocket") else method.upper()
    rows = "".join(
        f"<tr><td><code>{html.escape(p['name'])}</code><td>{html.escape(p['in'])}<td>{html.escape(_kind(p['schema']))}"
        f"<td>{html.escape(p['description'])}"
        for p in one["parameters"]
    )
    body = one.get("requestBody")
    for name, schema in _members(body).items():
        rows += (
            f"<tr><td><code>{html.escape(name)}</code><td>body<td>{html.escape(_kind(schema))}"
            f"<td>{html.escape(schema.get('description', ''))}"
        )
    sent = "" if body is None else (
        f"<p>Body: {html.escape(body['description'])} <small>{html.escape(', '.join(body['content']))}</small></p>"
    )  # fmt: skip
    answers = "".join(
        f"<tr><td><code>{status}</code><td>{html.escape(answer['description'])}"
        f"<td><small>{html.escape(', '.join(answer.get('content', {})))}</small>"
        for status, answer in sorted(one["responses"].items())
    )
    return (
        f"<details><summary><b class=m>{word}</b> <code>{html.escape(path)}</code> "
        f"{html.escape(one['summary'])}</summary><p>{html.escape(one.get('description', ''))}</p>"
        + (f"<table><tr><th>parameter<th>in<th>type<th>meaning{rows}</table>" if rows else "")
        + f"{sent}<table><tr><th>status<th>meaning<th>type{answers}</table></details>"
    )


def _members(body: Mapping[str, Any] | None) -> Mapping[str, Any]:
    content = {} if body is None else body["content"].get("application/json", {})
    members: Mapping[str, Any] = content.get("schema", {}).get("properties", {})
    return members


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = schema.get("type", "")
    words = kind if isinstance(kind, str) else " or ".join(kind)
    for sign, key in (("≥", "minimum"), ("≤", "maximum")):
        words += f" {sign} {schema[key]:g}" if key in schema else ""
    return words


STYLE = """
:root{color-scheme:light dark;--line:#8884}body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:60rem;
margin:auto;padding:1rem}h2{margin:1.5rem 0 .3rem;text-transform:capitalize}details{border:1px solid var(--line);
border-radius:6px;margin:.3rem 0;padding:.4rem .7rem}summary{cursor:pointer}.m{display:inline-block;min-width:4.2rem;
font:600 .8rem ui-monospace,monospace}code{font:.9em ui-monospace,monospace}table{border-collapse:collapse;width:100%;
font-size:.9rem;margin:.4rem 0}th,td{text-align:left;vertical-align:top;border-top:1px solid var(--line);
padding:.2rem .5rem}th{font-weight:600}p{margin:.3rem 0}"""


def routes(engine: Engine) -> list[BaseRoute]:  # noqa: ARG001 - every area is made alike
    """Return the routes of this area."""
    return paths(openapi, docs)
