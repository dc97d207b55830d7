"""Videos as people have them: which stream, which way up, what time it is, and whether it is whole."""

from __future__ import annotations

import contextlib
import itertools
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from films import MATRICES, SIZE, cut, film, greys, turn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_files import index_of, picture, turn_mp4, write_video

import trackforge
from trackforge.data.video import VideoFrames
from trackforge.errors import DataError, SourceError, TrackforgeError
from trackforge.intake.limits import limited
from trackforge.types import Frame

WRAP = 2**33 / 90_000


def read(path: Path, **settings: Any) -> list[Frame]:
    return list(trackforge.source("video", path=path, **settings))


def times(frames: Sequence[Frame]) -> list[float]:
    found = [frame.timestamp for frame in frames]
    assert all(a < b for a, b in itertools.pairwise(found))
    return found


# Which way up.


def corner(image: np.ndarray) -> str:
    rows, columns = np.nonzero((image[..., 0] > 150) & (image[..., 2] < 90))
    height, width = image.shape[:2]
    return f"{'top' if rows.mean() < height / 2 else 'bottom'} {'left' if columns.mean() < width / 2 else 'right'}"


@pytest.mark.parametrize(
    ("turned", "where"),
    [
        ("plain", "top left"),
        ("mirrored", "top right"),
        ("upside-down-mirrored", "bottom left"),
        ("half-turn", "bottom right"),
        ("right", "top right"),
        ("left", "bottom left"),
        ("transposed", "top left"),
        ("transverse", "bottom right"),
    ],
)
def test_every_display_matrix(tmp_path: Path, turned: str, where: str) -> None:
    path = turn(film(tmp_path / "film.mp4", greys(2)), MATRICES[turned])
    image = read(path)[0].image
    assert corner(image) == where
    sides = turned in ("right", "left", "transposed", "transverse")
    assert image.shape == ((64, 48, 3) if sides else (48, 64, 3))
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(VideoFrames(path).read(0), image)


def test_a_matrix_of_nothing_leaves_the_picture(tmp_path: Path) -> None:
    assert corner(read(turn(film(tmp_path / "film.mp4", greys(2)), (0, 0, 0, 0)))[0].image) == "top left"


# Which stream.

FILM, COVER = ("libx264", SIZE), ("mjpeg", (200, 120))


def several(path: Path, *streams: tuple[tuple[str, tuple[int, int]], int, int]) -> Path:
    """Write a file with several video streams: kind, disposition, number of pictures."""
    with av.open(str(path), "w") as file:
        made = []
        for (codec, size), disposition, count in streams:
            stream: Any = file.add_stream(codec, rate=25)
            stream.width, stream.height = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.disposition = getattr(disposition, "value", disposition)
            made.append((stream, greys(count, size)))
        for stream, images in made:
            for image in images:
                frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=stream.pix_fmt)
                file.mux(stream.encode(frame))
            file.mux(stream.encode())
    return path


DEFAULT, NONE, ATTACHED = Disposition.default, 0, Disposition.attached_pic


