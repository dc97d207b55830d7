"""Picture folders as people have them: their endings, their order, what lies beside, and files of several pictures."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from io_files import index_of, picture, write_picture, write_video
from PIL import Image

import trackforge
from trackforge.data.files import list_pictures
from trackforge.data.pictures import PictureReader
from trackforge.errors import DataError, SourceError, TrackforgeError
from trackforge.intake.folders import natural_key, natural_order
from trackforge.intake.limits import limited
from trackforge.intake.names import readable
from trackforge.io.pictures import picture_size
from trackforge.io.stacks import count_pictures, open_pictures
from trackforge.registry.suffixes import IMAGE_SUFFIXES

SIZE = (64, 48)
Picture = npt.NDArray[np.uint8]


def indices(folder: Path | str, **settings: Any) -> list[tuple[int, int]]:
    """Return index and picture of each frame."""
    return [(frame.index, index_of(frame.image)) for frame in trackforge.source(folder, **settings)]


def saved(path: Path, form: str, count: int = 5, **options: Any) -> Path:
    """Write several pictures into one file."""
    pages = [Image.fromarray(picture(k, SIZE)) for k in range(count)]
    pages[0].save(path, form, save_all=True, append_images=pages[1:], **options)
    return path


# Which files


def test_what_macs_leave_is_no_picture_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for k in range(4):
        file = write_picture(tmp_path / f"frame_{k:03d}.png", k)
        shutil.copy(file, tmp_path / f"._frame_{k:03d}.png")
    write_picture(tmp_path / "__MACOSX" / "frame_000.png")
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "notes.heic").touch()
    assert indices(tmp_path) == [(k, k) for k in range(4)]
    assert caplog.text.count("left out 4 hidden or left there by a system") == 1
    assert "and 1 of other endings (.heic)" in caplog.text
    caplog.clear()
    assert indices(str(tmp_path / "**" / "*.png")) == [(k, k) for k in range(4)]
    assert "left out 1 hidden" in caplog.text  # glob itself passes over names that begin with a point


def test_a_folder_of_companions_alone_holds_no_pictures(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png").rename(tmp_path / "._a.png")
    with pytest.raises(SourceError, match="must hold pictures"):
        trackforge.source(tmp_path)
    with pytest.raises(SourceError, match="left out: 1 hidden"):
        trackforge.source("images", path=tmp_path)


def test_what_lies_in_a_hidden_folder_is_read_where_that_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ".cache" / "shots"
    for k in range(2):
        write_picture(folder / f"{k}.png", k)
    assert indices(folder) == indices(str(folder / "*.png")) == [(0, 0), (1, 1)]
    assert len(list_pictures(folder)) == 2


def test_data_sets_pass_over_the_same_files(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg")
    for aside in ("._a.jpg", "__MACOSX/._a.jpg", ".ipynb_checkpoints/a-checkpoint.jpg", "@eaDir/a.jpg", "sub/.b/a.jpg"):
        write_picture(tmp_path / aside)
    assert [file.name for file in list_pictures(tmp_path)] == ["a.jpg"]


def test_every_ending_of_a_jpeg_is_a_picture(tmp_path: Path) -> None:
    names = ("001.jpg", "002.jfif", "003.jpg", "004.JPE", "005.jpg", "006.jif", "007.MPO")
    for k, name in enumerate(names):
        write_picture(tmp_path / "a.jpg", k).rename(tmp_path / name)
    assert indices(tmp_path) == [(k, k) for k in range(7)]


@pytest.mark.parametrize("suffix", [s for s in IMAGE_SUFFIXES if s not in (".jif", ".mpo", ".jfif", ".j2k", ".gif")])
def test_what_has_the_ending_decodes(tmp_path: Path, suffix: str) -> None:
    grey = suffix in (".pgm", ".pbm")
    image = picture(3, SIZE)
    done, content = cv2.imencode(suffix, image[:, :, 0] if grey else image[:, :, ::-1])
    assert done
    (tmp_path / f"a{suffix}").write_bytes(content.tobytes())
    (frame,) = trackforge.source(tmp_path)
    assert frame.size == SIZE == picture_size(tmp_path / f"a{suffix}")
    if not grey:
        assert np.abs(frame.image.astype(int) - image).mean() < 8


def test_the_documentation_lists_every_ending() -> None:
    page = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text(encoding="utf-8")
    assert f"`{' '.join(IMAGE_SUFFIXES)}`" in page


# Their order


@pytest.mark.parametrize(
    "names",
    [
        ["1700000000.1234567.png", "1700000000.25.png", "1700000000.3.png", "1700000000.4123456.png"],
        ["cam_1700000000.05.png", "cam_1700000000.5.png", "cam_1700000001.png", "cam_1700000001.25.png"],
        ["IMG_170430.png", "IMG_170431.png", "IMG_170431 (1).png", "IMG_170431 (2).png", "IMG_170432.png"],
        ["a.png", "a (1).png", "a (10).png", "a - Copy.png", "a_1.png", "B.png"],
        ["0.125.png", "0.25.png", "0.5.png", "0.75.png", "1.0.png", "12.5.png"],
        ["0.04.png", "0.08.png", "0.1.png", "0.12.png"],
        ["1.8.png", "1.9.png", "1.10.png", "1.11.png", "2.1.png"],
        ["1.1.png", "1.2.png", "1.9.png", "1.10.png"],
        ["2024.1.9.png", "2024.1.10.png", "2024.2.1.png"],
        ["000000.png", "000001.png", "000010.png"],
        ["9.png", "010.png", "99999999999999999999.png", "100000000000000000000.png"],
        ["a/2.png", "a/10.png", "b/1.png"],
    ],
)
def test_the_order_is_the_one_that_people_mean(names: list[str]) -> None:
    assert natural_order(names[::-1]) == names
    assert natural_order(sorted(names)) == names


def test_names_from_a_clock_come_in_its_order(tmp_path: Path) -> None:
    for k, fraction in enumerate(("1234567", "25", "3", "4123456", "5")):
        write_picture(tmp_path / f"1700000000.{fraction}.png", k)
    assert indices(tmp_path) == [(k, k) for k in range(5)]
    assert [file.name for file in list_pictures(tmp_path)] == [f.name for f in trackforge.source(tmp_path).files]


@given(st.lists(st.text(st.characters(blacklist_characters="\0"), max_size=20), max_size=8))
def test_any_names_have_an_order(names: list[str]) -> None:
    assert sorted(natural_order(names)) == sorted(names)
    assert natural_order(names) == natural_order(names[::-1])
    sorted(names, key=natural_key)


def test_names_that_are_no_utf8_can_be_written(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/stra\xdfe"))
    folder.mkdir()
    shutil.copy(write_picture(tmp_path / "a.png"), os.fsdecode(os.fsencode(folder) + b"/\xe4.png"))
    (frame,) = trackforge.source(folder)
    assert (frame.sequence, frame.file) == ("straße", "ä.png")
    assert readable("a\ud800ü") == "a?ü".encode().decode("latin-1")


# MOTChallenge sequences


def sequence(folder: Path, numbers: list[int | str], ending: str = ".jpg", stated: str = ".jpg") -> Path:
    for k, number in enumerate(numbers):
        name = f"{number:06d}" if isinstance(number, int) else number
        write_picture(folder / "img1" / f"{name}{ending}", k)
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname=S\nimDir=img1\nframeRate=5\nseqLength={len(numbers)}\nimWidth=64\nimHeight=48\nimExt={stated}\n"
    )
    return folder


def test_a_mot_sequence_may_count_from_0(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = sequence(tmp_path / "s", [0, 1, 2, 3])
    shutil.copy(folder / "img1" / "000000.jpg", folder / "img1" / "._000000.jpg")
    assert indices(folder) == [(k, k) for k in range(4)]
    assert caplog.text.count("counts its pictures from 0") == 1
    assert caplog.text.count("left out 1 hidden") == 1
    assert indices(sequence(tmp_path / "t", [1, 2, 4])) == [(0, 0), (1, 1), (3, 2)]


def test_a_mot_sequence_of_other_names_and_endings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert indices(sequence(tmp_path / "s", ["img00001", "img00002"], ".png")) == [(0, 0), (1, 1)]
    folder = sequence(tmp_path / "t", [1, 2], stated="JPG")
    write_picture(folder / "img1" / "thumb_2.jpg", 7)
    write_picture(folder / "img1" / "cover.jpg", 7)
    assert indices(folder) == [(0, 0), (1, 1)]
    assert "left out 2 pictures without a number of their own" in caplog.text
    (folder / "img1").rename(folder / "frames")
    frames = list(trackforge.source(folder))
    assert [(f.index, f.file) for f in frames] == [(0, "frames/000001.jpg"), (1, "frames/000002.jpg")]
    assert "imDir=img1, where no pictures are; those in frames/ were taken" in caplog.text


def test_pictures_of_a_mot_sequence_that_bear_times_come_in_their_order(tmp_path: Path) -> None:
    assert indices(sequence(tmp_path / "s", ["1700000000250", "1700000000500"])) == [(0, 0), (1, 1)]


def test_a_mot_sequence_may_be_a_video(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "s", [1])
    shutil.rmtree(folder / "img1")
    write_video(folder / "s.mp4", 4)
    source = trackforge.source(folder)
    frames = list(source)
    assert [(f.index, index_of(f.image), f.sequence) for f in frames] == [(k, k, "S") for k in range(4)]
    assert (source.stream.name, source.stream.rate, source.skipped) == ("S", 5, 0)
    assert [f.image for f in trackforge.source(folder, images="none")] == [None]


# Files of several pictures

DURATIONS = [40, 80, 120, 40, 200]
STACKS: dict[str, Callable[[Path], Path]] = {
    "tiff": lambda d: saved(d / "a.tif", "TIFF"),
    "bigtiff": lambda d: saved(d / "a.tiff", "TIFF", big_tiff=True),
    "webp": lambda d: saved(d / "a.webp", "WEBP", duration=DURATIONS, lossless=True),
    "png": lambda d: saved(d / "a.png", "PNG", duration=DURATIONS),
    "apng": lambda d: saved(d / "a.apng", "PNG", duration=DURATIONS),
    "gif": lambda d: saved(d / "a.gif", "GIF", duration=DURATIONS),
}


@pytest.mark.parametrize("kind", STACKS)
def test_every_picture_in_a_file_is_a_frame(tmp_path: Path, kind: str) -> None:
    path = STACKS[kind](tmp_path)
    source = trackforge.source(path)
    frames = list(source)
    assert [(f.index, index_of(f.image)) for f in frames] == [(k, k) for k in range(5)]
    assert len(source) == source.stream.length == count_pictures(path) == 5
    assert source.name == "a"
    if "tiff" in kind:
        assert [f.timestamp for f in frames] == [None] * 5
        assert indices(path, rate=2.0) == [(k, k) for k in range(5)]
        assert [f.timestamp for f in trackforge.source(path, rate=2.0)] == [0, 0.5, 1, 1.5, 2]
    else:
        assert [round(f.timestamp, 6) for f in frames] == [0, 0.04, 0.12, 0.24, 0.28]


def test_an_animation_has_a_rate_and_a_rate_that_is_set_wins(tmp_path: Path) -> None:
    path = STACKS["webp"](tmp_path)
    assert trackforge.source(path).rate == pytest.approx(5 / 0.48)
    fixed = trackforge.source(path, rate=4.0)
    assert [f.timestamp for f in fixed] == [0, 0.25, 0.5, 0.75, 1]
    still = saved(tmp_path / "fast.png", "PNG", duration=0)  # browsers take .1 s, and so does this
    assert [round(f.timestamp, 6) for f in trackforge.source(still)] == [0, 0.1, 0.2, 0.3, 0.4]


def test_stacks_in_a_folder_come_one_after_the_other(tmp_path: Path) -> None:
    for name, kind in (("1.tif", "tiff"), ("2.webp", "webp"), ("3.gif", "gif"), ("5.png", "png")):
        STACKS[kind](tmp_path).rename(tmp_path / name)
    write_picture(tmp_path / "4.jpg", 9)
    source = trackforge.source(tmp_path)
    frames = list(source)
    assert [index_of(f.image) for f in frames] == [*range(5)] * 3 + [9, *range(5)]
    assert [f.index for f in frames] == list(range(21))
    assert [f.file for f in frames][:2] == ["1.tif#0", "1.tif#1"]
    assert frames[15].file == "4.jpg"
    assert {f.timestamp for f in frames} == {None}
    reader = PictureReader()
    for frame in frames[:5]:  # a data set can name what a result names
        assert np.array_equal(reader.read(tmp_path / str(frame.file)), frame.image)
    assert reader.size(f"{tmp_path}/2.webp#4") == SIZE
    with pytest.raises(DataError, match="must be one of 5 in the file; got number 5"):
        reader.read(f"{tmp_path}/1.tif#5")
    assert reader.read(tmp_path / "1.tif").shape == (48, 64, 3)  # without a number, the first


def test_pages_that_only_serve_others_are_no_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(picture(k, SIZE)) for k in range(3)]
    small = pages[0].resize((16, 12))
    small.encoderinfo = {"tiffinfo": {254: 1}}  # a smaller copy
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=[pages[1], small, pages[2]])
    assert indices(tmp_path / "a.tif") == [(0, 0), (1, 1), (2, 2)]


def test_a_stack_of_heat_keeps_its_shades(tmp_path: Path) -> None:
    heat = [np.full((48, 64), 7000 + 100 * k, np.uint16) for k in range(4)]
    for page in heat:
        page[:10] = 8000
    assert cv2.imwritemulti(str(tmp_path / "a.tif"), heat)
    frames = list(trackforge.source(tmp_path / "a.tif"))
    assert [f.image[-1, 0].tolist() for f in frames] == [[25 * k + k // 2] * 3 for k in range(4)]


def test_an_animation_that_breaks_off_gives_what_is_there(tmp_path: Path) -> None:
    for kind in ("webp", "png", "gif", "tiff"):
        path = STACKS[kind](tmp_path)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
        try:
            found = [index_of(f.image) for f in trackforge.source(tmp_path / path.name)]
        except SourceError as error:
            assert "can be decoded" in str(error)  # noqa: PT017 - either is right, by the decoder's version
        else:
            assert found == sorted(found)
        path.unlink()


def test_blended_animations_show_what_browsers_show(tmp_path: Path) -> None:
    shapes = []
    for k in range(4):
        shape = np.zeros((48, 64, 4), np.uint8)
        shape[5:20, 5 + 10 * k : 20 + 10 * k] = (200, 50 * k, 10, 255)
        shapes.append(Image.fromarray(shape))
    for name, options in (("a.gif", {"disposal": 1}), ("b.gif", {"disposal": 2}), ("c.png", {"blend": 1})):
        path = tmp_path / name
        shapes[0].save(path, save_all=True, append_images=shapes[1:], duration=100, **options)
        with Image.open(path) as opened:
            for k in range(4):
                opened.seek(k)
                expected = np.array(opened.convert("RGBA"))
                covered = expected[:, :, 3] > 0
                assert np.array_equal(open_pictures(path).read(k)[covered], expected[covered][:, :3])


# Which way up


def oriented(path: Path, turn: int, form: str, **options: Any) -> Path:
    exif = Image.Exif()
    exif[0x0112] = turn
    image = cv2.GaussianBlur(picture(3, SIZE), (0, 0), 3)
    image[:, :8] = (0, 200, 0)
    Image.fromarray(image).save(path, form, exif=exif, **options)
    return path


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(("form", "options"), [
    ("JPEG", {"quality": 98}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("AVIF", {"quality": 98}),
])  # fmt: skip
def test_pictures_are_upright(tmp_path: Path, turn: int, form: str, options: dict[str, Any]) -> None:
    path = oriented(tmp_path / f"a.{form.lower()}", turn, form, **options)
    from PIL import ImageOps

    with Image.open(path) as opened:
        expected = np.array(ImageOps.exif_transpose(opened).convert("RGB")) if form != "AVIF" else None
    plain = np.array(Image.open(oriented(tmp_path / "b.png", 1, "PNG")))
    if expected is None:
        exif = Image.Exif()
        exif[0x0112] = turn
        image = Image.fromarray(plain)
        image.info["exif"] = exif.tobytes()
        expected = np.array(ImageOps.exif_transpose(image))
    (frame,) = trackforge.source(path)
    assert frame.image.shape == expected.shape
    assert np.abs(frame.image.astype(int) - expected).mean() < 6
    assert picture_size(path) == frame.size == PictureReader().size(path)
    assert np.array_equal(PictureReader().read(path), frame.image)


def test_a_png_may_say_which_way_up_behind_its_pixels(tmp_path: Path) -> None:
    path = oriented(tmp_path / "a.png", 6, "PNG")
    content = path.read_bytes()
    at = content.index(b"eXIf") - 4
    chunk = content[at : at + 12 + struct.unpack(">I", content[at : at + 4])[0]]
    path.write_bytes(content.replace(chunk, b"")[:-12] + chunk + content[-12:])
    assert picture_size(path) == (48, 64)
    assert next(iter(trackforge.source(path))).size == (48, 64)


# More than 8 bits


def test_a_walker_of_heat_is_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(60):
        image = 7200 + rng.normal(0, 8, (180, 240))
        image[60:130, 20 + 3 * i : 45 + 3 * i] += 700
        cv2.imwrite(str(tmp_path / f"{i:03d}.png"), image.astype(np.uint16))
    steps = list(trackforge.track(tmp_path, "motion", "byte"))
    last = steps[-1].frame.image
    assert last.max() - last.min() > 200
    assert sum(len(step.tracks.visible) > 0 for step in steps) >= 40


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32, np.float64])
def test_numbers_of_any_width_are_stretched(tmp_path: Path, dtype: type) -> None:
    image = np.linspace(20, 40, 48 * 64).reshape(48, 64)
    if np.dtype(dtype).kind == "f":
        image[0, 0] = np.nan
        image[0, 1] = np.inf
    assert cv2.imwrite(str(tmp_path / "a.tiff"), image.astype(dtype))
    (frame,) = trackforge.source(tmp_path)
    assert (frame.image[1:].min() <= 6, frame.image.max()) == (True, 255)
    assert (np.diff(frame.image[10, :, 0].astype(int)) >= 0).all()
    assert np.array_equal(PictureReader().read(tmp_path / "a.tiff"), frame.image)


# Larger than anybody means


def png_header(path: Path, width: int, height: int) -> Path:
    """Write a PNG of black rows that says it has so many."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * 20, 9)
    chunks = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = png_header(tmp_path / "a.png", 40000, 40000)
    with pytest.raises(
        DataError, match=r"a\.png: The pixels of a picture \(40000 x 40000\) must be at most 200,000,000"
    ):
        PictureReader().read(path)
    write_picture(tmp_path / "b.png", 2)
    assert indices(tmp_path) == [(1, 2)]
    assert "a.png cannot be decoded and is skipped" in caplog.text
    assert "TRACKFORGE_LIMIT_PIXELS" in caplog.text
    with pytest.raises(SourceError, match="must be at most 200,000,000"):
        list(trackforge.source(tmp_path, on_corrupt="stop"))
    with limited(pixels=2_000_000_000), pytest.raises(DataError, match="cannot be decoded"):
        PictureReader().read(path)  # its rows are missing


