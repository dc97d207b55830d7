"""Typed doors over the registry: a name and settings in, a component out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trackforge.intake.addresses import STDOUT
from trackforge.protocols import (
    Analytic,
    Associator,
    CameraMotion,
    Command,
    Detector,
    Embedder,
    MotionModel,
    Segmenter,
    Sink,
    Source,
    Tracker,
)
from trackforge.registry.bundles import component_for
from trackforge.registry.guess import check_output, exists, guess_source
from trackforge.registry.plugins import registry
from trackforge.registry.spec import ComponentSpec

__all__ = [
    "analytic",
    "associator",
    "camera_motion",
    "command",
    "detector",
    "embedder",
    "export",
    "motion_model",
    "segmenter",
    "sink",
    "source",
    "tracker",
]


def detector(name: str | Path, /, **settings: Any) -> Detector:
    """Make a detector by name, e.g. ``detector("yolox", weights="yolox-s")``, or from weights that trackforge wrote.

    ``detector("runs/people/model.pth")`` opens what training or export wrote with the detector that it is of.

    Raises:
        UnknownComponentError: No plugin offers it; the message suggests the nearest name.
        WeightsError: The weights are not there, or do not say which detector they are of.
        ConfigError: A setting is unknown, of the wrong type or out of range.
        MissingDependencyError: A package that it needs is not installed.
    """
    spec, known = component_for("detector", name)
    return spec.create({**known, **settings})  # type: ignore[no-any-return]


def associator(name: str, /, **settings: Any) -> Associator:
    """Make an associator by name; raises as `detector` does."""
    return registry().create("associator", name, settings)  # type: ignore[no-any-return]


def motion_model(name: str, /, **settings: Any) -> MotionModel:
    """Make a motion model by name; raises as `detector` does."""
    return registry().create("motion", name, settings)  # type: ignore[no-any-return]


def tracker(name: str, /, **settings: Any) -> Tracker:
    """Make a tracker by name, e.g. ``tracker("byte", high_score=0.6)``; raises as `detector` does."""
    return registry().create("tracker", name, settings)  # type: ignore[no-any-return]


def source(name: str | Path | int, /, **settings: Any) -> Source:
    """Make a source by component name, or from a path, URL, glob or camera number that tells which one is meant.

    ``source("street.mp4")`` and ``source("video", path="street.mp4")`` are the same. A path that exists wins over the
    name of a component (a folder ``images``), unless the settings are all that the component needs. Raises as
    `detector` does.
    """
    named = {spec.name: spec for spec, _ in registry().specs("source")}
    if isinstance(name, str) and name in named and not (exists(name) and not _complete(named[name], settings)):
        return registry().create("source", name, settings)  # type: ignore[no-any-return]
    return guess_source(str(name), settings)


def _complete(spec: ComponentSpec, settings: dict[str, Any]) -> bool:
    """Whether settings are plainly meant for a component: there are some, and none that it needs is missing."""
    return bool(settings) and all(s.name in settings for s in spec.settings() if s.required)


def sink(name: str | Path, /, **settings: Any) -> Sink:
    """Make a sink by component name, or from a file name whose ending tells which one is meant.

    ``sink("out.mp4")`` and ``sink("overlay", path="out.mp4")`` are the same; ``sink("-")`` writes JSON lines to
    standard output. Raises as `detector` does.
    """
    known = {spec.name for spec, _ in registry().specs("sink")}
    if name in STDOUT:
        return registry().create("sink", "jsonl", {"path": name, **settings})  # type: ignore[no-any-return]
    if isinstance(name, str) and (name in known or not Path(name).suffix):
        return registry().create("sink", name, settings)  # type: ignore[no-any-return]
    check_output(name)
    return registry().for_file("sink", name).create({"path": name, **settings})  # type: ignore[no-any-return]


def embedder(name: str | Path, /, **settings: Any) -> Embedder:
    """Make an embedder by name, or from weights that trackforge wrote; raises as `detector` does."""
    spec, known = component_for("embedder", name)
    return spec.create({**known, **settings})  # type: ignore[no-any-return]


def segmenter(name: str | Path, /, **settings: Any) -> Segmenter:
    """Make what finds the pixels of objects in boxes, by name; raises as `detector` does."""
    return registry().create("segmenter", str(name), settings)  # type: ignore[no-any-return]


def camera_motion(name: str, /, **settings: Any) -> CameraMotion:
    """Make what tells the motion of the camera, by name; raises as `detector` does."""
    return registry().create("camera", name, settings)  # type: ignore[no-any-return]


def analytic(name: str, /, **settings: Any) -> Analytic:
    """Make an analytic by name; raises as `detector` does."""
    return registry().create("analytic", name, settings)  # type: ignore[no-any-return]


def export(name: str | Path, /, **settings: Any) -> Path:
    """Export a model, e.g. ``export("yolox", weights="yolox-s", output="street.onnx")``, or one that trackforge wrote.

    ``export("runs/people/model.pth")`` takes the exporter of the detector that the weights are of.

    Returns:
        Where it was written.

    Raises:
        WeightsError: The weights cannot be used.
        SinkError: The place cannot be written to.
        UnknownComponentError, ConfigError, MissingDependencyError: As `detector` does.
    """
    spec, known = component_for("exporter", name)
    return spec.create({**known, **settings})  # type: ignore[no-any-return]


def command(name: str, /, **settings: Any) -> Command:
    """Return a plugin's subcommand by name, to be called with its words; raises as `detector` does."""
    return registry().create("command", name, settings)  # type: ignore[no-any-return]
