"""Connections whose end nobody reads, over real sockets."""

from __future__ import annotations

import asyncio
import socket

from trackforge.serving.listening import Stuck


class Talker(asyncio.Protocol):
    """Says more than any buffer holds, and hangs up."""

    def __init__(self, made: list[Talker]) -> None:
        self.transport: asyncio.WriteTransport | None = None
        self.lost = asyncio.Event()
        made.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        transport.write(bytes(64 << 20))
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


async def talk() -> None:
    made: list[Talker] = []
    server = await asyncio.get_running_loop().create_server(lambda: Talker(made), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)):  # and never read
        while not made or made[0].transport is None:
            await asyncio.sleep(0.01)
        stuck = Stuck()
        stuck.look(made, 30.0)
        await asyncio.sleep(0.1)
        stuck.look(made, 30.0)
        await asyncio.sleep(0.1)
        assert not made[0].lost.is_set()
        stuck.look(made, 0.05)
        await asyncio.wait_for(made[0].lost.wait(), 60)
    server.close()


def test_a_connection_whose_end_nobody_reads_is_broken_off_in_time() -> None:
    asyncio.run(talk())
