"""What is live and what ends, cameras that go away or change, pipes, and frames that must not grow old."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import pytest
from cli_runs import ENVIRONMENT, command, run, run_json
from http_servers import Camera, serving
from io_files import index_of, picture, write_video

import trackforge
from trackforge import Detections, Frame, Stream
from trackforge.errors import ConfigError, SourceError
from trackforge.io import absence as absence_module
from trackforge.io.camera import CameraSource, CameraSourceConfig
from trackforge.io.fitting import fit_picture
from trackforge.pipeline import track
from trackforge.runs import Stopwatch
from trackforge.runs.planning import plan
from trackforge.runs.running import open_sources
from trackforge.runs.tracking import TrackingRun


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 50 frames as mp4 and transport stream, a finished playlist of it and one that goes on."""
    made = tmp_path_factory.mktemp("served")
    write_video(made / "clip.mp4", 50)
    write_video(made / "clip.ts", 50)
    write_video(made / "list.m3u8", 50, options={"hls_time": "1", "hls_list_size": "0"})
    text = (made / "list.m3u8").read_text()
    assert "#EXT-X-ENDLIST" in text
    (made / "live.m3u8").write_text(text.replace("#EXT-X-ENDLIST\n", ""))
    return made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absence_module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(absence_module, "LONGEST_PAUSE", 0.05)


FILMS = "ranges/clip.mp4?id=5 length/clip.mp4 chunked/clip.mp4 ranges/clip.ts length/clip.ts ranges/list.m3u8"


@pytest.mark.parametrize("tail", FILMS.split())
def test_a_film_behind_an_address_ends(folder: Path, tail: str) -> None:
    with serving(folder) as server:
        source = trackforge.source(f"{server.url}/{tail}")
        assert isinstance(source, CameraSource)
        assert not source.live
        assert not source.stream.live
        frames = list(source)
        assert [index_of(frame.image) for frame in frames] == list(range(50))
        assert [frame.index for frame in frames] == list(range(50))
        assert [frame.timestamp for frame in frames] == pytest.approx([i / 25 for i in range(50)], abs=0.002)
        assert source.stream.length in (50, None)
        assert len(list(source)) == 50  # and can be seen again


def test_a_film_of_which_the_index_comes_last_is_whole(tmp_path: Path) -> None:
    """FFmpeg reads the end first, and its way back lost the first frames."""
    write_video(tmp_path / "long.mp4", 100, noise=True)
    with serving(tmp_path) as server:
        frames = list(trackforge.source(f"{server.url}/ranges/long.mp4"))
    assert [frame.index for frame in frames] == list(range(100))
    assert frames[0].timestamp == 0.0


def test_a_film_without_a_video_ending_is_tracked_to_its_end(folder: Path, tmp_path: Path) -> None:
    clip = folder / "download"
    clip.write_bytes((folder / "clip.mp4").read_bytes())
    with serving(folder) as server:
        for tail in ("ranges/download?id=5", "ranges/list.m3u8"):
            told = run_json("track", f"{server.url}/{tail}", "-o", tmp_path / "a.txt")
            assert told["sequences"][0]["frames"] == 50
            assert told["sequences"][0]["dropped"] == 0


def test_frames_of_a_film_are_counted_from_its_first(folder: Path) -> None:
    with serving(folder) as server:
        source = trackforge.source(f"{server.url}/length/clip.mp4", start=10, stop=20, stride=3)
        assert [frame.index for frame in source] == [10, 13, 16, 19]


def test_a_playlist_that_goes_on_is_live(folder: Path) -> None:
    with serving(folder) as server:
        source = trackforge.source(f"{server.url}/ranges/live.m3u8")
        assert isinstance(source, CameraSource)
        assert source.live
        source.close()


