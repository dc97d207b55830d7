"""What can be set about training FairMOT; numbers that nobody gives are those it was published with.

Names are those of the published training where it has them: ``lr``, ``lr_step``, ``id_loss``, ``multi_loss``,
``hm_weight``, ``wh_weight``, ``off_weight``, ``id_weight``, ``reid_dim``.

Source: Zhang et al., "FairMOT", IJCV 2021; ifzhang/FairMOT (MIT), its options and experiments.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.training.monitoring import DETECTION
from trackforge_fairmot.preprocess import MULTIPLE
from trackforge_fairmot.variants import Variant, variant

__all__ = ["APPEARANCE", "FIT_DEFAULTS", "OTHER_NAMES", "TERMS", "FairMotTrainConfig"]

TERMS = ("hm_loss", "wh_loss", "off_loss", "id_loss")
"""Names of the losses, as the published training logs them."""
OTHER_NAMES: Mapping[str, str] = {"offset_loss": "off_loss"}
"""What else losses may be called where one is monitored."""
APPEARANCE = ("reid_map", "rank1", "tpr")
"""Scores of embeddings, where the validation set shows an identity twice."""
FIT_DEFAULTS: Mapping[str, Any] = {"epochs": 30, "batch_size": 12, "ema_decay": 0.0, "validate_losses": True}
"""What is set of `trackforge.training.FitSettings`: as published, and losses of validation in every epoch."""
NUMBERS: Mapping[str, Any] = {"lr": 1e-4, "multi_loss": "uncertainty", "wh_weight": 0.1}
SMALL: Mapping[str, Any] = {"lr": 5e-4, "multi_loss": "fix", "wh_weight": 0.5}
"""What the networks with YOLOv5's body are trained with in the place of `NUMBERS`."""


@dataclass(frozen=True, kw_only=True)
class FairMotTrainConfig:
    """Settings of `FairMotTrainer`; None leaves a number to the network."""

    monitors: ClassVar[tuple[str, ...]] = (
        *TERMS,
        "val_loss",
        *(f"val_{term}" for term in TERMS),
        *DETECTION,
        *APPEARANCE,
    )
    other_names: ClassVar[Mapping[str, str]] = OTHER_NAMES

    weights: str | None = setting(
        None, help="File or published name to start from (FairMOT's or CenterNet's), or random; left out: random."
    )
    variant: str | None = setting(
        None, help="Network, e.g. fairmot-dla34; that of the weights if left out, else fairmot-dla34."
    )
    size: tuple[int, int] | None = setting(
        None, help="Height,width of the input, multiples of 32; that of the weights if left out.", unit="px"
    )
    reid_dim: int | None = setting(
        None, help="Length of embeddings; that of the weights if left out, else the network's: 128, YOLOv5 64.",
        minimum=1,
    )  # fmt: skip
    ltrb: bool = setting(True, help="Boxes as distances to four sides; off: width and height, as first published.")
    deform: Literal["auto", "gather", "grid", "native"] = setting(
        "auto",
        help="How deformable convolutions are computed; gather: derivatives as published; auto: what is quick here.",
    )
    lr: float | None = setting(
        None, help="Learning rate of Adam, for the batch as a whole; left out: 1e-4, YOLOv5 5e-4.", minimum=0
    )
    lr_step: tuple[int, ...] | None = setting(
        None, help="Epochs after which the rate drops to a tenth; left out: two thirds of all.", unit="epochs",
        minimum=1,
    )  # fmt: skip
    id_loss: Literal["ce", "focal"] = setting(
        "ce", help="Loss of identities: cross-entropy, or focal over one sigmoid an identity."
    )
    multi_loss: Literal["uncertainty", "fix"] | None = setting(
        None, help="Detection and identity by weights that are learned, or fixed; left out: learned, YOLOv5 fixed."
    )
    hm_weight: float = setting(1.0, help="Weight of the heat map's loss.", minimum=0)
    wh_weight: float | None = setting(None, help="Weight of the boxes' loss; left out: 0.1, YOLOv5 0.5.", minimum=0)
    off_weight: float = setting(1.0, help="Weight of the offsets' loss.", minimum=0)
    id_weight: float = setting(
        0.1,
        help="Weight of the identities' loss with multi_loss fix; 0 trains detection alone, with either.",
        minimum=0,
    )
    identities: Literal["labels", "missing", "boxes"] = setting(
        "labels",
        help="Who is who: as labelled; or boxes without a label are each its own; or every box is (pretraining).",
    )
    ignore_regions: Literal["skip", "background"] = setting(
        "skip", help="Whether ignore regions teach nothing, or count as background as in the published code."
    )
    max_objects: int = setting(500, help="Objects of a picture at most (K).", unit="boxes", minimum=1)
    zoom: tuple[float, float] = setting((0.5, 1.2), help="Least and greatest scale of pictures.", minimum=0.01)
    degrees: float = setting(5.0, help="How far pictures are turned at most.", unit="degrees", minimum=0, maximum=180)
    shear: float = setting(2.0, help="How far they are sheared at most.", unit="degrees", minimum=0, maximum=45)
    shift: float = setting(0.1, help="How far they are moved at most.", unit="input sizes", minimum=0, maximum=1)
    flip: float = setting(0.5, help="How often they are mirrored.", minimum=0, maximum=1)
    clip_boxes: bool = setting(False, help="Cut boxes at the border, as for MOT20.")
    channels_last: bool = setting(False, help="Memory layout that convolutions prefer on GPUs and on many CPUs.")
    validate_score: float = setting(0.01, help="Least score of detections in validation.", minimum=0, maximum=1)
    validate_most: int = setting(300, help="Detections of a picture in validation at most.", minimum=1)
    validate_embeddings: bool = setting(
        True, help="Score embeddings too: reid_map, rank1, tpr, where the validation set shows an identity twice."
    )
    cache_mb: float = setting(0.0, help="Room for decoded pictures, for each worker.", unit="MiB", minimum=0)

    def __post_init__(self) -> None:
        check(self)
        if self.variant is not None:
            variant(self.variant)
        if self.size is not None and any(n < MULTIPLE or n % MULTIPLE for n in self.size):
            raise ConfigError(f"size must be height,width in multiples of {MULTIPLE}; got {self.size}.")
        if self.zoom[0] > self.zoom[1]:
            raise ConfigError(f"zoom must be least,greatest; got {self.zoom[0]},{self.zoom[1]}. Exchange them.")

    def start(self, weights: str = "") -> str:
        """Return the weights to start from, a file or a published name; empty for a random start.

        Args:
            weights: What the user names for this run; goes before the setting.
        """
        chosen = weights or self.weights or ""
        return "" if chosen.lower() == "random" else chosen

    def filled(self, network: Variant) -> FairMotTrainConfig:
        """Return the settings with the numbers that a network was published with in the place of None."""
        numbers = SMALL if network.body == "yolov5" else NUMBERS
        return dataclasses.replace(self, **{k: v for k, v in numbers.items() if getattr(self, k) is None})

    def drops(self, epochs: int) -> tuple[int, ...]:
        """Return the epochs after which the learning rate drops, in a run of so many.

        >>> FairMotTrainConfig().drops(30)
        (20,)
        """
        return (max(round(epochs * 2 / 3), 1),) if self.lr_step is None else self.lr_step
