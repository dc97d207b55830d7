"""What makes convolutions quick on a CPU, with the same numbers but for rounding; needs torch.

oneDNN, which torch's convolutions run on, keeps weights in a layout of its own, and can add a second map and cut at 0
while it writes the result: `PackedConvolution`. And a batch normalisation that is cut at 0 *before* convolutions comes
down to one clamping, since ``relu(s x + t)`` is ``s clamp(x, low, high) + t`` with ``-t / s`` as the bound on one side:
`bounds` gives both, and `absorb` puts the factor and the constant that are left into the weights of what follows.
"""

from __future__ import annotations

import functools
from math import inf
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["PackedConvolution", "absorb", "bounds", "packing_works"]

LEAST_GAIN = 1e-30
"""Below it a gain counts as none: nothing of the input is left, and its bound would be beyond float32."""


class PackedConvolution(torch.nn.Module):
    """A 2-D convolution for inference whose weights lie in oneDNN's layout.

    Args:
        weight: ``(out, in / groups, kh, kw)``, float32 on the CPU.
        bias: ``(out,)`` or None.
        stride: Of rows and columns.
        padding: Of rows and columns, zeros.
        dilation: Of rows and columns.
        groups: Of channels.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, ...] = (1, 1),
        padding: tuple[int, ...] = (0, 0),
        dilation: tuple[int, ...] = (1, 1),
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias
        self._how: tuple[Any, ...] = (padding, stride, dilation, groups)
        self._packed: Any = None

    def forward(self, data: Tensor, add: Tensor | None = None, *, relu: bool = False) -> Tensor:
        """Convolve ``(B, C, H, W)``, add what `add` holds, whose memory is used for the result, and cut at 0."""
        data = data.contiguous(memory_format=torch.channels_last)
        if self._packed is None:
            functions: Any = torch._C._nn
            reorder = functions.mkldnn_reorder_conv2d_weight
            self._packed = reorder(self.weight.to_mkldnn(), *self._how, list(data.shape))
        operators: Any = torch.ops.mkldnn
        given = (data, self._packed, self.bias, *self._how)
        result: Tensor
        if add is None:
            result = operators._convolution_pointwise(*given, "relu" if relu else "none", [], "")
        else:
            add = add.contiguous(memory_format=torch.channels_last)
            words: tuple[Any, ...] = ("add", 1.0, "relu" if relu else None, [], None)
            result = operators._convolution_pointwise_.binary(add, *given, *words)
        return result


@functools.cache
def packing_works() -> bool:
    """Whether this torch has packed convolutions, and they give what plain ones give."""
    try:
        with torch.inference_mode():
            generator = torch.Generator().manual_seed(0)
            shapes = ((1, 8, 9, 9), (1, 8, 9, 9), (8, 8, 3, 3), (8,))
            data, add, weight, bias = (torch.randn(shape, generator=generator) for shape in shapes)
            packed = PackedConvolution(weight, bias, padding=(1, 1))
            alone = functional.conv2d(data, weight, bias, padding=1)
            pairs = [
                (packed(data), alone),
                (packed(data, relu=True), alone.relu()),
                (packed(data, add.clone()), alone + add),
                (packed(data, add.clone(), relu=True), (alone + add).relu()),
            ]
            return all(torch.allclose(one, other, atol=1e-4) for one, other in pairs)
    except (AttributeError, RuntimeError, TypeError, NotImplementedError):
        return False


def bounds(scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Turn ``relu(scale x + shift)``, per channel, into ``factor clamp(x, low, high) + constant``.

    Args:
        scale: ``(C,)``, float64.
        shift: ``(C,)``, float64.

    Returns:
        ``low``, ``high``, ``factor`` and ``constant``, ``(C,)`` each.
    """
    factor = torch.where(scale.abs() < LEAST_GAIN, 0.0, scale)
    bound = torch.where(factor == 0, 0.0, -shift / factor)
    low, high = torch.where(factor > 0, bound, -inf), torch.where(factor < 0, bound, inf)
    return low, high, factor, torch.where(factor == 0, shift.clamp(min=0), shift)


def absorb(weight: Tensor, bias: Tensor | None, factor: Tensor, constant: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights that do to ``x`` what the given ones do to ``factor x + constant``; for convolutions unpadded.

    Args:
        weight: ``(out, in, kh, kw)``.
        bias: ``(out,)`` or None.
        factor: ``(in,)``, float64.
        constant: ``(in,)``, float64.
    """
    wide = weight.double()
    moved = (wide * constant[None, :, None, None]).sum(dim=(1, 2, 3))
    moved = moved if bias is None else moved + bias.double()
    return (wide * factor[None, :, None, None]).to(weight.dtype), moved.to(weight.dtype)
