"""The components of a run and their settings, to be varied."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from trackforge.errors import ConfigError
from trackforge.protocols import Tracker
from trackforge.runs.component import Component

__all__ = ["SECTIONS", "Setup", "split_name"]

SECTIONS = ("detector", "tracker", "associator", "motion")
"""What settings that vary belong to; the first part of their names."""


def split_name(name: str, sections: Sequence[str] = SECTIONS) -> tuple[str, str]:
    """Return section and setting of ``tracker.high_score``.

    Args:
        name: What is written.
        sections: What it may begin with.

    Raises:
        ConfigError: It does not read so.
    """
    section, dot, key = name.strip().partition(".")
    key = key.strip().replace("-", "_")
    if not dot or not key or section not in sections:
        raise ConfigError(
            f"What is tuned must be named section.setting, with a section of {', '.join(sections)}; got {name!r}."
        )
    return section, key


@dataclasses.dataclass(frozen=True)
class Setup:
    """A detector and a tracker; for the composed tracker also its parts.

    Attributes:
        tracker: The tracker.
        detector: Where boxes come from.
        associator: Part of a composed tracker, or None.
        motion: Part of a composed tracker, or None.

    Raises:
        ConfigError: A part is given to a tracker that takes none.
    """

    tracker: Component
    detector: Component
    associator: Component | None = None
    motion: Component | None = None

    def __post_init__(self) -> None:
        for part in self.parts():
            self.tracker.part(part.kind)

    def parts(self) -> tuple[Component, ...]:
        """Return the parts that are given."""
        return tuple(part for part in (self.associator, self.motion) if part is not None)

    def component(self, section: str) -> Component:
        """Return the component of a section; a part that was not given by name is the tracker's default."""
        found: Component | None = getattr(self, section)
        return self.tracker.part(section) if found is None else found

    def but(self, values: Mapping[str, Any]) -> Setup:
        """Return it with settings changed, by ``section.setting``.

        Raises:
            ConfigError: One is unknown, wrong or out of range.
        """
        tables: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            section, key = split_name(name)
            tables.setdefault(section, {})[key] = value
        return dataclasses.replace(
            self, **{section: self.component(section).but(table) for section, table in tables.items()}
        )

    def value(self, name: str) -> Any:
        """Return what ``section.setting`` is now."""
        section, key = split_name(name)
        component = self.component(section)
        return component.name if key == "name" else component.value(key)

    def make_tracker(self) -> Tracker:
        """Make the tracker.

        Raises:
            ConfigError: Settings do not go together.
        """
        return self.tracker.with_parts(self.parts()).create()  # type: ignore[no-any-return]

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the tables of a configuration file; detections that were read from a file are left out."""
        named = [self.tracker, *self.parts()]
        if self.detector.name != "file":
            named.insert(0, self.detector)
        return {one.kind: one.table() for one in named}
