"""The toy family with settings worth tuning, as an installed plugin, so that processes of their own find it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import toy_plugin

from trackforge import data
from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.registry import ComponentSpec, hookimpl
from trackforge.training import Losses, Plan, Training

NAME = "tuned-toy"


@dataclass(frozen=True, kw_only=True)
class TunedConfig:
    lr: float = setting(0.005, help="Learning rate.", minimum=0, maximum=1)
    id_loss: Literal["ce", "half", "crash", "greedy"] = setting("ce", help="Loss of identities, or what goes wrong.")
    pause: float = setting(0.0, help="Seconds that a step takes longer.", minimum=0)
    disk: bool = setting(False, help="The disk is full (of quick trials only).")
    device: Literal["here", "there"] | None = setting(None, help="Nothing; the recipe decides.")

    def __post_init__(self) -> None:
        check(self)
        if self.id_loss == "half" and self.lr > 0.3:
            raise ConfigError(f"half takes a rate of .3 at most; got {self.lr}.")


class TunedModule(toy_plugin.ToyModule):
    def __init__(self, plan: Plan, config: TunedConfig) -> None:
        super().__init__(plan, toy_plugin.ToyConfig(rate=config.lr))
        self.tuned = config

    def compute_losses(self, batch: Any) -> Losses:
        time.sleep(self.tuned.pause)
        if self.tuned.id_loss == "crash":
            os.abort()
        if self.tuned.id_loss == "greedy":
            torch.empty(1 << 50)
        losses = super().compute_losses(batch)
        weights = {"who": 0.25} if self.tuned.id_loss == "half" else losses.weights
        return Losses(losses.sums, losses.normaliser, weights=weights)


class TunedTrainer(toy_plugin.ToyTrainer):
    def __init__(self, config: TunedConfig) -> None:
        super().__init__(toy_plugin.ToyConfig(rate=config.lr))
        self.tuned = config

    def begin(self, plan: Plan, /) -> Training:
        begun = super().begin(plan)
        return Training(
            module=TunedModule(plan, self.tuned),
            train=begun.train,
            val=begun.val,
            sizes=begun.sizes,
            identity={"lr": self.tuned.lr, "id_loss": self.tuned.id_loss},
            scorers=begun.scorers,
        )


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    config = f"{__name__}:TunedConfig"
    yield ComponentSpec(kind="trainer", name=NAME, target=f"{__name__}:TunedTrainer", config=config)


def install(folder: Path) -> Path:
    """Make a folder that, on the path, has the plugin installed; returns it."""
    info = folder / "tuned_toy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tuned-toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[trackforge]\ntuned-toy = tuned_toy\n")
    for module in (Path(__file__), Path(toy_plugin.__file__)):
        (folder / module.name).write_text(module.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def labels(folder: Path) -> Path:
    """Write two sets of squares with identities, ``train.json`` and ``val.json``; returns their folder."""
    for name in ("train", "val"):
        (folder / name).mkdir(parents=True)
        data.write(toy_plugin.read_shades(folder / name, findings=None), folder / f"{name}.json")
    return folder