def test_a_broadcast_that_is_over_is_not_seen_again(folder: Path, tmp_path: Path, impatient: None) -> None:
    for file in folder.glob("list*.ts"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    playlist = tmp_path / "a.m3u8"
    playlist.write_bytes((folder / "live.m3u8").read_bytes())
    with serving(tmp_path) as server:
        source = trackforge.source(f"{server.url}/length/a.m3u8", latest=False)
        assert isinstance(source, CameraSource)
        assert source.live
        playlist.write_bytes((folder / "list.m3u8").read_bytes())
        assert len(list(source)) == 50


def test_fragments_without_a_stated_length_are_live(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 20, options={"movflags": "frag_keyframe+empty_moov"})
    with serving(tmp_path) as server:
        for way, live in (("chunked", True), ("length", False)):
            source = trackforge.source(f"{server.url}/{way}/a.mp4", reconnect=0, latest=False)
            assert isinstance(source, CameraSource)
            assert source.live == live
            assert len(list(source)) == 20


def test_an_address_that_looks_like_a_file_may_be_live() -> None:
    camera = Camera(3)
    source = trackforge.source(camera.address("film.mp4"), reconnect=0, latest=False)
    assert isinstance(source, CameraSource)
    assert source.live
    assert source.rate is None  # nobody states one
    assert len(list(source)) == 3
    loud = Camera(3).address().replace("http", "HTTP")
    assert len(list(trackforge.source(loud, reconnect=0, latest=False))) == 3
    camera = Camera(3)
    with pytest.raises(ConfigError, match=r"are for streams that end; .* is live"):
        trackforge.source(camera.address(), start=2)


def test_settings_for_live_streams_are_as_promised() -> None:
    config = CameraSourceConfig(path="0", patience=float("inf"))
    assert config.reconnect is None
    assert CameraSourceConfig(path="0").patience >= 600


class Now:
    """A camera whose time the test makes pass: each frame is the newest when it is asked for."""

    def __init__(self) -> None:
        self.time = 0
        self.lock = threading.Lock()
        self.stream = Stream(live=True)

    def passes(self, ticks: int) -> None:
        with self.lock:
            self.time += ticks

    def __iter__(self) -> Iterator[Frame]:
        while True:
            self.passes(1)
            yield Frame(index=self.time, size=(64, 48))


class Slow:
    """A detector that takes ten ticks a frame."""

    classes = ("thing",)
    embedding_dim = None

    def __init__(self, now: Now) -> None:
        self.now = now

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        self.now.passes(10 * len(frames))
        return [Detections.empty() for _ in frames]


class SlowInSteps(Slow):
    def prepare(self, frames: Sequence[Frame], /) -> list[Frame]:
        self.now.passes(2)
        return list(frames)

    def infer(self, prepared: list[Frame], /) -> list[Frame]:
        self.now.passes(8)
        return prepared

    def select(self, raw: list[Frame], /) -> list[Detections]:
        return [Detections.empty() for _ in raw]


@pytest.mark.parametrize("detector", [Slow, SlowInSteps])
@pytest.mark.parametrize("ahead", [0, 1, 4, 100])
@pytest.mark.parametrize("work", [1, 7, 30])
def test_pictures_of_a_live_source_do_not_grow_old(detector: type[Slow], ahead: int, work: int) -> None:
    now = Now()
    ages = []
    steps = track(now, detector(now), "byte", ahead=ahead)
    for step in steps:
        ages.append(now.time - step.frame.index)
        now.passes(work)  # what the caller does with a step
        if len(ages) == 20:
            break
    steps.close()
    # two detections, one of them begun as its frame came, his work on the step before, and the ticks of asking: whoever
    # is ahead, nothing piles up
    assert max(ages) <= 2 * 10 + work + 3


class Gone:
    """A camera that gives three frames, and then waits for one until it is closed."""

    stream = Stream(live=True)

    def __init__(self) -> None:
        self.closed, self.waiting = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        for index in range(3):
            yield Frame(index=index, size=(64, 48))
        self.waiting.set()
        self.closed.wait()

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("watched", [False, True])
def test_nobody_waits_for_a_camera_that_does_not_come_back(watched: bool, caplog: pytest.LogCaptureFixture) -> None:
    source = Gone()
    steps = track(Stopwatch().source(source) if watched else source, Slow(Now()), "byte")
    assert [next(steps).frame.index for _ in range(3)] == [0, 1, 2]
    assert source.waiting.wait(300)
    steps.close()
    assert source.closed.is_set()
    assert "stuck" not in caplog.text
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("trackforge-")]


