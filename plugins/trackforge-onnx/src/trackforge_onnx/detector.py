"""The component: somebody's ONNX file as a `trackforge.protocols.Detector`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trackforge.boxes import nms
from trackforge.config import check, setting
from trackforge.errors import WeightsError
from trackforge.models import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Batch,
    ModelCard,
    Objects,
    Preprocessing,
    StagedNetwork,
    class_ids,
)
from trackforge.models.device import check_device
from trackforge.models.onnx import OnnxNetwork
from trackforge.models.planes import HostPlanes
from trackforge_onnx.heads import HEADS, View
from trackforge_onnx.recognition import Understanding, feeds, recognise

__all__ = ["OnnxDetector", "OnnxDetectorConfig", "probe"]

Triple = tuple[float, float, float]
_STYLES: dict[str, dict[str, Any]] = {
    "yolo": {"align": "centre", "rounding": "nearest", "mapping": "drawn", "order": "rgb", "scale": 255.0},
    "yolox": {},
    "stretch": {"fit": "stretch", "order": "rgb", "scale": 255.0},
    "imagenet": {"fit": "stretch", "order": "rgb", "scale": 255.0, "mean": IMAGENET_MEAN, "std": IMAGENET_STD},
    "bytes": {"fit": "stretch", "order": "rgb"},
    "whole": {"order": "rgb", "scale": 255.0, "pad": 0},
}
"""How pictures go in, by the style of a head; what is not named is as `Preprocessing` has it."""


@dataclass(frozen=True, kw_only=True)
class OnnxDetectorConfig:
    """Settings of `OnnxDetector`; what is left out is found out from the file."""

    weights: str | Path = setting(help="The .onnx file.", role="weights")
    head: str | None = setting(None, help="What the outputs mean, such as yolov8, detr or tensorflow.")
    classes: tuple[str, ...] | None = setting(None, help="Names of all classes, where the file has none.")
    keep_classes: tuple[str | int, ...] | None = setting(None, help="Names or numbers of the classes to look for.")
    score: float = setting(0.1, help="Least score.", minimum=0, maximum=1, role="conf")
    nms: float = setting(
        0.65, help="Overlap above which the lesser box goes.", unit="IoU", minimum=0, maximum=1, role="iou"
    )
    class_agnostic: bool = setting(False, help="Let boxes of different classes suppress each other.")
    candidates: int = setting(3000, help="Most boxes, best first, that are compared with each other.", minimum=1)
    size: tuple[int, int] | None = setting(
        None, help="Height,width of the input, where the file leaves it free.", role="size"
    )
    fit: Literal["letterbox", "stretch"] | None = setting(None, help="Keep the aspect of pictures, or fill the input.")
    order: Literal["bgr", "rgb"] | None = setting(None, help="Order of the colours.")
    scale: float | None = setting(None, help="What values 0..255 are divided by.", minimum=1e-6)
    mean: Triple | None = setting(None, help="Subtracted by colour, after scale.")
    std: Triple | None = setting(None, help="Divided by, by colour.")
    device: str = setting("auto", help="auto, cpu, cuda or cuda:N.", role="device")
    threads: int = setting(0, help="CPU threads; 0 leaves it to ONNX Runtime.", minimum=0)

    def __post_init__(self) -> None:
        check(self)
        check_device(self.device)


class OnnxDetector(StagedNetwork):
    """Finds objects with a network of unknown make, after looking at its outputs.

    Attributes:
        understanding: What was understood of the file; printed, it says why.

    Raises:
        WeightsError: The file cannot be read, or is no detector of a known layout.
        ConfigError: Settings contradict the file.
        MissingDependencyError: ONNX Runtime or OpenCV is not installed.
    """

    def __init__(self, config: OnnxDetectorConfig) -> None:
        self.config = config
        path = Path(config.weights).expanduser()
        if not path.is_file():
            raise WeightsError(f"weights must be an .onnx file; there is no file {path}.")
        network = OnnxNetwork(path, device=config.device, threads=config.threads, install="trackforge-onnx")
        self.understanding = found = recognise(network, head=config.head, classes=config.classes, size=config.size)
        self.understood = tuple(str(found).splitlines())
        self._head = HEADS[found.head]
        card = ModelCard(component="onnx", classes=found.classes, preprocessing=_preprocessing(config, found))
        super().__init__(_Backend(network, card, found))
        self._view = View(
            size=found.size,
            order=found.order,
            classes=found.columns,
            keep=class_ids(config.keep_classes, found.classes),
            least=config.score,
            unit=found.unit,
            first=found.first,
        )

    def choose(self, predictions: Any, /) -> Objects:
        """Choose the objects of one picture from its outputs."""
        xyxy, score, class_id = self._head.read(predictions, self._view)
        fine = np.isfinite(xyxy).all(axis=1) & (xyxy[:, 2:] >= xyxy[:, :2]).all(axis=1)
        fine &= class_id < len(self.classes)
        xyxy, score, class_id = xyxy[fine].astype(np.float32), score[fine].astype(np.float32), class_id[fine]
        best = np.argsort(-score, kind="stable")[: self.config.candidates]
        xyxy, score, class_id = xyxy[best], score[best], class_id[best]
        if self._head.suppress or self.config.class_agnostic:  # heads with suppression inside have it by class
            groups = None if self.config.class_agnostic else class_id
            stay = nms(xyxy, score, self.config.nms, class_id=groups)
            xyxy, score, class_id = xyxy[stay], score[stay], class_id[stay]
        return Objects(xyxy, np.minimum(score, 1), class_id.astype(np.int64))


def probe(path: str | Path, **settings: Any) -> Understanding:
    """Return what is understood of an ONNX file; print it to read it. Raises as `OnnxDetector` does."""
    return OnnxDetector(OnnxDetectorConfig(weights=path, **settings)).understanding


def _preprocessing(config: OnnxDetectorConfig, found: Understanding) -> Preprocessing:
    made = Preprocessing(size=found.size, multiple=1, **_STYLES[HEADS[found.head].style])
    if found.dtype == "uint8":
        made = replace(made, scale=1.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    said = {name: getattr(config, name) for name in ("fit", "order", "scale", "mean", "std")}
    return replace(made, **{name: value for name, value in said.items() if value is not None})


class _Backend:
    """Runs the file; one list of outputs a picture."""

    def __init__(self, network: OnnxNetwork, card: ModelCard, found: Understanding) -> None:
        self.card = card
        self._network, self._found = network, found
        self._planes = HostPlanes(card.preprocessing)
        self._most = None if found.batch and found.head != "yolov7-end2end" else 1

    def prepare(self, images: Sequence[npt.NDArray[np.uint8]], /) -> Batch:
        """Turn RGB pictures into one input."""
        data, placements = self._planes.fill(images)
        if self._found.last:
            data = np.ascontiguousarray(data.transpose(0, 2, 3, 1))
        return Batch(data.astype(self._found.dtype, copy=False), placements)

    def infer(self, batch: Batch, /) -> list[list[npt.NDArray[Any]]]:
        """Run the network picture by picture, or in the number that the file takes."""
        found: list[list[npt.NDArray[Any]]] = []
        parts = self._network.parts(batch.data, self._most) if self._found.batch else ((d[None], 1) for d in batch.data)
        for part, real in parts:
            given = feeds(self._network, part if self._found.batch else part[0], self._found.size)
            outputs = self._network.call(given)
            found += [self._of(outputs, k, len(part)) for k in range(real)]
        return found

    def _of(self, outputs: list[npt.NDArray[Any]], picture: int, count: int) -> list[npt.NDArray[Any]]:
        """Return one picture's part of the outputs; those without an axis for pictures are of the only one."""
        if self._found.head in ("yolov7-end2end", "torchvision"):
            return outputs
        parts = [a[picture] if a.ndim and len(a) == count else a for a in outputs]
        return [a.astype(np.float32) if a.dtype == np.float16 else a for a in parts]
