"""Networks with weights that anybody can make again, and artefacts of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def seedw(golden_dir: Path) -> ModuleType:
    """``seeded(name, shape)`` and ``image(h, w, seed)``, as the golden outputs were made."""
    spec = importlib.util.spec_from_file_location("seedw", golden_dir / "mxnet" / "seedw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """Keep the tests polite on shared machines."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _seeded(name: str, classes: int) -> Any:
    import torch

    from trackforge_ssd.model import SSD

    generator = torch.Generator().manual_seed(7)
    network = SSD(name, classes).eval()
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if not value.is_floating_point() or key.endswith("input_scale"):
                continue
            drawn = torch.randn(value.shape, generator=generator)
            if key.endswith("running_var"):
                value.copy_(1 + 0.2 * drawn.abs())
            elif key.endswith("scale"):
                value.copy_(20 + drawn)
            elif value.ndim == 1:
                value.copy_((1.0 if key.endswith("weight") else 0.0) + 0.1 * drawn)
            else:
                gain = 0.02 if "_heads" in key else 2**0.5
                value.copy_(drawn * gain / value[0].numel() ** 0.5)
        if "bn_data" in dict(network.backbone.named_children()):
            network.backbone.bn_data.running_mean.copy_(torch.tensor([123.0, 117.0, 104.0]))
            network.backbone.bn_data.running_var.fill_(3400.0)
    return network


@pytest.fixture(scope="session")
def seeded() -> Callable[[str, int], Any]:
    """Make a network with fixed random weights: ``seeded("sagemaker-vgg16-300/16", 3)``."""
    made: dict[tuple[str, int], Any] = {}

    def make(name: str, classes: int) -> Any:
        if (name, classes) not in made:
            made[name, classes] = _seeded(name, classes)
        return made[name, classes]

    return make


@pytest.fixture(scope="session")
def artefact(tmp_path_factory: pytest.TempPathFactory, seeded: Callable[[str, int], Any]) -> Callable[[str, int], Path]:
    """Write an artefact of such a network, without class names: ``artefact("sagemaker-vgg16-300/16", 3)``."""
    from trackforge_ssd.cards import make_card
    from trackforge_ssd.export import write_sagemaker
    from trackforge_ssd.preprocess import preprocessing

    folder = tmp_path_factory.mktemp("artefacts")

    def write(name: str, classes: int) -> Path:
        path = folder / f"{name.replace('/', '-')}-{classes}.tar.gz"
        if not path.exists():
            network = seeded(name, classes)
            size = network.variant.size
            names = [f"class {i}" for i in range(classes)]
            write_sagemaker(path, network, make_card(network.variant, names, preprocessing("raw", (size, size))))
        return path

    return write


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """An RGB picture with blobs."""
    r = np.random.default_rng(3)
    image = np.full((150, 200, 3), 90, np.uint8)
    for _ in range(10):
        x, y, w, h = r.integers(0, (160, 110, 40, 40))
        image[y : y + h + 5, x : x + w + 5] = r.integers(0, 256, 3)
    return image
