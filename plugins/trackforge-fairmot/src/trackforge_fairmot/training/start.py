"""The network that training starts from: new, or from weights of FairMOT, CenterNet or an earlier run."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass

import torch

from trackforge.data import Dataset
from trackforge.models import ModelCard
from trackforge_fairmot.model import FairMOT
from trackforge_fairmot.preprocess import preprocessing
from trackforge_fairmot.training.config import FairMotTrainConfig
from trackforge_fairmot.variants import variant

__all__ = ["Start", "begin"]

log = logging.getLogger(__name__)


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
    classes = dataset.classes
    provenance = {"trained_on": dataset.name or dataset.root.name}
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        v = variant(config.variant or "fairmot-dla34")
        network = FairMOT(
            v,
            classes=len(classes),
            embedding_dim=config.reid_dim,
            box_channels=4 if config.ltrb else 2,
            deform=config.deform,
        )
    card = ModelCard(
        component="fairmot", classes=classes, preprocessing=preprocessing(config.size or v.size), variant=v.name,
        provenance=provenance,
    )
    return Start(network=network, card=card)
