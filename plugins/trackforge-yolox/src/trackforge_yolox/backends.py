"""What a backend is, and the one that runs on ONNX Runtime.

A backend takes pictures through three steps, apart from each other so that they can be timed and tested: ``prepare``,
``infer``, ``select``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError, DeviceError, MissingDependencyError, WeightsError
from trackforge_yolox.card import KEY, ModelCard, assume
from trackforge_yolox.preprocess import Preprocessing
from trackforge_yolox.selection import Found, Selection, cells, select
from trackforge_yolox.variants import VARIANTS

__all__ = ["Backend", "Batch", "Given", "HostPlanes", "OnnxBackend", "override"]

log = logging.getLogger(__name__)
Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the user says about weights whose file may not say it itself; None and ``"auto"`` leave it to the file."""

    variant: str | None = None
    classes: tuple[str, ...] | None = None
    preprocessing: str = "auto"
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Batch:
    """Input of the network, on its device, and the scale (input pixels a picture pixel) of each picture in it."""

    data: Any
    ratios: tuple[float, ...]


class Backend(Protocol):
    """Runs one network."""

    card: ModelCard

    def prepare(self, images: Sequence[Image], /) -> Batch:
        """Turn RGB pictures ``(h, w, 3)``, not necessarily of one size, into one input."""

    def infer(self, batch: Batch, /) -> Any:
        """Run the network; one entry of predictions a picture."""

    def select(self, predictions: Any, selection: Selection, /) -> Found:
        """Choose the detections of one picture; boxes in input pixels."""


