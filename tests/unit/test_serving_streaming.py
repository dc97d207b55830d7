"""Endless answers: a stop within a line ends it, and says that it is no end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from trackforge.serving import Engine, ServingRun
from trackforge.serving.http.context import Context
from trackforge.serving.http.metrics import Metrics
from trackforge.serving.http.streaming import Endless


@pytest.mark.parametrize("piece", [b'{"frame": 0}\n{"fra', b'{"frame": 0}\n'])
@pytest.mark.parametrize(("kind", "told"), [("application/x-ndjson", True), ("multipart/x-mixed-replace", False)])
def test_a_stop_within_an_answer_is_told_on_a_line_of_its_own(piece: bytes, kind: str, told: bool) -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield piece
        await asyncio.sleep(60)

    async def answered() -> bytes:
        engine = Engine(ServingRun(detector="motion"))
        here = Context(engine, Metrics(engine))
        came = bytearray()

        async def send(message: Any) -> None:
            came.extend(message.get("body", b""))
            if message.get("body") == piece:
                asyncio.get_running_loop().call_soon(here.lifetime.stop)

        async def receive() -> Any:
            await asyncio.sleep(60)

        with here.lifetime.working():
            await Endless(here, pieces(), kind)({"type": "http", "method": "GET"}, receive, send)
        here.close()
        return bytes(came)

    came = asyncio.run(answered())
    assert came.startswith(piece)
    if not told:
        assert came == piece
        return
    lines = came.split(b"\n")
    assert lines[0] == b'{"frame": 0}'
    assert json.loads(lines[-2])["problem"]["status"] == 503
    assert lines[-1] == b""
