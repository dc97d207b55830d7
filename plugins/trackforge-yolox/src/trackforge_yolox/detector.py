"""The component: YOLOX as a `trackforge.protocols.Detector`."""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trackforge.config import check, setting
from trackforge.errors import ConfigError, InvalidInputError, MissingDependencyError, did_you_mean
from trackforge.types import Detections, Frame
from trackforge_yolox.backends import Backend, Batch, Given, OnnxBackend
from trackforge_yolox.card import ModelCard
from trackforge_yolox.selection import Found, Selection
from trackforge_yolox.variants import VARIANTS, variant
from trackforge_yolox.weights import resolve

__all__ = ["YoloxDetector", "YoloxDetectorConfig"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class YoloxDetectorConfig:
    """Settings of `YoloxDetector`."""

    weights: str | Path = setting(
        "yolox-s", help="File (.onnx or a torch checkpoint), or a published name such as yolox-nano."
    )
    variant: str | None = setting(
        None, help="Which network a checkpoint holds; found out from its tensors if left out."
    )
    classes: tuple[str, ...] | None = setting(
        None, help="Names of all classes of the weights, where the file has none."
    )
    keep_classes: tuple[str | int, ...] | None = setting(
        None, help="Names or numbers of the classes to look for; all if left out."
    )
    score: float = setting(0.1, help="Least objectness times class confidence.", minimum=0, maximum=1)
    nms: float | None = setting(
        None,
        help="Overlap above which the lesser box goes; left out: .7 for ByteTrack's weights, else .65.",
        unit="IoU",
        minimum=0,
        maximum=1,
    )
    class_agnostic: bool = setting(False, help="Let boxes of different classes suppress each other.")
    candidates: int = setting(3000, help="Most boxes, best first, that are compared with each other.", minimum=1)
    size: tuple[int, int] | None = setting(
        None, help="Height,width of the network's input, multiples of 32.", unit="px"
    )
    preprocessing: Literal["auto", "yolox", "bytetrack", "legacy"] = setting(
        "auto", help="How pictures become input, where the file does not know."
    )
    backend: Literal["auto", "onnx", "torch"] = setting(
        "auto", help="What runs the network; auto goes by file and device."
    )
    device: str = setting("auto", help="auto, cpu, cuda or cuda:N.")
    precision: Literal["fp32", "bf16", "fp16"] = setting("fp32", help="Arithmetic of the network (torch).")
    channels_last: bool = setting(True, help="Memory layout that convolutions prefer (torch).")
    fuse: bool = setting(True, help="Fold batch normalisation into the convolutions (torch).")
    compile: bool = setting(False, help="Compile the network: slow to start, faster after (torch).")
    threads: int = setting(
        0, help="CPU threads a picture; 0 leaves it to the backend. Torch takes it for the whole process.", minimum=0
    )

    def __post_init__(self) -> None:
        check(self)
        if self.variant is not None:
            variant(self.variant)
        kind, _, number = self.device.partition(":")
        if kind not in ("auto", "cpu", "cuda") or (number and not (kind == "cuda" and number.isdigit())):
            raise ConfigError(f"device must be auto, cpu, cuda or cuda:N; got {self.device!r}.")


class YoloxDetector:
    """Finds objects with a network of the YOLOX family.

    Frames are processed in one batch where the weights permit it. Boxes are in pixels of the original picture and not
    clipped to it.

    Attributes:
        card: What is known of the weights: variant, classes, preprocessing, provenance.
        backend: What runs the network; its steps ``prepare``, ``infer`` and ``select`` can be called apart.
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

    embedding_dim: int | None = None

    def __init__(self, config: YoloxDetectorConfig | None = None) -> None:
        config = config or YoloxDetectorConfig()
        self.config = config
        self.backend: Backend = _backend(config)
        self.card: ModelCard = self.backend.card
        family = VARIANTS[self.card.variant].preprocessing if self.card.variant else "yolox"
        limit = config.nms if config.nms is not None else 0.7 if family == "bytetrack" else 0.65
        self.selection = Selection(
            score=config.score,
            limit=limit,
            keep=_class_ids(config.keep_classes, self.card.classes),
            class_agnostic=config.class_agnostic,
            candidates=config.candidates,
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; ``class_id`` indexes them."""
        return self.card.classes

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Find objects; one Detections a frame, best first.

        Raises:
            InvalidInputError: A frame has no image.
        """
        return self.select(self.infer(self.prepare(frames)))

    def prepare(self, frames: Sequence[Frame], /) -> Batch:
        """Make the network's input; raises as `detect` does. See `trackforge.protocols.StagedDetector`."""
        images = []
        for frame in frames:
            if frame.image is None:
                raise InvalidInputError(
                    f"YOLOX needs images; frame {frame.index} has none. Take a source that has them."
                )
            images.append(frame.image)
        return self.backend.prepare(images)

    def infer(self, batch: Batch, /) -> list[tuple[Any, float]]:
        """Run the network; return predictions and scale of each picture."""
        return list(zip(self.backend.infer(batch), batch.ratios, strict=True)) if batch.ratios else []

    def select(self, predictions: list[tuple[Any, float]], /) -> list[Detections]:
        """Choose the detections of each picture, best first."""
        return [_detections(self.backend.select(p, self.selection), ratio) for p, ratio in predictions]


def _detections(found: Found, ratio: float) -> Detections:
    return Detections(xyxy=found.xyxy / np.float32(ratio), score=found.score, class_id=found.class_id)


def _class_ids(keep: tuple[str | int, ...] | None, classes: tuple[str, ...]) -> tuple[int, ...] | None:
    if keep is None:
        return None
    ids = []
    for entry in keep:
        if entry in classes:
            ids.append(classes.index(str(entry)))
        elif str(entry).isdigit() and int(entry) < len(classes):
            ids.append(int(entry))
        else:
            raise ConfigError(
                f"keep_classes must hold classes of the weights; got {entry!r}.{did_you_mean(str(entry), classes)} "
                f"The weights know {len(classes)}: {', '.join(classes[:10])}{', ...' if len(classes) > 10 else ''}."
            )
    return tuple(ids)


def _backend(config: YoloxDetectorConfig) -> Backend:
    given = Given(variant=config.variant, classes=config.classes, preprocessing=config.preprocessing, size=config.size)
    if _choose(config) == "onnx":
        _refuse_torch_settings(config)
        path = resolve(str(config.weights), suffix=".onnx")
        device = "cpu" if config.device == "auto" else config.device
        return OnnxBackend(path, given, device=device, threads=config.threads)
    if config.weights not in VARIANTS:
        resolve(str(config.weights), suffix=".pth")  # a wrong name is told before a missing package
    if importlib.util.find_spec("torch") is None:
        raise MissingDependencyError(
            f"{config.weights} needs torch, which is not installed; run: pip install 'trackforge-yolox[torch]', or "
            "take an .onnx file."
        )
    from trackforge_yolox.backend_torch import TorchBackend, TorchOptions

    options = TorchOptions(
        precision=config.precision,
        channels_last=config.channels_last,
        fuse=config.fuse,
        compile=config.compile,
        threads=config.threads,
    )
    return TorchBackend(resolve(str(config.weights), suffix=".pth"), given, device=config.device, options=options)


def _choose(config: YoloxDetectorConfig) -> Literal["onnx", "torch"]:
    """A file goes to the backend that reads it; a name to ONNX Runtime on the CPU and to torch on a GPU."""
    weights = str(config.weights)
    if weights not in VARIANTS:
        is_onnx = Path(weights).suffix.lower() == ".onnx"
        if config.backend != "auto" and (config.backend == "onnx") != is_onnx:
            raise ConfigError(
                f"backend {config.backend!r} must get "
                f"{'an .onnx file' if config.backend == 'onnx' else 'a checkpoint'}; got {config.weights!r}. Leave "
                f"backend out, or run: trackforge export yolox --weights {config.weights}"
            )
        return "onnx" if is_onnx else "torch"
    if config.backend != "auto":
        return config.backend
    if weights.startswith("bytetrack-") or config.device.startswith("cuda"):
        return "torch"
    if config.device == "auto" and importlib.util.find_spec("torch") is not None and _driver():
        import torch

        if torch.cuda.is_available():
            return "torch"
    return "onnx"


def _driver() -> bool:
    """Whether an NVIDIA driver is installed: tells the many machines without one, without the second torch takes."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _refuse_torch_settings(config: YoloxDetectorConfig) -> None:
    """Settings that only torch knows must not be ignored in silence."""
    if config.precision != "fp32" or config.compile:
        raise ConfigError(
            f"precision {config.precision!r} and compile={config.compile} are for the torch backend; {config.weights} "
            "runs on ONNX Runtime. Leave them out, take backend='torch' with a checkpoint, or export with half=true."
        )
