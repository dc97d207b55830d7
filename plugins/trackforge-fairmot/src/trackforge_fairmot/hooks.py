"""What this plugin offers."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer nothing yet."""
    yield from ()
