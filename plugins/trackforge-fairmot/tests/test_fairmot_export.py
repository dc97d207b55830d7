"""DLA-34 with deformable convolutions: what is exported is what torch computes, by either graph, at any size."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch

from trackforge.errors import ConfigError
from trackforge.models import KEY, ModelCard
from trackforge.models.onnx import OnnxNetwork
from trackforge_fairmot import decode_torch
from trackforge_fairmot.decode import STRIDE
from trackforge_fairmot.deform import DeformConv2d
from trackforge_fairmot.deform_onnx import OPSET, deform_conv
from trackforge_fairmot.export import ExportConfig, export
from trackforge_fairmot.model import FairMOT
from trackforge_fairmot.variants import VARIANTS

SIZES = ((96, 128), (128, 160), (160, 96))
CALM = 0.3
"""By how much the formula's offsets are shortened.

As they are, a rounding in the last bit of one layer moves the places that the next one reads, and float32 is off by .02
whoever computes it (torch against itself in float64); shortened, they still reach past the neighbours.
"""
DEFORMABLE = 16
"""Deformable convolutions of DLA-34."""


@pytest.fixture(scope="module")
def network(formula: SimpleNamespace, golden_dir: Path) -> FairMOT:
    made = formula.fill(FairMOT("fairmot-dla34"), dict(np.load(golden_dir / "fairmot" / "bn_dla_34.npz"))).eval()
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, DeformConv2d):
                module.conv_offset_mask.weight.mul_(CALM)
    return made


@pytest.fixture(scope="module")
def official(network: FairMOT, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as the official code writes it."""
    path = tmp_path_factory.mktemp("official") / "model_30.pth"
    torch.save({"epoch": 30, "state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, path)
    return path


@pytest.fixture(scope="module")
def graphs(official: Path) -> dict[str, OnnxNetwork]:
    """Both graphs, exported at one size and used at others: one gives objects, the other maps."""
    made = {}
    for deform, outputs in (("native", "objects"), ("grid", "maps")):
        settings = ExportConfig(
            weights=official,
            output=official.with_name(f"{deform}-{outputs}.onnx"),
            size=(96, 96),
            deform=deform,
            outputs=outputs,
            topk=30,
        )
        made[deform] = OnnxNetwork(export(settings), threads=1)
    return made


def run(network: OnnxNetwork, images: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(network.output_names, network.call({"images": images}), strict=True))


def test_offsets_of_these_weights_are_worth_the_name(network: FairMOT, formula: SimpleNamespace) -> None:
    lengths = []
    layers = [module for module in network.modules() if isinstance(module, DeformConv2d)]
    hooks = [
        layer.conv_offset_mask.register_forward_hook(lambda _a, _b, out: lengths.append(out[:, :18].abs().max().item()))
        for layer in layers
    ]
    with torch.inference_mode():
        network(torch.from_numpy(formula.image(3, (1, 3, *SIZES[0])) / np.float32(255)))
    for hook in hooks:
        hook.remove()
    assert len(lengths) == DEFORMABLE
    assert min(lengths) > 0.5
    assert max(lengths) > 1.5


@pytest.mark.parametrize("size", SIZES)
def test_onnx_runtime_equals_torch(
    network: FairMOT, graphs: dict[str, OnnxNetwork], formula: SimpleNamespace, size: tuple[int, int]
) -> None:
    images = formula.image(3, (2, 3, *size)) / np.float32(255)
    with torch.inference_mode():
        maps = network(torch.from_numpy(images))
        table, looks = decode_torch.decode(*maps, most=30)
    found = run(graphs["grid"], images)
    for name, wanted in maps._asdict().items():
        np.testing.assert_allclose(found[name], wanted, atol=1e-4, err_msg=name)
    objects = run(graphs["native"], images)
    np.testing.assert_allclose(objects["detections"] / STRIDE, table / STRIDE, atol=1e-4)
    np.testing.assert_allclose(objects["detections"][..., 4:], table[..., 4:], atol=1e-4)
    np.testing.assert_allclose(objects["embeddings"], looks, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(objects["embeddings"], axis=2), 1, atol=1e-5)


def test_graphs_say_what_they_are(graphs: dict[str, OnnxNetwork], official: Path) -> None:
    for deform, graph in graphs.items():
        model = onnx.load(graph.path)
        card = ModelCard.from_json({p.key: p.value for p in model.metadata_props}[KEY])
        kinds = [node.op_type for node in model.graph.node]
        assert card.extra["deform"] == deform
        assert (kinds.count("DeformConv"), kinds.count("GridSample")) == (
            (DEFORMABLE, 0) if deform == "native" else (0, DEFORMABLE)
        )
        assert "BatchNormalization" not in kinds
        assert model.opset_import[0].version == (19 if deform == "native" else 17)
        assert (card.component, card.variant, card.classes) == ("fairmot", "fairmot-dla34", ("person",))
        assert card.provenance["sha256"] == hashlib.sha256(official.read_bytes()).hexdigest()
        shape = [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        assert shape == ["batch", 3, "height", "width"]
    shapes = dict(zip(graphs["native"].output_names, graphs["native"].outputs, strict=True))
    assert shapes == {"detections": ["batch", 30, 6], "embeddings": ["batch", 30, 128]}


@pytest.mark.nightly
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_network_at_a_size_that_it_was_not_traced_at(
    variant: str, tmp_path: Path, formula: SimpleNamespace
) -> None:
    network = FairMOT(variant)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # statistics become those of the pictures below
        if isinstance(module, DeformConv2d):
            torch.nn.init.normal_(module.conv_offset_mask.get_parameter("bias"))
    with torch.no_grad():
        network.train()(torch.from_numpy(formula.image(0, (2, 3, 96, 96)) / np.float32(255)))
    path = tmp_path / "some.pth"
    torch.save({"state_dict": network.eval().state_dict()}, path)
    settings = ExportConfig(weights=path, output=tmp_path / "some.onnx", size=(96, 96), outputs="maps")
    graph = OnnxNetwork(export(settings), threads=1)
    images = formula.image(3, (2, 3, 64, 128)) / np.float32(255)
    with torch.inference_mode():
        maps = network(torch.from_numpy(images))
    for name, wanted in maps._asdict().items():
        found = run(graph, images)[name]
        # what is shown is that no size is fixed in the graph; deep random networks amplify rounding
        np.testing.assert_allclose(found, wanted, atol=1e-3 * max(1, wanted.abs().max().item()), err_msg=name)


def test_half_precision_leaves_the_operator_in_full(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = DeformConv2d(6, 4)
    torch.nn.init.normal_(layer.conv_offset_mask.weight, std=0.2)
    layer.form = deform_conv
    x = torch.randn(1, 6, 9, 7)
    with torch.no_grad():
        wanted = layer(x).numpy()
        half = layer.half().eval()
        path = str(tmp_path / "half.onnx")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(half, (x.half(),), path, input_names=["images"], opset_version=OPSET, dynamo=False)
    network = OnnxNetwork(tmp_path / "half.onnx", threads=1)
    [found] = network.call({"images": x.half().numpy()})
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, wanted, atol=0.02)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"opset": 17}, "opset must be 19 or 20, or deform='grid'; got 17"),
        ({"opset": 14, "deform": "grid"}, "opset must be 16 to 20"),
    ],
)
def test_operators_that_a_set_does_not_have(official: Path, settings: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        export(ExportConfig(weights=official, output=official.with_name("never.onnx"), **settings))
    assert not official.with_name("never.onnx").exists()
