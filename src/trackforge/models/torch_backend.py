"""Networks on torch: on CPU or GPU, in full or half precision."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from trackforge.models.card import ModelCard
from trackforge.models.device import torch_device, torch_dtype
from trackforge.models.planes import Batch, DevicePlanes, HostPlanes
from trackforge.models.settings import TorchOptions

__all__ = ["TorchBackend"]

log = logging.getLogger(__name__)
Image = npt.NDArray[np.uint8]


class TorchBackend:
    """Runs a network on torch; a `trackforge.models.Backend`.

    Args:
        predictor: Maps input ``(B, 3, H, W)`` to one tensor, or a tuple of tensors, of B entries each. It is changed:
            moved to the device, and its gradients are switched off.
        card: What is known of it.
        device: ``"auto"``, ``"cpu"`` or ``"cuda:N"``.
        options: Precision and speed.

    Raises:
        DeviceError: The device is not there.
    """

    def __init__(
        self, predictor: nn.Module, card: ModelCard, *, device: str = "auto", options: TorchOptions | None = None
    ) -> None:
        options = options or TorchOptions()
        self.card = card
        self.device = torch_device(device)
        if options.threads:
            torch.set_num_threads(options.threads)
        self._dtype = torch_dtype(options.precision)
        self._format = torch.channels_last if options.channels_last else torch.contiguous_format
        predictor = predictor.eval().requires_grad_(requires_grad=False).to(self.device, self._dtype)
        predictor.to(memory_format=self._format)  # type: ignore[call-overload]  # missing in torch's stubs
        self._predict: Any = torch.compile(predictor) if options.compile else predictor
        log.info("the network runs on torch, %s, %s", self.device, options.precision)
        on_host = self.device.type == "cpu"
        make = card.preprocessing
        self._planes = HostPlanes(make) if on_host else DevicePlanes(make, self.device)

    def prepare(self, images: Sequence[Image], /) -> Batch:
        """Turn RGB pictures into one input on the device."""
        data, placements = self._planes.fill(images)
        tensor = torch.from_numpy(data) if isinstance(data, np.ndarray) else data
        return Batch(tensor.to(self._dtype, memory_format=self._format), placements)

    def infer(self, batch: Batch, /) -> list[Any]:
        """Run the network; one tensor, or tuple of tensors, a picture, on the device."""
        with torch.inference_mode():
            out = self._predict(batch.data)
            return list(out) if isinstance(out, torch.Tensor) else list(zip(*out, strict=True))
