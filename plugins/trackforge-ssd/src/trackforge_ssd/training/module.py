"""SSD in training: losses, optimiser, validation, and the file that comes out."""

from __future__ import annotations

import dataclasses
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from trackforge.errors import ConfigError
from trackforge.models import KEY, InputValues
from trackforge.models.planes import HostPlanes
from trackforge.training import Losses, Plan, Schedule, Steps, TrainingModule
from trackforge.training.augment import Batch
from trackforge.types import Detections
from trackforge_ssd.model import SSD, Predictor
from trackforge_ssd.names import dialect_names
from trackforge_ssd.resnet import FixedGainNorm
from trackforge_ssd.selection import select
from trackforge_ssd.start import Start
from trackforge_ssd.training.config import ADADELTA_RATE, OTHER_NAMES, TERMS, SsdTrainConfig
from trackforge_ssd.training.log import algorithm_lines, algorithm_log
from trackforge_ssd.training.losses import loss_sums
from trackforge_ssd.training.targets import Matching, anchor_targets

__all__ = ["SsdModule"]

log = logging.getLogger(__name__)
Image = npt.NDArray[np.uint8]
EXAMPLES = 3
AFTER_BACKBONE = ("extras.", "class_heads.", "box_heads.")


class SsdModule(TrainingModule):
    """Trains an SSD.

    Args:
        plan: The run.
        start: The network and what is known of it; its classes are those of the data, and after them any others.
        config: Settings.

    Attributes:
        card: What the trained weights say about themselves.
        notes: What was not, or not simply, loaded.

    Raises:
        ConfigError: No layer has a name that fits ``freeze_layer_pattern``.
    """

    model: SSD
    terms = TERMS
    other_names = OTHER_NAMES

    def __init__(self, plan: Plan, start: Start, config: SsdTrainConfig) -> None:
        super().__init__(plan, start.network)
        self.config, self.card, self.notes = config, start.card, start.notes
        make = start.card.preprocessing
        self.values, self.planes = InputValues(make), HostPlanes(make)
        self.matching = Matching(empty=config.empty_pictures == "background")
        self.rule = dataclasses.replace(start.network.variant.rule, score=config.validate_score)
        # No submodule: it would name every parameter twice.
        self._predictor = [Predictor(start.network, make.size)]
        self._fixed = tuple(_plain_norms(self.model))
        self._freeze()

    def _freeze(self) -> None:
        """Let layers stay as they are whose names begin as the pattern says: those of the dialect, MXNet's usually."""
        if not self.config.freeze_layer_pattern:
            return
        pattern, names = re.compile(self.config.freeze_layer_pattern), dialect_names(self.model.variant)
        frozen = [key for key, _ in self.model.named_parameters() if pattern.match(names.get(key, key))]
        if not frozen:
            some = ", ".join(list(names.values())[:EXAMPLES])
            raise ConfigError(
                f"freeze_layer_pattern must fit the beginning of a layer's name; {pattern.pattern!r} fits none of "
                f"{self.model.variant.name}: {some}, ..."
            )
        if len(frozen) == len(dict(self.model.named_parameters())):
            raise ConfigError(
                f"freeze_layer_pattern must leave something to learn; {pattern.pattern!r} fits all layers."
            )
        for key in frozen:
            self.model.get_parameter(key).requires_grad_(False)
        log.info("%d of %d parameters stay as they are", len(frozen), len(list(self.model.parameters())))

    def compute_losses(self, batch: Batch) -> Losses:
        """Return the sums of the two losses, with what each is divided by."""
        outputs = self.model(self.values(batch.images))
        height, width = batch.size
        parts = outputs.offsets.new_tensor((width, height, width, height), dtype=torch.float32)
        boxes, classes, ignored = [], [], []
        for labels in batch.each():
            objects = labels[~labels.ignore]
            boxes.append(objects.xyxy / parts)
            classes.append(objects.class_id)
            ignored.append(labels[labels.ignore].xyxy / parts)
        targets = anchor_targets(self.model.anchors, outputs.logits.detach(), boxes, classes, ignored, self.matching)
        sums = loss_sums(outputs.logits, outputs.offsets, targets)
        return Losses(
            {"cross_entropy": sums.cross_entropy, "smooth_l1": sums.smooth_l1},
            {"cross_entropy": sums.classes, "smooth_l1": sums.boxes},
        )

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """Find objects as `trackforge_ssd.detector.SsdDetector` does."""
        planes, placements = self.planes.fill(images)
        predicted = self._predictor[0](torch.from_numpy(planes).to(self.device))
        probabilities, boxes = (t.cpu().numpy() for t in predicted)
        height, width = self.card.preprocessing.size
        parts = self.model.variant.dialect == "sagemaker"
        scale = np.array((width, height) * 2 if parts else (1, 1, 1, 1), np.float32)
        # Classes that the data do not have are predicted, too, where more were asked for; nobody could score them.
        keep = tuple(range(len(self.plan.dataset.classes)))
        out = []
        for one, corners, placement in zip(probabilities, boxes, placements, strict=True):
            found = select(one, corners, self.rule, None if len(keep) == self.model.classes else keep)
            finite = np.isfinite(found.xyxy).all(axis=1)
            xyxy = placement.back(found.xyxy[finite] * scale)
            out.append(Detections(xyxy=xyxy, score=found.score[finite], class_id=found.class_id[finite]))
        return out

    def bundle(self) -> dict[str, Any]:
        """Return weights and card: a file that the detector and the export read without being told anything."""
        card = self.card
        if self.notes:
            card = dataclasses.replace(card, provenance={**card.provenance, "start": " ".join(self.notes)})
        counters = {f"{name}.num_batches_tracked" for name in self._fixed}
        state = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items() if k not in counters}
        return {"model": state, KEY: card.to_json()}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return groups as mxnet-ssd has them.

        Weights and gains decay, biases and shifts do not; the biases of all that comes after the backbone learn at
        twice the rate, and the scale of VGG-16's norm decays by a tenth.
        """
        config = self.config
        rate = ADADELTA_RATE if config.optimizer == "adadelta" else config.learning_rate
        double = 1.0 if config.optimizer == "adadelta" else 2.0
        sorted_: dict[tuple[float, float], list[nn.Parameter]] = {}
        for key, parameter in self.model.named_parameters():
            if not parameter.requires_grad:
                continue
            faster = key.startswith(AFTER_BACKBONE) and key.endswith(".bias")
            decay = 0.0 if key.endswith(".bias") else 0.1 if key.endswith(".norm.scale") else 1.0
            sorted_.setdefault((double if faster else 1.0, decay), []).append(parameter)
        return [
            {"params": params, "lr": rate * faster, "weight_decay": config.weight_decay * decay}
            for (faster, decay), params in sorted_.items()
        ]

    def make_optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Return the optimiser, with MXNet's numbers where nobody says others."""
        config = self.config
        if config.optimizer == "adam":
            return torch.optim.Adam(groups)
        if config.optimizer == "rmsprop":
            return torch.optim.RMSprop(groups, alpha=0.9, momentum=config.momentum)
        if config.optimizer == "adadelta":
            return torch.optim.Adadelta(groups, rho=0.9, eps=1e-5)
        return torch.optim.SGD(groups, momentum=config.momentum)

    def make_schedule(self) -> Schedule:
        """Return a drop at the start of each epoch that is named."""
        return Steps(drops=self.config.lr_scheduler_step, by=self.config.lr_scheduler_factor)

    def epoch_ended(self, row: Mapping[str, float]) -> None:
        """Log the lines of the built-in algorithm, where asked for."""
        if self.config.algorithm_log:
            host = os.environ.get("SM_CURRENT_HOST", "algo-1")
            for line in algorithm_lines(row, steps=self.plan.steps_per_epoch, epochs=self.plan.epochs, host=host):
                algorithm_log().info(line)


def _plain_norms(network: nn.Module) -> Iterator[str]:
    """Put torch's own norms in the place of those of fixed gain, so that they look at all processes; yield their names.

    Their gain is 1 and stays so. What else was stored in its place has no meaning.
    """
    for name, module in list(network.named_modules()):
        if not isinstance(module, FixedGainNorm):
            continue
        norm = nn.BatchNorm2d(len(module.bias), eps=module.eps)
        norm.weight.requires_grad_(False)
        norm.bias = module.bias
        norm.running_mean, norm.running_var = module.running_mean, module.running_var
        parent, _, last = name.rpartition(".")
        setattr(network.get_submodule(parent), last, norm)
        yield name
