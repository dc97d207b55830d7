"""Settings from several places: defaults < ``--config file.toml`` < environment < ``--set`` < flags.

A job (`trackforge.runs.TrackingRun`, say) is declared once, as a dataclass of settings: some are options, some name a
component. Every place that says something about it, in whatever spelling, becomes a `Layer` here. A configuration file
has the options first, then a table for each component, and one ``[[sink]]`` for each output::

    frames = 500

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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from trackforge.config import build, convert, describe
from trackforge.errors import ConfigError, TrackforgeError, did_you_mean
from trackforge.registry import registry
from trackforge.registry.bundles import component_for
from trackforge.runs.component import Component, Wanted, checked, mention

__all__ = [
    "ANALYTICS", "Layer", "choose", "content", "from_assignments", "from_environment", "from_job", "from_mapping",
    "from_strings", "from_toml", "options", "place", "sections",
]  # fmt: skip

log = logging.getLogger(__name__)
T = TypeVar("T")
LONGER = ("tune_train",)
"""Commands whose name begins with that of another."""
SINKS = ("sink", "sinks")
"""Of jobs that write: outputs, each a table with ``path``; and settings by name of sink, for outputs given by path."""
ANALYTICS = "analytics"
"""Of jobs that make more of tracks: a table for each analytic, by the name of its answers."""


@dataclass(frozen=True)
class Layer:
    """What one place says.

    Attributes:
        where: How people know the place: a file name, ``--set``, ``--detector``; empty for a job described in Python.
        tables: Settings by section: a component of the job, ``sink`` for every sink, or the name of a sink.
        sinks: Outputs, each with ``path`` and further settings.
        options: What belongs to the run itself, checked and converted.
    """

    where: str
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sinks: Sequence[Mapping[str, Any]] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def sections(declaration: type) -> tuple[str, ...]:
    """Return the settings of a job that name a component."""
    return tuple(s.name for s in describe(declaration) if s.annotation == Wanted)


def place(*words: str) -> str:
    """Join what tells where something stands, as far as there is anything to tell."""
    return ": ".join(word for word in words if word)


def from_mapping(given: Mapping[str, Any], declaration: type, where: str) -> Layer:
    """Read a job from a mapping: a parsed file, a request.

    Raises:
        ConfigError: A key is unknown, or an option is wrong.
    """
    known, named = {s.name for s in describe(declaration)}, sections(declaration)
    tables: dict[str, Mapping[str, Any]] = {}
    said: dict[str, Any] = {}
    sinks: Sequence[Mapping[str, Any]] = ()
    for key, value in given.items():
        name = key.replace("-", "_")
        if name not in known:
            tabled = (*named, *SINKS, ANALYTICS)
            heads = ["[[sink]]" if one == "sink" else f"[{one}]" for one in tabled if one in known]
            plain = [one for one in sorted(known) if one not in tabled]
            raise ConfigError(
                place(where, f"unknown key {key!r}.{did_you_mean(key, known)} ")
                + f"It may have: {', '.join([*heads, *plain])}."
            )
        if name in named:
            tables[name] = _table(value)
        elif name == "sink":
            if not isinstance(value, (list, tuple)) or not all(isinstance(sink, Mapping) for sink in value):
                raise ConfigError(
                    place(where, "every output is a table of its own; write [[sink]], not [sink]. Got ") + f"{value!r}."
                )
            sinks = value
        elif name == "sinks" and value is not None:
            tables.update(_sinks_by_name(value, where))
        elif name == ANALYTICS and value is not None:
            tables[ANALYTICS] = _tables_by_name(value, where)
        else:
            said[name] = value
    try:
        return Layer(where, tables, sinks, convert(declaration, said))
    except ConfigError as error:
        raise mention(error, where) from None


def _table(value: Wanted) -> Mapping[str, Any]:
    if isinstance(value, Component):
        return value.table()
    if isinstance(value, str):
        return {"name": value} if value else {}
    return value


def _sinks_by_name(value: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    names = {spec.name for spec, _ in registry().specs("sink")}
    for sink, table in value.items() if isinstance(value, Mapping) else ((str(value), None),):
        if sink not in names or not isinstance(table, Mapping):
            raise ConfigError(
                place(where, f"settings of sinks are tables by name, as [sinks.overlay]; got {sink!r} = {table!r}.")
                + f"{did_you_mean(sink, names)} There are: {', '.join(sorted(names))}."
            )
        yield sink, table


def _tables_by_name(value: Any, where: str) -> dict[str, Mapping[str, Any]]:
    if not isinstance(value, Mapping) or not all(isinstance(table, Mapping) for table in value.values()):
        raise ConfigError(
            place(where, f"settings of analytics are tables by name, as [analytics.lines]; got {value!r}.")
            + " Write one for each, empty where the defaults will do."
        )
    return {str(name): table for name, table in value.items()}


def from_toml(path: Path, declaration: type) -> Layer:
    """Read a configuration file.

    Raises:
        ConfigError: It cannot be read, is no TOML, or says something that the job does not know.
    """
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        given: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config must name a TOML file; {path} cannot be read: {error}.") from error
    except (ValueError, RecursionError) as error:  # no TOML, a number of thousands of digits, brackets in brackets
        raise ConfigError(f"{path}: this is not TOML: {error}.") from error
    for name in sections(declaration):
        if not isinstance(given.get(name, {}), dict):
            value = given[name]
            raise ConfigError(f"{path}: {name} must be a table; got {value!r}. Write [{name}] and name = {value!r}.")
    return from_mapping(given, declaration, str(path))


def from_job(job: Any, where: str = "") -> Layer:
    """Return what a job that was described in Python says."""
    return from_mapping(content(job), type(job), where)


def content(job: Any) -> dict[str, Any]:
    """Return a job as a mapping that `from_mapping` reads back: what differs from the defaults."""
    found = {}
    for s in describe(type(job)):
        value = getattr(job, s.name)
        if value != s.default:
            found[s.name] = dict(_table(value)) if s.annotation == Wanted else value
    return found


def from_strings(given: Mapping[str, str], declaration: type, where: str) -> Layer:
    """Read a job from texts by name, as hyperparameters and the environment hold them.

    ``batch_size`` is an option, ``tracker`` the name of a component and ``tracker.high_score`` a setting of it.

    Raises:
        ConfigError: A name is unknown, or an option is wrong.
    """
    named, known = sections(declaration), {s.name for s in describe(declaration)}
    tables: dict[str, dict[str, Any]] = {}
    said: dict[str, Any] = {}
    for key, value in given.items():
        section, dot, name = key.replace("-", "_").partition(".")
        if dot:
            if section not in _sections_of_sets(declaration):
                raise ConfigError(_unknown_section(where, key, section, declaration))
            _put(tables, section, name, value)
        elif section in named:
            tables.setdefault(section, {})["name"] = value
        elif section in SINKS and section in known:
            raise ConfigError(place(where, f"outputs are given by 'out'; got {key} = {value!r}. Write out=FILE."))
        else:
            said[key] = value
    layer = from_mapping(said, declaration, where)
    return Layer(where, tables, (), layer.options)


def from_environment(declaration: type, command: str, environment: Mapping[str, str]) -> list[Layer]:
    """Read ``TRACKFORGE_TRACK_BATCH_SIZE=4``, and ``TRACKFORGE_TRACK_TRACKER__MIN_HITS=3`` for a component's setting.

    A variable that is set but empty says nothing, as in shells and container settings; ``none`` says none.

    Raises:
        ConfigError: A name that begins like this is unknown, or an option is wrong; the message names the variable.
    """
    prefix = f"TRACKFORGE_{command.upper()}_"
    others = tuple(f"TRACKFORGE_{one.upper()}_" for one in LONGER if one.startswith(f"{command}_"))
    return [
        from_strings({key.removeprefix(prefix).lower().replace("__", "."): environment[key]}, declaration, key)
        for key in sorted(environment)
        if key.startswith(prefix) and not key.startswith(others) and environment[key]
    ]


def from_assignments(assignments: Iterable[str], declaration: type) -> Layer:
    """Read ``--set detector.score=0.3`` and the like.

    Raises:
        ConfigError: One does not read ``section.key=value``, or its section is unknown.
    """
    known = _sections_of_sets(declaration)
    tables: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        section, dot, key = path.strip().partition(".")
        if not (equals and dot and section and key):
            raise ConfigError(
                f"--set must read section.key=value, with a section of {', '.join(known)}; got {assignment!r}."
            )
        if section not in known:
            raise ConfigError(_unknown_section("--set", assignment, section, declaration))
        _put(tables, section, key.strip(), value)
    return Layer("--set", tables)


def _put(tables: dict[str, dict[str, Any]], section: str, key: str, value: Any) -> None:
    """Take down one setting; those of analytics have one name more: ``analytics.lines.margin``."""
    table = tables.setdefault(section, {})
    if section == ANALYTICS:
        name, dot, key = key.partition(".")
        if not dot or not key:
            raise ConfigError(f"A setting of an analytic must read {ANALYTICS}.NAME.key; got {ANALYTICS}.{name}.")
        table = table.setdefault(name, {})
    table[key] = value


def _sections_of_sets(declaration: type) -> tuple[str, ...]:
    """Return what single settings may belong to: components, every sink, or the sinks of a name."""
    known = {s.name for s in describe(declaration)}
    named = (*sections(declaration), *([ANALYTICS] if ANALYTICS in known else []))
    if not known & set(SINKS):
        return named
    return (*named, "sink", *sorted({spec.name for spec, _ in registry().specs("sink")}))


def _unknown_section(where: str, given: str, section: str, declaration: type) -> str:
    known = _sections_of_sets(declaration)
    return f"{where} {given}: unknown section {section!r}.{did_you_mean(section, known)} There are: {', '.join(known)}."


def options(declaration: type[T], layers: Iterable[Layer]) -> T:
    """Return the options that the layers come to, as a job without components; later layers win."""
    said: dict[str, Any] = {}
    for layer in layers:
        said |= layer.options
    return build(declaration, said)


def choose(kind: str, layers: Sequence[Layer], default: str = "") -> Component:
    """Find out which component is wanted, by name or by a file of weights, with which settings; later layers win.

    Raises:
        UnknownComponentError: There is no such component.
        ConfigError: A setting is unknown or wrong; the message says where it stands.
    """
    asked = [(layer.where, dict(layer.tables[kind])) for layer in layers if layer.tables.get(kind)]
    name, where = default, ""
    for whose, table in asked:
        if "name" in table:
            name, where = str(table["name"]), whose
    try:
        spec, settings = component_for(kind, name)
    except TrackforgeError as error:
        raise mention(error, where) from None
    for whose, table in asked:
        named = table.pop("name", name)
        if str(named).casefold() != name.casefold():
            if table:
                log.warning(
                    "%s", place(whose, f"the settings of {kind} {named!r} go unused, since {where} asks for {name!r}")
                )
            continue
        settings.update(checked(spec, table, place(whose, f"{kind} {name!r}")))
    return Component(kind, spec.name, settings).ordered()
