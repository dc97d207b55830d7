"""Which plugins there are: found through entry points, walked one by one, each component looked up by name."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pluggy

from trackforge.errors import (
    DuplicateComponentError,
    InvalidInputError,
    PluginError,
    UnknownComponentError,
    did_you_mean,
)
from trackforge.registry.kinds import KINDS
from trackforge.registry.spec import ComponentSpec

__all__ = ["Broken", "Registry", "hookimpl", "registry"]

log = logging.getLogger(__name__)
GROUP = "trackforge"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class _Hooks:
    @hookspec
    def trackforge_components(self) -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
        """Return the components that this plugin offers."""


@dataclasses.dataclass(frozen=True)
class Broken:
    """A plugin that could not be used, and why."""

    plugin: str
    distribution: str
    reason: str


class _Offer(NamedTuple):
    spec: ComponentSpec
    owner: str  # the distribution, as people know it
    plugin: str  # the name in the plugin manager


class Registry:
    """The components of all plugins that work, and a list of those that do not.

    Entry points are walked one by one: what goes wrong in one plugin becomes a warning that names it, and a `Broken`
    entry, and the others keep working.
    """

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(_Hooks)
        self._specs: dict[tuple[str, str], list[_Offer]] = {}
        self._broken: list[Broken] = []
        self._walked = False
        self._lock = threading.RLock()

    def register(self, plugin: object, name: str, *, distribution: str = "") -> None:
        """Add a plugin: a module or object with a ``trackforge_components`` hook.

        Raises:
            PluginError: It has no such hook, or the hook does not give ComponentSpecs.
        """
        try:
            self._manager.register(plugin, name)
            callers = [c for c in self._manager.get_hookcallers(plugin) or () if c.name == "trackforge_components"]
            if not callers:
                raise PluginError(
                    "it has no trackforge_components hook; define one and mark it with @trackforge.registry.hookimpl"
                )
            own = self._manager.subset_hook_caller(
                "trackforge_components", [p for p in self._manager.get_plugins() if p is not plugin]
            )
            specs = [spec for specs in own() for spec in specs]
            for spec in specs:
                if not isinstance(spec, ComponentSpec):
                    raise PluginError(f"trackforge_components must give ComponentSpec objects; got {spec!r}")
        except BaseException:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            raise
        for spec in specs:
            self._specs.setdefault((spec.kind, spec.name), []).append(_Offer(spec, distribution or name, name))

    def unregister(self, name: str) -> None:
        """Take out a plugin added with `register`."""
        plugin = self._manager.unregister(name=name)
        if plugin is None:
            raise PluginError(f"No plugin is registered as {name!r}.")
        for key, offers in list(self._specs.items()):
            self._specs[key] = [offer for offer in offers if offer.plugin != name]
            if not self._specs[key]:
                del self._specs[key]

    def specs(self, kind: str | None = None) -> Iterator[tuple[ComponentSpec, str]]:
        """Yield ``(spec, distribution)`` of every component, sorted by kind and name."""
        self._walk()
        order = list(KINDS)
        for _, offers in sorted(self._specs.items(), key=lambda item: (order.index(item[0][0]), item[0][1])):
            for offer in offers:
                if kind is None or offer.spec.kind == kind:
                    yield offer.spec, offer.owner

    def broken(self) -> tuple[Broken, ...]:
        """Return the plugins that could not be used."""
        self._walk()
        return tuple(self._broken)

    def find(self, kind: str, name: str) -> ComponentSpec:
        """Return the one component of that kind and name; capital letters do not matter, unless there are two then.

        Raises:
            UnknownComponentError: There is none.
            DuplicateComponentError: There are several.
            InvalidInputError: The name is no string.
        """
        if not isinstance(name, str):
            raise InvalidInputError(f"A {kind} is found by its name, a string; got {name!r}.")
        self._walk()
        offers = self._specs.get((kind, name)) or self._of_any_case(kind, name)
        if not offers:
            known = sorted(n for k, n in self._specs if k == kind)
            hint = did_you_mean(name, known)
            broken = f" Broken plugins: {', '.join(b.plugin for b in self._broken)}." if self._broken else ""
            raise UnknownComponentError(
                f"There is no {kind} {name!r}.{hint} Installed: {', '.join(known) or 'none'}.{broken} "
                "Run 'trackforge plugins' to see what else there is and how to get it."
            )
        if len(offers) > 1:
            owners = ", ".join(sorted(offer.owner for offer in offers))
            raise DuplicateComponentError(
                f"{kind} {name!r} is offered by several plugins: {owners}. Uninstall one, or set "
                "TRACKFORGE_DISABLE_PLUGINS to the name of the one to leave out."
            )
        return offers[0].spec

    def _of_any_case(self, kind: str, name: str) -> list[_Offer]:
        """Return what is offered under a name in other letters: ``ByteTrack``; of several, nothing."""
        fits = [offers for (k, n), offers in self._specs.items() if k == kind and n.casefold() == name.casefold()]
        return fits[0] if len(fits) == 1 else []

    def for_file(self, kind: str, path: str | os.PathLike[str]) -> ComponentSpec:
        """Return the one component of that kind that stands for the ending of a file name, the longest that fits.

        Raises:
            UnknownComponentError: There is none.
            DuplicateComponentError: There are several.
        """
        name = os.fspath(path)
        fits = [(spec, _fitting(name, spec.suffixes)) for spec, _ in self.specs(kind)]
        longest = max((length for _, length in fits), default=0)
        offers = [spec for spec, length in fits if length == longest > 0]
        if not offers:
            known = ", ".join(f"{suffix} ({spec.name})" for spec, _ in self.specs(kind) for suffix in spec.suffixes)
            raise UnknownComponentError(
                f"The ending of a file name tells the {kind}; no {kind} is known for {name!r}. "
                f"Known: {known or 'none'}."
            )
        if len(offers) > 1:
            names = ", ".join(spec.name for spec in offers)
            raise DuplicateComponentError(f"{name!r} fits several components: {names}. Give the {kind} by name.")
        return offers[0]

    def create(self, kind: str, name: str, settings: Mapping[str, Any]) -> Any:
        """Make the component of that kind and name with the given settings."""
        return self.find(kind, name).create(settings)

    def _walk(self) -> None:
        """Register every entry point, once."""
        with self._lock:  # whoever asks meanwhile waits, rather than finding half of the plugins
            if self._walked:
                return
            self._walked = True  # before the end: plugins may ask while they are loaded
            self._load_entry_points()

    def _load_entry_points(self) -> None:
        import importlib.metadata as metadata  # 20 ms, paid by the first user of a component

        disabled = {n.strip() for n in os.environ.get("TRACKFORGE_DISABLE_PLUGINS", "").split(",") if n.strip()}
        trace = os.environ.get("TRACKFORGE_TRACE_PLUGINS", "") not in ("", "0")
        seen = set()
        for entry in sorted(metadata.entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
            owner = entry.dist.name if entry.dist is not None else entry.name
            if (entry.name, entry.value) in seen:  # one distribution found twice on sys.path
                continue
            seen.add((entry.name, entry.value))
            if entry.name in disabled:
                log.log(logging.WARNING if trace else logging.DEBUG, "plugin %s (%s): disabled", entry.name, owner)
                continue
            try:
                self.register(entry.load(), f"{owner}:{entry.name}", distribution=owner)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - a broken plugin harms nobody: SystemExit would end us silently
                reason = f"{type(error).__name__}: {error}"
                self._broken.append(Broken(entry.name, owner, reason))
                warnings.warn(f"trackforge plugin {entry.name!r} ({owner}) is broken: {reason}", stacklevel=4)
                continue
            log.log(logging.WARNING if trace else logging.DEBUG, "plugin %s (%s): loaded", entry.name, owner)


def _fitting(name: str, suffixes: tuple[str, ...]) -> int:
    """Return the length of the longest ending that fits, or 0."""
    return max((len(suffix) for suffix in suffixes if name.lower().endswith(suffix)), default=0)


@functools.cache
def registry() -> Registry:
    """Return the registry of this process."""
    return Registry()
