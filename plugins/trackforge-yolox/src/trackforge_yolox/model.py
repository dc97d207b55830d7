"""The YOLOX network, whole, for every variant.

``YOLOX(variant)(images)`` gives raw maps; ``decode`` turns these into predictions. Training works on the raw maps.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from trackforge_yolox.backbone import Darknet53Pyramid, PathAggregation
from trackforge_yolox.blocks import ConvBlock
from trackforge_yolox.head import DecoupledHead, decode
from trackforge_yolox.variants import Variant
from trackforge_yolox.variants import variant as find_variant

__all__ = ["YOLOX", "Predictor", "fuse"]


class YOLOX(nn.Module):
    """Backbone, neck and head.

    State-dict keys, their order and shapes are those of the official checkpoints.

    Args:
        variant: A variant, or its name.
        classes: Number of classes; None takes that of the published weights.

    Raises:
        ConfigError: There is no variant of that name.
    """

    def __init__(self, variant: Variant | str, classes: int | None = None) -> None:
        super().__init__()
        v = find_variant(variant) if isinstance(variant, str) else variant
        self.variant = v
        count = len(v.classes) if classes is None else classes
        neck: PathAggregation | Darknet53Pyramid
        if v.backbone == "darknet53":
            neck = Darknet53Pyramid()
            self.backbone: nn.Module = neck
            self.head = DecoupledHead(count, neck.channels, 256, act="lrelu")
        else:
            neck = PathAggregation(v.depth, v.width, depthwise=v.depthwise)
            self.backbone = neck
            self.head = DecoupledHead(count, neck.channels, int(256 * v.width), depthwise=v.depthwise)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images to raw maps.

        Args:
            images: ``(B, 3, H, W)``, preprocessed as the weights ask; H and W are multiples of 32.

        Returns:
            Three ``(B, 5 + C, H / s, W / s)`` tensors, s = 8, 16, 32; see `trackforge_yolox.head`.
        """
        return cast("tuple[Tensor, ...]", self.head(self.backbone(images)))


class Predictor(nn.Module):
    """A network and its decoding as one module: what is exported and compiled.

    Args:
        network: Gives raw maps.
        dtype: What the network computes in; None is that of the images. Predictions are never of half precision.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.network = network if dtype is None else network.to(dtype)
        self.dtype = dtype

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)`` to predictions ``(B, A, 5 + C)``, see `trackforge_yolox.head.decode`."""
        return decode(self.network(images if self.dtype is None else images.to(self.dtype)))


def fuse(network: YOLOX) -> YOLOX:
    """Return a copy for inference whose batch normalisations are folded into the convolutions before them."""
    fused = copy.deepcopy(network).eval()
    with torch.no_grad():
        for block in fused.modules():
            if isinstance(block, ConvBlock) and isinstance(block.bn, nn.BatchNorm2d):
                block.conv = fuse_conv_bn_eval(block.conv, block.bn)
                block.bn = nn.Identity()
    return fused
