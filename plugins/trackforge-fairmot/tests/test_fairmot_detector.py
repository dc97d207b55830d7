"""The component end to end: checkpoints and ONNX files, batches, classes, sizes, embeddings, errors."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import trackforge
from trackforge.errors import ConfigError, InvalidInputError, MissingDependencyError, WeightsError
from trackforge.models import KEY, ModelCard
from trackforge.models.describing import describe
from trackforge.protocols import Detector
from trackforge.testing import check_detector, check_exporter
from trackforge.types import Frame
from trackforge_fairmot.decode import PictureMaps, decode
from trackforge_fairmot.deform import native_works
from trackforge_fairmot.detector import FairmotDetector, FairmotDetectorConfig
from trackforge_fairmot.export import ExportConfig, export
from trackforge_fairmot.model import FairMOT
from trackforge_fairmot.preprocess import preprocessing

SIZE = (64, 96)
TWO = ("person", "cart")
TRIPLE = ("a", "b", "c")


def make(**settings: Any) -> FairmotDetector:
    return FairmotDetector(FairmotDetectorConfig(**{"threads": 1, "score": 0.0, "topk": 20, "size": SIZE, **settings}))


def picture(seed: int, height: int, width: int) -> np.ndarray:
    """Blocks of colour, which is what the formula's networks react to."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (-(-height // 12), -(-width // 12), 3), dtype=np.uint8)
    return blocks.repeat(12, 0).repeat(12, 1)[:height, :width]


def save(network: FairMOT, path: Path, classes: tuple[str, ...], size: tuple[int, int] = SIZE) -> Path:
    """Write a bundle as training does."""
    card = ModelCard(
        component="fairmot", classes=classes, preprocessing=preprocessing(size), variant=network.variant.name
    )
    torch.save({"model": network.state_dict(), KEY: card.to_json()}, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fairmot")


@pytest.fixture(scope="module")
def two_classes(folder: Path, formula: SimpleNamespace) -> Path:
    network = FairMOT("fairmot-yolov5n", classes=2, embedding_dim=24)
    formula.fill(network)
    with torch.no_grad():  # boxes reach to both sides, so that they are some
        network.get_parameter("wh.2.bias").add_(3)
    return save(network.eval(), folder / "two.pth", TWO)


@pytest.fixture(scope="module")
def two_onnx(two_classes: Path, folder: Path) -> Path:
    return export(ExportConfig(weights=two_classes, output=folder / "two.onnx", topk=20))


@pytest.fixture(scope="module")
def two_maps(two_classes: Path, folder: Path) -> Path:
    return export(ExportConfig(weights=two_classes, output=folder / "maps.onnx", outputs="maps"))


@pytest.fixture(scope="module")
def theirs(two_maps: Path, folder: Path) -> Path:
    """The file as somebody else would have exported it: another order, after the sigmoid, no card."""
    model = onnx.load(two_maps)
    del model.metadata_props[:]
    graph = model.graph
    outputs = {value.name: value for value in graph.output}
    for node in graph.node:
        node.output[:] = ["logits" if name == "hm" else name for name in node.output]
    graph.node.append(onnx.helper.make_node("Sigmoid", ["logits"], ["hm"]))
    del graph.output[:]
    graph.output.extend(outputs[name] for name in ("reg", "id", "hm", "wh"))
    path = folder / "theirs.onnx"
    onnx.save(model, path)
    return path


FILES = ("two_classes", "two_onnx", "two_maps", "theirs")


def test_every_form_of_file_finds_the_same(request: pytest.FixtureRequest) -> None:
    frames = [Frame(index=i, image=picture(i, 60, 100)) for i in range(2)]
    wanted = make(weights=request.getfixturevalue(FILES[0])).detect(frames)
    assert {0, 1} == {number for one in wanted for number in one.class_id.tolist()}
    for name in FILES:
        detector = make(weights=request.getfixturevalue(name))
        assert isinstance(detector, Detector)
        assert detector.embedding_dim == 24
        found = detector.detect(frames)
        for one, other in zip(found, wanted, strict=True):
            assert len(one) > 10
            np.testing.assert_allclose(one.score, other.score, atol=1e-4)
            np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-2)
            np.testing.assert_array_equal(one.class_id, other.class_id)
            assert one.embedding is not None
            assert other.embedding is not None
            np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-3)
            np.testing.assert_allclose(np.linalg.norm(one.embedding, axis=1), 1, atol=1e-5)


