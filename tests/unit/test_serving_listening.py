"""The socket that the server listens with: answers do not wait for each other."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect

from trackforge.serving import ServingRun
from trackforge.serving.listening import Socket
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


def test_a_client_is_not_blamed_for_what_the_server_has_not_read() -> None:
    """Pings every .2 s: one that waits for the server stays, one that has gone is noticed."""
    codes: list[int] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(3):  # reads no pong meanwhile, which comes behind the second picture
            assert (await receive())["type"] == "websocket.receive"
            await asyncio.sleep(1.5)
        await send({"type": "websocket.send", "text": "all"})
        while (message := await receive())["type"] != "websocket.disconnect":
            pass
        codes.append(message["code"])

    async def talk() -> None:
        with _listen(ServingRun(host="127.0.0.1", port=0)) as listener:
            port = listener.getsockname()[1]
            config = uvicorn.Config(
                slow, ws=Socket, ws_ping_interval=0.2, ws_ping_timeout=0.2, lifespan="off", log_config=None
            )
            server = uvicorn.Server(config)
            serving = asyncio.ensure_future(server.serve(sockets=[listener]))
            async with connect(f"ws://127.0.0.1:{port}", open_timeout=60, ping_interval=None) as client:
                for _ in range(3):
                    await client.send(bytes(300_000))
                assert await asyncio.wait_for(client.recv(), 60) == "all"
                client.transport.pause_reading()  # no pong any more
                until = asyncio.get_running_loop().time() + 60
                while not codes and asyncio.get_running_loop().time() < until:
                    await asyncio.sleep(0.05)
            server.should_exit = True
            await serving

    asyncio.run(talk())
    assert codes
