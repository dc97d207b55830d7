from __future__ import annotations

import pickle
import struct
import zlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import av
import cv2
import numpy as np
import pytest
from labelled import film, stills, write_picture

from trackforge import data
from trackforge.data.pictures import PictureReader, split_key
from trackforge.errors import DataError, InvalidInputError
from trackforge.io.pictures import picture_size

# ---- pictures


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif"])
def test_the_size_of_a_picture(tmp_path, suffix):
    path = write_picture(tmp_path / f"a{suffix}", (37, 21))
    assert picture_size(path) == (37, 21)
    assert PictureReader().read(path).shape == (21, 37, 3)


def test_pictures_are_rgb(tmp_path):
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, :, 0] = 250  # blue, to OpenCV
    cv2.imwrite(str(tmp_path / "a.png"), image)
    assert PictureReader().read(tmp_path / "a.png")[0, 0].tolist() == [0, 0, 250]


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_turns_the_picture_and_its_size(tmp_path, order):
    path = write_picture(tmp_path / "a.jpg", (40, 20))
    tiff = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    tiff += struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    body = b"Exif\0\0" + tiff
    jpeg = path.read_bytes()
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:])
    assert picture_size(path) == (20, 40)
    assert PictureReader().read(path).shape == (40, 20, 3)


