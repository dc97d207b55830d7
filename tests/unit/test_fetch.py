"""Downloads over a real HTTP server on this machine: resumed, checked, locked, and honest when they fail."""

from __future__ import annotations

import hashlib
import http.server
import multiprocessing
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from trackforge.errors import InvalidInputError, SourceError
from trackforge.io import fetch as fetch_module
from trackforge.io.fetch import cache_folder, digest, fetch, verify

CONTENT = bytes(range(256)) * 8000  # 2 MB
SUM = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves ``content`` at every path but /missing; ``breaks`` has after how many bytes to hang up, by request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.ranges = True
        self.tag = '"v1"'
        self.breaks: list[int] = []
        self.failures: list[int] = []
        self.asked: list[str | None] = []
        self.delay = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers.get("Range"))
        time.sleep(server.delay)
        if self.path == "/missing" or server.failures:
            self.send_error(server.failures.pop(0) if server.failures else 404)
            return
        start = 0
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if found and server.ranges and self.headers.get("If-Range") == server.tag:
            start = int(found[1])
            if start >= len(server.content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        else:
            self.send_response(200)
        if server.tag:
            self.send_header("ETag", server.tag)
        body = server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.breaks:
            self.wfile.write(body[: server.breaks.pop(0)])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "PAUSE", 0.01)


def test_a_file_comes_once_and_its_checksum_is_kept(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(server.url, tmp_path / "deep" / "w.bin", progress=lambda have, total: seen.append((have, total)))
    assert path.read_bytes() == CONTENT
    assert (tmp_path / "deep" / "w.bin.sha256").read_text() == f"{SUM}  w.bin\n"
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [have for have, _ in seen] == sorted(have for have, _ in seen)
    assert fetch(server.url, path) == path
    assert len(server.asked) == 1
    assert sorted(p.name for p in path.parent.iterdir()) == ["w.bin", "w.bin.lock", "w.bin.sha256"]


def test_a_broken_download_goes_on_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.breaks = [700_000, 500_000]
    path = fetch(server.url, tmp_path / "w.bin", sha256=SUM)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=700000-", "bytes=1200000-"]


def test_another_run_goes_on_where_the_first_gave_up(server: Server, tmp_path: Path) -> None:
    server.breaks = [100_000] * fetch_module.ATTEMPTS
    with pytest.raises(SourceError, match=r"must be reachable.*put it at .*w\.bin"):
        fetch(server.url, tmp_path / "w.bin")
    assert not (tmp_path / "w.bin").exists()
    assert (tmp_path / "w.bin.part").stat().st_size == 100_000 * fetch_module.ATTEMPTS
    assert fetch(server.url, tmp_path / "w.bin", sha256=SUM).read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={100_000 * fetch_module.ATTEMPTS}-"


@pytest.mark.parametrize("way", ["no ranges", "no tag", "weak tag"])
def test_a_server_that_cannot_resume_is_asked_for_all(server: Server, tmp_path: Path, way: str) -> None:
    server.ranges = way != "no ranges"
    server.tag = {"no ranges": '"v1"', "no tag": "", "weak tag": 'W/"v1"'}[way]
    server.breaks = [700_000]
    assert fetch(server.url, tmp_path / "w.bin").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=700000-" if way == "no ranges" else None]


def test_a_file_that_changed_meanwhile_is_not_stitched_together(server: Server, tmp_path: Path) -> None:
    server.breaks = [700_000] * fetch_module.ATTEMPTS
    server.ranges = False
    with pytest.raises(SourceError):
        fetch(server.url, tmp_path / "w.bin")
    server.content, server.tag, server.ranges = CONTENT[::-1], '"v2"', True
    assert fetch(server.url, tmp_path / "w.bin").read_bytes() == CONTENT[::-1]


def test_a_part_longer_than_the_file_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "w.bin.part").write_bytes(CONTENT + b"x")
    (tmp_path / "w.bin.part.tag").write_text(server.tag)
    assert fetch(server.url, tmp_path / "w.bin").read_bytes() == CONTENT


def test_a_passing_failure_of_the_server_is_sat_out(server: Server, tmp_path: Path) -> None:
    server.failures = [503, 500]
    assert fetch(server.url, tmp_path / "w.bin").read_bytes() == CONTENT


def test_what_does_not_exist_is_asked_for_once(server: Server, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"Not Found.*download it elsewhere and put it at"):
        fetch(server.url.replace("weights.bin", "missing"), tmp_path / "w.bin")
    assert len(server.asked) == 1


def test_offline_says_where_to_put_the_file(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(SourceError, match=r"put it at .*w\.bin"):
        fetch(f"http://127.0.0.1:{port}/w.bin", tmp_path / "w.bin")
    (tmp_path / "w.bin").write_bytes(b"by hand")
    assert fetch(f"http://127.0.0.1:{port}/w.bin", tmp_path / "w.bin").read_bytes() == b"by hand"
    assert verify(tmp_path / "w.bin") == hashlib.sha256(b"by hand").hexdigest()


def test_damage_in_the_cache_is_noticed(server: Server, tmp_path: Path) -> None:
    path = fetch(server.url, tmp_path / "w.bin")
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(InvalidInputError, match=r"damaged or was replaced: delete it and w\.bin\.sha256"):
        fetch(server.url, path)
    path.unlink()
    assert digest(fetch(server.url, path)) == SUM


def test_a_download_of_another_checksum_is_thrown_away(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="what came has"):
        fetch(server.url, tmp_path / "w.bin", sha256="0" * 64)
    assert sorted(p.name for p in tmp_path.glob("w.bin*") if p.suffix not in (".lock", ".tag")) == []


def test_an_unwritable_place_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="TRACKFORGE_CACHE"):
        fetch(server.url, tmp_path / "file" / "w.bin")


def test_other_schemes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="must start with https"):
        fetch("file:///etc/hostname", tmp_path / "w.bin")


def _fetch(url: str, path: Path) -> None:
    fetch(url, path)


def test_processes_that_want_one_file_fetch_it_once(server: Server, tmp_path: Path) -> None:
    server.delay = 0.3
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_fetch, args=(server.url, tmp_path / "w.bin")) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(server.asked) == 1
    assert (tmp_path / "w.bin").read_bytes() == CONTENT


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRACKFORGE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TRACKFORGE_CACHE")
    assert "trackforge" in cache_folder().parts
