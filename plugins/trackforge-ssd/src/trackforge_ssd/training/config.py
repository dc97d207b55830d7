"""What can be set about training SSD: the hyperparameters of SageMaker's built-in Object Detection, by their names.

Numbers that nobody gives are those that the algorithm has. Beside its own there are the few that it does not know: a
network of another dialect, how ignore regions count, how much augmentation.

Source: the algorithm's hyperparameters as Amazon documents them and its logs print them; zhreshold/mxnet-ssd (MIT).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.training.monitoring import DETECTION
from trackforge_ssd.variants import variant

__all__ = ["ADADELTA_RATE", "OTHER_NAMES", "TERMS", "VOC", "SsdTrainConfig"]

TERMS = ("cross_entropy", "smooth_l1")
"""Names of the losses, as the built-in algorithm logs them."""
VOC = ("voc_ap", "voc_ap11")
"""Scores by VOC's rules: area, and 11 points."""
OTHER_NAMES: Mapping[str, str] = {"mAP": "voc_ap11", "validation:mAP": "voc_ap11"}
"""What the algorithm calls its score. Which rule it is by is not published; its code's default is VOC 2007's."""
ADADELTA_RATE = 1.0
"""Adadelta finds its own rates, in MXNet without any factor on them."""
BASES = {"vgg-16": "vgg16", "resnet-50": "resnet50"}


