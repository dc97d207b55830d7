"""What is refused before anything is made: thresholds that no score reaches."""

from __future__ import annotations

from collections.abc import Sequence

from trackforge.errors import ConfigError
from trackforge.runs.component import Component

__all__ = ["check_scores"]

REPLAYING, SCORE = "file", "score"
"""The detector whose scores are what a file says; the unit of settings that are compared with scores."""


def check_scores(detector: Component, minding: Sequence[Component]) -> None:
    """Refuse thresholds that no score reaches; what a file holds may be anything."""
    if detector.name == REPLAYING:
        return
    for component in minding:
        for s in component.spec.settings():
            value = component.settings.get(s.name)
            if s.unit == SCORE and isinstance(value, (int, float)) and value > 1:
                raise ConfigError(
                    f"{component.kind} {component.name!r}: {s.name} must be <= 1, as the scores of detector "
                    f"{detector.name!r} are; got {value:g}. A score of 40 % is 0.4."
                )