@pytest.mark.parametrize(
    ("suffix", "streams", "size"),
    [
        ("mkv", [(COVER, NONE, 1), (FILM, DEFAULT, 5)], SIZE),  # a picture first
        ("mkv", [(COVER, DEFAULT, 1), (FILM, DEFAULT, 5)], SIZE),  # as many programs mark all tracks
        ("mkv", [(COVER, NONE, 1), (FILM, NONE, 5)], SIZE),
        ("mp4", [(COVER, ATTACHED, 1), (FILM, DEFAULT, 5)], SIZE),
        ("mp4", [(FILM, NONE, 5), (COVER, ATTACHED, 1)], SIZE),
        ("mp4", [(("mjpeg", SIZE), NONE, 5), (("libx264", (128, 96)), DEFAULT, 5)], (128, 96)),  # a preview first
        ("mkv", [(("libx264", (32, 24)), NONE, 5), (FILM, NONE, 5)], SIZE),
        ("mkv", [(FILM, DEFAULT, 5), (("libx264", (128, 96)), NONE, 5)], SIZE),
    ],
)
def test_the_stream_that_is_meant(
    tmp_path: Path, suffix: str, streams: Any, size: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    frames = read(several(tmp_path / f"film.{suffix}", *streams), on_corrupt="stop")
    assert [frame.size for frame in frames] == [size] * 5
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_cover_alone_is_no_film(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="must hold video; it holds none but a cover picture"):
        trackforge.source(several(tmp_path / "song.mp4", (COVER, ATTACHED, 1)))


# Combs.


def combed(count: int) -> list[np.ndarray]:
    """A bar that moves from field to field, over a slope that stands still."""
    made = []
    for k in range(count):
        image = np.repeat(np.linspace(40, 160, 48).astype(np.uint8)[:, None, None], 64, axis=1).repeat(3, axis=2)
        for field in range(2):
            image[field::2, 10 + 8 * k + 4 * field : 20 + 8 * k + 4 * field] = 230
        made.append(image)
    return made


def test_interlaced_films_lose_their_combs_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = film(
        tmp_path / "tape.mkv", combed(4), codec="libx264", coding={"x264-params": "interlaced=1:qp=0:bframes=0"}
    )
    caplog.set_level(logging.INFO, "trackforge")
    frames = read(path)
    assert len(frames) == 4
    assert caplog.text.count("tape is interlaced") == 1
    for k, frame in enumerate(frames):
        grey = frame.image[..., 1].astype(int)
        bar = grey[:, 9 + 8 * k : 26 + 8 * k] > 200
        assert (bar[1:-2] == bar[2]).mean() > 0.98  # each row has the bar where its neighbour has it
        assert np.abs(grey - combed(1)[0][..., 1])[:-1, 50:].max() <= 2
    np.testing.assert_array_equal(VideoFrames(path).read(2), frames[2].image)


# More than 8 bits.


def heat(count: int) -> list[np.ndarray]:
    """Heat values of 14 bits: a street at 7200, a walker at 7900."""
    made = []
    for k in range(count):
        image = np.full((48, 64), 7200, np.uint16)
        image[10:30, 10 + 2 * k : 20 + 2 * k] = 7900
        made.append(image)
    return made


@pytest.mark.parametrize(("pixels", "less"), [("gray16le", 0), ("gray14le", 0), ("gray12le", 2), ("gray10le", 4)])
def test_heat_pictures_are_stretched_once_for_the_film(tmp_path: Path, pixels: str, less: int) -> None:
    if pixels not in getattr(av.video.frame, "supported_np_pix_fmts", {"gray16le"}):
        pytest.skip(f"this PyAV makes no pictures of {pixels}")
    images = [image >> less for image in heat(4)]
    images[2][40:, :8] = 16000 >> less  # something hotter later changes no shade
    path = film(tmp_path / "heat.mkv", images, codec="ffv1", form=pixels, pixels=pixels)
    frames = read(path)
    assert [(f.image.min(), f.image.max()) for f in frames] == [(0, 255)] * 4
    for frame, image in zip(frames, images, strict=True):
        np.testing.assert_array_equal(frame.image[..., 0] == 0, image == image.min())
    np.testing.assert_array_equal(VideoFrames(path).read(2), frames[2].image)


def test_full_grey_and_deep_colours_keep_their_upper_bits(tmp_path: Path) -> None:
    full = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)
    path = film(tmp_path / "full.mkv", [full], codec="ffv1", form="gray16le", pixels="gray16le")
    np.testing.assert_array_equal(read(path)[0].image[..., 0], full >> 8)
    plain = greys(1)[0].astype(int)
    for pixels in ("rgb48le", "gbrp10le", "yuv444p16le"):
        deep = read(film(tmp_path / f"{pixels}.mkv", greys(1), codec="ffv1", pixels=pixels))[0].image
        assert np.abs(deep - plain).max() <= 3


# One clock.


def segment(path: Path, start: float, count: int = 25, *, number: int = 256) -> bytes:
    """Write a transport stream of one second that begins at a given time, its stream under a given number."""
    images = greys(count)
    film(
        path,
        images,
        ticks=[round((start + k / 25) * 90_000) for k in range(count)],
        base=Fraction(1, 90_000),
        codec="mpeg2video",
        options={"mpegts_copyts": "1", "mpegts_start_pid": str(number)},
        coding={"g": "5", "bf": "0"},
    )
    return path.read_bytes()


@pytest.mark.parametrize(
    "starts", [(1.0, 1.0), (600.0, 1.0), (80_000.0, 1.0), (600.0, 1.0, 80_000.0, 1.0), (WRAP - 10.0, 1000.0)]
)
def test_joined_transport_streams_go_on(tmp_path: Path, starts: tuple[float, ...]) -> None:
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(segment(tmp_path / "one.ts", start) for start in starts))
    frames = read(path)
    assert [index_of(frame.image) for frame in frames] == list(range(25)) * len(starts)
    assert times(frames) == pytest.approx([k / 25 for k in range(len(frames))], abs=1e-3)
    length = trackforge.source(path).stream.length  # type: ignore[attr-defined]
    assert length is None or length <= 2 * len(frames)


