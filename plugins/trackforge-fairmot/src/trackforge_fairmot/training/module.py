"""FairMOT in training: losses, optimiser, validation with embeddings, and the file that comes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from trackforge.models import KEY, InputValues, Objects, Placement
from trackforge.models.planes import HostPlanes
from trackforge.training import Losses, Plan, Schedule, Steps, TrainingModule
from trackforge.training.augment import Batch
from trackforge.types import Detections
from trackforge_fairmot.decode import Selection, choose
from trackforge_fairmot.decode_torch import decode
from trackforge_fairmot.model import FairMOT, Maps
from trackforge_fairmot.training.config import OTHER_NAMES, TERMS, FairMotTrainConfig
from trackforge_fairmot.training.losses import JointLoss
from trackforge_fairmot.training.start import Start
from trackforge_fairmot.training.targets import STRIDE, make_targets

__all__ = ["FairMotModule"]

Image = npt.NDArray[np.uint8]


class FairMotModule(TrainingModule):
    """Trains a FairMOT network.

    Args:
        plan: The run.
        start: The network and what is known of it.
        config: Settings, after `FairMotTrainConfig.filled`.
        identities: How many the classifier tells apart; 0 trains detection alone.

    Attributes:
        joint: The losses, with the classifier and the learned weights: kept in checkpoints, not in the bundle.
        card: What the trained weights say about themselves.
        notes: What was not, or not simply, loaded, and what cannot be learnt from the data.
    """

    model: FairMOT
    terms = TERMS
    other_names = OTHER_NAMES

    def __init__(self, plan: Plan, start: Start, config: FairMotTrainConfig, identities: int) -> None:
        network = start.network
        if config.channels_last:
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(plan, network)
        self.config, self.card, self.notes = config, start.card, start.notes
        self.values, self.planes = InputValues(start.card.preprocessing), HostPlanes(start.card.preprocessing)
        self.selection = Selection(score=config.validate_score, most=config.validate_most)
        self.joint = JointLoss(
            identities,
            network.embedding_dim,
            id_loss=config.id_loss,
            multi_loss=config.multi_loss or "uncertainty",
            hm_weight=config.hm_weight,
            wh_weight=0.1 if config.wh_weight is None else config.wh_weight,
            off_weight=config.off_weight,
            id_weight=config.id_weight,
        )
        if not identities:  # it would get no gradient, for which several processes would wait
            self.model.get_submodule("id").requires_grad_(False)
        self._seen: tuple[list[Image], Maps, Sequence[Placement]] | None = None

    def compute_losses(self, batch: Batch) -> Losses:
        """Return the sums of the four losses, with what each is divided by."""
        images = self.values(batch.images)
        if self.config.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        maps = self.model(images)
        targets = make_targets(
            batch.targets,
            pictures=len(batch),
            size=(maps.hm.shape[2], maps.hm.shape[3]),
            classes=maps.hm.shape[1],
            box_channels=maps.wh.shape[1],
            limit=self.config.max_objects,
            skip_ignored=self.config.ignore_regions == "skip",
        )
        found: Losses = self.joint(maps, targets)
        return found

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """Find objects as `trackforge_fairmot.detector` does, each with its embedding, so that trackers see it too."""
        maps, placements = self._look(images)
        rows, vectors = (part.cpu().numpy() for part in decode(*maps, most=self.config.validate_most))
        out = []
        for one, looks, placement in zip(rows, vectors, placements, strict=True):
            fine = np.isfinite(one).all(axis=1) & np.isfinite(looks).all(axis=1)
            fine &= (one[:, 2:4] > one[:, :2]).all(axis=1)  # what has just begun predicts boxes without an area
            values, looks = one[fine], looks[fine]
            found = choose(Objects(values[:, :4], values[:, 4], values[:, 5].astype(np.int64), looks), self.selection)
            out.append(
                Detections(
                    xyxy=placement.back(found.xyxy),
                    score=found.score,
                    class_id=found.class_id,
                    embedding=found.embedding,
                )
            )
        return out

    def embed(self, images: Sequence[Image], boxes: Sequence[npt.NDArray[np.float64]]) -> list[npt.NDArray[np.float32]]:
        """Return the embeddings ``(N, D)`` of boxes ``(N, 4)``, picture pixels: what the map says at their centres."""
        maps, placements = self._look(images)
        out = []
        for looks, one, placement in zip(maps.id, boxes, placements, strict=True):
            centre = (one[:, :2] + one[:, 2:]) / 2 * placement.scale + placement.offset
            cell = torch.from_numpy(np.floor(centre / STRIDE).astype(np.int64)).to(looks.device)
            x, y = cell[:, 0].clamp(0, looks.shape[2] - 1), cell[:, 1].clamp(0, looks.shape[1] - 1)
            out.append(functional.normalize(looks[:, y, x].T.float(), dim=1).cpu().numpy())
        return out

    def _look(self, images: Sequence[Image]) -> tuple[Maps, Sequence[Placement]]:
        """Run the network, unless these very pictures were the last ones: scorers ask for them again."""
        known = self._seen
        if known is not None and len(known[0]) == len(images) and all(map(_same, known[0], images)):
            return known[1], known[2]
        planes, placements = self.planes.fill(images)
        inputs = torch.from_numpy(planes).to(self.device)
        if self.config.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        maps: Maps = Maps(*(part.float() for part in self.model(inputs)))
        if not self.training:  # what is in training has other weights in a moment
            self._seen = list(images), maps, placements
        return maps, placements

    def train(self, mode: bool = True) -> FairMotModule:
        """Switch between training and evaluation."""
        self._seen = None  # weights may be others now
        super().train(mode)
        return self

    def bundle(self) -> dict[str, Any]:
        """Return weights and card: a file that the detector and the export read without being told anything."""
        card = self.card
        if self.notes:
            card = dataclasses.replace(card, provenance={**card.provenance, "start": " ".join(self.notes)})
        state = {key: _plain(value) for key, value in self.model.state_dict().items()}
        return {"model": state, KEY: card.to_json()}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one group: network, classifier and weights of losses learn at one rate."""
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr": self.config.lr or 0.0}]

    def make_optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(groups)

    def make_schedule(self) -> Schedule:
        """Return a drop to a tenth at every step."""
        return Steps(drops=self.config.drops(self.plan.epochs))


def _same(one: Image, other: Image) -> bool:
    return one is other


def _plain(value: Tensor) -> Tensor:
    return value.detach().cpu().contiguous().clone()
