"""Weights and inputs without any checkpoint: the formula of the golden data, for networks of every family."""

from __future__ import annotations

import re
import zlib
from types import SimpleNamespace
from typing import Any

import numpy as np

HEAD = re.compile(r"_preds\.\d+\.weight$|^(hm|wh|reg|id)\.2\.weight$|conv_offset_mask")
"""Keys of what predicts, of all families; it gets greater numbers."""


def tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor that depends on its state-dict key and shape only (formula v1 of the golden data)."""
    r = np.random.RandomState(zlib.crc32(name.encode()))
    last = name.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if last == "running_mean":
        value = 0.1 * r.standard_normal(shape)
    elif last == "running_var" or (len(shape) == 1 and last == "weight"):
        value = r.uniform(0.5, 1.5, shape)
    elif len(shape) <= 1:
        value = 0.1 * r.standard_normal(shape)
    else:
        gain = 1.5 if HEAD.search(name) else 1.0
        value = r.standard_normal(shape) * (gain * np.sqrt(1.0 / np.prod(shape[1:])))
    return np.asarray(value, np.float64).astype(np.float32)


def image(seed: int, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Blocks and noise from 0 to 255."""
    n, c, h, w = shape
    r = np.random.RandomState(seed)
    base = r.randint(0, 192, size=(n, c, -(-h // 16), -(-w // 16))).repeat(16, 2).repeat(16, 3)[:, :, :h, :w]
    return (base + r.randint(0, 64, size=(n, c, h, w))).astype(np.float32)


def fill(network: Any, variances: dict[str, np.ndarray] | None = None) -> Any:
    """Fill a network, strictly; ``variances`` are running variances by key."""
    import torch

    state = {
        key: torch.from_numpy((variances or {}).get(key, tensor(key, tuple(value.shape)))).to(value.dtype)
        for key, value in network.state_dict().items()
    }
    network.load_state_dict(state, strict=True)
    return network


FORMULA = SimpleNamespace(tensor=tensor, image=image, fill=fill)
"""``tensor(name, shape)``, ``image(seed, shape)`` and ``fill(network, variances)``."""
