"""A server as its clients see it: what it tells, tracks, saves and counts."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bright_detector import BrightConfig, BrightDetector, encoded, scene
from http_servers import Camera
from served import PATIENCE, Server, served, until

import trackforge
from trackforge.cli import main
from trackforge.serving import step_json
from trackforge.types import Frame


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("server"), "--tracker", "byte") as running:
        yield running


def offline(seed: int, frames: int) -> list[dict[str, object]]:
    session = trackforge.Session(BrightDetector(BrightConfig()), "byte")
    return [step_json(session.step(Frame(index=k, image=scene(k, seed))), ("light",)) for k in range(frames)]


def test_two_cameras_by_turns_are_tracked_as_offline(server: Server) -> None:
    ids = [server.open(name=f"camera {seed}") for seed in (1, 2)]
    got: list[list[dict[str, object]]] = [[], []]
    for k in range(12):
        for one, seed in enumerate((1, 2)):
            answer = server.frame(ids[one], encoded(scene(k, seed)))
            assert answer.status == 200, answer.body
            got[one].append(answer.json)
    for one, seed in enumerate((1, 2)):
        assert got[one] == offline(seed, 12)
        assert any(step["tracks"] for step in got[one])
        told = server.get(f"/v1/sessions/{ids[one]}").json
        assert (told["frames"], told["dropped"], told["last_step"]) == (12, 0, got[one][-1])
        assert server.ask("DELETE", f"/v1/sessions/{ids[one]}").json["frames"] == 12
        assert server.get(f"/v1/sessions/{ids[one]}").status == 410


def test_pictures_are_found_in_without_a_session(server: Server) -> None:
    picture = scene(3)
    answer = server.ask("POST", "/v1/detect", encoded(picture), Content_Type="image/png")
    assert answer.status == 200
    found = BrightDetector(BrightConfig()).detect([Frame(index=0, image=picture)])[0]
    assert [one["xyxy"] for one in answer.json["detections"]] == found.xyxy.tolist()
    assert {one["class"] for one in answer.json["detections"]} == {"light"}
    for kind, name in ((".jpg", "image/jpeg"), (".webp", "image/webp"), (".bmp", "image/bmp"), (".png", "image/jpeg")):
        answer = server.ask("POST", "/v1/detect", encoded(picture, kind), Content_Type=name)
        assert answer.status == 200, kind  # what it is the content says
        assert len(answer.json["detections"]) == len(found)


def test_trackers_of_requests_are_their_own(server: Server) -> None:
    one = server.open(tracker={"name": "byte", "min_hits": 1}, name="eager")
    other = server.open(tracker="sort")
    assert server.frame(one, encoded(scene(0))).json["tracks"]
    assert server.frame(other, encoded(scene(0))).status == 200
    listed = {session["id"]: session["name"] for session in server.get("/v1/sessions").json["sessions"]}
    assert listed[one] == "eager"
    assert other in listed


def test_what_is_served_is_told(server: Server) -> None:
    assert server.get("/v2").json["name"] == "trackforge"
    told = server.get("/v2/models/bright").json
    assert told["classes"] == ["light"]
    assert told["card"]["tracker"]["name"] == "byte"
    assert {one["name"] for one in told["outputs"]} == {"xyxy", "score", "class_id", "track_id"}
    assert server.get("/v2/models/bright/ready").json == {"name": "bright", "ready": True}
    assert server.get("/v2/models/other").status == 404
    assert server.get("/v2/models/other/ready").status == 404
    head = server.ask("HEAD", "/v2")
    assert (head.status, head.body) == (200, b"")
    wrong = server.ask("PUT", "/v1/sessions")
    assert wrong.status == 405
    assert set(wrong.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_metrics_count_and_their_number_is_bounded(server: Server) -> None:
    frames = server.metric("trackforge_detector_frames_total")
    named = server.open(name="gate")
    server.frame(named, encoded(scene(0)))
    series = f'trackforge_session_frames_total{{session="gate:{named[:8]}"}}'
    assert server.metric(series) == 1
    assert server.metric("trackforge_detector_frames_total") == frames + 1
    many = [server.open() for _ in range(130)]
    for session in many[-40:]:
        assert server.frame(session, encoded(scene(0))).status == 200
    for k in range(50):  # paths, methods and names of anybody's choice
        server.get(f"/v1/made-up-{k}")
        server.ask(f"MADE{k}", "/v1/sessions")
    text = server.get("/metrics").body.decode()
    lines = [line for line in text.splitlines() if line.startswith("trackforge_session_frames_total{")]
    assert len(lines) == 101
    assert 'trackforge_session_frames_total{session="other"} ' in text
    assert server.metric('trackforge_session_frames_total{session="other"}') >= 30
    others = server.metric('trackforge_session_frames_total{session="other"}')
    server.ask("DELETE", f"/v1/sessions/{many[0]}")  # one that has a series of its own, and one that has not
    server.ask("DELETE", f"/v1/sessions/{many[-1]}")
    assert server.metric('trackforge_session_frames_total{session="other"}') == others  # which never falls
    assert "made-up" not in text
    assert "MADE" not in text
    assert not any(session in text for session in many)
    before = server.metric("trackforge_sessions_open")
    for session in many[1:-1]:
        assert server.ask("DELETE", f"/v1/sessions/{session}").json["frames"] in (0, 1)
    assert server.metric("trackforge_sessions_open") == before - 128


def test_too_many_requests_at_once_are_told_to_wait(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with served(tmp_path, "--max-requests", 2, "--set", f"detector.gate={gate}") as server:
        sessions = [server.open() for _ in range(3)]
        gate.touch()
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda one=one: answers.append(server.frame(one, encoded(scene(0))).status))
            for one in sessions[:2]
        ]
        for thread in threads:
            thread.start()
        until(lambda: server.metric("trackforge_http_requests_at_work") >= 3)
        refused = server.frame(sessions[2], encoded(scene(0)))
        assert refused.status == 503
        assert refused.headers["Retry-After"] == "1"
        assert server.get("/v1/sessions").status == 200  # what is light gets through
        gate.unlink()
        for thread in threads:
            thread.join(PATIENCE)
        assert answers == [200, 200]


def test_two_requests_of_one_session_at_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with served(tmp_path, "--request-timeout", 3, "--set", f"detector.gate={gate}") as server:
        session = server.open()
        gate.touch()
        first: list[object] = []
        thread = threading.Thread(target=lambda: first.append(server.frame(session, encoded(scene(0))).status))
        thread.start()
        until(lambda: server.metric("trackforge_http_requests_at_work") >= 2)
        second = server.frame(session, encoded(scene(0)))
        assert second.status == 409
        assert second.json["type"] == "urn:trackforge:problem:session-in-use"
        thread.join(PATIENCE)
        assert first == [504]  # the detector does not come back within the time for a request
        gate.unlink()
        until(lambda: server.frame(session, encoded(scene(0))).status == 200)


def test_cameras_of_the_command_are_tracked_from_the_start(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """On an open server too, whose clients may add none: who starts it names them."""
    camera = Camera(200, wait=lambda _: time.sleep(0.02))
    with served(tmp_path, camera.address(), "--host", "0.0.0.0") as server:
        until(lambda: server.get("/v1/cameras").json["cameras"])
        (listed,) = server.get("/v1/cameras").json["cameras"]
        assert len(listed["id"]) == 8
        until(lambda: server.get("/v1/cameras").json["cameras"][0]["frames"] > 3)
        assert server.ask("POST", "/v1/cameras", {"address": camera.address()}).status == 403
        assert server.end(signal.SIGTERM) == 0
    assert main(["serve", "file:///etc/passwd", "--detector", "motion", "--port", "0"]) == 1
    assert "camera must be an address" in capfd.readouterr().err
