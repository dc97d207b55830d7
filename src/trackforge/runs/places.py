"""Where a run writes: what its flags, folders and tables of outputs come to."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError, did_you_mean
from trackforge.intake.addresses import STDOUT
from trackforge.intake.names import plain_name
from trackforge.registry import registry
from trackforge.registry.guess import check_output, exists
from trackforge.registry.spec import ComponentSpec
from trackforge.runs.component import Component, checked
from trackforge.runs.layers import Layer, place
from trackforge.runs.tracking import TrackingRun

__all__ = ["Output", "outputs_of"]

log = logging.getLogger(__name__)
STREAMED = ("jsonl", "csv", "counts", "events")
"""Sinks that write text which can be read while it is written; the first is taken for standard output."""


@dataclass(frozen=True)
class Output:
    """One output, for every sequence.

    Attributes:
        path: A file, or with ``{name}`` in it one file a sequence; empty for a window, which has none.
        sink: The sink and its settings, ``path`` apart.
        optional: Whether to do without it where it cannot be made, since nobody asked for it by name.
        by_option: Whether an option of the run asks for it, rather than a place to write to.
    """

    path: str
    sink: Component
    optional: bool = False
    by_option: bool = False

    @property
    def is_stdout(self) -> bool:
        """Whether it goes to standard output."""
        return self.path in STDOUT

    def place(self, sequence: str) -> str:
        """Return where the output of a sequence goes."""
        if "{name}" not in self.path:
            return self.path
        return self.path.replace("{name}", plain_name(sequence, "A sequence that names its output"))


def outputs_of(job: TrackingRun, layers: Sequence[Layer], sequences: int) -> list[Output]:
    """Return the outputs of a run of so many sequences.

    Raises:
        ConfigError: A setting is wrong, or two outputs would fall upon each other.
        UnknownComponentError: A component or file ending is unknown.
    """
    outputs = list(_from_paths(job.out, layers) if job.out else _from_tables(layers))
    outputs += _from_options(job, layers, sequences)
    paths = [STDOUT[0] if output.is_stdout else output.path for output in outputs if output.path]
    for path in paths:
        if paths.count(path) > 1:
            raise ConfigError(f"Every output needs a file of its own; {path} is there twice. Rename one.")
        if sequences > 1 and "{name}" not in path and path not in STDOUT:
            raise ConfigError(
                f"{sequences} sequences cannot share the file {path}. "
                "Give a folder, or a name with {name} in it: -o 'out/{name}.txt'."
            )
    _check_used(outputs, layers)
    return outputs


def _from_options(job: TrackingRun, layers: Sequence[Layer], sequences: int) -> Iterator[Output]:
    if job.save_crops:
        check_output(job.save_crops)
        several = sequences > 1 and "{name}" not in job.save_crops
        path = str(Path(job.save_crops) / "{name}") if several else job.save_crops
        yield _output(registry().find("sink", "crops"), path, {}, layers, "--save-crops", by_option=True)
    if job.show:
        yield _output(registry().find("sink", "window"), "", {}, layers, "--show", by_option=True)


def _from_paths(outs: Sequence[str], layers: Sequence[Layer]) -> Iterator[Output]:
    for out in outs:
        if out in STDOUT:
            yield _output(registry().find("sink", STREAMED[0]), out, {}, layers, "-o")
            continue
        check_output(out)
        if out.endswith(("/", "\\")) or (exists(out) and Path(out).is_dir()) or not Path(out).suffix:
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
            where = place(layer.where, "[[sink]]")
            if not isinstance(path, str):
                raise ConfigError(f"{where} needs a path; got {table!r}. Give one: path = 'out.txt'.")
            if path in STDOUT:
                name = str(name or STREAMED[0])
                if name not in STREAMED:
                    raise ConfigError(f"{where}: standard output takes {' or '.join(STREAMED)}; got {name!r}.")
            else:
                check_output(path)
            spec = registry().find("sink", str(name)) if name else registry().for_file("sink", path)
            yield _output(spec, path, settings, layers, where)


def _check_used(outputs: Sequence[Output], layers: Sequence[Layer]) -> None:
    """Refuse settings for sinks that no output has, and mention sinks that have settings but no output."""
    known = {s.name for output in outputs for s in output.sink.spec.settings()}
    used = {output.sink.name for output in outputs}
    for layer in layers:
        for key in layer.tables.get("sink", {}):
            if key.replace("-", "_") not in known:
                has = ", ".join(sorted(known)) or "no output at all"
                raise ConfigError(
                    place(layer.where, f"no output has a setting {key!r}.{did_you_mean(key, known)} There is: {has}.")
                )
        for spec, _ in registry().specs("sink"):
            if layer.tables.get(spec.name) and spec.name not in used:
                checked(spec, layer.tables[spec.name], place(layer.where, f"sink {spec.name!r}"))
                unused = f"the settings of sink {spec.name!r} go unused, since no output is one"
                log.warning("%s", place(layer.where, unused))


def _output(
    spec: ComponentSpec,
    path: str,
    settings: Mapping[str, Any],
    layers: Sequence[Layer],
    where: str,
    *,
    optional: bool = False,
    by_option: bool = False,
) -> Output:
    """Join an output's own settings, those for every sink that has them, and those for sinks of its name."""
    merged = checked(spec, settings, place(where, f"sink {spec.name!r}"))
    known = {s.name for s in spec.settings()}
    for layer in layers:
        shared = {key: value for key, value in layer.tables.get("sink", {}).items() if key.replace("-", "_") in known}
        merged.update(checked(spec, shared, place(layer.where, "sink")))
        merged.update(checked(spec, layer.tables.get(spec.name, {}), place(layer.where, f"sink {spec.name!r}")))
    path = str(merged.pop("path", path))  # so that what is checked is what is written
    return Output(path, Component("sink", spec.name, merged).ordered(), optional, by_option)