def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    path = png_header(tmp_path / "a.png", 30000, 30000)
    program = (
        "import resource, sys, trackforge\n"
        "from trackforge.errors import SourceError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: list(trackforge.source(sys.argv[1])); print('read')\n"
        "except SourceError: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 400_000, done.stdout  # kB: OpenCV itself, not 2.7 GB


@pytest.mark.parametrize("kind", ["png", "apng"])
def test_a_chunk_of_gigabytes_costs_no_memory(tmp_path: Path, kind: str) -> None:
    content = SAMPLES[kind]
    at = content.rindex(b"IDAT" if kind == "png" else b"fdAT")
    path = tmp_path / f"a.{kind}"
    path.write_bytes(content[: at - 4] + b"\xf0\0\0\0" + content[at:])
    with pytest.raises(DataError, match="The PNG is cut short or damaged"):
        PictureReader().read(path)
    with pytest.raises(SourceError, match="can be decoded"):
        list(trackforge.source(path))


def huge(kind: str) -> bytes:
    """Return the header of a picture of 30000 x 20000."""
    width, height = 30000, 20000
    done, content = cv2.imencode(f".{kind}", picture(0, SIZE))
    assert done
    data = bytearray(content.tobytes())
    if kind == "jpg":
        at = next(k for k in range(len(data)) if data[k] == 0xFF and data[k + 1] in (0xC0, 0xC2))
        struct.pack_into(">HH", data, at + 5, height, width)
    elif kind == "bmp":
        struct.pack_into("<ii", data, 18, width, -height)
    elif kind == "gif":
        struct.pack_into("<HH", data, 6, width, height)
    elif kind == "tiff":
        order = "<" if data[:2] == b"II" else ">"
        at = struct.unpack_from(order + "I", data, 4)[0]
        for k in range(struct.unpack_from(order + "H", data, at)[0]):
            tag, form = struct.unpack_from(order + "HH", data, at + 2 + 12 * k)
            if tag in (256, 257):
                struct.pack_into(
                    order + ("H" if form == 3 else "I"), data, at + 10 + 12 * k, width if tag == 256 else height
                )
    elif kind == "jp2":
        struct.pack_into(">II", data, data.index(b"\xff\x4f\xff\x51") + 8, width, height)
    elif kind in ("ppm", "pam"):
        data = bytearray(bytes(data).replace(b"64 48", b"30000 20000").replace(b"WIDTH 64", b"WIDTH 30000"))
        data = bytearray(bytes(data).replace(b"HEIGHT 48", b"HEIGHT 20000"))
    elif kind == "ras":
        struct.pack_into(">II", data, 4, width, height)
    elif kind == "webp":
        lossy = cv2.imencode(".webp", picture(0, SIZE), [cv2.IMWRITE_WEBP_QUALITY, 50])[1].tobytes()
        data = bytearray(lossy[:12] + b"VP8X" + struct.pack("<IB3x", 10, 0))
        data += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + lossy[12:]
    elif kind == "avif":
        struct.pack_into(">II", data, data.index(b"ispe") + 8, width, height)
    return bytes(data)


@pytest.mark.parametrize("kind", ["jpg", "bmp", "gif", "tiff", "jp2", "ppm", "pam", "ras", "webp", "avif"])
def test_every_header_is_asked_before_its_picture_is_decoded(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(huge(kind))
    assert picture_size(path) == (30000, 20000)
    with pytest.raises(DataError, match=r"pixels of a picture \(30000 x 20000\) must be at most"):
        PictureReader().read(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_bytes_are_a_picture_or_refused(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    kind = data.draw(st.sampled_from(sorted(SAMPLES)))
    content = bytearray(SAMPLES[kind])
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    for read in (
        picture_size,
        PictureReader().read,
        count_pictures,
        lambda p: [f.image.shape for f in trackforge.source("images", path=p)],
    ):
        try:
            with limited(pixels=1_000_000, frames=1000):
                read(path)
        except TrackforgeError as error:
            assert str(path.parent) in str(error) or "any." in str(error)  # noqa: PT017


def _samples() -> dict[str, bytes]:
    found = {}
    for kind in ("jpg", "png", "bmp", "webp", "tiff", "ppm", "pgm", "jp2", "ras", "avif", "gif", "pam"):
        image = picture(1, SIZE)
        found[kind] = cv2.imencode(f".{kind}", image[:, :, 0] if kind == "pgm" else image)[1].tobytes()
    for kind, form in (("tif", "TIFF"), ("apng", "PNG")):
        pages = [Image.fromarray(picture(k, (24, 16))) for k in range(3)]
        file = io.BytesIO()
        pages[0].save(file, form, save_all=True, append_images=pages[1:])
        found[kind] = file.getvalue()
    return found


SAMPLES = _samples()


def test_what_is_no_file_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    write_picture(tmp_path / "b.png", 1)
    assert indices(tmp_path) == [(0, 1)]
    with pytest.raises(DataError, match="must be a file"):
        PictureReader().read(tmp_path / "a.png")
    with pytest.raises(DataError, match="cannot be read"):
        PictureReader().read("a\0.png")


def test_a_glob_in_a_folder_with_brackets(tmp_path: Path) -> None:
    for index in range(2):
        write_picture(tmp_path / "cam[1]" / f"{index}.png", index)
    source = trackforge.source(f"{tmp_path}/cam[1]/[0-9].png")
    assert [frame.file for frame in source] == ["0.png", "1.png"]


def test_a_link_whose_picture_is_gone_leaves_a_gap(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_picture(tmp_path / "0.png", 0)
    write_picture(tmp_path / "2.png", 2)
    (tmp_path / "1.png").symlink_to("moved.png")
    (tmp_path / "3.png").symlink_to("3.png")  # to itself
    source = trackforge.source(tmp_path)
    assert [frame.index for frame in source] == [0, 2]
    assert source.skipped == 2
    assert "1.png cannot be decoded and is skipped" in caplog.text


def test_pictures_of_several_sizes_are_no_film_to_the_motion_detector(tmp_path: Path) -> None:
    for index, size in enumerate([(64, 48), (32, 24)]):
        write_picture(tmp_path / f"{index}.png", index, size)
    assert [frame.size for frame in trackforge.source(tmp_path)] == [(64, 48), (32, 24)]
    with pytest.raises(TrackforgeError, match="Scale them"):
        list(trackforge.track(tmp_path, "motion", "byte"))
