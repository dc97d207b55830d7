"""Cameras that the server pulls from: addresses that may be, states, limits, the end; real sockets, real processes."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import bright_detector
import cv2
import numpy as np
import pytest
from camera_processes import Cameras as Processes
from http_servers import Camera as Held
from http_servers import serving
from served import until
from streets import street

from trackforge.errors import ConfigError, SourceError, TrackforgeError
from trackforge.io.camera import CameraSource, CameraSourceConfig
from trackforge.registry.plugins import registry
from trackforge.serving import Draining, Engine, ServingRun
from trackforge.serving.cameras import Cameras
from trackforge.serving.cameras.addresses import camera_address, camera_options
from trackforge.serving.cameras.refusals import (
    BadCamera,
    CamerasForbidden,
    TooManyCameras,
    TooManyWatchers,
    UnknownCamera,
)

FORBIDDEN = [
    "/etc/passwd",
    "film.mp4",
    ".",
    "-",
    "~",
    "file:///etc/passwd",
    "file:/etc/passwd",
    "FILE:///etc/passwd",
    "file://localhost/etc/passwd",
    "concat:/etc/passwd|/etc/shadow",
    "concatf:list",
    "subfile,,start,0,end,0,,:/etc/passwd",
    "crypto:/etc/passwd",
    "crypto+file:/etc/passwd",
    "cache:http://host/a",
    "async:http://host/a",
    "pipe:0",
    "pipe:",
    "fd:0",
    "unix:///run/x",
    "unix:/run/x",
    "data:text/plain,x",
    "lavfi:testsrc",
    "tee:a|b",
    "0",
    "1",
    "video=Camera",
    "/dev/video0",
    "tcp://host:1",
    "tls://host:1",
    "ftp://host/a",
    "sftp://host/a",
    "gopher://host/",
    "hls+http://host/a",
    "hls+file:///a",
    "rtmpt://host/a",
    "ipfs://a",
    "ipns://a",
    "amqp://host/a",
    "zmq:tcp://host:1",
    "http:/host",
    "http://",
    "rtsp://",
    "http:///a",
    "http://[::",
    "http://host:99999/a",
    "http://host:x/a",
    "rtsp://host/a?listen=1",
    "rtmp://host/a?listen=2",
    "srt://host:1?mode=listener",
    "srt://host:1#?mode=listener",
    "udp://h:1?MODE=Listener",
    'http://ho"st/a',
    "http://h\\st/a",
    "http://höst/a",
    "javascript:alert(1)",
    "http://user:S3cret@",
]
BLANKS = ("", " http://host/a", "http://host/a b", "http://host/\n", "http://host/\0")


@pytest.mark.parametrize("address", [*FORBIDDEN, *BLANKS, "http://h/" + "a" * 3000])
def test_addresses_that_no_client_may_have_opened(address: str) -> None:
    with pytest.raises(BadCamera) as refused:
        camera_address(address)
    assert "S3cret" not in str(refused.value)


def test_addresses_that_may_be() -> None:
    for address in (
        "rtsp://admin:S3cret@10.0.0.7:554/cam?channel=1&subtype=0",
        "http://[::1]:8080/video",
        "https://host/live/index.m3u8?token=a%20b",
        "rtmp://host/live/x",
        "udp://239.0.0.1:1234",
        "srt://host:9000?mode=caller",
    ):
        assert camera_address(address) == address
    assert camera_address("HTTP://Host/a") == "http://Host/a"
    assert camera_address("0", devices=True) == "0"
    with pytest.raises(BadCamera):
        camera_address("/dev/video0", devices=True)


class Lists(http.server.BaseHTTPRequestHandler):
    """A camera that sends lists of files of the machine that asks."""

    film = ""

    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", f"{self.path[4:]}{self.film}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        lists = {
            "/hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{self.film}\n#EXT-X-ENDLIST\n",
            "/concat": f"ffconcat version 1.0\nfile 'file:{self.film}'\n",
        }
        data = lists[self.path].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.parametrize("kind", ["hls", "concat", "to/file:", "to/file://", "to/", "to/concat:", "to/crypto+file:"])
def test_a_camera_cannot_make_the_server_read_its_own_files(kind: str, tmp_path: Path) -> None:
    Lists.film = str(street(tmp_path / "own.ts", 20))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lists) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{kind}"
        config = CameraSourceConfig(path=address, timeout=3, reconnect=0, options=camera_options(address, "tcp"))
        with pytest.raises(SourceError):
            list(CameraSource(config))
        server.shutdown()


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    processes.stop()


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(ServingRun(detector="motion", tracker="byte", max_cameras=3)) as engine:
        yield engine


@pytest.fixture
def cameras(engine: Engine) -> Iterator[Cameras]:
    cameras = Cameras(engine)
    yield cameras
    cameras.close()


def test_a_camera_is_live_until_it_is_removed(cameras: Cameras, processes: Processes) -> None:
    camera = cameras.add(processes.http("mjpeg/1?fps=50"), name="gate\x1b[2J")
    until(lambda: camera.frames > 20)
    card = camera.card()
    assert (card["state"], card["why"], card["name"], card["policy"]) == ("live", "", "gate\\x1b[2J", "newest")
    assert card["fps"] > 1
    assert 0 < card["latency"] < 60
    assert (card["width"], card["height"], card["reconnects"]) == (160, 120, 0)
    assert len(cameras.engine.sessions) == 1
    cameras.remove(camera.id)
    assert not len(cameras.engine.sessions)  # at once
    until(lambda: not camera.alive)
    assert camera.state == "removed"
    with pytest.raises(UnknownCamera):
        cameras.get(camera.id)


def test_a_slow_detector_sees_the_newest_and_counts_the_rest(processes: Processes) -> None:
    registry().register(bright_detector, "bright")
    try:
        run = ServingRun(detector={"name": "bright", "pause": 0.1}, tracker="byte")
        with Engine(run) as engine:
            cameras = Cameras(engine)
            newest, every = (cameras.add(processes.http("ts/1?fps=50"), policy=one) for one in ("newest", "every"))
            until(lambda: every.frames > 10 and newest.card()["dropped"] > 10)
            assert every.card()["dropped"] == 0
            cameras.close()
    finally:
        registry().unregister("bright")


def test_a_wrong_password_is_told_without_it(
    cameras: Cameras, processes: Processes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    camera = cameras.add(processes.rtsp("1?locked=1", "admin:Wr0ngPass"), patience=0.0)
    until(lambda: camera.over)
    card = camera.card()
    assert card["state"] == "failed"
    assert "401 Unauthorized" in card["why"]
    assert "Wr0ngPass" not in f"{card} {caplog.text}"
    assert not len(cameras.engine.sessions)


def test_rtsp_with_a_password(cameras: Cameras, processes: Processes) -> None:
    camera = cameras.add(processes.rtsp("2?locked=1&fps=50", "admin:S3cret"), policy="every")
    until(lambda: camera.frames > 10)
    card = camera.card()
    assert (card["state"], card["rate"], card["dropped"]) == ("live", 25.0, 0)
    assert "S3cret" not in str(card)


def test_a_film_behind_an_address_ends(cameras: Cameras, tmp_path: Path) -> None:
    film = street(tmp_path / "street.mp4", 40)
    with serving(tmp_path) as server:
        camera = cameras.add(f"{server.url}/ranges/{film.name}?id=1", policy="every")
        until(lambda: camera.over)
    assert (camera.state, camera.frames) == ("ended", 40)
    assert camera.scene.over
    until(lambda: not len(cameras.engine.sessions))


def test_removal_while_it_connects_frees_the_session_and_soon_the_thread(
    cameras: Cameras, processes: Processes
) -> None:
    camera = cameras.add(processes.http("silent"), timeout=3.0)
    time.sleep(0.2)
    assert camera.state == "connecting"
    cameras.remove(camera.id)
    assert camera.alive  # nobody waits for what FFmpeg waits for, which cannot be broken off, but ends
    assert camera.state == "removed"
    until(lambda: not camera.alive)
    assert not list(cameras)


def test_what_was_live_and_is_silent_now_goes_at_once(cameras: Cameras, tmp_path: Path) -> None:
    """A camera from which nothing comes any more holds its thread no longer than a second."""
    gate = threading.Event()
    held = Held(5, wait=lambda index: index < 4 or gate.wait(60))
    try:
        camera = cameras.add(held.address(), timeout=50.0)
        until(lambda: camera.frames)
        cameras.remove(camera.id)
        until(lambda: not camera.alive, 20)
    finally:
        gate.set()


def test_limits(cameras: Cameras, processes: Processes) -> None:
    added = [cameras.add(processes.http("silent"), timeout=3.0) for _ in range(3)]
    with pytest.raises(TooManyCameras):
        cameras.add(processes.http("mjpeg/1"))
    cameras.remove(added[0].id)
    with pytest.raises(TooManyCameras):  # its thread still counts: who adds and removes makes no more of them
        cameras.add(processes.http("mjpeg/1"))
    until(lambda: not added[0].alive)
    cameras.add(processes.http("mjpeg/1"))


def test_wrong_settings_are_told_before_anything_begins(cameras: Cameras) -> None:
    with pytest.raises(TrackforgeError, match="bite"):
        cameras.add("http://127.0.0.1:9/x", tracker="bite")
    with pytest.raises(ConfigError):
        cameras.add("http://127.0.0.1:9/x", timeout=0.0)
    with pytest.raises(BadCamera):
        cameras.add("0")
    assert not list(cameras)


def test_a_server_that_others_reach_without_a_token_opens_no_addresses(processes: Processes) -> None:
    with Engine(ServingRun(detector="motion", host="0.0.0.0")) as engine:
        cameras = Cameras(engine)
        with pytest.raises(CamerasForbidden):
            cameras.add(processes.http("mjpeg/1"))
    for allowed in (
        ServingRun(host="0.0.0.0", token="x"),
        ServingRun(host="0.0.0.0", allow_cameras=True),
        ServingRun(),
    ):
        assert allowed.cameras_allowed


def test_whoever_ends_its_session_ends_the_camera(cameras: Cameras, processes: Processes) -> None:
    camera = cameras.add(processes.http("mjpeg/1?fps=50"))
    until(lambda: camera.frames > 2)
    (session,) = cameras.engine.sessions
    cameras.engine.sessions.close(session.id)
    until(lambda: camera.over)
    assert camera.state == "failed"
    assert "closed" in camera.why or "ended" in camera.why


def test_the_end_of_the_engine_ends_the_cameras(processes: Processes) -> None:
    engine = Engine(ServingRun(detector="motion", tracker="byte"))
    engine.load()
    cameras = Cameras(engine)
    camera = cameras.add(processes.http("ts/1?fps=50"))
    until(lambda: camera.frames > 2)
    engine.close(2.0)
    until(lambda: camera.over)
    until(lambda: not camera.alive)
    with pytest.raises(Draining):
        cameras.add(processes.http("ts/1"))
    cameras.close()


def test_watchers_see_the_newest_and_hold_nobody_up(cameras: Cameras, processes: Processes) -> None:
    camera = cameras.add(processes.http("ts/3?fps=50"))
    until(lambda: camera.frames > 2)

    async def watch() -> None:
        with camera.scene.watch() as slow, camera.scene.watch() as other, camera.scene.follow() as lines:
            first = await slow.next()
            assert first is not None
            before = camera.frames
            while camera.frames < before + 30:  # one who looks away holds nobody up
                shot = await other.next()
                assert shot is not None
            second = await slow.next()
            assert second is not None
            assert second.number >= first.number + 25
            assert slow.missed >= 20
            line = await lines.next()
            assert line is not None
            assert json.loads(line)["width"] == 160
            assert cv2.imdecode(np.frombuffer(second.jpeg(), np.uint8), cv2.IMREAD_COLOR).shape == (120, 160, 3)
            assert second.jpeg() is second.jpeg()  # coded once, for all
            assert camera.scene.watchers == 3
            await asyncio.to_thread(cameras.remove, camera.id)
            while await slow.next() is not None:
                pass
            assert await other.next() is None or other.missed >= 0
        assert camera.scene.watchers == 0
        for _ in range(64):
            camera.scene.watch()
        with pytest.raises(TooManyWatchers):
            camera.scene.watch()

    asyncio.run(watch())
