"""A writer of small graphs, an artefact made with it, and the golden models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trackforge.io.model_archive import write_artefact


class Sketch:
    """Writes the document of a graph, node by node, and random weights for it."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.params: dict[str, np.ndarray] = {}
        self.random = np.random.default_rng(seed)

    def __call__(self, op: str, *inputs: Any, name: str = "", **attrs: Any) -> list[int]:
        edges = [[*edge, 0] if len(edge) == 2 else edge for edge in inputs]
        node = {"op": op, "name": name or f"{op.lower()}{len(self.nodes)}", "inputs": edges}
        if attrs:
            node["attrs"] = {key: str(value) for key, value in attrs.items()}
        self.nodes.append(node)
        return [len(self.nodes) - 1, 0]

    def data(self, name: str = "data") -> list[int]:
        return self("null", name=name)

    def weight(self, name: str, value: Any, kind: str = "arg") -> list[int]:
        self.params[f"{kind}:{name}"] = np.asarray(value, np.float32)
        return self("null", name=name)

    def convolution(
        self, x: list[int], name: str, shape: tuple[int, int, int], *, bias: bool = True, **attrs: Any
    ) -> Any:
        out, into, side = shape
        scale = np.sqrt(2 / (into * side * side))
        given = [self.weight(f"{name}_weight", self.random.normal(size=(out, into, side, side)) * scale)]
        if bias:
            given.append(self.weight(f"{name}_bias", self.random.normal(size=out) * 0.1))
        return self("Convolution", x, *given, name=name, kernel=(side, side), num_filter=out, no_bias=not bias, **attrs)

    def normalisation(self, x: list[int], name: str, count: int, **attrs: Any) -> Any:
        draw = self.random.normal
        given = [
            self.weight(f"{name}_gamma", 1 + draw(size=count)),
            self.weight(f"{name}_beta", draw(size=count)),
            self.weight(f"{name}_moving_mean", draw(size=count), "aux"),
            self.weight(f"{name}_moving_var", 0.5 + self.random.random(count), "aux"),
        ]
        return self("BatchNorm", x, *given, name=name, **attrs)

    def text(self, *heads: list[int]) -> str:
        variables = [k for k, node in enumerate(self.nodes) if node["op"] == "null"]
        ends = [[*head, 0] for head in heads]
        return json.dumps({"nodes": self.nodes, "arg_nodes": variables, "heads": ends, "attrs": {}})

    @property
    def plain(self) -> dict[str, np.ndarray]:
        return {name.partition(":")[2]: value for name, value in self.params.items()}


def small_ssd(classes: int = 2) -> tuple[Sketch, str]:
    """A detector of two maps with SageMaker's outputs, for inputs of 64 x 64."""
    s = Sketch(3)
    x = s.convolution(s.data(), "stem", (8, 3, 3), bias=False, stride=(4, 4), pad=(1, 1))
    x = s("Activation", s.normalisation(x, "stem_bn", 8, fix_gamma=False), act_type="relu")
    maps = [x, s("Pooling", x, kernel=(2, 2), stride=(2, 2), pool_type="max", pooling_convention="full")]
    scores, shifts, anchors = [], [], []
    for k, at in enumerate(maps):
        for name, count, to in (("cls", classes + 1, scores), ("loc", 4, shifts)):
            head = s.convolution(at, f"{name}{k}", (2 * count, 8, 1))
            to.append(s("Flatten", s("transpose", head, axes=(0, 2, 3, 1))))
        prior = s("_contrib_MultiBoxPrior", at, sizes=f"({0.2 + 0.3 * k},)", ratios="(1, 2)")
        anchors.append(s("Flatten", prior))
    joined = s("Concat", *scores, dim=1, num_args=2)
    rows = s("transpose", s("Reshape", joined, shape=(0, -1, classes + 1)), axes=(0, 2, 1))
    label = s("null", name="label")
    probability = s("SoftmaxOutput", rows, label, multi_output=True, normalization="valid", name="cls_prob")
    shift = s("Concat", *shifts, dim=1, num_args=2)
    prior = s("Reshape", s("Concat", *anchors, dim=1, num_args=2), shape=(0, -1, 4))
    found = s(
        "_contrib_MultiBoxDetection", probability, shift, prior, nms_threshold=0.45, nms_topk=100, name="detection"
    )
    return s, s.text(probability, s("MakeLoss", found, grad_scale=0, name="det_out"))


@pytest.fixture(scope="session")
def sketch() -> type[Sketch]:
    return Sketch


@pytest.fixture(scope="session")
def ssd() -> tuple[Sketch, str]:
    return small_ssd()


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, ssd: tuple[Sketch, str]) -> Path:
    """``model.tar.gz`` of the small detector."""
    path = tmp_path_factory.mktemp("artefact") / "model.tar.gz"
    write_artefact(path, ssd[1], ssd[0].params, {"image_shape": "64", "num_classes": "2", "base_network": "tiny"})
    return path


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Keep the tests polite on shared machines."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
