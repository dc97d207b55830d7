"""What a run has to work with: versions, devices, plugins, environment."""

from __future__ import annotations

import importlib
import importlib.metadata as metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from typing import Any

from trackforge import __version__
from trackforge.io.fetch import cache_folder

__all__ = ["machine", "surroundings"]

PACKAGES = (
    "numpy",
    "pluggy",
    "lap",
    "scipy",
    "av",
    "opencv-python-headless",
    "opencv-python",
    "onnxruntime",
    "torch",
    "lightning",
    "optuna",
)


def machine() -> dict[str, Any]:
    """Return versions and devices by name; plain values. Imports torch where it is installed, to see its devices."""
    return dict(_facts())


def surroundings() -> dict[str, Any]:
    """Return what a summary says of where a run was made: ``versions`` and ``machine``; imports nothing heavy."""
    plugins = {
        entry.dist.name: entry.dist.version
        for entry in metadata.entry_points(group="trackforge")
        if entry.dist is not None
    }
    return {
        "versions": {
            "trackforge": __version__,
            "python": platform.python_version(),
            **{name: version for name in PACKAGES if (version := _version(name))},
            **dict(sorted(plugins.items())),
        },
        "machine": {
            "system": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cpus": os.cpu_count() or 1,
        },
    }


def _facts() -> Iterator[tuple[str, Any]]:
    yield "trackforge", __version__
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "system", platform.platform()
    yield "cpus", os.cpu_count() or 1
    yield "packages", {name: version for name in PACKAGES if (version := _version(name))}
    yield "devices", _devices()
    yield "onnx providers", _providers()
    yield "cache", str(cache_folder())
    yield (
        "plugins",
        {
            f"{entry.dist.name if entry.dist else '?'}:{entry.name}": entry.value
            for entry in sorted(metadata.entry_points(group="trackforge"), key=lambda entry: entry.value)
        },
    )
    yield "environment", {key: value for key, value in sorted(os.environ.items()) if key.startswith("TRACKFORGE_")}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _devices() -> list[str]:
    """Name the devices that torch sees; importing it takes seconds, so only where it is installed."""
    devices = ["cpu"]
    if importlib.util.find_spec("torch") is not None:
        import torch

        devices += [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            devices.append("mps")
    return devices


def _providers() -> list[str]:
    if importlib.util.find_spec("onnxruntime") is None:
        return []
    onnxruntime: Any = importlib.import_module("onnxruntime")

    return list(onnxruntime.get_available_providers())
