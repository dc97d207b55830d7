"""What may vary in a training: settings of the trainer and of the loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from trackforge.errors import ConfigError, did_you_mean
from trackforge.registry.spec import ComponentSpec
from trackforge.runs.component import Component, checked
from trackforge.runs.values import written
from trackforge.training.run import LOOP, TrainingTask
from trackforge.tuning.space import Choice, Dimension
from trackforge.tuning.spaces import asked_dimension

__all__ = ["SECTIONS", "full_name", "loop_of", "search_space"]

SECTIONS = ("trainer", "train")
FIXED = {
    "monitor": "it is the objective, which all trials share",
    "tracker": "all trials are scored alike",
    "seed": "a seed that is lucky in training is no setting; --repeats tells how much seeds decide",
    **dict.fromkeys(
        ("validate_every", "validate_start", "validate_losses", "validate_batch"), "trials are scored alike"
    ),
    **dict.fromkeys(("workers", "accelerator", "devices", "nodes", "strategy"), "it is where a training is done"),
    **dict.fromkeys(("log_every", "checkpoint_steps", "tensorboard", "progress"), "no score depends on it"),
    "max_steps": "fewer steps are no better setting; search train.epochs",
}
"""Settings of the loop that are not searched, and why."""
SHORT = {"lr": ("learning_rate", "rate")}
"""What people write, and what it may be called where nothing is called so."""


@dataclasses.dataclass(frozen=True)
class _Loop(Component):
    """The settings of the loop, which are no component of the registry."""

    @property
    def spec(self) -> ComponentSpec:
        return LOOP

    def convert(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return checked(LOOP, settings, "train")


def loop_of(task: TrainingTask) -> Component:
    """Return the settings of the loop as a component, those of the recipe included; makes the recipe."""
    from trackforge.training import settings_for

    settings = settings_for(task.trainer.create(), **task.loop)
    return _Loop("train", "loop", dataclasses.asdict(settings))


def full_name(task: TrainingTask, name: str) -> str:
    """Return ``section.setting`` of what is written, which may be the setting alone.

    Raises:
        ConfigError: There is no such section or setting.
    """
    section, dot, key = (word.strip().replace("-", "_") for word in name.partition("."))
    own, loop = ([s.name for s in spec.settings()] for spec in (task.trainer.spec, LOOP))
    if dot:
        if section not in SECTIONS or not key:
            raise ConfigError(
                f"What is tuned must be named trainer.setting or train.setting, or by the setting alone; got {name!r}."
            )
        return f"{section}.{key}"
    for known, where in ((own, "trainer"), (loop, "train")):
        if section in known:
            return f"{where}.{section}"
    for other in SHORT.get(section, ()):
        if other in own:
            return f"trainer.{other}"
    hint = did_you_mean(section, [*own, *loop])
    raise ConfigError(
        f"Neither trainer {task.trainer.name!r} nor the loop has a setting {name!r}.{hint} "
        f"The trainer has: {', '.join(own) or 'none'}; the loop: {', '.join(n for n in loop if n not in FIXED)}."
    )


def search_space(task: TrainingTask, asked: Mapping[str, Any]) -> tuple[Dimension, ...]:
    """Return the dimensions that somebody asked for, checked against the declarations.

    Args:
        task: The training.
        asked: Values by ``section.setting`` or setting, as `trackforge.tuning.parse` reads them; None for the usual
            range.

    Raises:
        ConfigError: A setting is unknown, or a value out of its range; or there is nothing to search.
    """
    if not asked:
        own = ", ".join(s.name for s in task.trainer.spec.settings())
        raise ConfigError(
            f"Say what to search, e.g. -t train.batch_size=4,8 or a setting of trainer {task.trainer.name!r} "
            f"({own or 'it has none'}): -t NAME=LOW:HIGH, -t NAME=LOW:HIGH:log, -t NAME=a,b."
        )
    found: dict[str, Dimension] = {}
    for name, values in asked.items():
        whole = full_name(task, name)
        section, _, key = whole.partition(".")
        if section == "train" and key in FIXED:
            raise ConfigError(f"{whole} cannot be searched: {FIXED[key]}.")
        if whole in found:
            raise ConfigError(f"{whole} must be given once; it is there twice. Drop one.")
        component = task.trainer if section == "trainer" else loop_of(task)
        found[whole] = _spelt(component, asked_dimension([component], key, values))
    return tuple(found.values())


def _spelt(component: Component, one: Dimension) -> Dimension:
    """Return a choice with its values spelt as settings are, so that the present value is found among them."""
    if not isinstance(one, Choice):
        return one
    key = one.name.partition(".")[2]
    return Choice(one.name, tuple(written(component.convert({key: choice})[key]) for choice in one.choices))