class HostPlanes:
    """Makes float32 inputs ``(B, 3, H, W)`` on the host."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._preprocessing = preprocessing

    def fill(self, images: Sequence[Image]) -> tuple[Floats, tuple[float, ...]]:
        """Return the input and the scale of each picture."""
        # Fresh memory each time: the next inputs are made while the network still reads these.
        batch = np.empty((len(images), 3, *self._preprocessing.size), np.float32)
        return batch, tuple(self._preprocessing.planes(image, out) for image, out in zip(images, batch, strict=True))


class OnnxBackend:
    """ONNX Runtime.

    Takes the files that `trackforge_yolox.export` writes, which describe themselves, and those of others: whether their
    boxes are decoded is found out by one run on a grey picture.

    Args:
        path: The ``.onnx`` file.
        given: What the user says about it.
        device: ``"cpu"`` or ``"cuda:N"``.
        threads: Threads for one picture; 0 lets ONNX Runtime decide.

    Raises:
        WeightsError: It is no ONNX file, or not of YOLOX.
        DeviceError: CUDA was asked for, but this ONNX Runtime does not offer it.
        ConfigError: The file has a fixed input size, and another was asked for.
    """

    def __init__(self, path: Path, given: Given, *, device: str = "cpu", threads: int = 0) -> None:
        self._session = _session(path, device, threads)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3 or len(outputs[0].shape) != 3:
            raise WeightsError(
                f"{path} must take (B, 3, H, W) and give (B, A, 5 + C); it takes "
                f"{[i.shape for i in inputs]} and gives {[o.shape for o in outputs]}. It belongs to another model."
            )
        self._input, self._shape = inputs[0].name, inputs[0].shape
        text = self._session.get_modelmeta().custom_metadata_map.get(KEY)
        fixed = self._fixed_size(path, given)
        self._raw_cells: tuple[Any, Any] | None = None
        if text is not None:
            self.card = override(ModelCard.from_json(text), given, fixed)
        else:
            self.card = self._examine(path, given, fixed)
        self._planes = HostPlanes(self.card.preprocessing)

    def _fixed_size(self, path: Path, given: Given) -> tuple[int, int] | None:
        height, width = self._shape[2:]
        if not (isinstance(height, int) and isinstance(width, int)):
            return given.size
        if given.size is not None and tuple(given.size) != (height, width):
            raise ConfigError(
                f"size must be {height},{width}, which {path.name} was exported for; got {given.size}. Leave size "
                "out, or export the checkpoint with free height and width."
            )
        return height, width

    def _examine(self, path: Path, given: Given, size: tuple[int, int] | None) -> ModelCard:
        """Find out the number of classes, and whether boxes are decoded, by running the network once."""
        variant = VARIANTS[given.variant] if given.variant is not None else None
        if size is None:
            size = variant.size if variant is not None else (640, 640)
            log.info("%s fixes no input size; taking %s", path, size)
        probe = np.full((1, 3, *size), 114, np.float32)
        (predictions,) = self.infer(Batch(probe, (1.0,)))
        position, stride = cells(size)
        if predictions.shape[0] != len(position) or predictions.shape[1] < 6:
            raise WeightsError(
                f"{path} must give {len(position)} predictions of at least 6 columns for an input of {size}; it gives "
                f"{predictions.shape}. It belongs to another model."
            )
        if predictions[:, 4:].min() < 0 or predictions[:, 4:].max() > 1:
            raise WeightsError(f"{path} must give probabilities; its values leave 0..1. Export it with its sigmoids.")
        centre = predictions[:, :2]
        # A raw offset is about one cell wherever the cell lies; a decoded centre is about where its cell is.
        decoded = np.median(np.abs(centre / stride - position)) < np.median(np.abs(centre))
        self._raw_cells = None if decoded else (position, stride)
        count = predictions.shape[1] - 5
        if variant is None and count == len(VARIANTS["yolox-s"].classes):
            card = assume(
                count,
                origin=path.name,
                variant=VARIANTS["yolox-s"],
                classes=given.classes,
                dialect=given.preprocessing,
                size=size,
            )
            return replace(card, variant="")
        return assume(
            count, origin=path.name, variant=variant, classes=given.classes, dialect=given.preprocessing, size=size
        )

    def prepare(self, images: Sequence[Image], /) -> Batch:
        """Turn RGB pictures into one input."""
        return Batch(*self._planes.fill(images))

    def infer(self, batch: Batch, /) -> list[Floats]:
        """Run the network; ``(A, 5 + C)`` float32 a picture."""
        step = self._shape[0] if isinstance(self._shape[0], int) else len(batch.data)
        found: list[Floats] = []
        for start in range(0, len(batch.data), step):
            part = batch.data[start : start + step]
            missing = step - len(part)
            if missing:
                part = np.concatenate((part, np.zeros((missing, *part.shape[1:]), np.float32)))
            found.extend(self._run(part)[: step - missing])
        return found

    def select(self, predictions: Floats, selection: Selection, /) -> Found:
        """Choose the detections of one picture; boxes in input pixels."""
        return select(predictions, selection, self._raw_cells)

    def _run(self, data: Floats) -> Floats:
        out: Floats = self._session.run(None, {self._input: data})[0]
        return out


def _session(path: Path, device: str, threads: int) -> Any:
    try:
        import onnxruntime as ort  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError(
            "The onnx backend needs onnxruntime, which is not installed; run: pip install trackforge-yolox"
        ) from error
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    providers: list[Any] = ["CPUExecutionProvider"]
    if device != "cpu":
        if "CUDAExecutionProvider" not in ort.get_available_providers():
            raise DeviceError(
                f"device {device!r} needs an ONNX Runtime with CUDA; this one offers "
                f"{', '.join(ort.get_available_providers())}. Install onnxruntime-gpu, or take backend='torch' or "
                "device='cpu'."
            )
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": int(device.partition(":")[2] or 0)}))
    try:
        session = ort.InferenceSession(path, options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions have no public base class
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path} must be a readable ONNX model; {first}. Get or export it anew.") from error
    if device != "cpu" and "CUDAExecutionProvider" not in session.get_providers():
        raise DeviceError(
            f"device {device!r} must be usable by ONNX Runtime; it fell back to {session.get_providers()}. Check that "
            "CUDA and cuDNN fit this onnxruntime-gpu, or take backend='torch' or device='cpu'."
        )
    return session


def override(card: ModelCard, given: Given, size: tuple[int, int] | None) -> ModelCard:
    """Let the user change what a file says about itself where that can make sense: names and size."""
    if given.preprocessing != "auto":
        raise ConfigError(
            "preprocessing must be left out for weights that know it themselves, as these do; got "
            f"{given.preprocessing!r}. Leave it out."
        )
    if given.variant not in (None, card.variant):
        raise WeightsError(f"These weights are of {card.variant or 'no published variant'}, not {given.variant}.")
    if given.classes is not None and len(given.classes) != len(card.classes):
        raise WeightsError(
            f"classes must name every class of the weights; got {len(given.classes)} names where the weights have "
            f"{len(card.classes)}: {', '.join(card.classes)}."
        )
    return replace(card, classes=given.classes or card.classes, preprocessing=card.preprocessing.resized(size))
