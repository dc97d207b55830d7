"""Right weights load; wrong ones say what is wrong; training starts from what fits and says what does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from trackforge.errors import ConfigError, WeightsError
from trackforge.models import KEY, Given, ModelCard
from trackforge.models.coco_names import COCO_CLASSES
from trackforge_fairmot.deform import DeformConv2d
from trackforge_fairmot.model import FairMOT
from trackforge_fairmot.preprocess import preprocessing
from trackforge_fairmot.starting import start_network
from trackforge_fairmot.weights import PUBLISHED, STARTS, load_network

SMALL = "fairmot-yolov5n"
State = Mapping[str, Tensor]


def state_of(variant: str, seed: int = 0, **settings: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return FairMOT(variant, **settings).state_dict()


@pytest.fixture(scope="module")
def centernet() -> dict[str, Tensor]:
    """DLA-34 with CenterNet's heads for COCO: 80 classes, width and height, no embedding."""
    state = state_of("dla_34", classes=80, box_channels=2)
    return {key: value for key, value in state.items() if not key.startswith("id.")}


def write(path: Path, state: State, **others: object) -> Path:
    torch.save({"epoch": 30, "state_dict": dict(state), **others}, path)
    return path


def assert_same(network: FairMOT, state: State, keys: list[str] | None = None) -> None:
    own = network.state_dict()
    wrong = [key for key in keys or own if not torch.equal(own[key], state[key])]
    assert wrong == []


@pytest.mark.parametrize("dim", [64, 128, 512])
@pytest.mark.parametrize("box_channels", [2, 4])
def test_official_checkpoints_are_read_whatever_their_heads(dim: int, box_channels: int, tmp_path: Path) -> None:
    state = state_of(SMALL, embedding_dim=dim, box_channels=box_channels)
    prefixed = {f"module.{key}": value for key, value in state.items()}
    network, card = load_network(write(tmp_path / "model_30.pth", prefixed, optimizer={"state": {}}), Given())
    assert (network.embedding_dim, network.box_channels, network.classes) == (dim, box_channels, 1)
    assert (
        card.to_json()
        == ModelCard(
            component="fairmot",
            classes=("person",),
            preprocessing=preprocessing(),
            variant=SMALL,
            provenance={"file": "model_30.pth"},
        ).to_json()
    )
    assert not network.training
    assert_same(network, state)


def test_the_first_version_of_dla34_loads_strictly(tmp_path: Path) -> None:
    state = state_of("dla_34", embedding_dim=512, box_channels=2)
    network, card = load_network(write(tmp_path / "all_dla34.pth", state), Given(variant="dla_34", size=(320, 576)))
    assert (card.variant, card.preprocessing.size) == ("fairmot-dla34", (320, 576))
    assert_same(network, state)
    bare = {k: v for k, v in state.items() if not k.startswith("base.fc") and not k.endswith("num_batches_tracked")}
    network, _ = load_network(write(tmp_path / "stripped.pth", bare), Given())
    assert_same(network, state, list(bare))


def test_a_bundle_of_ours_knows_itself(tmp_path: Path) -> None:
    state = state_of(SMALL, classes=2, embedding_dim=16)
    card = ModelCard(
        component="fairmot",
        classes=("cat", "dog"),
        preprocessing=preprocessing((96, 160)),
        variant=SMALL,
        extra={"a": 1},
    )
    path = tmp_path / "model.pth"
    torch.save({"model": state, KEY: card.to_json()}, path)
    network, read = load_network(path, Given())
    assert read == card
    assert (network.classes, network.embedding_dim) == (2, 16)
    with pytest.raises(WeightsError, match=f"These weights are of {SMALL}, not fairmot-dla34"):
        load_network(path, Given(variant="dla_34"))
    torch.save({"model": state, KEY: card.to_json().replace('"cat", ', "")}, path)
    with pytest.raises(WeightsError, match="it names 1 and has 2"):
        load_network(path, Given())
    torch.save({"model": state, KEY: card.to_json().replace(SMALL, "fairmot-swin")}, path)
    with pytest.raises(WeightsError, match="There is no variant 'fairmot-swin'"):
        load_network(path, Given())
    torch.save({"model": state, KEY: card.to_json().replace('"fairmot"', '"yolox"')}, path)
    for read_weights in (lambda: load_network(path, Given()), lambda: start_network(path)):
        with pytest.raises(WeightsError, match="they are of the detector 'yolox'"):
            read_weights()


