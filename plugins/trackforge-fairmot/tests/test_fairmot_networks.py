"""The networks against outputs of the official code: keys, forward passes, and what takes no gradient."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trackforge.errors import ConfigError
from trackforge_fairmot.model import FairMOT, Maps, fuse
from trackforge_fairmot.variants import ALIASES, VARIANTS, heads_of, identify, variant

OFFICIAL = [v.architecture for v in VARIANTS.values() if v.published]
FORWARD = ("dla_34", "dlaconv_34", "hrnet_18", "resdcn_18", "resdcn_50", "yolo")


@functools.cache
def without_memory(architecture: str, embedding_dim: int) -> FairMOT:
    with torch.device("meta"):
        return FairMOT(architecture, embedding_dim=embedding_dim)


@pytest.fixture(scope="module")
def folder(golden_dir: Path) -> Path:
    return golden_dir / "fairmot"


@pytest.fixture(scope="module")
def meta(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "meta.json").read_text())


@pytest.mark.golden
@pytest.mark.parametrize("name", [*OFFICIAL, "dla_34_id512"])
def test_keys_order_shapes_and_sizes_are_official(name: str, folder: Path, meta: dict[str, Any]) -> None:
    wanted = meta[name]
    network = without_memory(wanted["arch"], wanted["heads"]["id"])
    own = [(key, list(value.shape)) for key, value in network.state_dict().items()]
    shapes = json.loads((folder / f"keys_{name}.json").read_text())
    assert own == list(shapes.items())
    assert len(own) == wanted["n_keys"]
    assert sum(p.numel() for p in network.parameters()) == wanted["params"]
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert sorted({m.eps for m in norms}) == wanted["bn_eps"]
    assert sorted({m.momentum for m in norms}) == wanted["bn_momentum"]
    frozen = [key for key, value in network.named_parameters() if not value.requires_grad]
    assert frozen == wanted.get("params_without_gradient", frozen)
    assert identify(shapes) is network.variant
    assert heads_of(shapes) == (1, 4, wanted["heads"]["id"])
    assert wanted["heads"]["id"] == network.variant.embedding_dim or name == "dla_34_id512"


@pytest.mark.golden
@pytest.mark.parametrize("name", FORWARD)
def test_maps_are_official(name: str, folder: Path, meta: dict[str, Any], formula) -> None:
    golden = np.load(folder / f"fwd_{name}.npz")
    network = formula.fill(FairMOT(name).eval(), dict(np.load(folder / f"bn_{name}.npz"))).double()
    images = formula.image(0, meta[name]["golden"]["input_shape"]) / np.float32(255)
    forms = ("gather", "grid") if network.variant.deformable else ("auto",)
    for form in forms:
        network.deform = form
        with torch.inference_mode():
            maps = network(torch.from_numpy(images).double())
        assert isinstance(maps, Maps)
        for key, value in maps._asdict().items():
            wanted = golden[key]
            np.testing.assert_allclose(value[:, : wanted.shape[1]], wanted, rtol=1e-5, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("name", [v.name for v in VARIANTS.values() if v.scale in (16, 18) or v.body == "dla"])
def test_folding_batch_normalisation_changes_nothing(name: str, formula) -> None:
    torch.manual_seed(0)
    network = FairMOT(name).eval().double()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # norms that do something, of values that stay in bounds
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    images = torch.from_numpy(formula.image(0, (1, 3, 32, 64))).double() / 255
    fused = fuse(network)
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in fused.modules()) == 0
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    with torch.inference_mode():
        for one, other in zip(fused(images), network(images), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.golden
@pytest.mark.parametrize("name", ["hrnet_32", "resfpndcn_34", "dlaconv_34"])
def test_maps_vary_as_the_official_ones_where_only_that_is_recorded(name: str, meta: dict[str, Any], formula) -> None:
    network = formula.fill(FairMOT(name).eval()).double()
    images = torch.from_numpy(formula.image(0, meta[name]["golden"]["input_shape"]) / np.float32(255)).double()

    def measure(norm: torch.nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
        """As the golden data says that its variances were made: from what comes in, just before the norm runs."""
        variance = (inputs[0] - norm.running_mean.view(1, -1, 1, 1)).square().mean((0, 2, 3))
        norm.running_var.copy_(variance + 0.1 * variance.mean() + 1e-6)

    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_pre_hook(measure)
    with torch.inference_mode():
        found = {key: float(value.std((2, 3)).mean()) for key, value in network(images)._asdict().items()}
    assert found == pytest.approx(meta[name]["golden"]["spatial_std"], rel=2e-5)  # variances were made in float32


@pytest.mark.parametrize("name", ["dla_34", "dlaconv_34", "hrnet_18", "resdcn_18", "resfpndcn_18", "yolov5n"])
def test_every_parameter_that_takes_a_gradient_gets_one(name: str) -> None:
    torch.manual_seed(0)
    network = FairMOT(name).train()
    assert sum(not p.requires_grad for p in network.parameters()) == (8 if network.variant.body == "dla" else 0)
    sum(m.square().sum() for m in network(torch.rand(2, 3, 32, 32))).backward()
    assert [key for key, p in network.named_parameters() if p.requires_grad and p.grad is None] == []


def test_several_processes_need_not_look_for_unused_parameters(tmp_path: Path) -> None:
    distributed = torch.distributed
    distributed.init_process_group(
        "gloo", store=distributed.FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1
    )
    try:
        network = torch.nn.parallel.DistributedDataParallel(FairMOT("dla_34").train())
        for _ in range(2):  # the second step fails where the first left a parameter waiting for its gradient
            sum(m.square().sum() for m in network(torch.rand(2, 3, 32, 32))).backward()
    finally:
        distributed.destroy_process_group()


def test_official_names_are_understood_and_wrong_ones_answered() -> None:
    assert variant("dla_34") is variant("fairmot-dla34")
    assert variant("yolo").embedding_dim == 64
    assert len(ALIASES) == len(VARIANTS)
    with pytest.raises(ConfigError, match="Did you mean 'fairmot-dla34'"):
        variant("fairmot-dla43")
    with pytest.raises(ConfigError, match="box_channels 2 or 4; got 1, 128 and 3"), torch.device("meta"):
        FairMOT("dla_34", box_channels=3)
    with pytest.raises(ConfigError, match="deform must be one of auto, gather, grid, native; got 'grit'"):
        FairMOT("fairmot-dlaconv34", deform="grit")


def test_the_table_in_the_documentation_lists_every_network() -> None:
    rows = []
    for v in VARIANTS.values():
        millions = sum(p.numel() for p in without_memory(v.architecture, v.embedding_dim).parameters()) / 1e6
        official = f"`{v.architecture}`" if v.published else "ours: half the channels, for trials and small machines"
        deformable = "yes" if v.deformable else "no"
        rows.append(f"| `{v.name}` | {official} | {millions:.2f} | {v.embedding_dim} | {deformable} |")
    assert "\n".join(rows) in (Path(__file__).parents[3] / "docs" / "networks.md").read_text()


@pytest.mark.parametrize("size", [(48, 64), (64, 16), (0, 32)])
def test_sizes_that_the_strides_do_not_divide_are_refused(size: tuple[int, int]) -> None:
    with torch.device("meta"):
        network = FairMOT("fairmot-dlaconv34")
        with pytest.raises(ConfigError, match=f"multiples of 32, and no less; got {size[0]} x {size[1]}"):
            network(torch.empty(1, 3, *size))
