"""What a saved tracker state looks like: format, settings, arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from trackforge.errors import StateError

__all__ = ["check_header", "describe_settings", "header", "restore"]


def describe_settings(component: object) -> str:
    """Write down a component's class and settings, the same in every process."""
    cls = type(component)
    name = f"{cls.__module__}.{cls.__qualname__}"
    config = component if dataclasses.is_dataclass(component) else getattr(component, "config", None)
    if not dataclasses.is_dataclass(config):
        return name
    values = ", ".join(f"{f.name}={getattr(config, f.name)!r}" for f in dataclasses.fields(config) if f.init)
    return f"{name}({values})"


def header(kind: str, version: int, **components: object) -> dict[str, Any]:
    """Begin a state: its format, and the settings it was made with."""
    return {
        "format": kind,
        "version": version,
        "settings": {name: describe_settings(component) for name, component in components.items()},
    }


def check_header(state: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Compare the header of a saved state with that of the tracker that should load it.

    Raises:
        StateError: It is of another tracker, another version, or other settings.
    """
    given, kind = state.get("format"), wanted["format"]
    if given != kind:
        raise StateError(f"The state must be of a {kind} tracker; got {given!r}. Load it into the tracker it is from.")
    if state.get("version") != wanted["version"]:
        raise StateError(
            f"The state must be of version {wanted['version']}; got {state.get('version')!r}. "
            "Load it with the trackforge that saved it."
        )
    settings = state.get("settings", {})
    for name, value in wanted["settings"].items():
        if settings.get(name) != value:
            raise StateError(
                f"The state must be of a tracker with the same {name}; got {settings.get(name)}, this one has {value}. "
                "Make the tracker with the settings of the state."
            )


def restore(name: str, value: Any, length: int | None = None, dtype: Any = None) -> Any:
    """Return a writable copy of a saved array.

    Raises:
        StateError: It is no array, of another type, or of another length.
    """
    array = np.array(value)
    if array.ndim == 0 or (dtype is not None and array.dtype != dtype):
        raise StateError(f"{name} must be an array of {dtype}; got {array.dtype} of shape {array.shape}.")
    if length is not None and len(array) != length:
        raise StateError(f"{name} must have {length} rows, one a track; got {len(array)}. The state is damaged.")
    return array
