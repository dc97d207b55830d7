"""The component: YOLOX as something that `trackforge.training.fit` can train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trackforge.data import Samples
from trackforge.training import Plan
from trackforge.training.augment import (
    AugmentedSamples,
    Pipeline,
    bytetrack_pipeline,
    finetune_pipeline,
    yolox_pipeline,
)
from trackforge_yolox.training.config import FIT_DEFAULTS, YoloxTrainConfig
from trackforge_yolox.training.module import YoloxModule
from trackforge_yolox.training.start import Start, begin

__all__ = ["YoloxTrainer", "augmentation"]


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
        self._made: tuple[Plan, Start, YoloxTrainConfig] | None = None

    @property
    def defaults(self) -> Mapping[str, Any]:
        """`trackforge.training.FitSettings` of the recipe."""
        return FIT_DEFAULTS[self.config.recipe]

    def build(self, plan: Plan, /) -> YoloxModule:
        """Make the module, with the weights to start from.

        Raises:
            WeightsError: The weights cannot be used.
        """
        _, start, config = self._begin(plan)
        return YoloxModule(plan, start, config)

    def pipeline(self, plan: Plan, /) -> AugmentedSamples:
        """Make what loads and augments training pictures."""
        _, _, config = self._begin(plan)
        samples = Samples(plan.dataset, cache_mb=config.cache_mb)
        return AugmentedSamples(samples, augmentation(config), seed=plan.seed)

    def sizes(self, plan: Plan, /) -> tuple[Sequence[tuple[int, int]], int]:
        """Return the input sizes to draw from, and how many steps keep one size."""
        _, start, config = self._begin(plan)
        return config.sizes(start.card.preprocessing.size), config.size_every

    def _begin(self, plan: Plan) -> tuple[Plan, Start, YoloxTrainConfig]:
        """Read the weights once, though the size, the augmentation and the network each depend on them."""
        if self._made is None or self._made[0] is not plan:
            weights = self.config.start(plan.weights)
            start = begin(self.config, plan.dataset, weights, seed=plan.seed)
            self._made = plan, start, self.config.filled(start.network.variant, fresh=not weights)
        return self._made


def augmentation(config: YoloxTrainConfig) -> Pipeline:
    """Return the augmentation of a recipe with filled-in settings."""
    values = {"mosaic": config.mosaic, "mixup": config.mixup, "scale": config.zoom}
    chosen: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    chosen |= {"flip": config.flip, "translate": config.shift}
    if config.recipe == "bytetrack":
        return bytetrack_pipeline(**chosen, clip=config.clip_boxes)
    if config.recipe == "finetune" and not config.mosaic:
        return finetune_pipeline(scale=chosen["scale"], translate=config.shift, flip=config.flip, hsv=config.hsv)
    turned: dict[str, Any] = {"degrees": 0.0, "shear": 0.0} if config.recipe == "finetune" else {}
    return yolox_pipeline(**chosen, **turned, hsv=config.hsv)
