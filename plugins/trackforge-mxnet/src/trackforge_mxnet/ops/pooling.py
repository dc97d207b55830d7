"""Pooling with MXNet's two conventions for sizes: ``valid`` rounds down, ``full`` up.

Torch's ``ceil_mode`` leaves out a last window that would begin in the padding; MXNet keeps it. Where that makes a
difference, the input is padded by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.operators import Function, operator

__all__: list[str] = []

Sides = tuple[int, ...]


@operator("Pooling", "Pooling_v1")
def _pooling(attributes: Attributes) -> Function:
    kind = attributes.text("pool_type", "max", ("max", "avg", "sum"))
    everything = attributes.flag("global_pool", default=False)
    whole = attributes.text("pooling_convention", "valid", ("valid", "full")) == "valid"
    counts_padding = attributes.text("count_include_pad", "True", ("True", "False", "1", "0", "true", "false"))
    attributes.text("layout", "NCHW", ("NCHW", "NCW"))
    kernel = attributes.wholes("kernel", ())
    stride, padding = attributes.wholes("stride", ()), attributes.wholes("pad", ())
    if everything:
        return _GLOBAL[kind]
    sides = len(kernel)
    if sides not in (1, 2) or any(not 1 <= side <= 1 << 12 for side in kernel):
        raise attributes.refuse("kernel", "must be 1 or 2 whole numbers from 1 to 4096")
    stride, padding = stride or (1,) * sides, padding or (0,) * sides
    if len(stride) != sides or min(stride) < 1:
        raise attributes.refuse("stride", "must be whole numbers >= 1, one a side")
    if len(padding) != sides or min(padding) < 0 or any(p >= k for p, k in zip(padding, kernel, strict=True)):
        raise attributes.refuse("pad", "must be whole numbers from 0, less than the kernel, one a side")
    if sides == 1:  # as a picture one high
        pool = _pool((1, *kernel), (1, *stride), (0, *padding), kind, whole=whole, counted=counts_padding)
        return lambda data: pool(data.unsqueeze(2)).squeeze(2)
    return _pool(kernel, stride, padding, kind, whole=whole, counted=counts_padding)


def _pool(kernel: Sides, stride: Sides, padding: Sides, kind: str, *, whole: bool, counted: str) -> Function:
    include = counted.lower() in ("true", "1")

    def run(data: Tensor) -> Any:
        more = [
            _missing(size, k, s, p, whole)
            for size, k, s, p in zip(data.shape[2:], kernel, stride, padding, strict=True)
        ]
        plain = not any(more)
        sides = list(zip(more, kernel, padding, strict=True))
        # torch pads by half a kernel at most, and with ceil_mode every window has to begin left of the right padding
        if all(2 * p <= k and extra < k - p for extra, k, p in sides):
            if kind == "max":
                return functional.max_pool2d(data, kernel, stride, padding, 1, not plain)
            if kind == "avg":
                return functional.avg_pool2d(data, kernel, stride, padding, not plain, include)
        return _by_hand(data, kernel, stride, padding, more, kind, include=include)

    return run


def _missing(size: int, kernel: int, stride: int, padding: int, whole: bool) -> int:
    """Return how many pixels the last window stands over, right of the padding."""
    span = size + 2 * padding - kernel
    if span < 0 and whole:
        raise ValueError(f"a kernel of {kernel} must fit into {size} pixels and padding of {padding}")
    count = (span // stride if whole else -(-span // stride)) + 1
    return max((count - 1) * stride + kernel - size - 2 * padding, 0)


def _by_hand(
    data: Tensor, kernel: Sides, stride: Sides, padding: Sides, more: list[int], kind: str, *, include: bool
) -> Tensor:
    around = [padding[1], padding[1] + more[1], padding[0], padding[0] + more[0]]
    if kind == "max":
        return functional.max_pool2d(functional.pad(data, around, value=-inf), kernel, stride)
    sums = functional.avg_pool2d(functional.pad(data, around), kernel, stride, divisor_override=1)
    if kind == "sum":
        return sums
    ones = torch.ones((1, 1, *data.shape[2:]), dtype=data.dtype, device=data.device)
    inner = [padding[1], padding[1], padding[0], padding[0]]
    ones = functional.pad(ones, inner, value=1.0 if include else 0.0)
    ones = functional.pad(ones, [0, more[1], 0, more[0]])
    return sums / functional.avg_pool2d(ones, kernel, stride, divisor_override=1)


def _axes(data: Tensor) -> list[int]:
    return list(range(2, data.ndim))


_GLOBAL: dict[str, Callable[[Tensor], Tensor]] = {
    "max": lambda data: data.amax(_axes(data), keepdim=True),
    "avg": lambda data: data.mean(_axes(data), keepdim=True),
    "sum": lambda data: data.sum(_axes(data), keepdim=True),
}


@operator("_contrib_AdaptiveAvgPooling2D", "AdaptiveAvgPooling2D")
def _adaptive(attributes: Attributes) -> Function:
    size = attributes.wholes("output_size", ()) or (1,)
    if len(size) > 2 or min(size) < 1 or max(size) > 1 << 12:
        raise attributes.refuse("output_size", "must be one or two whole numbers from 1 to 4096")
    shape = size[0], size[-1]
    if shape == (1, 1):
        return _GLOBAL["avg"]

    def run(data: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(data, shape)

    return run
