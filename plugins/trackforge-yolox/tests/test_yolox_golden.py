"""The network, both preprocessings and the selection against outputs of the official code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from trackforge.models import Placement
from trackforge.models.planes import DevicePlanes
from trackforge_yolox.head import decode, flatten
from trackforge_yolox.model import YOLOX, fuse
from trackforge_yolox.preprocess import preprocessing
from trackforge_yolox.selection import Selection, select
from trackforge_yolox.selection_torch import select_tensor
from trackforge_yolox.variants import VARIANTS, class_count, identify

pytestmark = pytest.mark.golden
FORWARD = ("yolox-nano", "yolox-tiny", "yolox-s", "yolox-x", "yolox-darknet53", "bytetrack-nano", "bytetrack-s")


def golden_name(variant: str) -> str:
    if variant == "yolox-darknet53":
        return "yolov3"
    return variant.replace("-", "_") + ("_mot17" if variant.startswith("bytetrack") else "")


@pytest.fixture(scope="module")
def folder(golden_dir: Path) -> Path:
    return golden_dir / "yolox"


@pytest.mark.parametrize("name", VARIANTS)
def test_keys_order_shapes_and_sizes_are_official(name: str, folder: Path) -> None:
    with torch.device("meta"):
        network = YOLOX(name)
    own = [(key, list(value.shape)) for key, value in network.state_dict().items()]
    assert own == list(json.loads((folder / f"keys_{golden_name(name)}.json").read_text()).items())
    meta = json.loads((folder / "meta.json").read_text())[golden_name(name)]
    assert sum(p.numel() for p in network.parameters()) == meta["params"]
    assert list(VARIANTS[name].size) == meta["test_size"]
    assert len(VARIANTS[name].classes) == meta["num_classes"]
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.03)}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_variant_is_told_from_the_shapes(name: str, folder: Path) -> None:
    shapes = json.loads((folder / f"keys_{golden_name(name)}.json").read_text())
    assert identify(shapes, family=VARIANTS[name].preprocessing).name == name
    assert class_count(shapes) == len(VARIANTS[name].classes)


@pytest.mark.parametrize("name", FORWARD)
def test_predictions_are_official(name: str, folder: Path, formula) -> None:
    golden = np.load(folder / f"fwd_{golden_name(name)}.npz")
    shape = json.loads((folder / "meta.json").read_text())[golden_name(name)]["golden"]["input_shape"]
    images = formula.image(0, shape)
    if name.startswith("bytetrack"):
        mean, std = (np.array(v, np.float32)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        images = (images / np.float32(255) - mean) / std
    network = YOLOX(name).eval()
    formula.fill(network, dict(np.load(folder / f"bn_{golden_name(name)}.npz"))).double()
    with torch.inference_mode():
        maps = network(torch.from_numpy(images).double())
        predictions = decode(maps).numpy()
    np.testing.assert_allclose(predictions, golden["decoded"], rtol=1e-5, atol=1e-5)
    if "raw" in golden:
        raw = flatten(maps).clone()
        raw[..., 4:].sigmoid_()
        np.testing.assert_allclose(raw[..., : golden["raw"].shape[2]], golden["raw"], rtol=1e-5, atol=1e-5)
    selection = Selection(score=float(golden["post_conf"]), limit=float(golden["post_nms"]), candidates=10**6)
    for i, decoded in enumerate(golden["decoded"]):
        found = select(decoded, selection)
        np.testing.assert_array_equal(_columns(found), golden[f"post_{i}"])


def test_folding_batch_normalisation_changes_nothing(folder: Path, formula) -> None:
    network = YOLOX("yolox-nano").eval()
    formula.fill(network, dict(np.load(folder / "bn_yolox_nano.npz"))).double()
    images = torch.from_numpy(formula.image(0, (1, 3, 64, 96))).double()
    fused = fuse(network)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fused.modules())
    with torch.inference_mode():
        torch.testing.assert_close(decode(fused(images)), decode(network(images)), rtol=1e-9, atol=1e-9)


def _columns(found) -> np.ndarray:
    return np.column_stack((found.xyxy, found.objectness, found.confidence, found.class_id)).astype(np.float32)


@pytest.mark.parametrize("case", range(5))
@pytest.mark.parametrize(("key", "agnostic"), [("post", False), ("agnostic", True)])
@pytest.mark.parametrize("where", ["numpy", "torch"])
def test_selection_is_official(case: int, key: str, agnostic: bool, where: str, folder: Path) -> None:
    golden = np.load(folder / "postprocess.npz")
    _, score, limit = golden[f"cfg_{case}"].tolist()
    selection = Selection(score=score, limit=limit, class_agnostic=agnostic, candidates=10**6)
    predictions = golden[f"pred_{case}"][0]
    found = (
        select(predictions, selection) if where == "numpy" else select_tensor(torch.from_numpy(predictions), selection)
    )
    np.testing.assert_array_equal(_columns(found), golden[f"{key}_{case}"])


@pytest.mark.parametrize("case", range(5))
def test_preprocessing_is_official(case: int, folder: Path) -> None:
    main, byte = np.load(folder / "preproc_main.npz"), np.load(folder / "preproc_byte.npz")
    image = np.ascontiguousarray(main[f"img_{case}"][..., ::-1])  # the official code reads BGR, frames are RGB
    wanted = main[f"out_{case}"]

    def at(golden: Mapping[str, np.ndarray]) -> Placement:
        return Placement((float(golden[f"ratio_{case}"]),) * 2)

    size = wanted.shape[1:]
    out = np.full((3, *size), np.nan, np.float32)
    assert preprocessing("yolox", size).planes(image, out) == at(main)
    np.testing.assert_array_equal(out, wanted)
    assert preprocessing("bytetrack", size).planes(image, out) == at(byte)
    np.testing.assert_array_equal(out[:, ::8], byte[f"rows_{case}"])
    assert out.sum(dtype=np.float64) == byte[f"checksum_{case}"]
    preprocessing("legacy", size).planes(image, out)
    np.testing.assert_array_equal(out[:, ::16], main[f"legacy_rows_{case}"])


@pytest.mark.parametrize("name", ["yolox", "bytetrack", "legacy"])
def test_the_way_over_bytes_on_the_device_gives_the_same_input(name: str, folder: Path) -> None:
    image = np.load(folder / "preproc_main.npz")["img_4"]
    p = preprocessing(name, (96, 160))
    out = np.empty((2, 3, 96, 160), np.float32)
    placement = p.planes(image, out[0])
    p.planes(image[::-1], out[1])
    made, placements = DevicePlanes(p, torch.device("cpu")).fill([image, image[::-1]])
    np.testing.assert_array_equal(made.numpy(), out)
    assert placements == (placement, placement)
    assert replace(p, pad=0).table is not p.table
