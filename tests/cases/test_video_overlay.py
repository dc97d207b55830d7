"""The overlay of films as people have them: every frame, at the source's pace, in its shape, whatever the size."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from films import MATRICES, SIZE, film, greys, turn

import trackforge
from trackforge import Detections, Frame, Step, Tracks
from trackforge.errors import SinkError
from trackforge.io.encode import VideoWriter
from trackforge.io.overlay import OverlaySink, OverlaySinkConfig, Pace
from trackforge.types import Stream, TrackState


def overlay(source: Path, out: Path) -> Path:
    """Track a film into an overlay."""
    for _ in trackforge.track(source, "motion", "byte", sinks=[trackforge.sink(out)]):
        pass
    return out


def shown(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [round(frame.time, 3) for frame in container.decode(video=0)]


def step(index: int, size: tuple[int, int] = SIZE, *, time: float | None = None, box: Any = (5, 5, 20, 20)) -> Step:
    tracks = Tracks(
        track_id=[1],
        xyxy=[box],
        score=[0.9],
        class_id=[0],
        state=[TrackState.CONFIRMED],
        age=[1],
        time_since_update=[0],
        detection=[0],
    )
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    return Step(frame=Frame(index=index, image=image, timestamp=time), detections=Detections(xyxy=[box]), tracks=tracks)


def write(path: Path, steps: Sequence[Step], stream: Stream | None = None) -> Path:
    with OverlaySink(OverlaySinkConfig(path=path)) as sink:
        sink.open(stream or Stream(rate=25))
        for one in steps:
            sink.write(one)
    return path


def test_a_time_lapse_plays_at_a_sensible_pace(tmp_path: Path) -> None:
    source = film(tmp_path / "lapse.mp4", greys(10), ticks=[300_000 * k for k in range(10)], rate=Fraction(1, 300))
    done = subprocess.run(
        [sys.executable, "-m", "trackforge", "track", str(source), "-q", "-o", f"{tmp_path / 'out'}/"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert shown(tmp_path / "out" / "lapse.mp4") == pytest.approx([k / 10 for k in range(10)])
    assert json.loads((tmp_path / "out" / "summary.json").read_text())


def test_uneven_steps_are_kept_to_the_millisecond(tmp_path: Path) -> None:
    ticks = [0, 40, 45, 300, 340, 1900, 1940, 1941, 5000, 5040]
    source = film(tmp_path / "uneven.mkv", greys(10), ticks=ticks)
    assert shown(overlay(source, tmp_path / "out.mp4")) == pytest.approx([tick / 1000 for tick in ticks], abs=1e-3)


def test_an_avi_with_empty_places_plays_in_its_own_time(tmp_path: Path) -> None:
    places = [*range(10), *range(10, 50, 5)]
    source = film(tmp_path / "drops.avi", greys(18), ticks=places, base=Fraction(1, 25))
    assert shown(overlay(source, tmp_path / "out.mp4")) == pytest.approx([place / 25 for place in places], abs=1e-3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_frames_of_equal_time_are_all_there(tmp_path: Path, suffix: str) -> None:
    source = film(tmp_path / "equal.mkv", greys(6), ticks=[0, 40, 40, 40, 120, 160])
    made = shown(overlay(source, tmp_path / f"out.{suffix}"))
    assert len(made) == 6
    assert [made[k] for k in (0, 1, 4, 5)] == pytest.approx([0, 0.04, 0.12, 0.16], abs=1e-3)


def paced(times: Sequence[float | None], rate: float = 25.0) -> list[float]:
    pace = Pace("out.mp4", rate)
    return [pace.place(Frame(index=k, timestamp=time)) for k, time in enumerate(times)]


def test_how_time_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trackforge")
    assert paced([None] * 3, 5) == pytest.approx([0, 0.2, 0.4])
    assert paced([7.0, 7.5, 12.5, 12.6]) == pytest.approx([0, 0.5, 5.5, 5.6])  # a pause is waited for
    assert paced([0.0, 0.04, 40_000.0, 40_000.04]) == pytest.approx([0, 0.04, 2.04, 2.08])  # but not for hours
    assert "out.mp4: a pause of 40000 s is shown as 2 s" in caplog.text
    assert paced([0.0, 40.0, 80.0, 120.0]) == pytest.approx([0, 0.1, 0.2, 0.3])  # milliseconds given as seconds
    assert paced([None] * 3, 1 / 300) == pytest.approx([0, 0.1, 0.2])
    assert caplog.text.count("out.mp4: pictures come 300 s apart and are shown at 10 a second") == 1
    assert paced([0.0, 1e15, 2e15, 2.5e15])[-1] < 5
    assert Pace("out.mp4", 1 / 300).rate == 10.0


@pytest.mark.parametrize(
    ("aspect", "turned", "shape"), [(2, False, 8 / 3), (2, True, 3 / 8), (Fraction(64, 45), False, 1.8963)]
)
def test_pixels_that_are_not_square(tmp_path: Path, aspect: Fraction | int, turned: bool, shape: float) -> None:
    source = film(tmp_path / "squeezed.mp4", greys(3), codec="libx264", aspect=Fraction(aspect))
    if turned:
        turn(source, MATRICES["right"])
    with av.open(str(overlay(source, tmp_path / "out.mp4"))) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == ((48, 64) if turned else (64, 48))
        assert stream.width / stream.height * float(stream.sample_aspect_ratio) == pytest.approx(shape, abs=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8193, 3), (2, 4099)])
def test_every_size_can_be_shown(tmp_path: Path, size: tuple[int, int], caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "out.mp4", [step(k, size, time=k / 25) for k in range(3)])
    frames = list(trackforge.source(path))
    assert [frame.size for frame in frames] == [tuple(max(16, side + side % 2) for side in size)] * 3
    assert not caplog.records


def test_pictures_too_large_for_the_codec_are_scaled_down_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "out.mp4", [step(k, (20_000, 40), time=k / 25) for k in range(2)])
    assert [frame.size for frame in trackforge.source(path)] == [(16384, 32)] * 2
    assert (
        "out.mp4: pictures of 20000x40 are too large for the encoder libx264 and are drawn at 16384x32" in caplog.text
    )
    caplog.clear()
    writer = VideoWriter(tmp_path / "old.mp4", (9000, 60), 25, 23, ("mpeg4",))
    writer.write(np.zeros((60, 9000, 3), np.uint8), 0.0)
    writer.close()
    assert writer.size == (4096, 26)
    assert "old.mp4: pictures of 9000x60 are too large for the encoder mpeg4" in caplog.text


def test_the_refusal_of_an_encoder_is_called_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise av.error.FFmpegError(22, "Invalid argument", "avcodec_send_frame()")

    sink = OverlaySink(OverlaySinkConfig(path=tmp_path / "out.mp4"))

    def draw() -> None:
        with sink:
            sink.write(step(0))
            monkeypatch.setattr(sink._writer, "_stream", type("Encoder", (), {"encode": refuse})())
            sink.write(step(1))

    with pytest.raises(SinkError, match=r"cannot be encoded: libx264 refuses pictures of 64x48 \(Invalid") as failure:
        draw()
    assert "make room" not in str(failure.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("box", [(-1e30, -1e30, 1e30, 1e30), (3e38, 3e38, 3e38, 3e38), (0, 0, 0, 0)])
def test_boxes_beyond_all_pixels_can_be_drawn(tmp_path: Path, box: tuple[float, ...]) -> None:
    assert len(shown(write(tmp_path / "out.mp4", [step(k, time=k / 25, box=box) for k in range(3)]))) == 3


def test_a_rate_that_is_none_does_no_harm(tmp_path: Path) -> None:
    steps = [step(k, time=k / 25) for k in range(3)]
    assert shown(write(tmp_path / "out.mp4", steps, Stream(rate=90_000.0))) == pytest.approx([0, 0.04, 0.08])
