"""What goes wrong outside: broken videos in, no room or no place for results out, signals in between."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import av
import numpy as np
import pytest
from io_files import index_of, write_video

import trackforge
from trackforge.errors import SourceError

TESTS = Path(__file__).parent.parent


def damage(path: Path, start: int, length: int) -> Path:
    """Overwrite bytes with noise."""
    data = bytearray(path.read_bytes())
    data[start : start + length] = np.random.default_rng(0).integers(0, 256, length, np.uint8).tobytes()
    path.write_bytes(bytes(data))
    return path


def cut(path: Path, share: float) -> Path:
    """Keep only the beginning of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


# Videos that are broken.


def test_a_real_video_cut_in_half(data_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "half.avi"
    path.write_bytes((data_dir / "pets09-s2l1" / "vtest.avi").read_bytes()[:4_000_000])
    source = trackforge.source(path)
    frames = [frame.index for frame in source]
    assert frames == list(range(len(frames)))
    assert 350 < len(frames) < 400
    assert "cut short or damaged: about 4" in caplog.text
    with pytest.raises(SourceError, match=r"cannot be decoded|cut short"):
        for _ in trackforge.source(path, on_corrupt="stop"):
            pass


def test_a_real_video_with_a_hole(data_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "hole.avi"
    path.write_bytes((data_dir / "pets09-s2l1" / "vtest.avi").read_bytes())
    damage(path, 4_000_000, 60_000)
    frames = [frame.index for frame in trackforge.source(path)]
    assert 780 <= len(frames) < 795
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) <= 2


def test_an_mp4_with_a_hole_keeps_its_numbers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_video(tmp_path / "hole.mp4", 50, noise=True, gop=5)
    size = path.stat().st_size
    damage(path, size // 2, size // 12)
    source = trackforge.source(path)
    frames = list(source)
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    assert source.skipped == 50 - len(frames) > 0
    assert caplog.text.count("cannot be decoded") == 1
    # behind the hole, once a key frame has come, index and picture agree again
    assert [index_of(frame.image) for frame in frames[-10:]] == indices[-10:] == list(range(40, 50))
    assert [index_of(frame.image) for frame in frames[:15]] == list(range(15))
    with pytest.raises(SourceError, match=r"frame \d+ cannot be decoded: .*on_corrupt='skip'"):
        list(trackforge.source(path, on_corrupt="stop"))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_video_without_its_end(tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    options = {"movflags": "+faststart"} if suffix == "mp4" else {}
    path = write_video(tmp_path / f"cut.{suffix}", 50, noise=True, options=options)
    cut(path, 0.6)
    frames = list(trackforge.source(path))
    assert [index_of(f.image) for f in frames] == [f.index for f in frames] == list(range(len(frames)))
    assert 20 < len(frames) < 35
    if suffix != "ts":  # a transport stream has no beginning that could tell of its end
        assert "cut short or damaged" in caplog.text
        with pytest.raises(SourceError, match=r"cannot be decoded|cut short"):
            list(trackforge.source(path, on_corrupt="stop"))


def test_an_mp4_without_its_index(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "no-index.mp4", 20), 0.6)
    with pytest.raises(SourceError, match=r"no-index\.mp4 cannot be opened as video: Invalid data"):
        trackforge.source(path)


def test_files_that_are_no_videos(tmp_path: Path) -> None:
    empty, text, noise = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "noise.mp4"
    empty.touch()
    text.write_text("to be or not to be\n" * 100)
    noise.write_bytes(np.random.default_rng(0).integers(0, 256, 100_000, np.uint8).tobytes())
    with pytest.raises(SourceError, match=r"must hold something; .*empty\.mp4 is empty"):
        trackforge.source(empty)
    with pytest.raises(SourceError, match=r"text\.mp4 cannot be opened as video: Invalid data"):
        trackforge.source(text)
    with pytest.raises(SourceError, match=r"noise\.mp4 c"):
        list(trackforge.source(noise))
    with pytest.raises(SourceError, match="is a folder"):
        trackforge.source("video", path=tmp_path)


def test_sound_without_pictures(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for _ in range(4):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            sound.rate = 16000
            container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(SourceError, match="must hold video; it holds none"):
        trackforge.source(path)


# Results that cannot be written, in processes of their own.

WRITER = """
    import os, resource, signal, sys, time
    import numpy as np
    import trackforge, trackforge.errors
    from trackforge import Detections, Frame, Step, Tracks

    def steps():
        random = np.random.default_rng(0)
        index = 0
        while index < {frames}:
            image = random.integers(0, 256, (240, 320, 3), np.uint8)
            n = 40
            boxes = random.uniform(0, 100, (n, 2)).repeat(2, axis=1)[:, [0, 2, 1, 3]]
            boxes[:, 2:] += random.uniform(5, 50, (n, 2))
            ones = np.ones(n, int)
            tracks = Tracks(
                track_id=np.arange(1, n + 1), xyxy=boxes, score=random.uniform(0, 1, n), class_id=0 * ones,
                state=2 * ones, age=ones, time_since_update=0 * ones, detection=np.arange(n),
            )
            yield Step(
                frame=Frame(index=index, image=image, timestamp=index / 25),
                detections=Detections(xyxy=boxes), tracks=tracks,
            )
            index += 1
"""


def run(script: str, *arguments: object, frames: int) -> subprocess.Popen[str]:
    code = textwrap.dedent(WRITER).format(frames=frames) + textwrap.dedent(script)
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=TESTS,
    )


FULL = """
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))  # as if the disk were full
    try:
        with trackforge.sink(sys.argv[1]) as sink:
            for step in steps():
                sink.write(step)
    except trackforge.errors.SinkError as error:
        print("SinkError", error)
    else:
        print("written")
"""


@pytest.mark.parametrize(
    ("ending", "room"),
    [*((ending, 100_000) for ending in ("mp4", "mkv", "txt", "json", "jsonl", "parquet")), ("mp4", 1000), ("txt", 0)],
)
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, ending: str, room: int) -> None:
    path = tmp_path / f"out.{ending}"
    path.write_text("an earlier result")
    process = run(FULL, path, room, frames=150)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out.startswith(f"SinkError {path} cannot be written: "), out + err
    assert "File too large. Choose another place" in out
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "an earlier result"


STOPPED = """
    def stop(number, frame):
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(0)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        with trackforge.sink(sys.argv[1]) as video, trackforge.sink(sys.argv[2]) as lines:
            for step in steps():
                video.write(step)
                lines.write(step)
                if step.frame.index == 20:
                    print("running", flush=True)
    except KeyboardInterrupt:
        pass
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_makes_the_results_final(tmp_path: Path, number: signal.Signals) -> None:
    video, lines = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    process = run(STOPPED, video, lines, frames=100_000)
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.jsonl", "out.mp4"]
    frames = list(trackforge.source(video))
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(frames) >= 20
    assert abs(len(frames) - len(rows)) <= 1  # the signal may come between the two
    assert [row["frame"] for row in rows] == list(range(len(rows)))


def test_a_killed_process_leaves_no_result(tmp_path: Path) -> None:
    video, lines = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    process = run(STOPPED, video, lines, frames=100_000)
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    process.kill()
    process.communicate(timeout=300)
    left = sorted(tmp_path.iterdir(), key=lambda file: file.suffix)
    assert [file.match(f"out.partial-*.{ending}") for file, ending in zip(left, ("jsonl", "mp4"), strict=True)] == [
        True,
        True,
    ]
