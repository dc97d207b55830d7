"""A component as somebody wants it: its kind, its name, and what to change of its settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from trackforge.config import convert
from trackforge.errors import ConfigError, TrackforgeError
from trackforge.registry import registry
from trackforge.registry.spec import ComponentSpec

__all__ = ["Component", "Wanted", "checked", "mention"]


@dataclasses.dataclass(frozen=True)
class Component:
    """A component by kind and name, with settings other than its defaults; text in settings may hold ``{name}``."""

    kind: str
    name: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def spec(self) -> ComponentSpec:
        """What the registry knows about it."""
        return registry().find(self.kind, self.name)

    def create(self, **more: Any) -> Any:
        """Make it; ``more`` are settings that yield to those already given. Raises as the doors of `trackforge` do."""
        return self.spec.create({**more, **self.settings})

    def has(self, setting: str) -> bool:
        """Whether it has a setting of that name."""
        return any(s.name == setting for s in self.spec.settings())

    def value(self, setting: str) -> Any:
        """Return what a setting is: as given, else its default; `dataclasses.MISSING` where it must be given."""
        if setting in self.settings:
            return self.settings[setting]
        return next((s.default for s in self.spec.settings() if s.name == setting), dataclasses.MISSING)

    def convert(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Check some of its settings, and convert them to the declared types.

        Raises:
            ConfigError: One is unknown, wrong or out of range.
        """
        return checked(self.spec, settings, f"{self.kind} {self.name!r}")

    def but(self, settings: Mapping[str, Any]) -> Component:
        """Return it with some settings changed; ``name`` among them changes the component."""
        more = dict(settings)
        made = dataclasses.replace(self, name=str(more.pop("name", self.name)))
        kept = self.settings
        if made.name != self.name:  # settings of the old one that the new one knows too, go with it
            known = {s.name for s in made.spec.settings()}
            kept = {key: value for key, value in kept.items() if key in known}
            more = {key: value for key, value in more.items() if key in known}
        return dataclasses.replace(made, settings={**kept, **made.convert(more)}).ordered()

    def over(self, other: Component) -> Component:
        """Return it with the settings of another below its own, where that is of the same name."""
        below = other.settings if other.name == self.name else {}
        return dataclasses.replace(self, settings={**below, **self.settings})

    def part(self, kind: str) -> Component:
        """Return the associator or motion model of a composed tracker.

        Raises:
            ConfigError: The tracker takes none by name.
        """
        name = self.value(kind)
        if not self.has(f"{kind}_settings") or not isinstance(name, str):
            raise ConfigError(
                f"There is no {kind} by itself in tracker {self.name!r}, which brings its own {kind}; only 'online' "
                f"takes one by name. Leave the {kind} out, or take the tracker 'online'."
            )
        return Component(kind, name, dict(self.value(f"{kind}_settings") or {}))

    def with_parts(self, parts: Iterable[Component]) -> Component:
        """Return a composed tracker with these parts in place of its own."""
        settings = dict(self.settings)
        for part in parts:
            settings |= {part.kind: part.name, f"{part.kind}_settings": dict(part.settings)}
        return dataclasses.replace(self, settings=settings)

    def ordered(self) -> Component:
        """Return it with its settings in the order of their declaration, wherever they were collected."""
        order = [s.name for s in self.spec.settings()]
        order += [key for key in self.settings if key not in order]
        return dataclasses.replace(self, settings={key: self.settings[key] for key in order if key in self.settings})

    def for_sequence(self, sequence: str) -> Component:
        """Put the name of a sequence in place of ``{name}`` in settings that are text or paths."""

        def filled(value: Any) -> Any:
            if isinstance(value, (str, Path)) and "{name}" in str(value):
                return type(value)(str(value).replace("{name}", sequence))
            return value

        return dataclasses.replace(self, settings={key: filled(value) for key, value in self.settings.items()})

    def table(self) -> dict[str, Any]:
        """Return it as a table of a configuration file."""
        return {"name": self.name, **self.settings}


Wanted: TypeAlias = Component | Mapping[str, Any] | str
"""How a run names a component: as such, as a table with ``name`` and settings, or by its name; ``""`` says nothing."""


def checked(spec: ComponentSpec, table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Check and convert the settings that one place gives to a component.

    Raises:
        ConfigError: One is unknown, wrong or out of range; the message begins with the place.
    """
    config = spec.load_config()
    if config is None:
        if table:
            raise ConfigError(f"{where} has no settings; got {', '.join(table)}.")
        return {}
    try:
        return convert(config, table)
    except ConfigError as error:
        raise mention(error, where) from None


def mention(error: TrackforgeError, where: str) -> TrackforgeError:
    """Return the error with the place that it came from in front."""
    return type(error)(f"{where}: {error}") if where else error
