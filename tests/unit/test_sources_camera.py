"""Network streams over real sockets on the loopback: HTTP (MPEG-TS, paced) and RTSP."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

import pytest
from io_files import index_of, write_video

import trackforge
from trackforge.errors import ConfigError, SourceError
from trackforge.io.camera import CameraSource, CameraSourceConfig


class Streamer:
    """Serves an MPEG-TS file over HTTP like a camera: in real time, without a length, once for each connection."""

    def __init__(self, data: bytes, seconds: float, connections: int = 1) -> None:
        self._data = data
        self._seconds = seconds
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://user:secret@127.0.0.1:{self._socket.getsockname()[1]}/live"
        self._thread = threading.Thread(target=self._serve, args=(connections,), daemon=True)
        self._thread.start()

    def _serve(self, connections: int) -> None:
        for _ in range(connections):
            connection, _ = self._socket.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
                with contextlib.suppress(OSError):  # once the client has seen enough
                    self._send(connection)
        self._socket.close()

    def _send(self, connection: socket.socket) -> None:
        pieces = 50
        size = len(self._data) // pieces + 1
        for place in range(pieces):
            connection.sendall(self._data[place * size : (place + 1) * size])
            time.sleep(self._seconds / pieces)

    def join(self) -> None:
        self._thread.join(300)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds, 25 frames a second, a key frame every 5."""
    path = tmp_path_factory.mktemp("stream") / "clip.ts"
    return write_video(path, 50, gop=5, noise=True).read_bytes()


def test_every_frame_of_a_stream(clip: bytes) -> None:
    server = Streamer(clip, 0.3)
    camera = trackforge.source(server.address, latest=False, reconnect=0)
    assert isinstance(camera, CameraSource)
    frames = list(camera)
    server.join()
    assert [f.index for f in frames] == list(range(len(frames)))
    assert [index_of(f.image) for f in frames] == list(range(50))
    assert [f.timestamp for f in frames] == pytest.approx([i / 25 for i in range(50)], abs=0.002)
    assert camera.rate == 25.0
    assert "secret" not in camera.name
    assert (camera.skipped, camera.dropped) == (0, 0)


def test_a_slow_consumer_sees_the_present(clip: bytes) -> None:
    server = Streamer(clip, 0.2)
    camera = CameraSource(CameraSourceConfig(path=server.address, reconnect=0))
    seen = []
    for frame in camera:
        seen.append(frame.index)
        assert index_of(frame.image) == frame.index
        server.join()
        for reader in (t for t in threading.enumerate() if t.name.startswith("camera")):
            reader.join(300)
    assert len(seen) <= 2  # while it had the first, all others came
    assert seen == sorted(set(seen))
    assert seen[-1] == 49  # the newest, however slow the consumer
    assert camera.dropped == 50 - len(seen)


def test_a_broken_stream_is_reached_again(clip: bytes, caplog: pytest.LogCaptureFixture) -> None:
    server = Streamer(clip, 0.2, connections=2)
    camera = CameraSource(CameraSourceConfig(path=server.address, latest=False, reconnect=1))
    frames: deque[trackforge.Frame] = deque()
    with pytest.raises(SourceError, match=r"broke off and could not be reached again in 1 attempt") as failure:
        frames.extend(camera)  # the second time it ends nobody answers any more; a deque keeps what came before
    server.join()
    assert "secret" not in str(failure.value)
    assert "secret" not in caplog.text
    assert "the stream ended" in caplog.text
    assert len(frames) == 100


def test_after_an_outage_index_and_time_go_on(clip: bytes) -> None:
    server = Streamer(clip, 0.2, connections=2)
    camera = CameraSource(CameraSourceConfig(path=server.address, latest=False, reconnect=1))
    frames = []
    for frame in camera:
        frames.append(frame)
        if len(frames) == 60:
            camera.close()
    server.join()
    assert len(frames) == 60
    times = [f.timestamp for f in frames]
    assert times == sorted(times)
    gap = times[50] - times[49]
    assert 0.0 < gap < 3.0
    # a second passed before the attempt, worth about 25 frames, and the stream came faster than it plays
    assert 20 <= frames[50].index - frames[49].index <= 60
    assert index_of(frames[50].image) == 0


def test_close_ends_a_waiting_iteration(clip: bytes) -> None:
    server = Streamer(clip, 0.5)
    camera = CameraSource(CameraSourceConfig(path=server.address))
    iterator = iter(camera)
    next(iterator)
    camera.close()
    assert sum(1 for _ in iterator) <= 2
    server.join()
    assert not [t for t in threading.enumerate() if t.name.startswith("camera")]


def test_an_iteration_left_early_stops_its_thread(clip: bytes) -> None:
    server = Streamer(clip, 0.5)
    for _ in CameraSource(CameraSourceConfig(path=server.address)):
        break
    server.join()
    assert not [t for t in threading.enumerate() if t.name.startswith("camera")]


def _refused(config: CameraSourceConfig) -> None:
    with pytest.raises(SourceError, match="cannot be opened"):
        CameraSource(config)


def test_a_silent_camera_runs_into_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        patient = threading.Thread(target=_refused, args=(CameraSourceConfig(path=path, timeout=120),))
        patient.start()
        _refused(CameraSourceConfig(path=path, timeout=0.5))
        assert patient.is_alive()
    patient.join()  # the closed socket ends its wait


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(SourceError, match=r"99 cannot be opened as video: .*nobody else uses the camera"):
        CameraSource(CameraSourceConfig(path="99"))


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"must read key=value; got 'fast'"):
        CameraSourceConfig(path="0", options=("fast",))


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_rtsp(free_port: int) -> None:
    """FFmpeg's RTSP client can listen, and its muxer can publish: the protocol's two ends without a server."""
    address = f"rtsp://127.0.0.1:{free_port}/live"
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, address], cwd=Path(__file__).parent.parent)
    try:
        camera = trackforge.source(
            address, latest=False, reconnect=0, options=("rtsp_flags=listen", "listen_timeout=300")
        )
        assert isinstance(camera, CameraSource)
        frames = list(camera)
        assert publisher.wait(300) == 0
    finally:
        publisher.kill()
    assert len(frames) >= 25  # those before the first key frame may be lost
    assert [index_of(f.image) for f in frames[-5:]] == [25, 26, 27, 28, 29]


PUBLISHER = """
import sys, time, av
from io_files import picture

for _ in range(1000):
    try:
        container = av.open(sys.argv[1], "w", format="rtsp", options={"rtsp_transport": "tcp"})
        stream = container.add_stream("libx264", rate=25, options={"tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        container.start_encoding()  # connects
        break
    except OSError:
        time.sleep(0.1)
for index in range(30):
    container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
    time.sleep(0.01)
container.mux(stream.encode(None))
container.close()
"""
