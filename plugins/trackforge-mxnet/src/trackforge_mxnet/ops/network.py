"""Layers with weights, and normalisation.

Tensors are ``(B, C, H, W)``; weights are ``(out, in / groups, kh, kw)`` as torch has them, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.operators import Function, operator

__all__ = ["BATCH_NORM_EPS", "Convolve", "Normalise"]

BATCH_NORM_EPS = 1e-3
"""MXNet's, where the file states none; torch's is 1e-5."""
_PLAIN_LAYOUTS = ("NCHW", "NCW", "NCDHW")
_CONVOLUTIONS: dict[int, Any] = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_TRANSPOSED: dict[int, Any] = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


def _sides(attributes: Attributes, name: str, count: int, default: int, least: int) -> tuple[int, ...]:
    found = attributes.wholes(name, ()) or (default,) * count
    if len(found) != count or any(not least <= side <= 1 << 16 for side in found):
        raise attributes.refuse(name, f"must be {count} whole numbers from {least} to {1 << 16}")
    return found


def _kernel(attributes: Attributes, dimensions: tuple[int, ...] = (1, 2, 3)) -> tuple[int, ...]:
    kernel = attributes.wholes("kernel")
    if len(kernel) not in dimensions or any(not 1 <= side <= 1 << 12 for side in kernel):
        raise attributes.refuse("kernel", f"must be {' or '.join(map(str, dimensions))} whole numbers from 1 to 4096")
    return kernel


@dataclass(frozen=True)
class Convolve:
    """A convolution, open to view so that what follows it can be folded into it."""

    sides: int
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def __call__(self, data: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
        """Convolve ``(B, C, ...)``."""
        convolve = _CONVOLUTIONS[self.sides]
        return convolve(data, weight, bias, self.stride, self.padding, self.dilation, self.groups)


@operator("Convolution", "Convolution_v1")
def _convolution(attributes: Attributes) -> Function:
    kernel = _kernel(attributes)
    sides = len(kernel)
    stride, dilation = _sides(attributes, "stride", sides, 1, 1), _sides(attributes, "dilate", sides, 1, 1)
    padding = _sides(attributes, "pad", sides, 0, 0)
    groups = attributes.whole("num_group", 1, least=1)
    attributes.text("layout", _PLAIN_LAYOUTS[0], _PLAIN_LAYOUTS)
    attributes.whole("num_filter", least=1)
    attributes.flag("no_bias", default=False)
    return Convolve(sides, stride, padding, dilation, groups)


@operator("Deconvolution")
def _deconvolution(attributes: Attributes) -> Function:
    kernel = _kernel(attributes)
    sides = len(kernel)
    stride, dilation = _sides(attributes, "stride", sides, 1, 1), _sides(attributes, "dilate", sides, 1, 1)
    padding, more = _sides(attributes, "pad", sides, 0, 0), _sides(attributes, "adj", sides, 0, 0)
    groups = attributes.whole("num_group", 1, least=1)
    attributes.text("layout", _PLAIN_LAYOUTS[0], _PLAIN_LAYOUTS)
    attributes.whole("num_filter", least=1)
    attributes.flag("no_bias", default=True)
    if any(attributes.wholes("target_shape", ())):
        raise attributes.refuse("target_shape", "must be left out")
    convolve = _TRANSPOSED[sides]

    def run(data: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
        return convolve(data, weight, bias, stride, padding, more, groups, dilation)

    return run


@operator("FullyConnected")
def _fully_connected(attributes: Attributes) -> Function:
    attributes.whole("num_hidden", least=1)
    attributes.flag("no_bias", default=False)
    flatten = attributes.flag("flatten", default=True)

    def run(data: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return functional.linear(data.flatten(1) if flatten else data, weight, bias)

    return run


@dataclass(frozen=True)
class Normalise:
    """A batch normalisation with stored statistics; where ``fixed``, gamma counts as 1 whatever is stored."""

    eps: float
    fixed: bool
    axis: int

    def __call__(self, data: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Normalise ``(B, C, ...)``."""
        if self.axis % data.ndim == 1:
            gain = None if self.fixed else gamma
            return functional.batch_norm(data, mean, variance, gain, beta, False, 0.0, self.eps)
        shape = [1] * data.ndim
        shape[self.axis] = -1
        scale, shift = self.scale_and_shift(gamma, beta, mean, variance)
        return data * scale.to(data.dtype).reshape(shape) + shift.to(data.dtype).reshape(shape)

    def scale_and_shift(self, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Return what it multiplies by and adds, ``(C,)`` float64 each."""
        scale = (variance.double() + self.eps).rsqrt()
        if not self.fixed:
            scale = scale * gamma.double()
        return scale, beta.double() - mean.double() * scale


@operator("BatchNorm", "BatchNorm_v1", "CuDNNBatchNorm", "_contrib_SyncBatchNorm", "SyncBatchNorm")
def _batch_norm(attributes: Attributes) -> Function:
    attributes.flag("output_mean_var", default=False)
    attributes.number_or_none("min_calib_range")
    attributes.number_or_none("max_calib_range")
    return Normalise(
        attributes.number("eps", BATCH_NORM_EPS),
        attributes.flag("fix_gamma", default=True),
        attributes.whole("axis", 1),
    )


@operator("LayerNorm")
def _layer_norm(attributes: Attributes) -> Function:
    axis, eps = attributes.whole("axis", -1), attributes.number("eps", 1e-5)
    attributes.flag("output_mean_var", default=False)

    def run(data: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        shape = [1] * data.ndim
        shape[axis] = -1
        middle = data - data.mean(axis, keepdim=True)
        scale = (middle.square().mean(axis, keepdim=True) + eps).rsqrt()
        return middle * scale * gamma.reshape(shape) + beta.reshape(shape)

    return run


@operator("InstanceNorm")
def _instance_norm(attributes: Attributes) -> Function:
    eps = attributes.number("eps", 1e-3)

    def run(data: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return functional.instance_norm(data, weight=gamma, bias=beta, eps=eps)

    return run


@operator("GroupNorm")
def _group_norm(attributes: Attributes) -> Function:
    groups, eps = attributes.whole("num_groups", 1, least=1), attributes.number("eps", 1e-5)
    attributes.flag("output_mean_var", default=False)

    def run(data: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return functional.group_norm(data, groups, gamma, beta, eps)

    return run


@operator("L2Normalization")
def _l2_normalization(attributes: Attributes) -> Function:
    eps = attributes.number("eps", 1e-10)
    mode = attributes.text("mode", "instance", ("instance", "channel", "spatial"))

    def run(data: Tensor) -> Tensor:
        axes = {"channel": [1], "spatial": list(range(2, data.ndim))}.get(mode) or list(range(1, data.ndim))
        return data / (data.square().sum(axes, keepdim=True) + eps).sqrt()

    return run


@operator("LRN")
def _lrn(attributes: Attributes) -> Function:
    size = attributes.whole("nsize", least=1)
    alpha, beta = attributes.number("alpha", 1e-4), attributes.number("beta", 0.75)
    knorm = attributes.number("knorm", 2.0)

    def run(data: Tensor) -> Tensor:
        return functional.local_response_norm(data, size, alpha, beta, knorm)

    return run


@operator("UpSampling")
def _up_sampling(attributes: Attributes) -> Function:
    scale = attributes.whole("scale", least=1)
    kind = attributes.text("sample_type", "nearest", ("nearest", "bilinear"))
    mode = attributes.text("multi_input_mode", "concat", ("concat", "sum"))
    attributes.whole("num_filter", 0)

    def nearest(*data: Tensor) -> Tensor:
        height, width = data[0].shape[2] * scale, data[0].shape[3] * scale
        grown = [functional.interpolate(one, size=(height, width), mode="nearest") for one in data]
        if len(grown) == 1:
            return grown[0]
        return torch.cat(grown, 1) if mode == "concat" else torch.stack(grown).sum(0)

    def bilinear(data: Tensor, weight: Tensor) -> Tensor:
        padding = -(-(scale - 1) // 2)
        return functional.conv_transpose2d(data, weight, None, scale, padding, 0, data.shape[1])

    return nearest if kind == "nearest" else bilinear


@operator("_contrib_BilinearResize2D", "BilinearResize2D")
def _bilinear_resize(attributes: Attributes) -> Function:
    attributes.text("mode", "size", ("size",))
    aligned = attributes.flag("align_corners", default=True)
    height, width = attributes.whole("height", 1), attributes.whole("width", 1)
    down, across = attributes.number_or_none("scale_height"), attributes.number_or_none("scale_width")

    def run(data: Tensor) -> Tensor:
        size = (height, width)
        if down is not None and across is not None:
            size = (int(data.shape[2] * down), int(data.shape[3] * across))
        return functional.interpolate(data, size=size, mode="bilinear", align_corners=aligned)

    return run


@operator("Embedding")
def _embedding(attributes: Attributes) -> Function:
    attributes.whole("input_dim", least=1)
    attributes.whole("output_dim", least=1)
    attributes.text("dtype", "float32")
    attributes.flag("sparse_grad", default=False)

    def run(data: Tensor, weight: Tensor) -> Tensor:
        return functional.embedding(data.long().clamp(0, len(weight) - 1), weight)

    return run
