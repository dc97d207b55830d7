"""MXNet's ``.params``: to the byte where MXNet wrote it, and harmless whatever the bytes are."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trackforge.errors import DataError, InvalidInputError
from trackforge.io.mxnet_arrays import DTYPES
from trackforge.io.mxnet_params import BFLOAT16, SparseArray, dense, is_params, read_params, write_params

HEAD = struct.pack("<QQ", 0x112, 0)
CPU = struct.pack("<ii", 1, 0)
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA


def file_of(*arrays: bytes, names: tuple[str, ...] = ()) -> bytes:
    listed = b"".join(struct.pack("<Q", len(name)) + name.encode() for name in names)
    return HEAD + struct.pack("<Q", len(arrays)) + b"".join(arrays) + struct.pack("<Q", len(names)) + listed


def shape(*dims: int) -> bytes:
    return struct.pack(f"<i{len(dims)}q", len(dims), *dims)


def dense_v2(values: np.ndarray, code: int) -> bytes:
    return struct.pack("<Ii", V2, 0) + shape(*values.shape) + CPU + struct.pack("<i", code) + values.tobytes()


@pytest.mark.parametrize("name", ["vgg16_300_tiny", "resnet50_300_tiny", "tiny_vgg16_300", "tiny_resnet50_512"])
def test_files_of_mxnet_come_back_to_the_byte(golden_dir, name):
    files = sorted((golden_dir / "mxnet" / name).glob("*.params"))
    assert files
    for path in files:
        arrays = read_params(path)
        assert is_params(path.read_bytes())
        assert all(array.dtype == np.float32 and array.flags.writeable for array in arrays.values())
        assert write_params(None, arrays) == path.read_bytes()


@pytest.mark.parametrize("code", sorted(DTYPES))
def test_every_type(code):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4).astype(bool if code == 7 else np.uint8)
    dtype = DTYPES[code]
    if dtype == BFLOAT16:
        stored = np.zeros((2, 3, 4), BFLOAT16)
        stored["bfloat16"] = (values.astype("<f4").view("<u4") >> 16).astype("<u2")
    else:
        stored = values.astype(dtype)
    content = file_of(dense_v2(stored, code), names=("w",))
    kept = read_params(content, keep_bfloat16=True)
    assert kept["w"].dtype == dtype
    assert write_params(None, kept) == content
    read = read_params(content)["w"]
    np.testing.assert_array_equal(read, values)
    assert read.dtype == (np.dtype("<f4") if dtype == BFLOAT16 else dtype)


def test_every_version():
    numbers = np.array([1.5, -2], "<f4").tobytes()
    rest = CPU + struct.pack("<i", 0) + numbers
    gpu = struct.pack("<iii", 2, 3, 0) + numbers
    old = struct.pack("<II", 1, 2) + rest  # V0: the first word is the number of dimensions
    read = read_params(
        file_of(
            old,
            struct.pack("<I", V1) + shape(2) + rest,
            struct.pack("<Ii", V2, 0) + shape(2) + gpu,
            struct.pack("<Ii", V3, 0) + shape(2) + rest,
            struct.pack("<I", 0),  # V0, V1, V2: an empty array has no more than a shape of no dimensions
            struct.pack("<I", V1) + shape(),
            struct.pack("<Ii", V2, 0) + shape(),
            struct.pack("<Ii", V3, 0) + struct.pack("<i", -1),  # a shape that was never known
            struct.pack("<Ii", V3, 0) + shape() + CPU + struct.pack("<if", 0, 7),  # a number alone
            struct.pack("<Ii", V3, 0) + shape(2, 0) + CPU + struct.pack("<i", 1),
        )
    )
    assert list(read) == [str(number) for number in range(10)]
    values = list(read.values())
    assert all(array.tolist() == [1.5, -2] for array in values[:4])
    assert all(array.shape == (0,) for array in values[4:8])
    assert values[8] == 7
    assert values[8].shape == ()
    assert (values[9].shape, values[9].dtype) == ((2, 0), np.float64)
    again = write_params(None, values)
    assert struct.unpack_from("<I", again, 24) == (V3,)
    assert [a.tolist() for a in read_params(again).values()] == [a.tolist() for a in values]


def sparse_arrays() -> dict[str, SparseArray]:
    rows = SparseArray("row_sparse", (5, 2), np.array([[1, 2], [3, 4]], "<f4"), np.array([0, 3], "<i8"))
    matrix = SparseArray(
        "csr", (3, 4), np.array([1, 2, 3], "<f8"), np.array([0, 3, 1], "<i8"), np.array([0, 2, 2, 3], "<i8")
    )
    return {"rows": rows, "matrix": matrix}


def test_sparse_arrays():
    index = struct.pack("<i", 6)
    rows = (
        struct.pack("<Ii", V2, 1) + shape(2, 2) + shape(5, 2) + CPU + struct.pack("<i", 0) + index + shape(2)
        + np.array([1, 2, 3, 4], "<f4").tobytes() + np.array([0, 3], "<i8").tobytes()
    )  # fmt: skip
    matrix = (
        struct.pack("<Ii", V2, 2) + shape(3) + shape(3, 4) + CPU + struct.pack("<i", 1)
        + index + shape(4) + index + shape(3)
        + np.array([1, 2, 3], "<f8").tobytes()
        + np.array([0, 2, 2, 3], "<i8").tobytes() + np.array([0, 3, 1], "<i8").tobytes()
    )  # fmt: skip
    content = file_of(rows, matrix, names=("rows", "matrix"))
    read: Any = read_params(content)
    assert write_params(None, read) == content == write_params(None, sparse_arrays())
    assert dense(read["rows"]).tolist() == [[1, 2], [0, 0], [0, 0], [3, 4], [0, 0]]
    assert dense(read["matrix"]).tolist() == [[1, 0, 0, 2], [0, 0, 0, 0], [0, 3, 0, 0]]
    damaged = bytearray(content)
    damaged[content.index(np.array([0, 3], "<i8").tobytes()) + 8] = 5
    with pytest.raises(DataError, match=r"array 'rows' must have parts that fit; an index is not within 0\.\.4"):
        read_params(bytes(damaged))
    none = SparseArray("row_sparse", (9, 2), np.empty((0, 2), "<f4"), np.empty(0, "<i8"))
    assert not dense(none).any()
    vast = SparseArray("row_sparse", (2**40, 2**20), np.empty((0, 2**20), "<f4"), np.empty(0, "<i8"))
    with pytest.raises(DataError, match="at most"):
        dense(vast)


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_archives_of_mxnet_2():
    matrix = sparse_arrays()["matrix"]
    half = np.array([(0x3F80,)], BFLOAT16)
    content = npz(
        **{
            "arg:w": np.arange(6, dtype="<f4").reshape(2, 3),
            "alone": np.float64(2),
            "half": half,
            "m/data": matrix.data,
            "m/indices": matrix.indices,
            "m/indptr": matrix.indptr,
            "m/shape": np.array(matrix.shape),
        }
    )
    with zipfile.ZipFile(file := io.BytesIO(content), "a") as archive:
        archive.writestr("m/format.npy", b"\x93NUMPY\x01\0\x10\0{'descr': nonsensecsr")  # MXNet's own is malformed too
    read: Any = read_params(file.getvalue())
    assert read["arg:w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (read["alone"], read["half"].tolist()) == (2, [1])
    assert dense(read["m"]).tolist() == matrix.dense().tolist()
    assert read_params(file.getvalue(), keep_bfloat16=True)["half"].tolist() == half.tolist()


def test_archives_that_lie():
    good = npz(w=np.zeros(4, "<f4"))
    vast = good.replace(b"(4,)", b"(4294967296,)"[:4])  # the same length, so that only the header lies
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("w.npy", zipfile.ZipFile(io.BytesIO(good)).read("w.npy").replace(b"(4,)", b"(9,)"))
    with pytest.raises(DataError, match=r"'w' must hold the numbers that it announces; float32 \(9,\) cannot be 16"):
        read_params(file.getvalue())
    with pytest.raises(DataError):
        read_params(vast[:-10])
    objects = io.BytesIO()
    np.savez(objects, w=np.array([{}], object))
    with pytest.raises(DataError, match="object"):
        read_params(objects.getvalue())
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", bytes(80 * 2**20))
    with pytest.raises(DataError, match="must unpack to at most"):
        read_params(bomb.getvalue())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the head announces 16 bytes, of which 0"),
        (b"\0" * 16, "must begin with the mark 0x112; it begins with 0x0"),
        (HEAD + struct.pack("<Q", 2**60), "announces 1,152,921,504,606,846,976 arrays"),
        (file_of(struct.pack("<I", 33)), "array 0 must have at most 32 dimensions"),
        (file_of(struct.pack("<Ii", V2, 0) + struct.pack("<i", -1)), "at most 32 dimensions"),
        (
            file_of(struct.pack("<Ii", V2, 0) + shape(2**40, 2**40) + CPU + struct.pack("<i", 0)),
            r"array 0 announces 4,835,703,278,458,516,698,824,704 bytes",
        ),
        (file_of(struct.pack("<Ii", V2, 0) + shape(-1)), "numbers >= 0"),
        (file_of(struct.pack("<Ii", V2, 0) + shape(1) + CPU + struct.pack("<i", 99)), "the type 99, which is unknown"),
        (file_of(struct.pack("<Ii", V2, 3) + shape(1)), "the kind of storage 3"),
        (
            file_of(dense_v2(np.zeros(1, "<f4"), 0), names=("a", "b")),
            "as many names as arrays; there are 2 names and 1",
        ),
        (file_of(*[dense_v2(np.zeros(1, "<f4"), 0)] * 2, names=("a", "a")), "'a' stands twice"),
        (file_of() + b"\0", "must end after the names; 1 bytes follow"),
        (
            file_of(struct.pack("<Ii", V3, 0) + shape(0, 2**62, 2**62) + CPU + struct.pack("<i", 0)),
            "impossible shape",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, message):
    (tmp_path / "a.params").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message) as caught:
            read_params(tmp_path / "a.params")
        assert tracemalloc.get_traced_memory()[1] < 2**20  # whatever is announced
    finally:
        tracemalloc.stop()
    assert caught.value.path == tmp_path / "a.params"


def test_what_mxnet_cannot_hold_is_refused():
    with pytest.raises(InvalidInputError, match="'w' is of complex128"):
        write_params(None, {"w": np.zeros(1, complex)})
    with pytest.raises(InvalidInputError, match=r"'w' has the shape \(\)"):
        write_params(None, {"w": np.float32(1)}, numpy_shapes=False)
    with pytest.raises(InvalidInputError, match="parts that fit"):
        write_params(None, [SparseArray("csr", (1, 1), np.zeros(1), np.zeros(1, int))])
    swapped = np.arange(3, dtype=">f4")
    assert read_params(write_params(None, {"w": swapped}))["w"].tolist() == [0, 1, 2]


ARRAYS = hnp.arrays(
    st.sampled_from([dtype for dtype in DTYPES.values() if dtype != BFLOAT16]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
)
FILES = st.dictionaries(st.text(max_size=9), ARRAYS, max_size=4)


@settings(max_examples=60)
@given(FILES)
def test_any_arrays_come_back(arrays):
    back = read_params(write_params(None, arrays))
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
        assert back[name].tobytes() == array.tobytes()


GOOD = write_params(None, {"a": np.arange(3, dtype="<f4"), **sparse_arrays()})


@settings(max_examples=150)
@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=8), st.integers(0, len(GOOD)))
def test_damage_is_an_error_of_ours_or_a_file(place, patch, end):
    damaged = (GOOD[:place] + patch + GOOD[place + len(patch) :])[: max(end, place)]
    try:
        read = read_params(damaged)
    except DataError:
        return
    size = sum(
        part.nbytes for a in read.values() for part in ((a.data, a.indices) if isinstance(a, SparseArray) else (a,))
    )
    assert size <= len(damaged)
