"""The SSD network, whole, for every variant.

``SSD(variant, classes)(images)`` gives raw outputs: class logits, the first of which is the background, and offsets of
boxes from anchors. Training works on these; `decode` turns them into probabilities and boxes.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from trackforge_ssd.anchors import anchors, native_anchors
from trackforge_ssd.layers import convolve
from trackforge_ssd.layout import Extra, Variant
from trackforge_ssd.resnet import FixedGainNorm, ResNetV1, ResNetV2
from trackforge_ssd.variants import variant as find_variant
from trackforge_ssd.vgg import Vgg16

__all__ = ["SSD", "Outputs", "Predictor", "decode", "fuse", "initialise"]

VARIANCES = (0.1, 0.1, 0.2, 0.2)
"""What offsets are divided by in training: of centres, in sides of the anchor, and of logarithms of sides."""
EXTRA_EPSILON = 1e-3
LARGEST_LOG = math.log(1000 / 16)
"""Beyond which torchvision lets no side grow."""


class Outputs(NamedTuple):
    """What the network gives for B images of N anchors.

    ``logits`` ``(B, N, 1 + C)``, the background first; ``offsets`` ``(B, N, 4)``: of centre x, y, in sides of the
    anchor, and the logarithms of width and height over the anchor's, each over its variance.
    """

    logits: Tensor
    offsets: Tensor


class _ExtraLayers(nn.Module):
    """1x1 then 3x3 convolution, each with a ReLU, after a norm of fixed gain where ``norm``."""

    FOLDS = (("conv1", "bn1"), ("conv2", "bn2"))

    def __init__(self, inputs: int, extra: Extra, *, norm: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, extra.squeeze, 1, bias=not norm)
        self.conv2 = nn.Conv2d(
            extra.squeeze, extra.channels, extra.kernel, extra.stride, padding=extra.padding, bias=not norm
        )
        self.bn1: nn.Module = FixedGainNorm(extra.squeeze, EXTRA_EPSILON) if norm else nn.Identity()
        self.bn2: nn.Module = FixedGainNorm(extra.channels, EXTRA_EPSILON) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return convolve(self.conv2, convolve(self.conv1, x, self.bn1), self.bn2)


class SSD(nn.Module):
    """Backbone, extra layers, and two convolutions a map that predict.

    Args:
        variant: A variant, or its name.
        classes: Number of classes, the background not counted.

    Attributes:
        variant: The variant.
        classes: The number of classes.
        anchors: ``(N, 4)`` corners as parts of an input of the variant's size; a buffer, so it follows the network to
            its device, and is in no state dict.

    Raises:
        ConfigError: There is no variant of that name.
    """

    anchors: Tensor

    def __init__(self, variant: Variant | str, classes: int) -> None:
        super().__init__()
        v = find_variant(variant) if isinstance(variant, str) else variant
        self.variant = v
        self.classes = classes
        v2 = v.dialect == "sagemaker"
        self.backbone: nn.Module = Vgg16(v) if v.base == "vgg16" else ResNetV2(v) if v2 else ResNetV1(v)
        norm = v.base == "resnet50" and v.dialect == "gluoncv"
        self.extras = nn.ModuleList(
            _ExtraLayers(inputs, extra, norm=norm) for inputs, extra in zip(v.channels[1:], v.extras, strict=False)
        )
        heads = list(zip(v.channels, v.levels, strict=True))
        self.class_heads = nn.ModuleList(nn.Conv2d(c, a.count * (1 + classes), 3, padding=1) for c, a in heads)
        self.box_heads = nn.ModuleList(nn.Conv2d(c, a.count * 4, 3, padding=1) for c, a in heads)
        self.register_buffer("anchors", torch.from_numpy(anchors(v).copy()), persistent=False)

    def features(self, images: Tensor) -> list[Tensor]:
        """Map images to the maps that are looked at, the finest first."""
        maps = list(self.backbone(images))
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        return maps

    def forward(self, images: Tensor) -> Outputs:
        """Map images to raw outputs.

        Args:
            images: ``(B, 3, H, W)``, preprocessed as the weights ask; of the variant's size, to fit its ``anchors``.
        """
        maps = self.features(images)
        logits = _rows(self.class_heads, maps, 1 + self.classes)
        return Outputs(logits, _rows(self.box_heads, maps, 4))


def _rows(heads: nn.ModuleList, maps: Sequence[Tensor], columns: int) -> Tensor:
    """Predict from each map, and join: map by map, row by row, column by column, anchor by anchor."""
    rows = [head(m).permute(0, 2, 3, 1).flatten(1) for head, m in zip(heads, maps, strict=True)]
    joined = torch.cat(rows, dim=1)
    return joined.reshape(joined.shape[0], -1, columns)


def decode(outputs: Outputs, native: Tensor, v: Variant, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Turn raw outputs into probabilities and boxes, each dialect by its own arithmetic.

    Half-precision outputs are decoded in float32.

    Args:
        outputs: As the network gives them.
        native: Anchors of the dialect, see `trackforge_ssd.anchors.native_anchors`.
        v: Says the dialect.
        size: ``(height, width)`` of the input.

    Returns:
        Probabilities ``(B, N, 1 + C)``, and corners ``(B, N, 4)``: in pixels of the input, for ``sagemaker`` parts of
        it; clipped where the dialect does.
    """
    logits, offsets = (t.float() for t in outputs)
    x, y, w, h = offsets.unbind(dim=2)
    if v.dialect == "gluoncv":
        ax, ay, aw, ah = native.unbind(dim=1)
    else:
        aw, ah = native[:, 2] - native[:, 0], native[:, 3] - native[:, 1]
        ax, ay = (native[:, 0] + native[:, 2]) / 2, (native[:, 1] + native[:, 3]) / 2
        if v.dialect == "torchvision":
            ax, ay = native[:, 0] + 0.5 * aw, native[:, 1] + 0.5 * ah
    if v.dialect == "torchvision":
        cx, cy = x / 10 * aw + ax, y / 10 * ah + ay
        half_w = (w / 5).clamp(max=LARGEST_LOG).exp() * aw * 0.5
        half_h = (h / 5).clamp(max=LARGEST_LOG).exp() * ah * 0.5
    else:
        cx, cy = x * VARIANCES[0] * aw + ax, y * VARIANCES[1] * ah + ay
        half_w = (w * VARIANCES[2]).exp() * aw / 2
        half_h = (h * VARIANCES[3]).exp() * ah / 2
    boxes = torch.stack((cx - half_w, cy - half_h, cx + half_w, cy + half_h), dim=2)
    if v.rule.clip:
        across, down = (1.0, 1.0) if v.dialect == "sagemaker" else (float(size[1]), float(size[0]))
        limits = (across, down, across, down)
        boxes = torch.stack([boxes[..., i].clamp(0, limit) for i, limit in enumerate(limits)], dim=2)
    return logits.softmax(dim=2), boxes


