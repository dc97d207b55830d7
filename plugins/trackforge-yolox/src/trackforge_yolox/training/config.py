"""What can be set about training YOLOX: the recipes' numbers by name.

=========== ============================ =====================================
recipe      from                         to
=========== ============================ =====================================
finetune    published weights            a few hundred pictures of one's own
coco        nothing                      a detector for COCO, as published
bytetrack   weights of COCO              people in crowds, as published
=========== ============================ =====================================

Source: experiment files of Megvii-BaseDetection/YOLOX (Apache-2.0) and ifzhang/ByteTrack (MIT); ``finetune`` is ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.training.monitoring import DETECTION
from trackforge_yolox.preprocess import MULTIPLE
from trackforge_yolox.variants import Variant, variant

__all__ = ["FIT_DEFAULTS", "RECIPES", "TERMS", "YoloxTrainConfig"]

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "finetune": {
        "assignment": "yolox",
        "learning_rate": 2e-5,
        "warmup": 1.0,
        "size_steps": (-2, 2),
        "mosaic": 0.0,
        "mixup": 0.0,
        "zoom": (0.75, 1.33),
        "l1": "always",
        "freeze_norms": True,
    },
    "coco": {
        "assignment": "yolox",
        "learning_rate": 0.01 / 64,
        "warmup": 5.0,
        "size_steps": (-5, 5),
        "mosaic": 1.0,
        "mixup": 1.0,
        "zoom": (0.1, 2.0),
        "l1": "plain",
        "freeze_norms": False,
    },
    "bytetrack": {
        "assignment": "bytetrack",
        "learning_rate": 0.001 / 64,
        "warmup": 1.0,
        "size_steps": (-7, 7),
        "mosaic": 1.0,
        "mixup": 1.0,
        "zoom": (0.1, 2.0),
        "l1": "plain",
        "freeze_norms": False,
    },
}
"""What a recipe sets where the user does not."""

SMALL: Mapping[str, Mapping[str, Any]] = {
    "yolox-nano": {"mosaic": 0.5, "mixup": 0.0, "zoom": (0.5, 1.5), "size_steps": (-3, 7)},
    "yolox-tiny": {"mixup": 0.0, "zoom": (0.5, 1.5), "size_steps": (-3, 7)},
}
"""What the recipe ``coco`` sets otherwise for small networks, which strong augmentation overtaxes."""

FIT_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "finetune": {"epochs": 20, "plain_epochs": 5, "batch_size": 8, "ema_decay": 0.99, "ema_ramp": 50.0, "clip": 50.0},
    "coco": {"epochs": 300, "plain_epochs": 15, "batch_size": 64, "ema_decay": 0.9998, "ema_ramp": 2000.0},
    "bytetrack": {
        "epochs": 80,
        "plain_epochs": 10,
        "batch_size": 48,
        "ema_decay": 0.9998,
        "ema_ramp": 2000.0,
    },
}
"""What a recipe sets of `trackforge.training.FitSettings`."""

TERMS = ("box", "objectness", "class", "l1")
"""Names of the losses."""


@dataclass(frozen=True, kw_only=True)
class YoloxTrainConfig:
    """Settings of `YoloxTrainer`; None leaves a number to the recipe."""

    monitors: ClassVar[tuple[str, ...]] = (*TERMS, *DETECTION)
    recipe: Literal["finetune", "coco", "bytetrack"] = setting(
        "finetune", help="Numbers to train with where none are given."
    )
    weights: str | None = setting(
        None,
        help="File or published name to start from, or random; left out: weights of COCO, with recipe coco random.",
    )
    variant: str | None = setting(
        None, help="Network, e.g. yolox-s; that of the weights if left out, else yolox-s (bytetrack: bytetrack-x)."
    )
    size: tuple[int, int] | None = setting(
        None, help="Height,width of the input, multiples of 32; that of the weights if left out.", unit="px"
    )
    size_steps: tuple[int, int] | None = setting(
        None, help="Input heights to draw from, as steps of 32 px below and above size; 0,0 keeps it.", unit="32 px"
    )
    size_every: int = setting(10, help="Steps that keep one input size.", unit="steps", minimum=1)
    preprocessing: Literal["auto", "yolox", "bytetrack", "legacy"] = setting(
        "auto", help="How pictures become input; auto: as the weights are used to."
    )
    assignment: Literal["yolox", "bytetrack"] | None = setting(None, help="Which cells an object may claim.")
    ignore_regions: Literal["skip", "background"] = setting(
        "skip", help="Whether ignore regions teach nothing, or count as background as in the published code."
    )
    learning_rate: float | None = setting(
        None, help="For each picture of a batch; times the batch size is the greatest rate of a step.", minimum=0
    )
    warmup: float | None = setting(None, help="Epochs in which the rate rises.", unit="epochs", minimum=0)
    floor: float = setting(0.05, help="Share of the rate that is left at the end.", minimum=0, maximum=1)
    momentum: float = setting(0.9, help="Of SGD, Nesterov's.", minimum=0, maximum=0.9999)
    weight_decay: float = setting(5e-4, help="Of convolution weights; not of biases and norms.", minimum=0)
    l1: Literal["plain", "always", "never"] | None = setting(
        None, help="When raw box columns are compared too: in the last, plain epochs, or always, or never."
    )
    mosaic: float | None = setting(None, help="How often four pictures become one.", minimum=0, maximum=1)
    mixup: float | None = setting(None, help="How often another picture is laid over a mosaic.", minimum=0, maximum=1)
    zoom: tuple[float, float] | None = setting(None, help="Least and greatest scale of pictures.", minimum=0.01)
    shift: float = setting(0.1, help="How far pictures are moved at most.", unit="input sizes", minimum=0, maximum=1)
    flip: float = setting(0.5, help="How often pictures are mirrored.", minimum=0, maximum=1)
    hsv: float = setting(1.0, help="How often colours are changed (not with recipe bytetrack).", minimum=0, maximum=1)
    clip_boxes: bool = setting(False, help="Recipe bytetrack: cut boxes at the border, as for MOT20.")
    transfer_classes: bool = setting(
        True, help="Take over what the weights know of classes that have the same name in the data."
    )
    freeze: Literal["nothing", "backbone"] = setting("nothing", help="What stays as the weights have it.")
    freeze_norms: bool | None = setting(
        None, help="Keep the statistics of batch norms: a small batch of other pictures makes them worse."
    )
    channels_last: bool = setting(False, help="Memory layout that convolutions on GPUs prefer.")
    validate_score: float = setting(0.01, help="Least score of detections in validation.", minimum=0, maximum=1)
    validate_nms: float | None = setting(
        None,
        help="Overlap above which the lesser box goes, in validation; as the detector if left out.",
        unit="IoU",
        minimum=0,
        maximum=1,
    )
    cache_mb: float = setting(0.0, help="Room for decoded pictures, for each worker.", unit="MiB", minimum=0)

    def __post_init__(self) -> None:
        check(self)
        if self.variant is not None:
            variant(self.variant)
        if self.size is not None and any(n < MULTIPLE or n % MULTIPLE for n in self.size):
            raise ConfigError(f"size must be height,width in multiples of {MULTIPLE}; got {self.size}.")
        for name in ("zoom", "size_steps"):
            pair = getattr(self, name)
            if pair is not None and pair[0] > pair[1]:
                raise ConfigError(f"{name} must be least,greatest; got {pair[0]},{pair[1]}. Exchange them.")

    @property
    def network(self) -> str:
        """The variant to take where weights do not tell another."""
        return self.variant or ("bytetrack-x" if self.recipe == "bytetrack" else "yolox-s")

    def start(self, weights: str = "") -> str:
        """Return the weights to start from, a file or a published name; empty for a random start.

        Args:
            weights: What the user names for this run; goes before the setting.
        """
        chosen = weights or self.weights
        if chosen:
            return "" if chosen.lower() == "random" else chosen
        return "" if self.recipe == "coco" else self.network.replace("bytetrack-", "yolox-")

    def filled(self, network: Variant, *, fresh: bool = False) -> YoloxTrainConfig:
        """Return the settings with the recipe's numbers in the place of None.

        Args:
            network: What is trained.
            fresh: Whether it starts at random, without statistics that could be kept.
        """
        numbers = dict(RECIPES[self.recipe])
        numbers["freeze_norms"] = numbers["freeze_norms"] and not fresh
        if self.recipe == "coco":
            numbers |= SMALL.get(network.name, {})
        return dataclasses.replace(self, **{k: v for k, v in numbers.items() if getattr(self, k) is None})

    def sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the input sizes ``(height, width)`` to draw from around ``size``, of its shape; after `filled`."""
        low, high = self.size_steps or (0, 0)
        height, width = size
        steps = [max(height // MULTIPLE + step, 1) for step in range(low, high + 1)] or [height // MULTIPLE]
        return [
            (n * MULTIPLE, width if n * MULTIPLE == height else max(int(n * width / height), 1) * MULTIPLE)
            for n in dict.fromkeys(steps)
        ]
