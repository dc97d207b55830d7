"""What a tuning varies: choices, whole numbers, numbers; in the texts that SageMaker wants.

Source: Amazon SageMaker API Reference, ``ParameterRanges``: at most 30 of a kind, and 30 choices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.sending import hyperparameter_texts

__all__ = ["Range", "name_of", "parse_range", "ranges_of"]

Range = Sequence[Any]
"""``(least, most)`` or ``(least, most, scale)`` of two numbers, whole if both are; any other list holds choices.

The scale is ``Auto``, ``Linear``, ``Logarithmic`` or ``ReverseLogarithmic``. A list of two numbers that are choices is
written as texts: ``["16", "32"]``.
"""
SCALES = ("Auto", "Linear", "Logarithmic", "ReverseLogarithmic")
SHORT = {"log": "Logarithmic", "linear": "Linear", "auto": "Auto", "reverse-log": "ReverseLogarithmic"}
MOST = 30
NUMBER = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?\d+)?")


def name_of(name: str) -> str:
    """Return a hyperparameter's name as it is sent.

    >>> name_of("train.epochs")
    'train__epochs'
    """
    return next(iter(hyperparameter_texts({name: 0})))


def parse_range(text: str) -> Range:
    """Return a range or choices as ``trackforge tune`` writes them: ``1e-5:1e-3:log``, ``4,8``, ``ce,focal``.

    >>> parse_range("1e-5:1e-3:log"), parse_range("8:64"), parse_range("ce,focal")
    ((1e-05, 0.001, 'Logarithmic'), (8, 64, 'Auto'), ['ce', 'focal'])

    Raises:
        ConfigError: It is neither.
    """
    parts = [one.strip() for one in text.split(":")]
    if len(parts) in (2, 3) and all(map(NUMBER.fullmatch, parts[:2])):
        scale = SHORT.get(parts[2].lower()) if len(parts) == 3 else "Auto"
        if scale is None:
            raise ConfigError(f"The scale of a range must be one of {', '.join(SHORT)}; got {parts[2]!r}.")
        try:
            return (_number(parts[0]), _number(parts[1]), scale)
        except ValueError:
            raise ConfigError(f"A range must be LEAST:MOST or LEAST:MOST:log; got {text!r}.") from None
    choices = [one.strip() for one in text.split(",") if one.strip()]
    if not choices:
        raise ConfigError(f"What is tuned must have LEAST:MOST, or choices divided by commas; got {text!r}.")
    return choices


def ranges_of(given: Mapping[str, Range], *, choices_only: bool = False) -> dict[str, Any]:
    """Return ``ParameterRanges``.

    Args:
        given: By hyperparameter.
        choices_only: Whether ranges are refused.

    >>> ranges_of({"id_loss": ["ce", "focal"]})
    {'CategoricalParameterRanges': [{'Name': 'id_loss', 'Values': ['ce', 'focal']}]}

    Raises:
        ConfigError: There are none or too many, or one is empty.
    """
    whole: list[dict[str, Any]] = []
    real: list[dict[str, Any]] = []
    choices: list[dict[str, Any]] = []
    for given_name, one in given.items():
        name = name_of(given_name)
        if _is_range(one):
            made = _range(name, one)
            (whole if all(isinstance(end, int) for end in one[:2]) else real).append(made)
        else:
            texts = [next(iter(hyperparameter_texts({name: value}).values())) for value in one]
            if not 1 <= len(set(texts)) <= MOST or len(set(texts)) != len(texts):
                raise ConfigError(f"{name} must have 1 to {MOST} different choices; got {', '.join(texts) or 'none'}.")
            choices.append({"Name": name, "Values": texts})
    if choices_only and (whole or real):
        names = ", ".join(one["Name"] for one in whole + real)
        raise ConfigError(f"A grid must have choices; {names} came as a range. Name its values.")
    kinds = {"IntegerParameterRanges": whole, "ContinuousParameterRanges": real, "CategoricalParameterRanges": choices}
    if not 1 <= sum(map(len, kinds.values())) <= MOST:
        raise ConfigError(f"A tuning must vary 1 to {MOST} hyperparameters; got {len(given)}.")
    return {kind: found for kind, found in kinds.items() if found}


def _is_range(one: Range) -> bool:
    numbers = [isinstance(end, (int, float)) and not isinstance(end, bool) for end in one[:2]]
    return len(numbers) == 2 and all(numbers) and (len(one) == 2 or (len(one) == 3 and one[2] in SCALES))


def _range(name: str, one: Range) -> dict[str, str]:
    least, most, scale = (*one, "Auto") if len(one) == 2 else one
    if not least < most or (scale == "Logarithmic" and least <= 0):
        raise ConfigError(
            f"The range of {name} must have a least below its greatest value, above 0 if it is logarithmic; "
            f"got {least} to {most}."
        )
    return {"Name": name, "MinValue": str(least), "MaxValue": str(most), "ScalingType": scale}


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
