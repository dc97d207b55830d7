"""The question that a search over trainings answers: which settings give the best validation score."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trackforge.config import describe
from trackforge.errors import ConfigError
from trackforge.runs.fingerprint import fingerprint, versions
from trackforge.runs.layers import Layer
from trackforge.runs.values import plain
from trackforge.training.monitoring import TRACKING, usual_name
from trackforge.training.provenance import labels_digest
from trackforge.training.run import TrainingRun, TrainingTask
from trackforge.tuning.space import Dimension
from trackforge.tuning.training.space import loop_of, search_space

if TYPE_CHECKING:
    from trackforge.training.settings import FitSettings

__all__ = ["Problem"]

BESIDE = (
    "workers", "accelerator", "devices", "nodes", "strategy", "validate_batch", "checkpoint_steps", "log_every",
    "tensorboard", "progress",
)  # fmt: skip
"""Settings of the loop that may change while a search goes on: where and how fast it is done, what is written down."""
NOT_DATA = ("trainer", "train", "weights", "out", "whole", "resume")
"""Options that do not say what is trained and validated on."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Everything that the score of a trial depends on, its values apart.

    Attributes:
        task: The training as it is without tuning.
        space: What varies.
        objective: Score or loss that tells which trial is good; monitored in every trial, so that its model is that of
            the epoch whose score counts. The direction is that of its announcement.
        pictures: How many there are to train on, to validate on, and in the whole.
        boxes: How many there are to train on, and to validate on.
        labels: Digests of the labels to train on, and to validate on.
    """

    task: TrainingTask
    space: Sequence[Dimension]
    objective: str
    pictures: tuple[int, int, int]
    boxes: tuple[int, int]
    labels: tuple[str, str]

    @classmethod
    def of(cls, *given: TrainingRun | Layer, asked: Mapping[str, Any], objective: str = "") -> Problem:
        """Make a question of a training and what to search; reads the labels, and makes the recipe.

        Args:
            given: The training, or what several places say about it, from weak to strong.
            asked: Values by ``section.setting`` of the sections ``trainer`` and ``train``, or by the name of a setting
                alone; as `trackforge.tuning.parse` reads them. None stands for the usual range.
            objective: Name of the score or loss; what the training monitors where empty.

        Raises:
            ConfigError: A setting is unknown or wrong, nothing is searched, nothing is to be validated on, or no score
                can have the objective's name.
            DataError: A set is malformed, or does not have what is asked for.
            MissingDependencyError: A package that the trainer needs is not installed.
        """
        task = TrainingTask.of(*given)
        space = search_space(task, asked)
        task = _monitoring(task, objective)
        task.check()
        if task.loop.get("nodes", 1) != 1:
            raise ConfigError("A search is made on one machine; train.nodes must be 1. Share out the search instead.")
        train, val = task.sets()
        if val is None:
            raise ConfigError(
                "A search needs pictures to validate on; none are named. Give --val, --val-split, --halves, "
                "--val-share or --val-sequences."
            )
        said = task.options  # a part to validate on that is not named apart from the rest is trained on too
        among = bool(said.val_split) and not said.split and not said.val
        return cls(
            task=task,
            space=space,
            objective=str(task.loop["monitor"]),
            pictures=(len(train), len(val), len(train) + (0 if among else len(val))),
            boxes=(len(train.boxes), len(val.boxes)),
            labels=(labels_digest(train), labels_digest(val)),
        )

    def value(self, name: str) -> Any:
        """Return what ``section.setting`` is without tuning; None where the recipe decides."""
        section, _, key = name.partition(".")
        return (self.task.trainer if section == "trainer" else loop_of(self.task)).value(key)

    def defaults(self) -> dict[str, Any]:
        """Return what the dimensions are without tuning; those that no value of theirs says are left out."""
        found = {one.name: (one, self.value(one.name)) for one in self.space}
        return {name: one.suggested(value) for name, (one, value) in found.items() if one.holds(value)}

    def but(self, values: Mapping[str, Any]) -> TrainingTask:
        """Return the training with some values.

        Raises:
            ConfigError: They do not go together.
        """
        tables: dict[str, dict[str, Any]] = {"trainer": {}, "train": {}}
        for name, value in values.items():
            section, _, key = name.partition(".")
            tables[section][key] = value
        trainer = self.task.trainer.but(tables["trainer"])
        loop = {**self.task.loop, **loop_of(self.task).convert(tables["train"])}
        changed = dataclasses.replace(self.task, trainer=trainer, loop=loop)
        settings_of(changed)
        return changed

    def trial(self, values: Mapping[str, Any], folder: Path, *, first: bool = False, seed: int = 0) -> TrainingRun:
        """Return the training of a trial, which goes on where it was begun.

        Args:
            values: By ``section.setting``.
            folder: Of the trial.
            first: Whether to score the starting weights too, unless somebody has said so or not.
            seed: Added to that of the training.

        Raises:
            ConfigError: The values do not go together.
        """
        task = self.but(values)
        loop = {"validate_start": first, **task.loop, "progress": False}
        if seed:
            loop["seed"] = settings_of(task).seed + seed
        job = dataclasses.replace(task, loop=loop).job()
        return dataclasses.replace(job, out=folder, resume=True)

    def settings(self, values: Mapping[str, Any]) -> FitSettings:
        """Return all settings of the loop with some values."""
        return settings_of(self.but(values))

    def identity(self) -> dict[str, Any]:
        """Return what trials must have in common to be compared, in words that tell what differs."""
        trainer, options = self.task.trainer, self.task.options
        loop = {key: plain(value) for key, value in self.task.loop.items() if key not in BESIDE}
        return {
            "space": {one.name: str(one) for one in self.space},
            "objective": self.objective,
            "trainer": f"{trainer.name} {fingerprint(plain(trainer.settings))} {versions(trainer.spec.target)}",
            "train": fingerprint(loop),
            "data": {s.name: plain(getattr(options, s.name)) for s in describe(TrainingRun) if s.name not in NOT_DATA},
            "pictures": [*self.pictures, *self.boxes],
            "labels": list(self.labels),
            "weights": fingerprint({"weights": options.weights}),
        }


def settings_of(task: TrainingTask) -> FitSettings:
    """Return the settings of the loop that a training comes to; makes the recipe, which checks its own.

    Raises:
        ConfigError: Settings do not go together.
    """
    from trackforge.training import settings_for

    settings = settings_for(task.trainer.create(), **task.loop)
    if settings.plain_epochs > settings.epochs:
        raise ConfigError(
            f"train.plain_epochs must be at most train.epochs; got {settings.plain_epochs} of {settings.epochs}."
        )
    return settings


def _monitoring(task: TrainingTask, objective: str) -> TrainingTask:
    """Return the training with the objective as what it monitors, and with what gives that score."""
    settings = settings_of(task)
    said = task.loop.get("monitor")
    others: Mapping[str, str] = getattr(task.trainer.spec.load_config(), "other_names", {})
    if objective and said is not None and usual_name(said, others) != usual_name(objective, others):
        raise ConfigError(
            f"The objective is what is monitored; got --objective {objective} and train.monitor={said}. Drop one."
        )
    name = usual_name(objective or settings.monitor, others)
    more: dict[str, Any] = {"monitor": name}
    if name.startswith("val_") and task.loop.get("validate_losses") is None:
        more["validate_losses"] = True
    if name in TRACKING and settings.tracker:
        more["tracker"] = settings.tracker
    return dataclasses.replace(task, loop={**task.loop, **more})
