"""Errors as the answers of RFC 9457, ``application/problem+json``.

A problem reads::

    {"type": "urn:trackforge:problem:busy", "title": "Too Many Requests", "status": 429,
     "detail": "Wait for an answer before the next frame; 8 wait already. ...", "request_id": "5f0c..."}

``type`` names the error (`trackforge.serving.refusals`, `trackforge.serving.http.denials`, `trackforge.errors`), and
``detail`` says what must hold, what came and what to do. What is wrong with the server itself (500) is in its log,
under the id of the request, and not in the answer: the message may name files.
"""

from __future__ import annotations

import errno
import json
import logging
import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from trackforge.errors import (
    ConfigError,
    DataError,
    DuplicateComponentError,
    InvalidInputError,
    MissingDependencyError,
    SinkError,
    SourceError,
    StateError,
    TrackforgeError,
    UnknownComponentError,
)
from trackforge.intake.addresses import without_secrets
from trackforge.intake.showing import visible
from trackforge.serving.refusals import Refusal

__all__ = ["MEDIA_TYPE", "SCHEMA", "answer", "problem", "problem_response", "status_of"]

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457: what must hold, what came, what to do.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "Which problem; the docs list them."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "request_id": {"type": "string", "description": "As in the header X-Request-Id, and in the server's log."},
    },
}
FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_OF_CALLER = (
    ConfigError, DataError, DuplicateComponentError, InvalidInputError, SourceError, StateError, UnknownComponentError
)  # fmt: skip
_LONGEST = 2000
"""Characters of a detail; a message may quote what came."""
_HIDDEN = "The server failed. Its log says why, under the id of this request."


def status_of(error: BaseException) -> int:
    """Return the status code that HTTP has for an error; 500 for what is nobody's but the server's.

    >>> status_of(StateError("..."))
    400
    """
    if isinstance(error, (Refusal, HTTPException)):
        return error.status if isinstance(error, Refusal) else error.status_code
    if isinstance(error, SinkError):
        return 507 if getattr(error.__cause__, "errno", None) in FULL else 500
    if isinstance(error, MissingDependencyError):
        return 501
    return 400 if isinstance(error, _OF_CALLER) else 500


def problem(error: BaseException, request_id: str = "") -> dict[str, Any]:
    """Return an error as the object of a problem; what is the server's own fault goes to its log, too."""
    status = status_of(error)
    if status == 500:
        trace = None if isinstance(error, TrackforgeError) else error
        log.error("request %s failed: %s: %s", request_id or "-", type(error).__name__, error, exc_info=trace)
    if isinstance(error, HTTPException):
        name, detail = HTTPStatus(status).phrase.replace(" ", ""), str(error.detail)
    else:
        name = type(error).__name__.removesuffix("Error") if isinstance(error, TrackforgeError) else "Internal"
        detail = _HIDDEN if status == 500 else str(error)
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
    said: dict[str, Any] = {
        "type": f"urn:trackforge:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": visible(without_secrets(detail), keep="")[:_LONGEST],
    }
    return said | ({"request_id": request_id} if request_id else {})


def problem_response(error: BaseException, request_id: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as an answer, with ``Retry-After`` where another try may succeed."""
    said = problem(error, request_id)
    more = dict(headers or {})
    if isinstance(error, HTTPException) and error.headers:
        more |= dict(error.headers)
    if isinstance(error, Refusal) and error.retry_after is not None:
        more["Retry-After"] = str(math.ceil(error.retry_after))
    if said["status"] == 401:
        more["WWW-Authenticate"] = 'Bearer realm="trackforge"'
    return Response(json.dumps(said), status_code=said["status"], headers=more, media_type=MEDIA_TYPE)


async def answer(request: HTTPConnection, error: Exception) -> Response:
    """Answer a request by a problem; a handler of exceptions, as Starlette wants it."""
    return problem_response(error, str(request.scope.get("state", {}).get("request_id", "")))
