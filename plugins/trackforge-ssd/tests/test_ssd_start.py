"""What training starts from: backbones by the names that others give their layers, and weights of other classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trackforge.errors import ConfigError, WeightsError
from trackforge.io.mxnet_params import write_params
from trackforge.models import IMAGENET_STD, Given
from trackforge_ssd.backbones import BACKBONES, backbone_arrays, load_backbone, usual_backbone
from trackforge_ssd.conversion import to_dialect
from trackforge_ssd.export import ExportConfig, export
from trackforge_ssd.model import SSD
from trackforge_ssd.start import start_network
from trackforge_ssd.variants import VARIANTS, variant
from trackforge_ssd.weights import load_network

VGG, RESNET = "sagemaker-vgg16-300/16", "sagemaker-resnet50-300/16"
PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
LAYERS = [f"conv{s}_{n}" for s, count in enumerate((2, 2, 3, 3, 3), start=1) for n in range(1, count + 1)]


def numbers(network: SSD) -> dict[str, np.ndarray]:
    return {k: v.numpy() for k, v in network.state_dict().items() if k.startswith("backbone.")}


def test_vgg_of_torchvision_with_and_without_its_classifier(seeded: Callable[..., SSD]) -> None:
    own = numbers(seeded(VGG, 2))
    arrays = {f"features.{place}.{part}": own[f"backbone.{layer}.{part}"]
              for place, layer in zip(PLACES, LAYERS, strict=True) for part in ("weight", "bias")}  # fmt: skip
    features = {**arrays, "classifier.0.weight": np.full((8, 8), np.nan, np.float32)}
    network = SSD(VGG, 2)
    fresh = network.backbone.fc6.weight.clone()
    assert load_backbone(network, features, "x") == [
        "The weights have no fully connected layers: fc6 and fc7 start anew."
    ]
    assert np.array_equal(numbers(network)["backbone.conv5_3.weight"], own["backbone.conv5_3.weight"])
    assert np.array_equal(numbers(network)["backbone.conv1_1.weight"], own["backbone.conv1_1.weight"])
    assert torch.equal(network.backbone.fc6.weight, fresh)

    r = np.random.default_rng(0)
    full = arrays | {"classifier.0.weight": r.normal(size=(16, 512 * 49)), "classifier.0.bias": r.normal(size=16),
             "classifier.3.weight": r.normal(size=(16, 16)), "classifier.3.bias": r.normal(size=16)}  # fmt: skip
    made, notes = backbone_arrays(full, variant(VGG))
    assert len(notes) == 2
    sixth = full["classifier.0.weight"].reshape(16, 512, 7, 7)
    assert made["backbone.fc6.weight"].shape == (4, 512, 3, 3)
    assert made["backbone.fc6.weight"][1, 3, 2, 1] == sixth[4, 3, 6, 3]
    assert made["backbone.fc7.weight"][2, 3, 0, 0] == full["classifier.3.weight"][8, 12]
    # A picture over its deviation through the weights as published is grey values through the rescaled ones.
    rescaled = made["backbone.conv1_1.weight"] * (255 * np.array(IMAGENET_STD, np.float32))[None, :, None, None]
    np.testing.assert_allclose(rescaled, own["backbone.conv1_1.weight"], rtol=1e-5)


@pytest.mark.parametrize("form", ["plain", "mxnet"])
def test_vgg_with_fully_convolutional_layers(form: str, seeded: Callable[..., SSD]) -> None:
    own = numbers(seeded(VGG, 2))
    layers = [*LAYERS, "fc6", "fc7"]
    if form == "plain":
        places = zip((*PLACES, 31, 33), layers, strict=True)
        arrays = {f"{i}.{part}": own[f"backbone.{layer}.{part}"] for i, layer in places for part in ("weight", "bias")}
    else:
        arrays = {f"{layer}_{part}": own[f"backbone.{layer}.{part}"] for layer in layers for part in ("weight", "bias")}
        arrays["fc8_weight"] = np.zeros(3, np.float32)
    network = SSD(VGG, 2)
    assert load_backbone(network, arrays, "x") == []
    mine = numbers(network)
    assert all(np.array_equal(mine[key], own[key]) for key in own if "norm" not in key)


def test_resnet_v2_of_mxnet(tmp_path: Path, seeded: Callable[..., SSD]) -> None:
    source = seeded(RESNET, 2)
    arrays = {
        name: value for name, value in to_dialect(source).items() if "multi_feat" not in name and "_pred_" not in name
    }
    extra = {"fc1_weight": np.zeros((10, 4), np.float32), "bn1_gamma": np.ones(4, np.float32)}
    write_params(tmp_path / "resnet-50-0000.params", {f"arg:{k}": v for k, v in {**arrays, **extra}.items()})
    start = start_network("sagemaker-resnet50-512/16", ["boat"], str(tmp_path / "resnet-50-0000.params"))
    assert start.notes == ()
    mine, own = numbers(start.network), numbers(source)
    assert all(np.array_equal(mine[key], own[key]) for key in own if not key.endswith("num_batches_tracked"))
    assert start.card.provenance["backbone_file"] == "resnet-50-0000.params"
    assert start.card.preprocessing.mean == (0, 0, 0)
    with pytest.raises(WeightsError, match="are of ResNet-50 v2"):
        start_network("gluoncv-resnet50-512-voc/16", ["boat"], str(tmp_path / "resnet-50-0000.params"))
    with pytest.raises(WeightsError, match=r"must hold an SSD|must lie beside its graph"):
        start_network(VGG, ["boat"], str(tmp_path / "resnet-50-0000.params"))


def torchvision_resnet(network: SSD) -> dict[str, np.ndarray]:
    out = {}
    for key, value in numbers(network).items():
        name = key.removeprefix("backbone.").replace("conv0", "conv1").replace("bn0", "bn1")
        if name.startswith("stages."):
            name = f"layer{int(name[7]) + 1}{name[8:]}"
        name = name.replace("bn_shortcut", "downsample.1").replace("shortcut", "downsample.0")
        if not (".conv" in name and name.endswith("bias")):
            out[name] = value
    return {**out, "fc.weight": np.zeros((10, 8), np.float32)}


def gluon_resnet(network: SSD) -> dict[str, np.ndarray]:
    layers = {"conv1": "body.0", "bn1": "body.1", "conv2": "body.3", "bn2": "body.4", "conv3": "body.6"}
    layers |= {"bn3": "body.7", "shortcut": "downsample.0", "bn_shortcut": "downsample.1"}
    out = {}
    for key, value in numbers(network).items():
        words = key.split(".")[1:]
        part = words[-1]
        if not words[-2].startswith("conv") and words[-2] != "shortcut":
            part = {"weight": "gamma", "bias": "beta"}.get(part, part)
        if words[0] == "stages":
            out[f"features.{int(words[1]) + 4}.{words[2]}.{layers[words[3]]}.{part}"] = value
        else:
            out[f"features.{0 if words[0] == 'conv0' else 1}.{part}"] = value
    return {k: v for k, v in out.items() if "num_batches" not in k} | {"output.weight": np.zeros((10, 8), np.float32)}


@pytest.mark.parametrize("make", [torchvision_resnet, gluon_resnet])
def test_resnet_v1_of_torchvision_and_gluon(make: Any, seeded: Callable[..., SSD]) -> None:
    source = seeded("gluoncv-resnet50-512-coco/32", 3)
    network = SSD("gluoncv-resnet50-512-coco/32", 1)
    notes = load_backbone(network, make(source), "x")
    mine, own = numbers(network), numbers(source)
    assert len(notes) == (make is torchvision_resnet)
    biases = (".conv1.bias", ".conv3.bias") if make is torchvision_resnet else ()
    counted = [key for key in own if not key.endswith(("num_batches_tracked", *biases))]
    assert all(np.array_equal(mine[key], own[key]) for key in counted)
    with pytest.raises(WeightsError, match=r"v1, whose norms stand elsewhere|must hold VGG-16 or ResNet-50"):
        load_backbone(SSD(RESNET, 1), make(source), "x")


def test_every_variant_has_a_backbone_with_an_address() -> None:
    for name in VARIANTS:
        assert BACKBONES.files[usual_backbone(variant(name)), ".pth"].url.startswith("http")


def test_a_backbone_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    torch.save({f"{place}.weight": torch.zeros(3, 3) for place in (*PLACES, 31, 33)}
               | {f"{place}.bias": torch.zeros(3) for place in (*PLACES, 31, 33)}, tmp_path / "vgg.pth")  # fmt: skip
    with pytest.raises(WeightsError, match=r"vgg\.pth must fit sagemaker-vgg16-300/16; backbone\.conv1_1"):
        start_network(VGG, ["a"], str(tmp_path / "vgg.pth"))
    with pytest.raises(WeightsError, match="Did you mean 'vgg16-reduced'"):
        start_network(VGG, ["a"], "vgg16-reducd")
    with pytest.raises(WeightsError, match="must know its network"):
        start_network(None, ["a"])


def test_a_random_start_is_the_same_for_a_seed() -> None:
    first, second, other = (start_network(VGG, ["a", "b"], seed=seed) for seed in (3, 3, 4))
    states = [start.network.state_dict() for start in (first, second, other)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["backbone.fc6.weight"], states[2]["backbone.fc6.weight"])
    assert first.card.preprocessing.mean == (123, 117, 104)
    assert first.card.classes == ("a", "b")
    with pytest.raises(ConfigError, match="raw or mean"):
        start_network(VGG, ["a"], way="gluoncv")


def test_classes_are_taken_over_by_name(tmp_path: Path, artefact: Callable[..., Path]) -> None:
    config = ExportConfig(weights=artefact(VGG, 3), classes=("dog", "cat", "bird"), output=tmp_path / "m.pth")
    path = export(config)
    old, _ = load_network(path, Given())
    start = start_network(None, ["bird", "horse", "Dog"], str(path))
    assert start.notes == (
        "The weights know 3 classes, the data 3: the class predictions keep bird, Dog, and start anew for horse.",
    )
    for level, new, before in zip(old.variant.levels, start.network.class_heads, old.class_heads, strict=True):
        a, b = new.weight.unflatten(0, (level.count, 4)), before.weight.unflatten(0, (level.count, 4))
        assert torch.equal(a[:, 0], b[:, 0])  # the background
        assert torch.equal(a[:, 1], b[:, 3])
        assert torch.equal(a[:, 3], b[:, 1])
        assert not torch.equal(a[:, 2], b[:, 2])
    for key, value in old.state_dict().items():
        if not key.startswith("class_heads."):
            assert torch.equal(start.network.state_dict()[key], value)
    same = start_network(None, ["dog", "cat", "bird"], str(path))
    assert same.notes == ()
    larger = start_network("sagemaker-vgg16-512/16", ["dog", "cat", "bird"], str(path))
    assert larger.card.preprocessing.size == (512, 512)
    assert any("map 4 start anew" in note for note in larger.notes)
    with pytest.raises(WeightsError, match="must be of the backbone that is trained"):
        start_network(RESNET, ["dog"], str(path))


def test_training_goes_on_from_an_artefact(artefact: Callable[..., Path]) -> None:
    start = start_network(VGG, ["class 0", "class 1"], str(artefact(VGG, 2)))
    old, _ = load_network(artefact(VGG, 2), Given())
    assert all(torch.equal(a, b) for a, b in zip(start.network.parameters(), old.parameters(), strict=True))
    assert start.card.extra["started_with"]["num_classes"] == "2"
