"""The component: SSD as a `trackforge.protocols.Detector`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trackforge.config import setting
from trackforge.errors import WeightsError
from trackforge.models import (
    Backend,
    Given,
    NetworkConfig,
    Objects,
    StagedNetwork,
    TorchOptions,
    choose_backend,
    class_ids,
)
from trackforge.models.onnx import OnnxBackend, OnnxNetwork
from trackforge_ssd.cards import variant_of
from trackforge_ssd.layout import Rule
from trackforge_ssd.selection import select
from trackforge_ssd.variants import variant
from trackforge_ssd.weights import PUBLISHED, load_network

__all__ = ["SsdDetector", "SsdDetectorConfig"]


@dataclass(frozen=True, kw_only=True)
class SsdDetectorConfig(NetworkConfig):
    """Settings of `SsdDetector`."""

    weights: str | Path = setting(
        "torchvision-vgg16-300",
        help="File (model.tar.gz, .params, .pth, .onnx), or a published name such as gluoncv-resnet50-512-voc.",
        role="weights",
    )
    variant: str | None = setting(None, help="Which network weights hold, where they do not say it themselves.")
    score: float = setting(
        0.1,
        help="Least score; the published codes score labelled pictures from .01 on.",
        minimum=0,
        maximum=1,
        role="conf",
    )
    nms: float | None = setting(
        None,
        help="Overlap from which the lesser box of a class goes; left out: the dialect's own, .45.",
        unit="IoU",
        minimum=0,
        maximum=1,
        role="iou",
    )
    class_agnostic: bool | None = setting(
        None, help="Let boxes of different classes suppress each other; left out: as the weights say, which is no."
    )
    candidates: int | None = setting(
        None, help="Most boxes, best first, that are compared with each other; left out: the dialect's own.", minimum=1
    )
    preprocessing: Literal["auto", "raw", "mean", "gluoncv", "torchvision"] = setting(
        "auto", help="How pictures become input: raw or mean for SageMaker's, where the file does not know."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant is not None:
            variant(self.variant)


class SsdDetector(StagedNetwork):
    """Finds objects with an SSD of any dialect, by that dialect's rule.

    Frames are processed in one batch where the weights permit it. Boxes are in pixels of the original picture.

    Attributes:
        card: What is known of the weights: variant, classes, preprocessing, provenance.
        backend: What runs the network.
        rule: Which anchors become detections.

    Raises:
        WeightsError: Weights cannot be found, read, or are of another model.
        DeviceError: The device is not there.
        MissingDependencyError: The backend is not installed.
        ConfigError: Settings contradict each other or the weights.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016.

    Example:
        >>> config = SsdDetectorConfig(weights="model.tar.gz", classes=("person", "car"), score=0.2)
        >>> SsdDetector(config).classes  # doctest: +SKIP
        ('person', 'car')
    """

    def __init__(self, config: SsdDetectorConfig | None = None) -> None:
        self.config = config = config or SsdDetectorConfig()
        super().__init__(_open(config))
        v = variant_of(self.card)
        settings = {
            "score": config.score,
            "limit": config.nms,
            "class_agnostic": config.class_agnostic,
            "candidates": config.candidates,
        }
        changed: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
        self.rule: Rule = dataclasses.replace(v.rule, **changed)
        self._keep = class_ids(config.keep_classes, self.card.classes)
        height, width = self.card.preprocessing.size
        # The built-in algorithm decodes, clips and compares boxes as parts of the input.
        parts = v.dialect == "sagemaker"
        self._scale = np.array((width, height) * 2 if parts else (1, 1, 1, 1), np.float32)

    def choose(self, predictions: Any, /) -> Objects:
        """Choose the objects of one picture, from probabilities ``(N, 1 + C)`` and boxes ``(N, 4)``, where they are."""
        probabilities, boxes = predictions
        if not isinstance(probabilities, np.ndarray):
            # Few anchors see anything: only those leave the device.
            rows = (probabilities[:, 1:].amax(dim=1) >= self.rule.score).nonzero()[:, 0]
            probabilities, boxes = probabilities[rows].cpu().numpy(), boxes[rows].cpu().numpy()
        found = select(probabilities, boxes, self.rule, self._keep)
        return Objects(found.xyxy * self._scale, found.score, found.class_id)


def _open(config: SsdDetectorConfig) -> Backend:
    given = Given(variant=config.variant, classes=config.classes, preprocessing=config.preprocessing, size=config.size)
    if choose_backend(config, PUBLISHED, family="ssd", install="trackforge-ssd[torch]") == "onnx":
        path = PUBLISHED.resolve(str(config.weights), ".onnx")
        opened = OnnxNetwork(path, device=config.device, threads=config.threads, install="trackforge-ssd")
        if opened.card is None:
            raise WeightsError(
                f"{path} must be an SSD that trackforge exported; it does not describe itself. Take the detector "
                "'onnx' (trackforge-onnx), which finds out what somebody else's file is."
            )
        return OnnxBackend(opened, opened.card.told("ssd", given, opened.fixed_size(config.size)))
    from trackforge.models.device import torch_device
    from trackforge.models.packed import packing_works
    from trackforge.models.torch_backend import TorchBackend
    from trackforge_ssd.layers import pack
    from trackforge_ssd.model import Predictor, fuse

    network, card = load_network(PUBLISHED.resolve(str(config.weights), ".pth"), given)
    if config.fuse:
        network = fuse(network)
        plain = config.precision == "fp32" and not config.compile
        if plain and torch_device(config.device).type == "cpu" and packing_works():
            pack(network)
    predictor = Predictor(network, card.preprocessing.size)
    return TorchBackend(predictor, card, device=config.device, options=TorchOptions.of(config))
