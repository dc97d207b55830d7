"""SSD's two losses, as sums with what they are divided by.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, equations 1 to 3; zhreshold/mxnet-ssd (MIT) for the
normalisation called valid.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from trackforge_ssd.training.targets import IGNORED, Targets

__all__ = ["Normalisation", "Sums", "loss_sums"]

Normalisation = Literal["valid", "positives"]


class Sums(NamedTuple):
    """Sums over a batch, and what each is to be divided by."""

    cross_entropy: Tensor
    smooth_l1: Tensor
    classes: Tensor
    boxes: Tensor


def loss_sums(logits: Tensor, offsets: Tensor, targets: Targets, normalisation: Normalisation = "valid") -> Sums:
    """Return the losses of a batch.

    Args:
        logits: ``(B, N, 1 + C)``.
        offsets: ``(B, N, 4)``.
        targets: See `trackforge_ssd.training.targets`.
        normalisation: Valid: cross entropy by the anchors that learn anything, smooth L1 by the numbers that are not
            right yet, as the built-in algorithm does. Positives: by the anchors that learn an object (the paper).
    """
    rows = targets.classes != IGNORED
    entropy = functional.cross_entropy(logits[rows].float(), targets.classes[rows], reduction="sum")
    found, wanted = offsets[targets.positive].float(), targets.offsets[targets.positive]
    each = functional.smooth_l1_loss(found, wanted, reduction="none")
    if normalisation == "positives":
        count = targets.positive.sum()
        return Sums(entropy, each.sum(), count, count)
    return Sums(entropy, each.sum(), rows.sum(), torch.count_nonzero(each.detach()))