def test_what_is_found_is_what_the_maps_say(two_classes: Path, formula: SimpleNamespace) -> None:
    """By the plain way: all four heads in every cell, decoded outside, boxes brought back by hand."""
    image = picture(0, 61, 103)
    state = torch.load(two_classes, weights_only=True)["model"]
    network = FairMOT("fairmot-yolov5n", classes=2, embedding_dim=24).eval()
    network.load_state_dict(state)
    data = np.empty((1, 3, *SIZE), np.float32)
    preprocessing(SIZE).planes(image, data[0])
    with torch.inference_mode():
        maps = PictureMaps(*(part[0].numpy() for part in network(torch.from_numpy(data))))
    wanted = decode(maps, most=20)
    whole = (wanted.xyxy[:, 2:] >= wanted.xyxy[:, :2]).all(axis=1)
    ratio = min(SIZE[0] / 61, SIZE[1] / 103)
    width, height = round(103 * ratio), round(61 * ratio)
    scale = np.array([width / 103, height / 61] * 2)
    offset = np.array([(SIZE[1] - width) // 2, (SIZE[0] - height) // 2] * 2)
    for fuse in (True, False):
        [found] = make(weights=two_classes, fuse=fuse).detect([Frame(index=0, image=image)])
        np.testing.assert_allclose(found.xyxy, (wanted.xyxy[whole] - offset) / scale, atol=1e-2)
        np.testing.assert_allclose(found.score, wanted.score[whole], atol=1e-4)
        np.testing.assert_allclose(found.embedding, wanted.embedding[whole], atol=1e-3)


def test_the_published_way_back_is_a_setting(two_classes: Path) -> None:
    frame = Frame(index=0, image=picture(0, 61, 103))
    exact, published = (make(weights=two_classes, mapping=m).detect([frame])[0] for m in ("exact", "published"))
    np.testing.assert_array_equal(exact.score, published.score)
    ratio = min(SIZE[0] / 61, SIZE[1] / 103)
    width, height = round(103 * ratio), round(61 * ratio)
    scale = np.array([width / 103, height / 61] * 2)
    offset = np.array([(SIZE[1] - width) // 2, (SIZE[0] - height) // 2] * 2)
    unrounded = np.array([(SIZE[1] - 103 * ratio) / 2, (SIZE[0] - 61 * ratio) / 2] * 2)
    np.testing.assert_allclose(published.xyxy, (exact.xyxy * scale + offset - unrounded) / ratio, atol=1e-2)
    assert 0 < np.abs(published.xyxy - exact.xyxy).max() < 2


@pytest.mark.parametrize("file", ["two_classes", "two_onnx", "theirs"])
def test_pictures_of_all_sizes_in_one_batch(file: str, request: pytest.FixtureRequest) -> None:
    """One pixel, narrower than a cell, longer than anything, odd: each is answered as if it were alone."""
    detector = make(weights=request.getfixturevalue(file))
    shapes = [(1, 1), (500, 3), (2, 900), (33, 31), (64, 96), (480, 640)]
    frames = [Frame(index=i, image=picture(i, *shape)) for i, shape in enumerate(shapes)]
    together = detector.detect(frames)
    for frame, found in zip(frames, together, strict=True):
        assert len(found)
        assert np.isfinite(found.xyxy).all()
        [alone] = detector.detect([frame])
        np.testing.assert_allclose(alone.score, found.score, rtol=1e-4)
        np.testing.assert_allclose(alone.xyxy, found.xyxy, rtol=1e-3, atol=0.05)
    assert detector.detect([]) == []


def test_a_map_smaller_than_the_peaks_asked_for(two_classes: Path, folder: Path) -> None:
    frame = [Frame(index=0, image=picture(0, 32, 32))]
    few = make(weights=two_classes, size=(32, 32), topk=500).detect(frame)[0]
    assert 0 < len(few) < 2 * 8 * 8
    path = export(ExportConfig(weights=two_classes, output=folder / "many.onnx", topk=300))
    same = make(weights=path, size=(32, 32), topk=None).detect(frame)[0]
    np.testing.assert_allclose(same.score, few.score, atol=1e-4)


def test_settings_choose_among_what_is_found(two_classes: Path, two_maps: Path) -> None:
    frame = [Frame(index=0, image=picture(3, 60, 100))]
    [everything] = make(weights=two_classes, topk=200).detect(frame)
    for weights in (two_classes, two_maps):
        [best] = make(weights=weights, topk=5).detect(frame)
        np.testing.assert_allclose(best.score, everything.score[:5], atol=1e-4)
        [carts] = make(weights=weights, topk=200, keep_classes=("cart",)).detect(frame)
        np.testing.assert_allclose(carts.score, everything.score[everything.class_id == 1], atol=1e-4)
        assert set(carts.class_id.tolist()) == {1}
        least = float(everything.score[7]) - 1e-3
        [sure] = make(weights=weights, topk=200, score=least).detect(frame)
        assert len(sure) == int((everything.score >= least).sum()) >= 8
        [apart] = make(weights=weights, topk=200, nms=0.3).detect(frame)
        assert 0 < len(apart) < len(everything)
        [nothing] = make(weights=weights, score=1.0).detect(frame)
        assert (len(nothing), nothing.xyxy.shape) == (0, (0, 4))
        assert nothing.embedding is not None
        assert nothing.embedding.shape == (0, 24)


def test_classes_not_looked_for_take_no_places(folder: Path, formula: SimpleNamespace) -> None:
    """The best peaks are the best of the classes looked for, whichever engine finds them."""
    network = FairMOT("fairmot-yolov5n", classes=3, embedding_dim=8)
    formula.fill(network)
    with torch.no_grad():
        network.get_parameter("wh.2.bias").add_(3)
        network.get_parameter("hm.2.bias").copy_(torch.tensor([5.0, -3.0, -3.0]))  # the first is sure everywhere
    path = save(network.eval(), folder / "three.pth", TRIPLE)
    maps = export(ExportConfig(weights=path, output=folder / "three.onnx", outputs="maps"))
    frame = [Frame(index=0, image=picture(2, 64, 96))]
    for keep in (("c",), ("c", "b")):
        [found], [same] = (make(weights=file, keep_classes=keep).detect(frame) for file in (path, maps))
        assert len(found) > 10
        assert set(found.class_id.tolist()) <= {TRIPLE.index(name) for name in keep}
        np.testing.assert_array_equal(found.class_id, same.class_id)
        np.testing.assert_allclose(found.score, same.score, atol=1e-4)
        np.testing.assert_allclose(found.embedding, same.embedding, atol=1e-3)
    assert [len(make(weights=file, keep_classes=()).detect(frame)[0]) for file in (path, maps)] == [0, 0]


@pytest.mark.parametrize("file", FILES)
def test_the_detector_keeps_the_contract(file: str, request: pytest.FixtureRequest) -> None:
    weights = request.getfixturevalue(file)
    frames = [Frame(index=i, image=picture(i, 48, 70)) for i in range(2)]
    check_detector(lambda: make(weights=weights), frames=frames)


def test_the_exporter_keeps_the_contract(two_classes: Path) -> None:
    check_exporter(lambda output: export(ExportConfig(weights=two_classes, output=output)))


def test_everything_fixed(two_classes: Path, two_onnx: Path, folder: Path) -> None:
    settings = {"size": SIZE, "batch": 2, "dynamic": False, "topk": 20}
    path = export(ExportConfig(weights=two_classes, output=folder / "fixed.onnx", **settings))
    shape = [d.dim_value for d in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
    assert shape == [2, 3, *SIZE]
    frames = [Frame(index=i, image=picture(i, 40, 80)) for i in range(3)]  # 2 + 1, the last run filled up
    for one, other in zip(make(weights=path).detect(frames), make(weights=two_onnx).detect(frames), strict=True):
        np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-3)
    with pytest.raises(ConfigError, match="size must be 64,96"):
        make(weights=path, size=(96, 96))


def test_half_precision_finds_the_same(two_classes: Path, two_onnx: Path, folder: Path) -> None:
    frame = [Frame(index=0, image=picture(5, 64, 96))]
    [full] = make(weights=two_classes).detect(frame)
    path = export(ExportConfig(weights=two_classes, output=folder / "half.onnx", half=True, topk=20))
    assert path.stat().st_size < 0.6 * two_onnx.stat().st_size
    for settings in ({"weights": two_classes, "precision": "bf16"}, {"weights": path}):
        [half] = make(**settings).detect(frame)
        assert half.embedding is not None
        assert half.embedding.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(half.embedding, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(np.sort(half.score)[-5:], np.sort(full.score)[-5:], atol=0.05)


def test_everything_by_path(two_classes: Path, tmp_path: Path) -> None:
    path = trackforge.export(two_classes, output=tmp_path / "two.onnx", topk="20", size="64x96")
    facts = describe(path, settings={"threads": "1"})
    assert (facts["detector"], facts["variant"], facts["classes"]) == ("fairmot", "fairmot-yolov5n", list(TWO))
    assert facts["input"] == "64 high, 96 wide"
    assert facts["preprocessing"]["pad"] == 128
    for file in (two_classes, path):
        detector = trackforge.detector(file, size="64x64", score="0.1", threads="1")
        assert isinstance(detector, FairmotDetector)
        assert detector.card.preprocessing.size == (64, 64)
        assert detector.classes == TWO


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"topk": 21}, ConfigError, "topk must be 20 or less.*Export the checkpoint with topk=21"),
        ({"size": (100, 100)}, ConfigError, r"multiples of 32; got \(100, 100\)"),
        ({"keep_classes": ("dog",)}, ConfigError, "keep_classes must name"),
        ({"classes": ("a",)}, WeightsError, "got 1 names where the weights have 2"),
        ({"variant": "fairmot-dla34"}, WeightsError, "are of fairmot-yolov5n, not fairmot-dla34"),
        ({"variant": "fairmot-dla35"}, ConfigError, "Did you mean"),
        ({"backend": "torch"}, ConfigError, "must get a checkpoint"),
        ({"precision": "bf16"}, ConfigError, "are for the torch backend"),
        ({"score": 1.5}, ConfigError, "<= 1"),
        ({"topk": 0}, ConfigError, "topk"),
        ({"deform": "fast"}, ConfigError, "deform"),
        ({"deform": "grid"}, ConfigError, "deform must be left out for an .onnx file"),
    ],
)
def test_settings_that_cannot_be(two_onnx: Path, settings: dict, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make(weights=two_onnx, **settings)


@pytest.mark.skipif(native_works(), reason="torchvision has working operators here")
def test_an_operator_that_is_not_there_is_told_at_once(two_classes: Path) -> None:
    with pytest.raises(MissingDependencyError, match="deform='native' needs a torchvision"):
        make(weights=two_classes, deform="native")


def test_files_of_others_are_told_apart(theirs: Path, two_onnx: Path, tmp_path: Path) -> None:
    named = make(weights=theirs, classes=TWO)
    assert (named.classes, named.card.variant, named.card.component) == (TWO, "", "fairmot")
    assert make(weights=theirs).classes == ("class 0", "class 1")

    def refuse(model: Any, says: str) -> None:
        onnx.save(model, tmp_path / "odd.onnx")
        with pytest.raises(WeightsError, match=says):
            make(weights=tmp_path / "odd.onnx")

    bare = onnx.load(two_onnx)
    del bare.metadata_props[:]
    refuse(bare, "must describe itself")
    renamed = onnx.load(theirs)
    for value in renamed.graph.output:
        if value.name == "wh":
            value.name = "size"
    for node in renamed.graph.node:
        node.output[:] = ["size" if name == "wh" else name for name in node.output]
    refuse(renamed, "must take .* and give hm, wh, id, reg .*or its outputs need these names")
    swapped = onnx.load(theirs)
    names = {"wh": "reg", "reg": "wh"}
    for node in swapped.graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in swapped.graph.output:
        value.name = names.get(value.name, value.name)
    refuse(swapped, r"reg \(2\); it gives .*reg \(4, 8, 8\)")
    flat = onnx.load(theirs)
    flat.graph.node.append(onnx.helper.make_node("ReduceMax", ["wh"], ["total"], keepdims=0))
    flat.graph.output.append(onnx.helper.make_tensor_value_info("total", onnx.TensorProto.FLOAT, []))
    refuse(flat, r"it gives .*total \(\)")
    shorter = onnx.load(two_onnx)
    del shorter.graph.output[0].type.tensor_type.shape.dim[2]
    refuse(shorter, r"readable ONNX model|must give detections \(B, K, 6\)")
    other = ModelCard(component="yolox", classes=("a",), preprocessing=preprocessing(SIZE))
    foreign = onnx.load(two_onnx)
    foreign.metadata_props[0].value = other.to_json()
    refuse(foreign, "must be of 'fairmot'; they are of the detector 'yolox'")


def test_a_card_with_other_classes_than_its_maps(two_maps: Path, tmp_path: Path) -> None:
    model = onnx.load(two_maps)
    card = ModelCard.from_json(model.metadata_props[0].value)
    model.metadata_props[0].value = dataclasses.replace(card, classes=("person",)).to_json()
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(WeightsError, match="a heat map for each of its 1 classes; it has 2"):
        make(weights=tmp_path / "odd.onnx")


def test_classes_that_a_file_does_not_name_are_not_found(two_onnx: Path, tmp_path: Path) -> None:
    model = onnx.load(two_onnx)
    card = ModelCard.from_json(model.metadata_props[0].value)
    model.metadata_props[0].value = dataclasses.replace(card, classes=("person",)).to_json()
    onnx.save(model, tmp_path / "odd.onnx")
    frame = [Frame(index=0, image=picture(0, 60, 100))]
    [all_of_them], [known] = make(weights=two_onnx).detect(frame), make(weights=tmp_path / "odd.onnx").detect(frame)
    np.testing.assert_array_equal(known.score, all_of_them.score[all_of_them.class_id == 0])


def test_a_frame_without_image_is_an_error(two_onnx: Path) -> None:
    with pytest.raises(InvalidInputError, match="frame 7 has none"):
        make(weights=two_onnx).detect([Frame(index=7, size=(10, 10))])


def test_onnx_runtime_alone_is_enough(two_onnx: Path) -> None:
    """Neither torch nor onnx is imported where an .onnx file runs on the CPU."""
    code = (
        "import sys, trackforge\n"
        "trackforge.detector(sys.argv[1], threads=1)\n"
        "heavy = sorted({'torch', 'onnx', 'scipy', 'matplotlib'} & set(sys.modules))\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(two_onnx)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_weights_say_how_wide_embeddings_are(folder: Path, formula: SimpleNamespace) -> None:
    network = FairMOT("fairmot-yolov5n", embedding_dim=7, box_channels=2)
    path = save(formula.fill(network).eval(), folder / "seven.pth", ("person",))
    detector: Callable[..., FairmotDetector] = make
    found = detector(weights=path).detect([Frame(index=0, image=picture(1, 64, 96))])[0]
    assert detector(weights=path).embedding_dim == 7
    assert found.embedding is not None
    assert found.embedding.shape[1] == 7
