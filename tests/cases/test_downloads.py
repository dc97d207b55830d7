"""What a server may do to a download: whatever it is, the file is whole and the one meant, or an error says why."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trackforge.errors import DataError, InvalidInputError, SourceError, TrackforgeError
from trackforge.intake.limits import limited
from trackforge.io import fetch as fetch_module
from trackforge.io.fetch import fetch

BODY = bytes(range(256)) * 40
SUM = hashlib.sha256(BODY).hexdigest()
PAGE = b"<!DOCTYPE html>\n<html>log in</html>"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the lines and bytes that the server has for a path."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))  # type: ignore[attr-defined]
        head, body = self.server.answers[self.path.partition("?")[0]]  # type: ignore[attr-defined]
        self.wfile.write(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)

    def log_message(self, *args: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.answers: dict[str, tuple[str, bytes]] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetch_module, "PAUSE", 0.001)
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def get(server: Server, tmp_path: Path) -> Callable[..., Path]:
    def got(head: str, body: bytes = BODY, *, tail: str = "/x", user: str = "", **more: str) -> Path:
        server.answers["/x"] = (head, body)
        url = server.url.replace("//", f"//{user}") + tail
        return fetch(url, tmp_path / "w.bin", timeout=5, **more)  # type: ignore[arg-type]

    return got


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"w.bin.lock"}


@pytest.mark.parametrize("length", ["", "abc", "-5", "9" * 5000])
def test_a_body_of_unknown_length_needs_a_checksum(get: Callable[..., Path], tmp_path: Path, length: str) -> None:
    head = "HTTP/1.1 200 OK\nConnection: close" + (f"\nContent-Length: {length}" if length else "")
    with pytest.raises(SourceError, match="must say how long it is"):
        get(head, BODY[:100])
    assert left(tmp_path) == set()
    with pytest.raises(InvalidInputError, match="what came has"):
        get(head, BODY[:100], sha256=SUM)
    assert get(head, sha256=SUM).read_bytes() == BODY


def test_pieces_need_their_end_mark(get: Callable[..., Path], tmp_path: Path) -> None:
    head = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: close"
    whole = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
    with pytest.raises(SourceError, match="must be reachable"):
        get(head, whole[:-6])
    assert "w.bin" not in left(tmp_path)
    assert get(head, whole).read_bytes() == BODY


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (f"HTTP/1.1 200 OK\nContent-Type: text/html; charset=utf-8\nContent-Length: {len(BODY)}", BODY),
        (f"HTTP/1.1 200 OK\nContent-Type: application/octet-stream\nContent-Length: {len(PAGE)}", PAGE),
        (f"HTTP/1.1 200 OK\nContent-Length: {len(PAGE) + 3}", b" \r\n" + PAGE),
    ],
)
def test_a_web_page_is_not_the_file(get: Callable[..., Path], tmp_path: Path, head: str, body: bytes) -> None:
    with pytest.raises(SourceError, match="what comes is a web page"):
        get(head, body)
    assert left(tmp_path) == set()


@pytest.mark.parametrize("aim", ["ftp://127.0.0.1:1/x", "file:///etc/passwd", "data:,x", "gopher://a/", "http://[::1"])
def test_ways_on_to_elsewhere_are_refused(get: Callable[..., Path], tmp_path: Path, server: Server, aim: str) -> None:
    with pytest.raises(SourceError):
        get(f"HTTP/1.1 302 Found\nContent-Length: 0\nLocation: {aim}", b"")
    assert left(tmp_path) == set()
    assert len(server.asked) == 1


def test_ways_on_to_another_http_address_are_followed(get: Callable[..., Path], server: Server) -> None:
    server.answers["/y"] = (f"HTTP/1.1 200 OK\nContent-Length: {len(BODY)}", BODY)
    head = f"HTTP/1.1 302 Found\nContent-Length: 0\nLocation: {server.url}/y"
    assert get(head, b"", user="me:S3cret@").read_bytes() == BODY
    assert server.asked == [("/x", "Basic bWU6UzNjcmV0"), ("/y", None)]  # the password stays with its host


@pytest.mark.parametrize("head", [f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"])
def test_more_than_the_limit_is_refused(get: Callable[..., Path], tmp_path: Path, head: str) -> None:
    body = BODY if "Length" in head else b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
    with limited(download=5000), pytest.raises(DataError, match=r"at most 5,000.*TRACKFORGE_LIMIT_DOWNLOAD"):
        get(f"HTTP/1.1 200 OK\n{head}", body)
    assert left(tmp_path) == set()


@pytest.mark.parametrize(
    "head",
    [
        f"HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: {len(BODY)}",
        f"HTTP/1.1 200 OK\nContent-Length: {len(BODY) + 1}\nConnection: close",
        f'HTTP/1.1 200 OK\nETag: "a\xe9"\nContent-Length: {len(BODY) + 1}\nConnection: close',
        "HTTP/1.1 206 Partial Content\nContent-Range: bytes 7-11/12\nContent-Length: 5",
        f"HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-4/{'9' * 5000}\nContent-Length: 5",
        "HTTP/1.1 416 No\nContent-Length: 0",
        "HTTP/1.1 302 Found\nContent-Length: 0",
        "\xff\xfe garbage",
        "HTTP/1.1 200 OK\n" + "\n".join(["X: y"] * 2000),
        "HTTP/1.1 200 OK\nX: " + "y" * 100_000,
    ],
)
def test_nonsense_is_an_error_of_ours(get: Callable[..., Path], tmp_path: Path, head: str) -> None:
    with pytest.raises(SourceError):
        get(head)
    assert "w.bin" not in left(tmp_path)


@pytest.mark.parametrize("tag", [b'"v1"\r\nX-Evil: 1', b"\xff", b""])
def test_a_damaged_note_of_the_version_starts_over(get: Callable[..., Path], tmp_path: Path, tag: bytes) -> None:
    (tmp_path / "w.bin.part").write_bytes(b"abc")
    (tmp_path / "w.bin.part.tag").write_bytes(tag)
    assert get(f"HTTP/1.1 200 OK\nContent-Length: {len(BODY)}").read_bytes() == BODY
    (tmp_path / "w.bin.sha256").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInputError, match="damaged or was replaced"):
        get("HTTP/1.1 500 No")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:S3cret@127.0.0.1:{port}/x?token=S3cret",
        "http://user:S3cret@[127.0.0.1/",
        "http://user:S3cret@127.0.0.1:abc/",
        "http://user:S3cret@/",
        "ftp://user:S3cret@127.0.0.1/",
        "http://user:S3cret@" + "a" * 300 + "/x",
        "http://127.0.0.1:{port}/é \n?sig=S3cret",
    ],
)
def test_addresses_that_lead_nowhere_show_no_secret(tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(TrackforgeError) as failure:
        fetch(url.format(port=port), tmp_path / "w.bin", timeout=5)
    assert "S3cret" not in str(failure.value) + str(failure.value.__cause__) + caplog.text


def test_a_checksum_is_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="64 hexadecimal digits"):
        fetch("http://127.0.0.1:1/x", tmp_path / "w.bin", sha256="zz")
