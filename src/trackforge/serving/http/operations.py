"""What an operation takes and gives, declared once, beside its code: routing, checking and the description follow.

>>> @operation("GET", "/v1/hello", area="greeting", summary="Say hello.", parameters=(Parameter("name", str),),
...            answers={200: Answer("A greeting.", {"application/json": {"type": "string"}})})
... async def hello(request):
...     return JSONResponse("hello " + query(request)["name"])
>>> paths(hello)  # the routes for Starlette
[Route(path='/v1/hello', name='hello', methods=['GET', 'HEAD'])]
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from trackforge.serving.http.denials import UpgradeRequired
from trackforge.serving.http.parameters import Parameter, values_of

__all__ = [
    "Answer",
    "Body",
    "Handler",
    "Operation",
    "json_answer",
    "operation",
    "operations_of",
    "paths",
    "query",
    "socket",
]

Handler = Callable[[Request], Awaitable[Response]]
H = TypeVar("H", bound=Callable[..., Any])
Schema = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer: what it means, and the schema of each media type that it comes in; none for one without a body."""

    what: str
    media: Mapping[str, Schema] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Body:
    """A body: what it means, the schema of each media type that is taken, and whether there must be one."""

    what: str
    media: Mapping[str, Schema]
    required: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the server.

    Attributes:
        method: ``GET`` and so on; of a WebSocket ``GET``.
        path: With ``{name}`` for what varies, whose values stand in `places`.
        area: Heading under which the description lists it.
        summary: One sentence.
        about: More, where one sentence does not do.
        places: What varies in the path.
        parameters: What may stand behind ``?``.
        body: What is sent.
        answers: By status.
        errors: Statuses of problems, beside those that every operation may answer by.
        open: Whether it takes no token.
        websocket: Whether it is one.
    """

    method: str
    path: str
    area: str
    summary: str
    about: str = ""
    places: tuple[Parameter, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: Mapping[int, Answer] = dataclasses.field(default_factory=dict)
    errors: tuple[int, ...] = ()
    open: bool = False
    websocket: bool = False


def operation(method: str, path: str, **said: Any) -> Callable[[H], H]:
    """Declare what the function below does; the keywords are those of `Operation`."""

    def mark(endpoint: H) -> H:
        cast("Any", endpoint).operation = Operation(method=method, path=path, **said)
        return endpoint

    return mark


def socket(path: str, **said: Any) -> Callable[[H], H]:
    """Declare that the function below serves a WebSocket."""
    return operation("GET", path, websocket=True, errors=(426, *said.pop("errors", ())), **said)


def operations_of(route: BaseRoute) -> tuple[Operation, ...]:
    """Return what is declared for a route; nothing where nothing is."""
    return tuple(getattr(getattr(route, "endpoint", None), "operations", ()))


def paths(*endpoints: Callable[..., Any]) -> list[BaseRoute]:
    """Return the routes of operations: one for each path, which refuses other methods and names its own."""
    made: list[BaseRoute] = []
    by_path: dict[str, dict[str, Callable[..., Any]]] = {}
    for endpoint in endpoints:
        declared: Operation = cast("Any", endpoint).operation
        by_path.setdefault(declared.path, {})[declared.method] = endpoint
    for path, methods in by_path.items():
        (first, *_) = methods.values()
        if cast("Any", first).operation.websocket:
            made += [WebSocketRoute(path, _as_socket(first)), Route(path, _no_socket, methods=["GET"])]
        else:
            made.append(Route(path, _by_method(methods), methods=list(methods), name=first.__name__))
    return made


def query(request: Request) -> dict[str, Any]:
    """Return the parameters behind ``?``, checked by the declaration of the operation.

    Raises:
        BadRequest: One is unknown, given twice, missing or wrong.
    """
    declared: Operation = request.scope["operation"]
    return values_of(declared.parameters, request.query_params.multi_items())


def _by_method(methods: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    allowed = sorted({*methods, *(["HEAD"] if "GET" in methods else [])})

    async def endpoint(request: Request) -> Response:
        chosen = methods.get("GET" if request.method == "HEAD" else request.method)
        if chosen is None:
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
        request.scope["operation"] = cast("Any", chosen).operation
        return cast("Response", await chosen(request))

    cast("Any", endpoint).operations = tuple(cast("Any", one).operation for one in methods.values())
    return endpoint


def _as_socket(serve: Callable[[WebSocket], Awaitable[None]]) -> Callable[..., Any]:
    async def endpoint(websocket: WebSocket) -> None:
        websocket.scope["operation"] = cast("Any", serve).operation
        await serve(websocket)

    cast("Any", endpoint).operations = (cast("Any", serve).operation,)
    return endpoint


async def _no_socket(request: Request) -> Response:
    raise UpgradeRequired(
        f"{re.sub('[^ -~]', '?', request.url.path)} is a WebSocket; got a plain request. Open it by ws://."
    )


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an answer in JSON."""
    return JSONResponse(content, status_code=status, headers=headers)
