"""The native SSD against MXNet's own graph, executed: two implementations of one network that share no code.

SageMaker's graphs are written by `trackforge_ssd.symbol` (which equals saved ones, node for node), GluonCV's are those
that GluonCV saved, made wider. Weights are by the formula of the golden data; heads are scaled until logits and offsets
vary as those of a trained network do.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import trackforge
from trackforge.io.mxnet_params import write_params
from trackforge.types import Frame

pytest.importorskip("trackforge_mxnet.detector", reason="needs trackforge-mxnet")
torch = pytest.importorskip("torch")

from trackforge_ssd.anchors import anchor_constants  # noqa: E402
from trackforge_ssd.cards import make_card  # noqa: E402
from trackforge_ssd.conversion import to_dialect  # noqa: E402
from trackforge_ssd.export import write_sagemaker  # noqa: E402
from trackforge_ssd.model import SSD  # noqa: E402
from trackforge_ssd.names import dialect_names  # noqa: E402
from trackforge_ssd.preprocess import preprocessing  # noqa: E402
from trackforge_ssd.symbol import parameter_order, training_symbol  # noqa: E402

pytestmark = pytest.mark.golden
CLASSES = 3
SAGEMAKER = (
    "sagemaker-resnet50-512",  # full size; the others are a sixteenth as wide
    "sagemaker-vgg16-300/16",
    "sagemaker-vgg16-512/16",
    "sagemaker-vgg16-416/16",
)
GLUONCV = {
    "gluoncv-vgg16-300-coco": ("tiny_vgg16_300", 16),  # full size
    "gluoncv-resnet50-512-coco/4": ("tiny_resnet50_512", 4),
}
"""Which saved graph each is made of, and by how much it is widened."""


@pytest.fixture(scope="module")
def seedw(golden_dir: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("seedw", golden_dir / "mxnet" / "seedw.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def filled(name: str, seedw: ModuleType, way: str) -> tuple[SSD, np.ndarray]:
    """A network with weights by the formula, and a picture of the size of its input."""
    network = SSD(name, CLASSES).eval()
    theirs, size = dialect_names(network.variant), network.variant.size
    image = seedw.image(size, size, 9)
    data = np.empty((1, 3, size, size), np.float32)
    preprocessing(way, (size, size)).planes(image, data[0])
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if key in theirs and not key.endswith("input_scale"):
                value.copy_(torch.from_numpy(seedw.seeded(theirs[key], tuple(value.shape))))
        maps = network.features(torch.from_numpy(data))
        for heads, spread in ((network.class_heads, 1.5), (network.box_heads, 0.5)):
            for head, x in zip(heads, maps, strict=True):
                head.weight.mul_(2.0 ** float(np.round(np.log2(spread / float(head(x).std())))))
    return network, image


def compare(native: Any, executed: Any, image: np.ndarray) -> None:
    [a], [b] = (detector.detect([Frame(index=0, image=image)]) for detector in (native, executed))
    assert len(a) == len(b) > 20
    np.testing.assert_allclose(a.score, b.score, atol=1e-5)
    order = [np.lexsort((d.xyxy[:, 0].round(1), d.class_id, -d.score.round(4))) for d in (a, b)]  # near ties
    assert a.class_id[order[0]].tolist() == b.class_id[order[1]].tolist()
    np.testing.assert_allclose(a.xyxy[order[0]], b.xyxy[order[1]], atol=5e-3)


@pytest.mark.parametrize("name", SAGEMAKER)
def test_the_built_in_algorithms_network_is_its_graph(name: str, tmp_path: Path, seedw: ModuleType) -> None:
    network, image = filled(name, seedw, "raw")
    v = network.variant
    # Beside each other, not packed: compressing a hundred megabytes takes longer than all the rest.
    path = tmp_path / "model-symbol.json"
    path.write_text(training_symbol(v, CLASSES))
    words = {"image_shape": str(v.size), "num_classes": str(CLASSES)}
    (tmp_path / "hyperparams.json").write_text(json.dumps(words))
    named = to_dialect(network)
    params = {key: named[key.partition(":")[2]] for key in parameter_order(v, CLASSES)}
    write_params(tmp_path / "model-0000.params", params)
    native, executed = (
        trackforge.detector(kind, weights=path, preprocessing="raw", score=0.01, device="cpu", threads=1)
        for kind in ("ssd", "mxnet")
    )
    assert native.card.variant == name
    compare(native, executed, image)


def test_an_archive_opened_by_path_is_executed(tmp_path: Path, seedw: ModuleType) -> None:
    network, image = filled("sagemaker-resnet50-300/16", seedw, "raw")
    card = make_card(network.variant, ["a", "b", "c"], preprocessing("raw", (300, 300)))
    write_sagemaker(tmp_path / "model.tar.gz", network, card)
    executed = trackforge.detector(tmp_path / "model.tar.gz", score=0.01, device="cpu", threads=1)
    native = trackforge.detector("ssd", weights=tmp_path / "model.tar.gz", score=0.01, device="cpu", threads=1)
    assert type(executed).__name__ == "MxnetDetector"
    assert executed.classes == native.classes == ("a", "b", "c")
    compare(native, executed, image)


def widened(symbol: dict[str, Any], times: int, heads: Callable[[str], bool]) -> str:
    """A graph with that many times as many channels in all layers but the heads."""
    for node in symbol["nodes"]:
        attrs = node.get("attrs", {})
        if "num_filter" in attrs and not heads(node["name"]):
            attrs["num_filter"] = str(int(attrs["num_filter"]) * times)
        if "__shape__" in attrs and "normalize_scale" in node["name"]:
            first, channels, *rest = json.loads(attrs["__shape__"].replace("(", "[").replace(")", "]"))
            attrs["__shape__"] = str((first, channels * times, *rest))
    return json.dumps(symbol)


@pytest.mark.parametrize("name", GLUONCV)
def test_gluoncvs_network_is_its_graph(name: str, tmp_path: Path, golden_dir: Path, seedw: ModuleType) -> None:
    saved, times = GLUONCV[name]
    folder = golden_dir / "mxnet" / saved
    network, image = filled(name, seedw, "gluoncv")
    exports = {ours: export for ours, (_, export) in json.loads((folder / "param_names.json").read_text()).items()}
    symbol = json.loads((folder / f"{saved}-symbol.json").read_text())
    (tmp_path / "m-symbol.json").write_text(widened(symbol, times, lambda node: "convpredictor" in node))
    states = ("running_mean", "running_var", "moving_mean", "moving_var")
    arrays = {f"{'aux' if k.endswith(states) else 'arg'}:{exports[k]}": a for k, a in to_dialect(network).items()}
    cells = [int(s[0][2]) for k, s in json.loads((folder / "param_names.json").read_text()).items() if "anchors" in k]
    constants = anchor_constants(network.variant, cells)
    arrays |= {f"arg:{exports[f'anchor_generators.{i}.anchors']}": a for i, a in enumerate(constants)}
    write_params(tmp_path / "m-0000.params", arrays)
    native, executed = (
        trackforge.detector(
            kind, weights=tmp_path / "m-symbol.json", preprocessing="gluoncv", score=0.011, device="cpu", threads=1
        )
        for kind in ("ssd", "mxnet")
    )
    assert native.card.variant == name
    compare(native, executed, image)
