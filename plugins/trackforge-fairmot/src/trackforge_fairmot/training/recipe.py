"""The component: FairMOT as something that `trackforge.training.fit` can train."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from trackforge.data import Dataset, Samples
from trackforge.models import Preprocessing
from trackforge.training import CocoAP, Plan, ReId, SampleSource, Scorer, Training
from trackforge.training.augment import AugmentedSamples, Pipeline, fairmot_pipeline, validation_pipeline
from trackforge_fairmot.training.config import FIT_DEFAULTS, FairMotTrainConfig
from trackforge_fairmot.training.identities import KnownIdentities, numbered, shared_numbers, shows_one_twice
from trackforge_fairmot.training.module import FairMotModule
from trackforge_fairmot.training.start import Start, begin

__all__ = ["FairMotTrainer", "augmentation"]

log = logging.getLogger(__name__)
FREE = ("weights", "validate_score", "validate_most", "validate_embeddings", "cache_mb", "channels_last")
"""Settings that a resumed run may change: they do not decide what is learnt. Weights are compared by content."""


class FairMotTrainer:
    """Trains FairMOT on pictures whose boxes have identities; a `trackforge.training.Recipe`.

    Args:
        config: Settings.

    Source: Zhang, Wang, Wang, Zeng, Liu, "FairMOT", IJCV 2021.

    Example:
        >>> FairMotTrainer(FairMotTrainConfig(variant="fairmot-yolov5s")).defaults["epochs"]
        30
    """

    def __init__(self, config: FairMotTrainConfig | None = None) -> None:
        self.config = config or FairMotTrainConfig()

    @property
    def defaults(self) -> Mapping[str, Any]:
        """`trackforge.training.FitSettings` as published."""
        return FIT_DEFAULTS

    def begin(self, plan: Plan, /) -> Training:
        """Read the weights, number the identities, and make everything.

        Raises:
            WeightsError: The weights cannot be used.
        """
        start = begin(self.config, plan.dataset, self.config.start(plan.weights), seed=plan.seed)
        config = self.config.filled(start.network.variant)
        train, make = numbered(plan.dataset, config.identities), start.card.preprocessing
        count = train.identities()[1] if config.id_weight else 0
        notes = [*start.notes, *_about_identities(train, count, config)]
        val = plan.validation
        scorers: list[Scorer] = [CocoAP()]
        source: SampleSource | None = None
        if val is not None:
            known = shared_numbers(plan.dataset, val, train)
            if config.identities == "boxes":  # nobody is seen again
                known = np.full_like(known, -1)
            if count and not (known >= 0).any():
                notes.append(
                    "No identity of the validation set is one that is trained: val_id_loss is no number (NaN)."
                )
            prepared = AugmentedSamples(Samples(val, verify=False), validation_pipeline(make))
            source = KnownIdentities(prepared, known)
            scorers = _scorers(val, config)
        for note in notes[len(start.notes) :]:
            log.warning("%s", note)
        start = dataclasses.replace(start, notes=tuple(notes))
        samples = Samples(train, cache_mb=config.cache_mb)
        return Training(
            module=FairMotModule(plan, start, config, count),
            train=AugmentedSamples(samples, augmentation(config, make), seed=plan.seed),
            val=source,
            sizes=[make.size],
            identity=_identity(config, start),
            scorers=scorers,
        )


def _about_identities(train: Dataset, count: int, config: FairMotTrainConfig) -> list[str]:
    if count > 1:
        return []
    if not config.id_weight:
        return ["Detection is trained alone: id_weight is 0. Embeddings mean nothing."]
    if count:
        return ["The data show one identity only: there is nothing to tell apart, and embeddings mean nothing."]
    return [
        f"No box of {train.name or train.root.name} has an identity: detection is trained alone, and embeddings mean "
        "nothing. Give labels with track ids, or identities=boxes to learn from single pictures."
    ]


def _scorers(val: Dataset, config: FairMotTrainConfig) -> list[Scorer]:
    return [CocoAP(), ReId()] if config.validate_embeddings and shows_one_twice(val) else [CocoAP()]


def _identity(config: FairMotTrainConfig, start: Start) -> dict[str, Any]:
    """Return what decides the course; weights by their content, wherever they lie."""
    settings = {k: v for k, v in dataclasses.asdict(config).items() if k not in FREE}
    known = start.card.provenance.get("started_from_sha256", "random")
    return {
        **settings,
        "variant": start.card.variant,
        "size": start.card.preprocessing.size,
        "reid_dim": start.network.embedding_dim,
        "weights": known,
    }


def augmentation(config: FairMotTrainConfig, preprocessing: Preprocessing | None = None) -> Pipeline:
    """Return the augmentation, for weights that want pictures in a certain way."""
    return fairmot_pipeline(
        scale=config.zoom,
        degrees=config.degrees,
        translate=config.shift,
        shear=config.shear,
        flip=config.flip,
        clip=config.clip_boxes,
        max_labels=config.max_objects,
        preprocessing=preprocessing,
    )
