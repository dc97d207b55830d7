"""Settings from several places: defaults < ``--config file.toml`` < ``--set`` < flags.

A configuration file has a table for each kind of component, and one ``[[sink]]`` for each output::

    [detector]
    name = "yolox"
    score = 0.3

    [tracker]
    name = "byte"

    [[sink]]
    path = "out/street.mp4"

Every place is checked by itself, so that a message can say where a wrong setting stands.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trackforge.config import convert
from trackforge.errors import ConfigError, TrackforgeError, did_you_mean
from trackforge.registry import registry
from trackforge.registry.spec import ComponentSpec

__all__ = ["Choice", "Layer", "choose", "from_assignments", "from_toml", "mention"]

log = logging.getLogger(__name__)
SECTIONS = ("source", "detector", "tracker", "associator", "motion")
"""Tables with the settings of one component; its name stands under ``name``."""


@dataclass(frozen=True)
class Layer:
    """What one place says.

    Attributes:
        where: How people know the place: a file name, ``--set``, ``--detector``.
        tables: Settings by section: one of `SECTIONS`, ``sink`` for every sink, or the name of a sink.
        sinks: Outputs, each with ``path`` and further settings.
        options: What belongs to the run itself.
    """

    where: str
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sinks: Sequence[Mapping[str, Any]] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """One component, as somebody wants it."""

    spec: ComponentSpec
    settings: Mapping[str, Any]

    def create(self, **more: Any) -> Any:
        """Make it; ``more`` are settings that yield to those already given."""
        return self.spec.create({**more, **self.settings})

    def has(self, name: str) -> bool:
        """Whether it has a setting of that name."""
        return any(s.name == name for s in self.spec.settings())


def from_toml(path: Path, options: Mapping[str, type | int]) -> Layer:
    """Read a configuration file.

    Args:
        path: The file.
        options: What may stand before the first table: its name, and its type or the least whole number allowed.

    Raises:
        ConfigError: It cannot be read, is no TOML, or has unknown tables or options.
    """
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        content: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config must name a TOML file; {path} cannot be read: {error}.") from error
    except toml.TOMLDecodeError as error:
        raise ConfigError(f"{path}: this is not TOML: {error}.") from error
    sinks = content.pop("sink", [])
    if not isinstance(sinks, list) or not all(isinstance(sink, dict) for sink in sinks):
        raise ConfigError(f"{path}: every output is a table of its own; write [[sink]], not [sink].")
    tables = {name: content.pop(name) for name in SECTIONS if name in content}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {name} must be a table; got {table!r}. Write [{name}] and name = {table!r}.")
    for key, value in content.items():
        if key not in options:
            hint = did_you_mean(key, [*SECTIONS, "sink", *options])
            raise ConfigError(f"{path}: unknown key {key!r}.{hint} It may have: {_listing(options)}.")
        _check_option(f"{path}: {key}", value, options[key])
    return Layer(str(path), tables, sinks, content)


def _check_option(where: str, value: Any, wanted: type | int) -> None:
    kind = wanted if isinstance(wanted, type) else int
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"{where} must be {kind.__name__}; got {value!r}.")
    if isinstance(value, int) and isinstance(wanted, int) and value < wanted:
        raise ConfigError(f"{where} must be >= {wanted}; got {value}.")


def _listing(options: Mapping[str, type | int]) -> str:
    return ", ".join([*(f"[{section}]" for section in SECTIONS), "[[sink]]", *options])


def from_assignments(assignments: Sequence[str]) -> Layer:
    """Read ``--set detector.score=0.3`` and the like.

    Raises:
        ConfigError: One does not read ``section.key=value``, or its section is unknown.
    """
    names = {spec.name for spec, _ in registry().specs("sink")}
    tables: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        section, dot, key = path.strip().partition(".")
        if not (equals and dot and section and key):
            raise ConfigError(f"--set must read section.key=value, e.g. detector.score=0.3; got {assignment!r}.")
        if section not in SECTIONS and section != "sink" and section not in names:
            known = [*SECTIONS, "sink", *sorted(names)]
            raise ConfigError(
                f"--set {assignment}: unknown section {section!r}.{did_you_mean(section, known)} "
                f"There are: {', '.join(known)}."
            )
        tables.setdefault(section, {})[key.strip()] = value
    return Layer("--set", tables)


def choose(kind: str, layers: Sequence[Layer], default: str = "") -> Choice:
    """Find out which component is wanted, with which settings; later layers win.

    Raises:
        UnknownComponentError: There is no such component.
        ConfigError: A setting is unknown or wrong; the message says where it stands.
    """
    asked = [(layer.where, dict(layer.tables[kind])) for layer in layers if layer.tables.get(kind)]
    name, where = default, ""
    for place, table in asked:
        if "name" in table:
            name, where = str(table["name"]), place
    try:
        spec = registry().find(kind, name)
    except TrackforgeError as error:
        raise mention(error, where) from None
    settings: dict[str, Any] = {}
    for place, table in asked:
        named = table.pop("name", name)
        if named != name:
            if table:
                log.warning(
                    "%s: the settings of %s %r go unused, since %s asks for %r", place, kind, named, where, name
                )
            continue
        settings.update(checked(spec, table, f"{place}: {kind} {name!r}"))
    return Choice(spec, settings)


def checked(spec: ComponentSpec, table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Check and convert the settings of one place."""
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
