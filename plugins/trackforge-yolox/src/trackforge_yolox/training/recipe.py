"""The component: YOLOX as something that `trackforge.training.fit` can train."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from trackforge.data import Samples
from trackforge.models import Preprocessing
from trackforge.training import Plan, Training
from trackforge.training.augment import (
    AugmentedSamples,
    Pipeline,
    bytetrack_pipeline,
    finetune_pipeline,
    validation_pipeline,
    yolox_pipeline,
)
from trackforge_yolox.training.config import FIT_DEFAULTS, YoloxTrainConfig
from trackforge_yolox.training.module import YoloxModule
from trackforge_yolox.training.start import Start, begin

__all__ = ["YoloxTrainer", "augmentation"]

FREE = ("weights", "validate_score", "validate_nms", "cache_mb", "channels_last")
"""Settings that a resumed run may change: they do not decide what is learnt. Weights are compared by content."""


class YoloxTrainer:
    """Trains YOLOX on labelled pictures; a `trackforge.training.Recipe`.

    Args:
        config: Settings.

    Source: Ge et al., arXiv 2107.08430; Zhang et al., "ByteTrack", ECCV 2022.

    Example:
        >>> YoloxTrainer(YoloxTrainConfig(recipe="coco", variant="yolox-nano")).defaults["epochs"]
        300
    """

    def __init__(self, config: YoloxTrainConfig | None = None) -> None:
        self.config = config or YoloxTrainConfig()

    @property
    def defaults(self) -> Mapping[str, Any]:
        """`trackforge.training.FitSettings` of the recipe."""
        return FIT_DEFAULTS[self.config.recipe]

    def begin(self, plan: Plan, /) -> Training:
        """Read the weights, on which the network, the sizes and the augmentation depend, and make everything.

        Raises:
            WeightsError: The weights cannot be used.
        """
        weights = self.config.start(plan.weights)
        start = begin(self.config, plan.dataset, weights, seed=plan.seed)
        config = self.config.filled(start.network.variant, fresh=not weights)
        samples = Samples(plan.dataset, cache_mb=config.cache_mb)
        val = plan.validation
        make = start.card.preprocessing
        return Training(
            module=YoloxModule(plan, start, config),
            train=AugmentedSamples(samples, augmentation(config, make), seed=plan.seed),
            val=None if val is None else AugmentedSamples(Samples(val, verify=False), validation_pipeline(make)),
            sizes=config.sizes(make.size),
            size_every=config.size_every,
            identity=_identity(config, start),
        )


def _identity(config: YoloxTrainConfig, start: Start) -> dict[str, Any]:
    """Return what decides the course; weights by their content, wherever they lie."""
    settings = {k: v for k, v in dataclasses.asdict(config).items() if k not in FREE}
    known = start.card.provenance.get("started_from_sha256", "random")
    return {**settings, "variant": start.card.variant, "size": start.card.preprocessing.size, "weights": known}


def augmentation(config: YoloxTrainConfig, preprocessing: Preprocessing | None = None) -> Pipeline:
    """Return the augmentation of a recipe with filled-in settings, for weights that want pictures in a certain way."""
    values = {"mosaic": config.mosaic, "mixup": config.mixup, "scale": config.zoom}
    chosen: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    chosen |= {"flip": config.flip, "translate": config.shift, "preprocessing": preprocessing}
    if config.recipe == "bytetrack":
        return bytetrack_pipeline(**chosen, clip=config.clip_boxes)
    if config.recipe == "finetune" and not config.mosaic:
        chosen = {name: value for name, value in chosen.items() if name not in ("mosaic", "mixup")}
        return finetune_pipeline(**chosen, hsv=config.hsv)
    turned: dict[str, Any] = {"degrees": 0.0, "shear": 0.0} if config.recipe == "finetune" else {}
    return yolox_pipeline(**chosen, **turned, hsv=config.hsv)
