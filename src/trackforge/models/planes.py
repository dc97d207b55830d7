"""From pictures to one input of a network, made on the host or on a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trackforge.models.preprocessing import Placement, Preprocessing

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Batch", "DevicePlanes", "HostPlanes", "InputValues"]

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Input of a network, on its device, and where each picture lies in it."""

    data: Any
    placements: tuple[Placement, ...]


class HostPlanes:
    """Makes float32 inputs ``(B, 3, H, W)`` on the host."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._preprocessing = preprocessing

    def fill(self, images: Sequence[Image]) -> tuple[Floats, tuple[Placement, ...]]:
        """Return the input, and where each picture lies in it."""
        # Fresh memory each time: the next inputs are made while the network still reads these.
        batch = np.empty((len(images), 3, *self._preprocessing.size), np.float32)
        return batch, tuple(self._preprocessing.planes(image, out) for image, out in zip(images, batch, strict=True))


class InputValues:
    """The second half of `Preprocessing`, where a picture lies in its place already: bytes become values of the input.

    Detectors on a GPU and training use it; each value is, to the bit, the one that `HostPlanes` gives.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._preprocessing = preprocessing
        self._table: Tensor | None = None

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the input ``(B, 3, H, W)`` float32 of RGB uint8 pixels ``(B, 3, H, W)``, on their device."""
        import torch

        if self._preprocessing.order == "bgr":
            pixels = pixels.flip(1)
        if self._preprocessing.plain:
            return pixels.float()
        if self._table is None or self._table.device != pixels.device:
            self._table = torch.from_numpy(self._preprocessing.table.copy()).to(pixels.device)
        out = torch.empty_like(pixels, dtype=torch.float32)
        for channel, row in enumerate(self._table):  # one by one: places take eight times the room of bytes
            out[:, channel] = row[pixels[:, channel].long()]
        return out


class DevicePlanes:
    """Makes inputs on a GPU: pictures cross as bytes, a quarter of what floats would take."""

    def __init__(self, preprocessing: Preprocessing, device: torch.device) -> None:
        import torch

        self._preprocessing = preprocessing
        self._device = device
        self._values = InputValues(preprocessing)
        self._canvas = torch.empty((0, *preprocessing.size, 3), dtype=torch.uint8)

    def fill(self, images: Sequence[Image]) -> tuple[Tensor, tuple[Placement, ...]]:
        """Return the input ``(B, 3, H, W)`` float32 on the device, and where each picture lies in it."""
        import torch

        if len(self._canvas) < len(images):
            shape = (len(images), *self._canvas.shape[1:])
            self._canvas = torch.empty(shape, dtype=torch.uint8, pin_memory=self._device.type == "cuda")
        canvas = self._canvas[: len(images)]
        views = canvas.numpy()
        placements = tuple(self._preprocessing.draw(image, out) for image, out in zip(images, views, strict=True))
        pixels = canvas.to(self._device)  # blocks, so that the canvas is free for the next batch
        return self._values(pixels.permute(0, 3, 1, 2)), placements
