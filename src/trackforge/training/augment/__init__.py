"""Augmentation: pictures with their labels, changed at random, the same way whoever does it.

A transform is a frozen value that is called with a `LabelledImage` and a `Draw` (random numbers, target size, access to
further pictures); a `Pipeline` is a transform too. `AugmentedSamples` applies one to a data set, `collate` makes a
`Batch` for the training module::

    samples = AugmentedSamples(Samples(dataset), yolox_pipeline(), seed=0)
    loader = DataLoader(samples, batch_sampler=keys, collate_fn=collate)

Needs OpenCV. Only `Batch` needs torch, which is loaded when asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trackforge.training.augment.colour import Contrast, Hsv, HsvGain, Photometric
from trackforge.training.augment.geometry import Expand, Flip, IouCrop, LetterBox, Prepare, RandomAffine, Stretch
from trackforge.training.augment.loading import AugmentedSamples
from trackforge.training.augment.mixing import MixUp, Mosaic
from trackforge.training.augment.pipelines import (
    Pipeline,
    bytetrack_pipeline,
    fairmot_pipeline,
    finetune_pipeline,
    ssd_pipeline,
    validation_pipeline,
    yolox_pipeline,
)
from trackforge.training.augment.rules import BoxRule
from trackforge.training.augment.values import Draw, Key, LabelledImage, TrainingSample, Transform

if TYPE_CHECKING:
    from trackforge.training.augment.batch import Batch, Targets, collate

__all__ = [
    "AugmentedSamples",
    "Batch",
    "BoxRule",
    "Contrast",
    "Draw",
    "Expand",
    "Flip",
    "Hsv",
    "HsvGain",
    "IouCrop",
    "Key",
    "LabelledImage",
    "LetterBox",
    "MixUp",
    "Mosaic",
    "Photometric",
    "Pipeline",
    "Prepare",
    "RandomAffine",
    "Stretch",
    "Targets",
    "TrainingSample",
    "Transform",
    "bytetrack_pipeline",
    "collate",
    "fairmot_pipeline",
    "finetune_pipeline",
    "ssd_pipeline",
    "validation_pipeline",
    "yolox_pipeline",
]


def __getattr__(name: str) -> Any:
    if name in ("Batch", "Targets", "collate"):
        from trackforge.training.augment import batch

        return getattr(batch, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
