"""How servers begin and end: loading, failing, stopping with work at hand, killed and gone on."""

from __future__ import annotations

import json
import signal
import socket
import threading
from pathlib import Path

import pytest
from bright_detector import encoded, scene
from served import PATIENCE, Server, served, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from trackforge.cli import main

PICTURE = encoded(scene(0))


def test_a_server_that_loads_lives_and_is_not_ready(tmp_path: Path) -> None:
    loaded = tmp_path / "loaded"
    with served(tmp_path, "--set", f"detector.load={loaded}", ready=False) as server:
        assert server.get("/healthz").status == 200
        for path in ("/readyz", "/ping", "/v2/health/ready", "/v2/models/bright/ready"):
            answer = server.get(path)
            assert answer.status == 503, path
            assert int(answer.headers["Retry-After"]) > 0
        for path in ("/v1/detect", "/v1/sessions"):
            body = PICTURE if path == "/v1/detect" else {}
            assert server.ask("POST", path, body).status == 503, path
        assert server.metric("trackforge_ready") == 0
        loaded.touch()
        until(lambda: server.get("/readyz").status == 200)
        for path in ("/ping", "/v2/health/ready", "/v2/models/bright/ready", "/v2/models/trackforge"):
            assert server.get(path).status == 200, path
        assert server.metric("trackforge_ready") == 1
        assert server.end(signal.SIGTERM) == 0


def test_a_detector_that_cannot_be_made_ends_the_server(tmp_path: Path) -> None:
    with served(tmp_path, "--set", "detector.broken=true", ready=False) as server:
        assert server.process.wait(PATIENCE) == 1
        assert "it cannot be made" in server.log
        assert "Traceback" not in server.log


def test_what_cannot_be_served_is_said_before_anything_begins(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, said in (
            (("--port", port), "cannot be used"),
            (("--port", 70000), "65535"),
            (("--host", "192.0.2.1"), "cannot be used"),
            (("--host", "no.such.host.invalid"), "cannot be used"),
            (("--max-body", 0), "max_body"),
            (("--policy", "some"), "policy"),
            (("--detector", "nosuch"), "nosuch"),
            (("--quiet", "--verbose"), "not both"),
            (("--port", 0, "--port-file", "/dev/null/port"), "port"),
        ):
            motion = () if "--detector" in words else ("--detector", "motion")
            assert main(["serve", *motion, *map(str, words)]) in (1, 2), words
            told = capfd.readouterr().err
            assert said in told
            assert "Traceback" not in told
    assert main(["serve", "--detector", "motion", "--help-settings", "--json"]) == 0
    assert "motion" in str(json.loads(capfd.readouterr().out))


def test_a_stop_waits_for_what_is_at_work_and_takes_nothing_new(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with served(tmp_path, "--set", f"detector.gate={gate}", "--log-format", "json") as server:
        sessions = [server.open() for _ in range(3)]
        gate.touch()
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda one=one: answers.append(server.frame(one, PICTURE).status))
            for one in sessions[:2]
        ]
        for thread in threads:
            thread.start()
        address = f"ws://127.0.0.1:{server.port}/v1/sessions/{sessions[2]}/stream"
        with server.raw() as kept, connect(address, open_timeout=PATIENCE) as stream:  # kept: there before the stop
            stream.send(PICTURE)
            until(lambda: server.metric("trackforge_http_requests_at_work") >= 4)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "stopping" in server.log)
            with pytest.raises(ConnectionRefusedError):
                server.raw()
            kept.sendall(f"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
            refused = b""
            while b"}" not in refused:
                refused += kept.recv(65536)
            assert b" 503 " in refused.split(b"\r\n")[0]
            assert b"draining" in refused
            assert server.process.poll() is None
            gate.unlink()
            assert json.loads(stream.recv(timeout=PATIENCE))["frame"] == 0
            with pytest.raises(ConnectionClosed) as closed:
                stream.recv(timeout=PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        for thread in threads:
            thread.join(PATIENCE)
        assert answers == [200, 200]
        assert server.process.wait(PATIENCE) == 0
        for line in server.log.splitlines():
            assert {"time", "level", "message"} <= json.loads(line).keys()


def test_a_stop_gives_up_after_the_grace(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with served(tmp_path, "--set", f"detector.gate={gate}", "--grace", 1) as server:
        session = server.open()
        gate.touch()
        answers: list[object] = []

        def ask() -> None:
            try:
                answer = server.frame(session, PICTURE)
                answers.append((answer.status, answer.json["type"]))
            except OSError as error:
                answers.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        until(lambda: server.metric("trackforge_http_requests_at_work") >= 2)
        assert server.end(signal.SIGTERM) == 0
        thread.join(PATIENCE)
        assert answers == [(503, "urn:trackforge:problem:draining")]
        assert "Traceback" not in server.log


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with served(tmp_path, "--set", f"detector.gate={gate}", "--grace", 1000) as server:
        session = server.open()
        gate.touch()
        with server.raw() as connection:
            connection.sendall(
                f"POST /v1/sessions/{session}/frames HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
                f"Content-Length: {len(PICTURE)}\r\n\r\n".encode()
                + PICTURE
            )
            until(lambda: server.metric("trackforge_http_requests_at_work") >= 2)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "stopping" in server.log)
            assert server.process.poll() is None
            assert server.end(signal.SIGINT) == 128 + signal.SIGINT


def test_killed_and_begun_again_a_session_goes_on_from_its_saved_state(tmp_path: Path) -> None:
    def steps(server: Server, session: str, frames: range) -> list[object]:
        return [server.frame(session, encoded(scene(k, 5))).json for k in frames]

    with served(tmp_path, "--tracker", "byte") as server:
        whole = steps(server, server.open(), range(16))
        session = server.open(name="gate", frame_rate=10)
        first = steps(server, session, range(8))
        state = server.get(f"/v1/sessions/{session}/state").body
        steps(server, session, range(8, 11))  # lost with the server
        server.process.kill()
        assert server.process.wait(PATIENCE) == -signal.SIGKILL
    with served(tmp_path, "--tracker", "byte") as server:
        assert server.frame(session, PICTURE).status == 404
        answer = server.ask("POST", "/v1/sessions/restore", state, Content_Type="application/octet-stream")
        assert answer.status == 201, answer.body
        assert answer.json["name"] == "gate"
        assert answer.json["frames"] == 8
        second = steps(server, answer.json["id"], range(8, 16))
    both = [{**step, "timestamp": None} for step in [*first, *second]]
    assert both == whole


def test_a_detector_that_remembers_serves_sessions_that_cannot_be_saved(tmp_path: Path) -> None:
    with served(tmp_path, detector="motion") as server:
        one, other = server.open(), server.open()
        for k in range(3):
            assert server.frame(one, encoded(scene(k))).status == 200
        assert server.frame(other, PICTURE).json["frame"] == 0
        answer = server.get(f"/v1/sessions/{one}/state")
        assert answer.status == 400
        assert "remembers" in answer.json["detail"]
        assert server.ask("POST", "/v1/detect", PICTURE, Content_Type="image/png").status == 400


def test_a_server_that_loads_can_be_stopped(tmp_path: Path) -> None:
    with served(tmp_path, "--set", f"detector.load={tmp_path / 'never'}", "--grace", 1, ready=False) as server:
        assert server.get("/readyz").status == 503
        assert server.end(signal.SIGTERM) == 0
