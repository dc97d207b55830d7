"""The component: by file, on torch and ONNX Runtime, with settings; and what it exports."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import trackforge
from trackforge.cli import main
from trackforge.errors import ConfigError, WeightsError
from trackforge.models import Given
from trackforge.models.packed import packing_works
from trackforge.types import Frame
from trackforge_ssd.detector import SsdDetector, SsdDetectorConfig
from trackforge_ssd.export import ExportConfig, export
from trackforge_ssd.layers import pack
from trackforge_ssd.model import SSD, Predictor, fuse
from trackforge_ssd.weights import load_network

VGG, RESNET = "sagemaker-vgg16-300/16", "sagemaker-resnet50-300/16"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory, seeded: Callable[..., SSD]) -> Callable[[str], Path]:
    """Write a bundle of a network with fixed weights: ``bundles("gluoncv-vgg16-300-voc/16")``."""
    from trackforge_ssd.cards import make_card
    from trackforge_ssd.preprocess import choose, preprocessing
    from trackforge_ssd.weights import save_bundle

    folder = tmp_path_factory.mktemp("bundles")

    def write(name: str) -> Path:
        path = folder / f"{name.replace('/', '-')}.pth"
        if not path.exists():
            network = seeded(name, 3)
            v = network.variant
            way = preprocessing(choose(v, "auto"), (v.size, v.size))
            save_bundle(path, network, make_card(v, ["person", "dog", "cat"], way))
        return path

    return write


@pytest.mark.parametrize(
    "name", [VGG, RESNET, "gluoncv-vgg16-300-voc/16", "gluoncv-resnet50-512-coco/32", "torchvision-vgg16-300/16"]
)
def test_onnx_runtime_gives_what_torch_gives(
    name: str, tmp_path: Path, bundles: Callable[[str], Path], picture: np.ndarray
) -> None:
    bundle = bundles(name)
    file = export(ExportConfig(weights=bundle, output=tmp_path / "ssd.onnx"))
    frames = [Frame(index=i, image=image) for i, image in enumerate((picture, picture[::-1], picture[:, ::-1]))]
    detectors = [trackforge.detector(path, score=0.01, device="cpu", threads=1) for path in (bundle, file)]
    assert [type(d.backend).__name__ for d in detectors] == ["TorchBackend", "OnnxBackend"]
    assert detectors[0].card.preprocessing == detectors[1].card.preprocessing
    assert detectors[1].card.provenance["file"] == bundle.name
    for part in (frames, frames[:1]):  # any number of pictures
        expected, found = ([o for _, o in zip(part, d.infer(d.prepare(part)), strict=True)] for d in detectors)
        for ((p, boxes), _), ((q, others), _) in zip(expected, found, strict=True):
            np.testing.assert_allclose(p, q, atol=1e-5)
            np.testing.assert_allclose(boxes, others, atol=1e-3 if "sagemaker" not in name else 1e-5)
    first, second = (d.detect(frames[:1])[0] for d in detectors)
    assert len(first) > 5
    assert first.class_id.tolist() == second.class_id.tolist()
    np.testing.assert_allclose(first.xyxy, second.xyxy, atol=0.01)


@torch.inference_mode()
@pytest.mark.parametrize("name", [VGG, RESNET, "gluoncv-vgg16-300-voc/16", "gluoncv-resnet50-512-coco/32"])
def test_folding_changes_nothing(name: str, seeded: Callable[..., SSD]) -> None:
    network = seeded(name, 3)
    images = torch.rand((2, 3, network.variant.size, network.variant.size)) * (1 if "gluoncv" in name else 255)
    before, after = Predictor(network)(images), Predictor(fuse(network))(images)
    torch.testing.assert_close(before, after, atol=2e-4, rtol=1e-4)
    norms = [m for m in fuse(network).modules() if "Norm2d" in type(m).__name__ or type(m).__name__ == "FixedGainNorm"]
    assert len(norms) == (17 if name == RESNET else 0)  # those before a convolution


@torch.inference_mode()
@pytest.mark.parametrize("name", [VGG, RESNET, "gluoncv-resnet50-512-coco/32"])
def test_packing_changes_nothing(name: str, seeded: Callable[..., SSD]) -> None:
    network = copy.deepcopy(seeded(name, 3))
    if name == RESNET:  # gains of either sign, and none, be it but nearly
        first = network.backbone.stages[0][1].bn1
        first.weight[:4] = torch.tensor([1e-40, -1e-40, 1e-37, 1e-31])
        first.bias[:4] = torch.tensor([-0.1, 0.2, -0.1, 0.2])
        for block in network.backbone.stages[1]:
            block.bn1.weight[::3] *= -1
            block.bn1.weight[1::3] = 0
    plain, packed = fuse(network), fuse(network)
    assert packing_works()
    pack(packed)
    assert not any(isinstance(module, torch.nn.Conv2d) for module in packed.modules())
    for batch in (2, 1):
        images = torch.rand((batch, 3, network.variant.size, network.variant.size)) * (1 if "gluoncv" in name else 255)
        torch.testing.assert_close(Predictor(plain)(images), Predictor(packed)(images), atol=2e-4, rtol=1e-4)


def test_only_full_precision_on_the_cpu_is_packed(bundles: Callable[[str], Path]) -> None:
    for settings, count in (({}, 0), ({"precision": "bf16"}, 35), ({"fuse": False}, 35)):
        detector = SsdDetector(SsdDetectorConfig(weights=bundles(VGG), device="cpu", **settings))
        modules = list(detector.backend._predict.modules())
        assert sum(isinstance(module, torch.nn.Conv2d) for module in modules) == count


def test_settings_change_the_rule(bundles: Callable[[str], Path], picture: np.ndarray) -> None:
    bundle = bundles(VGG)
    frame = Frame(index=0, image=picture)

    def found(**settings: object) -> trackforge.Detections:
        given = {"score": 0.01, **settings}
        return SsdDetector(SsdDetectorConfig(weights=bundle, device="cpu", **given)).detect([frame])[0]

    everything = found()
    assert (everything.score[:-1] >= everything.score[1:]).all()
    assert everything.score.min() >= 0.01
    assert everything.xyxy.min() >= 0
    assert (everything.xyxy.max(axis=0) <= [200, 150, 200, 150]).all()
    limit = float(np.median(everything.score))
    assert found(score=limit).score.min() >= limit
    assert len(found(nms=1.0)) > len(everything) > len(found(nms=0.1))
    assert len(found(candidates=10)) <= 10
    assert len(found(class_agnostic=True)) < len(everything)
    assert set(found(keep_classes=("dog",)).class_id.tolist()) == {1}
    with pytest.raises(ConfigError, match="keep_classes"):
        found(keep_classes=("horse",))
    with pytest.raises(ConfigError, match="laid out for it"):
        found(size=(320, 320))


def test_half_precision_keeps_its_anchors(bundles: Callable[[str], Path], picture: np.ndarray) -> None:
    frame = Frame(index=0, image=picture)
    full, half = (
        SsdDetector(SsdDetectorConfig(weights=bundles("gluoncv-vgg16-300-voc/16"), device="cpu", precision=p))
        for p in ("fp32", "bf16")
    )
    [((_, boxes), _)], [((_, others), _)] = (d.infer(d.prepare([frame])) for d in (full, half))
    assert float((boxes - others).abs().median()) < 0.5  # pixels; bfloat16 anchors alone would be off by up to one


def test_an_artefact_is_opened_by_the_detector_ssd(artefact: Callable[..., Path], picture: np.ndarray) -> None:
    detector = trackforge.detector("ssd", weights=artefact(RESNET, 2), classes=("a", "b"), score=0.01, device="cpu")
    assert detector.classes == ("a", "b")
    assert detector.card.variant == RESNET
    [found] = detector.detect([Frame(index=0, image=picture)])
    assert set(found.class_id.tolist()) <= {0, 1}
    with pytest.raises(WeightsError, match="got 3 names for the 2 classes"):
        trackforge.detector("ssd", weights=artefact(RESNET, 2), classes=("a", "b", "c"))
    with pytest.raises(WeightsError, match="are of sagemaker-resnet50-300/16, not sagemaker-vgg16-300"):
        trackforge.detector("ssd", weights=artefact(RESNET, 2), variant="sagemaker-vgg16-300")


def test_an_input_of_another_size_moves_the_anchors(bundles: Callable[[str], Path], picture: np.ndarray) -> None:
    """Networks of GluonCV take any size; boxes stay in pixels of the picture."""
    config = SsdDetectorConfig(weights=bundles("gluoncv-resnet50-512-coco/32"), size=(384, 512), device="cpu")
    detector = SsdDetector(config)
    [((probabilities, boxes), _)] = detector.infer(detector.prepare([Frame(index=0, image=picture)]))
    assert len(probabilities) == len(boxes) == 4 * 24 * 32 + 6 * (12 * 16 + 6 * 8 + 3 * 4) + 4 * (2 * 2 + 1)


def test_the_command_line_goes_from_an_artefact_to_every_form(
    tmp_path: Path,
    artefact: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = artefact(VGG, 3)
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(source), "--to", "trackforge", "--set", "classes=person,dog,cat", "--json"]) == 0
    bundle = tmp_path / json.loads(capsys.readouterr().out)["output"]
    assert bundle.name == source.name.replace(".tar.gz", ".pth")
    assert load_network(bundle, Given())[1].classes == ("person", "dog", "cat")
    assert main(["export", str(bundle), "-o", "back.tar.gz"]) == 0
    network, card = load_network(tmp_path / "back.tar.gz", Given())
    assert card.classes == ("person", "dog", "cat")
    first = load_network(source, Given())[0]
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), first.parameters(), strict=True))
    assert main(["export", "yolox", "--to", "sagemaker"]) == 2
    assert "'yolox' knows one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dynamic": True}, "dynamic must be false"),
        ({"to": "sagemaker", "output": Path("x.onnx")}, r"must end in \.tar\.gz"),
        ({"to": "onnx", "output": Path("x.pt")}, r"must end in \.onnx for onnx"),
        ({"to": "onnx", "output": Path("x.tgz")}, r"must end in \.onnx for onnx"),
        ({"to": "sagemaker", "output": Path("x.pt")}, r"must end in \.tar\.gz or \.tgz"),
        ({"to": "trackforge", "output": Path("x.tgz")}, r"must end in \.pth or \.pt"),
        ({"variant": "ssd"}, "There is no variant"),
    ],
)
def test_an_export_checks_its_settings_first(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ExportConfig(weights="x.pth", **settings)


def test_what_cannot_be_written_is_said(
    tmp_path: Path, bundles: Callable[[str], Path], artefact: Callable[..., Path]
) -> None:
    with pytest.raises(WeightsError, match="Only weights of the dialect sagemaker"):
        export(ExportConfig(weights=bundles("gluoncv-vgg16-300-voc/16"), output=tmp_path / "m.tar.gz"))
    with pytest.raises(ConfigError, match="output must not be the weights"):
        export(ExportConfig(weights=artefact(VGG, 3), output=artefact(VGG, 3)))


def test_somebody_elses_onnx_file_is_sent_on(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])])  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "x.onnx")
    with pytest.raises(WeightsError, match="detector 'onnx'"):
        trackforge.detector("ssd", weights=tmp_path / "x.onnx")
