"""Cameras of a real server: pulled over HTTP and RTSP, watched by clients that stall and vanish, gone and back."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from bright_detector import BrightConfig, BrightDetector, encoded, scene
from camera_processes import Cameras
from served import PATIENCE, Server, served, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import trackforge
from trackforge.io.camera import CameraSource, CameraSourceConfig
from trackforge.serving import step_json

FRAMES = 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("server"), "--tracker", "byte", "--log-format", "json") as running:
        yield running


@pytest.fixture(scope="module")
def cameras() -> Iterator[Cameras]:
    cameras = Cameras()
    yield cameras
    cameras.stop()


def add(server: Server, address: str, **said: Any) -> str:
    answer = server.ask("POST", "/v1/cameras", {"address": address, **said})
    assert answer.status == 201, answer.body
    assert answer.headers["Location"] == f"/v1/cameras/{answer.json['id']}"
    return str(answer.json["id"])


def card(server: Server, camera: str) -> dict[str, Any]:
    return dict(server.get(f"/v1/cameras/{camera}").json)


def remove(server: Server, camera: str) -> None:
    assert server.ask("DELETE", f"/v1/cameras/{camera}").status == 200
    assert server.get(f"/v1/cameras/{camera}").status == 404


class Lines:
    """The lines of an answer, as they come."""

    def __init__(self, server: Server, path: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self._connection.request("GET", path)
        self.answer = self._connection.getresponse()
        assert self.answer.status == 200

    def next(self) -> Any:
        line = self.answer.readline()
        return json.loads(line) if line else None

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *error: object) -> None:
        self.answer.close()
        self._connection.close()


@contextlib.contextmanager
def watching(server: Server, camera: str) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{server.port}/v1/cameras/{camera}/stream", open_timeout=PATIENCE) as watcher:
        yield watcher


def look(watcher: ClientConnection) -> tuple[dict[str, Any], np.ndarray]:
    """Return a step and its picture, and give the word for the next."""
    said, data = watcher.recv(PATIENCE), watcher.recv(PATIENCE)
    assert isinstance(said, str)
    assert isinstance(data, bytes)
    watcher.send("next")
    return json.loads(said), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def closing(watcher: ClientConnection) -> int:
    """Look until the socket is closed, and return its code."""
    try:
        while True:
            look(watcher)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else 0


def offline(address: str) -> list[dict[str, Any]]:
    source = CameraSource(CameraSourceConfig(path=address, latest=False, reconnect=0))
    steps = trackforge.track(source, BrightDetector(BrightConfig()), "byte")
    return [step_json(step, ("light",)) for step in steps]


def test_four_cameras_at_once_are_tracked_as_offline(server: Server, cameras: Cameras, tmp_path: Path) -> None:
    gate = tmp_path / "go"
    asked = f"?frames={FRAMES}&fps=100&after={gate}"
    addresses = [cameras.http(f"ts/{seed}{asked}") for seed in (1, 2)] + [
        cameras.rtsp(f"{seed}{asked}") for seed in (3, 4)
    ]
    ids = [add(server, address, policy="every", timeout=60) for address in addresses]
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(Lines(server, f"/v1/cameras/{one}/steps")) for one in ids]
        gate.touch()
        got = [[told.next() for _ in range(FRAMES)] for told in lines]
    for address, one, steps in zip(addresses, ids, got, strict=True):
        wanted = offline(address)
        assert len(wanted) == FRAMES
        assert any(step["tracks"] for step in wanted)
        assert steps == wanted
        told = card(server, one)
        assert told["dropped"] == 0
        assert told["frames"] >= FRAMES  # more, once the camera has been reached again
        remove(server, one)


def test_a_watcher_sees_each_step_on_its_picture(server: Server, cameras: Cameras) -> None:
    camera = add(server, cameras.http("mjpeg/5?fps=30"), name="gate")
    with watching(server, camera) as watcher:
        numbers, tracked = [], 0
        for _ in range(15):
            step, picture = look(watcher)
            assert picture.shape == (step["height"], step["width"], 3)
            numbers.append(step["frame"])
            for track in step["tracks"]:
                x1, y1, x2, y2 = (round(value) for value in track["xyxy"])
                if min(x1, y1) >= 0 and x2 <= step["width"] and y2 <= step["height"] and (x2 - x1) * (y2 - y1) > 100:
                    assert picture[y1:y2, x1:x2].mean() > 150  # the box is where the light is, in this very picture
                    tracked += 1
        assert numbers == sorted(set(numbers))
        assert tracked > 10
        assert card(server, camera)["watchers"] == 1
    until(lambda: card(server, camera)["watchers"] == 0)
    assert server.metric(f'trackforge_camera_frames_total{{camera="gate:{camera[:8]}"}}') >= 15
    remove(server, camera)


def test_watchers_that_stall_or_vanish_hold_up_nobody(server: Server, cameras: Cameras) -> None:
    camera = add(server, cameras.http("ts/6?fps=50"))
    until(lambda: card(server, camera)["frames"] > 3)
    stalled = []
    for path in ("stream.mjpeg", "steps", "stream.mjpeg?boxes=false"):  # ask, and never read
        one = socket.create_connection(("127.0.0.1", server.port))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(f"GET /v1/cameras/{camera}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        stalled.append(one)
    with watching(server, camera) as lazy, watching(server, camera) as keen:
        first, _ = look(keen)
        lazy.recv(PATIENCE)  # and gives no word
        until(lambda: card(server, camera)["watchers"] == 5)
        before = card(server, camera)["frames"]
        seen = [look(keen)[0] for _ in range(40)]
        assert seen[-1]["frame"] > first["frame"]
        until(lambda: card(server, camera)["frames"] >= before + 40)
        lazy.recv(PATIENCE)
        lazy.send("next")
        late = json.loads(lazy.recv(PATIENCE))
        assert late["missed"] > 20
        assert late["frame"] >= seen[-1]["frame"]  # the newest, not the next
        lazy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        lazy.socket.close()  # a reset: it vanishes
        for one in stalled:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
        until(lambda: card(server, camera)["watchers"] == 1)
        look(keen)
    remove(server, camera)


def test_a_camera_that_is_gone_comes_back(server: Server) -> None:
    cameras = Cameras()
    try:
        camera = add(server, cameras.http("ts/7?fps=50"), timeout=2)
        with watching(server, camera) as watcher:
            before, _ = look(watcher)
            cameras.stop()
            until(lambda: card(server, camera)["state"] == "reconnecting")
            assert card(server, camera)["why"]
            assert server.get("/readyz").status == 200
            cameras.start()
            until(lambda: card(server, camera)["state"] == "live")
            frames = card(server, camera)["frames"]
            until(lambda: card(server, camera)["frames"] > frames + 5)
            step = before
            while step["frame"] < before["frame"] + 30:  # the same watcher goes on
                step, _ = look(watcher)
        told = card(server, camera)
        assert (told["reconnects"], told["why"]) == (1, "")
        remove(server, camera)
    finally:
        cameras.stop()


def test_mjpeg_is_what_a_player_plays_with_the_tracks_drawn_in(server: Server, cameras: Cameras) -> None:
    camera = add(server, cameras.http("ts/8?fps=30"))
    until(lambda: card(server, camera)["frames"] > 10)
    pictures = {}
    for boxes in ("true", "false"):
        source = CameraSource(CameraSourceConfig(path=f"{server.url}/v1/cameras/{camera}/stream.mjpeg?boxes={boxes}"))
        pictures[boxes] = []
        for frame in source:
            assert frame.image is not None
            pictures[boxes].append(frame.image)
            if len(pictures[boxes]) == 8:
                source.close()

    def colour(image: np.ndarray) -> int:
        return int((image.max(axis=2).astype(int) - image.min(axis=2) > 60).sum())

    assert all(colour(image) > 50 for image in pictures["true"])  # the scene itself is grey
    assert all(colour(image) == 0 for image in pictures["false"])
    remove(server, camera)


def test_who_asks_for_the_head_alone_gets_it_at_once(server: Server, cameras: Cameras) -> None:
    camera = add(server, cameras.http("ts/8?fps=30"))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        for tail, kind in (("steps", "application/x-ndjson"), ("stream.mjpeg", "multipart/x-mixed-replace")) * 2:
            connection.request(
                "HEAD", f"/v1/cameras/{camera}/{tail}"
            )  # on the same connection: the one before has ended
            answer = connection.getresponse()
            assert answer.read() == b""
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith(kind)
    assert card(server, camera)["watchers"] == 0
    remove(server, camera)


def test_passwords_are_seen_nowhere(server: Server, cameras: Cameras) -> None:
    right = add(server, cameras.rtsp("9?locked=1&fps=50", "admin:S3cret"))
    wrong = add(server, cameras.rtsp("9?locked=1&fps=50", "admin:Wr0ngPass"), patience=0)
    until(lambda: card(server, right)["state"] == "live" and card(server, wrong)["state"] == "failed")
    told = server.get("/v1/cameras").json["cameras"]
    assert "401 Unauthorized" in card(server, wrong)["why"]
    with watching(server, wrong) as watcher, pytest.raises(ConnectionClosed) as closed:
        watcher.recv(PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4502
    with Lines(server, f"/v1/cameras/{wrong}/steps") as lines:
        last = lines.next()
    assert last["problem"]["status"] == 410
    remove(server, right)
    remove(server, wrong)
    everything = f"{told} {closed.value} {last} {server.log} {server.get('/metrics').body!r}"
    assert "S3cret" not in everything
    assert "Wr0ngPass" not in everything


def test_removal_closes_what_watches(server: Server, cameras: Cameras) -> None:
    camera = add(server, cameras.http("mjpeg/1?fps=50"))
    with Lines(server, f"/v1/cameras/{camera}/steps") as lines, watching(server, camera) as watcher:
        look(watcher)
        remove(server, camera)
        assert closing(watcher) == 4404
        while (line := lines.next()) and "problem" not in line:
            pass
        assert line["problem"]["status"] == 410
        assert lines.next() is None
    until(lambda: not server.get("/v1/sessions").json["sessions"])


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 400),
        ({"address": "/etc/passwd"}, 400),
        ({"address": "file:///etc/passwd"}, 400),
        ({"address": "concat:/etc/passwd"}, 400),
        ({"address": "0"}, 400),
        ({"address": "http://host/\r\nX: y"}, 400),
        ({"address": ["http://host"]}, 400),
        ({"address": "http://127.0.0.1:9/x", "options": ["rtsp_flags=listen"]}, 400),
        ({"address": "http://127.0.0.1:9/x", "policy": "all"}, 400),
        ({"address": "http://127.0.0.1:9/x", "tracker": "bite"}, 400),
        ({"address": "http://127.0.0.1:9/x", "timeout": 1e9}, 400),
    ],
)
def test_what_is_no_camera_is_refused(server: Server, said: dict[str, Any], status: int) -> None:
    answer = server.ask("POST", "/v1/cameras", said)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not server.get("/v1/cameras").json["cameras"]


def test_unknown_cameras(server: Server) -> None:
    for path in ("", "/steps", "/stream.mjpeg"):
        for one in ("nobody", "a" * 32, "%2e%2e", "a" * 100):
            assert server.get(f"/v1/cameras/{one}{path}").status == 404
    assert server.get("/v1/cameras/nobody/stream").status == 426


def test_the_server_stops_while_somebody_watches(cameras: Cameras, tmp_path: Path) -> None:
    with served(tmp_path, "--grace", "20") as server:
        camera = add(server, cameras.http("ts/1?fps=50"))
        add(server, cameras.http("silent"), timeout=60)
        with Lines(server, f"/v1/cameras/{camera}/steps") as lines, watching(server, camera) as watcher:
            look(watcher)
            (session,) = (one["id"] for one in server.get("/v1/sessions").json["sessions"])
            assert server.frame(session, encoded(scene(0)), "?index=1000000").status == 409  # it is the camera's alone
            begin = time.monotonic()
            assert server.end(15) == 0
            assert time.monotonic() - begin < 15  # not for the whole grace
            assert closing(watcher) == 1012
            *_, last = iter(lines.next, None)
            assert last["problem"]["type"] == "urn:trackforge:problem:draining"
        assert "Traceback" not in server.log
