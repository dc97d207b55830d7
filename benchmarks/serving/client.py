"""Who asks: a process of its own with as many sessions as are wanted, each sending a frame when it has its step.

    python -m benchmarks.serving.client '{"port": ..., "how": "http", "sessions": 4, "frames": 100, "film": FOLDER}'

It prints one JSON object: seconds in all, latencies, and every answer, in order.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.serving.parts import stretch

LIMIT = 1 << 26
PATIENCE = 900.0


class Link:
    """One connection that stays open, and plain HTTP/1.1 over it: little work beside that of the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, bytes]:
        """Send a request; return status and body of the answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        named = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        if "content-length" in named:
            return int(lines[0].split()[1]), await self._reader.readexactly(int(named["content-length"]))
        parts = []
        while size := int(await self._reader.readline(), 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return int(lines[0].split()[1]), b"".join(parts)


class Run:
    """What is asked, and what came back."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        files = sorted(Path(job["film"]).glob("*.jpg"))
        self.film = [file.read_bytes() for file in files]
        self.took: list[float] = []
        self.answers: list[list[str]] = [[] for _ in range(job["sessions"])]
        self.ready, self.go = 0, asyncio.Event()

    async def session(self, number: int) -> None:
        """Send the frames of one session, the next when the step of the one before has come."""
        how = self.job["how"]
        if how == "websocket":
            await self._socket(number)
            return
        link = Link(*await asyncio.open_connection("127.0.0.1", self.job["port"], limit=LIMIT))
        place = ""
        if how == "http":
            status, body = await link.ask("POST", "/v1/sessions", json.dumps({"name": f"camera {number}"}).encode())
            assert status == 201, body
            place = f"/v1/sessions/{json.loads(body)['id']}"
        await self._begin()
        for index in self._stretch(number):
            picture = self.film[index % len(self.film)]
            begun = time.perf_counter()
            if how == "http":
                status, body = await link.ask("POST", f"{place}/frames?index={index}", picture, "image/jpeg")
            elif how == "bare":
                status, body = await link.ask("POST", f"/frames/{number}?index={index}", picture, "image/jpeg")
            else:
                said = {"session": number, "index": index, "picture": base64.b64encode(picture).decode()}
                status, body = await link.ask("POST", "/predict", json.dumps(said).encode())
            self.took.append(time.perf_counter() - begun)
            assert status == 200, body
            self.answers[number].append(body.decode())
        if how == "http":
            status, body = await link.ask("DELETE", place)
            assert (status, json.loads(body)["frames"]) == (200, self.job["frames"])

    async def _socket(self, number: int) -> None:
        from websockets.asyncio.client import connect

        port = self.job["port"]
        link = Link(*await asyncio.open_connection("127.0.0.1", port, limit=LIMIT))
        status, body = await link.ask("POST", "/v1/sessions", json.dumps({"name": f"camera {number}"}).encode())
        assert status == 201, body
        name = json.loads(body)["id"]
        address = f"ws://127.0.0.1:{port}/v1/sessions/{name}/stream"
        async with connect(address, compression=None, max_size=LIMIT, ping_interval=None) as socket:
            await self._begin()
            for index in self._stretch(number):
                begun = time.perf_counter()
                await socket.send(json.dumps({"index": index}))
                await socket.send(self.film[index % len(self.film)])
                answer = await socket.recv()
                self.took.append(time.perf_counter() - begun)
                self.answers[number].append(str(answer))
        link = Link(*await asyncio.open_connection("127.0.0.1", port, limit=LIMIT))  # the other may be closed by now
        status, body = await link.ask("DELETE", f"/v1/sessions/{name}")
        assert (status, json.loads(body)["frames"]) == (200, self.job["frames"])

    def _stretch(self, number: int) -> range:
        return stretch(number, self.job["frames"])

    async def _begin(self) -> None:
        """Wait until all sessions are open, or as many as may be at once."""
        self.ready += 1
        if self.ready == min(self.job["sessions"], self.job.get("at_once", self.job["sessions"])):
            self.begun = time.perf_counter()
            self.go.set()
        await self.go.wait()

    async def all(self) -> dict[str, Any]:
        """Run every session at once."""
        numbers = iter(range(self.job["sessions"]))

        async def some() -> None:
            for number in numbers:
                await self.session(number)

        at_once = self.job.get("at_once", self.job["sessions"])
        await asyncio.wait_for(asyncio.gather(*(some() for _ in range(at_once))), PATIENCE)
        return {"seconds": time.perf_counter() - self.begun, "took": self.took, "answers": self.answers}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(Run(json.loads(sys.argv[1])).all())))