def test_a_signal_ends_the_wait_for_a_camera(tmp_path: Path) -> None:
    words = command("track", Camera(20).address(), "-q", "-o", tmp_path / "a.jsonl", "-o", tmp_path / "a.mp4")
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as running:
        assert running.stderr is not None
        assert "trying to reach it again" in running.stderr.readline()
        running.terminate()
        said = running.stderr.read()
    assert running.returncode == 143, said
    assert "stuck" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "a.mp4"]
    assert (tmp_path / "a.jsonl").stat().st_size


def test_frames_that_were_dropped_are_told(tmp_path: Path) -> None:
    done = run_json("track", Camera(60).address(), "--set", "source.reconnect=0", "-o", tmp_path / "a.jsonl")
    told = done["sequences"][0]
    assert told["frames"] + told["dropped"] == 60
    shown = run("track", Camera(60).address(), "--set", "source.reconnect=0").stdout
    assert "60 frames" in shown or "dropped, since newer ones came" in shown


def test_every_frame_where_that_is_asked_for(tmp_path: Path) -> None:
    settings = ("--set", "source.reconnect=0", "--set", "source.latest=false")
    told = run_json("track", Camera(40).address(), *settings, "-o", tmp_path / "a.txt")["sequences"][0]
    assert (told["frames"], told["dropped"]) == (40, 0)


