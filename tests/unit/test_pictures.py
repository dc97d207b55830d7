"""Pictures: sources and data sets see the same pixels, in the same order, and refuse the same files."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from io_files import turn_mp4, write_picture, write_video

import trackforge
from trackforge.data.files import list_pictures
from trackforge.data.pictures import PictureReader
from trackforge.errors import DataError
from trackforge.intake.folders import natural_key
from trackforge.io.pictures import picture_size
from trackforge.registry.suffixes import IMAGE_SUFFIXES


def turned(path: Path) -> Path:
    """Let EXIF data say that a JPEG is to be turned by 90 degrees."""
    body = b"Exif\0\0II" + struct.pack("<HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    jpeg = path.read_bytes()
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:])
    return path


def test_both_readers_give_the_same_pixels(tmp_path: Path) -> None:
    turned(write_picture(tmp_path / "1.jpg", 1))
    write_picture(tmp_path / "2.png", 2)
    cv2.imwrite(str(tmp_path / "3.png"), np.arange(300, dtype=np.uint16).reshape(15, 20))
    reader = PictureReader()
    frames = list(trackforge.source(str(tmp_path)))
    assert [f.size for f in frames] == [(48, 64), (64, 48), (20, 15)]
    for frame, file in zip(frames, list_pictures(tmp_path), strict=True):
        assert np.array_equal(frame.image, reader.read(file))
        assert frame.size == reader.size(file) == picture_size(file)


def test_both_readers_turn_a_film_upright(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", 4)
    turn_mp4(film)
    reader = PictureReader()
    assert reader.size(f"{film}#3") == (240, 320)
    for frame in trackforge.source(str(film)):
        assert np.array_equal(frame.image, reader.read(f"{film}#{frame.index}"))


def test_both_readers_take_a_picture_that_is_cut_short_for_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_picture(tmp_path / "0.jpg")
    path = tmp_path / "1.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:-2000])  # some OpenCV fill the rest with grey and go on
    with pytest.raises(DataError, match=r"1\.jpg: The .*(cut short|cannot be decoded)"):
        PictureReader().read(path)
    with caplog.at_level(logging.WARNING):
        assert [f.index for f in trackforge.source(str(tmp_path))] == [0]
    assert "1.jpg cannot be decoded and is skipped" in caplog.text


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_both_sides_know_every_ending(tmp_path: Path, suffix: str) -> None:
    path = write_picture(tmp_path / "a.png").rename(tmp_path / f"a{suffix}")  # the content tells the decoder
    assert [f.size for f in trackforge.source(str(tmp_path))] == [(64, 48)]
    assert list_pictures(tmp_path) == [path]
    assert picture_size(path) == (64, 48)


def test_natural_order_counts_and_does_not_depend_on_the_folder() -> None:
    names = ["img10.jpg", "img9.jpg", "IMG9.jpg", "a.jpg", "B.jpg", "2.jpg"]
    expected = ["2.jpg", "a.jpg", "B.jpg", "IMG9.jpg", "img9.jpg", "img10.jpg"]
    for order in (names, names[::-1]):
        assert sorted(order, key=natural_key) == expected
