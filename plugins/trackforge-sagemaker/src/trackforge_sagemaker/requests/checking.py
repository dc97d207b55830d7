"""Requests checked against botocore's service model, offline: members, types, lengths, ranges, patterns, choices.

boto3 itself checks that members are known, required ones there and of their type, and least lengths; whatever else the
model says comes back from the service, after the call. Here all of it is held against a request before anything is
sent. Without botocore nothing is checked.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterator, Mapping
from typing import Any

from trackforge.errors import ConfigError, did_you_mean

__all__ = ["can_check", "check", "problems"]

SHOWN = 5
"""Problems that one message names."""
CLASSES = {
    "ASCII": r"\x00-\x7f", "L": r"\w", "N": r"\d", "Z": r"\s", "Zs": r"\s", "Alnum": "a-zA-Z0-9",
    "Print": r"\x20-\x7e",
}  # fmt: skip
"""What Java's character classes come to in Python, within brackets; all others are any sign that can be seen."""
VISIBLE = r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e\u00a1-\uffff"


def can_check() -> bool:
    """Tell whether botocore is installed, whose service models requests are held against."""
    return importlib.util.find_spec("botocore") is not None


def check(service: str, operation: str, request: Mapping[str, Any]) -> bool:
    """Hold a request against the service model.

    Args:
        service: As boto3 calls it: ``sagemaker``, ``s3``, ``application-autoscaling``.
        operation: As boto3 (``create_training_job``) or the service (``CreateTrainingJob``) calls it.
        request: What the method would get.

    Returns:
        Whether it was checked: False where botocore is not installed.

    Raises:
        ConfigError: It does not keep the model. The message names the members, what holds for each, and what came.
    """
    if not can_check():
        return False
    found = list(problems(service, operation, request))
    if found:
        more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
        raise ConfigError(f"{service}.{operation} would be refused: {'; '.join(found[:SHOWN])}{more}.")
    return True


def problems(service: str, operation: str, request: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a request; see `check`, which raises it."""
    from botocore.validate import ParamValidator

    shape = _input(service, operation)
    if shape is None:
        if request:
            yield f"it takes no parameters, got {', '.join(request)}"
        return
    report = ParamValidator().validate(dict(request), shape).generate_report()
    if report:
        yield from (line.strip().rstrip(".") for line in report.splitlines())
        return
    yield from _walk(shape, request, "")


@functools.cache
def _model(service: str) -> Any:
    import botocore.session

    session = botocore.session.get_session()
    if service not in session.get_available_services():
        raise ConfigError(
            f"The service must be one that botocore knows; got {service!r}."
            f"{did_you_mean(service, session.get_available_services())}"
        )
    return session.get_service_model(service)


@functools.cache
def _input(service: str, operation: str) -> Any:
    from botocore import xform_name

    model = _model(service)
    names = {xform_name(name): name for name in model.operation_names}
    name = operation if operation in model.operation_names else names.get(operation)
    if name is None:
        raise ConfigError(
            f"The operation must be one of {service}'s; got {operation!r}.{did_you_mean(operation, names)}"
        )
    return model.operation_model(name).input_shape


def _walk(shape: Any, value: Any, where: str) -> Iterator[str]:
    """Yield what botocore's own validation leaves to the service: it has checked members and types before."""
    if value is None:
        return
    yield from _own(shape, value, where)
    if shape.type_name == "structure" and isinstance(value, Mapping):
        if shape.is_tagged_union and len(value) != 1:
            yield f"{where} must have exactly one of {', '.join(shape.members)}; got {', '.join(value) or 'none'}"
        for name, one in value.items():
            yield from _walk(shape.members[name], one, f"{where}.{name}" if where else name)
    elif shape.type_name == "list":
        for place, one in enumerate(value):
            yield from _walk(shape.member, one, f"{where}[{place}]")
    elif shape.type_name == "map":
        for name, one in value.items():
            yield from _walk(shape.key, name, f"key {name!r} of {where}")
            yield from _walk(shape.value, one, f"{where}[{name!r}]")


def _own(shape: Any, value: Any, where: str) -> Iterator[str]:
    least, most = (shape.metadata.get(end) for end in ("min", "max"))
    counted = isinstance(value, (str, bytes, list, tuple, Mapping))
    size = len(value) if counted else value
    if isinstance(size, (int, float)) and not isinstance(size, bool) and not _within(size, least, most):
        what = "letters" if isinstance(value, str) else "entries" if counted else ""
        came = f"{size} {what}" if counted else repr(value)
        yield f"{where} must be {_range(least, most)} {what}".rstrip() + f"; got {came}"
    if not isinstance(value, str):
        return
    choices = shape.enum if shape.type_name == "string" else ()
    if choices and value not in choices:
        suggestion = did_you_mean(value, choices).strip()
        listed = f"one of {', '.join(choices)}" if len(choices) <= 12 else f"one of {len(choices)} known values"
        yield f"{where} must be {listed}; got {value!r}" + (f" ({suggestion.rstrip('?.')}?)" if suggestion else "")
    pattern = shape.metadata.get("pattern")
    if pattern and not _expression(pattern).fullmatch(value):
        yield f"{where} must match {pattern}; got {value!r}"


def _within(size: float, least: Any, most: Any) -> bool:
    return (least is None or size >= float(least)) and (most is None or size <= float(most))


def _range(least: Any, most: Any) -> str:
    if most is None:
        return f"at least {least}"
    return f"at most {most}" if least is None else f"{least} to {most}"


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    """Return a pattern of the models, which is Java's, as Python has it; what Python cannot say lets everything by."""
    python, inside = "", False
    for part in re.findall(r"\\p\{\w+\}|\\.|.", pattern, re.DOTALL):
        if part.startswith("\\p{"):
            signs = CLASSES.get(part[3:-1], VISIBLE)
            part = signs if inside else f"[{signs}]"
        inside = part == "[" or (inside and part != "]")
        python += part
    try:
        return re.compile(python, re.DOTALL)
    except re.error:
        return re.compile(".*", re.DOTALL)
