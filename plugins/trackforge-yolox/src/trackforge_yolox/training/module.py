"""YOLOX in training: losses, optimiser groups, validation, and the file that comes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from trackforge.models import KEY, InputValues
from trackforge.models.planes import HostPlanes
from trackforge.training import Losses, Plan, Schedule, TrainingModule, WarmupCosine
from trackforge.training.augment import Batch
from trackforge.types import Detections
from trackforge_yolox.head import decode
from trackforge_yolox.model import YOLOX
from trackforge_yolox.selection import Selection, select
from trackforge_yolox.selection_torch import select_tensor
from trackforge_yolox.training.assignment import BYTETRACK_RULE, YOLOX_RULE
from trackforge_yolox.training.config import TERMS, YoloxTrainConfig
from trackforge_yolox.training.losses import Truth, loss_sums
from trackforge_yolox.training.start import Start

__all__ = ["YoloxModule"]

ABSURD = 1e6
"""Pixels; a network that has just begun may predict sizes whose area is beyond float32."""
RULES = {"yolox": YOLOX_RULE, "bytetrack": BYTETRACK_RULE}


class YoloxModule(TrainingModule):
    """Trains a YOLOX network.

    Args:
        plan: The run.
        start: The network and what is known of it.
        config: Settings, after `YoloxTrainConfig.filled`.

    Attributes:
        card: What the trained weights say about themselves.
        notes: What was not, or not simply, loaded from the weights to start from.
    """

    model: YOLOX
    terms = TERMS

    def __init__(self, plan: Plan, start: Start, config: YoloxTrainConfig) -> None:
        network = start.network
        if config.channels_last:
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(plan, network)
        self.config, self.card, self.notes = config, start.card, start.notes
        self.values, self.planes = InputValues(start.card.preprocessing), HostPlanes(start.card.preprocessing)
        family = start.card.variant.partition("-")[0]
        nms = config.validate_nms if config.validate_nms is not None else 0.7 if family == "bytetrack" else 0.65
        self.selection = Selection(score=config.validate_score, limit=nms)
        if config.freeze == "backbone":
            self.model.backbone.backbone.requires_grad_(False)

    def compute_losses(self, batch: Batch) -> Losses:
        """Return the sums of the losses, to be divided by the number of cells that learnt an object."""
        images = self.values(batch.images)
        if self.config.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        t, config = batch.targets, self.config
        sums = loss_sums(
            self.model(images),
            Truth(t.image, t.xyxy, t.class_id, t.ignore),
            RULES[config.assignment or "yolox"],
            l1=config.l1 == "always" or (config.l1 == "plain" and self.plain),
            skip_ignored=config.ignore_regions == "skip",
        )
        terms = {"box": sums.box, "objectness": sums.objectness, "class": sums.classes, "l1": sums.l1}
        return Losses(terms, sums.foreground)

    def detect(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[Detections]:
        """Find objects as `trackforge_yolox.detector.YoloxDetector` does."""
        planes, placements = self.planes.fill(images)
        predictions = decode(self.model(torch.from_numpy(planes).to(self.device)))
        out = []
        for rows, placement in zip(predictions.float(), placements, strict=True):
            one = rows[(rows[:, :4].abs() < ABSURD).all(dim=1)]
            found = select_tensor(one, self.selection) if one.is_cuda else select(one.numpy(), self.selection)
            out.append(Detections(xyxy=placement.back(found.xyxy), score=found.score, class_id=found.class_id))
        return out

    def bundle(self) -> dict[str, Any]:
        """Return weights and card: a file that the detector and the export read without being told anything."""
        card = self.card
        if self.notes:
            card = dataclasses.replace(card, provenance={**card.provenance, "start": " ".join(self.notes)})
        state = {key: value.detach().cpu().clone() for key, value in self.model.state_dict().items()}
        return {"model": state, KEY: card.to_json()}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return three groups: scales of norms, weights (the only ones that decay), biases."""
        scales: list[nn.Parameter] = []
        weights: list[nn.Parameter] = []
        biases: list[nn.Parameter] = []
        for module in self.model.modules():
            if isinstance(getattr(module, "bias", None), nn.Parameter):
                biases.append(module.bias)  # type: ignore[arg-type]
            if isinstance(getattr(module, "weight", None), nn.Parameter):
                (scales if isinstance(module, _BatchNorm) else weights).append(module.weight)  # type: ignore[arg-type]
        rate = (self.config.learning_rate or 0.0) * self.plan.batch_size
        groups = [(scales, 0.0), (weights, self.config.weight_decay), (biases, 0.0)]
        return [
            {"params": [p for p in group if p.requires_grad], "lr": rate, "weight_decay": decay}
            for group, decay in groups
        ]

    def make_optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Return SGD with Nesterov's momentum."""
        return torch.optim.SGD(groups, momentum=self.config.momentum, nesterov=self.config.momentum > 0)

    def make_schedule(self) -> Schedule:
        """Return YOLOX's schedule."""
        return WarmupCosine(
            warmup=min(self.config.warmup or 0.0, self.plan.epochs / 2),
            floor=self.config.floor,
            flat=min(self.plan.plain_epochs, self.plan.epochs / 2),
        )

    def train(self, mode: bool = True) -> YoloxModule:
        """Switch between training and evaluation; frozen parts stay in evaluation."""
        super().train(mode)
        if mode:
            frozen: list[nn.Module] = []
            if self.config.freeze_norms:
                frozen += [m for m in self.model.modules() if isinstance(m, _BatchNorm)]
            if self.config.freeze == "backbone":
                frozen += [self.model.backbone.backbone]  # type: ignore[list-item]
            for part in frozen:
                part.eval()
        return self
