"""What this library writes, real MXNet reads, and the other way round; where MXNet 1.9.1 is installed."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest
from labelled import stills

from trackforge import data
from trackforge.errors import MissingDependencyError
from trackforge.io.image_records import DetectionLabel, decode_image_record
from trackforge.io.mxnet_params import SparseArray, dense, read_params, write_params
from trackforge.io.recordio import RecordReader
from trackforge_mxnet.real import load_mxnet

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it says that it is retired
    try:
        mx = load_mxnet()
    except MissingDependencyError as problem:
        if os.environ.get("TRACKFORGE_MXNET") == "required":
            raise
        pytest.skip(f"real MXNet is not importable here: {problem}", allow_module_level=True)
pytestmark = [pytest.mark.mxnet, pytest.mark.filterwarnings("ignore")]

TYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool")


def dense_arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {f"arg:{name}": (random.random((3, 4, 2)) * 100).astype(name) for name in TYPES}


def sparse_arrays() -> dict[str, SparseArray]:
    values = np.random.default_rng(1).random((3, 2)).astype("f4")
    return {
        "rows": SparseArray("row_sparse", (7, 2), values[:2], np.array([0, 5])),
        "matrix": SparseArray("csr", (3, 4), values[:, 0].copy(), np.array([0, 3, 1]), np.array([0, 1, 1, 3])),
    }


def test_arrays_of_mxnet_are_read_and_written_to_the_byte(tmp_path):
    values = dense_arrays()
    arrays: dict[str, Any] = {name: mx.ndarray.array(array, dtype=array.dtype) for name, array in values.items()}
    sparse = {
        "rows": mx.ndarray.sparse.row_sparse_array((np.ones((2, 3), "f4"), [1, 4]), shape=(6, 3)),
        "matrix": mx.ndarray.sparse.csr_matrix((np.arange(4.0), [0, 2, 1, 0], [0, 2, 2, 3, 4]), shape=(4, 3)),
        "no rows": mx.ndarray.sparse.zeros("row_sparse", (5, 2)),
        "no values": mx.ndarray.sparse.zeros("csr", (5, 2)),
    }
    mx.ndarray.waitall()  # a csr that is still being computed is saved with a wrong shape
    for name, content in (("dense", arrays), ("list", list(arrays.values())), ("sparse", sparse)):
        path = tmp_path / f"{name}.params"
        mx.ndarray.save(str(path), content)
        read = read_params(path)
        assert write_params(None, list(read.values()) if name == "list" else read) == path.read_bytes()
        expected = content.values() if isinstance(content, dict) else content
        for ours, theirs in zip(read.values(), expected, strict=True):
            np.testing.assert_array_equal(dense(ours), theirs.asnumpy())


def test_arrays_of_ours_are_read_by_mxnet(tmp_path):
    arrays: dict[str, Any] = {**dense_arrays(), **sparse_arrays()}
    content = write_params(tmp_path / "a.params", arrays)
    read = mx.ndarray.load(str(tmp_path / "a.params"))
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name].asnumpy(), dense(array))
    mx.ndarray.save(str(tmp_path / "b.params"), read)
    mx.ndarray.waitall()
    assert (tmp_path / "b.params").read_bytes() == content


def test_arrays_of_numpy_semantics(tmp_path):
    path = tmp_path / "a.params"
    with mx.util.np_shape(True), mx.util.np_array(True):
        made = {"alone": mx.np.array(3.5), "empty": mx.np.zeros((2, 0, 3)), "flat": mx.np.zeros((0,))}
        mx.npx.save(str(path), made)
        read = read_params(path)
        assert {name: array.shape for name, array in read.items()} == {"alone": (), "empty": (2, 0, 3), "flat": (0,)}
        assert write_params(None, read, numpy_shapes=True) == path.read_bytes()


@pytest.mark.parametrize("difficult", [False, True])
def test_records_of_ours_feed_the_training_of_mxnet(tmp_path, difficult):
    dataset = stills(tmp_path / "source", count=6)
    if difficult:
        dataset = dataset.replace(boxes=dataset.boxes.replace(ignore=np.arange(len(dataset.boxes)) % 3 == 0))
    data.write(dataset, tmp_path / "set", "recordio")
    record, index = str(tmp_path / "set/train.rec"), str(tmp_path / "set/train.idx")
    with RecordReader(record) as reader:
        labels = [DetectionLabel.of(decode_image_record(payload).label) for payload in reader]
    indexed = mx.recordio.MXIndexedRecordIO(index, record, "r")
    for key, label in zip(indexed.keys, labels, strict=True):
        header, image = mx.recordio.unpack_img(indexed.read_idx(key))
        np.testing.assert_array_equal(header.label, label.values())
        assert image.shape == (48, 64, 3)
    iterator = mx.io.ImageDetRecordIter(
        path_imgrec=record, batch_size=1, data_shape=(3, 32, 32), shuffle=False, label_pad_width=40,
        preprocess_threads=1, verbose=False,
    )  # fmt: skip
    for batch, label in zip(iterator, labels, strict=True):
        row = batch.label[0].asnumpy()[0]
        np.testing.assert_array_equal(row[4 : 4 + int(row[3])], label.values())
    python = mx.image.ImageDetIter(batch_size=1, data_shape=(3, 32, 32), path_imgrec=record, path_imgidx=index)
    assert python.label_shape == (2, 6 if difficult else 5)
