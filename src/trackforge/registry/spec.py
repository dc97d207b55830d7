"""What a plugin says about one component, and how the component is made from that."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

from trackforge import config as _config
from trackforge.errors import ConfigError, MissingDependencyError, PluginError
from trackforge.registry.kinds import KINDS

__all__ = ["ComponentSpec"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComponentSpec:
    """What a plugin says about one component.

    Attributes:
        kind: One of `trackforge.registry.KINDS`.
        name: What users write: ``trackforge.tracker("byte")``, ``--tracker byte``.
        target: ``"package.module:Name"`` of a callable. With ``config`` it is called with an instance of that; without,
            it is a dataclass made from the settings, or takes none.
        config: ``"package.module:Name"`` of the dataclass of its settings, or empty.
        summary: One sentence.
        requires: Import names that must be there, e.g. ``("torch",)``.
        install: What to install where they are not, e.g. ``"trackforge-mot[video]"``.
        source: Paper, or repository and licence.
        suffixes: For sources and sinks, the file name endings they stand for, e.g. ``(".mp4",)``; for sources also
            beginnings of addresses, e.g. ``("rtsp://",)``. What was named arrives as the setting ``path``. For
            detectors and exporters, the endings of the weights that they read, which arrive as ``weights``.
        catalogue: For detectors, ``"package.module:Name"`` of the `trackforge.models.Catalogue` of their published
            weights. A detector of which some lie in the cache is taken where nobody asks for another.
    """

    kind: str
    name: str
    target: str
    config: str = ""
    summary: str = ""
    requires: tuple[str, ...] = ()
    install: str = ""
    source: str = ""
    suffixes: tuple[str, ...] = ()
    catalogue: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PluginError(f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}.")
        for field in ("target", "config", "catalogue"):
            value = getattr(self, field)
            if (value or field == "target") and value.count(":") != 1:
                raise PluginError(f"{field} must read 'package.module:Name'; got {value!r}.")

    def missing(self) -> tuple[str, ...]:
        """Return the import names in ``requires`` that are not installed; imports nothing."""
        return tuple(name for name in self.requires if not _installed(name))

    def load_config(self) -> type | None:
        """Import and return the dataclass of the settings, or None where there are none."""
        if self.config:
            return self._load(self.config)  # type: ignore[no-any-return]
        target = self.load()
        return target if isinstance(target, type) and dataclasses.is_dataclass(target) else None

    def settings(self) -> tuple[_config.Setting, ...]:
        """Import the dataclass of the settings and list them; none where there is none."""
        config = self.load_config()
        return () if config is None else _config.describe(config)

    def load(self) -> Any:
        """Import and return the target.

        Raises:
            MissingDependencyError: A package that it needs is not installed.
            PluginError: The plugin has no such attribute.
        """
        return self._load(self.target)

    def load_catalogue(self) -> Any:
        """Import and return the catalogue of published weights, or None where there is none; raises as `load` does."""
        return self._load(self.catalogue) if self.catalogue else None

    def create(self, settings: Mapping[str, Any]) -> Any:
        """Make the component.

        Raises:
            ConfigError: The settings do not fit.
            MissingDependencyError: A package that it needs is not installed.
        """
        missing = self.missing()
        if missing:
            raise self._missing(missing)
        target, config = self.load(), self.load_config()
        if config is None:
            if settings:
                names = ", ".join(map(repr, settings))
                raise ConfigError(f"{self.kind} {self.name!r} has no settings; got {names}.")
            return target()
        made: Any = _config.build(config, settings)
        return made if config is target else target(made)

    def _load(self, path: str) -> Any:
        module, _, name = path.partition(":")
        try:
            found: Any = importlib.import_module(module)
        except MissingDependencyError:
            raise
        except (Exception, SystemExit) as error:  # a module that exits must not end us silently
            missing = self.missing()
            if not missing and isinstance(error, ModuleNotFoundError) and error.name:
                package = error.name.split(".")[0]
                missing = () if package == module.split(".")[0] or _installed(package) else (package,)
            if missing:
                raise self._missing(missing) from error
            raise PluginError(
                f"{self.kind} {self.name!r} names {path!r}, which cannot be imported: {type(error).__name__}: {error}. "
                "It, or a package that it needs, has to be repaired."
            ) from error
        for part in name.split("."):
            if not hasattr(found, part):
                raise PluginError(
                    f"{self.kind} {self.name!r} names {path!r}, but {module} has no {name!r}. Its plugin needs repair."
                )
            found = getattr(found, part)
        return found

    def _missing(self, names: tuple[str, ...]) -> MissingDependencyError:
        cure = f"pip install '{self.install}'" if self.install else f"pip install {' '.join(names)}"
        return MissingDependencyError(
            f"{self.kind} {self.name!r} needs {' and '.join(names)}, which {'is' if len(names) == 1 else 'are'} not "
            f"installed; run: {cure}",
            name=names[0],
        )


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
