"""The four losses of FairMOT, as sums with what they are divided by, and the ways to put them together.

Source: Zhang et al., "FairMOT", IJCV 2021; the heat map's from Law and Deng, "CornerNet", ECCV 2018; weights that are
learned from Kendall et al., "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018; focal loss from Lin et
al., ICCV 2017.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from trackforge.errors import InvalidInputError
from trackforge.training import Losses
from trackforge_fairmot.training.targets import CellTargets

__all__ = ["IdentityLoss", "JointLoss", "MapsLike", "heat_sum"]

SMALLEST = 1e-4
"""Added to what the losses of box and offset are divided by, as published."""
FIXED_ID = 0.1
IdentityLoss = Literal["ce", "focal"]


class MapsLike(Protocol):
    """What the network gives: raw maps ``(B, channels, h, w)``; those of the heat map are logits."""

    @property
    def hm(self) -> Tensor:
        """Heat map."""

    @property
    def wh(self) -> Tensor:
        """Boxes."""

    @property
    def id(self) -> Tensor:
        """Embeddings, of any length."""

    @property
    def reg(self) -> Tensor:
        """Offsets of centres."""


def heat_sum(logits: Tensor, target: Tensor, known: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the summed loss of a heat map and the number of cells that are an object's.

    Args:
        logits: ``(B, C, h, w)``.
        target: The same shape, 1 at objects and less around them.
        known: ``(B, 1, h, w)``; where False, only objects count.
    """
    score = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    found = target == 1
    positive = score.log() * (1 - score).square()
    negative = (1 - score).log() * score.square() * (1 - target).pow(4)
    if known is not None:
        negative = negative * known
    return -torch.where(found, positive, negative).sum(), found.sum()


class JointLoss(nn.Module):
    """The losses of detection and identity together; what only training needs lives here: classifier and weights.

    With ``"uncertainty"`` the total is half of ``exp(-s_det) det + exp(-s_id) id + s_det + s_id``, whose ``s_det`` and
    ``s_id`` are learned; with ``"fix"`` it is ``det + id_weight id``. ``det`` is ``hm_weight hm + wh_weight wh +
    off_weight off``.

    Args:
        identities: How many identities the classifier tells apart; 0 trains detection alone.
        embedding_dim: Length of embeddings.
        id_loss: Cross-entropy, or focal loss over one sigmoid an identity.
        multi_loss: How the losses are put together.
        hm_weight: Of the heat map.
        wh_weight: Of boxes.
        off_weight: Of offsets.
        id_weight: Of identities, with ``"fix"``.

    Attributes:
        classifier: From embedding to identity; None without identities.
        embedding_scale: What unit embeddings are multiplied by before.
    """

    def __init__(
        self,
        identities: int,
        embedding_dim: int,
        *,
        id_loss: IdentityLoss = "ce",
        multi_loss: Literal["uncertainty", "fix"] = "uncertainty",
        hm_weight: float = 1.0,
        wh_weight: float = 0.1,
        off_weight: float = 1.0,
        id_weight: float = FIXED_ID,
    ) -> None:
        super().__init__()
        self.id_loss = id_loss
        self.weights: Mapping[str, float] = {"hm_loss": hm_weight, "wh_loss": wh_weight, "off_loss": off_weight}
        self.id_weight = id_weight
        # the logarithm is 0 at two identities and less than nothing at one
        self.embedding_scale = math.sqrt(2) * math.log(max(identities - 1, 2))
        self.classifier: nn.Linear | None = None
        self.s_det: nn.Parameter | None = None
        self.s_id: nn.Parameter | None = None
        if identities:
            self.classifier = nn.Linear(embedding_dim, identities)
            if id_loss == "focal":  # every identity begins as improbable
                nn.init.normal_(self.classifier.weight, std=0.01)
                nn.init.constant_(self.classifier.bias, -math.log((1 - 0.01) / 0.01))
        if multi_loss == "uncertainty":
            self.s_det = nn.Parameter(torch.tensor(-1.85))
            self.s_id = nn.Parameter(torch.tensor(-1.05)) if identities else None

    def forward(self, maps: MapsLike, targets: CellTargets) -> Losses:
        """Compare maps with targets; half-precision maps are taken to float32 first, and autocast is off.

        Raises:
            InvalidInputError: An identity is beyond the classifier.
        """
        with torch.amp.autocast(maps.hm.device.type, enabled=False):
            t = targets
            heat, wh, reg, look = (_full(m) for m in (maps.hm, maps.wh, maps.reg, maps.id))
            hm_sum, positives = heat_sum(heat, t.heat.to(heat), t.known)
            sides, offset = wh[t.image, :, t.y, t.x], reg[t.image, :, t.y, t.x]
            id_sum, labelled = self._identity(look, t)
            sums = {
                "hm_loss": hm_sum,
                "wh_loss": (sides - t.sides.to(sides)).abs().sum(),
                "off_loss": (offset - t.offset.to(offset)).abs().sum(),
                "id_loss": id_sum,
            }
            counts: dict[str, Tensor | float] = {
                "hm_loss": positives,
                "wh_loss": sides.numel() + SMALLEST,
                "off_loss": offset.numel() + SMALLEST,
                "id_loss": labelled,
            }
            return Losses(sums, counts, weights=self._weights(), constant=self._constant())

    def _identity(self, look: Tensor, t: CellTargets) -> tuple[Tensor, int]:
        if self.classifier is None:
            return look.new_zeros(()), 0
        rows = (t.identity >= 0).nonzero()[:, 0]
        identity = t.identity[rows]
        known = self.classifier.out_features
        if len(rows) and int(identity.max()) >= known:
            raise InvalidInputError(
                f"Identities must be 0..{known - 1}, those that the classifier tells apart; got {int(identity.max())}. "
                "Number them without gaps (Dataset.identities), and begin a new training for other identities."
            )
        vectors = look[t.image[rows], :, t.y[rows], t.x[rows]]
        logits = self.classifier(self.embedding_scale * functional.normalize(vectors, dim=1))
        if self.id_loss == "ce":
            return functional.cross_entropy(logits, identity, reduction="sum"), len(rows)
        return _focal_sum(logits, functional.one_hot(identity, known).to(logits)), len(rows)

    def _weights(self) -> dict[str, Tensor | float]:
        weights: dict[str, Tensor | float] = {**self.weights, "id_loss": self.id_weight}
        if self.s_det is not None:
            share = 0.5 * torch.exp(-self.s_det)
            weights = {name: share * value for name, value in self.weights.items()}
            weights["id_loss"] = 0.0 if self.s_id is None else 0.5 * torch.exp(-self.s_id)
        return weights

    def _constant(self) -> Tensor | None:
        if self.s_det is None:
            return None
        return 0.5 * (self.s_det if self.s_id is None else self.s_det + self.s_id)


def _focal_sum(logits: Tensor, target: Tensor) -> Tensor:
    """Sum the focal loss over one sigmoid a class, alpha .25, gamma 2."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    score = logits.sigmoid()
    wrong = torch.where(target > 0.5, 1 - score, score)
    share = torch.where(target > 0.5, 0.25, 0.75)
    return (share * wrong.square() * entropy).sum()


def _full(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