@dataclass(frozen=True, kw_only=True)
class SsdTrainConfig:
    """Settings of `SsdTrainer`."""

    monitors: ClassVar[tuple[str, ...]] = (*TERMS, *VOC, *DETECTION)
    other_names: ClassVar[Mapping[str, str]] = OTHER_NAMES

    # ---- of the built-in algorithm
    base_network: Literal["vgg-16", "resnet-50"] | None = setting(
        None, help="Backbone; that of the weights if left out, else vgg-16."
    )
    use_pretrained_model: Literal[0, 1] = setting(
        0, help="1: without weights, start from the published backbone of ImageNet; 0: at random."
    )
    num_classes: int | None = setting(
        None, help="Classes that the network tells apart; left out: those of the data.", minimum=1
    )
    num_training_samples: int | None = setting(
        None, help="Pictures that there must be to train on; another number is told.", minimum=1
    )
    mini_batch_size: int = setting(
        32, help="Pictures of a step, over all devices (train.batch_size).", unit="pictures", minimum=1
    )
    epochs: int = setting(30, help="Passes over the training set (train.epochs).", unit="epochs", minimum=1)
    learning_rate: float = setting(0.001, help="Rate of the first step, for the batch as a whole.", above=0, maximum=1)
    lr_scheduler_step: tuple[int, ...] = setting(
        (), help="Epochs at whose start the rate drops: 80,160; none: it stays.", unit="epochs", commas=True, minimum=1
    )
    lr_scheduler_factor: float = setting(0.1, help="Of each drop.", above=0, below=1)
    optimizer: Literal["sgd", "adam", "rmsprop", "adadelta"] = setting("sgd", help="Which rule steps go by.")
    momentum: float = setting(0.9, help="Of sgd and rmsprop.", minimum=0, below=1)
    weight_decay: float = setting(0.0005, help="Of weights and gains of norms; not of biases.", minimum=0, below=1)
    overlap_threshold: float = setting(
        0.5, help="Overlap from which VOC's scores count a box as found; no part of training.", unit="IoU", above=0,
        maximum=1,
    )  # fmt: skip
    nms_threshold: float | None = setting(
        None, help="Overlap from which the lesser box of a class goes; that of the weights if left out, else .45.",
        unit="IoU", above=0, maximum=1,
    )  # fmt: skip
    image_shape: int | None = setting(
        None, help="Side of the square input; that of the weights if left out, else 300.", unit="px", minimum=64
    )
    label_width: int | None = setting(None, help="Taken, and not needed: labels may be of any length.", minimum=1)
    freeze_layer_pattern: str = setting(
        "", help="Regular expression of layers that stay as they are, by MXNet's names: ^(conv1_|conv2_).*"
    )
    early_stopping: bool = setting(False, help="Stop where the score gets no better (train.patience).")
    early_stopping_min_epochs: int = setting(
        10, help="Epochs before which that does not happen (train.min_epochs).", unit="epochs", minimum=0
    )
    early_stopping_patience: int = setting(
        5, help="Validations without a better score before it does (train.patience).", minimum=1
    )
    early_stopping_tolerance: float = setting(
        0.0, help="Share of the best score that a better one must gain (train.tolerance).", minimum=0, below=1
    )
    kv_store: str | None = setting(None, help="Taken, and not needed: gradients of all devices are added up.")

    # ---- of our own
    variant: str | None = setting(
        None,
        help="Network by name, in the place of base_network and image_shape: gluoncv-resnet50-512-voc.",
    )
    weights: str | None = setting(
        None,
        help="File (model.tar.gz, .params, .pth) or published name to start from: an SSD's, or a backbone's.",
    )
    preprocessing: Literal["auto", "raw", "mean", "gluoncv", "torchvision"] = setting(
        "auto", help="How pictures become input; auto: as the weights are used to."
    )
    ignore_regions: Literal["skip", "learn"] = setting(
        "skip", help="Whether ignore regions and difficult objects teach nothing, or are learnt like all others."
    )
    empty_pictures: Literal["skip", "background"] = setting(
        "skip", help="Whether pictures without objects teach nothing, as in the algorithm, or background."
    )
    augmentation: Literal["ssd", "flip", "none"] = setting(
        "ssd", help="Colours, canvas, parts and mirror as mxnet-ssd has them; or the mirror alone; or nothing."
    )
    transfer_classes: bool = setting(
        True, help="Take over what the weights know of classes that have the same name in the data."
    )
    algorithm_log: bool = setting(
        False, help="Log the lines of the built-in algorithm too: #quality_metric, #progress_metric."
    )
    validate_score: float = setting(0.01, help="Least score of detections in validation.", minimum=0, maximum=1)
    cache_mb: float = setting(0.0, help="Room for decoded pictures, for each worker.", unit="MiB", minimum=0)

    def __post_init__(self) -> None:
        check(self)
        try:
            re.compile(self.freeze_layer_pattern)
        except re.error as error:
            raise ConfigError(
                f"freeze_layer_pattern must be a regular expression; {self.freeze_layer_pattern!r} is none: {error}. "
                "Freeze the first two stages of VGG-16 with ^(conv1_|conv2_).*"
            ) from error
        if self.variant is not None:
            known = variant(self.variant)
            for name, said, its in (
                ("base_network", self.base_network and BASES[self.base_network], known.base),
                ("image_shape", self.image_shape, known.size),
            ):
                if said is not None and said != its:
                    raise ConfigError(
                        f"{name} must agree with variant {known.name}; got {said}. Leave one of them out."
                    )
        elif self.image_shape is not None or self.base_network is not None:
            variant(self.usual_variant)

    @property
    def usual_variant(self) -> str:
        """Name of the network where no weights say another."""
        return self.variant or f"sagemaker-{BASES[self.base_network or 'vgg-16']}-{self.image_shape or 300}"

    @property
    def fit_defaults(self) -> dict[str, Any]:
        """`trackforge.training.FitSettings` that follow from these; one that is given as ``train.`` goes before."""
        return {
            "epochs": self.epochs,
            "batch_size": self.mini_batch_size,
            "ema_decay": 0.0,
            "monitor": "voc_ap11",
            "patience": self.early_stopping_patience if self.early_stopping else 0,
            "min_epochs": self.early_stopping_min_epochs if self.early_stopping else 0,
            "tolerance": self.early_stopping_tolerance if self.early_stopping else 0.0,
        }

    def start(self, weights: str = "") -> str:
        """Return the weights to start from, a file or a published name; empty for a random start or a usual backbone.

        Args:
            weights: What the user names for this run; goes before the setting.
        """
        chosen = weights or self.weights or ""
        return "" if chosen.lower() == "random" else chosen
