"""Plugins: who offers which component, found through entry points, imported on first use.

A plugin is a distribution with an entry point in the group ``trackforge`` that names a module with one hook::

    from trackforge.registry import ComponentSpec, hookimpl

    @hookimpl
    def trackforge_components():
        yield ComponentSpec(kind="associator", name="greedy", target="my_plugin:Greedy", summary="Best pair first.")

The hook returns data, not code, so listing components imports nothing heavy. Its module must import nothing but this
one. Core's own components enter by the same door (`trackforge.registry.builtin`).

Environment: ``TRACKFORGE_DISABLE_PLUGINS=a,b`` leaves out the entry points of these names;
``TRACKFORGE_TRACE_PLUGINS=1`` logs what is loaded, when.
"""

from __future__ import annotations

from trackforge.registry.kinds import KINDS, Kind, kind_named
from trackforge.registry.plugins import Broken, Registry, hookimpl, registry
from trackforge.registry.spec import ComponentSpec

__all__ = ["KINDS", "Broken", "ComponentSpec", "Kind", "Registry", "hookimpl", "kind_named", "registry"]
