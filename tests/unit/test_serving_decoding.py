"""Pictures out of request bodies: by content, upright, whole, and never larger than the limit."""

from __future__ import annotations

import asyncio
import io
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from io_files import picture as drawn
from slow_pictures import many_scans, overfull

from trackforge.errors import DataError
from trackforge.intake.limits import limited
from trackforge.io.headers import read_header
from trackforge.io.passes import scans
from trackforge.io.pictures import decode_picture
from trackforge.serving import BadPicture, TooLarge, picture
from trackforge.serving.http.denials import Late
from trackforge.serving.http.lanes import Lanes

MOST = 1_000_000
RGB = drawn(3, (160, 120))


def encoded(ending: str) -> bytes:
    ok, data = cv2.imencode(ending, RGB[:, :, ::-1])
    assert ok
    return bytes(data)


def png_of(width: int, height: int) -> bytes:
    """Return a small PNG that announces so many pixels and holds rows of nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".bmp"])
@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_pictures_are_what_the_library_reads(ending: str, kind: type) -> None:
    data = encoded(ending)
    got = picture(kind(data), max_pixels=MOST)
    assert got.shape == RGB.shape
    assert got.dtype == np.uint8
    assert np.array_equal(got, decode_picture(data, "x"))
    if ending in (".png", ".bmp"):
        assert np.array_equal(got, RGB)


def test_a_turned_picture_comes_upright() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    jpeg = encoded(".jpg")
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    got = picture(turned, max_pixels=MOST)
    assert got.shape == (160, 120, 3)
    assert np.array_equal(got, np.rot90(picture(jpeg, max_pixels=MOST), -1))


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(40), b"<svg/>", encoded(".jpg")[:-300],
     encoded(".png")[:-20], encoded(".tiff"), b"BM" + bytes(60), b"RIFF\0\0\0\0WEBPVP8X" + bytes(30)],
)  # fmt: skip
def test_what_is_no_picture_is_refused(body: bytes) -> None:
    with pytest.raises(BadPicture) as refused:
        picture(body, max_pixels=MOST)
    assert refused.value.status == 400
    assert str(refused.value).startswith("The body must be")


@pytest.mark.parametrize("size", [(60_000, 60_000), (1_001, 1_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_takes_no_memory(size: tuple[int, int]) -> None:
    body = png_of(*size)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge) as refused:
            picture(body, max_pixels=MOST)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413
    assert "1,000,000 pixels" in str(refused.value)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([".jpg", ".png", ".webp", ".bmp"]), st.data())
def test_damaged_bytes_give_a_picture_or_a_refusal(ending: str, data: st.DataObject) -> None:
    body = bytearray(encoded(ending))
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=6)):
        body[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    try:
        got = picture(bytes(body[:cut] if cut % 3 == 0 else body), max_pixels=MOST)
    except (BadPicture, TooLarge):
        return
    assert got.ndim == 3
    assert got.shape[0] * got.shape[1] <= MOST


def test_a_jpeg_of_many_scans_is_refused_by_every_reader() -> None:
    assert picture(many_scans(320, 240, 100), max_pixels=MOST).shape == (240, 320, 3)
    body = many_scans(320, 240, 101)
    with pytest.raises(BadPicture, match=r"scans of a JPEG must be at most 100; got 101"):
        picture(body, max_pixels=MOST)
    with pytest.raises(DataError, match="TRACKFORGE_LIMIT_SCANS"):
        decode_picture(body, "x.jpg")
    with limited(scans=101):
        assert decode_picture(body, "x.jpg").shape == (240, 320, 3)
    with pytest.raises(BadPicture, match="got 101"):  # segments without end, each walked
        picture(body[:-2] + b"\xff\xfe\0\2" * 100_000 + b"\xff\xd9", max_pixels=MOST)


def test_a_large_jpeg_may_have_fewer_scans() -> None:
    assert picture(many_scans(1000, 1000, 16), max_pixels=MOST).shape == (1000, 1000, 3)
    with pytest.raises(BadPicture, match="may have 16 scans"):
        picture(many_scans(1000, 1000, 17), max_pixels=MOST)


def test_scans_of_thumbnails_and_behind_the_end_do_not_count() -> None:
    jpeg = encoded(".jpg")
    held = b"\xff\xe2" + struct.pack(">H", 40_002) + b"\xff\xda" * 20_000
    dressed = jpeg[:2] + held + jpeg[2:] + b"\xff\xda" * 1000
    assert np.array_equal(picture(dressed, max_pixels=MOST), picture(jpeg, max_pixels=MOST))
    ok, progressive = cv2.imencode(".jpg", RGB, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    body = progressive.tobytes()
    header = read_header(io.BytesIO(body))
    assert ok
    assert header is not None
    inner = body[: header.scan] + held + body[header.scan :]
    assert scans(inner, header._replace(scan=header.scan), 100) == scans(body, header, 100) == 10
    assert scans(body, header, 5) == 6


def test_a_png_that_unpacks_to_more_than_its_pixels_is_refused() -> None:
    assert picture(overfull(1 << 20), max_pixels=MOST).shape == (8, 8, 3)
    with pytest.raises(BadPicture, match="unpacks to far more"):
        picture(overfull(300 << 20), max_pixels=MOST)


def test_pictures_that_take_long_stand_in_nobodys_way() -> None:
    long, short = many_scans(7000, 7000, 16), encoded(".jpg")

    async def asked(patience: float) -> list[str]:
        lanes, order = Lanes(50_000_000, patience), list[str]()

        async def one(name: str, body: bytes) -> None:
            try:
                await lanes.decoded(body)
                order.append(name)
            except Late:
                order.append("late")

        try:
            many = [asyncio.ensure_future(one("long", long)) for _ in range(24)]
            await asyncio.sleep(0.2)
            await one("short", short)
            told = list(order)
            if patience < 10:
                await asyncio.gather(*many)
                return order
            for each in many:
                each.cancel()
            await asyncio.gather(*many, return_exceptions=True)
            return told
        finally:
            lanes.close()

    assert asyncio.run(asked(60.0)).count("long") < 24  # the short one did not wait for all of them
    assert "late" in asyncio.run(asked(0.1))
