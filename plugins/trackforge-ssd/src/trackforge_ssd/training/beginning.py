"""What a training begins with: the network for the settings and the data, and what does not agree between them."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np

from trackforge.data import Dataset
from trackforge.errors import ConfigError, DataError
from trackforge.training import Plan
from trackforge_ssd.backbones import BACKBONES, usual_backbone
from trackforge_ssd.cards import make_card
from trackforge_ssd.layout import Variant
from trackforge_ssd.start import Start, holds_backbone, start_network
from trackforge_ssd.training.config import BASES, SsdTrainConfig
from trackforge_ssd.variants import variant

__all__ = ["begin", "class_names"]

log = logging.getLogger(__name__)


def begin(config: SsdTrainConfig, plan: Plan) -> Start:
    """Make the network, and say what has to be said about it.

    Raises:
        WeightsError: The weights cannot be found or read, or are of another network.
        DataError: The data have more classes than ``num_classes``.
    """
    notes = list(_told(config, plan))
    for note in notes:
        log.warning("%s", note)
    told = len(notes)
    classes = class_names(plan.dataset, config.num_classes)
    if len(classes) > len(plan.dataset.classes):
        more = len(classes) - len(plan.dataset.classes)
        notes.append(f"num_classes is {len(classes)}: {more} more than the data have, of which nothing is learnt.")
    weights = config.start(plan.weights)
    name = _variant(config, weights)
    if not weights and config.use_pretrained_model:
        weights = usual_backbone(variant(name or config.usual_variant))
    start = start_network(
        name,
        classes,
        weights,
        way=config.preprocessing,
        transfer_classes=config.transfer_classes,
        seed=plan.seed,
    )
    notes += [*_origin(start, weights), *start.notes]
    for note in notes[told:]:
        log.info("%s", note)
    return dataclasses.replace(_settled(start, config, plan), notes=tuple(notes))


def class_names(dataset: Dataset, wanted: int | None) -> tuple[str, ...]:
    """Return the classes to train: those of the data, and after them as many without a name as are wanted.

    Raises:
        DataError: The data have more, so that a label is not among them.
    """
    names = dataset.classes
    if wanted is None or wanted == len(names):
        return names
    if wanted > len(names):
        return (*names, *(f"class {number}" for number in range(len(names), wanted)))
    strange = np.flatnonzero(dataset.boxes.class_id >= wanted)
    if not len(strange):
        raise DataError(
            f"There must be {wanted} classes, as num_classes says; the data name {len(names)}: "
            f"{', '.join(names[wanted : wanted + 3])} are too many. Name those of the labels, or raise num_classes.",
            path=dataset.root,
        )
    box = int(strange[0])
    picture = int(dataset.boxes.image[box])
    raise DataError(
        f"Classes must be 0 to {wanted - 1}, as num_classes is {wanted}; {len(strange)} boxes have others, the first "
        f"class {int(dataset.boxes.class_id[box])} ({names[int(dataset.boxes.class_id[box])]}). Correct the labels, or "
        "num_classes.",
        path=dataset.image_path(picture) or dataset.root,
    )


def _variant(config: SsdTrainConfig, weights: str) -> str | None:
    """Return the name of the network; None where the weights say it."""
    if config.variant is not None or not weights:
        return config.usual_variant
    if holds_backbone(weights, variant(config.usual_variant)):
        return config.usual_variant
    if config.base_network is not None and config.image_shape is not None:
        return config.usual_variant
    if config.base_network is None and config.image_shape is None:
        return None
    known = start_network(None, ("object",), weights).network.variant  # one of the two is said, the other is theirs
    base, size = BASES.get(config.base_network or "", known.base), config.image_shape or known.size
    if (base, size) == (known.base, known.size):
        return None
    return _other_size(known, base, size)


def _other_size(known: Variant, base: str, size: int) -> str:
    if known.dialect != "sagemaker":
        raise ConfigError(
            f"base_network and image_shape must be those of the weights, {known.name}; or name a variant."
        )
    return f"sagemaker-{base}-{size}" + (f"/{known.divisor}" if known.divisor > 1 else "")


def _told(config: SsdTrainConfig, plan: Plan) -> list[str]:
    """Say which settings mean nothing, or not what the data say."""
    notes = []
    if config.label_width is not None:
        notes.append("label_width means nothing here: labels may be of any length.")
    if config.kv_store is not None:
        notes.append("kv_store means nothing here: gradients of all devices are added up (train.devices).")
    wanted = config.num_training_samples
    if wanted is not None and wanted != len(plan.dataset):
        notes.append(
            f"num_training_samples says {wanted} pictures; the data have {len(plan.dataset)}, and all of them are used."
        )
    if config.early_stopping and plan.validation is None:
        notes.append("early_stopping needs a validation set; there is none, so the run goes to its end.")
    if config.optimizer == "adadelta":
        notes.append("learning_rate means nothing to adadelta, which finds its own rates.")
    return notes


def _origin(start: Start, weights: str) -> list[str]:
    """Say where the numbers come from."""
    provenance = start.card.provenance
    name = start.network.variant.name
    if "backbone_sha256" in provenance:
        source = f" ({BACKBONES.files[weights, '.pth'].url})" if weights in BACKBONES.names else ""
        return [
            f"{name} starts from the backbone {Path(weights).name}{source}, SHA-256 {provenance['backbone_sha256']}."
        ]
    if "started_from" in provenance:
        return [f"{name} starts from {provenance['started_from']}, SHA-256 {provenance['started_from_sha256']}."]
    return [f"{name} starts at random."]


def _settled(start: Start, config: SsdTrainConfig, plan: Plan) -> Start:
    """Give network and card the rule of the settings, and the hyperparameters that an artefact of them has."""
    v = start.network.variant
    if config.nms_threshold is not None:
        v = dataclasses.replace(v, rule=dataclasses.replace(v.rule, limit=config.nms_threshold))
        start.network.variant = v
    provenance = {**start.card.provenance, "trained_on": plan.dataset.name or plan.dataset.root.name}
    hyperparameters = _hyperparameters(config, plan, v, len(start.card.classes))
    artefact = {"hyperparameters": hyperparameters} if v.dialect == "sagemaker" else None
    card = make_card(v, start.card.classes, start.card.preprocessing, provenance=provenance, artefact=artefact)
    return dataclasses.replace(start, card=dataclasses.replace(card, extra={**start.card.extra, **card.extra}))


def _hyperparameters(config: SsdTrainConfig, plan: Plan, v: Variant, classes: int) -> dict[str, str]:
    """Return the run in the algorithm's words: what its ``hyperparams.json`` says."""
    return {
        "base_network": "vgg-16" if v.base == "vgg16" else "resnet-50",
        "use_pretrained_model": str(config.use_pretrained_model),
        "num_classes": str(classes),
        "num_training_samples": str(len(plan.dataset)),
        "mini_batch_size": str(plan.batch_size),
        "epochs": str(plan.epochs),
        "learning_rate": f"{config.learning_rate:g}",
        "lr_scheduler_step": ",".join(map(str, config.lr_scheduler_step)),
        "lr_scheduler_factor": f"{config.lr_scheduler_factor:g}",
        "optimizer": config.optimizer,
        "momentum": f"{config.momentum:g}",
        "weight_decay": f"{config.weight_decay:g}",
        "overlap_threshold": f"{config.overlap_threshold:g}",
        "nms_threshold": f"{v.rule.limit:g}",
        "nms_topk": str(v.rule.candidates),
        "image_shape": str(v.size),
        "label_width": str(config.label_width or 350),
        "freeze_layer_pattern": config.freeze_layer_pattern,
        "early_stopping": str(config.early_stopping),
        "early_stopping_min_epochs": str(config.early_stopping_min_epochs),
        "early_stopping_patience": str(config.early_stopping_patience),
        "early_stopping_tolerance": f"{config.early_stopping_tolerance:g}",
        "kv_store": config.kv_store or "device",
    }
