"""How pictures go into MXNet's networks: stretched to a square, or with their short side at a given length.

SageMaker's Object Detection takes RGB 0..255, stretched. Whether its mean was subtracted in training is not published:
artefacts with ResNet-50 normalise by themselves (``bn_data``) and show by the mean they learnt what they were fed with;
those with VGG-16 show nothing. GluonCV takes RGB 0..1 by ImageNet's mean and deviation; its one-stage networks were
scored on squares, those of two stages get pictures with their aspect kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trackforge.models import IMAGENET_MEAN, IMAGENET_STD, Placement, Preprocessing
from trackforge_mxnet.recognition import Layout

__all__ = ["KINDS", "Kind", "Pictures", "guess_kind"]

Kind = Literal["raw", "mean", "gluoncv"]
KINDS: dict[Kind, dict[str, Any]] = {
    "raw": {},
    "mean": {"mean": (123.0, 117.0, 104.0)},
    "gluoncv": {"scale": 255.0, "mean": IMAGENET_MEAN, "std": IMAGENET_STD},
}
"""Values by kind: as they are, minus ImageNet's mean, or as GluonCV has them."""
FAR_FROM_ZERO = 20.0
"""A mean of colours that was learnt from 0..255 lies above it, one from colours minus their mean below, or below 0."""
STORED = "preprocessing.json"
"""Where `trackforge-ssd` writes ``"raw"`` or ``"mean"`` into an artefact, if the numbers do not show it."""


def guess_kind(
    layout: Layout, parameters: Mapping[str, npt.NDArray[Any]], texts: Mapping[str, str], reasons: list[str]
) -> Kind:
    """Tell which values a network wants, from texts that lie with it, or its numbers."""
    if layout.dialect != "sagemaker":
        return "gluoncv"
    said = texts.get(STORED, "").strip().strip('"')
    for stored in ("raw", "mean"):
        if said == stored:
            reasons.append(f"{STORED} says {stored}: colours go in {_WORDS[stored]}")
            return stored
    learnt = parameters.get("bn_data_moving_mean")
    if learnt is None or learnt.size == 0:
        reasons.append(
            "nothing tells whether a mean was subtracted from the colours: they go in as they are (unproven); "
            "preprocessing=mean says otherwise, and trackforge_mxnet.probing.probe compares both on your pictures"
        )
        return "raw"
    mean = float(np.mean(learnt))
    kind: Kind = "raw" if mean >= FAR_FROM_ZERO else "mean"
    reasons.append(f"bn_data has learnt colours with a mean of {mean:.0f}: they go in {_WORDS[kind]}")
    return kind


_WORDS = {"raw": "as they are", "mean": "with ImageNet's mean subtracted"}


class Pictures:
    """Makes inputs.

    Args:
        base: Size and values; its size is the square, or for ``short`` the short and the longest side.
        short: Keep the aspect, with the short side at ``base.size[0]``.
        multiple: What sides must be multiples of, where the aspect is kept.
    """

    def __init__(self, base: Preprocessing, *, short: bool = False, multiple: int = 1) -> None:
        self.base, self.short, self.multiple = base, short, multiple

    def __call__(self, image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], Placement]:
        """Return the input ``(3, H, W)`` of a picture ``(h, w, 3)``, and where the picture lies in it."""
        chosen = self.base if not self.short else replace(self.base, size=self.size_of(image.shape[0], image.shape[1]))
        out = np.empty((3, *chosen.size), np.float32)
        return out, chosen.planes(image, out)

    def size_of(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of the input for a picture of a size, with its aspect kept."""
        short, longest = self.base.size
        ratio = short / min(height, width)
        if ratio * max(height, width) > longest:
            ratio = longest / max(height, width)
        step = self.multiple
        down, across = (max(round(side * ratio / step), 1) * step for side in (height, width))
        return down, across
