"""Batch norms of weights that were folded for inference: brought back to life before training.

Published weights in exchange formats often have their batch norms folded into the convolutions. Put back into the
network they give the same results, with norms that do nothing: mean 0, variance 1. Training from there breaks them at
once, since the first batch replaces these statistics by its own, and since folding leaves rows of weights of any length
(1e-3 and 100 in one network), for which no learning rate is right. `revive_norms` measures the statistics on real
pictures and writes the same function in the form that training expects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from trackforge_yolox.blocks import ConvBlock

__all__ = ["norms_are_folded", "revive_norms"]

COLUMNS = ("running_mean", "running_var", "weight", "bias")
ROW = 3**-0.5
"""Length that a row of weights gets: what a row has on average where torch starts a convolution at random."""


def norms_are_folded(network: nn.Module) -> bool:
    """Whether no batch norm of a network shifts anything, which never happens in training."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    return bool(norms) and not any(bool(m.running_mean.any()) for m in norms if m.running_mean is not None)


@torch.no_grad()
def revive_norms(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Give batch norms the statistics of real pictures without changing what the network computes.

    Args:
        network: Changed in place; its results in evaluation mode stay the same up to rounding.
        batches: Inputs ``(B, 3, H, W)``, at least one.
    """
    blocks = [m for m in network.modules() if isinstance(m, ConvBlock) and isinstance(m.bn, nn.BatchNorm2d)]
    sums: dict[nn.Module, list[Tensor]] = {}

    def measure(norm: nn.Module, given: tuple[Tensor]) -> None:
        x = given[0].double()
        count = torch.tensor(x.numel() / x.shape[1], dtype=x.dtype, device=x.device)
        now = [count, x.sum((0, 2, 3)), x.square().sum((0, 2, 3))]
        sums[norm] = [a + b for a, b in zip(sums[norm], now, strict=True)] if norm in sums else now

    hooks = [block.bn.register_forward_pre_hook(measure) for block in blocks]
    was_training = network.training
    network.eval()
    try:
        for batch in batches:
            network(batch)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
    for block in blocks:
        if block.bn in sums:
            _rewrite(block.conv, block.bn, *sums[block.bn])


def _rewrite(convolution: nn.Conv2d, norm: nn.Module, count: Tensor, total: Tensor, squares: Tensor) -> None:
    old_mean, old_variance, scale, shift = (cast("Tensor", getattr(norm, name)) for name in COLUMNS)
    epsilon = cast("float", norm.eps)
    mean = total / count
    variance = (squares / count - mean.square()).clamp(min=0)
    factor = scale.double() / (old_variance.double() + epsilon).sqrt()
    shift += (factor * (mean - old_mean.double())).to(shift)
    length = convolution.weight.double().flatten(1).norm(dim=1)
    stretch = torch.where(length > 0, ROW / length.clamp(min=1e-12), torch.ones_like(length))
    convolution.weight.copy_(convolution.weight.double() * stretch[:, None, None, None])
    old_mean.copy_(mean * stretch)
    old_variance.copy_(variance * stretch.square())
    scale.copy_(factor / stretch * (variance * stretch.square() + epsilon).sqrt())
