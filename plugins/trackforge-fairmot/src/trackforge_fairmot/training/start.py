"""What training starts from: `trackforge_fairmot.starting`, with what a run says about it."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from trackforge.data import Dataset
from trackforge.errors import WeightsError
from trackforge.io.fetch import digest
from trackforge.models import ModelCard
from trackforge_fairmot.model import FairMOT
from trackforge_fairmot.preprocess import preprocessing
from trackforge_fairmot.starting import start_network
from trackforge_fairmot.training.config import FairMotTrainConfig
from trackforge_fairmot.weights import STARTS

__all__ = ["Start", "begin"]

log = logging.getLogger(__name__)
CLASSIFIER = "The classifier of identities starts anew: weights do not hold one, and tell other people apart."


@dataclass(frozen=True, eq=False, kw_only=True)
class Start:
    """What training starts from.

    Attributes:
        network: For the classes of the data.
        card: What the trained weights will say about themselves.
        notes: What was not, or not simply, loaded from the weights, one sentence each.
    """

    network: FairMOT
    card: ModelCard
    notes: tuple[str, ...] = ()


def begin(config: FairMotTrainConfig, dataset: Dataset, weights: str, *, seed: int = 0) -> Start:
    """Make the network.

    Args:
        config: Variant, size, embeddings.
        dataset: Gives the classes.
        weights: File, or a published name; empty for a random start.
        seed: Of what is random.

    Raises:
        WeightsError: The weights cannot be found or read, are broken or of another model.
    """
    path = STARTS.resolve(weights, ".pth") if weights else None
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        made = start_network(
            path,
            classes=dataset.classes,
            variant=config.variant,
            embedding_dim=config.reid_dim,
            box_channels=4 if config.ltrb else 2,
        )
    network, known = made.network, made.card
    network.deform = config.deform
    provenance: dict[str, str] = {"trained_on": dataset.name or dataset.root.name}
    if path is not None:
        _refuse_broken(network, path)
        provenance |= {"started_from": path.name, "started_from_sha256": digest(path)}
    card = ModelCard(
        component="fairmot",
        classes=dataset.classes,
        preprocessing=preprocessing(network.variant.size) if known is None else known.preprocessing,
        variant=network.variant.name,
        provenance=provenance,
    )
    card = dataclasses.replace(card, preprocessing=card.preprocessing.resized(config.size))
    notes = made.notes if path is None else (*made.notes, CLASSIFIER)
    for note in notes:
        log.info("%s: %s", weights, note)
    return Start(network=network, card=card, notes=notes)


def _refuse_broken(network: FairMOT, path: Path) -> None:
    broken = [key for key, value in network.state_dict().items() if not bool(value.isfinite().all())]
    if broken:
        raise WeightsError(
            f"Weights must be finite; {path.name} has NaN or infinity in {', '.join(broken[:5])}. The run that wrote "
            "it diverged, or the file is damaged. Take another."
        )
