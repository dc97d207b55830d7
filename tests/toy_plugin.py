"""A whole family of models as a plugin would bring it: data set, two losses, identities, a scorer of its own.

It tells squares by their shade: a loss finds where they are, another tells which of the identities each one is. Nothing
here but public names of core; `tests/unit/test_training_seam.py` trains it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from trackforge.config import check, setting
from trackforge.data import Boxes, Dataset, Format, Images, Samples
from trackforge.registry import ComponentSpec, hookimpl
from trackforge.training import CocoAP, Losses, Plan, ReId, Score, Scorer, Training, TrainingModule, VocAP
from trackforge.training.augment import AugmentedSamples, validation_pipeline
from trackforge.types import Detections

SIDE, CELL = 64, 16


def read_shades(path: Path, *, findings: Any) -> Dataset:
    """Draw, in an empty folder whose name ends with ``.shades``, stills of two squares out of four identities."""
    rng = np.random.default_rng(0)
    boxes, ids = [], []
    for k in range(12):
        image = rng.integers(0, 20, (SIDE, SIDE, 3)).astype(np.uint8)
        who, cells = rng.choice(4, 2, replace=False), rng.choice(16, 2, replace=False)
        for identity, cell in zip(who.tolist(), cells.tolist(), strict=True):
            y, x = CELL * np.array(divmod(cell, 4))
            image[y : y + CELL, x : x + CELL] += np.uint8(50 + 50 * identity)
            boxes.append([x, y, x + CELL, y + CELL])
            ids.append(identity)
        cv2.imwrite(str(path / f"{k:02d}.png"), image)
    pictures, names = len(boxes) // 2, [f"{k:02d}.png" for k in range(len(boxes) // 2)]
    return Dataset(
        images=Images(path=names, width=[SIDE] * pictures, height=[SIDE] * pictures),
        boxes=Boxes(image=np.repeat(np.arange(pictures), 2), xyxy=boxes, track_id=ids),
        classes=("square",),
        root=path,
        name=path.name,
    )


def shades() -> Format:
    return Format(name="shades", summary="squares", sniff=lambda path: path.suffix == ".shades", read=read_shades)


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    rate: float = setting(0.02, help="Learning rate.", minimum=0)
    on_step: Any = setting(None, help="Called with every step, for tests.")

    def __post_init__(self) -> None:
        check(self)


class CountError(Scorer):
    """How many squares too many or too few a picture has, in the mean."""

    def announce(self, dataset: Dataset) -> Sequence[Score]:
        return (Score("count_error", better="lower", title="wrong number"),)

    def score(self, dataset: Dataset, seen: Sequence[Detections]) -> Mapping[str, float]:
        truths = np.bincount(dataset.boxes.image, minlength=len(dataset))
        return {"count_error": float(np.abs([len(one[one.score > 0.5]) for one in seen] - truths).mean())}


class ToyModule(TrainingModule):
    terms = ("where", "who")

    def __init__(self, plan: Plan, config: ToyConfig) -> None:
        super().__init__(plan, nn.Sequential(nn.Conv2d(3, 8, CELL, CELL), nn.Dropout(0.1), nn.ReLU()))
        self.model.append(nn.Conv2d(8, 5, 1))
        self.classifier = nn.Linear(4, plan.dataset.identities()[1])  # training alone needs it: not in the bundle
        self.config = config

    def compute_losses(self, batch: Any) -> Losses:
        if self.config.on_step is not None:
            self.config.on_step(self.global_step)
        maps, things = self.model(batch.images / 128 - 1), batch.targets
        column, row = (things.xyxy[:, :2] / CELL).long().T
        wanted = torch.zeros_like(maps[:, 0])
        wanted[things.image, row, column] = 1
        where = nn.functional.binary_cross_entropy_with_logits(maps[:, 0], wanted, reduction="sum")
        logits = self.classifier(maps[things.image, 1:, row, column])
        who = nn.functional.cross_entropy(logits, things.identity, reduction="sum", ignore_index=-1)
        known = int((things.identity >= 0).sum())
        return Losses({"where": where, "who": who}, {"where": len(things), "who": known}, weights={"who": 0.5})

    def maps(self, images: Sequence[Any]) -> torch.Tensor:
        planes = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(self.device)
        maps: torch.Tensor = self.model(planes / 128 - 1)
        return maps

    def detect(self, images: Sequence[Any]) -> list[Detections]:
        found = []
        for score in (self.maps([image])[0, 0].sigmoid().cpu() for image in images):
            row, column = (score > 0.05).nonzero().numpy().T * CELL
            xyxy = np.stack((column, row, column + CELL, row + CELL), axis=1)
            found.append(Detections(xyxy=xyxy, score=score[score > 0.05].numpy(), class_id=np.zeros(len(xyxy))))
        return found

    def embed(self, images: Sequence[Any], boxes: Sequence[Any]) -> list[Any]:
        cells = [torch.from_numpy(one[:, :2].copy() / CELL).long() for one in boxes]
        maps = self.maps(images).cpu()
        return [part[1:, at[:, 1], at[:, 0]].T.numpy() for part, at in zip(maps, cells, strict=True)]

    def bundle(self) -> dict[str, Any]:
        return {"model": dict(self.model.state_dict()), "classes": list(self.plan.dataset.classes)}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.parameters()), "lr": self.config.rate}]

    def make_optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.Adam(groups)


class ToyTrainer:
    defaults: Mapping[str, Any] = {"epochs": 4, "batch_size": 8, "monitor": "count_error", "validate_losses": True}

    def __init__(self, config: ToyConfig) -> None:
        self.config = config

    def begin(self, plan: Plan, /) -> Training:
        def source(dataset: Dataset) -> AugmentedSamples:
            return AugmentedSamples(Samples(dataset), validation_pipeline(), seed=plan.seed)

        return Training(
            module=ToyModule(plan, self.config),
            train=source(plan.dataset),
            val=source(plan.validation) if plan.validation is not None else None,
            sizes=[(SIDE, SIDE)],
            identity={"rate": self.config.rate},
            scorers=[CocoAP(), VocAP(), ReId(), CountError()],
        )


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    yield ComponentSpec(kind="trainer", name="toy", target=f"{__name__}:ToyTrainer", config=f"{__name__}:ToyConfig")
    yield ComponentSpec(kind="dataset", name="shades", target=f"{__name__}:shades")