def test_joined_transport_streams_that_number_their_streams_differently(tmp_path: Path) -> None:
    path = tmp_path / "joined.ts"
    path.write_bytes(segment(tmp_path / "one.ts", 1.0) + segment(tmp_path / "two.ts", 2.0, number=300))
    frames = read(path)
    assert len(frames) >= 48  # FFmpeg may lose the picture at the joint, or hand it in at the end
    assert times(frames)[47] == pytest.approx(1.92, abs=0.05)


def test_a_counter_of_33_bits_goes_round(tmp_path: Path) -> None:
    path = tmp_path / "wrapped.ts"
    segment(path, WRAP - 0.5, 50)
    assert times(read(path)) == pytest.approx([k / 25 for k in range(50)], abs=1e-3)


def test_a_recording_that_was_interrupted_keeps_the_gap(tmp_path: Path) -> None:
    path = tmp_path / "paused.ts"
    path.write_bytes(segment(tmp_path / "one.ts", 10.0) + segment(tmp_path / "two.ts", 31.0))
    assert times(read(path)) == pytest.approx([k / 25 for k in range(25)] + [21 + k / 25 for k in range(25)], abs=1e-3)


def test_an_avi_with_empty_places_keeps_its_grid(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    places = [*range(10), *range(10, 50, 5)]
    frames = read(film(tmp_path / "drops.avi", greys(18), ticks=places, base=Fraction(1, 25)), on_corrupt="stop")
    assert times(frames) == pytest.approx([place / 25 for place in places])
    assert [frame.index for frame in frames] == list(range(18))
    assert not caplog.records


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_an_avi_whose_pictures_are_coded_out_of_order(tmp_path: Path, codec: str) -> None:
    path = film(
        tmp_path / "order.avi", greys(20, (320, 240)), codec=codec, coding={"bf": "2", "g": "10", "qscale": "2"}
    )
    frames = read(path)
    assert times(frames) == pytest.approx([k / 25 for k in range(20)])
    shades = [index_of(frame.image) for frame in frames]
    assert shades == sorted(shades)
    by_number = VideoFrames(path)
    assert len(by_number) == 20
    for number in (13, 2, 19, 7):
        np.testing.assert_array_equal(by_number.read(number), frames[number].image)


def test_pictures_without_a_clock_have_the_pace_of_nobody(tmp_path: Path) -> None:
    source = trackforge.source("video", path=film(tmp_path / "bare.mjpeg", greys(5)))
    assert source.rate is None  # type: ignore[attr-defined]
    assert times(list(source)) == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    path = film(tmp_path / "bare.h264", greys(5), codec="libx264", rate=10)
    assert trackforge.source(path).rate == 10.0  # type: ignore[attr-defined]
    assert times(read(path)) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_equal_stamps_and_uneven_steps(tmp_path: Path) -> None:
    ticks = [0, 40, 40, 45, 300, 1000, 5000, 5040]
    made = times(read(film(tmp_path / "uneven.mkv", greys(8), ticks=ticks)))
    assert made == pytest.approx([tick / 1000 for tick in ticks], abs=1e-3)


def test_stamps_that_stand_go_by_the_rate(tmp_path: Path) -> None:
    made = times(read(film(tmp_path / "standing.mkv", greys(20), ticks=[0] * 10 + [400 + 40 * k for k in range(10)])))
    assert made == pytest.approx([k / 25 for k in range(20)], abs=0.041)


def test_milliseconds_given_as_seconds_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = read(film(tmp_path / "thousand.mkv", greys(9), ticks=[40_000 * k for k in range(9)]))
    assert times(frames) == pytest.approx([40.0 * k for k in range(9)])
    assert caplog.text.count("thousand: pictures are 40 s apart, a thousand times what 25 a second asks for") == 1
    caplog.clear()
    tracker = trackforge.tracker("byte", frame_rate=25)
    for frame in frames:
        tracker.update(trackforge.Detections.empty(), Frame(index=frame.index, size=SIZE, timestamp=frame.timestamp))
    assert caplog.text.count("if frame.timestamp is in milliseconds, give it in seconds") == 1


# Whole or cut short.


def whole(kind: str, folder: Path) -> Path:
    images = greys(50)
    if kind == "last-held":
        return film(folder / "held.mp4", images, ticks=[40 * k for k in range(50)], last=15_000)
    if kind == "hidden-start":
        hidden = [40 * k - 400 for k in range(50)]
        return film(folder / "edit.mp4", images, ticks=hidden, options={"avoid_negative_ts": "disabled"})
    if kind == "b-frames.flv":
        return write_video(folder / "b.flv", 50, size=SIZE)
    if kind == "fragments":
        options = {"movflags": "frag_keyframe"}
        return film(folder / "frag.mp4", images, codec="libx264", coding={"g": "5"}, options=options)
    if kind == "late.mkv":
        return film(folder / "late.mkv", images, ticks=[40 * k + 5000 for k in range(50)])
    suffix = kind.removeprefix("sound.")
    codec = {"flv": "flv", "wmv": "wmv2"}.get(suffix, "mjpeg")
    return film(folder / f"sound.{suffix}", images, codec=codec, sound=6.0)


@pytest.mark.parametrize(
    "kind",
    [
        *("sound.mkv", "sound.avi", "sound.mov", "sound.mp4", "sound.flv", "sound.wmv"),
        *("last-held", "hidden-start", "b-frames.flv", "fragments", "late.mkv"),
    ],
)
def test_what_is_whole_is_not_called_cut_short(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    path = whole(kind, tmp_path)
    source: Any = trackforge.source("video", path=path, on_corrupt="stop")
    frames = list(source)
    assert len(frames) == (40 if kind == "hidden-start" else 50)
    if kind != "last-held" or hasattr(av.video.stream.VideoStream, "index_entries"):
        assert source.rate == 25.0
    assert times(frames)[-1] == pytest.approx((len(frames) - 1) / 25, abs=2e-3)
    assert not caplog.records
    if kind in ("sound.mkv", "last-held", "fragments", "late.mkv"):
        assert source.stream.length == 50


@pytest.mark.parametrize("suffix", ["mkv", "avi", "mp4", "flv"])
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_what_is_cut_short_is_called_so(
    tmp_path: Path, suffix: str, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"movflags": "+faststart"} if suffix == "mp4" else {}
    codec = "flv" if suffix == "flv" else "mjpeg"
    path = cut(film(tmp_path / f"film.{suffix}", greys(50), codec=codec, options=options), share)
    frames = read(path)
    assert len(frames) < 45
    assert "is cut short or damaged: " in caplog.text
    with pytest.raises(SourceError, match=r"cut short or damaged|cannot be decoded"):
        read(path, on_corrupt="stop")


# Edges of FFmpeg.


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mp4"])
def test_a_title_in_latin_1_is_no_obstacle(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"coffee.{suffix}"
    with av.open(str(path), "w") as file:
        file.metadata["title"] = "Cr#me"
        stream: Any = file.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuvj420p"
        for image in greys(3):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuvj420p")))
        file.mux(stream.encode())
    data = path.read_bytes()
    assert b"Cr#me" in data
    path.write_bytes(data.replace(b"Cr#me", "Crème".encode("latin-1")))
    assert len(read(path)) == 3


def test_a_signal_is_answered_while_an_address_is_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/film.mp4"
        words = ["track", address, "--ahead", "0", "-o", str(tmp_path / "out.txt")]
        process = subprocess.Popen([sys.executable, "-m", "trackforge", *words], stderr=subprocess.DEVNULL)
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(4096).startswith(b"GET /film.mp4")
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 143  # the time-out of addresses is longer
    assert not (tmp_path / "out.txt").exists()


def test_pictures_without_a_clock_have_the_time_of_their_arrival() -> None:
    gate = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                kind = b"multipart/x-mixed-replace; boundary=frame"
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: " + kind + b"\r\n\r\n")
                for number in range(12):
                    if number == 6:
                        gate.wait(60)
                    jpeg = cv2.imencode(".jpg", picture(number))[1].tobytes()
                    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                    connection.sendall(head + jpeg + b"\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/camera"
        source: Any = trackforge.source(address, latest=False, reconnect=0)
        frames = iter(source)
        first = next(frames)
        threading.Timer(0.8, gate.set).start()
        rest = list(frames)
        thread.join(60)
    assert source.rate is None
    assert len(rest) == 11
    assert times([first, *rest])[-1] >= 0.79  # 25 a second would be 0.44


@pytest.mark.parametrize(
    ("suffix", "codec", "name", "other"),
    [
        ("avi", "mjpeg", b"MJPG", b"QQZZ"),
        ("mkv", "mjpeg", b"V_MJPEG", b"V_QQPEG"),
        ("mp4", "libx264", b"avc1", b"qqzz"),
    ],
)
def test_an_unknown_codec_is_said(tmp_path: Path, suffix: str, codec: str, name: bytes, other: bytes) -> None:
    path = film(tmp_path / f"odd.{suffix}", greys(3), codec=codec)
    path.write_bytes(path.read_bytes().replace(name, other))
    with pytest.raises(SourceError, match="this build of FFmpeg does not know its codec"):
        trackforge.source(path)


def test_pictures_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "large.mp4", greys(2))
    with limited(pixels=1000), pytest.raises(DataError, match="width times height must be at most 1,000"):
        trackforge.source(path)


def damaged(kind: str, folder: Path) -> bytes:
    """A small whole film to be damaged."""
    suffix, codec = kind.split("/")
    return film(folder / f"film.{suffix}", greys(6, (32, 16)), codec=codec).read_bytes()


@pytest.mark.parametrize("kind", ["mp4/libx264", "mkv/mjpeg", "avi/mpeg4", "ts/mpeg2video", "flv/flv", "mov/png"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_are_a_film_or_an_error_of_ours(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray(damaged(kind, tmp_path))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 8])))
        content[at : at + len(piece)] = piece
    path = tmp_path / f"any.{kind.partition('/')[0]}"
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    frames: list[Frame] = []
    with contextlib.suppress(TrackforgeError), limited(pixels=10**6):
        source: Any = trackforge.source("video", path=path)
        assert source.stream.length is None or source.stream.length >= 0
        frames = list(itertools.islice(source, 200))
    times(frames)


def test_the_command_says_no_more_than_is_true(tmp_path: Path) -> None:
    path = whole("sound.mkv", tmp_path)
    words = ["track", str(path), "-q", "--set", "source.on_corrupt=stop", "-o", str(tmp_path / "out.txt")]
    done = subprocess.run(
        [sys.executable, "-m", "trackforge", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_pictures_stay_what_they_were(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", greys(3), codec="ffv1", pixels="bgr0")
    for index, frame in enumerate(read(path)):
        np.testing.assert_array_equal(frame.image, picture(index, SIZE))


# What is left out, and what only seems to be.


def test_the_last_picture_of_an_avi_may_be_held(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "held.avi"
    with av.open(str(path), "w") as container:  # a grid of 600 places a second, 25 pictures on it
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90_000)
        for index in range(6):
            given = av.VideoFrame.from_ndarray(picture(index), format="rgb24").reformat(format="yuvj420p")
            given.pts, given.time_base = index * 3600, Fraction(1, 90_000)
            container.mux(stream.encode(given))
        container.mux(stream.encode())
    assert times(read(path)) == pytest.approx([index / 25 for index in range(6)])
    assert "cut short" not in caplog.text


def test_an_edit_list_shortens_the_length(tmp_path: Path) -> None:
    path = write_video(tmp_path / "edited.mp4", 20, gop=5)
    data = bytearray(path.read_bytes())
    ticks = int.from_bytes(data[(at := data.index(b"mdhd")) + 16 : at + 20], "big")
    at = data.index(b"elst") + 12
    lasts, begins = (int.from_bytes(data[k : k + 4], "big") for k in (at, at + 4))
    data[at : at + 8] = (lasts // 2).to_bytes(4, "big") + (begins + ticks * 10 // 25).to_bytes(4, "big")
    path.write_bytes(data)
    source = trackforge.source(path)
    assert [index_of(frame.image) for frame in source if frame.image is not None] == list(range(10, 20))
    if hasattr(av.video.stream.VideoStream, "index_entries"):
        assert len(source) == 10  # type: ignore[arg-type]


def test_a_beginning_behind_the_end_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_video(tmp_path / "film.mp4", 10)
    assert read(path, start=100) == []
    assert "none of its 10 frames is given; start is 100" in caplog.text


def test_a_pixel_that_is_not_square_in_a_film_that_is_turned(tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 240, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for index in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index, (160, 240)), format="rgb24")))
        container.mux(stream.encode())
    turn_mp4(path)
    out = tmp_path / "out.mp4"
    assert {step.frame.size for step in trackforge.track(path, "motion", "byte", sinks=[out])} == {(240, 160)}
    with av.open(str(out)) as shown:
        stream = shown.streams.video[0]
        assert (stream.width, stream.height, stream.sample_aspect_ratio) == (240, 160, Fraction(1, 2))