class Predictor(nn.Module):
    """A network and its decoding as one module: what is exported and compiled.

    Args:
        network: Gives raw outputs.
        size: ``(height, width)`` of the input; that of the variant if left out.
        dtype: What the network computes in; None is that of the images. Predictions are never of half precision.

    Raises:
        ConfigError: The anchors do not fit the size.
    """

    def __init__(self, network: SSD, size: tuple[int, int] | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.network = network if dtype is None else network.to(dtype)
        self.dtype = dtype
        self.size = size or (network.variant.size, network.variant.size)
        # No buffer: anchors must not lose digits where the network computes in half precision.
        self._native = torch.from_numpy(native_anchors(network.variant, self.size).copy())

    @property
    def anchors(self) -> Tensor:
        """Anchors ``(N, 4)`` as the dialect decodes with them."""
        return self._native

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images ``(B, 3, H, W)`` to probabilities ``(B, N, 1 + C)`` and boxes ``(B, N, 4)``; see `decode`."""
        if self._native.device != images.device:
            self._native = self._native.to(images.device)
        outputs = self.network(images if self.dtype is None else images.to(self.dtype))
        return decode(outputs, self._native, self.network.variant, self.size)


@torch.no_grad()
def initialise(network: SSD) -> None:
    """Begin anew: Xavier weights (uniform, over in- and outputs), no bias, as the dialects train their layers.

    The scale of the norm stays at 20, norms at 0 and 1.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def fuse(network: SSD) -> SSD:
    """Return a copy for inference: batch norms and GluonCV's scale of the input folded into convolutions.

    A norm in front of a convolution stays, since the zeros around a map do not go through it.
    """
    fused = copy.deepcopy(network).eval()
    with torch.no_grad():
        for module in fused.modules():
            for conv, norm in getattr(module, "FOLDS", ()):
                if hasattr(module, conv):
                    _fold(getattr(module, conv), getattr(module, norm))
                    setattr(module, norm, nn.Identity())
            if isinstance(module, Vgg16) and module.input_scale is not None:
                first: Any = module.get_submodule("conv1_1")
                first.weight *= module.input_scale[None, :, None, None]
                module.input_scale = None
    return fused


def _fold(conv: nn.Conv2d, norm: Any) -> None:
    """Let a convolution do what the norm after it does, computed in float64 and rounded once."""
    if isinstance(norm, nn.Identity):
        return
    mean, var, shift = (getattr(norm, name).double() for name in ("running_mean", "running_var", "bias"))
    gain = torch.ones_like(var) if isinstance(norm, FixedGainNorm) else norm.weight.double()
    factor = gain / (var + norm.eps).sqrt()
    bias = 0.0 if conv.bias is None else conv.bias.double()
    made = ((bias - mean) * factor + shift).to(conv.weight.dtype)
    conv.weight.copy_(conv.weight.double() * factor[:, None, None, None])
    conv.bias = nn.Parameter(made)
