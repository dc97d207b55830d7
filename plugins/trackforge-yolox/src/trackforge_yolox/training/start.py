"""The network that training starts from: new, or from weights of the same or of other classes."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trackforge.data import Dataset, Samples
from trackforge.errors import WeightsError
from trackforge.io.fetch import digest
from trackforge.models import Given, ModelCard, Preprocessing
from trackforge.models.checkpoints import load
from trackforge.models.planes import HostPlanes
from trackforge_yolox.model import YOLOX
from trackforge_yolox.preprocess import preprocessing
from trackforge_yolox.training.config import YoloxTrainConfig
from trackforge_yolox.training.norms import norms_are_folded, revive_norms
from trackforge_yolox.variants import VARIANTS, Variant
from trackforge_yolox.weights import PUBLISHED, load_network

__all__ = ["Start", "begin"]

log = logging.getLogger(__name__)
CLASS_ROWS = "head.cls_preds."
PICTURES = 64
"""How many pictures the statistics of folded batch norms are measured on."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Start:
    """What training starts from.

    Attributes:
        network: For the classes of the data.
        card: What the trained weights will say about themselves.
        notes: What was not, or not simply, loaded from the weights, one sentence each.
    """

    network: YOLOX
    card: ModelCard
    notes: tuple[str, ...] = ()


def begin(config: YoloxTrainConfig, dataset: Dataset, weights: str, *, seed: int = 0) -> Start:
    """Make the network.

    Args:
        config: Variant, size and preprocessing; what to do about classes.
        dataset: Gives the classes, and pictures to measure folded batch norms on.
        weights: File, or a published name; empty for a random start.
        seed: Of what is random.

    Raises:
        WeightsError: The weights cannot be found or read, are broken or of another model, or do not tell their
            preprocessing.
    """
    classes = dataset.classes
    provenance = {"trained_on": dataset.name or dataset.root.name, "recipe": config.recipe}
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        if not weights:
            name = config.network
            dialect = VARIANTS[name].preprocessing if config.preprocessing == "auto" else config.preprocessing
            made = preprocessing(dialect, config.size or VARIANTS[name].size)
            network = YOLOX(name, len(classes))
            card = ModelCard(
                component="yolox", classes=classes, preprocessing=made, variant=name, provenance=provenance
            )
            return Start(network=network, card=card)
        path = PUBLISHED.resolve(weights, ".pth")
        old, known = load_network(path, Given(preprocessing=config.preprocessing, size=config.size))
        _refuse_broken(old, path)
        variant = _same_network(old.variant, config.variant, path)
        network = YOLOX(variant, len(classes))
    notes = _take_over(network, old, known.classes, classes, transfer=config.transfer_classes)
    if norms_are_folded(network):
        revive_norms(network, _inputs(dataset, known.preprocessing))
        notes.append("The batch norms of the weights were folded; their statistics are measured on the data anew.")
    if config.recipe == "bytetrack" and known.preprocessing.plain:
        notes.append("Pictures become input as the weights are used to, not as in ByteTrack's publication.")
    for note in notes:
        log.info("%s: %s", path.name, note)
    provenance |= {"started_from": path.name, "started_from_sha256": digest(path)}
    card = dataclasses.replace(known, classes=classes, variant=variant.name, provenance=provenance)
    return Start(network=network, card=card, notes=tuple(notes))


def _refuse_broken(network: YOLOX, path: Path) -> None:
    broken = [key for key, value in network.state_dict().items() if not bool(value.isfinite().all())]
    if broken:
        raise WeightsError(
            f"Weights must be finite; {path.name} has NaN or infinity in {_listed(broken)}. The run that wrote it "
            "diverged, or the file is damaged. Take another."
        )


def _same_network(found: Variant, asked: str | None, path: Path) -> Variant:
    """Return the variant to train: names like ``yolox-x`` and ``bytetrack-x`` stand for one network."""
    if asked is None:
        return found
    wanted = VARIANTS[asked]
    if any(getattr(wanted, part) != getattr(found, part) for part in ("depth", "width", "depthwise", "backbone")):
        raise WeightsError(
            f"The weights must be of the network that is trained; {path.name} is of {found.name}, variant says "
            f"{asked}. Leave variant out, or take other weights."
        )
    return wanted


def _take_over(
    network: YOLOX, old: YOLOX, old_classes: Sequence[str], classes: Sequence[str], *, transfer: bool
) -> list[str]:
    """Load everything but the class predictions as it is, and these class by class; say what was done."""
    state = {key: value for key, value in old.state_dict().items() if not key.startswith(CLASS_ROWS)}
    lost = [line for line in load(network, state, partial=True) if not line.startswith(CLASS_ROWS)]
    notes = [f"Not loaded: {line}." for line in lost]
    if tuple(old_classes) == tuple(classes):
        rows: list[int | None] = list(range(len(classes)))
    elif transfer:
        index = {name.casefold(): row for row, name in enumerate(old_classes)}
        rows = [index.get(name.casefold()) for name in classes]
    else:
        rows = [None] * len(classes)
    own = network.state_dict()
    for key, value in old.state_dict().items():
        if key.startswith(CLASS_ROWS):
            _copy_rows(own[key], value, rows)
    found = [name for name, row in zip(classes, rows, strict=True) if row is not None]
    if tuple(old_classes) != tuple(classes):
        new = [name for name in classes if name not in found]
        notes.append(
            f"The weights know {len(old_classes)} classes, the data {len(classes)}: {CLASS_ROWS}* "
            f"{'keep ' + _listed(found) if found else 'keep nothing'}"
            f"{', and start anew for ' + _listed(new) if new else ''}."
        )
    return notes


@torch.no_grad()
def _copy_rows(target: Tensor, source: Tensor, rows: Sequence[int | None]) -> None:
    for row, origin in enumerate(rows):
        if origin is not None:
            target[row] = source[origin]


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _inputs(dataset: Dataset, make: Preprocessing, batch: int = 8) -> Iterator[Tensor]:
    """Yield pictures spread evenly over a set, as the network sees them in use."""
    samples, planes = Samples(dataset, verify=False), HostPlanes(make)
    rows = np.unique(np.linspace(0, len(samples) - 1, PICTURES).astype(int)).tolist()
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        yield torch.from_numpy(planes.fill([samples[row].image for row in part])[0])
