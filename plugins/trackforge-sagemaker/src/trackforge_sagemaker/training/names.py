"""Whose hyperparameters these are, and what they are called here: the vocabulary of a published training job.

A vocabulary gives a place to every name that its jobs send. A place is ``trainer.lr``, ``train.epochs`` or an option of
`trackforge.training.run.TrainingRun`; a name may also be a part of one (height and width), or be known and mean
nothing, which is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.hyperparameters import Hyperparameter

__all__ = ["Said", "Vocabulary", "number", "numbers", "truth", "whole"]

YES, NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass
class Said:
    """What hyperparameters come to.

    Attributes:
        places: Values by place; a `Hyperparameter` is converted to the declared type, other values are of it.
        weights: Name of the file to start from, to be looked for in the channels.
        data: Name of the data, to be looked for in the channels.
        gpus: How many GPUs of each machine are asked for; None for all.
        ids: Which of them, where the job names them.
        notes: What was taken otherwise than it seems, one sentence each.
    """

    places: dict[str, Any] = field(default_factory=dict)
    weights: str = ""
    data: str = ""
    gpus: int | None = None
    ids: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Vocabulary:
    """The hyperparameters of a published training job.

    Attributes:
        trainer: Which trainer they are for.
        title: What people call the job.
        places: Places by name, where one is all of the other.
        marks: Names that only this job has, by which it is known.
        ignored: Names that mean nothing here, with the reason.
        combined: Names that `combine` sees to, and the place that each has a say in.
        combine: Sees to what is no plain renaming; gets what was sent, what was said so far, and who tells how many
            GPUs will be used in all, at least 1, where so many (None: all) of each machine are asked for.
    """

    trainer: str
    title: str
    places: Mapping[str, str]
    marks: frozenset[str]
    ignored: Mapping[str, str]
    combined: Mapping[str, str]
    combine: Callable[[Mapping[str, Hyperparameter], Said, Callable[[int | None], int]], None]

    def knows(self, name: str) -> bool:
        """Whether it has a hyperparameter of that name."""
        return name in self.places or name in self.ignored or name in self.combined

    def named(self, name: str) -> str:
        """Return how it spells a name that came in small letters, as variables' do; another name as it is."""
        known = {one.casefold(): one for one in (*self.places, *self.ignored, *self.combined)}
        return known.get(name, name)


def number(given: Hyperparameter) -> float:
    """Return a number; a fraction such as ``0.001/64`` counts, as experiment files have it.

    Raises:
        ConfigError: It is none.
    """
    try:
        above, stroke, below = str(given.text).partition("/")
        return float(above) / float(below) if stroke else float(above)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"{given.called} must be a number; got {given.text!r:.80}.") from None


def whole(given: Hyperparameter) -> int:
    """Return a whole number.

    Raises:
        ConfigError: It is none.
    """
    found = number(given)
    if not found.is_integer():
        raise ConfigError(f"{given.called} must be a whole number; got {given.text!r:.80}.")
    return int(found)


def truth(given: Hyperparameter) -> bool:
    """Return whether it says yes.

    Raises:
        ConfigError: It says neither yes nor no.
    """
    said = str(given.value).strip().casefold()
    if said not in (*YES, *NO):
        raise ConfigError(f"{given.called} must be true or false; got {given.text!r:.80}.")
    return said in YES


def numbers(sent: Mapping[str, Hyperparameter], *names: str) -> tuple[int, ...] | None:
    """Return whole numbers that only mean something together; None where none of them was sent.

    Raises:
        ConfigError: Some of them are missing.
    """
    there = [name for name in names if name in sent]
    if not there:
        return None
    if len(there) < len(names):
        missing = [name for name in names if name not in sent]
        raise ConfigError(f"Hyperparameters {' and '.join(names)} go together; {missing[0]} is missing. Send both.")
    return tuple(whole(sent[name]) for name in names)
