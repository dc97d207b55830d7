"""Networks, anchors, detections and graphs against outputs of real MXNet 1.9.1, for networks of a sixteenth's width."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from trackforge.io.mxnet_params import read_params
from trackforge.models import Given
from trackforge.types import Frame
from trackforge_ssd.anchors import anchor_constants, native_anchors
from trackforge_ssd.detector import SsdDetector, SsdDetectorConfig
from trackforge_ssd.model import Predictor, fuse
from trackforge_ssd.names import gluoncv_exported
from trackforge_ssd.selection import select
from trackforge_ssd.symbol import parameter_order, training_symbol
from trackforge_ssd.weights import load_network

pytestmark = pytest.mark.golden
SAGEMAKER = {"resnet50_300_tiny": "sagemaker-resnet50-300/16", "vgg16_300_tiny": "sagemaker-vgg16-300/16"}
GLUONCV = {"tiny_resnet50_512": "gluoncv-resnet50-512-coco/16", "tiny_vgg16_300": "gluoncv-vgg16-300-coco/16"}


@pytest.fixture(scope="module")
def folder(golden_dir: Path) -> Path:
    return golden_dir / "mxnet"


@torch.inference_mode()
@pytest.mark.parametrize("name", SAGEMAKER)
@pytest.mark.parametrize("fused", [False, True])
def test_the_built_in_algorithms_networks_are_equal(name: str, fused: bool, folder: Path) -> None:
    expected = np.load(folder / name / "golden.npz")
    way = "mean" if expected["mean_sub"] else "raw"
    network, card = load_network(folder / name / "model.tar.gz", Given(preprocessing=way))
    assert card.variant == SAGEMAKER[name]
    inputs = np.empty((len(expected["image"]), 3, 300, 300), np.float32)
    for image, out in zip(expected["image"], inputs, strict=True):
        card.preprocessing.planes(image, out)
    predictor = Predictor(fuse(network) if fused else network)
    assert np.array_equal(predictor.anchors.numpy(), expected["anchors"][0])
    outputs = predictor.network(torch.from_numpy(inputs))
    np.testing.assert_allclose(outputs.offsets.flatten(1), expected["loc_pred"], atol=1e-5)
    probabilities, boxes = (t.numpy() for t in predictor(torch.from_numpy(inputs)))
    np.testing.assert_allclose(probabilities.transpose(0, 2, 1), expected["cls_prob"], atol=1e-5)
    for p, b, rows in zip(probabilities, boxes, expected["det"], strict=True):
        rows = rows[rows[:, 0] >= 0]
        found = select(p, b, network.variant.rule)
        assert len(rows) > 10
        assert found.class_id.tolist() == rows[:, 0].astype(int).tolist()
        np.testing.assert_allclose(found.score, rows[:, 1], atol=1e-5)
        np.testing.assert_allclose(found.xyxy, rows[:, 2:], atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("name", GLUONCV)
@pytest.mark.parametrize("form", ["structured", "exported"])
def test_gluoncvs_networks_are_equal(name: str, form: str, folder: Path) -> None:
    expected = np.load(folder / name / "golden.npz")
    file = folder / name / (f"{name}.params" if form == "structured" else f"{name}-symbol.json")
    config = SsdDetectorConfig(weights=file, score=0.01, fuse=form == "exported", backend="torch", device="cpu")
    detector = SsdDetector(config)
    assert detector.card.variant == GLUONCV[name]
    frame = Frame(index=0, image=expected["image"])
    [(probabilities, boxes)] = detector.backend.infer(detector.prepare([frame]))
    np.testing.assert_allclose(probabilities, expected["softmax"][0], atol=1e-5)
    np.testing.assert_allclose(boxes, expected["boxes_all"][0], atol=5e-4)
    [found] = detector.detect([frame])
    valid = expected["ids"][0, :, 0] >= 0
    assert valid.sum() > 10
    assert found.class_id.tolist() == expected["ids"][0, valid, 0].astype(int).tolist()
    np.testing.assert_allclose(found.score, expected["scores"][0, valid, 0], atol=1e-5)
    np.testing.assert_allclose(found.xyxy, expected["bboxes"][0, valid], atol=5e-4)


@pytest.mark.parametrize("name", GLUONCV)
def test_gluoncvs_stored_anchors_are_ours_to_the_bit(name: str, folder: Path) -> None:
    params = read_params(folder / name / f"{name}.params")
    network, _ = load_network(folder / name / f"{name}.params", Given())
    stored = [params[f"anchor_generators.{i}.anchors"] for i in range(6)]
    for mine, theirs in zip(anchor_constants(network.variant, [a.shape[2] for a in stored]), stored, strict=True):
        assert np.array_equal(mine, theirs)
    first = native_anchors(network.variant, (network.variant.size,) * 2)
    assert np.array_equal(first[:4].ravel(), stored[0][0, 0, 0, 0])


@pytest.mark.parametrize("name", GLUONCV)
def test_exported_names_are_told_by_their_ends(name: str, folder: Path) -> None:
    listed = json.loads((folder / name / "param_names.json").read_text())
    exported = [export for _, export in listed.values()]
    assert list(gluoncv_exported(f"arg:{e}" for e in exported).values()) == list(listed)
    other = [e.replace("ssd0_", "ssd3_").replace("resnetv10", "resnetv17") for e in exported]
    assert list(gluoncv_exported(other).values()) == list(listed)


@pytest.mark.parametrize("name", SAGEMAKER)
def test_the_graph_is_the_saved_one_node_for_node(name: str, folder: Path) -> None:
    network, card = load_network(folder / name / "model.tar.gz", Given())
    saved = json.loads((folder / name / "model_algo_1-symbol.json").read_text())
    made = json.loads(training_symbol(network.variant, len(card.classes)))
    assert made == saved  # nodes, arg_nodes, node_row_ptr, heads, version
    names = list(read_params(folder / name / "model_algo_1-0000.params"))
    assert parameter_order(network.variant, len(card.classes)) == names
    narrower = dataclasses.replace(network.variant, rule=dataclasses.replace(network.variant.rule, candidates=399))
    assert json.loads(training_symbol(narrower, len(card.classes))) != saved
