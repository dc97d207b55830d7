"""A convolution with what follows it, and how both become quicker on a CPU.

oneDNN, which torch's convolutions run on, keeps weights in a layout of its own and can add a second map and cut at 0
while it writes the result. `pack` has an inference network do that; the numbers stay the same but for rounding. Where
this torch lacks what it takes, nothing is changed.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Cut", "activated", "convolve", "pack", "packing_works"]

LEAST_GAIN = 1e-30
"""Below it a norm's gain counts as none: nothing of the input is left, and its bound would be beyond float32."""


def convolve(
    conv: nn.Module, x: Tensor, norm: nn.Module | None = None, *, add: Tensor | None = None, relu: bool = True
) -> Tensor:
    """Convolve, normalise, add ``add`` and cut at 0; ``add`` may be overwritten in a packed network."""
    if isinstance(conv, _PackedConv):
        return conv(x, add, relu=relu)  # type: ignore[no-any-return]
    y: Tensor = conv(x) if norm is None else norm(conv(x))
    if add is not None:
        y = y + add
    return y.relu_() if relu else y


def activated(norm: nn.Module, x: Tensor) -> Tensor:
    """Normalise and cut at 0."""
    y: Tensor = norm(x)
    return y if isinstance(norm, Cut) else y.relu_()


class Cut(nn.Module):
    """A norm and a cut at 0 in front of convolutions, less the factor and the sum that these have taken over.

    ``relu(s x + t)`` is ``s max(x, -t / s) + t``, and for a negative ``s`` the same with the lesser; what is left to do
    is to bound each channel.
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: Tensor, high: Tensor) -> None:
        super().__init__()
        self.register_buffer("low", low.float()[None, :, None, None])
        self.register_buffer("high", high.float()[None, :, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape ``(B, channels, H, W)``."""
        return torch.clamp(x, self.low, self.high)


class _PackedConv(nn.Module):
    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight = conv.weight
        self.bias = conv.bias
        self._how: tuple[Any, ...] = (conv.padding, conv.stride, conv.dilation, conv.groups)
        self._packed: Any = None

    def forward(self, x: Tensor, add: Tensor | None = None, *, relu: bool = False) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        if self._packed is None:
            functions: Any = torch._C._nn
            packed = functions.mkldnn_reorder_conv2d_weight(self.weight.to_mkldnn(), *self._how, list(x.shape))
            self._packed = packed
        operators: Any = torch.ops.mkldnn
        words: tuple[Any, ...] = ("relu" if relu else "none", [], "")
        if add is None:
            return operators._convolution_pointwise(  # type: ignore[no-any-return]
                x, self._packed, self.bias, *self._how, *words
            )
        add = add.contiguous(memory_format=torch.channels_last)
        words = ("add", 1.0, "relu" if relu else None, [], None)
        return operators._convolution_pointwise_.binary(  # type: ignore[no-any-return]
            add, x, self._packed, self.bias, *self._how, *words
        )


@functools.cache
def packing_works() -> bool:
    """Whether this torch has packed convolutions, and they give what plain ones give."""
    try:
        with torch.random.fork_rng(devices=()), torch.inference_mode():
            torch.manual_seed(0)
            conv, x, other = nn.Conv2d(8, 8, 3, padding=1), torch.randn(1, 8, 9, 9), torch.randn(1, 8, 9, 9)
            packed = _PackedConv(conv)
            pairs = [(packed(x, relu=relu), conv(x).relu_() if relu else conv(x)) for relu in (False, True)]
            pairs += [
                (packed(x, other.clone(), relu=relu), (conv(x) + other).relu_() if relu else conv(x) + other)
                for relu in (False, True)
            ]
            return all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)
    except (AttributeError, RuntimeError, TypeError, NotImplementedError):
        return False


@torch.no_grad()
def pack(network: nn.Module) -> None:
    """Make a fused network, in float32 on the CPU, quicker; it can then neither be trained nor exported."""
    for module in list(network.modules()):
        norm, convs = getattr(module, "PRENORM", ("", ()))
        if norm:
            takers: Any = [getattr(module, name) for name in convs if hasattr(module, name)]
            setattr(module, norm, _take_over(getattr(module, norm), takers))
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d):
                setattr(module, name, _PackedConv(child))


def _take_over(norm: Any, convs: list[nn.Conv2d]) -> Cut:
    """Let 1x1 convolutions, which see no border, multiply and add what the norm before them does."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.double() - norm.running_mean.double() * scale
    scale = torch.where(scale.abs() < LEAST_GAIN, 0.0, scale)
    bound = torch.where(scale == 0, 0.0, -shift / scale)
    constant = torch.where(scale == 0, shift.clamp(min=0), shift)
    for conv in convs:
        weight = conv.weight.double()
        bias = (weight * constant[None, :, None, None]).sum(dim=(1, 2, 3))
        if conv.bias is not None:
            bias += conv.bias.double()
        conv.weight.copy_(weight * scale[None, :, None, None])
        conv.bias = nn.Parameter(bias.to(conv.weight.dtype), requires_grad=False)
    infinite = torch.full_like(bound, float("inf"))
    return Cut(torch.where(scale > 0, bound, -infinite), torch.where(scale < 0, bound, infinite))
