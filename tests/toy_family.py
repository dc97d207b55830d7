"""A family of networks as a plugin would write it: bright cells are lamps, and their colour is their appearance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trackforge.boxes import nms
from trackforge.config import setting
from trackforge.models import (
    Catalogue,
    Given,
    ModelCard,
    NetworkConfig,
    Objects,
    StagedNetwork,
    TorchOptions,
    choose_backend,
)
from trackforge.models.checkpoints import load, read_checkpoint
from trackforge.models.exporting import OnnxConfig, write_onnx
from trackforge.models.onnx import OnnxBackend, OnnxNetwork
from trackforge.models.torch_backend import TorchBackend
from trackforge.registry import ComponentSpec, hookimpl

STRIDE = 8
PUBLISHED = Catalogue("lamps", ())


class Lamps(nn.Module):
    """Gives a heat map ``(B, h, w)`` and an embedding map ``(B, 3, h, w)``."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        cells = nn.functional.avg_pool2d(images, STRIDE)
        return (cells.mean(dim=1) * self.gain).clamp(0, 1), cells


@dataclass(frozen=True, kw_only=True)
class LampConfig(NetworkConfig):
    score: float = setting(0.5, help="Least brightness.", minimum=0, maximum=1)


class LampDetector(StagedNetwork):
    embedding_dim = 3

    def __init__(self, config: LampConfig) -> None:
        self.config = config
        path, given = Path(config.weights), Given(classes=config.classes, size=config.size)
        if choose_backend(config, PUBLISHED, family="lamps", install="toy[torch]") == "onnx":
            opened = OnnxNetwork(path, threads=config.threads)
            assert opened.card is not None
            card = opened.card.told("lamps", given, opened.fixed_size(config.size))
            super().__init__(OnnxBackend(opened, card))
        else:
            network, card = open_checkpoint(path)
            card = card.told("lamps", given, config.size)
            super().__init__(TorchBackend(network, card, device=config.device, options=TorchOptions.of(config)))

    def choose(self, predictions: Any, /) -> Objects:
        heat, looks = (np.asarray(output) for output in predictions)
        y, x = np.nonzero(heat >= self.config.score)
        corner = np.stack((x, y), axis=1).astype(np.float32) * STRIDE
        xyxy, score = np.concatenate((corner, corner + STRIDE), axis=1), heat[y, x]
        stay = nms(xyxy, score, 0.5)
        class_id = np.full(len(stay), self.card.extra["lit"], np.int64)
        return Objects(xyxy[stay], score[stay], class_id, looks[:, y, x].T[stay])


def open_checkpoint(path: Path) -> tuple[Lamps, ModelCard]:
    state, card = read_checkpoint(path)
    assert card is not None
    network = Lamps()
    load(network, state)
    return network.eval(), card


def export(config: OnnxConfig) -> Path:
    path = Path(config.weights)
    network, card = open_checkpoint(path)
    outputs: dict[str, dict[int, str | int]] = {"heat": {1: "rows", 2: "columns"}, "looks": {2: "rows", 3: "columns"}}
    return write_onnx(network, card, config, source=path, outputs=outputs, exporter="trackforge-mot")


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    for kind, target, config in (
        ("detector", "toy_family:LampDetector", "toy_family:LampConfig"),
        ("exporter", "toy_family:export", "trackforge.models.exporting:OnnxConfig"),
    ):
        yield ComponentSpec(kind=kind, name="lamps", target=target, config=config, suffixes=(".pth", ".onnx"))
