"""What a rule is, how broken ones are told, and comparisons that the rules share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from trackforge.errors import InvalidInputError, did_you_mean

__all__ = ["BrokenRule", "difference", "require", "rule", "rules", "run", "snapshot"]

Rule = TypeVar("Rule", bound=Callable[..., None])
_RULES: dict[str, list[Callable[..., None]]] = {}


class BrokenRule(AssertionError):  # noqa: N818 - what it is, said as people say it
    """A component breaks a rule of its protocol; the message says which, what came, and what was promised."""


def rule(protocol: str) -> Callable[[Rule], Rule]:
    """Register a function as a rule; its docstring is the promise, its first argument makes the component."""

    def register(function: Rule) -> Rule:
        _RULES.setdefault(protocol, []).append(function)
        return function

    return register


def rules(protocol: str) -> tuple[Callable[..., None], ...]:
    """Return the rules of a kind: ``"detector"``, ``"tracker"``, ``"trainer"`` and so on.

    Each is a function of ``make``, to be called by itself, e.g. as one test a rule.

    Raises:
        InvalidInputError: There is no such protocol.
    """
    if protocol not in _RULES:
        known = ", ".join(_RULES)
        raise InvalidInputError(f"There are rules for {known}; got {protocol!r}.{did_you_mean(protocol, _RULES)}")
    return tuple(_RULES[protocol])


def run(protocol: str, make: Callable[..., Any], skip: Iterable[str], **given: Any) -> None:
    """Try every rule and tell all the broken ones at once.

    Raises:
        BrokenRule: At least one rule is broken.
        InvalidInputError: A rule to be left out does not exist.
    """
    known = {function.__name__: function for function in rules(protocol)}
    for name in skip:
        if name not in known:
            raise InvalidInputError(
                f"skip must name rules of {protocol}; got {name!r}.{did_you_mean(name, known)} There are: "
                f"{', '.join(known)}."
            )
    broken: list[str] = []
    cause: Exception | None = None
    for name, function in known.items():
        if name in skip:
            continue
        try:
            wanted = inspect.signature(function).parameters
            function(make, **{key: value for key, value in given.items() if key in wanted})
        except Exception as error:  # noqa: BLE001 - whatever a component raises, the other rules are tried too
            came = str(error) if isinstance(error, BrokenRule) else f"it raised {type(error).__name__}: {error}"
            promise = " ".join((function.__doc__ or "").split("\n\n", 1)[0].split())
            broken.append(f"{name}: {came}\n    The rule: {promise}")
            cause = cause or error
    if broken:
        count = "a rule" if len(broken) == 1 else f"{len(broken)} rules"
        raise BrokenRule(f"This {protocol} breaks {count}:\n- " + "\n- ".join(broken)) from cause


def require(holds: Any, came: str) -> None:
    """Raise `BrokenRule` with what came, unless the condition holds."""
    if not holds:
        raise BrokenRule(came)


def snapshot(value: Any) -> Any:
    """Copy a value deeply, arrays included, so that later changes can be seen."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if hasattr(value, "detach"):  # a tensor, of a library that is not loaded for the sake of this question
        return snapshot(value.detach().cpu().numpy())
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [snapshot(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: snapshot(getattr(value, f.name)) for f in fields(value)}
    return value


def difference(one: Any, other: Any, where: str = "", *, tolerance: float = 0.0) -> str:
    """Say where two values differ, or return an empty string; arrays must agree to the bit, or to the tolerance."""
    one, other = snapshot(one), snapshot(other)
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return f"{where or 'it'} has {sorted(one)} where {sorted(other)} was expected"
        parts = [difference(one[key], other[key], f"{where}.{key}".lstrip("."), tolerance=tolerance) for key in one]
        return next((part for part in parts if part), "")
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return f"{where or 'it'} has {len(one)} items where {len(other)} were expected"
        pairs = enumerate(zip(one, other, strict=True))
        parts = [difference(a, b, f"{where}[{i}]", tolerance=tolerance) for i, (a, b) in pairs]
        return next((part for part in parts if part), "")
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _array_difference(one, other, where, tolerance)
    return (
        "" if type(one) is type(other) and one == other else f"{where or 'it'} is {one!r} where {other!r} was expected"
    )


def _array_difference(one: Any, other: Any, where: str, tolerance: float) -> str:
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{where} is {one.dtype} {one.shape} where {other.dtype} {other.shape} was expected"
    if one.dtype.kind != "f":
        return "" if np.array_equal(one, other) else f"{where} is {one.tolist()} where {other.tolist()} was expected"
    if np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True):
        return ""
    return f"{where} differs by up to {np.nanmax(np.abs(one - other)):.3g}"
