"""The component: YOLOX as a `trackforge.protocols.Detector`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trackforge.config import setting
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
from trackforge.models.cells import Cells
from trackforge.models.onnx import OnnxBackend, OnnxNetwork
from trackforge_yolox.selection import Found, Selection, select
from trackforge_yolox.variants import VARIANTS, variant
from trackforge_yolox.weights import PUBLISHED, examine, load_network

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["YoloxDetector", "YoloxDetectorConfig"]


@dataclass(frozen=True, kw_only=True)
class YoloxDetectorConfig(NetworkConfig):
    """Settings of `YoloxDetector`."""

    weights: str | Path = setting(
        "yolox-s", help="File (.onnx or a torch checkpoint), or a published name such as yolox-nano.", role="weights"
    )
    variant: str | None = setting(
        None, help="Which network a checkpoint holds; found out from its tensors if left out."
    )
    score: float = setting(0.1, help="Least objectness times class confidence.", minimum=0, maximum=1, role="conf")
    nms: float | None = setting(
        None,
        help="Overlap above which the lesser box goes; left out: .7 for ByteTrack's weights, else .65.",
        unit="IoU",
        minimum=0,
        maximum=1,
        role="iou",
    )
    class_agnostic: bool = setting(False, help="Let boxes of different classes suppress each other.")
    candidates: int = setting(3000, help="Most boxes, best first, that are compared with each other.", minimum=1)
    size: tuple[int, int] | None = setting(
        None, help="Height,width of the network's input, multiples of 32.", unit="px", role="size"
    )
    preprocessing: Literal["auto", "yolox", "bytetrack", "legacy"] = setting(
        "auto", help="How pictures become input, where the file does not know."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant is not None:
            variant(self.variant)


class YoloxDetector(StagedNetwork):
    """Finds objects with a network of the YOLOX family.

    Frames are processed in one batch where the weights permit it. Boxes are in pixels of the original picture and not
    clipped to it.

    Attributes:
        card: What is known of the weights: variant, classes, preprocessing, provenance.
        backend: What runs the network.
        selection: Which predictions become detections.

    Raises:
        WeightsError: Weights cannot be found, read, or are of another model.
        DeviceError: The device is not there.
        MissingDependencyError: The backend is not installed.
        ConfigError: Settings contradict each other or the weights.

    Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430; Zhang et al., "ByteTrack", ECCV 2022.

    Example:
        >>> config = YoloxDetectorConfig(weights="yolox-nano", keep_classes=("person",))
        >>> YoloxDetector(config).classes[0]  # doctest: +SKIP
        'person'
    """

    def __init__(self, config: YoloxDetectorConfig | None = None) -> None:
        self.config = config = config or YoloxDetectorConfig()
        backend, self._raw_cells = _open(config)
        super().__init__(backend)
        family = VARIANTS[self.card.variant].preprocessing if self.card.variant else "yolox"
        limit = config.nms if config.nms is not None else 0.7 if family == "bytetrack" else 0.65
        self.selection = Selection(
            score=config.score,
            limit=limit,
            keep=class_ids(config.keep_classes, self.card.classes),
            class_agnostic=config.class_agnostic,
            candidates=config.candidates,
        )

    def choose(self, predictions: Any, /) -> Objects:
        """Choose the objects of one picture, from predictions ``(A, 5 + C)`` where they are."""
        found = self._found(predictions)
        return Objects(found.xyxy, found.score, found.class_id)

    def _found(self, predictions: Any | Tensor) -> Found:
        if isinstance(predictions, np.ndarray):
            return select(predictions, self.selection, self._raw_cells)
        if predictions.device.type == "cpu":
            return select(predictions.numpy(), self.selection)
        from trackforge_yolox.selection_torch import select_tensor

        return select_tensor(predictions, self.selection)


def _open(config: YoloxDetectorConfig) -> tuple[Backend, Cells | None]:
    given = Given(variant=config.variant, classes=config.classes, preprocessing=config.preprocessing, size=config.size)
    if choose_backend(config, PUBLISHED, family="yolox", install="trackforge-yolox[torch]") == "onnx":
        path = PUBLISHED.resolve(str(config.weights), ".onnx")
        opened = OnnxNetwork(path, device=config.device, threads=config.threads, install="trackforge-yolox")
        card, raw_cells = examine(opened, given)
        return OnnxBackend(opened, card), raw_cells
    from trackforge.models.torch_backend import TorchBackend
    from trackforge_yolox.model import Predictor, fuse

    network, card = load_network(PUBLISHED.resolve(str(config.weights), ".pth"), given)
    predictor = Predictor(fuse(network) if config.fuse else network)
    return TorchBackend(predictor, card, device=config.device, options=TorchOptions.of(config)), None
