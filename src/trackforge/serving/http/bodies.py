"""The bodies of requests: bounded before they are in memory, and never waited for without end.

A body must keep up with `LEAST_RATE` after the time that a request may take: whoever sends a byte a second holds no
place for long, and a long film on a slow line comes through. What is longer than its limit ends with 413, whatever its
headers say; a chunked body without end, too. A body in an encoding (gzip) is refused: small ones can be huge.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from trackforge.serving.http.context import context
from trackforge.serving.http.denials import SlowBody, WrongType
from trackforge.serving.http.problems import FULL
from trackforge.serving.refusals import NoRoom, TooLarge

__all__ = ["HELD", "LEAST_RATE", "body_type", "chunks", "read_limited", "spool"]

LEAST_RATE = 16 * 1024
"""Bytes a second that must come, on average, once ``request_timeout`` is over."""
HELD = "body_bytes"
"""Where the state of a request says what its body takes; it is given back when the request ends."""
PIECE = 1 << 20
"""Bytes that are gathered before they are written."""
SPARE = 16 << 20
"""Bytes of a disk that bodies leave free."""


def body_type(request: Request, allowed: Sequence[str] = (), default: str = "application/octet-stream") -> str:
    """Return the media type that a request states for its body, in lower case and without parameters.

    Args:
        request: The request.
        allowed: Types that are taken, ``image/*`` among them; empty for any.
        default: What is meant where none is stated.

    Raises:
        WrongType: It is none of these, or the body is in an encoding.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise WrongType(f"A body must come as it is; got the encoding {encoding!r}. Send it without Content-Encoding.")
    stated = request.headers.get("content-type", default).partition(";")[0].strip().lower()
    kinds = {one for one in allowed if one == stated or (one.endswith("/*") and stated.startswith(one[:-1]))}
    if allowed and not kinds:
        raise WrongType(f"The body must be {' or '.join(allowed)}; got {stated!r}. Say what it is by Content-Type.")
    return stated


async def chunks(request: Request, limit: int, patience: float | None = None) -> AsyncIterator[bytes]:
    """Yield a body as it comes.

    Args:
        request: The request.
        limit: Bytes that it may have.
        patience: Seconds after which it must keep up with `LEAST_RATE`; what the server allows a request, where None.

    Raises:
        TooLarge: It has more bytes, or says that it will.
        SlowBody: It comes too slowly.
        ClientDisconnect: It ended before its end.
    """
    if patience is None:
        patience = context(request).run.request_timeout
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdecimal() and int(stated) > limit:
        raise _too_large(int(stated), limit)
    begun, came = time.monotonic(), 0
    while True:
        left = begun + patience + came / LEAST_RATE - time.monotonic()
        try:
            message = await asyncio.wait_for(request.receive(), max(left, 0.001))
        except asyncio.TimeoutError:
            raise SlowBody(
                f"A body must come within {patience:g} s, or go on at {LEAST_RATE // 1024} KiB a second; got {came} "
                "bytes so far. Send it again, in one go."
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece: bytes = message.get("body", b"")
        came += len(piece)
        if came > limit:
            raise _too_large(came, limit)
        if piece:
            yield piece
        if not message.get("more_body", False):
            return


async def read_limited(request: Request, limit: int) -> bytes:
    """Return a body that has at most so many bytes; they count as taken until the request ends.

    Raises:
        Overloaded: The bodies of all that are being read would take too much.
        TooLarge, SlowBody, ClientDisconnect: As `chunks` does.
    """
    budget, pieces, held = context(request).bodies, list[bytes](), 0
    try:
        async for piece in chunks(request, limit):
            budget.take(len(piece))
            held += len(piece)
            pieces.append(piece)
    except BaseException:
        budget.give(held)
        raise
    state = request.scope.setdefault("state", {})
    state[HELD] = state.get(HELD, 0) + held
    return b"".join(pieces)


async def spool(request: Request, folder: Path, limit: int) -> Path:
    """Write a body to a new file of a folder, piece by piece, and return its path; nothing is left of half a body.

    Args:
        request: The request.
        folder: Where the file goes; it must be there. The file gets a name of its own, never one from outside.
        limit: Bytes that the body may have.

    Raises:
        NoRoom: The disk is full, or would be.
        TooLarge, SlowBody, ClientDisconnect: As `chunks` does.
    """
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdecimal() and SPARE + min(int(stated), limit) > shutil.disk_usage(folder).free:
        raise _no_room()
    path = folder / f"body-{secrets.token_hex(16)}"
    try:
        with path.open("xb", buffering=0) as file:
            gathered = bytearray()
            async for piece in chunks(request, limit):
                gathered += piece
                if len(gathered) >= PIECE:
                    await asyncio.to_thread(_write, file, bytes(gathered))
                    gathered.clear()
            await asyncio.to_thread(_write, file, bytes(gathered))
    except BaseException as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if isinstance(error, OSError) and error.errno in FULL:
            raise _no_room() from error
        raise
    return path


def _write(file: object, data: bytes) -> None:
    """Write all of it: an unbuffered file may take a part only, and says that it is full with the next."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]  # type: ignore[attr-defined]


def _too_large(came: int, limit: int) -> TooLarge:
    return TooLarge(
        f"The body must have at most {limit:,} bytes; got {came:,} or more. Send less, or let the server be started "
        "with a higher limit."
    )


def _no_room() -> NoRoom:
    return NoRoom("What is sent must fit on the server's disk, which is full. Try again later, or send less.")
