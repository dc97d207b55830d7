"""Hyperparameters sorted by where they belong, and converted to the type that is declared there.

A hyperparameter is, in this order:

* one of the published job whose trainer it is (`fairmot_names`, `bytetrack_names`, `builtin_names`);
* an option of `trackforge.training.run.TrainingRun`: ``data``, ``half_val``, ``classes``, ...;
* one of this plugin's: ``processes``, ``attribute_names``, ``artefact``, ``tracker``;
* a setting of the trainer, ``trainer__variant`` or ``variant``;
* a setting of the loop, ``train__epochs`` or ``epochs``;
* a setting to serve the model with, ``detector__score``, ``tracker__high_score``, ``serve__conf``.

Two underscores stand for a dot, since SDK v3 takes letters, digits and underscores in names only. The environment says
the same under ``TRACKFORGE_TRAIN_...``, below the hyperparameters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from trackforge.config import check, describe, setting
from trackforge.errors import ConfigError, did_you_mean
from trackforge.registry import registry
from trackforge.training.run import LOOP, TrainingRun
from trackforge_sagemaker.hyperparameters import UNSAID, Hyperparameter, converted
from trackforge_sagemaker.model_settings import check_tables
from trackforge_sagemaker.training.names import Said, Vocabulary

__all__ = ["Ours", "Sorted"]

SERVING = ("detector", "serve")
NOT_OURS = ("trainer", "train", "out")
"""Options that no hyperparameter gives: two are tables, the third is `/opt/ml`'s affair."""


@dataclass(frozen=True, kw_only=True)
class Ours:
    """What this plugin takes beside the settings of a training."""

    processes: int = setting(1, help="Processes of each machine where it has no GPU.", minimum=1)
    attribute_names: tuple[str, ...] = setting(
        (), help="AttributeNames of augmented manifests in Pipe mode, in the channel's order.", commas=True
    )
    artefact: Literal["pth", "onnx"] = setting(
        "pth", help="Whether the model is left as a checkpoint, or as an ONNX file, which is served without torch."
    )
    tracker: str = setting("", help="Tracker to serve the model with; the trainer's usual one if left out.")

    def __post_init__(self) -> None:
        check(self)


class Sorted:
    """Hyperparameters sorted by where they belong.

    Args:
        words: The vocabulary of the trainer, or its name where it has none.
        said: What the vocabulary has put together.

    Attributes:
        tables: Settings of ``trainer`` and ``train``.
        options: Of the job.
        ours: Of this plugin.
        serving: Settings to serve the model with, by table.
        notes: One sentence each.
    """

    def __init__(self, words: Vocabulary | str, said: Said) -> None:
        self.words = words if isinstance(words, Vocabulary) else None
        self.trainer = words.trainer if isinstance(words, Vocabulary) else words
        self.configs: dict[str, type] = {
            "trainer": _config(registry().find("trainer", self.trainer).load_config()),
            "train": _config(LOOP.load_config()),
        }
        self.tables: dict[str, dict[str, Any]] = {"trainer": {"name": self.trainer}, "train": {}}
        self.options: dict[str, Any] = {}
        self.ours: dict[str, Any] = {}
        self.serving: dict[str, dict[str, Any]] = {}
        self.notes = [f"The hyperparameters are {self.words.title}'s." for _ in [0] if self.words and said.places]
        self.own = {config: _names(config) for config in (TrainingRun, Ours)}
        self.own[TrainingRun] -= set(NOT_OURS)
        for place, value in said.places.items():
            self._put(place, value)

    def take(self, sent: Iterable[Hyperparameter]) -> None:
        """Sort them; what our own names say goes before what a vocabulary's do.

        Raises:
            ConfigError: Some are unknown, or one is wrong.
        """
        unknown = []
        for given in sorted(sent, key=lambda one: self.words is None or not self.words.knows(one.name)):
            if given.name == "trainer" or (self.words and given.name in self.words.combined):
                continue
            if self.words and given.name in self.words.ignored:
                self.notes.append(f"Hyperparameter {given.name} means nothing here: {self.words.ignored[given.name]}.")
            elif self.words and given.name in self.words.places:
                self._put(self.words.places[given.name], given)
            elif (place := self._place(given.name)) is not None:
                self._put(place, given)
            else:
                unknown.append(given.name)
        if unknown:
            raise ConfigError(self._unknown(unknown))

    def _place(self, name: str) -> str | None:
        section, dot, key = name.partition(".")
        if dot:
            return name if key and section in (*self.tables, *SERVING, "tracker") else None
        if name in self.own[TrainingRun]:
            return name
        if name in self.own[Ours]:
            return f"ours.{name}"
        sections = ("trainer", "train")
        return next((f"{one}.{name}" for one in sections if name in _names(self.configs[one])), None)

    def _put(self, place: str, value: Any) -> None:
        section, dot, key = place.partition(".")
        if section in (*SERVING, "tracker") and dot:
            check_tables({section: {key: value}}, "The hyperparameters")
            self.serving.setdefault(section, {})[key] = value.value
            return
        config = Ours if section == "ours" else self.configs.get(section, TrainingRun)
        target = self.ours if section == "ours" else self.tables[section] if dot else self.options
        if isinstance(value, Hyperparameter):
            owner = f"trainer {self.trainer!r}" if section == "trainer" else ""
            value = converted(config, key or section, value, owner)
        if value is not UNSAID:
            target[key or section] = value

    def _unknown(self, names: list[str]) -> str:
        known = {
            *self.own[TrainingRun],
            *self.own[Ours],
            *(name for one in self.configs.values() for name in _names(one)),
        }
        if self.words:
            known |= {*self.words.places, *self.words.ignored, *self.words.combined}
        listed = ", ".join(f"{name}{_hint(name, known)}" for name in names)
        return (
            f"Every hyperparameter must be one that training {self.trainer} knows; unknown: {listed}. Settings are "
            "spelled train__NAME and trainer__NAME; drop what is not meant for the training."
        )


def _hint(name: str, known: Iterable[str]) -> str:
    hint = did_you_mean(name.rpartition(".")[2], known).strip()
    return f" ({hint[0].lower()}{hint[1:]})" if hint else ""


def _config(declared: type | None) -> type:
    return _Nothing if declared is None else declared


@dataclass(frozen=True)
class _Nothing:
    """Of a trainer that takes no settings."""


def _names(config: type) -> set[str]:
    return {one.name for one in describe(config)}
