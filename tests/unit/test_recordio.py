"""RecordIO, its index, lists and labels: to the byte where MXNet wrote them, harmless whatever the bytes are."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge.errors import DataError, InvalidInputError
from trackforge.io.image_records import (
    DetectionLabel,
    ImageRecord,
    decode_image_record,
    encode_image_record,
    list_line,
    parse_list_line,
)
from trackforge.io.recordio import RecordReader, RecordWriter, encode_record, read_index, records, write_index

MARK = bytes.fromhex("0a23d7ce")


@pytest.fixture(scope="module")
def golden(golden_dir):
    return golden_dir / "mxnet" / "recordio"


def written(path: Path, payloads: list[bytes]) -> dict[int, int]:
    with path.open("wb") as out:
        writer = RecordWriter(out)
        return {number: writer.write(payload) for number, payload in enumerate(payloads)}


# ---- the container


@pytest.mark.parametrize("name", ["cls", "det_hdr4", "det_jpg", "det_pass", "det_train", "magic"])
def test_files_of_mxnet_come_back_to_the_byte(golden, name, tmp_path):
    path = golden / f"{name}.rec"
    with RecordReader(path) as reader:
        payloads = list(reader)
        places = written(tmp_path / "a.rec", payloads)
        assert (tmp_path / "a.rec").read_bytes() == path.read_bytes()
        assert list(places.values()) == list(reader.offsets)
    with path.open("rb") as file:
        assert list(records(file)) == payloads
    index = path.with_suffix(".idx")
    if index.is_file():
        found = read_index(index)
        assert list(found.values()) == list(places.values())
        assert write_index(found) == index.read_text()


def test_payloads_with_the_mark_are_split_as_mxnet_splits_them(golden):
    payloads = [bytes.fromhex(text) for text in json.loads((golden / "magic.json").read_text())]
    with RecordReader(golden / "magic.rec") as reader:
        assert list(reader) == payloads
    assert b"".join(map(encode_record, payloads)) == (golden / "magic.rec").read_bytes()


PAYLOADS = st.lists(
    st.one_of(st.binary(max_size=20), st.lists(st.sampled_from([MARK, b"x", b"abcd", b""]), max_size=6).map(b"".join)),
    max_size=6,
)


@settings(max_examples=60)
@given(PAYLOADS)
def test_any_payloads_come_back(payloads):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.rec"
        places = written(path, payloads)
        content = path.read_bytes()
        with RecordReader(path) as reader:
            assert list(reader) == payloads
            assert [reader.read(k, 3) for k in range(len(reader))] == [
                p[:3] if encode_record(p)[7] >> 5 == 0 else p for p in payloads
            ]
    assert list(records(io.BytesIO(content))) == payloads
    # whoever meets the mark at a multiple of four has met a part: that is what splitting is for
    marks = [k for k in range(0, len(content), 4) if content[k : k + 4] == MARK]
    assert set(places.values()) <= set(marks)
    assert len(marks) == sum(1 + sum(p[k : k + 4] == MARK for k in range(0, len(p), 4)) for p in payloads)


GOOD = b"".join(map(encode_record, [b"first", MARK * 2 + b"ab", b"", b"x" * 40]))


@settings(max_examples=150)
@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=6), st.integers(0, len(GOOD)))
def test_damage_is_an_error_of_ours_or_a_file(place, patch, end):
    damaged = (GOOD[:place] + patch + GOOD[place + len(patch) :])[: max(end, place)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.rec"
        path.write_bytes(damaged)
        with RecordReader(path, tolerant=True) as reader:
            kept = list(reader)
            damage = reader.damage
    assert sum(map(len, kept)) <= len(damaged)
    assert (damage is None) == (_strict(path.name, damaged) is not None)
    streamed: list[bytes] = []
    try:
        streamed.extend(records(io.BytesIO(damaged)))
    except DataError:
        assert damage is not None or len(damaged) % 4
    assert streamed[: len(kept)] == kept[: len(streamed)]


def _strict(name: str, content: bytes) -> list[bytes] | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            with RecordReader(path) as reader:
                return list(reader)
        except DataError:
            return None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD[:-1] + b"\0" * 5, "record 4 at byte .* is cut short: 4 bytes of its head"),
        (GOOD[:-1], "record 3 at byte 52 announces 40 bytes, of which 39 are there"),
        (MARK + struct.pack("<I", 2**29 - 1), "announces 536,870,911 bytes, of which 0 are there"),
        (b"RIFFxxxxxxxxxxxx", "record 0 at byte 0 must begin with 0a23d7ce; it begins with 52494646"),
        (MARK + struct.pack("<I", 2 << 29), "has a part of kind 2 where it cannot be"),
        (MARK + struct.pack("<I", 7 << 29), "kind 7"),
        (MARK + struct.pack("<I", 1 << 29), "record 0 at byte 0 lacks its last part"),
        (MARK + struct.pack("<I", 1 << 29) + MARK + struct.pack("<I", 0), "record 0 at byte 8 has a part of kind 0"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, message):
    path = tmp_path / "a.rec"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.rec: A RecordIO file must be whole; .*{message}"):
        RecordReader(path)


def test_empty_parts_take_no_memory(tmp_path):
    """A record of nothing but empty parts is as large as what it stands for, not many times larger."""
    empty = [struct.pack("<I", part << 29) for part in (1, *[2] * 20_000, 3)]
    path = tmp_path / "a.rec"
    path.write_bytes(b"".join(MARK + word for word in empty) + encode_record(b"next"))
    size = path.stat().st_size
    tracemalloc.start()
    try:
        with RecordReader(path) as reader:
            assert tracemalloc.get_traced_memory()[1] < size / 2
            assert list(reader.offsets) == [0, size - 12]
            assert reader.read(0) == MARK * 20_001
            assert reader.read(1) == b"next"
        assert tracemalloc.get_traced_memory()[1] < 2 * size
    finally:
        tracemalloc.stop()
    with path.open("rb") as file:
        assert list(records(file)) == [MARK * 20_001, b"next"]


def test_a_missing_record_is_named(tmp_path):
    written(tmp_path / "a.rec", [b"a"])
    with (
        RecordReader(tmp_path / "a.rec") as reader,
        pytest.raises(DataError, match="one of 1 in the file; got number 1"),
    ):
        reader.read(1)
    (tmp_path / "a.idx").write_text("0\t0\n1 x\n")
    with pytest.raises(DataError, match=r"a\.idx:2: A line must be a key and a byte"):
        read_index(tmp_path / "a.idx")


# ---- pictures with labels


def test_labels_of_mxnet_come_back_to_the_byte(golden):
    truth = json.loads((golden / "truth.json").read_text())
    for name in ("det_pass", "det_hdr4", "det_jpg"):
        with RecordReader(golden / f"{name}.rec") as reader:
            for number, payload in enumerate(reader):
                record = decode_image_record(payload)
                assert encode_image_record(record) == payload
                label = DetectionLabel.of(record.label)
                np.testing.assert_array_equal(label.values(), record.label)
                expected = np.array(truth[number]["boxes"], np.float32).reshape(-1, 5)
                np.testing.assert_array_equal(label.objects[:, :5], expected)
                if name == "det_hdr4":
                    assert label.extra == tuple(truth[number]["size"])
                if name != "det_jpg":
                    assert record.image == (golden / truth[number]["file"]).read_bytes()
    with RecordReader(golden / "cls.rec") as reader:
        (payload,) = reader
        record = decode_image_record(payload)
        assert (record.label.shape, float(record.label), record.id, record.image) == ((), 3.0, 42, b"payload")
        assert encode_image_record(record) == payload


def test_lists_of_mxnet_come_back_to_the_byte(golden):
    for path in golden.glob("*.lst"):
        lines = [parse_list_line(text) for text in path.read_text().splitlines()]
        again = [list_line(line.id, DetectionLabel.of(line.label), line.path, decimals=4) for line in lines]
        assert "".join(f"{line}\n" for line in again) == path.read_text()


def test_what_the_training_of_mxnet_is_given(golden):
    rows = np.load(golden / "imagedetiter.npz")["label"]
    with RecordReader(golden / "det_train.rec") as reader:
        for row, payload in zip(rows, reader, strict=False):
            label = DetectionLabel.of(decode_image_record(payload).label)
            count = int(row[3])
            np.testing.assert_array_equal(label.values(), row[4 : 4 + count])
            # padding at the end, as iterators leave it, is no object
            padded = DetectionLabel.of(row[4:])
            np.testing.assert_array_equal(padded.objects, label.objects)


@settings(max_examples=60)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), max_size=3),
    st.integers(5, 7),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_any_label_comes_back(extra, width, count, random):
    objects = np.array([[random.random() for _ in range(width)] for _ in range(count)], np.float32).reshape(-1, width)
    label = DetectionLabel(objects, tuple(extra))
    record = ImageRecord(label.values(), 2**40, b"\xff\xd8", 7)
    again = decode_image_record(encode_image_record(record))
    back = DetectionLabel.of(again.label)
    assert (again.id, again.id2, again.image, back.extra) == (2**40, 7, b"\xff\xd8", tuple(extra))
    np.testing.assert_array_equal(back.objects, objects)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.float32(3), "not a class alone; got [3]"),
        ([2], "not a class alone"),
        ([1, 5], "first number counts the header's, from 2 up to 2; got [1, 5]"),
        ([9, 5, 1], "from 2 up to 3"),
        ([2.5, 5, 0], "first number counts"),
        ([2, 4, 1, 0, 0, 1], "second number counts an object's, 5 or more"),
        ([2, 5, 1, 0, 0, 1], "5 numbers an object; 4 numbers follow the header"),
        ([2, 5, 1, 0, 0, np.nan, 1], "of finite numbers"),
    ],
)
def test_labels_that_are_none(values, message):
    with pytest.raises(DataError) as caught:
        DetectionLabel.of(values, what="The label of record 7", path="a.rec")
    assert str(caught.value).startswith("a.rec: The label of record 7 must be one for detection, ")
    assert message in str(caught.value)


def test_records_and_lines_that_are_none():
    with pytest.raises(DataError, match="Record 3 must be a picture with labels; it has 5 bytes"):
        decode_image_record(b"12345", what="Record 3")
    with pytest.raises(DataError, match="announces 4,294,967,295 labels, which its 24 bytes"):
        decode_image_record(struct.pack("<IfQQ", 2**32 - 1, 0, 0, 0))
    for text in ("0\ta.jpg", "x\t1\ta.jpg", "0\t1\tx\ta.jpg", "1e400\t1\ta.jpg", "-1\t1\ta.jpg", ""):
        with pytest.raises(DataError, match=r"a\.lst:4: A line must be a number, labels and a picture"):
            parse_list_line(text, path="a.lst", line=4)
    with pytest.raises(InvalidInputError, match="without tabs"):
        list_line(0, DetectionLabel(np.empty((0, 5))), "a\tb.jpg")
    with pytest.raises(InvalidInputError, match="one number, or a row"):
        encode_image_record(ImageRecord(np.zeros((2, 2), np.float32), 0, b""))
