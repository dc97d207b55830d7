"""Modulated deformable convolution (DCNv2) in plain torch, in three forms that give the same numbers.

A 3x3 convolution reads nine places around each cell. A deformable one reads nine places that it has chosen itself, by
an offset each, between cells too (bilinearly; zero outside of the map), and weights each with a mask of 0..1.

====== ============================================ ========================== ====================================
form   how                                          gradients                  where ``"auto"`` takes it
====== ============================================ ========================== ====================================
gather weighted sum of the four cells around        the original's, everywhere training, and all work on a CPU
       a place, by ``embedding_bag``
grid   one ``grid_sample`` on a (9 H) x W grid      of the other side at whole graphs for others (ONNX); a GPU
                                                    places                     without the native one
native torchvision's own operator                   of the other side at -1    inference on a GPU, where torchvision
                                                                               is installed and has the operator
====== ============================================ ========================== ====================================

A bilinear read has a kink at whole places: the gradient by the offset jumps there, and forms differ in the side that
they take. Training starts with all offsets zero, so exactly there: `gather` takes the original's side.

**For another form** (an export to an operator that torch does not have): `DeformConv2d.form` is the name of a form or
any function with the signature of `Form`; `set_form` puts one into every layer of a network. Offset and mask reach it
computed, the mask after its sigmoid, so that the function stands for the operator alone: an ``autograd.Function`` with
a ``symbolic`` of ONNX's DeformConv takes ``(x, weight, offset, bias, mask)`` as they are. The layout of the offset is
the one of ONNX and torchvision.

Source: Zhu et al., "Deformable ConvNets v2", CVPR 2019; behaviour recorded from CharlesShang/DCNv2 (BSD-3-Clause).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from trackforge.errors import ConfigError, MissingDependencyError, did_you_mean

__all__ = [
    "FORMS",
    "DeformConv2d",
    "Form",
    "check_form",
    "check_native",
    "gather",
    "grid",
    "is_traced",
    "native",
    "native_works",
    "set_form",
]

Form: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor, "Tensor | None"], Tensor]
"""``form(x, offset, mask, weight, bias)``: the operator, stride 1, padding that keeps the size.

- ``x``: ``(B, C, H, W)``.
- ``offset``: ``(B, 2 k k, H, W)`` in cells; of each tap, row by row, y and then x.
- ``mask``: ``(B, k k, H, W)``, 0..1.
- ``weight``: ``(D, C, k, k)``, k odd; ``bias``: ``(D,)`` or None.
- Returns ``(B, D, H, W)``.
"""


def _wide(dtype: torch.dtype) -> torch.dtype:
    """Return what places are computed in: half precision cannot tell column 257 from 258."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _places(offset: Tensor, kernel: int) -> tuple[Tensor, Tensor]:
    """Return y and x of every place that is read, ``(B, k k, H, W)`` in cells, never in half precision."""
    offset = offset.to(_wide(offset.dtype))
    batch, _, height, width = offset.shape
    steps = torch.arange(kernel, device=offset.device, dtype=offset.dtype) - kernel // 2
    rows = torch.arange(height, device=offset.device, dtype=offset.dtype).view(1, 1, -1, 1)
    columns = torch.arange(width, device=offset.device, dtype=offset.dtype).view(1, 1, 1, -1)
    chosen = offset.reshape(batch, kernel * kernel, 2, height, width)
    y = chosen[:, :, 0] + rows + steps.repeat_interleave(kernel).view(1, -1, 1, 1)
    x = chosen[:, :, 1] + columns + steps.repeat(kernel).view(1, -1, 1, 1)
    return y, x


