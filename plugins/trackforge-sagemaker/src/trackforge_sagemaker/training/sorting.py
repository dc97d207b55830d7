"""Hyperparameters sorted by where they belong, and converted to the type that is declared there.

A hyperparameter is, in this order:

* one of the published job whose trainer it is (`fairmot_names`, `bytetrack_names`, `builtin_names`);
* an option of `trackforge.training.run.TrainingRun`: ``data``, ``half_val``, ``classes``, ...;
* one of this plugin's: ``processes``, ``attribute_names``, ``artefact``, ``tracker``;
* a setting of the trainer, ``trainer__variant`` or ``variant``;
* a setting of the loop, ``train__epochs`` or ``epochs``;
* a setting to serve the model with, ``detector__score``, ``tracker__high_score``, ``serve__conf``.

Two underscores stand for a dot, since SDK v3 takes letters, digits and underscores in names only. The environment says
the same under ``TRACKFORGE_TRAIN_...``, below the hyperparameters: what both say, under whatever names, they decide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trackforge.config import check, describe, setting
from trackforge.errors import ConfigError, did_you_mean
from trackforge.registry import registry
from trackforge.training.run import LOOP, TrainingRun
from trackforge_sagemaker.hyperparameters import UNSAID, Hyperparameter, converted
from trackforge_sagemaker.training.names import Said, Vocabulary

__all__ = ["Names", "Ours", "Sorted"]

SERVING = ("detector", "tracker", "serve")
WAYS = frozenset({"val", "val_split", "halves", "half_val", "val_share", "val_sequences"})
"""Options that say what to validate on, of which one counts."""
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


class Names:
    """What names of hyperparameters stand for.

    Args:
        words: The vocabulary of the trainer, or its name where it has none.
    """

    def __init__(self, words: Vocabulary | str) -> None:
        self.words = words if isinstance(words, Vocabulary) else None
        self.trainer = words.trainer if isinstance(words, Vocabulary) else words
        self.configs: dict[str, type] = {
            "trainer": _config(registry().find("trainer", self.trainer).load_config()),
            "train": _config(LOOP.load_config()),
        }
        self.own = {config: _names(config) for config in (TrainingRun, Ours)}
        self.own[TrainingRun] -= set(NOT_OURS)

    def place(self, name: str) -> str | None:
        """Return where a value belongs: ``train.epochs``, an option, ``ours.processes``; None for an unknown name."""
        if self.words and name in self.words.places:
            return self.words.places[name]
        section, dot, key = name.partition(".")
        if dot:
            return name if key and section in (*self.configs, *SERVING) else None
        if name in self.own[TrainingRun]:
            return name
        if name in self.own[Ours]:
            return f"ours.{name}"
        sections = ("trainer", "train")
        return next((f"{one}.{name}" for one in sections if name in _names(self.configs[one])), None)

    def concerns(self, name: str) -> str | None:
        """Return the place that a name has a say in, also where it is one of several."""
        if name == "trainer":
            return "trainer.name"
        return self.words.combined[name] if self.words and name in self.words.combined else self.place(name)

    def merged(self, sent: Mapping[str, Hyperparameter], below: Mapping[str, Hyperparameter]) -> list[Hyperparameter]:
        """Return hyperparameters with those of a lower rank that say something of which the others say nothing."""
        taken = {self.concerns(name) for name, one in sent.items() if self._says(one)}
        if taken & WAYS:
            taken |= WAYS
        more = {self.words.named(name) if self.words else name: one for name, one in below.items()}
        kept = {name: dataclasses.replace(one, name=name) for name, one in more.items()
                if self.concerns(name) is None or self.concerns(name) not in taken}  # fmt: skip
        return [*kept.values(), *(one for name, one in sent.items() if name not in kept)]

    def _says(self, given: Hyperparameter) -> bool:
        place = self.place(given.name)
        if (given.value is not None and given.text != "") or place is None or place.partition(".")[0] in SERVING:
            return True
        return self.value(place, given) is not UNSAID

    def value(self, place: str, given: Hyperparameter) -> Any:
        """Return a value of the type that is declared at its place, or `UNSAID`.

        Raises:
            ConfigError: It is wrong there, or there is no such setting.
        """
        section, _, key = place.partition(".")
        config = Ours if section == "ours" else self.configs.get(section, TrainingRun)
        return converted(config, key or section, given, f"trainer {self.trainer!r}" if section == "trainer" else "")

    def unknown(self, given: Iterable[Hyperparameter]) -> ConfigError:
        """Return the error that names what nobody knows, and the nearest that somebody does."""
        known = {
            *self.own[TrainingRun],
            *self.own[Ours],
            *(name for one in self.configs.values() for name in _names(one)),
        }
        if self.words:
            known |= {*self.words.places, *self.words.ignored, *self.words.combined}
        listed = ", ".join(f"{one.variable or one.name}{_hint(one.name, known)}" for one in given)
        return ConfigError(
            f"Every hyperparameter must be one that training {self.trainer} knows; unknown: {listed}. Settings are "
            "spelled train__NAME and trainer__NAME; drop what is not meant for the training."
        )


class Sorted:
    """Hyperparameters sorted by where they belong.

    Args:
        names: What names stand for.
        said: What the vocabulary has put together.

    Attributes:
        tables: Settings of ``trainer`` and ``train``.
        options: Of the job.
        ours: Of this plugin.
        serving: What to serve the model with, as it came, by table and name.
        notes: One sentence each.
    """

    def __init__(self, names: Names, said: Said) -> None:
        self.names = names
        self.tables: dict[str, dict[str, Any]] = {"trainer": {"name": names.trainer}, "train": {}}
        self.options: dict[str, Any] = {}
        self.ours: dict[str, Any] = {}
        self.serving: dict[str, dict[str, Hyperparameter]] = {}
        self.notes = [f"The hyperparameters are {names.words.title}'s." for _ in [0] if names.words and said.places]
        for place, value in said.places.items():
            self._put(place, value)

    def take(self, sent: Iterable[Hyperparameter]) -> None:
        """Sort them; what our own names say goes before what a vocabulary's do, and with a prefix before all.

        Raises:
            ConfigError: Some are unknown, or one is wrong.
        """
        unknown, words = [], self.names.words
        for given in sorted(sent, key=lambda one: (words is None or not words.knows(one.name), "." in one.name)):
            if given.name == "trainer" or (words and given.name in words.combined):
                continue
            if words and given.name in words.ignored:
                self.notes.append(f"{given.called} means nothing here: {words.ignored[given.name]}.")
            elif (place := self.names.place(given.name)) is not None:
                self._put(place, given)
            else:
                unknown.append(given)
        if unknown:
            raise self.names.unknown(unknown)

    def _put(self, place: str, value: Any) -> None:
        section, dot, key = place.partition(".")
        if section in SERVING and dot:
            self.serving.setdefault(section, {})[key] = value
            return
        target = self.ours if section == "ours" else self.tables[section] if dot else self.options
        if isinstance(value, Hyperparameter):
            value = self.names.value(place, value)
        if value is not UNSAID:
            target[key or section] = value


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
