"""A convolution with what follows it, and how both become quicker on a CPU.

`pack` has an inference network do convolution, addition and cut in one pass (`trackforge.models.packed`); the numbers
stay the same but for rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from trackforge.models.packed import PackedConvolution, absorb, bounds

__all__ = ["Cut", "activated", "convolve", "pack"]


def convolve(
    conv: nn.Module, x: Tensor, norm: nn.Module | None = None, *, add: Tensor | None = None, relu: bool = True
) -> Tensor:
    """Convolve, normalise, add ``add`` and cut at 0; ``add`` may be overwritten in a packed network."""
    if isinstance(conv, PackedConvolution):
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

    What is left to do is to bound each channel (`trackforge.models.packed.bounds`).
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
                padding: Any = child.padding  # numbers: no dialect has "same"
                packed = PackedConvolution(
                    child.weight, child.bias, child.stride, padding, child.dilation, child.groups
                )
                setattr(module, name, packed)


def _take_over(norm: Any, convs: list[nn.Conv2d]) -> Cut:
    """Let 1x1 convolutions, which see no border, multiply and add what the norm before them does."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.double() - norm.running_mean.double() * scale
    low, high, factor, constant = bounds(scale, shift)
    for conv in convs:
        weight, bias = absorb(conv.weight, conv.bias, factor, constant)
        conv.weight.copy_(weight)
        conv.bias = nn.Parameter(bias, requires_grad=False)
    return Cut(low, high)
