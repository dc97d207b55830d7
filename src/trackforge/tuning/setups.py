"""The components of a run and their settings, with what a trial puts in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trackforge.config import convert
from trackforge.errors import ConfigError
from trackforge.protocols import Tracker
from trackforge.registry import registry
from trackforge.registry.spec import ComponentSpec
from trackforge.tuning.space import split_name

__all__ = ["Component", "Setup"]


@dataclasses.dataclass(frozen=True)
class Component:
    """A component by kind and name, with settings other than its defaults."""

    kind: str
    name: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def spec(self) -> ComponentSpec:
        """What the registry knows about it."""
        return registry().find(self.kind, self.name)

    def create(self) -> Any:
        """Make it; raises as the doors of `trackforge` do."""
        return self.spec.create(self.settings)

    def convert(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Check some of its settings, and convert them to the declared types.

        Raises:
            ConfigError: One is unknown, wrong or out of range.
        """
        config = self.spec.load_config()
        if config is None:
            if settings:
                raise ConfigError(f"{self.kind} {self.name!r} has no settings; got {', '.join(settings)}.")
            return {}
        try:
            return convert(config, settings)
        except ConfigError as error:
            raise ConfigError(f"{self.kind} {self.name!r}: {error}") from None

    def value(self, setting: str) -> Any:
        """Return what a setting is: as given, else its default; `dataclasses.MISSING` where it must be given."""
        if setting in self.settings:
            return self.settings[setting]
        return next((s.default for s in self.spec.settings() if s.name == setting), dataclasses.MISSING)

    def but(self, settings: Mapping[str, Any]) -> Component:
        """Return it with some settings changed; ``name`` among them changes the component."""
        more = dict(settings)
        made = dataclasses.replace(self, name=str(more.pop("name", self.name)))
        kept = self.settings
        if made.name != self.name:  # settings of the old one that the new one knows too, go with it
            known = {s.name for s in made.spec.settings()}
            kept = {key: value for key, value in kept.items() if key in known}
            more = {key: value for key, value in more.items() if key in known}
        return dataclasses.replace(made, settings={**kept, **made.convert(more)})


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
        known = {s.name for s in self.tracker.spec.settings()}
        for part in self.parts():
            if f"{part.kind}_settings" not in known:
                raise ConfigError(
                    f"tracker {self.tracker.name!r} brings its own {part.kind}; only 'online' takes one by name. "
                    f"Leave the {part.kind} out, or take the tracker 'online'."
                )

    def parts(self) -> tuple[Component, ...]:
        """Return the parts that are given."""
        return tuple(part for part in (self.associator, self.motion) if part is not None)

    def component(self, section: str) -> Component:
        """Return the component of a section; a part that was not given by name is the tracker's default."""
        found: Component | None = getattr(self, section)
        if found is None:
            name = self.tracker.value(section)
            known = {s.name for s in self.tracker.spec.settings()}
            if f"{section}_settings" not in known or not isinstance(name, str):
                raise ConfigError(
                    f"There is no {section} by itself in tracker {self.tracker.name!r}; take the tracker 'online', or "
                    f"leave out what begins with {section!r}."
                )
            found = Component(section, name, dict(self.tracker.value(f"{section}_settings") or {}))
        return found

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
        settings = dict(self.tracker.settings)
        for part in self.parts():
            settings[part.kind] = part.name
            settings[f"{part.kind}_settings"] = dict(part.settings)
        return dataclasses.replace(self.tracker, settings=settings).create()  # type: ignore[no-any-return]

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the tables of a configuration file; detections that were read from a file are left out."""
        named = [self.tracker, *self.parts()]
        if self.detector.name != "file":
            named.insert(0, self.detector)
        return {one.kind: {"name": one.name, **one.settings} for one in named}


def plain(value: Any) -> Any:
    """Return a setting as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
