"""What a saved tracker state looks like: format, components by name, settings, arrays."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from trackforge.errors import StateError
from trackforge.registry import registry

__all__ = ["check_header", "complete", "describe", "header", "must", "restore", "translated", "whole"]

VERSION = 2
FORMATS = {"trackforge.online": "online", "trackforge_byte.ocsort": "observation-centric"}
"""What the trackers were called in states of version 1."""


def describe(component: object) -> str:
    """Write down a component's registered name and settings, the same in every process: ``iou(min_iou=0.3)``.

    What is not registered goes by the name of its class. Modules are left out, so that they may move.
    """
    cls, config = type(component), _config(component)
    name = _registered(cls.__module__, cls.__qualname__)
    if config is None:
        return name
    values = ", ".join(f"{f.name}={getattr(config, f.name)!r}" for f in dataclasses.fields(config) if f.init)
    return f"{name}({values})"


def header(kind: str, components: Mapping[str, object]) -> dict[str, Any]:
    """Begin a state: the name of the tracker, and what it was made with."""
    return {
        "format": kind,
        "version": VERSION,
        "settings": {name: describe(component) for name, component in components.items()},
    }


def translated(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a state in today's words; those of version 1 had other names, and components with their modules."""
    if not isinstance(state, Mapping) or not isinstance(state.get("settings", {}), Mapping):
        raise StateError("A tracker's state must be a dict with its settings; got something else. Save it again.")
    kind = state.get("format")
    if state.get("version") != 1 or kind not in FORMATS:
        return state
    settings = {name: _without_module(described) for name, described in state.get("settings", {}).items()}
    today = {"format": FORMATS[kind], "version": VERSION, "settings": settings, "appearance": state.get("looks", {})}
    return {key: value for key, value in state.items() if key != "looks"} | today


def check_header(state: Mapping[str, Any], kind: str, components: Mapping[str, object]) -> None:
    """Compare the header of a saved state with the tracker that should load it.

    Settings that the state does not know must be at their defaults.

    Raises:
        StateError: It is of another tracker, another version, or other settings.
    """
    given = state.get("format")
    if given != kind:
        raise StateError(
            f"The state must be of the tracker {kind!r}; got {given!r}. Load it into the tracker it is from."
        )
    if state.get("version") != VERSION:
        raise StateError(
            f"The state must be of version 1 or {VERSION}; got {state.get('version')!r}. "
            "Load it with the trackforge that saved it."
        )
    settings = state.get("settings", {})
    for name, component in components.items():
        if not _fits(settings.get(name), component):
            raise StateError(
                f"The state must be of a tracker with the same {name}; {_difference(settings.get(name), component)}. "
                "Make the tracker with the settings of the state."
            )


@contextmanager
def complete() -> Iterator[None]:
    """Load a state in this block: what is missing or misshapen becomes a StateError."""
    try:
        yield
    except StateError:
        raise
    except Exception as error:  # whatever a damaged state makes of us
        raise StateError(f"The state must be complete; {error!r} is wrong with it. Save it again.") from error


def restore(
    name: str, value: Any, length: int | None = None, dtype: Any = None, row: tuple[int, ...] | None = None
) -> Any:
    """Return a writable copy of a saved array.

    Raises:
        StateError: It is no array, of another type, of another length, or its rows are of another shape.
    """
    array = np.array(value)
    if array.ndim == 0 or (dtype is not None and array.dtype != dtype):
        raise StateError(f"{name} must be an array of {dtype}; got {array.dtype} of shape {array.shape}.")
    if row is not None and array.shape[1:] != row:
        raise StateError(f"{name} must have rows of shape {row}; got {array.shape[1:]}. The state is damaged.")
    if length is not None and len(array) != length:
        raise StateError(f"{name} must have {length} rows, one a track; got {len(array)}. The state is damaged.")
    return array


def must(what: str, holds: bool) -> None:
    """Refuse a state in which something does not hold.

    Raises:
        StateError: It does not.
    """
    if not holds:
        raise StateError(f"In a state {what}; in this one they do not. It is damaged: save it again.")


def whole(name: str, value: Any, least: int) -> int:
    """Return a saved whole number.

    Raises:
        StateError: It is none, less than ``least``, or no int64.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or not least <= value < 2**63:
        raise StateError(f"{name} must be a whole number from {least} to 2**63 - 1; got {str(value)[:40]}.")
    return int(value)


def _config(component: object) -> Any:
    """Return the dataclass with a component's settings, or None."""
    config = component if dataclasses.is_dataclass(component) else getattr(component, "config", None)
    return config if dataclasses.is_dataclass(config) else None


def _registered(module: str, name: str) -> str:
    """Return the name under which a class, or a module that re-exports it, is registered; or else its own."""
    for spec, _ in registry().specs():
        place, _, attribute = spec.target.partition(":")
        if attribute == name and (module == place or module.startswith(f"{place}.")):
            return spec.name
    return name


def _without_module(described: str) -> str:
    """Turn ``trackforge.motion.xyah.KalmanXYAH(...)`` into ``xyah(...)``."""
    path, bracket, settings = described.partition("(")
    module, _, name = path.rpartition(".")
    return _registered(module, name) + bracket + settings


def _fits(given: Any, component: object) -> bool:
    wanted = describe(component)
    if given == wanted:
        return True
    if not isinstance(given, str) or given.partition("(")[0] != wanted.partition("(")[0]:
        return False
    old, new = _settings(given), _settings(wanted)
    if old is None or new is None:
        return False
    unknown = {f.name: repr(f.default) for f in dataclasses.fields(_config(component)) if f.name not in old}
    return {**unknown, **old} == new


def _difference(given: Any, component: object) -> str:
    """Say in which settings a state differs, or else what it and the component are."""
    wanted = describe(component)
    if isinstance(given, str) and given.partition("(")[0] == wanted.partition("(")[0]:
        old, new = _settings(given), _settings(wanted)
        if old is not None and new is not None:
            both = {key: (old.get(key), value) for key, value in new.items() if key in old and old[key] != value}
            if both:
                return "; ".join(f"it has {key}={then}, this one {now}" for key, (then, now) in both.items())
    return f"got {given}, this one has {wanted}"


def _settings(described: str) -> dict[str, str] | None:
    """Take a description apart, values as they were written; None where it cannot be read."""
    try:
        call = ast.parse(f"f({described.partition('(')[2]}", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return {k.arg: ast.unparse(k.value) for k in call.keywords if k.arg} if isinstance(call, ast.Call) else None
