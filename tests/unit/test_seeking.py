"""A film that is entered in its middle gives the very frames that the whole film gives there."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import trackforge
from trackforge.io import seeking
from trackforge.io.decode import Extent

FRAMES, RATE = 120, 20


def film(path: Path, codec: str = "libx264", *, uneven: bool = False) -> Path:
    """Write pictures that can be told apart, with a key picture every 15 and, where the codec can, B pictures."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE, options={"bf": "3"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 96, 64, "yuv420p", 15
        stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(FRAMES):
            image = np.full((64, 96, 3), (2 * index) % 256, np.uint8)
            image[:, (index * 7) % 90 : (index * 7) % 90 + 6] = 255
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = index * 50 + (index % 3) * 10 * uneven
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frames(path: Path, **settings: Any) -> list[tuple[int, float | None, bytes]]:
    """Return index, time and picture of every frame."""
    found = trackforge.source(path, **settings)
    return [(f.index, f.timestamp, f.image.tobytes()) for f in found if f.image is not None]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.ts", "libx264"), ("a.avi", "mpeg4"), ("a.webm", "libvpx")],
)
def test_a_start_gives_the_slice_of_the_whole(name: str, codec: str, tmp_path: Path) -> None:
    path = film(tmp_path / name, codec)
    whole = frames(path)
    assert [index for index, _, _ in whole] == list(range(FRAMES))
    for start in (1, 44, 45, 46, 118):
        assert frames(path, start=start) == whole[start:]
    assert frames(path, start=61, stride=7, stop=100) == whole[61:100:7]
    assert frames(path, start="2.5s") == [one for one in whole if (one[1] or 0) >= 2.5 - 1e-9]
    assert frames(path, start="0:03", stride=4) == [one for one in whole if (one[1] or 0) >= 3 - 1e-9][::4]


def test_uneven_times_are_counted_not_worked_out(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", uneven=True)
    whole = frames(path)
    assert frames(path, start=77) == whole[77:]
    assert frames(path, start="4s") == [one for one in whole if (one[1] or 0) >= 4 - 1e-9]


def test_what_comes_before_is_not_decoded(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        extent = Extent()
        landing = seeking.land(container, container.streams.video[0], 100, extent)
        assert landing is not None
        assert landing.first == 100 == len(landing.stamps)
        assert 60 <= extent.packets < 100  # of 120: from the key picture before the nearest one on they are decoded
        first = next(iter(seeking.counted(container, container.streams.video[0], extent, landing)))
        assert first[0] == 100


def test_a_start_after_the_end_gives_nothing_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = film(tmp_path / "a.mp4")
    assert frames(path, start=500) == []
    assert "none of its 120 frames is given; start is 500" in caplog.text


@pytest.mark.parametrize(("start", "length"), [(20, 100), ("3s", 60), ("0:07", 0)])
def test_the_length_is_that_of_the_part(start: int | str, length: int, tmp_path: Path) -> None:
    source = trackforge.source(film(tmp_path / "a.mp4"), start=start)
    assert (source.stream.length, source.stream.total) == (length, FRAMES)
