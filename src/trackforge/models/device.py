"""Devices by name, and the arithmetic a network runs in."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from typing import TYPE_CHECKING

from trackforge.errors import ConfigError, DeviceError

if TYPE_CHECKING:
    import torch

__all__ = ["check_device", "gpu_is_usable", "torch_device", "torch_dtype"]


def check_device(name: str) -> None:
    """Refuse what is no name of a device.

    Raises:
        ConfigError: It is not auto, cpu, cuda or cuda:N.
    """
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (number and not (kind == "cuda" and number.isdigit())):
        raise ConfigError(f"device must be auto, cpu, cuda or cuda:N; got {name!r}.")


def gpu_is_usable() -> bool:
    """Whether torch is installed and sees a GPU; quick on machines that have none."""
    if importlib.util.find_spec("torch") is None or not _driver():
        return False
    import torch

    return torch.cuda.is_available()


def _driver() -> bool:
    """Whether an NVIDIA driver is installed: tells the many machines without one, without the second torch takes."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def torch_device(name: str) -> torch.device:
    """Return the device of that name; ``"auto"`` is the first GPU where there is one.

    Raises:
        DeviceError: It is not there.
    """
    import torch

    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device {name!r} must be there; torch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices. "
            "Take device='cpu' or 'auto', or install a torch with CUDA and its driver."
        )
    return device


def torch_dtype(precision: str) -> torch.dtype:
    """Return torch's type for ``"fp32"``, ``"bf16"`` or ``"fp16"``."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
