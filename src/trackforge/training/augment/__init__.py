"""Augmentation: pictures with their labels, changed at random, the same way whoever does it.

A transform is a frozen value that is called with a `LabelledImage` and a `Draw` (random numbers, target size, access to
further pictures). A `Pipeline` is a transform too. `AugmentedSamples` applies one to a data set, `collate` makes a
`Batch`. Needs OpenCV; only `Batch` needs torch, and it is loaded when asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trackforge.training.augment.loading import AugmentedSamples
from trackforge.training.augment.values import Draw, Key, LabelledImage, TrainingSample, Transform

if TYPE_CHECKING:
    from trackforge.training.augment.batch import Batch, Targets, collate

__all__ = [
    "AugmentedSamples",
    "Batch",
    "Draw",
    "Key",
    "LabelledImage",
    "Targets",
    "TrainingSample",
    "Transform",
    "collate",
]


def __getattr__(name: str) -> Any:
    if name in ("Batch", "Targets", "collate"):
        from trackforge.training.augment import batch

        return getattr(batch, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
