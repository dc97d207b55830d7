"""Targets whose inputs are no text: pictures, videos, states, weights."""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.mutation import Damage
from fuzz.targets import Target

__all__ = ["binaries"]

FRAMES = 5
TRACKERS = ("byte", "online", "observation-centric", "bytetrack", "sort", "ocsort", "appearance")


def binaries() -> Iterator[Target]:
    """Yield them."""
    for ending in (".png", ".jpg", ".bmp", ".webp", ".tiff"):
        yield Target(f"picture{ending}", lambda folder, ending=ending: _picture(folder, ending), ("cv2",))  # type: ignore[misc]
    yield Target("picture-folder", _folder, ("cv2",))
    for ending in (".mp4", ".avi", ".mkv", ".ts"):
        yield Target(f"video{ending}", lambda folder, ending=ending: _video(folder, ending), ("av", "cv2"))  # type: ignore[misc]
    yield Target("parquet", _parquet, ("pyarrow",))
    yield Target("recording", _recording)
    for name in TRACKERS:
        yield Target(f"state-{name}", lambda folder, name=name: _state(folder, name))  # type: ignore[misc]
    yield Target("state-bytes", _container)
    yield Target("session", _session)
    yield Target("mxnet-params", _parameters)
    yield Target("mxnet-npz", _parameters_npz)
    for packed in (True, False):
        yield Target(
            f"mxnet-artefact{'' if packed else '-tar'}", lambda folder, packed=packed: _artefact(folder, packed)
        )  # type: ignore[misc]
    yield Target("recordio", _records)
    yield Target("image-list", _list)
    yield Target("manifest-stream", _stream, ("cv2",))
    yield Target("pth", _checkpoint, ("torch", "trackforge_yolox"))
    yield Target("ckpt", _training, ("torch", "lightning"))
    yield Target("onnx", _onnx, ("onnx", "onnxruntime"))


def _image() -> Any:
    return np.random.default_rng(0).integers(0, 255, (16, 24, 3), np.uint8)


def _encoded(ending: str) -> bytes:
    import cv2

    content: bytes = cv2.imencode(ending, _image())[1].tobytes()
    return content


def _picture(folder: Path, ending: str) -> Callable[[Damage], Any]:
    from trackforge.io.pictures import picture_size
    from trackforge.io.stacks import open_pictures

    good = _encoded(ending)

    def attempt(damage: Damage) -> Any:
        path = damage.file(folder / f"a{ending}", good)
        try:
            picture_size(path)
        finally:
            open_pictures(path).read(0)

    return attempt


def _folder(folder: Path) -> Callable[[Damage], Any]:
    import trackforge

    good = _encoded(".png")
    for name in "ab":
        (folder / f"{name}.png").write_bytes(good)

    def attempt(damage: Damage) -> Any:
        damage.file(folder / "b.png", good)
        return [frame.size for frame in itertools.islice(trackforge.source(folder), FRAMES)]

    return attempt


