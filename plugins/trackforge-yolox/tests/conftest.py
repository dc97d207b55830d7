"""Weights and inputs without any checkpoint, and COCO's average precision."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from golden_formula import FORMULA


@pytest.fixture(scope="session")
def formula() -> SimpleNamespace:
    """``tensor(name, shape)``, ``image(seed, shape)`` and ``fill(network, variances)``."""
    return FORMULA


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """Keep the tests polite on shared machines."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Make a checkpoint of a variant with random weights: ``checkpoint("yolox-nano", classes=80, wrap="model")``."""
    import torch

    from trackforge_yolox.model import YOLOX

    def make(
        variant: str, *, classes: int | None = None, wrap: str = "model", name: str = "some.pth", prefix: str = ""
    ) -> Path:
        torch.manual_seed(0)
        state = {prefix + k: v for k, v in YOLOX(variant, classes).state_dict().items()}
        path = tmp_path / name
        torch.save({wrap: state} if wrap else state, path)
        return path

    return make


@pytest.fixture(scope="session")
def ap50() -> Callable[[list[np.ndarray], list[np.ndarray], list[np.ndarray]], float]:
    """COCO's AP at IoU .5 of one class: true boxes, found boxes and scores, one array a picture."""
    from faster_coco_eval import COCO, COCOeval_faster

    def measure(truth: list[np.ndarray], boxes: list[np.ndarray], scores: list[np.ndarray]) -> float:
        annotations, results = [], []
        for image, (true, found, score) in enumerate(zip(truth, boxes, scores, strict=True), start=1):
            for x1, y1, x2, y2 in true.tolist():
                entry = {"image_id": image, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0}
                annotations.append({**entry, "id": len(annotations) + 1, "area": (x2 - x1) * (y2 - y1)})
            for (x1, y1, x2, y2), s in zip(found.tolist(), score.tolist(), strict=True):
                results.append({"image_id": image, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": s})
        images = [{"id": i + 1, "width": 1, "height": 1} for i in range(len(truth))]
        with contextlib.redirect_stdout(io.StringIO()):
            data = COCO({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]})
            evaluation = COCOeval_faster(data, data.loadRes(results), "bbox")
            evaluation.run()
        return float(evaluation.stats[1])

    return measure