def test_a_broken_picture_is_named(tmp_path):
    path = write_picture(tmp_path / "a.jpg", (64, 48))
    whole = path.read_bytes()
    for content, message in (
        (whole[: len(whole) // 2 + 200], "cut short|cannot be decoded"),
        (b"", "empty"),
        (b"no picture", "cannot be decoded"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"a\.jpg: The .*({message})"):
            PictureReader().read(path)
    path.write_bytes(whole + b"\0" * 9000)  # rubbish behind the end harms nobody
    assert PictureReader().read(path).shape == (48, 64, 3)
    with pytest.raises(DataError, match=r"none\.jpg: The picture is missing"):
        picture_size(tmp_path / "none.jpg")


def test_a_png_of_another_kind_has_its_size_from_the_header(tmp_path):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 12345, 6, 8, 2, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "a.png").write_bytes(head)
    assert picture_size(tmp_path / "a.png") == (12345, 6)


def test_paths_into_containers():
    assert split_key("a/film.MP4#12")[1] == 12
    assert split_key("a/b#12.jpg")[1] is None
    assert split_key("a/film.mp4#x")[1] is None
    assert split_key("a#3/b.jpg")[1] is None


def test_any_frame_of_a_film_is_the_right_one(data_dir):
    path, wanted = data_dir / "pets09-s2l1/vtest.avi", (0, 1, 2, 120, 250, 251, 299)
    with av.open(str(path)) as film:
        frames = {
            k: f.to_ndarray(format="rgb24")
            for k, f in zip(range(300), film.decode(video=0), strict=False)
            if k in wanted
        }
    reader = PictureReader()
    for k in (250, 251, 2, 299, 0, 1, 120, 120):
        np.testing.assert_array_equal(reader.read(f"{path}#{k}"), frames[k])
    assert reader.size(f"{path}#5") == (768, 576)
    with pytest.raises(DataError, match=r"frames 0\.\.794; frame 795 was asked for"):
        reader.read(f"{path}#795")
    reader.close()


def test_a_film_that_is_none(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(DataError, match="must be a video"):
        PictureReader().read(tmp_path / "a.mp4#0")
    with pytest.raises(DataError, match="is missing"):
        PictureReader().read(tmp_path / "b.mp4#0")


# ---- samples


def test_a_sample_has_picture_labels_and_identity(tmp_path):
    samples = data.Samples(film(tmp_path))
    sample = samples[0]
    assert sample.image.shape == (48, 64, 3)
    assert sample.size == (64, 48)
    assert not sample.image.flags.writeable
    assert sample.boxes.track_id.tolist() == [3, 7, 9]
    assert sample.boxes.ignore.tolist() == [False, False, True]
    assert sample.identity.tolist() == [0, 1, -1]
    assert samples.identity_count == 2
    assert (sample.sequence, sample.frame, samples[-1].index) == ("street", 0, 5)
    assert [s.index for s in samples] == list(range(6))


def _picture(job):
    samples, index = job
    return samples[index].image


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_load_what_the_parent_loads(data_dir, method):
    samples = data.Samples(data.read(data_dir / "pets09-s2l1")[:40])
    first = [samples[k].image for k in (3, 20)]  # the film is open here when the workers start
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        loaded = list(pool.map(_picture, [(samples, k) for k in (3, 20)]))
    for here, there in zip(first, loaded, strict=True):
        np.testing.assert_array_equal(here, there)


def test_the_cache_keeps_within_its_room(tmp_path):
    made = stills(tmp_path)
    one = 64 * 48 * 3 / 2**20
    samples = data.Samples(made, cache_mb=2.5 * one)
    assert samples.preload() == 2
    first = samples[0].image
    assert samples[0].image is first
    assert samples[3].image is not samples[3].image
    for path in made.images.path[:2]:
        (tmp_path / path).unlink()
    np.testing.assert_array_equal(samples[0].image, first)
    assert data.Samples(made[2:], cache_mb=10).preload() == 2
    again = pickle.loads(pickle.dumps(samples))
    with pytest.raises(DataError, match="missing"):
        again[0]
    with pytest.raises(InvalidInputError, match="cache_mb"):
        data.Samples(made, cache_mb=-1)


def test_a_set_that_cannot_be_trained_on_is_refused(tmp_path):
    made = stills(tmp_path)
    flat, lost, odd = made.boxes.xyxy.copy(), made.boxes.xyxy.copy(), made.boxes.class_id.copy()
    flat[3, 2], lost[2, 0], odd[0] = flat[3, 0], np.nan, 5
    for broken, message in (
        (made[:0], "it is empty"),
        (made.keep_boxes(np.zeros(8, bool)), "pictures only"),
        (made.replace(boxes=made.boxes.replace(xyxy=flat)), r"p1\.png: 1 of 8 boxes have no area.*without_degenerate"),
        (made.replace(boxes=made.boxes.replace(xyxy=lost)), "no finite number"),
        (made.replace(boxes=made.boxes.replace(class_id=odd)), r"a class not in 0\.\.1; the first is .*, class 5"),
    ):
        with pytest.raises(DataError, match=message):
            data.Samples(broken)
    (tmp_path / "pictures/p2.png").unlink()
    with pytest.raises(DataError, match=r"1 of 4 pictures are missing; the first is .*p2\.png"):
        data.Samples(made)
    unchecked = data.Samples(made, verify=False)
    assert unchecked[0].index == 0
    with pytest.raises(DataError, match=r"p2\.png: The picture is missing"):
        unchecked[2]


def test_a_picture_of_another_size_than_labelled_is_refused(tmp_path):
    made = stills(tmp_path)
    write_picture(tmp_path / "pictures/p1.png", (32, 24))
    with pytest.raises(DataError, match="The labels are for a 64x48 picture, but it is 32x24"):
        data.Samples(made)[1]


# ---- order and random numbers


def test_every_epoch_draws_every_sample_in_its_own_order():
    first, second = (data.sample_order(100, epoch=e, seed=3) for e in (0, 1))
    assert sorted(first.tolist()) == list(range(100))
    assert first.tolist() != second.tolist()
    assert first.tolist() == data.sample_order(100, epoch=0, seed=3).tolist()
    assert data.sample_order(5, epoch=0, shuffle=False).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("length", [1, 2, 10, 11])
@pytest.mark.parametrize("world", [1, 2, 4])
def test_processes_share_one_order(length, world):
    alone = data.sample_order(length, epoch=2, seed=1)
    shares = [data.sample_order(length, epoch=2, seed=1, rank=r, world_size=world) for r in range(world)]
    assert len({len(s) for s in shares}) == 1
    together = np.stack(shares, axis=1).reshape(-1)
    np.testing.assert_array_equal(together[:length], alone)
    with pytest.raises(InvalidInputError, match="rank"):
        data.sample_order(length, epoch=0, rank=world, world_size=world)


def test_random_numbers_belong_to_the_position():
    draws = {(s, e, p): data.sample_rng(s, e, p).random() for s in (0, 1) for e in (0, 1) for p in (0, 1)}
    assert len(set(draws.values())) == 8
    assert draws[1, 0, 1] == data.sample_rng(1, 0, 1).random()