def _video(folder: Path, ending: str) -> Callable[[Damage], Any]:
    import av

    import trackforge

    path = folder / f"good{ending}"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(FRAMES):
            image = np.full((48, 64, 3), 20 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    good = path.read_bytes()

    def attempt(damage: Damage) -> Any:
        source = trackforge.source(damage.file(folder / f"a{ending}", good))
        return [frame.timestamp for frame in itertools.islice(source, 3 * FRAMES)]

    return attempt


def _parquet(folder: Path) -> Callable[[Damage], Any]:
    import pyarrow as pa
    import pyarrow.parquet

    from trackforge.io.tables import read_tables

    columns = {"frame": [0, 1], "track_id": [1, 1], "class_id": [0, 0], "score": [1.0, 0.5], "timestamp": [0.0, 1.0]}
    corners = {name: pa.array([0.0 if name in "x1y1" else 5.0] * 2, pa.float32()) for name in ("x1", "y1", "x2", "y2")}
    file = io.BytesIO()
    pa.parquet.write_table(pa.table({"sequence": ["s", "s"], **columns, **corners}), file)
    return lambda damage: read_tables(damage.file(folder / "a.parquet", file.getvalue()), "parquet")


def _recording(folder: Path) -> Callable[[Damage], Any]:
    from trackforge import Frame
    from trackforge.runs.storage import load, store

    store(folder / "good.npz", [Frame(index=k, size=(99, 99)) for k in range(2)], [_detections(0), _detections(1)], {})
    good = (folder / "good.npz").read_bytes()
    return lambda damage: load(damage.file(folder / "a.npz", good))


def _detections(k: int) -> Any:
    import trackforge

    boxes = np.array([[k, k, 10 + k, 20 + k], [50 - k, 50, 80 - k, 90]], np.float32)
    embedding = np.eye(2, 4, dtype=np.float32)
    return trackforge.Detections(xyxy=boxes, score=[0.9, 0.8], class_id=[0, 1], embedding=embedding)


def _run(name: str) -> Any:
    import trackforge

    tracker = trackforge.tracker(name)
    for k in range(4):
        tracker.update(_detections(k) if k != 2 else trackforge.Detections.empty(), trackforge.Frame(index=k))
    return tracker


def _state(_: Path, name: str) -> Callable[[Damage], Any]:
    import trackforge
    from trackforge.errors import StateError

    good, other = _run(name).state_dict(), trackforge.tracker(name)

    def attempt(damage: Damage) -> Any:
        before = repr(other.state_dict())
        try:
            other.load_state_dict(damage.tree(good))
        except StateError:
            if repr(other.state_dict()) != before:
                raise AssertionError("a state that was refused has changed the tracker") from None
            raise
        tracks = [
            other.update(_detections(k), trackforge.Frame(index=other.state_dict()["clock"]["index"] + 1 + k))
            for k in (0, 1)
        ]
        for one in tracks:
            if len(np.unique(one.track_id)) != len(one) or (one.track_id < 1).any():
                raise AssertionError("a state that was loaded gives ids twice, or below 1")
        return tracks

    return attempt


def _signed(content: bytes) -> bytes:
    """Return a container with the checksum that its content should have, so that the content is looked at."""
    mark = 8
    return content[:mark] + struct.pack("<I", zlib.crc32(content[mark + 4 :])) + content[mark + 4 :]


def _container(_: Path) -> Callable[[Damage], Any]:
    from trackforge.packing import pack, unpack

    good = pack(_run("byte").state_dict())
    return lambda damage: unpack(_signed(damage.bytes(good)))


def _session(_: Path) -> Callable[[Damage], Any]:
    import trackforge

    class Nothing:
        classes = ("a",)
        embedding_dim = None

        def detect(self, frames: Any, /) -> Any:
            return [trackforge.Detections.empty() for _ in frames]

    session = trackforge.Session(Nothing(), "byte")  # type: ignore[arg-type]
    for k in range(3):
        session.associate(trackforge.Frame(index=k, size=(100, 100)), _detections(k))
    good = session.state()
    return lambda damage: trackforge.Session.restore(_signed(damage.bytes(good)), Nothing(), "byte")  # type: ignore[arg-type]


def _arrays() -> Any:
    from trackforge.io.mxnet_params import BFLOAT16, SparseArray

    data, indices, indptr = np.arange(3, dtype=np.float32), np.array([0, 3, 1]), np.array([0, 2, 2, 3])
    return {
        "arg:w": np.arange(12, dtype=np.float32).reshape(3, 4),
        "aux:m": np.zeros(2, BFLOAT16),
        "rows": SparseArray("row_sparse", (5, 2), np.ones((2, 2)), indices[:2]),
        "csr": SparseArray("csr", (3, 4), data, indices, indptr),
    }


def _parameters(folder: Path) -> Callable[[Damage], Any]:
    from trackforge.io.mxnet_params import dense, read_params, write_params

    good = write_params(None, _arrays())

    def attempt(damage: Damage) -> Any:
        return [dense(array).sum() for array in read_params(damage.file(folder / "a.params", good)).values()]

    return attempt


def _parameters_npz(folder: Path) -> Callable[[Damage], Any]:
    from trackforge.io.mxnet_params import dense, read_params

    parts, arrays = {}, _arrays()
    for name in ("rows", "csr"):
        one = arrays.pop(name)
        named = {"data": one.data, "indices": one.indices, "indptr": one.indptr, "shape": np.array(one.shape)}
        parts |= {f"{name}/{key}": value for key, value in named.items() if value is not None}
        parts[f"{name}/format"] = np.array(one.kind)
    file = io.BytesIO()
    np.savez(file, **arrays, **parts)

    def attempt(damage: Damage) -> Any:
        return [dense(array).sum() for array in read_params(damage.file(folder / "a.npz", file.getvalue())).values()]

    return attempt


def _artefact(folder: Path, packed: bool) -> Callable[[Damage], Any]:
    import gzip

    from trackforge.io.model_archive import read_artefact, write_artefact

    write_artefact(folder / "good.tar.gz", "{}", _arrays(), {"a": "b"}, texts={"classes.txt": "cat"})
    good = (folder / "good.tar.gz").read_bytes()
    if not packed:
        good = gzip.decompress(good)  # so that damage reaches the headers of the archive
    return lambda damage: read_artefact(damage.file(folder / "a.tar.gz", good))


def _records(folder: Path) -> Callable[[Damage], Any]:
    from trackforge.errors import DataError
    from trackforge.io.image_records import DetectionLabel, ImageRecord, decode_image_record, encode_image_record
    from trackforge.io.recordio import RecordReader, encode_record, records

    label = DetectionLabel(np.array([[1, 0, 0.25, 0.5, 1]], np.float32), (64, 48)).values()
    payload = encode_image_record(ImageRecord(label, 3, _encoded(".jpg") + bytes.fromhex("0a23d7ce") * 3))
    good = encode_record(payload) * 2 + encode_record(bytes.fromhex("0a23d7ce") * 2)

    def attempt(damage: Damage) -> Any:
        path = damage.file(folder / "a.rec", good)
        with contextlib.suppress(DataError), path.open("rb") as file:
            for one in records(file):
                DetectionLabel.of(decode_image_record(one).label)
        with RecordReader(path, tolerant=True) as reader:
            kept = [len(one) for one in reader]
        if sum(kept) > path.stat().st_size:
            raise AssertionError("records hold more than the file")
        return RecordReader(path)

    return attempt


def _stream(folder: Path) -> Callable[[Damage], Any]:
    import json

    from trackforge import data
    from trackforge.io.recordio import encode_record

    box = {"class_id": 0, "left": 1, "top": 2, "width": 3, "height": 4}
    labels = json.dumps({"image_size": [{"width": 24, "height": 16}], "annotations": [box]}).encode()
    good = b"".join(map(encode_record, (_encoded(".jpg"), labels, _encoded(".png"), labels)))
    return lambda damage: len(data.read(damage.file(folder / "a.rec", good), "augmented-manifest"))


def _list(folder: Path) -> Callable[[Damage], Any]:
    from trackforge import data

    (folder / "a.jpg").write_bytes(_encoded(".jpg"))
    good = b"0\t2\t5\t1.0\t0.1\t0.1\t0.5\t0.5\ta.jpg\n1\t2\t5\ta.jpg\n"
    return lambda damage: len(data.read(damage.file(folder / "a.lst", good), "recordio"))


def _checkpoint(folder: Path) -> Callable[[Damage], Any]:
    import torch

    from trackforge.models import Given
    from trackforge.models.checkpoints import read_checkpoint
    from trackforge.registry.bundles import component_of
    from trackforge_yolox.weights import load_network

    file = io.BytesIO()
    torch.save({"model": {"a": torch.zeros(3, 2), "b": torch.ones(2, dtype=torch.int64)}, "trackforge": "{}"}, file)

    def attempt(damage: Damage) -> Any:
        path = damage.file(folder / "a.pth", file.getvalue())
        for read in (component_of, read_checkpoint, lambda path: load_network(path, Given())):
            try:
                read(path)
            except Exception as error:
                from trackforge.errors import TrackforgeError

                if not isinstance(error, TrackforgeError):
                    raise

    return attempt


def _training(folder: Path) -> Callable[[Damage], Any]:
    import torch

    from trackforge.training.checkpoints import HEADER, check_header, read_checkpoint

    file = io.BytesIO()
    torch.save({HEADER: {"version": 2, "seed": 1}, "loops": {}, "state_dict": {"a": torch.zeros(2)}}, file)

    def attempt(damage: Damage) -> Any:
        path = damage.file(folder / "a.ckpt", file.getvalue())
        return check_header(read_checkpoint(path)[HEADER], {"seed": 1}, path)

    return attempt


def _onnx(folder: Path) -> Callable[[Damage], Any]:
    import onnx
    from onnx import TensorProto, helper

    from trackforge.models.onnx import OnnxNetwork
    from trackforge.registry.bundles import component_of

    shape = [1, 3, 8, 8]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(model, {"trackforge": '{"format": 2, "component": {"kind": "detector", "name": "x"}}'})
    good = model.SerializeToString()

    def attempt(damage: Damage) -> Any:
        path = damage.file(folder / "a.onnx", good)
        component_of(path)
        network = OnnxNetwork(path, threads=1)
        return network.run(np.zeros((1, 3, 8, 8), np.float32))

    return attempt
