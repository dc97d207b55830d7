"""The dialect of torchvision, at full size, against numbers that torchvision itself gave once."""

from __future__ import annotations

import importlib.util
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from trackforge.types import Frame
from trackforge_ssd.anchors import native_anchors
from trackforge_ssd.detector import SsdDetector, SsdDetectorConfig
from trackforge_ssd.model import SSD
from trackforge_ssd.names import dialect_names

FIXTURES = Path(__file__).parent / "fixtures"
_spec = importlib.util.spec_from_file_location("make_torchvision", FIXTURES / "make_torchvision.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    return dict(np.load(FIXTURES / "torchvision.npz"))


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory, expected: dict[str, np.ndarray]) -> SsdDetector:
    with torch.device("meta"):
        network = SSD("torchvision-vgg16-300", 90)
    shapes = {name: tuple(network.state_dict()[key].shape) for key, name in dialect_names(network.variant).items()}
    assert sorted(shapes) == sorted(expected["keys"].tolist())
    path = tmp_path_factory.mktemp("torchvision") / "ssd300.pth"
    torch.save({name: torch.from_numpy(make.formula(name, shape)) for name, shape in shapes.items()}, path)
    return SsdDetector(SsdDetectorConfig(weights=path, score=0.01, device="cpu"))


def test_anchors_are_torchvisions_to_the_bit(detector: SsdDetector, expected: dict[str, np.ndarray]) -> None:
    made = native_anchors(SSD("torchvision-vgg16-300/32", 1).variant, (300, 300))
    assert zlib.crc32(made.tobytes()) == int(expected["anchors"])


@torch.inference_mode()
def test_outputs_and_detections_are_torchvisions(detector: SsdDetector, expected: dict[str, np.ndarray]) -> None:
    frame = Frame(index=0, image=make.picture())
    outputs = []
    network = detector.backend._predict.network
    handle = network.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    [found] = detector.detect([frame])
    handle.remove()
    np.testing.assert_allclose(outputs[0].logits[0, ::400], expected["logits"], atol=5e-4)
    np.testing.assert_allclose(outputs[0].offsets[0, ::400], expected["offsets"], atol=2e-4)
    assert len(found) == len(expected["scores"]) == 200
    np.testing.assert_allclose(found.score, expected["scores"], atol=2e-5)
    assert found.class_id.tolist() == (expected["labels"] - 1).tolist()
    np.testing.assert_allclose(found.xyxy, expected["boxes"], atol=2e-3)
