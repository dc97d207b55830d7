"""What a server refuses, and that it lives on: bodies, pictures, paths, names, sessions of others, foreign pages."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bright_detector import encoded, scene
from served import PATIENCE, Server, served, until
from slow_pictures import many_scans

PICTURE = encoded(scene(0))
LIMIT = 200_000
WAIT = 1.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = ("--max-body", LIMIT, "--max-pixels", 200_000, "--request-timeout", WAIT, "--max-sessions", 6)
    with served(tmp_path_factory.mktemp("attacked"), *limits, "--max-connections", 30) as running:
        yield running


@pytest.fixture(autouse=True)
def lives_on(server: Server) -> Iterator[None]:
    """Whatever a test does, the server tracks the next frame of a session, and nothing failed that nobody expected."""
    yield
    session = server.open(name="witness")
    answer = server.frame(session, PICTURE)
    assert answer.status == 200
    assert answer.json["frame"] == 0
    for one in server.get("/v1/sessions").json["sessions"]:
        assert server.ask("DELETE", f"/v1/sessions/{one['id']}").status == 200
    assert "Traceback" not in server.log


def talk(server: Server, sent: bytes, *, then: bytes = b"") -> bytes:
    """Send bytes and return everything that comes back until the server hangs up."""
    with server.raw() as connection:
        connection.sendall(sent)
        came = b""
        with contextlib.suppress(ConnectionError):
            if then:
                connection.sendall(then)
            while piece := connection.recv(65536):
                came += piece
        return came


def head(server: Server, line: str, *headers: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", *headers, "", ""]).encode("latin-1")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("path", ["/v1/detect", "/v1/sessions"])
def test_bodies_of_other_kinds_and_in_encodings_are_refused(server: Server, path: str) -> None:
    for kind in ("text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "image/svg+xml"):
        answer = server.ask("POST", path, PICTURE, Content_Type=kind)
        assert answer.status == 415, kind
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert kind.split(";")[0] in answer.json["detail"]
    answer = server.ask("POST", path, zlib.compress(PICTURE), Content_Encoding="gzip")
    assert answer.status == 415
    assert "Content-Encoding" in answer.json["detail"]


def test_what_is_no_picture_and_what_is_too_large_one_is_refused(server: Server) -> None:
    def png(width: int, height: int, data: bytes) -> bytes:
        made = b"\x89PNG\r\n\x1a\n"
        for kind, content in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            (b"IDAT", data),
            (b"IEND", b""),
        ):
            made += struct.pack(">I", len(content)) + kind + content
            made += struct.pack(">I", zlib.crc32(kind + content))
        return made

    bomb = png(60_000, 60_000, zlib.compress(bytes(50_000_000), 9))
    assert len(bomb) < LIMIT
    for body, expected in (
        (b"", 400),
        (b"<html><script>alert(1)</script></html>", 400),
        (PICTURE[: len(PICTURE) // 2], 400),
        (encoded(scene(0), ".jpg")[:-200], 400),
        (b"GIF89a" + bytes(100), 400),
        (png(400, 400, zlib.compress(bytes(10))), 400),
        (bomb, 413),
        (png(2**31 - 1, 2**31 - 1, b""), 413),
        (encoded(np.zeros((500, 500, 3), np.uint8)), 413),
    ):
        answer = server.ask("POST", "/v1/detect", body, Content_Type="image/png")
        assert answer.status == expected, (body[:20], answer.body)
        assert answer.json["status"] == expected
        assert answer.json["detail"]


def test_a_picture_that_would_take_minutes_is_refused(server: Server) -> None:
    session = server.open()
    for body in (many_scans(400, 480, 1200), many_scans(400, 480, 90)):
        answer = server.frame(session, body)
        assert (answer.status, "scans" in answer.json["detail"]) == (400, True)
    assert server.frame(session, many_scans(400, 480, 12)).status == 200


def test_a_body_that_is_too_long_is_refused_before_it_comes_and_the_refusal_arrives(server: Server) -> None:
    announced = head(server, "POST /v1/detect", "Content-Type: image/png", f"Content-Length: {10**12}")
    begun = time.monotonic()
    answer = talk(server, announced)
    assert status(answer) == 413
    assert b"connection: close" in answer.lower()
    assert time.monotonic() - begun < PATIENCE

    whole = bytes(LIMIT + 1_000_000)  # whoever sends all of it first finds the answer, too
    answer = talk(
        server, head(server, "POST /v1/detect", "Content-Type: image/png", f"Content-Length: {len(whole)}"), then=whole
    )
    assert status(answer) == 413
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["type"].endswith("too-large")

    waits = head(
        server, "POST /v1/detect", "Content-Type: image/png", "Content-Length: 99999999", "Expect: 100-continue"
    )
    assert status(talk(server, waits)) == 413  # and never "100 Continue"


def test_a_chunked_body_without_end_is_refused(server: Server) -> None:
    with server.raw() as connection:
        connection.sendall(head(server, "POST /v1/detect", "Content-Type: image/png", "Transfer-Encoding: chunked"))
        sent, piece = 0, b"10000\r\n" + bytes(0x10000) + b"\r\n"
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.settimeout(PATIENCE)
            while sent < 1000 * len(piece):
                connection.sendall(piece)
                sent += len(piece)
        assert sent < 1000 * len(piece)
    until(lambda: server.metric('trackforge_http_requests_total{method="POST",route="/v1/detect",status="413"}') > 0)
    for wrong in (b"zz\r\nabc\r\n", b"-5\r\nabc\r\n", b"f" * 30 + b"\r\nabc"):
        broken = head(server, "POST /v1/detect", "Content-Type: image/png", "Transfer-Encoding: chunked") + wrong
        assert talk(server, broken)[:13] in (b"HTTP/1.1 400 ", b"")


def test_what_is_no_body_is_refused_while_it_is_read(server: Server) -> None:
    with server.raw() as connection:
        connection.sendall(head(server, "POST /v1/detect", "Content-Type: image/png", "Transfer-Encoding: chunked"))
        connection.sendall(b"5\r\nabcde\r\n")
        until(lambda: server.metric("trackforge_http_requests_at_work") >= 2)
        connection.sendall(b"no chunk\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    until(lambda: server.metric("trackforge_http_requests_at_work") == 1)


def test_two_lengths_and_smuggled_requests_are_refused(server: Server) -> None:
    for headers in (
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: -1",),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("Bad Header : x",),
        ("X-A: b\r\n folded",),
        ("X: \x00",),
    ):
        sent = (
            head(server, "POST /v1/detect", *headers, "Connection: close")
            + b"0\r\n\r\nGET /v1/sessions HTTP/1.1\r\n\r\n"
        )
        answer = talk(server, sent)
        assert answer.count(b"HTTP/1.1 ") == 1, (headers, answer)
        assert 400 <= status(answer) <= 501, (headers, answer)
    for length in (17_000, 40_000, 100_000, 300_000):
        assert status(talk(server, head(server, "GET /healthz?" + "a" * length))) in (200, 400, 431)
    for headers in ([f"X-{k}: {'a' * 1000}" for k in range(60)], [f"X: {'a' * 100_000}"], ["a: b"] * 10_000):
        assert status(talk(server, head(server, "GET /healthz", *headers))) == 431


@pytest.mark.parametrize("sent", ["nothing", "half a head", "half a body", "a byte now and then", "head now and then"])
def test_who_sends_nothing_or_slowly_is_sent_away_in_time(server: Server, sent: str) -> None:
    whole = head(server, "POST /v1/detect", "Content-Type: image/png", "Content-Length: 100000")
    begun = time.monotonic()
    with server.raw() as connection:
        drip = b"a"
        if sent == "half a head":
            connection.sendall(whole[:30])
        elif sent == "half a body":
            connection.sendall(whole + bytes(5_000))
        elif sent == "a byte now and then":
            connection.sendall(whole)
        elif sent == "head now and then":
            connection.sendall(whole[:-2])
            drip = b"X-More: y\r\n"
        came = b""
        connection.settimeout(0.1)
        while time.monotonic() - begun < PATIENCE:
            try:
                if "now and then" in sent:
                    connection.sendall(drip)
                piece = connection.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            if not piece:
                break
            came += piece
    assert WAIT - 0.5 < time.monotonic() - begun < PATIENCE
    if sent in ("half a body", "a byte now and then"):
        assert status(came) == 408
        assert b"slow-body" in came
    else:
        assert not came


def test_who_hangs_up_within_a_body_disturbs_nobody(server: Server) -> None:
    session = server.open()
    gone = 'trackforge_http_requests_total{method="POST",route="/v1/sessions/{session_id}/frames",status="499"}'
    before = server.metric(gone)
    for reset in (False, True):
        length = f"Content-Length: {len(PICTURE)}"
        with server.raw() as connection:
            connection.sendall(head(server, f"POST /v1/sessions/{session}/frames", "Content-Type: image/png", length))
            connection.sendall(PICTURE[:100])
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert server.frame(session, PICTURE).json["frame"] == 0
    until(lambda: server.metric(gone) == before + 2)


TRICKS = (
    "/../../../etc/passwd",
    "/static/../../../../etc/passwd",
    "/static/..%2f..%2f..%2fetc%2fpasswd",
    "/static/%2e%2e/%2e%2e/server.py",
    "/static//etc/passwd",
    "/static/..%5c..%5cserver.py",
    "/static/%00",
    "/v1/sessions/..%2f..%2fetc%2fpasswd",
    "/v1/sessions/%2e%2e/metrics",
    "/v1/sessions/a%00b/state",
    "/v1/sessions/a%0d%0aX-Evil:%201/state",
    "/v1/sessions/" + "a" * 5000,
    "/v1/sessions/%ff%fe",
    "/v1/sessions/{session_id}",
    "/v1/films/..%2f..%2fetc%2fpasswd/results.txt",
    "/v1/films/../../etc/results.mp4",
    "/v1/cameras/..%2f..%2f/steps",
    "/v2/models/..%2f..%2fetc%2fpasswd",
    "//evil.example/v1/sessions",
    "/%2e%2e/%2e%2e/etc/passwd",
)


@pytest.mark.parametrize("path", TRICKS)
def test_paths_lead_nowhere(server: Server, path: str) -> None:
    answer = talk(server, head(server, f"GET {path}", "Connection: close"))
    assert status(answer) in (400, 404), answer[:200]
    assert b"root:" not in answer
    assert b"X-Evil" not in answer.partition(b"\r\n\r\n")[0]


def test_the_absolute_form_of_an_address_asks_no_other_server(server: Server) -> None:
    answer = talk(server, head(server, "GET http://evil.example/readyz", "Connection: close"))
    assert status(answer) == 404
    assert status(talk(server, head(server, "CONNECT evil.example:80", "Connection: close"))) in (400, 404, 405)


def test_sessions_of_nobody_of_others_and_of_the_past(server: Server, tmp_path: Path) -> None:
    session = server.open()
    for other in ("0" * 32, session.upper(), session[:-1], session + "0", session[::-1], "None", "session_id"):
        for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/frames"), ("GET", "/state")):
            body = PICTURE if method == "POST" else None
            answer = server.ask(method, f"/v1/sessions/{other}{tail}", body, Content_Type="image/png")
            assert answer.status == 404, (other, tail, answer.body)
            assert session not in answer.body.decode()
    with served(tmp_path) as other_server:
        assert other_server.frame(session, PICTURE).status == 404  # stolen: it opens nothing elsewhere
    assert server.ask("DELETE", f"/v1/sessions/{session}").status == 200
    answer = server.frame(session, PICTURE)
    assert answer.status == 410
    assert "closed" in answer.json["detail"]

    brief = server.open(ttl=1)
    until(lambda: server.get(f"/v1/sessions/{brief}").status == 410)
    answer = server.frame(brief, PICTURE)
    assert answer.status == 410
    assert "expired" in answer.json["detail"]
    assert session not in server.log
    assert session[:8] in server.log


def test_too_many_sessions_are_refused_and_room_is_made(server: Server) -> None:
    sessions = [server.open() for _ in range(6)]
    answer = server.ask("POST", "/v1/sessions", {})
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert server.frame(sessions[0], PICTURE).status == 200
    assert server.ask("DELETE", f"/v1/sessions/{sessions[0]}").status == 200


def test_names_steer_no_header_no_log_and_no_metric(server: Server) -> None:
    for name in ("a\r\nX-Evil: 1", "a\nb", "\x1b[2J", "\u202etxt", "a" * 300, "\ud800"):
        answer = server.ask("POST", "/v1/sessions", {"name": name})
        assert answer.status == 400, name
        assert "X-Evil" not in answer.headers
    session = server.open(name='q"uote}\\ und ß')
    assert b'session="q\\"uote}\\\\ und \xc3\x9f:' in server.get("/metrics").body
    answer = server.frame(session, PICTURE, "?name=a%0d%0aX-Evil:1")
    assert answer.status == 400
    assert "X-Evil" not in answer.headers
    answer = server.get("/healthz", X_Request_Id="mine-7")
    assert answer.headers["X-Request-Id"] == "mine-7"
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"  # as of W3C's Trace Context, and as ids of sessions are made
    assert server.get("/v1/sessions/nosuch", X_Request_Id=trace).json["request_id"] == trace
    until(lambda: trace in server.log)
    for given in ("a b", "x" * 65, "<script>", "a;b=c"):
        assert server.get("/healthz", X_Request_Id=given).headers["X-Request-Id"] != given
    evil = head(server, "GET /v1/evil%0d%0a2026-01-01%20info%20forged", "Connection: close")
    assert status(talk(server, evil)) == 404
    assert "\n2026-01-01 info forged" not in server.log
    until(lambda: r"evil\r\n2026" in server.log)


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"7", b"null", b'"x"', b"{", b"\xff\xfe{}", b'{"name": 7}', b'{"policy": "all"}', b'{"ttl": 0}',
        b'{"ttl": "30"}', b'{"ttl": true}', b'{"ttl": NaN}', b'{"ttl": 1e999}', b'{"frame_rate": -1}', b'{"limt": "x"}',
        b'{"name": "a", "name": "b"}', b"[" * 100_000, b'{"tracker": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
        b'{"ttl": ' + b"9" * 10_000 + b"}", b'{"tracker": "../../etc/passwd"}', b'{"tracker": "nosuch"}',
        b'{"tracker": {"name": "byte", "nosuch": 1}}', b'{"tracker": {"name": "byte", "min_hits": "x"}}',
        b'{"tracker": []}', b'{"state": "x"}', b'{"sinks": ["/tmp/x.txt"]}',
    ],
)  # fmt: skip
def test_openings_that_say_something_wrong_are_refused(server: Server, body: bytes) -> None:
    answer = server.ask("POST", "/v1/sessions", body, Content_Type="application/json")
    assert answer.status == 400, answer.body
    assert answer.json["detail"]
    assert len(answer.body) < 3000


@pytest.mark.parametrize(
    "query",
    ["index=-1", "index=1.5", "index=x", "index=" + "9" * 30, "timestamp=nan", "timestamp=inf", "index=1&index=2",
     "idnex=1", "timestamp=", "index=%F0%9D%9F%99"],
)  # fmt: skip
def test_parameters_that_are_wrong_are_refused(server: Server, query: str) -> None:
    session = server.open()
    answer = server.frame(session, PICTURE, "?" + query)
    assert answer.status == 400, answer.body


def test_frames_that_go_back_are_refused_and_the_session_goes_on(server: Server) -> None:
    session = server.open()
    assert server.frame(session, PICTURE, "?index=5&timestamp=1.5").json["timestamp"] == 1.5
    for query in ("?index=5", "?index=3", "?timestamp=1.5", "?timestamp=-3"):
        assert server.frame(session, PICTURE, query).status == 400
    assert server.frame(session, PICTURE).json["frame"] == 6


def test_states_that_are_none_are_refused(server: Server) -> None:
    session = server.open()
    server.frame(session, PICTURE)
    state = server.get(f"/v1/sessions/{session}/state").body
    for body in (b"", b"x" * 100, state[:-1], state[: len(state) // 2], b"PK\x03\x04" + bytes(60), state[::-1]):
        answer = server.ask("POST", "/v1/sessions/restore", body, Content_Type="application/octet-stream")
        assert answer.status == 400, answer.body


def test_pages_of_others_change_nothing(server: Server) -> None:
    own = f"http://127.0.0.1:{server.port}"
    session = server.open()
    for origin in ("http://evil.example", "null", "http://127.0.0.1", f"{own}.evil.example", "file://", own + "0", ""):
        for method, path in (("POST", "/v1/sessions"), ("DELETE", f"/v1/sessions/{session}"), ("POST", "/v1/detect")):
            answer = server.ask(method, path, Origin=origin)
            assert answer.status == 403, (origin, path)
            assert "Access-Control-Allow-Origin" not in answer.headers
    for site in ("cross-site", "same-site"):
        assert server.ask("POST", "/v1/sessions", Sec_Fetch_Site=site).status == 403
    assert server.ask("OPTIONS", "/v1/sessions", Origin="http://evil.example").status == 405
    read = server.get("/v1/sessions", Origin="http://evil.example")  # a browser gives the page nothing of it
    assert "Access-Control-Allow-Origin" not in read.headers
    assert read.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert server.ask("DELETE", f"/v1/sessions/{session}", Origin=own).status == 200


def test_names_of_others_that_lead_here_are_refused(server: Server) -> None:
    for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1.evil.example", "a b", "[::1", "0.0.0.0"):
        answer = talk(server, f"GET /v1/sessions HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert status(answer) == 421, host
    for host in ("localhost", f"LOCALHOST:{server.port}", "127.0.0.1", "[::1]:80", "127.8.9.1", "localhost."):
        answer = talk(server, f"GET /v1/sessions HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert status(answer) == 200, host
    assert status(talk(server, b"GET /healthz HTTP/1.0\r\n\r\n")) == 421
    assert status(talk(server, b"GET /healthz HTTP/1.1\r\n\r\n")) == 400
    assert status(talk(server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n")) == 400


def test_every_answer_forbids_guessing_and_framing(server: Server) -> None:
    for path in ("/healthz", "/docs", "/openapi.json", "/nothing", "/v1/sessions", "/metrics"):
        headers = server.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe-inline" not in headers["Content-Security-Policy"].partition("style-src")[0]
        assert "Server" not in headers


def test_more_connections_than_may_be_are_told_to_wait(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(server.raw()) for _ in range(30)]
        answer = b""
        for connection in [*held, stack.enter_context(server.raw())]:
            connection.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                answer += connection.recv(1000)
        assert b"503 Service Unavailable" in answer
        assert b"Retry-After: 5" in answer
    until(lambda: talk(server, head(server, "GET /healthz", "Connection: close")).startswith(b"HTTP/1.1 200"))
