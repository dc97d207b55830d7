"""The component: SSD as something that `trackforge.training.fit` can train."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from trackforge.data import Dataset, Samples
from trackforge.training import CocoAP, Plan, Training, VocAP
from trackforge.training.augment import (
    AugmentedSamples,
    Contrast,
    Flip,
    Hsv,
    Pipeline,
    Stretch,
    ssd_pipeline,
    validation_pipeline,
)
from trackforge_ssd.start import Start
from trackforge_ssd.training.beginning import begin
from trackforge_ssd.training.config import SsdTrainConfig
from trackforge_ssd.training.module import SsdModule

__all__ = ["SsdTrainer", "augmentation"]

FREE = frozenset(
    {
        # said of the loop as well, which compares what has to be the same
        "epochs", "mini_batch_size", "early_stopping", "early_stopping_min_epochs", "early_stopping_patience",
        "early_stopping_tolerance",
        # of no effect on what is learnt; weights are compared by content, the network by its name
        "num_training_samples", "label_width", "kv_store", "weights", "use_pretrained_model", "variant",
        "base_network", "image_shape", "algorithm_log", "validate_score", "cache_mb",
    }
)  # fmt: skip
"""Settings that a resumed run may change."""
GREY = (127, 127, 127)


class SsdTrainer:
    """Trains SSD on labelled pictures; a `trackforge.training.Recipe`.

    Args:
        config: Settings.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016; zhreshold/mxnet-ssd (MIT): its numbers.

    Example:
        >>> SsdTrainer(SsdTrainConfig(mini_batch_size=16)).defaults["batch_size"]
        16
    """

    def __init__(self, config: SsdTrainConfig | None = None) -> None:
        self.config = config or SsdTrainConfig()

    @property
    def defaults(self) -> Mapping[str, Any]:
        """`trackforge.training.FitSettings` that the algorithm's names stand for."""
        return self.config.fit_defaults

    def begin(self, plan: Plan, /) -> Training:
        """Read the weights and make everything.

        Raises:
            WeightsError: The weights cannot be used.
            ConfigError: Settings do not fit the network.
            DataError: The data have more classes than ``num_classes``.
        """
        config, start = self.config, begin(self.config, plan)
        make, val = start.card.preprocessing, plan.validation
        return Training(
            module=SsdModule(plan, start, config),
            train=AugmentedSamples(
                Samples(_objects(plan.dataset, config), cache_mb=config.cache_mb), augmentation(config), seed=plan.seed
            ),
            val=None if val is None else AugmentedSamples(Samples(val, verify=False), validation_pipeline(make)),
            sizes=[make.size],
            identity=_identity(config, start),
            scorers=[VocAP(overlap=config.overlap_threshold), CocoAP()],
        )


def _objects(dataset: Dataset, config: SsdTrainConfig) -> Dataset:
    """Return the set to learn from; ignore regions are objects where they are learnt."""
    if config.ignore_regions == "skip" or not dataset.boxes.ignore.any():
        return dataset
    return dataset.replace(boxes=dataset.boxes.replace(ignore=dataset.boxes.ignore & False))


def _identity(config: SsdTrainConfig, start: Start) -> dict[str, Any]:
    """Return what decides the course; weights by their content, wherever they lie."""
    provenance = start.card.provenance
    return {
        **{name: value for name, value in dataclasses.asdict(config).items() if name not in FREE},
        "variant": start.card.variant,
        "size": start.card.preprocessing.size,
        "weights": provenance.get("started_from_sha256") or provenance.get("backbone_sha256") or "random",
    }


def augmentation(config: SsdTrainConfig) -> Pipeline:
    """Return the augmentation: mxnet-ssd's with its numbers, or less."""
    if config.augmentation == "ssd":
        colours = (Hsv(hue=18, saturation=32, value=32), Contrast(amount=0.5))
        return ssd_pipeline(fill=GREY, trials=25, free=False, colours=colours)
    mirror = (Flip(),) if config.augmentation == "flip" else ()
    return Pipeline(steps=(Stretch(), *mirror), plain=(Stretch(),))
