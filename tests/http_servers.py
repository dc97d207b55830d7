"""Cameras and servers on the loopback: multipart JPEG with what tests want to happen to it, and files over HTTP."""

from __future__ import annotations

import contextlib
import http.server
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
from io_files import picture

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def part(index: int, size: tuple[int, int] = (320, 240), show: Callable[..., Any] = picture) -> bytes:
    """Return one picture of `picture` as such a camera sends it."""
    ok, data = cv2.imencode(".jpg", show(index, size)[:, :, ::-1])
    assert ok
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data) + data.tobytes() + b"\r\n"


class Camera:
    """Sends ``frames`` pictures to whoever connects, as fast as they are taken, and hangs up.

    Args:
        frames: Pictures a connection.
        size: ``(width, height)`` of each, by its number.
        connections: After how many connections nobody listens any more.
        port: Where to listen; 0 for a free one.
        wait: Called before each picture with its number, to hold it back.
        show: Gives a picture by its number and size.
    """

    def __init__(
        self,
        frames: int,
        size: Callable[[int], tuple[int, int]] = lambda _: (320, 240),
        *,
        connections: int = 1,
        port: int = 0,
        wait: Callable[[int], object] = lambda _: None,
        show: Callable[..., Any] = picture,
    ) -> None:
        self._parts = [part(index, size(index), show) for index in range(frames)]
        self._wait = wait
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.queries: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, args=(connections,), daemon=True)
        self._thread.start()

    def address(self, tail: str = "cam", user: str = "") -> str:
        return f"http://{user and user + '@'}127.0.0.1:{self.port}/{tail}"

    def join(self) -> None:
        self._thread.join(300)
        assert not self._thread.is_alive()

    def _serve(self, connections: int) -> None:
        for _ in range(connections):
            connection, _ = self._socket.accept()
            with connection, contextlib.suppress(OSError):  # once the client has seen enough
                self.queries.append(connection.recv(65536))
                connection.sendall(HEAD)
                for index, data in enumerate(self._parts):
                    self._wait(index)
                    connection.sendall(data)
        self._socket.close()


class Files(http.server.ThreadingHTTPServer):
    """Serves the files of a folder by what ``names`` makes of a path: ``way/name``, ways being:

    ``ranges`` (as most servers do), ``length`` (but no ranges), ``chunked`` (neither, but an end mark).
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Files
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        way, _, name = self.path.partition("?")[0].strip("/").partition("/")
        file = self.server.folder / name
        if not file.is_file():
            self.send_error(404)
            return
        data, start = file.read_bytes(), 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if way == "ranges" else None
        if asked:
            start = int(asked[1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        with contextlib.suppress(OSError):
            if way == "chunked":
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n0\r\n\r\n")
            else:
                self.send_header("Content-Length", str(len(data) - start))
                self.end_headers()
                self.wfile.write(data[start:])

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Files]:
    """Serve a folder while the block runs."""
    with Files(folder) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
