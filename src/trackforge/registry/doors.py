"""Typed doors over the registry: a name and settings in, a component out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trackforge.protocols import Associator, Detector, MotionModel, Sink, Source, Tracker
from trackforge.registry.bundles import component_for
from trackforge.registry.guess import guess_source
from trackforge.registry.plugins import registry

__all__ = ["associator", "detector", "motion_model", "sink", "source", "tracker"]


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


def source(name: str | Path, /, **settings: Any) -> Source:
    """Make a source by component name, or from a path, URL or glob that tells which one is meant.

    ``source("street.mp4")`` and ``source("video", path="street.mp4")`` are the same. Raises as `detector` does.
    """
    known = {spec.name for spec, _ in registry().specs("source")}
    if isinstance(name, str) and name in known:
        return registry().create("source", name, settings)  # type: ignore[no-any-return]
    return guess_source(str(name), settings)


def sink(name: str | Path, /, **settings: Any) -> Sink:
    """Make a sink by component name, or from a file name whose ending tells which one is meant.

    ``sink("out.mp4")`` and ``sink("overlay", path="out.mp4")`` are the same. Raises as `detector` does.
    """
    known = {spec.name for spec, _ in registry().specs("sink")}
    if isinstance(name, str) and (name in known or not Path(name).suffix):
        return registry().create("sink", name, settings)  # type: ignore[no-any-return]
    return registry().for_file("sink", name).create({"path": name, **settings})  # type: ignore[no-any-return]
