"""The socket that the server listens with: answers do not wait for each other."""

from __future__ import annotations

import asyncio
import socket

import pytest

from trackforge.serving import ServingRun
from trackforge.serving.server import _listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost"])
def test_what_is_accepted_sends_at_once(host: str) -> None:
    async def talk() -> int:
        accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        with _listen(ServingRun(host=host, port=0)) as listener:
            server = await asyncio.start_server(lambda _, writer: accepted.put_nowait(writer), sock=listener)
            async with server:
                _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
                here = await accepted.get()
                option = here.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                for one in (writer, here):
                    one.close()
            return int(option)

    try:
        assert asyncio.run(talk())  # else an answer in two parts takes 40 ms
    except OSError as error:
        if ":" not in host:
            raise
        pytest.skip(f"this machine has no addresses of version 6: {error}")
