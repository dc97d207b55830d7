"""The backend that runs on torch: checkpoints on CPU or GPU, in full or half precision."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trackforge.errors import DeviceError
from trackforge_yolox.backends import Batch, Given, HostPlanes, override
from trackforge_yolox.card import ModelCard, assume
from trackforge_yolox.model import YOLOX, Predictor, fuse
from trackforge_yolox.preprocess import Preprocessing
from trackforge_yolox.selection import Found, Selection, select
from trackforge_yolox.suppression import select_tensor
from trackforge_yolox.variants import VARIANTS, Variant, class_count, identify
from trackforge_yolox.weights import load, read_checkpoint

__all__ = ["DevicePlanes", "TorchBackend", "TorchOptions", "load_network", "torch_device"]

log = logging.getLogger(__name__)
Image = npt.NDArray[np.uint8]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class TorchOptions:
    """How to run the network; see `trackforge_yolox.detector.YoloxDetectorConfig`."""

    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    channels_last: bool = True
    fuse: bool = True
    compile: bool = False
    threads: int = 0


def torch_device(name: str) -> torch.device:
    """Return the device of that name; ``"auto"`` is the first GPU where there is one.

    Raises:
        DeviceError: It is not there.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device {name!r} must be there; torch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices. "
            "Take device='cpu' or 'auto', or install a torch with CUDA and its driver."
        )
    return device


def load_network(path: Path, given: Given) -> tuple[YOLOX, ModelCard]:
    """Read a checkpoint into the network it belongs to, in evaluation mode, on the CPU.

    Raises:
        WeightsError: It is not of YOLOX, not of the given variant, or does not tell its preprocessing.
    """
    state, card = read_checkpoint(path)
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    name = given.variant or (card.variant if card is not None else None)
    variant: Variant = VARIANTS[name] if name else _recognise(path, shapes, given)
    network = YOLOX(variant, class_count(shapes)).eval()
    load(network, state)
    if card is not None:
        return network, override(card, given, given.size)
    return network, assume(
        class_count(shapes),
        origin=path.name,
        variant=variant,
        classes=given.classes,
        dialect=given.preprocessing,
        size=given.size,
    )


def _recognise(path: Path, shapes: dict[str, tuple[int, ...]], given: Given) -> Variant:
    """Tell the variant from the shapes; ByteTrack's from YOLOX's by the official file name, which is all there is."""
    official = path.name.startswith("bytetrack_") and class_count(shapes) == 1
    family: Literal["yolox", "bytetrack"] = "bytetrack" if official else "yolox"
    found = identify(shapes, family=family)
    if official and given.preprocessing == "auto":
        log.info("%s is taken for %s by its name, with ByteTrack's preprocessing", path, found.name)
    return found


class DevicePlanes:
    """Makes inputs on a GPU: pictures cross as bytes, a quarter of what floats would take."""

    def __init__(self, preprocessing: Preprocessing, device: torch.device) -> None:
        self._preprocessing = preprocessing
        self._device = device
        self._table = torch.from_numpy(preprocessing.table.copy()).to(device).flatten()
        self._offset = torch.tensor([0, 256, 512], device=device)
        self._canvas = torch.empty((0, *preprocessing.size, 3), dtype=torch.uint8)

    def fill(self, images: Sequence[Image]) -> tuple[Tensor, tuple[float, ...]]:
        """Return the input ``(B, 3, H, W)`` float32 on the device, and the scale of each picture."""
        if len(self._canvas) < len(images):
            shape = (len(images), *self._canvas.shape[1:])
            self._canvas = torch.empty(shape, dtype=torch.uint8, pin_memory=self._device.type == "cuda")
        canvas = self._canvas[: len(images)]
        views = canvas.numpy()
        ratios = tuple(self._preprocessing.letterbox(image, out) for image, out in zip(images, views, strict=True))
        pixels = canvas.to(self._device)  # blocks, so that the canvas is free for the next batch
        if self._preprocessing.order == "bgr":
            pixels = pixels.flip(-1)
        if self._preprocessing.plain:
            return pixels.permute(0, 3, 1, 2).float(), ratios
        return self._table[pixels.long() + self._offset].permute(0, 3, 1, 2), ratios


class TorchBackend:
    """Torch.

    Args:
        path: The checkpoint.
        given: What the user says about it.
        device: ``"auto"``, ``"cpu"`` or ``"cuda:N"``.
        options: Precision and speed.

    Raises:
        WeightsError: The checkpoint is not of YOLOX, or does not fit.
        DeviceError: The device is not there.
    """

    def __init__(self, path: Path, given: Given, *, device: str = "auto", options: TorchOptions | None = None) -> None:
        self._options = options = options or TorchOptions()
        self.device = torch_device(device)
        if options.threads:
            torch.set_num_threads(options.threads)
        network, self.card = load_network(path, given)
        if options.fuse:
            network = fuse(network)
        network.requires_grad_(requires_grad=False)
        self._dtype = DTYPES[options.precision]
        self._format = torch.channels_last if options.channels_last else torch.contiguous_format
        predictor = Predictor(network).eval().to(self.device, self._dtype)
        predictor.to(memory_format=self._format)  # type: ignore[call-overload]  # missing in torch's stubs
        self._predict: Any = torch.compile(predictor) if options.compile else predictor
        on_host = self.device.type == "cpu"
        make = self.card.preprocessing
        self._planes = HostPlanes(make) if on_host else DevicePlanes(make, self.device)

    def prepare(self, images: Sequence[Image], /) -> Batch:
        """Turn RGB pictures into one input on the device."""
        data, ratios = self._planes.fill(images)
        tensor = torch.from_numpy(data) if isinstance(data, np.ndarray) else data
        return Batch(tensor.to(self._dtype, memory_format=self._format), ratios)

    def infer(self, batch: Batch, /) -> list[Tensor]:
        """Run the network; ``(A, 5 + C)`` float32 a picture, on the device."""
        with torch.inference_mode():
            out: Tensor = self._predict(batch.data)
        return list(out)

    def select(self, predictions: Tensor, selection: Selection, /) -> Found:
        """Choose the detections of one picture; boxes in input pixels."""
        if predictions.device.type == "cpu":
            return select(predictions.numpy(), selection)
        with torch.inference_mode():
            return select_tensor(predictions, selection)
