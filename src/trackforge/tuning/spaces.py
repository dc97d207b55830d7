"""Ranges that make sense where nobody gave any.

Three sources, in this order: the field's vocabulary (`RANGES`: what a setting of that name is usually tried at), then
the declaration of the setting (choices, switches, bounds, unit), then nothing: what has neither stays as it is.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from trackforge.config import Setting
from trackforge.errors import ConfigError, did_you_mean
from trackforge.runs.component import Component
from trackforge.runs.setups import Setup, split_name
from trackforge.runs.values import written
from trackforge.tuning.space import Choice, Dimension, Range, parse

__all__ = ["asked_dimension", "default_dimension", "default_space", "search_space"]

RANGES = {
    "high_score": "0.4:0.8", "low_score": "0.05:0.4", "birth_score": "0.4:0.9", "min_score": "0.1:0.7",
    "first_limit": "0.6:0.97", "second_limit": "0.3:0.8", "tentative_limit": "0.5:0.95", "min_iou": "0.05:0.5",
    "duplicate_iou": "0.6:1", "max_lost": "10:120:int-log", "min_hits": "1:5:int", "inertia": "0:0.6",
    "delta_t": "1:6:int", "tentative_patience": "0:3:int",
    "track_thresh": "0.4:0.8", "match_thresh": "0.6:0.97", "track_buffer": "10:120:int-log",  # official names
    "appearance_limit": "0.1:0.7", "overlap_limit": "0.3:0.8", "blind_limit": "0.5:0.95", "doubtful_limit": "0.2:0.7",
    "motion_weight": "0:0.1", "gate": "6:30:log", "conf_thres": "0.2:0.7", "match_thres": "0.2:0.95",
    "det_thresh": "0.3:0.8", "iou_threshold": "0.05:0.5", "max_age": "1:90:int-log",
    "score": "0.05:0.7", "nms": "0.4:0.8", "lr": "1e-5:1e-3:log", "wh_weight": "0.03:1:log",
}  # fmt: skip
"""Usual ranges by name of setting: scores as those of a detector that gives 0..1, times in frames at 25 to 30 Hz."""
FIXED = (
    "frame_rate",
    "max_lost_seconds",
    "classes",
    "warm_up",
    "embedding_alpha",
    "mot20",
    "report",
    "quirks",
)
"""Left alone unless asked for by name: facts about the data, or of no use for the scores."""


def default_dimension(component: Component, key: str) -> Dimension | None:
    """Return the range to try for one setting, or None where the declaration tells none.

    Raises:
        ConfigError: There is no such setting.
    """
    known = {s.name: s for s in component.spec.settings()}
    if key not in known:
        raise ConfigError(
            f"{component.kind} {component.name!r} has no setting {key!r}.{did_you_mean(key, known)} "
            f"It has: {', '.join(known) or 'none'}."
        )
    setting, name = known[key], f"{component.kind}.{key}"
    kinds = [one for one in _alternatives(setting.annotation) if one is not type(None)]
    if kinds == [bool]:
        return Choice(name, ("true", "false"))
    if len(kinds) == 1 and typing.get_origin(kinds[0]) is Literal:
        texts = tuple(written(one) for one in typing.get_args(kinds[0]))
        return Choice(name, texts) if len(texts) > 1 else None
    if not {int, float} & set(kinds):
        return None
    if key in RANGES:
        return _widened(parse(name, RANGES[key], (component.kind,)), component.value(key))
    return _from_declaration(name, setting, component.value(key), whole=float not in kinds)


def _widened(one: Dimension, value: Any) -> Dimension:
    """Return a range that holds the present value too, so that a search can begin there."""
    if not isinstance(one, Range) or isinstance(value, bool) or not isinstance(value, (int, float)):
        return one
    if not math.isfinite(value) or (one.log and value <= 0) or (one.whole and not float(value).is_integer()):
        return one
    return dataclasses.replace(one, low=min(one.low, value), high=max(one.high, value))


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    origin = typing.get_origin(annotation)
    return (annotation,) if origin in (None, Literal, tuple) else typing.get_args(annotation)


def _from_declaration(name: str, setting: Setting, value: Any, *, whole: bool) -> Range | None:
    low, high = setting.minimum, setting.maximum
    if low is not None and high is not None:
        return Range(name, low, high, whole=whole)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        return None
    if setting.unit == "score":
        return Range(name, max(0.0, value - 0.3), min(1.0, value + 0.3)) if value <= 1 else None
    if low is None:
        return None
    ends = max(low, float(f"{value / 3:.2g}")), min(float(f"{value * 3:.2g}"), high or float("inf"))
    if whole:
        ends = max(round(ends[0]), 1), round(ends[1])
    return Range(name, *ends, whole=whole, log=True) if 0 < ends[0] < ends[1] else None


def default_space(setup: Setup) -> tuple[Dimension, ...]:
    """Return what to search where nothing is asked for: numbers of the tracker and of parts given by name.

    Choices and switches (which motion model, score fusion) are different methods rather than values, and are tried only
    on request; so are settings that are off (none) now, and all of the detector's.
    """
    found = []
    for component in (setup.tracker, *setup.parts()):
        for setting in component.spec.settings():
            if setting.name in FIXED or component.value(setting.name) is None:
                continue
            one = default_dimension(component, setting.name)
            if isinstance(one, Range):
                found.append(one)
    return tuple(found)


def search_space(setup: Setup, asked: Mapping[str, Any]) -> tuple[Dimension, ...]:
    """Return the dimensions that somebody asked for, checked against the declarations; the default ones if none.

    Args:
        setup: The components.
        asked: Values by ``section.setting`` as `parse` reads them; None for the default range.

    Raises:
        ConfigError: A setting is unknown, or a value out of its range; or there is nothing to search.
    """
    if not asked:
        space = default_space(setup)
        if not space:
            raise ConfigError(
                f"tracker {setup.tracker.name!r} has no setting whose range is known; say what to search, e.g. "
                "--tune tracker.max_lost=10:90:int."
            )
        return space
    return tuple(_one(setup, name, values, asked) for name, values in asked.items())


def _one(setup: Setup, name: str, values: Any, asked: Mapping[str, Any]) -> Dimension:
    section, key = split_name(name)
    component = setup.component(section)
    if key == "name":
        if values is None:
            raise ConfigError(f"{name} needs the names to choose from: {name}=xyah,xywh.")
        one = parse(name, values)
        if not isinstance(one, Choice):
            raise ConfigError(f"{name} is a choice between names; got {values!r}.")
        for choice in one.choices:
            Component(section, choice).spec  # noqa: B018 - raises where there is none
        return one
    owners = [component]
    if f"{section}.name" in asked:  # then it must be known to one of them at least
        names = parse(f"{section}.name", asked[f"{section}.name"])
        owners = [Component(section, other) for other in getattr(names, "choices", ())]
        owners = [owner for owner in owners if key in {s.name for s in owner.spec.settings()}] or [component]
    return asked_dimension(owners, key, values)


def asked_dimension(owners: Sequence[Component], key: str, values: Any) -> Dimension:
    """Return the dimension that somebody asked for, checked against declarations; the default one if no values.

    Args:
        owners: Components of one kind, all of which must take the values.
        key: The setting.
        values: As `parse` reads them, or None.

    Raises:
        ConfigError: The setting is unknown, a value out of its range, or there is no default range.
    """
    name = f"{owners[0].kind}.{key}"
    default = default_dimension(owners[0], key)
    if values is None:
        if default is None:
            raise ConfigError(f"{name} declares no range to search; give one: {name}=LOW:HIGH or {name}=a,b.")
        return default
    one = parse(name, values, (owners[0].kind,))
    if isinstance(one, Range) and not one.whole and _whole(owners[0], key):
        one = Range(one.name, one.low, one.high, whole=True, log=one.log, step=one.step)
    _check(owners, key, (one.low, one.high) if isinstance(one, Range) else one.choices)
    return one


def _whole(component: Component, key: str) -> bool:
    kinds = next(_alternatives(s.annotation) for s in component.spec.settings() if s.name == key)
    return int in kinds and float not in kinds


def _check(owners: Iterable[Component], key: str, values: Iterable[Any]) -> None:
    for owner in owners:
        for value in values:
            owner.convert({key: value})