def test_a_camera_that_changes_its_size_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    camera = Camera(60, lambda index: (320, 240) if index < 20 else (160, 120) if index < 40 else (180, 320))
    source = trackforge.source(camera.address(), reconnect=0, latest=False)
    steps = list(track(source, "motion", "byte", sinks=[tmp_path / "a.mp4", tmp_path / "a.txt"]))
    assert [step.frame.size for step in steps] == [(320, 240)] * 60
    assert caplog.text.count("pictures changed from 320x240 to 160x120") == 1
    assert caplog.text.count("pictures changed") == 1
    upright = steps[50].frame.image
    assert upright is not None
    assert (upright[:, :90].max(), upright[:, -90:].max()) == (0, 0)  # bars
    assert upright[:, 160].min() > 0
    with av.open(str(tmp_path / "a.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 60


def test_a_film_that_changes_its_size_goes_on(tmp_path: Path) -> None:
    large, small = write_video(tmp_path / "a.ts", 20), write_video(tmp_path / "b.ts", 20, size=(160, 120))
    (tmp_path / "both.ts").write_bytes(large.read_bytes() + small.read_bytes())
    frames = list(trackforge.source(tmp_path / "both.ts"))
    assert {frame.size for frame in frames} == {(320, 240)}
    assert index_of(frames[-1].image) == 19


def test_pictures_are_fitted_whole() -> None:
    wide = fit_picture(picture(3, (400, 100)), (200, 200))
    assert wide.shape == (200, 200, 3)
    assert wide[:75].max() == 0 == wide[-75:].max()
    assert wide[80:120].min() > 0


def test_a_camera_that_is_away_for_long_is_waited_for(impatient: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="trackforge")
    camera = Camera(10)
    source = CameraSource(CameraSourceConfig(path=camera.address(), latest=False))
    frames = iter(source)
    assert [next(frames).index for _ in range(10)] == list(range(10))

    def come_back() -> None:
        while caplog.text.count("attempt ") < 8:  # more than the five of before
            time.sleep(0.01)
        Camera(10, port=camera.port)

    friend = threading.Thread(target=come_back)
    friend.start()
    after = [next(frames) for _ in range(10)]
    friend.join()
    assert [index_of(frame.image) for frame in after] == list(range(10))
    assert caplog.text.count("the stream ended") == 1
    assert "trying to reach it again for 3600 s" in caplog.text
    assert "is back after" in caplog.text
    source.close()


def test_patience_ends(impatient: None) -> None:
    source = CameraSource(CameraSourceConfig(path=Camera(5).address(), latest=False, patience=0.3))
    frames: deque[Frame] = deque()
    with pytest.raises(SourceError, match=r"could not be reached again in \d+ attempt\(s\) over .*patience="):
        frames.extend(source)
    assert len(frames) == 5


def test_waits_grow_until_there_is_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers, and then sends nothing, is not asked faster and faster."""
    pauses: list[float] = []
    monkeypatch.setattr(absence_module, "FIRST_PAUSE", 0.001)
    source = CameraSource(CameraSourceConfig(path=Camera(5, connections=3).address(), latest=False, reconnect=6))
    wait = source._closed.wait
    monkeypatch.setattr(source._closed, "wait", lambda pause: (pauses.append(pause), wait(pause))[1])
    frames: deque[Frame] = deque()
    with pytest.raises(SourceError, match="in 6 attempt"):
        frames.extend(source)
    assert len(frames) == 15
    assert pauses[:2] == [0.001, 0.001]  # each time there were pictures in between
    assert pauses[2:] == pytest.approx([0.001 * 2**i for i in range(6)])


def test_a_server_that_falls_silent_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(SourceError, match="nothing came in time"):
            trackforge.source(address, timeout=0.3)


# Pipes


@pytest.mark.parametrize("word", ["-", "/dev/stdin"])
def test_standard_input_is_read_once_as_a_video(folder: Path, tmp_path: Path, word: str) -> None:
    words = command("track", word, "--json", "-o", f"{tmp_path}/")
    cat = subprocess.Popen(["cat", folder / "clip.ts"], stdout=subprocess.PIPE)
    done = subprocess.run(words, stdin=cat.stdout, capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    assert cat.stdout is not None
    cat.stdout.close()
    assert cat.wait(300) == 0
    assert done.returncode == 0, done.stderr
    assert '"frames": 50' in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.toml", "stdin.mp4", "stdin.txt", "summary.json"]


def test_a_file_as_standard_input_is_a_file(folder: Path) -> None:
    with (folder / "clip.mp4").open("rb") as clip:
        done = subprocess.run(
            command("track", "-", "--json"), stdin=clip, capture_output=True, text=True, env=ENVIRONMENT, timeout=300
        )
    assert done.returncode == 0, done.stderr
    assert '"frames": 50' in done.stdout


@pytest.mark.parametrize("name", ["pipe.ts", "pipe", "12:30 50%d"])
def test_a_named_pipe_is_read_once(folder: Path, tmp_path: Path, name: str) -> None:
    pipe = tmp_path / name
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes((folder / "clip.ts").read_bytes()))
    writer.start()
    [opened] = open_sources(plan(TrackingRun(sources=(str(pipe),), out=(f"{tmp_path}/out/",))))
    assert opened.name == Path(name).stem
    assert opened.source.stream.length is None
    assert len(list(opened.source)) == 50
    writer.join()
    with pytest.raises(SourceError, match="A pipe can be read once"):
        next(iter(opened.source))


def test_a_film_whose_index_comes_last_needs_a_file(tmp_path: Path) -> None:
    film, pipe = write_video(tmp_path / "a.mp4", 120, noise=True), tmp_path / "f.mp4"
    assert film.stat().st_size > 500_000  # more than FFmpeg keeps
    os.mkfifo(pipe)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):
            pipe.write_bytes(film.read_bytes())

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(SourceError, match="A pipe cannot be rewound"):
        list(trackforge.source(pipe))
    writer.join()


def test_a_pipe_without_a_video_says_what_it_needs(tmp_path: Path) -> None:
    pipe = tmp_path / "f.mp4"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"no video " * 1000))
    writer.start()
    with pytest.raises(SourceError, match=r"f\.mp4 cannot be opened as video: .*A pipe cannot be rewound"):
        trackforge.source(pipe)
    writer.join()
