"""The network that training starts from: new, with a backbone of ImageNet, or from weights of other classes."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trackforge.errors import WeightsError
from trackforge.io.fetch import digest
from trackforge.io.model_archive import is_artefact
from trackforge.models import Given, ModelCard
from trackforge.models.checkpoints import load
from trackforge.registry.bundles import component_of
from trackforge_ssd.backbones import BACKBONES, backbone_arrays, load_backbone, read_arrays
from trackforge_ssd.cards import make_card
from trackforge_ssd.layout import Variant
from trackforge_ssd.model import SSD, initialise
from trackforge_ssd.preprocess import choose, preprocessing
from trackforge_ssd.variants import variant
from trackforge_ssd.weights import PUBLISHED, load_network

__all__ = ["Start", "holds_backbone", "start_network"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class Start:
    """What training starts from.

    Attributes:
        network: For the classes of the data.
        card: What the trained weights will say about themselves.
        notes: What was not, or not simply, loaded, one sentence each.
    """

    network: SSD
    card: ModelCard
    notes: tuple[str, ...] = ()


def start_network(
    name: str | None,
    classes: Sequence[str],
    weights: str = "",
    *,
    way: str = "auto",
    transfer_classes: bool = True,
    seed: int = 0,
) -> Start:
    """Make a network to train.

    Args:
        name: The variant; None takes that of the weights, which must then be an SSD's.
        classes: Of the data.
        weights: A file, a name of `BACKBONES` or of `PUBLISHED`, or empty, for a random start.
        way: Preprocessing, see `trackforge_ssd.preprocess`; for a new network of ``sagemaker``, ``auto`` is ``mean``,
            as mxnet-ssd trains, for VGG-16, and ``raw`` for ResNet-50, which normalises its input itself.
        transfer_classes: Take over the predictions of classes with the same name.
        seed: Of what is random.

    Raises:
        WeightsError: The weights cannot be found or read, or do not fit the variant.
        ConfigError: There is no such variant, or the preprocessing is another dialect's.
    """
    path = _resolve(weights) if weights else None
    arrays = None
    if path is not None and not _describes_itself(path):
        known = variant(name) if name else None
        arrays = None if known is None else read_arrays(path)
        if arrays is not None and known is not None and backbone_arrays(arrays, known) is None:
            arrays = None
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        if path is not None and arrays is None:
            return _from_ssd(name, classes, path, way=way, transfer=transfer_classes)
        if name is None:
            raise WeightsError("Training must know its network: say a variant, or weights of an SSD.")
        v = variant(name)
        network = SSD(v, len(classes))
        initialise(network)
    notes: list[str] = []
    provenance = {}
    if path is not None and arrays is not None:
        notes = load_backbone(network, arrays, path.name)
        provenance = {"backbone": weights, "backbone_file": path.name, "backbone_sha256": digest(path)}
        if weights in BACKBONES.names:
            provenance["backbone_source"] = BACKBONES.files[weights, ".pth"].url
    chosen = choose(v, way)
    if way == "auto" and v.dialect == "sagemaker":
        chosen = "mean" if v.base == "vgg16" else "raw"
    card = make_card(v, classes, preprocessing(chosen, (v.size, v.size)), provenance=provenance)
    return Start(network=network, card=card, notes=tuple(notes))


def holds_backbone(weights: str, v: Variant) -> bool:
    """Tell whether weights are a backbone without what SSD adds to it, so that they do not say their variant.

    Args:
        weights: As for `start_network`.
        v: What would be trained.

    Raises:
        WeightsError: They cannot be found or read, or are a backbone that does not fit.
    """
    path = _resolve(weights)
    return not _describes_itself(path) and backbone_arrays(read_arrays(path), v) is not None


def _resolve(weights: str) -> Path:
    return (PUBLISHED if weights in PUBLISHED.names else BACKBONES).resolve(weights, ".pth")


def _describes_itself(path: Path) -> bool:
    """Whether a file is plainly an SSD: one of ours, or an artefact with its graph."""
    return component_of(path) is not None or (is_artefact(path) and path.suffix != ".params")


def _from_ssd(name: str | None, classes: Sequence[str], path: Path, *, way: str, transfer: bool) -> Start:
    old, known = load_network(path, Given(preprocessing="auto" if _is_ours(path) else way))
    v = old.variant if name is None else _fitting(old.variant, variant(name), path)
    network = SSD(v, len(classes))
    initialise(network)
    notes = _take_over(network, old, known.classes, classes, transfer=transfer)
    provenance = {"started_from": path.name, "started_from_sha256": digest(path)}
    size = (v.size, v.size)
    card = make_card(v, classes, known.preprocessing.resized(size), provenance=provenance)
    artefact = dict(known.extra.get("artefact", {}))
    if artefact.get("hyperparameters"):
        card = dataclasses.replace(card, extra={**card.extra, "started_with": artefact["hyperparameters"]})
    return Start(network=network, card=card, notes=tuple(notes))


def _is_ours(path: Path) -> bool:
    return component_of(path) is not None


def _fitting(old: Variant, wanted: Variant, path: Path) -> Variant:
    """Return the variant to train; its own anchors, where it is the one of the weights."""
    if old.name == wanted.name:
        return old
    same = old.base == wanted.base and old.divisor == wanted.divisor
    if not same or (old.base == "resnet50" and old.dialect != wanted.dialect):
        raise WeightsError(
            f"The weights must be of the backbone that is trained; {path.name} is of {old.name}, the variant is "
            f"{wanted.name}. Leave the variant out, or take other weights."
        )
    return wanted


@torch.no_grad()
def _take_over(
    network: SSD, old: SSD, old_classes: Sequence[str], classes: Sequence[str], *, transfer: bool
) -> list[str]:
    """Load everything but the class predictions as it is, and these class by class; say what was done."""
    state = {k: value for k, value in old.state_dict().items() if not k.startswith("class_heads.")}
    own = network.state_dict()
    if "backbone.input_scale" not in own or "backbone.input_scale" not in state:
        state.pop("backbone.input_scale", None)
    notes = [
        f"Not loaded: {line}."
        for line in load(network, state, partial=True)
        if not line.startswith(("class_heads.", "backbone.input_scale"))
    ]
    if tuple(old_classes) == tuple(classes):
        rows: list[int | None] = list(range(len(classes)))
    elif transfer:
        index = {one.casefold(): row for row, one in enumerate(old_classes)}
        rows = [index.get(one.casefold()) for one in classes]
    else:
        rows = [None] * len(classes)
    if any(row is not None for row in rows):
        for i, (new, known) in enumerate(zip(network.variant.levels, old.variant.levels, strict=False)):
            target: Any = network.class_heads[i]
            source: Any = old.class_heads[i]
            if new.count != known.count or target.in_channels != source.in_channels:
                notes.append(f"The class predictions of map {i} start anew: it has other anchors or channels.")
                continue
            order = [0, *(None if row is None else row + 1 for row in rows)]
            _copy_rows(target.weight, source.weight, new.count, order)
            _copy_rows(target.bias, source.bias, new.count, order)
    if tuple(old_classes) != tuple(classes):
        found = [one for one, row in zip(classes, rows, strict=True) if row is not None]
        fresh = [one for one in classes if one not in found]
        notes.append(
            f"The weights know {len(old_classes)} classes, the data {len(classes)}: the class predictions "
            f"{'keep ' + _listed(found) if found else 'keep nothing'}"
            f"{', and start anew for ' + _listed(fresh) if fresh else ''}."
        )
    return notes


def _copy_rows(target: Tensor, source: Tensor, count: int, rows: Sequence[int | None]) -> None:
    """Copy the predictions of classes, for each of ``count`` anchors of a place; the first is the background."""
    new = target.view(count, len(rows), *target.shape[1:])
    old = source.view(count, -1, *source.shape[1:])
    for row, origin in enumerate(rows):
        if origin is not None:
            new[:, row] = old[:, origin]


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