def test_wrong_weights_say_what_is_wrong(tmp_path: Path, centernet: State) -> None:
    state = state_of(SMALL)
    path = tmp_path / "some.pth"

    def refused(content: State, match: str, given: Given | None = None) -> None:
        with pytest.raises(WeightsError, match=match):
            load_network(write(path, content), given or Given())

    refused({"conv1.weight": torch.zeros(3)}, r"must be of FairMOT.*conv1\.weight.*another model")
    refused(
        {**state, "backbone.model.0.conv.conv.weight": torch.zeros(48, 12, 3, 3)}, r"\(32, 16\); these are of size 48"
    )
    refused({"hm.2.weight": torch.zeros(1, 4, 1, 1), "id.2.weight": torch.zeros(1, 4, 1, 1)}, "another model")
    refused({**state, "wh.2.weight": torch.zeros(3, 32, 1, 1)}, "box_channels 2 or 4; got 1, 64 and 3")
    refused({k: v for k, v in state.items() if k != "wh.2.bias"}, "wh.2.bias is missing")
    refused({**state, "id.0.bias": torch.full((32,), float("nan"))}, "id.0.bias.*hold NaN or infinity")
    refused(centernet, "must have a head for embeddings.*trackforge train fairmot --weights")
    refused(state, "Say which variant", Given(variant="yolo"))
    refused({**state, "hm.2.weight": torch.zeros(1)}, r"hm\.2\.weight has shape")
    with pytest.raises(WeightsError, match="got 2 names for the 1 classes of some"):
        load_network(write(path, state), Given(classes=("a", "b")))
    with pytest.raises(ConfigError, match="There is no variant 'fairmot'"):
        load_network(path, Given(variant="fairmot"))
    for content in (b"", b"not a checkpoint", b"PK\x03\x04 torn"):
        path.write_bytes(content)
        for read_weights in (lambda: load_network(path, Given()), lambda: start_network(path)):
            with pytest.raises(WeightsError, match="must be a torch checkpoint"):
                read_weights()


def test_training_starts_from_centernet_and_says_what_is_new(tmp_path: Path, centernet: State) -> None:
    path = write(tmp_path / "ctdet_coco_dla_2x.pth", centernet)
    network, card, notes = start_network(path)
    assert card is not None
    assert (network.variant.name, card.variant, card.classes) == ("fairmot-dla34", "fairmot-dla34", COCO_CLASSES)
    assert (network.classes, network.embedding_dim, network.box_channels) == (1, 128, 4)
    assert notes == (
        "The weights know 80 classes, the data 1: the heat map keeps person.",
        "Boxes are converted from width and height to distances to four sides.",
        "id starts anew (4 tensors, id.0.weight the first): the weights have none.",
        "The weights were trained with normalised colours (mean and deviation), FairMOT has none.",
    )
    own = network.state_dict()
    assert_same(network, centernet, [key for key in centernet if not key.startswith(("hm.2.", "wh.2."))])
    assert torch.equal(own["hm.2.weight"], centernet["hm.2.weight"][:1])
    # Boxes are the same: half of the width to either side, half of the height up and down.
    features = torch.rand(2, 256, 3, 4)
    size = torch.nn.functional.conv2d(features, centernet["wh.2.weight"], centernet["wh.2.bias"])
    sides = torch.nn.functional.conv2d(features, own["wh.2.weight"], own["wh.2.bias"])
    torch.testing.assert_close(sides[:, :2] + sides[:, 2:], size)
    torch.testing.assert_close(sides[:, :2], sides[:, 2:])
    _, _, anew = start_network(path, transfer_classes=False)
    assert anew[0] == "The weights know 80 classes, the data 1: the heat map keeps nothing."


