"""What a model folder may say in its ``trackforge.toml``: how the model is to look and to track, and nothing else.

A model comes from a training job, or from somebody else, as an archive. So its settings are data that nobody has looked
at: none of them opens a port or a camera, names a place to write to, or a file outside of the folder. Those of the
machine come from whoever starts the container, through the environment and the arguments.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError
from trackforge.intake.names import inside
from trackforge.registry import registry
from trackforge.registry.bundles import MODEL_SUFFIXES

__all__ = ["COMPONENTS", "SERVED", "TABLES", "check_tables", "is_file_name", "settled"]

COMPONENTS = ("detector", "tracker", "associator", "motion")
"""Tables of components, which may have whatever settings these have."""
TABLES = (*COMPONENTS, "analytics", "serve", "hosting")
SERVED = (
    "conf", "iou", "imgsz", "device", "half", "classes", "class_agnostic",
    "policy", "waiting", "max_batch", "max_sessions", "session_ttl",
    "line", "zone", "ground", "heat", "trails", "analytic",
)  # fmt: skip
"""What ``[serve]`` may have: what is looked for and measured, and how many cameras are served how patiently."""


def check_tables(tables: Mapping[str, Any], where: str | Path) -> None:
    """Refuse tables, and settings of ``[serve]``, that a model has no say in; a trainer can ask before it trains.

    >>> check_tables({"detector": {"score": 0.3}, "serve": {"conf": 0.3}}, "trackforge.toml")

    Raises:
        ConfigError: One is of the machine, or is no table.
    """
    for name, table in tables.items():
        if not isinstance(table, Mapping) or name not in TABLES:
            raise ConfigError(
                f"{where} must hold tables only: {', '.join(f'[{one}]' for one in TABLES)}; got {name!r:.60}. Put "
                "settings of detection into [serve]."
            )
    others = [key for key in tables.get("serve", {}) if key.replace("-", "_") not in SERVED]
    if others:
        raise ConfigError(
            f"{where}: of the server a model may set {', '.join(SERVED)}; got {', '.join(others)!r:.80}. Where and for "
            "whom it runs is said to the container: TRACKFORGE_SERVE_PORT=8080."
        )


def settled(file: Path) -> dict[str, Any]:
    """Return the tables of a file, with the files that settings of components name as paths in its folder.

    What ``name`` and ``weights`` of the detector come to is left to `trackforge_sagemaker.model_dir`.

    Raises:
        ConfigError: It is no TOML, or says what a model has no say in.
        UnknownComponentError: It names a component that there is not.
        DataError: A setting leads out of the folder.
    """
    reader = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        content: dict[str, Any] = reader.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} must be a TOML file; it cannot be read: {error}.") from error
    check_tables(content, file)
    for kind in COMPONENTS:
        if kind in content:
            content[kind] = _component(kind, content[kind], file)
    for name, table in content.get("analytics", {}).items():
        if not isinstance(table, Mapping):
            raise ConfigError(f"{file}: analytics are tables by name, [analytics.lines]; got {name} = {table!r:.60}.")
        content["analytics"][name] = _within("analytic", table, file)
    return content


def is_file_name(name: str) -> bool:
    """Tell by a name whether a model's file is meant, rather than a component."""
    return name.lower().endswith(MODEL_SUFFIXES) or "/" in name or "\\" in name or name.startswith("~")


def _component(kind: str, table: Mapping[str, Any], file: Path) -> dict[str, Any]:
    for key in ("name", *(("weights",) if kind == "detector" else ())):
        value = table.get(key, "")
        if not isinstance(value, str):
            raise ConfigError(f"{file}: {kind}.{key} must be a text; got {value!r:.60}. Put it in quotes.")
    name = table.get("name", "")
    if name and not (kind == "detector" and is_file_name(name) and not table.get("weights")):
        registry().find(kind, name)  # before anybody takes it for a file that happens to lie where we are
    taken = {key: value for key, value in table.items() if key in ("name", "weights")} if kind == "detector" else {}
    return {**taken, **_within(kind, {k: v for k, v in table.items() if k not in taken}, file)}


def _within(kind: str, table: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return settings with those that are paths as paths in the folder; of parts of a component, too."""
    texts = [key for key, value in table.items() if isinstance(value, str) and key != "name"]
    paths = {s.name for spec, _ in registry().specs(kind) for s in spec.settings() if "Path" in str(s.annotation)}
    found = dict(table)
    for key in texts:
        if key.replace("-", "_") in paths and found[key]:
            found[key] = str(inside(file.parent, found[key], f"The setting {kind}.{key}", path=file))
    for key, value in table.items():
        part = key.replace("-", "_").removesuffix("_settings")
        if isinstance(value, Mapping) and part in COMPONENTS:
            found[key] = _within(part, value, file)
    return found
