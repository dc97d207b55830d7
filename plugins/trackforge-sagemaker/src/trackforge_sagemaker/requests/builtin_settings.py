"""The hyperparameters of SageMaker's built-in Object Detection: what they may be, and what the container takes itself.

The documentation and the container do not agree on ``use_pretrained_model`` (1 there, 0 here): it is always sent.

Source: Amazon SageMaker AI Developer Guide, "Object Detection Hyperparameters" and "Tune an Object Detection Model";
defaults as the container prints them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trackforge.errors import ConfigError, did_you_mean
from trackforge_sagemaker.requests.ranges import Range
from trackforge_sagemaker.requests.sending import hyperparameter_texts

__all__ = ["LABEL_WIDTH", "SETTINGS", "TUNED", "Setting", "checked", "checked_ranges"]

LABEL_WIDTH = 350
"""What the container takes itself: room for 69 boxes."""
STEPS = re.compile(r"(\d+(,\d+)*)?")


@dataclass(frozen=True)
class Setting:
    """A hyperparameter.

    Attributes:
        default: What the container takes without it; None where it must be said.
        holds: Whether a value may be.
        must: What must hold, in words.
        kind: What the value is.
    """

    default: Any
    holds: Callable[[Any], bool]
    must: str
    kind: type = float


def _choice(*choices: str) -> Callable[[Any], bool]:
    return lambda value: value in choices


def _between(least: float, most: float, *, open_left: bool = False, open_right: bool = False) -> Callable[[Any], bool]:
    return lambda value: (
        (least < value if open_left else least <= value) and (value < most if open_right else value <= most)
    )


_OPTIMISERS = ("sgd", "adam", "rmsprop", "adadelta")
_MANY = 10**9
SETTINGS: Mapping[str, Setting] = {
    "num_classes": Setting(None, _between(1, _MANY), "1 or more", int),
    "num_training_samples": Setting(None, _between(1, _MANY), "1 or more", int),
    "base_network": Setting("vgg-16", _choice("vgg-16", "resnet-50"), "vgg-16 or resnet-50", str),
    "use_pretrained_model": Setting(0, _between(0, 1), "0 or 1", int),
    "epochs": Setting(30, _between(1, _MANY), "1 or more", int),
    "mini_batch_size": Setting(32, _between(1, _MANY), "1 or more", int),
    "learning_rate": Setting(0.001, _between(0, 1, open_left=True, open_right=True), "above 0 and below 1"),
    "lr_scheduler_step": Setting("", lambda v: bool(STEPS.fullmatch(v)), "epochs with commas between: 80,160", str),
    "lr_scheduler_factor": Setting(0.1, _between(0, 1, open_left=True, open_right=True), "above 0 and below 1"),
    "optimizer": Setting("sgd", _choice(*_OPTIMISERS), "sgd, adam, rmsprop or adadelta", str),
    "momentum": Setting(0.9, _between(0, 1, open_right=True), "0 to below 1"),
    "weight_decay": Setting(0.0005, _between(0, 1, open_right=True), "0 to below 1"),
    "overlap_threshold": Setting(0.5, _between(0, 1, open_left=True), "above 0, at most 1"),
    "nms_threshold": Setting(0.45, _between(0, 1, open_left=True), "above 0, at most 1"),
    "image_shape": Setting(300, _between(300, _MANY), "300 or more (px; 300 or 512 are recommended)", int),
    "label_width": Setting(LABEL_WIDTH, _between(7, _MANY), "7 or more: 2 and 5 a box", int),
    "freeze_layer_pattern": Setting("", lambda v: isinstance(v, str), "a regular expression", str),
    "kv_store": Setting("device", _choice("device", "dist_sync", "dist_async"), "device, dist_sync or dist_async", str),
    "early_stopping": Setting(False, lambda v: isinstance(v, bool), "true or false", bool),
    "early_stopping_min_epochs": Setting(10, _between(1, _MANY), "1 or more", int),
    "early_stopping_patience": Setting(5, _between(1, _MANY), "1 or more", int),
    "early_stopping_tolerance": Setting(0.0, _between(0, 1), "0 to 1"),
}
"""By name."""
TUNED: Mapping[str, tuple[float, float] | tuple[str, ...]] = {
    "learning_rate": (1e-6, 0.5), "mini_batch_size": (8, 64), "momentum": (0.0, 0.999), "weight_decay": (0.0, 0.999),
    "optimizer": _OPTIMISERS,
}  # fmt: skip
"""What a tuning may vary, within what, or of which choices; its objective is ``validation:mAP``, the greatest."""


def checked(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the hyperparameters of a job, as texts.

    Args:
        values: By name; `SETTINGS` has what is left out, and only ``use_pretrained_model`` is added.

    >>> checked({"num_classes": 1, "num_training_samples": 10, "epochs": "3"})["use_pretrained_model"]
    '1'

    Raises:
        ConfigError: One is unknown, missing, or not what it may be.
    """
    sent: dict[str, Any] = {"use_pretrained_model": 1}
    for name, given in values.items():
        known = SETTINGS.get(name)
        if known is None:
            raise ConfigError(
                f"The built-in Object Detection has no hyperparameter {name!r}.{did_you_mean(name, SETTINGS)} It has: "
                f"{', '.join(SETTINGS)}."
            )
        sent[name] = _value(name, known, given)
    missing = [name for name, known in SETTINGS.items() if known.default is None and name not in sent]
    if missing:
        raise ConfigError(
            f"The built-in Object Detection must be told {' and '.join(missing)}; got neither value nor data."
        )
    return hyperparameter_texts(sent)


def checked_ranges(ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Return what a tuning of the built-in algorithm varies.

    Raises:
        ConfigError: It cannot be tuned, or not so far.
    """
    for name, given in ranges.items():
        known = TUNED.get(name)
        if known is None:
            raise ConfigError(
                f"What is tuned must be one of {', '.join(TUNED)}; got {name!r}.{did_you_mean(name, TUNED)}"
            )
        if isinstance(known[0], str):
            if set(given) - set(known):
                raise ConfigError(f"{name} must be chosen from {', '.join(map(str, known))}; got {', '.join(given)}.")
        elif not (known[0] <= float(given[0]) and float(given[1]) <= float(known[1])):
            raise ConfigError(f"{name} must be tuned within {known[0]} and {known[1]}; got {given[0]} to {given[1]}.")
    return dict(ranges)


def _value(name: str, known: Setting, given: Any) -> Any:
    try:
        if known.kind is bool:
            value: Any = given if isinstance(given, bool) else {"true": True, "false": False}[str(given).lower()]
        elif known.kind is int:
            value = int(given)
            if isinstance(given, float) and value != given:
                raise ValueError
        else:
            value = known.kind(given)
        fits = known.holds(value)
    except (TypeError, ValueError, KeyError):
        fits = False
    if not fits:
        raise ConfigError(f"{name} must be {known.must}; got {given!r}.")
    return value