def test_training_starts_from_weights_of_its_own_kind(tmp_path: Path) -> None:
    state = state_of(SMALL, embedding_dim=32)
    path = write(tmp_path / "model.pth", state)
    start = start_network(path)
    assert start.notes == ()
    assert_same(start.network, state)
    assert start_network(path, transfer_classes=False).notes == ()
    network, _, notes = start_network(path, embedding_dim=8, classes=("dog", "Person"), box_channels=2)
    assert notes == (
        "The weights know 1 classes, the data 2: the heat map keeps Person.",
        "Boxes are converted from distances to four sides to width and height.",
        "id is not loaded in full (2 tensors, id.2.weight the first): "
        "id.2.weight has shape (32, 32, 1, 1) where (8, 32, 1, 1) is needed.",
    )
    assert torch.equal(network.state_dict()["hm.2.weight"][1], state["hm.2.weight"][0])
    assert torch.equal(network.state_dict()["id.0.weight"], state["id.0.weight"])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("hm.2.bias", torch.zeros(0), "hm is not loaded in full"),
        ("hm.2.bias", torch.tensor(1.0), "hm is not loaded in full"),
        ("wh.2.bias", torch.zeros(2), "Boxes are converted"),
        ("wh.2.bias", torch.tensor(1), "wh is not loaded in full"),
        ("wh.2.weight", torch.ones(4, 32, 1, 1, dtype=torch.bool), "Boxes are converted"),
        ("hm.2.weight", torch.zeros(0, 32, 1, 1), "hm is not loaded in full"),
    ],
)
def test_odd_tensors_are_left_out_and_named(key: str, value: Tensor, said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "odd.pth", {**state_of(SMALL), key: value})
    notes = start_network(path, variant=SMALL, classes=("person", "dog"), box_channels=2).notes
    assert any(note.startswith(said) for note in notes), notes


def test_training_starts_without_weights() -> None:
    torch.manual_seed(3)
    start = start_network(None, variant=SMALL, classes=("a", "b"))
    assert (start.card, start.notes, start.network.classes) == (None, (), 2)
    with torch.device("meta"):
        assert start_network(None).network.variant.name == "fairmot-dla34"


def test_training_starts_from_backbones_of_imagenet(tmp_path: Path) -> None:
    resnet = {k: v for k, v in state_of("resdcn_18").items() if k.startswith(("conv1.", "bn1.", "layer"))}
    torch.save({**resnet, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, tmp_path / "resnet18.pth")
    start = start_network(tmp_path / "resnet18.pth", variant="resfpndcn_18")
    assert_same(start.network, resnet, list(resnet))
    assert (
        "fc of the weights is left out (2 tensors, fc.weight the first): the network has no place for it."
        in start.notes
    )
    assert sum("starts anew" in note for note in start.notes) == 9 + 4
    dla = {k.removeprefix("base."): v for k, v in state_of("dla_34").items() if k.startswith("base.")}
    torch.save(dla, tmp_path / "dla34.pth")
    for name in (None, "dlaconv_34"):
        start = start_network(tmp_path / "dla34.pth", variant=name)
        assert_same(start.network, {f"base.{k}": v for k, v in dla.items()}, [f"base.{k}" for k in dla])
        deformable = any(isinstance(m, DeformConv2d) for m in start.network.modules())
        assert deformable is (name is None)
    with pytest.raises(WeightsError, match="must belong to fairmot-hrnet18 or to its backbone; of 1830 tensors"):
        start_network(tmp_path / "resnet18.pth", variant="hrnet_18")
    with pytest.raises(WeightsError, match="must belong to fairmot-dla34 or to its backbone"):
        start_network(tmp_path / "resnet18.pth")


def test_names_and_files_are_known_without_torch() -> None:
    code = "import sys, trackforge_fairmot.variants, trackforge_fairmot.weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_published_names_say_where_to_get_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKFORGE_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"cannot be downloaded by a program.*FairMOT.*fairmot_dla34\.pth"):
        PUBLISHED.resolve("fairmot-dla34", ".pth")
    with pytest.raises(WeightsError, match="Did you mean 'fairmot-dla34'"):
        PUBLISHED.resolve("fairmot-dla43", ".pth")
    assert "centernet-dla34" in STARTS.names
    assert "centernet-dla34" not in PUBLISHED.names
    assert STARTS.has("imagenet-resnet50", ".pth")