def gather(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Sum the four cells around each place, weighted; a `Form`, with the original's gradients everywhere."""
    batch, channels, height, width = x.shape
    taps = weight.shape[2] * weight.shape[3]
    y, across = _places(offset, weight.shape[2])
    # The original reads nothing at -1 and beyond, nor does any gradient flow there. Other places have their four cells
    # on the map with a border of zeros.
    inside = (y > -1) & (y < height) & (across > -1) & (across < width)
    y, across = torch.where(inside, y, 0), torch.where(inside, across, 0)
    share = mask.to(y.dtype) * inside  # a product, so that a mask that is no number shows
    top, left = y.detach().floor(), across.detach().floor()
    below, right = share * (y - top), across - left
    above = share - below
    parts = (above - above * right, above * right, below - below * right, below * right)
    shares = torch.stack([part.permute(0, 2, 3, 1) for part in parts], dim=-1)
    line = width + 2
    first = torch.arange(batch, device=x.device, dtype=torch.int32).view(-1, 1, 1, 1) * (height + 2) * line
    cell = (top.int() + 1) * line + (left.int() + 1) + first
    pair = torch.arange(2, device=x.device, dtype=torch.int32)
    four = cell.permute(0, 2, 3, 1).unsqueeze(-1) + (pair.view(2, 1) * line + pair).view(4)
    table = functional.pad(x, (1, 1, 1, 1)).permute(0, 2, 3, 1).reshape(-1, channels).to(y.dtype)
    read = functional.embedding_bag(four.reshape(-1, 4), table, mode="sum", per_sample_weights=shares.reshape(-1, 4))
    flat = weight.permute(0, 2, 3, 1).reshape(weight.shape[0], taps * channels)
    out = functional.linear(read.view(batch * height * width, taps * channels).to(weight.dtype), flat, bias)
    out = out.view(batch, height, width, weight.shape[0]).permute(0, 3, 1, 2)
    return out.contiguous() if x.is_contiguous() else out  # the layout of the input: what follows is used to it


def grid(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Read all places by one ``grid_sample``; a `Form` that every graph format can express."""
    batch, channels, height, width = x.shape
    taps = weight.shape[2] * weight.shape[3]
    y, across = _places(offset, weight.shape[2])
    # Corners not aligned: this form has no division by height - 1, so that a map may be one cell high.
    where = torch.stack(((2 * across + 1) / width - 1, (2 * y + 1) / height - 1), dim=-1)
    where = where.reshape(batch, taps * height, width, 2)
    read = functional.grid_sample(x.to(y.dtype), where, mode="bilinear", padding_mode="zeros", align_corners=False)
    read, share = read.reshape(batch, channels, taps, height, width), mask.unsqueeze(1).to(y.dtype)
    # nine times the map: having it twice takes a sixth of the network's time; who records a graph sees to it himself
    read = read * share if torch.is_grad_enabled() or is_traced() else read.mul_(share)
    out = weight.flatten(1) @ read.reshape(batch, channels * taps, height * width).to(weight.dtype)
    out = out.reshape(batch, weight.shape[0], height, width)
    return out if bias is None else out + bias.view(-1, 1, 1)


def native(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Call torchvision's operator; a `Form`.

    Raises:
        MissingDependencyError: torchvision is not installed, or has no such operator for the device.
    """
    check_native(x.device.type)
    wide = _wide(offset.dtype)
    last = None if bias is None else bias.to(wide)
    padding = (weight.shape[2] // 2, weight.shape[3] // 2)
    out: Tensor = import_module("torchvision.ops").deform_conv2d(
        x.to(wide), offset.to(wide), weight.to(wide), last, padding=padding, mask=mask.to(wide)
    )
    return out.to(weight.dtype)


def check_native(device: str = "cpu") -> None:
    """Refuse torchvision's operator where there is none for that type of device.

    Raises:
        MissingDependencyError: There is none.
    """
    if not native_works(device):
        raise MissingDependencyError(
            f"deform='native' needs a torchvision that has its own operators on {device}; there is none. Install the "
            "torchvision that belongs to your torch, or take deform='auto'."
        )


@functools.lru_cache(maxsize=8)
def native_works(device: str = "cpu") -> bool:
    """Whether torchvision is installed and its operator runs on that type of device.

    Beside another build of torch than its own, torchvision fails to import, or imports without operators.
    """
    try:
        one = torch.ones(1, 1, 1, 1, device=device)
        operator = import_module("torchvision.ops").deform_conv2d
        return bool(operator(one, torch.zeros(1, 2, 1, 1, device=device), one, mask=one).item() == 1)
    except (ImportError, RuntimeError, AttributeError):
        return False


FORMS: Mapping[str, Form] = {"gather": gather, "grid": grid, "native": native}
"""The forms by name; ``"auto"`` is one of them, see the table above."""


def check_form(form: str | Form) -> str | Form:
    """Return the form.

    Raises:
        ConfigError: There is none of that name.
    """
    if isinstance(form, str) and form != "auto" and form not in FORMS:
        names = ("auto", *FORMS)
        raise ConfigError(f"deform must be one of {', '.join(names)}; got {form!r}.{did_you_mean(form, names)}")
    return form


class DeformConv2d(nn.Module):
    """A deformable convolution that finds its offsets and masks by a convolution of the same kernel.

    Starts as a plain convolution with all masks at a half, as the offset convolution starts with zeros.

    Args:
        inputs: Channels C of the input.
        outputs: Channels D of the output.
        kernel: Side of the kernel, odd.

    Attributes:
        form: Name of a form, ``"auto"``, or a function; see `Form`.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        bound = (inputs * kernel * kernel) ** -0.5
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.conv_offset_mask = nn.Conv2d(inputs, 3 * kernel * kernel, kernel, padding=kernel // 2)
        for parameter in self.conv_offset_mask.parameters():
            nn.init.zeros_(parameter)
        self.form: str | Form = "auto"

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, D, H, W)``."""
        places = 2 * self.weight.shape[2] * self.weight.shape[3]
        chosen = self.conv_offset_mask(x)
        offset, mask = chosen[:, :places], torch.sigmoid(chosen[:, places:])
        form = FORMS[self._choose(x)] if isinstance(self.form, str) else self.form
        return form(x, offset, mask, self.weight, self.bias)

    def _choose(self, x: Tensor) -> str:
        if self.form != "auto":
            return str(self.form)
        if is_traced():
            return "grid"
        if self.training or not x.is_cuda:
            return "gather"
        return "native" if native_works("cuda") else "grid"


def is_traced() -> bool:
    """Whether a graph is being recorded that others will run, as for ONNX."""
    exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # the first is new in torch 2.7
    return bool(torch.jit.is_tracing()) or exporting()  # type: ignore[attr-defined, no-untyped-call]


def set_form(network: nn.Module, form: str | Form) -> None:
    """Give every deformable convolution of a network that form.

    Raises:
        ConfigError: There is none of that name.
    """
    check_form(form)
    for module in network.modules():
        if isinstance(module, DeformConv2d):
            module.form = form
