"""With what, where and when a run was done, as ``summary.json`` keeps it; nothing heavy is imported for it."""

from __future__ import annotations

import importlib.metadata as metadata
import json
import os
import platform
from datetime import datetime
from typing import Any

from trackforge import __version__
from trackforge.models.card import ModelCard
from trackforge.registry import registry
from trackforge.runs.component import Component

__all__ = ["PACKAGES", "about_model", "distribution", "host", "stamp", "versions"]

PACKAGES = ("numpy", "pluggy", "lap", "scipy", "av", "opencv-python-headless", "opencv-python", "onnxruntime", "torch")
"""Libraries whose version may change a result or its speed."""


def stamp(when: datetime) -> str:
    """Return a time in UTC as ``"2026-05-01T12:00:00.123Z"``."""
    return when.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def versions() -> dict[str, str]:
    """Return the versions of trackforge, Python, the libraries that count, and the plugins, by name."""
    found = {"trackforge": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    plugins = {entry.dist.name: entry.dist.version for entry in metadata.entry_points(group="trackforge") if entry.dist}
    return found | dict(sorted(plugins.items()))


def host() -> dict[str, Any]:
    """Return what the machine is like, without its name."""
    return {"system": platform.platform(), "processor": platform.machine(), "cpus": os.cpu_count() or 1}


def distribution(component: Component) -> str:
    """Return the distribution that a component comes from, or an empty text."""
    offers = registry().specs(component.kind)
    return next((owner for spec, owner in offers if spec.name == component.name), "")


def about_model(detector: Any) -> dict[str, Any]:
    """Return what a detector's weights say of themselves, classes apart; nothing for one without weights."""
    card = getattr(detector, "card", None)
    if not isinstance(card, ModelCard):
        return {}
    told: dict[str, Any] = json.loads(card.to_json())
    return {key: told[key] for key in ("variant", "preprocessing", "provenance", "extra") if told.get(key)}
