"""What is exported is what torch computes, and it describes itself."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from trackforge.errors import ConfigError, SinkError, WeightsError
from trackforge.models import KEY, Given, ModelCard
from trackforge.models.onnx import OnnxBackend, OnnxNetwork
from trackforge.registry import registry
from trackforge_yolox.export import ExportConfig, export
from trackforge_yolox.model import Predictor
from trackforge_yolox.weights import examine, load_network


def run(path: Path, images: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["predictions"], {"images": images})[0]


def opened(path: Path, **given: Any) -> OnnxBackend:
    network = OnnxNetwork(path, threads=1)
    return OnnxBackend(network, examine(network, Given(**given))[0])


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("size", [(416, 416), (256, 640), (608, 1088)])
def test_one_file_equals_torch_at_every_size(exported: Path, data_dir: Path, formula, batch: int, size: tuple) -> None:
    network, _ = load_network(data_dir / "weights" / "yolox_nano_coco_torch.pth", Given())
    images = formula.image(7, (batch, 3, *size))
    with torch.inference_mode():
        wanted = Predictor(network)(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(run(exported, images), wanted, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def exported(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "nano.onnx"
    settings = {"weights": str(data_dir / "weights" / "yolox_nano_coco_torch.pth"), "output": str(out)}
    assert registry().create("exporter", "yolox", settings) == out
    return out


@pytest.mark.parametrize("name", [pytest.param("yolox-darknet53", marks=pytest.mark.slow), "bytetrack-tiny"])
def test_other_architectures_export_too(name: str, checkpoint, tmp_path: Path, formula) -> None:
    path = checkpoint(name)
    out = export(ExportConfig(weights=path, variant=name, output=tmp_path / "x.onnx"))
    network, card = load_network(path, Given(variant=name))
    assert opened(out).card.preprocessing == card.preprocessing
    images = formula.image(7, (1, 3, 64, 96)) / 64
    with torch.inference_mode():
        wanted = Predictor(network)(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(run(out, images), wanted, rtol=1e-4, atol=1e-4)


def test_the_file_describes_itself(exported: Path, data_dir: Path) -> None:
    model = onnx.load(exported)
    card = ModelCard.from_json({p.key: p.value for p in model.metadata_props}[KEY])
    source = data_dir / "weights" / "yolox_nano_coco_torch.pth"
    assert (card.variant, len(card.classes), card.preprocessing.size) == ("yolox-nano", 80, (416, 416))
    assert card.provenance["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert card.provenance["exporter"].startswith("trackforge-yolox ")
    shape = [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    assert shape == ["batch", 3, "height", "width"]
    out = [d.dim_param or d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim]
    assert out == ["batch", "anchors", 85]


def test_everything_fixed(checkpoint, tmp_path: Path) -> None:
    settings = ExportConfig(
        weights=checkpoint("yolox-nano"), output=tmp_path / "fixed.onnx", size=(64, 96), batch=2, dynamic=False
    )
    out = export(settings)
    shape = [d.dim_value for d in onnx.load(out).graph.input[0].type.tensor_type.shape.dim]
    assert shape == [2, 3, 64, 96]
    backend = opened(out)
    images = [np.full((48, 64, 3), value, np.uint8) for value in (0, 100, 200)]
    together = backend.infer(backend.prepare(images))
    assert len(together) == 3  # 2 + 1, the last run filled up
    for image, wanted in zip(images, together, strict=True):
        np.testing.assert_allclose(backend.infer(backend.prepare([image]))[0], wanted, rtol=1e-5, atol=1e-5)
    with pytest.raises(ConfigError, match="size must be 64,96"):
        opened(out, size=(128, 128))


def test_half_the_file(checkpoint, tmp_path: Path) -> None:
    path = checkpoint("yolox-nano")
    full = export(ExportConfig(weights=path, output=tmp_path / "full.onnx"))
    half = export(ExportConfig(weights=path, output=tmp_path / "half.onnx", half=True))
    assert half.stat().st_size < 0.6 * full.stat().st_size
    images = np.random.default_rng(0).integers(0, 256, (1, 3, 64, 64)).astype(np.float32)
    np.testing.assert_allclose(run(half, images)[..., 4:], run(full, images)[..., 4:], atol=0.02)


def test_export_leaves_nothing_behind_when_it_fails(tmp_path: Path, checkpoint) -> None:
    folder = tmp_path / "out.onnx"
    folder.mkdir()
    with pytest.raises(SinkError, match="is a folder"):
        export(ExportConfig(weights=checkpoint("yolox-nano"), output=folder))
    (tmp_path / "bad.pth").write_bytes(b"no")
    with pytest.raises(WeightsError):
        export(ExportConfig(weights=tmp_path / "bad.pth", output=tmp_path / "never.onnx"))
    assert not list(tmp_path.glob("never*"))


def test_export_does_not_touch_the_mode_of_the_network(checkpoint, tmp_path: Path) -> None:
    """A wrapper in training mode would have put batch statistics into the graph: two runs would then differ."""
    out = export(ExportConfig(weights=checkpoint("yolox-nano"), output=tmp_path / "a.onnx"))
    kinds = {node.op_type for node in onnx.load(out).graph.node}
    assert "BatchNormalization" not in kinds  # folded
    one = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64)).astype(np.float32)
    np.testing.assert_allclose(run(out, one)[:1], run(out, one[:1]), rtol=1e-5, atol=1e-5)
