"""The published recipes: every file is run as it is, up to its first step, on a few pictures in the layout it names."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ssd_run import shapes  # noqa: E402

from trackforge import data  # noqa: E402
from trackforge.data import Dataset  # noqa: E402
from trackforge.io.mxnet_params import write_params  # noqa: E402
from trackforge.runs.layers import from_assignments, from_toml  # noqa: E402
from trackforge.training.run import TrainingRun, TrainingTask  # noqa: E402
from trackforge_ssd.class_names import VOC_CLASSES  # noqa: E402
from trackforge_ssd.conversion import to_dialect  # noqa: E402
from trackforge_ssd.model import SSD  # noqa: E402

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))
PUBLISHED = {
    "voc-vgg16-batch64": ("vgg-16", 64, 0.004),
    "voc-vgg16-batch16": ("vgg-16", 16, 0.0005),
    "voc-resnet50-batch64": ("resnet-50", 64, 0.002),
    "voc-resnet50-batch16": ("resnet-50", 16, 0.0005),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VOCdevkit as it unpacks, with four pictures a set; the first of each shows something difficult."""
    folder = tmp_path_factory.mktemp("sets")
    some = shapes(folder / "made", count=4, ignored=True)
    voc = some.replace(classes=VOC_CLASSES)
    for year, parts in ((2007, ("trainval", "test")), (2012, ("trainval",))):
        splits = np.array(parts)[np.arange(4) % len(parts)]
        marked: Dataset = voc.replace(images=voc.images.replace(split=splits))
        data.write(marked, folder / f"VOCdevkit/VOC{year}", "voc")
    return folder


def test_there_is_a_recipe_for_every_published_run() -> None:
    assert {file.stem for file in RECIPES} == PUBLISHED.keys()


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_runs_as_it_is(
    file: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeded: Callable[..., SSD]
) -> None:
    """Only the network is narrower, its input smaller and the run shorter."""
    base, batch, rate = PUBLISHED[file.stem]
    said = tomllib.loads(file.read_text())["trainer"]
    assert (said["base_network"], said["mini_batch_size"], said["learning_rate"]) == (base, batch, rate)
    monkeypatch.chdir(root)
    name = f"sagemaker-{base.replace('-', '')}-{96 if base == 'resnet-50' else 300}/32"
    start = tmp_path / "backbone-0000.params"
    arrays = to_dialect(seeded(name, 20))
    write_params(start, {k: v for k, v in arrays.items() if "multi_feat" not in k and "_pred_" not in k})
    monkeypatch.setattr("trackforge_ssd.training.config.SsdTrainConfig.usual_variant", property(lambda _: name))
    settings = ["max_steps=1", "workers=0", "tensorboard=false", "accelerator=cpu", "validate_start=false"]
    more = dataclasses.replace(
        from_assignments([f"train.{one}" for one in settings], TrainingRun),
        options={"out": tmp_path / "run", "weights": str(start)},
    )
    task = TrainingTask.of(from_toml(file, TrainingRun), more)
    result: Any = task.fit()
    assert (result.steps, result.stopped) == (1, "steps")
    assert np.isfinite(result.last["loss"])
    assert {"voc_ap", "voc_ap11", "ap"} <= result.last.keys()
    head = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["trackforge"]
    assert head["pictures"] == 6
    assert head["train.batch_size"] == batch
    assert tuple(head["classes"]) == VOC_CLASSES
