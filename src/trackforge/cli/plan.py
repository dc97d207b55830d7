"""What a run is going to do: which sequences, with which components, into which files."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.cli.layers import Choice, Layer, checked, choose
from trackforge.errors import ConfigError, did_you_mean
from trackforge.io.pictures import natural_key
from trackforge.registry import registry
from trackforge.registry.guess import source_for
from trackforge.registry.spec import ComponentSpec

__all__ = ["Output", "Plan", "expand", "for_sequence", "plan"]

log = logging.getLogger(__name__)
DETECTOR, TRACKER, COMPOSED = "motion", "byte", "online"
"""What is taken where nothing is said: no weights, no torch."""


@dataclass(frozen=True)
class Output:
    """One output, for every sequence.

    Attributes:
        path: A file, or with ``{name}`` in it one file a sequence.
        choice: The sink and its settings, ``path`` apart.
        optional: Whether to do without it where it cannot be made, since nobody asked for it by name.
    """

    path: str
    choice: Choice
    optional: bool = False


@dataclass(frozen=True)
class Plan:
    """Everything that was asked for, checked as far as possible before the first frame."""

    sources: Sequence[Choice]
    detector: Choice
    tracker: Choice
    outputs: Sequence[Output]

    def writing(self, box: str) -> Plan:
        """Return the plan with a box other than the sinks' own choice, for sinks that have one."""
        outputs = [
            dataclasses.replace(output, choice=Choice(output.choice.spec, {**output.choice.settings, "box": box}))
            if output.choice.has("box")
            else output
            for output in self.outputs
        ]
        return dataclasses.replace(self, outputs=outputs)

    def keeping(self, classes: Sequence[str]) -> Plan | None:
        """Return the plan with a detector that reports some classes only, or None where it has no setting for that."""
        detector = self.detector
        if not detector.has("keep_classes"):
            return None
        settings = {**detector.settings, "keep_classes": tuple(classes)}
        return dataclasses.replace(self, detector=Choice(detector.spec, settings))

    def components(self) -> Iterator[Choice]:
        """Yield every component."""
        yield from self.sources
        yield self.detector
        yield self.tracker
        for output in self.outputs:
            yield output.choice


def plan(sources: Sequence[str], outs: Sequence[str], layers: Sequence[Layer]) -> Plan:
    """Put together what the layers say.

    Args:
        sources: Paths, URLs or names of sources; a folder of MOTChallenge sequences stands for all of them.
        outs: Files, and folders for a MOT file and a video a sequence. Where none, the layers' sinks count.
        layers: From weak to strong.

    Raises:
        ConfigError: A setting is wrong, or two outputs would fall upon each other.
        UnknownComponentError: A component or file ending is unknown.
    """
    expanded = [one for source in sources or _sources(layers) for one in expand(source)]
    outputs = list(_from_paths(outs, layers) if outs else _from_tables(layers))
    paths = [output.path for output in outputs]
    for path in paths:
        if paths.count(path) > 1:
            raise ConfigError(f"Every output needs a file of its own; {path} is there twice. Rename one.")
        if len(expanded) > 1 and "{name}" not in path:
            raise ConfigError(
                f"{len(expanded)} sequences cannot share the file {path}. "
                "Give a folder, or a name with {name} in it: -o 'out/{name}.txt'."
            )
    _check_used(outputs, layers)
    return Plan(
        [_source(given, layers) for given in expanded], choose("detector", layers, DETECTOR), _tracker(layers), outputs
    )


def expand(source: str) -> list[str]:
    """Return the MOTChallenge sequences in a folder of such, in natural order, or else the source itself."""
    folder = Path(source)
    if not folder.is_dir() or (folder / "seqinfo.ini").exists():
        return [source]
    found = [path.parent for path in folder.glob("*/seqinfo.ini")]
    return [str(path) for path in sorted(found, key=lambda path: natural_key(path.name))] or [source]


def _sources(layers: Sequence[Layer]) -> list[str]:
    """Return the source that the settings name, where the command does not."""
    merged = {key: str(value) for layer in layers for key, value in layer.tables.get("source", {}).items()}
    return [merged[key] for key in ("path", "name") if key in merged][:1]


def _source(given: str, layers: Sequence[Layer]) -> Choice:
    """Choose the source that was named, or that reads the path."""
    named = {spec.name for spec, _ in registry().specs("source")}
    if given in named:
        return choose("source", [*layers, Layer("the source", {"source": {"name": given}})])
    forced = any("name" in layer.tables.get("source", {}) for layer in layers)
    choice = choose("source", layers, "" if forced else source_for(given).name)
    return Choice(choice.spec, {**choice.settings, "path": given})


