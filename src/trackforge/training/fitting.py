"""The door: `fit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from trackforge.data.model import Dataset
from trackforge.registry import registry
from trackforge.training.plan import Recipe
from trackforge.training.settings import FitSettings

__all__ = ["FitResult", "fit", "trainer"]


def trainer(name: str, /, **settings: Any) -> Recipe:
    """Make a recipe by name, e.g. ``trainer("yolox", variant="nano")``.

    Raises:
        UnknownComponentError: No plugin offers it.
        ConfigError: A setting is unknown, of the wrong type or out of range.
        MissingDependencyError: A package that it needs is not installed.
    """
    return registry().create("trainer", name, settings)  # type: ignore[no-any-return]
