"""Components that are made here rather than found by name, in the plan of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from trackforge.registry import ComponentSpec
from trackforge.runs.component import Component

__all__ = ["StandIn"]


@dataclasses.dataclass(frozen=True)
class StandIn(Component):
    """A component that a function makes, given the name of the sequence.

    Attributes:
        make: Makes it.
        target: What it is, ``"package.module:Name"``.
        each: Whether every sequence gets one of its own.
    """

    make: Callable[[str], Any] = lambda sequence: sequence
    target: str = "trackforge_sagemaker.client.following:ToldTracker"
    each: bool = False

    @property
    def spec(self) -> ComponentSpec:
        """What the registry would know of it."""
        return ComponentSpec(kind=self.kind, name=self.name, target=self.target)

    def create(self, **more: Any) -> Any:  # noqa: ARG002 - as a component has it
        """Make it."""
        return self.make(str(self.settings.get("sequence", "")))

    def for_sequence(self, sequence: str) -> Component:
        """Return it for a sequence."""
        return dataclasses.replace(self, settings={"sequence": sequence}) if self.each else self