def _tracker(layers: Sequence[Layer]) -> Choice:
    """Choose the tracker; an associator or motion model asked for by itself makes it the composed one."""
    parts = [kind for kind in ("associator", "motion") if any(layer.tables.get(kind) for layer in layers)]
    tracker = choose("tracker", layers, COMPOSED if parts else TRACKER)
    settings = dict(tracker.settings)
    for kind in parts:
        if not tracker.has(f"{kind}_settings"):
            raise ConfigError(
                f"tracker {tracker.spec.name!r} brings its own {kind}; only {COMPOSED!r} takes one by name. "
                f"Leave the {kind} out, or use --tracker {COMPOSED}."
            )
        default = next(str(s.default) for s in tracker.spec.settings() if s.name == kind)
        part = choose(kind, layers, str(settings.get(kind, default)))
        settings[kind] = part.spec.name
        settings[f"{kind}_settings"] = {**(settings.get(f"{kind}_settings") or {}), **part.settings}
    return Choice(tracker.spec, settings)


def _from_paths(outs: Sequence[str], layers: Sequence[Layer]) -> Iterator[Output]:
    for out in outs:
        if out.endswith(("/", "\\")) or Path(out).is_dir() or not Path(out).suffix:
            stem = str(Path(out) / "{name}")
            yield _output(registry().find("sink", "mot"), stem + ".txt", {}, layers, "-o")
            overlay = registry().find("sink", "overlay")
            if overlay.missing():
                log.warning("no overlay video without %s; run: pip install '%s'", overlay.missing()[0], overlay.install)
                continue
            yield _output(overlay, stem + ".mp4", {}, layers, "-o", optional=True)
        else:
            yield _output(registry().for_file("sink", out), out, {}, layers, "-o")


def _from_tables(layers: Sequence[Layer]) -> Iterator[Output]:
    for layer in layers:
        for table in layer.sinks:
            settings = dict(table)
            path, name = settings.pop("path", None), settings.pop("name", None)
            where = f"{layer.where}: [[sink]]"
            if not isinstance(path, str):
                raise ConfigError(f"{where} needs a path; got {table!r}. Give one: path = 'out.txt'.")
            spec = registry().find("sink", str(name)) if name else registry().for_file("sink", path)
            yield _output(spec, path, settings, layers, where)


def _check_used(outputs: Sequence[Output], layers: Sequence[Layer]) -> None:
    """Refuse settings for sinks that no output has, and mention sinks that have settings but no output."""
    known = {s.name for output in outputs for s in output.choice.spec.settings()}
    used = {output.choice.spec.name for output in outputs}
    for layer in layers:
        for key in layer.tables.get("sink", {}):
            if key.replace("-", "_") not in known:
                has = ", ".join(sorted(known)) or "no output at all"
                raise ConfigError(
                    f"{layer.where}: no output has a setting {key!r}.{did_you_mean(key, known)} There is: {has}."
                )
        for spec, _ in registry().specs("sink"):
            if layer.tables.get(spec.name) and spec.name not in used:
                checked(spec, layer.tables[spec.name], f"{layer.where}: sink {spec.name!r}")
                log.warning("%s: the settings of sink %r go unused, since no output is one", layer.where, spec.name)


def _output(
    spec: ComponentSpec,
    path: str,
    settings: Mapping[str, Any],
    layers: Sequence[Layer],
    where: str,
    *,
    optional: bool = False,
) -> Output:
    """Join an output's own settings, those for every sink that has them, and those for sinks of its name."""
    merged = checked(spec, settings, f"{where}: sink {spec.name!r}")
    known = {s.name for s in spec.settings()}
    for layer in layers:
        shared = {key: value for key, value in layer.tables.get("sink", {}).items() if key.replace("-", "_") in known}
        merged.update(checked(spec, shared, f"{layer.where}: sink"))
        merged.update(checked(spec, layer.tables.get(spec.name, {}), f"{layer.where}: sink {spec.name!r}"))
    return Output(path, Choice(spec, merged), optional)


def for_sequence(choice: Choice, name: str) -> Choice:
    """Put the name of a sequence in place of ``{name}`` in settings that are text or paths."""

    def filled(value: Any) -> Any:
        if isinstance(value, (str, Path)) and "{name}" in str(value):
            return type(value)(str(value).replace("{name}", name))
        return value

    return dataclasses.replace(choice, settings={key: filled(value) for key, value in choice.settings.items()})
