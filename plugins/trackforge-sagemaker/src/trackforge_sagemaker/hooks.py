"""What this plugin offers. Imports nothing but the registry, so that listing plugins stays fast."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer nothing yet."""
    yield from ()
