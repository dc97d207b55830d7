"""One line a request, for people or as JSON, with an id that the answer bears, too; and what is counted of it.

A line names method, path, status, time and address, never the query (which may hold a token) nor the body; ids of
sessions are cut, since who knows one may use the session. Successful frames and health checks, of which there are
thousands, are told at the level DEBUG only. Control characters are shown as escapes, so that nobody writes lines of his
own into a log.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import datetime as dt
import json
import logging
import re
import secrets
import sys
import time
from collections.abc import Iterator
from typing import Any, Literal

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trackforge.intake.addresses import without_secrets
from trackforge.intake.showing import visible
from trackforge.serving.http.metrics import Metrics
from trackforge.serving.http.problems import problem_response
from trackforge.serving.http.security import is_open
from trackforge.serving.refusals import Draining

__all__ = ["Recorder", "logging_to"]

log = logging.getLogger(__name__)
GONE = 499
"""Status, in logs and metrics, of a request whose client went away before its answer (as nginx has it)."""
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECRET = re.compile(r"(?<=/)([A-Za-z0-9]{8})[A-Za-z0-9]{12,}")
_ID = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{24}\b")
"""Of a session, camera or film, wherever it is told."""
_at_work = contextvars.ContextVar("_at_work", default="")
"""Id of the request at work, which is told whole, even where its client made it look like that of a session."""


class _Cut(Exception):  # noqa: N818 - no failure of its own
    """Tells uvicorn, in its log, that a connection is closed within an answer."""


class Recorder:
    """Gives each request an id, says and counts how it ended, and turns what nobody expected into a problem."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        status, begun, whole = 0, time.perf_counter(), False

        async def recorded(message: Message) -> None:
            nonlocal status, whole
            kind = message["type"]
            if kind.endswith("http.response.start"):
                status = message["status"]
                MutableHeaders(raw=message["headers"])["X-Request-Id"] = request_id
            elif kind == "websocket.accept":
                status = 101
            elif kind.endswith("http.response.body"):
                whole = not message.get("more_body", False)
            await send(message)

        self._metrics.begin()
        token = _at_work.set(request_id)
        try:
            await self.app(scope, receive, recorded)
        except asyncio.CancelledError:  # the time for a stop is over
            if scope["type"] == "http" and not status:
                over = Draining("The server was stopped before the answer was there. Ask another.")
                await problem_response(over, request_id)(scope, receive, recorded)
            elif scope["type"] == "http" and not whole:
                raise _Cut from None
        except ClientDisconnect:
            status = GONE
        except Exception as error:  # noqa: BLE001 - the last line of defence; the server lives on
            refusal = problem_response(error, request_id)  # which logs it
            if not status:
                await refusal(scope, receive, recorded)
            elif scope["type"] == "http" and not whole:
                raise _Cut from None  # half an answer is out; nobody shall take it for a whole one
        finally:
            seconds = time.perf_counter() - begun
            declared = scope.get("operation")
            method = "WS" if scope["type"] == "websocket" else scope["method"]
            route = declared.path if declared is not None else getattr(scope.get("route"), "path", "other")
            self._metrics.end(scope.get("method", "GET"), route, status or GONE, seconds)
            self._tell(method, scope, status or GONE, seconds, request_id)
            _at_work.reset(token)

    def _tell(self, method: str, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        path = _SECRET.sub(r"\1...", scope["path"])[:200]
        often = status < 400 and (path.endswith("/frames") or is_open(path) or path == "/metrics")
        client = scope.get("client") or ("-", 0)
        log.log(
            logging.DEBUG if often else logging.INFO,
            "%s %s %d %.1f ms %s %s",
            method,
            visible(path, keep=""),
            status,
            1000 * seconds,
            client[0],
            request_id,
            extra={
                "said": {
                    "method": method, "path": path, "status": status, "ms": round(1000 * seconds, 1),
                    "client": client[0], "request_id": request_id,
                }
            },
        )  # fmt: skip


class _Careful(logging.Formatter):
    """Shows no secrets of addresses in tracebacks either."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - as logging has it
        """Return the traceback."""
        return without_secrets(super().formatException(ei))


class _Text(_Careful):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        told = f"{_when(record):%Y-%m-%d %H:%M:%S} {record.levelname.lower():7} {_message(record)}"
        return told + (f"\n{visible(self.formatException(record.exc_info))}" if record.exc_info else "")


class _Json(_Careful):
    """A line for machines."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": _when(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **getattr(record, "said", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


def _worth(record: logging.LogRecord) -> bool:
    """Leave out what uvicorn says of a WebSocket that was refused by an answer, and of a client that read no answer."""
    said = "ASGI callable returned without completing "
    return not str(record.msg).startswith((f"{said}handshake", f"{said}response"))  # the line of the request says 499


@contextlib.contextmanager
def logging_to(kind: Literal["text", "json"], level: int = logging.INFO) -> Iterator[None]:
    """Let the loggers of trackforge and of uvicorn write lines of one kind to stderr while the block runs."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_worth)
    handler.setFormatter(_Json() if kind == "json" else _Text())
    kept = []
    for name, least in (("trackforge", level), ("uvicorn", max(level, logging.WARNING))):
        logger = logging.getLogger(name)
        kept.append((logger, logger.handlers[:], logger.level, logger.propagate))
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(least)
    try:
        yield
    finally:
        for logger, handlers, before, propagate in kept:
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(before)


def _when(record: logging.LogRecord) -> dt.datetime:
    return dt.datetime.fromtimestamp(record.created, dt.timezone.utc)


def _message(record: logging.LogRecord) -> str:
    own = _at_work.get()
    told = _ID.sub(lambda found: own if found[0] == own else f"{found[1]}...", without_secrets(record.getMessage()))
    return visible(told, keep="")
