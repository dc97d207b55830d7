"""A tiny detector with its recipe, and pictures it can learn: for the tests of trackforge.training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from trackforge.config import check, setting
from trackforge.data import Boxes, Dataset, Images, Samples, sample_rng
from trackforge.training import Losses, Plan, SampleKey, Training, TrainingModule, WarmupCosine
from trackforge.training.augment import LabelledImage, TrainingSample
from trackforge.types import Detections

SIDE, STRIDE = 48, 8


def squares(root: Path, *, count: int = 12, sequence: bool = False, seed: int = 0) -> Dataset:
    """Pictures of 48x48 on disk, each with a light square (a box) on dark noise; as a sequence, one that moves."""
    rng = np.random.default_rng(seed)
    boxes = []
    (root / "img").mkdir(parents=True, exist_ok=True)
    for k in range(count):
        image = rng.integers(0, 50, (SIDE, SIDE, 3)).astype(np.uint8)
        x, y = (4 + 2 * k, 12) if sequence else rng.integers(0, SIDE - 18, 2).tolist()
        image[y : y + 16, x : x + 16] += 180
        cv2.imwrite(str(root / f"img/{k:03d}.png"), image)
        boxes.append([x, y, x + 16, y + 16])
    extra = {"sequence": ["walk"] * count, "frame": np.arange(count)} if sequence else {}
    return Dataset(
        images=Images(
            path=[f"img/{k:03d}.png" for k in range(count)], width=[SIDE] * count, height=[SIDE] * count, **extra
        ),
        boxes=Boxes(image=np.arange(count), xyxy=boxes, track_id=[1 if sequence else -1] * count),
        classes=("square",),
        root=root,
        name="squares",
    )


@dataclass(frozen=True, kw_only=True)
class TinyConfig:
    rate: float = setting(0.05, help="Learning rate.", minimum=0)
    width: int = setting(8, help="Channels.", minimum=1)
    dropout: float = setting(0.0, help="Share of channels dropped.", minimum=0)
    norm: bool = setting(True, help="Batch norm.")
    adam: bool = setting(False, help="Adam in the place of SGD.")
    poison: int = setting(-1, help="Step whose loss is NaN; -1: none.")

    def __post_init__(self) -> None:
        check(self)


class TinySource:
    """Flips at random; adds noise where augmentation is strong."""

    def __init__(self, samples: Samples, seed: int) -> None:
        self.samples, self.seed = samples, seed

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: SampleKey) -> TrainingSample:
        rng = sample_rng(self.seed, key.epoch, key.position)
        sample = self.samples[key.index]
        image, xyxy = sample.image.copy(), sample.boxes.xyxy.copy()
        if rng.random() < 0.5:
            image = np.ascontiguousarray(image[:, ::-1])
            xyxy[:, [0, 2]] = image.shape[1] - xyxy[:, [2, 0]]
        if key.strong:
            image = np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)
        height, width = key.size
        scale = width / image.shape[1], height / image.shape[0]
        image = cv2.resize(image, (width, height))
        picture = LabelledImage.of(sample).replace(image=image, xyxy=xyxy * np.tile(scale, 2))
        return TrainingSample.of(picture, index=key.index, source_size=(SIDE, SIDE))


class TinyModule(TrainingModule):
    terms: Sequence[str] = ("box", "objectness")

    def __init__(self, plan: Plan, config: TinyConfig, on_step: Callable[[int], None] | None = None) -> None:
        layers: list[nn.Module] = []
        channels = 3
        for _ in range(3):
            layers += [nn.Conv2d(channels, config.width, 3, 2, 1)]
            layers += [nn.BatchNorm2d(config.width)] if config.norm else []
            layers += [nn.SiLU()]
            channels = config.width
        layers += [nn.Dropout2d(config.dropout)] if config.dropout else []
        super().__init__(plan, nn.Sequential(*layers, nn.Conv2d(channels, 5, 1)))
        self.config = config
        self.on_step = on_step
        self.plain_seen: list[tuple[int, bool]] = []

    def compute_losses(self, batch: Any) -> Losses:
        if self.on_step is not None:
            self.on_step(self.global_step)
        maps = self.model(batch.images.float() / 128 - 1).float()
        t = batch.targets
        centre = (t.xyxy[:, :2] + t.xyxy[:, 2:]) / 2
        cell = (centre / STRIDE).long()
        wanted = torch.zeros_like(maps[:, 0])
        wanted[t.image, cell[:, 1], cell[:, 0]] = 1
        found = maps[t.image, 1:, cell[:, 1], cell[:, 0]]
        truth = torch.cat((centre / STRIDE - cell, (t.xyxy[:, 2:] - t.xyxy[:, :2]) / STRIDE), dim=1)
        self.plain_seen.append((self.global_step, self.plain))
        objectness = nn.functional.binary_cross_entropy_with_logits(maps[:, 0], wanted, reduction="sum")
        if self.global_step == self.config.poison:
            objectness = objectness * float("nan")
        return Losses({"box": (found - truth).abs().sum(), "objectness": objectness}, len(t), weights={"box": 2.0})

    def detect(self, images: Sequence[Any]) -> list[Detections]:
        out = []
        for image in images:
            tensor = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 128 - 1
            maps = self.model(tensor.to(self.device))[0].float().cpu()
            score, place = maps[0].flatten().sigmoid().topk(3)
            row, column = place // maps.shape[2], place % maps.shape[2]
            offset, size = maps[1:3, row, column].T, maps[3:5, row, column].T.clamp(min=0.1)
            centre = torch.stack((column, row), dim=1) + offset
            xyxy = torch.cat((centre - size / 2, centre + size / 2), dim=1) * STRIDE
            out.append(Detections(xyxy=xyxy.numpy(), score=score.numpy(), class_id=np.zeros(3, np.int64)))
        return out

    def bundle(self) -> dict[str, Any]:
        return {"model": dict(self.model.state_dict()), "classes": list(self.plan.dataset.classes)}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.parameters()), "lr": self.config.rate}]

    def make_optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.Adam(groups) if self.config.adam else super().make_optimizer(groups)

    def make_schedule(self) -> WarmupCosine:
        return WarmupCosine(warmup=0.5, flat=self.plan.plain_epochs)


class TinyRecipe:
    def __init__(self, config: TinyConfig, on_step: Callable[[int], None] | None = None) -> None:
        self.config, self.on_step = config, on_step
        self.module: TinyModule | None = None

    @property
    def defaults(self) -> Mapping[str, Any]:
        return {"batch_size": 4, "epochs": 3}

    def begin(self, plan: Plan, /) -> Training:
        val = plan.validation
        return Training(
            module=self.build(plan),
            train=TinySource(Samples(plan.dataset), plan.seed),
            val=None if val is None else TinySource(Samples(val), plan.seed),
            sizes=((48, 48), (64, 64)),
            identity={"rate": self.config.rate, "adam": self.config.adam},
        )

    def build(self, plan: Plan) -> TinyModule:
        self.module = TinyModule(plan, self.config, self.on_step)
        return self.module
