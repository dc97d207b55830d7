"""What is installed, what is missing, what is broken, and how to get or mend it."""

from __future__ import annotations

import importlib.metadata as metadata
import warnings
from collections.abc import Iterator
from typing import Any

from trackforge.registry.kinds import kind_named
from trackforge.registry.official import OFFICIAL
from trackforge.registry.plugins import Registry

__all__ = ["overview"]


def overview(kind: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Look at every plugin afresh.

    Args:
        kind: Only components of this kind.

    Returns:
        ``components`` with what each needs, ``broken`` plugins with the reason, and the official ones ``available``
        beside those; plain values.

    Raises:
        ConfigError: There is no such kind.
    """
    if kind is not None:
        kind_named(kind)
    registry = Registry()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is broken is listed
        return {
            "components": [one for one in _components(registry) if kind in (None, one["kind"])],
            "broken": [
                {"plugin": b.plugin, "distribution": b.distribution, "reason": b.reason} for b in registry.broken()
            ],
            "available": [{"install": name, "summary": text} for name, text in OFFICIAL.items() if not _there(name)],
        }


def _components(registry: Registry) -> Iterator[dict[str, Any]]:
    offers = list(registry.specs())
    names = [(spec.kind, spec.name) for spec, _ in offers]
    for spec, owner in offers:
        missing = spec.missing()
        problem = f"needs {', '.join(missing)}" if missing else ""
        if names.count((spec.kind, spec.name)) > 1:
            problem = "offered by several plugins"
        yield {
            "kind": spec.kind,
            "name": spec.name,
            "distribution": owner,
            "summary": spec.summary,
            "ready": not problem,
            "problem": problem,
            "cure": f"pip install '{spec.install or ' '.join(missing)}'" if missing else "",
            "suffixes": list(spec.suffixes),
        }


def _there(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
