"""Deformable convolution as the operator that ONNX has for it since operator set 19.

Torch has no such operator of its own, so tracing needs to be told: a `trackforge_fairmot.deform.Form` that computes by
``grid_sample`` and writes one ``DeformConv`` into the graph. Offsets, masks and weights are laid out in the same way
there. It is in float32 also where the network is of half precision, as engines have no other.

Source: onnx/onnx (Apache-2.0), operator DeformConv-19.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trackforge_fairmot.deform import grid

__all__ = ["OPSET", "deform_conv"]

OPSET = 19
"""The first operator set that has it."""


class _DeformConv(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return grid(x, offset, mask, weight, bias)

    @staticmethod
    def symbolic(g: Any, x: Any, offset: Any, mask: Any, weight: Any, bias: Any) -> Any:
        kernel = weight.type().sizes()[2]
        around = [kernel // 2] * 4
        inputs = [x, weight, offset, *([] if bias is None else [bias])]
        if bias is None:
            inputs.append(g.op("Constant", value_t=torch.zeros(weight.type().sizes()[0])))
        out = g.op(
            "DeformConv",
            *inputs,
            mask,
            kernel_shape_i=[kernel, kernel],
            pads_i=around,
            strides_i=[1, 1],
            dilations_i=[1, 1],
            group_i=1,
            offset_group_i=1,
        )
        # whoever follows in the graph wants to know the shape: that of the input, with other channels
        sizes = list(x.type().sizes() or [])
        if sizes:
            sizes[1] = weight.type().sizes()[0]
            out.setType(x.type().with_sizes(sizes))
        return out


def deform_conv(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Compute a deformable convolution, and trace it as one ``DeformConv``; a `trackforge_fairmot.deform.Form`."""
    wide = [None if part is None else part.float() for part in (x, offset, mask, weight, bias)]
    out: Tensor = _DeformConv.apply(*wide)  # type: ignore[no-untyped-call]
    return out.to(weight.dtype)
