"""Frames over WebSockets: order, credit, policies, refusals, clients that vanish."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bright_detector import FAILS, encoded, scene
from served import PATIENCE, Server, served, until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

PICTURE = encoded(scene(0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("streams")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with served(
        folder, "--set", f"detector.gate={folder / 'gate'}", "--waiting", 3, "--max-body", 100_000, "--tracker", "byte"
    ) as running:
        yield running


@pytest.fixture
def gate(folder: Path) -> Iterator[Path]:
    """A file: while it is there, the detector does not come back."""
    path = folder / "gate"
    yield path
    path.unlink(missing_ok=True)


def stream(server: Server, session: str, **more: Any) -> Any:
    address = f"ws://127.0.0.1:{server.port}/v1/sessions/{session}/stream"
    return connect(address, open_timeout=PATIENCE, close_timeout=5, **more)


def told(client: ClientConnection) -> Any:
    return json.loads(client.recv(timeout=PATIENCE))


def test_steps_over_a_socket_are_those_of_requests(server: Server) -> None:
    requests, sockets = server.open(), server.open()
    with stream(server, sockets) as client:
        for k in range(10):
            picture = encoded(scene(k, 3))
            client.send(picture)
            assert told(client) == server.frame(requests, picture).json
        client.send(json.dumps({"index": 20, "timestamp": 2.5}))
        client.send(PICTURE)
        step = told(client)
        assert (step["frame"], step["timestamp"]) == (20, 2.5)
        assert server.metric("trackforge_websockets_open") == 1
    assert server.get(f"/v1/sessions/{sockets}").json["frames"] == 11
    until(lambda: server.metric("trackforge_websockets_open") == 0)


def test_of_every_frame_none_is_lost_and_more_than_may_wait_are_refused_in_their_places(
    server: Server, gate: Path
) -> None:
    session = server.open(policy="every")
    with stream(server, session) as client:
        gate.touch()
        for k in range(20):
            client.send(json.dumps({"index": k}))
            client.send(encoded(scene(k)))
        until(lambda: server.metric("trackforge_websocket_frames_total") >= 20)
        gate.unlink()
        answers = [told(client) for _ in range(20)]
    steps = [one["frame"] for one in answers if "frame" in one]
    refused = [one["problem"]["status"] for one in answers if "problem" in one]
    assert len(steps) + len(refused) == 20
    assert steps == sorted(steps)
    assert steps[:3] == [0, 1, 2]  # so many may wait; of the others it depends on when they come
    assert set(refused) == {429}
    assert server.get(f"/v1/sessions/{session}").json["dropped"] == 0


def test_of_the_newest_the_older_ones_give_way_and_are_counted(server: Server, gate: Path) -> None:
    session = server.open(policy="newest")
    with stream(server, session) as client:
        gate.touch()
        for k in range(30):
            client.send(json.dumps({"index": k}))
            client.send(encoded(scene(k)))
        before = server.metric("trackforge_websocket_frames_total")
        until(lambda: server.metric("trackforge_websocket_frames_total") >= before)
        gate.unlink()
        steps, dropped = [], 0
        while not steps or steps[-1] != 29:
            answer = told(client)
            dropped += answer.get("dropped", 0)
            if "frame" in answer:
                steps.append(answer["frame"])
    assert len(steps) + dropped == 30
    assert dropped > 0
    assert steps == sorted(steps)
    assert server.get(f"/v1/sessions/{session}").json["dropped"] == dropped
    assert server.metric(f'trackforge_session_dropped_total{{session="{session[:8]}"}}') == dropped


def test_a_wrong_picture_costs_that_picture_alone(server: Server) -> None:
    session = server.open()
    failing = scene(0)
    failing[:4, :4] = FAILS
    with stream(server, session) as client:
        for sent, status in (
            (b"no picture", 400),
            (b"", 400),
            ("{", 400),
            ('{"index": -1}', 400),
            ('{"nosuch": 1}', 400),
            (encoded(failing), 500),
        ):
            client.send(sent)
            answer = told(client)
            assert answer["problem"]["status"] == status, (sent, answer)
            assert "/secret" not in json.dumps(answer)
        client.send(PICTURE)
        assert told(client)["tracks"] is not None
        client.send(json.dumps({"index": 0}))
        client.send(PICTURE)
        assert told(client)["problem"]["status"] == 400
        client.send(PICTURE)
        assert "frame" in told(client)
    assert "it fails at such pictures" in server.log


def test_one_socket_or_request_at_a_time(server: Server, gate: Path) -> None:
    session = server.open()
    with stream(server, session) as client:
        answer = server.frame(session, PICTURE)
        assert answer.status == 409
        assert answer.headers["Retry-After"] == "1"
        with pytest.raises(InvalidStatus) as second, stream(server, session):
            pass
        assert second.value.response.status_code == 409
        client.send(PICTURE)
        assert told(client)["frame"] == 0
    until(lambda: server.frame(session, PICTURE).status == 200)


def test_what_is_longer_than_may_be_closes_the_socket(server: Server) -> None:
    session = server.open()
    with stream(server, session) as client:
        client.send(bytes(100_001))
        with pytest.raises(ConnectionClosed) as closed:
            told(client)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    until(lambda: server.frame(session, PICTURE).status == 200)


def test_a_session_that_is_closed_closes_its_socket(server: Server) -> None:
    session = server.open()
    with stream(server, session) as client:
        assert server.ask("DELETE", f"/v1/sessions/{session}").status == 200
        with pytest.raises(ConnectionClosed) as closed:
            told(client)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4410


def test_a_session_without_pictures_closes_its_socket_when_it_has_expired(server: Server) -> None:
    with stream(server, server.open(ttl=1)) as client:
        with pytest.raises(ConnectionClosed) as closed:
            told(client)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4408


def test_a_client_that_vanishes_frees_its_session(server: Server, gate: Path) -> None:
    session = server.open()
    for half in (False, True):
        with stream(server, session) as client:
            gate.touch()
            client.send(PICTURE)
            if half:  # within a message
                client.socket.sendall(b"\x82\xfe\x10\x00abcd" + bytes(100))
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.close()
        gate.unlink()
        until(lambda: server.frame(session, PICTURE).status == 200)
    until(lambda: server.metric("trackforge_websockets_open") == 0)
    assert server.metric("trackforge_body_bytes") == 0


def test_sockets_of_nobody_and_of_pages_of_others_are_refused(server: Server) -> None:
    session = server.open()
    for path, origin, expected in (
        ("0" * 32, None, 404),
        (session, "http://evil.example", 403),
        (session, "null", 403),
    ):
        with pytest.raises(InvalidStatus) as refused, stream(server, path, origin=origin):
            pass
        assert refused.value.response.status_code == expected
        assert refused.value.response.headers["Content-Type"] == "application/problem+json"
    with stream(server, session, origin=server.url) as own:
        own.send(PICTURE)
        assert told(own)["frame"] == 0
    plain = server.get(f"/v1/sessions/{session}/stream")
    assert plain.status == 426


def test_compression_is_not_spoken(server: Server) -> None:
    with stream(server, server.open(), compression="deflate") as client:
        assert "Sec-WebSocket-Extensions" not in client.response.headers


def test_pictures_of_all_that_wait_have_a_limit(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    limits = ("--max-waiting-bytes", 60_000, "--waiting", 50)  # a picture has 57,600 when it is decoded
    with served(tmp_path, "--set", f"detector.gate={gate}", *limits) as server:
        session = server.open()
        with stream(server, session) as client:
            gate.touch()
            for _ in range(8):
                client.send(PICTURE + bytes(20_000))
            until(lambda: server.metric("trackforge_websocket_frames_total") >= 8)
            other = server.open()
            refused = server.ask("POST", f"/v1/sessions/{other}/frames", bytes(60_001), Content_Type="image/png")
            assert refused.status in (400, 429, 503)
            gate.unlink()
            answers = [told(client) for _ in range(8)]
        assert any("tracks" in one for one in answers)
        assert {one["problem"]["status"] for one in answers if "problem" in one} <= {429, 503}
        assert any("problem" in one for one in answers)
        for name in ("trackforge_waiting_bytes", "trackforge_body_bytes"):
            assert server.metric(name) == 0
        assert server.frame(session, PICTURE).status == 200
