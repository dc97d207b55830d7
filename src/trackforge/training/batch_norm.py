"""Batch norm over the pictures of all processes, so that a step on eight devices is the step on one."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

__all__ = ["GlobalBatchNorm2d", "synchronise"]


def synchronise(model: nn.Module, *, native: bool) -> nn.Module:
    """Make every batch norm of a model look at the pictures of all processes.

    Args:
        model: Changed in place; parameters and their names stay the same objects.
        native: Whether to use torch's own, which is fast and knows GPUs only.
    """
    if native:
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return converted
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = GlobalBatchNorm2d  # it has the same attributes, so nothing needs copying
    return model


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` whose mean and variance in training are over all processes, on any device."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise ``(B, C, H, W)``."""
        if not self.training or not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
            return super().forward(input)
        x = input.float()
        count = _total(x.new_tensor([x.numel() / x.shape[1]]))
        mean = _total(x.sum((0, 2, 3))) / count
        centred = x - mean[:, None, None]
        variance = _total(centred.square().sum((0, 2, 3))) / count  # in two passes: no cancellation
        if self.track_running_stats:
            self._remember(mean.detach(), (variance * count / (count - 1)).detach())
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        out = centred * scale[:, None, None]
        if self.bias is not None:
            out = out + self.bias[:, None, None]
        return out.to(input.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


def _total(value: Tensor) -> Tensor:
    summed: Tensor = _Sum.apply(value)  # type: ignore[no-untyped-call]
    return summed


class _Sum(torch.autograd.Function):
    """Sum over processes; its gradient is the sum of the gradients."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:  # noqa: ARG004
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        total = gradient.clone()
        dist.all_reduce(total)
        return total
