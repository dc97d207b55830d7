"""An OnlineTracker put together by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trackforge.config import build, setting
from trackforge.errors import ConfigError
from trackforge.online.lifecycle import Lifecycle, Quirks
from trackforge.online.tracker import OnlineTracker
from trackforge.registry import registry

__all__ = ["OnlineConfig", "online_tracker"]


@dataclass(frozen=True, kw_only=True)
class OnlineConfig(Lifecycle):
    """Any associator and any motion model with any lifecycle.

    Raises:
        ConfigError: A value is out of range, or settings are given for an object that is already made.
    """

    associator: Any = setting("byte", help="Name of an installed associator, or the object itself.")
    associator_settings: Mapping[str, Any] | None = setting(None, help="Settings of the named associator.")
    motion: Any = setting("xyah", help="Name of an installed motion model, or the object itself.")
    motion_settings: Mapping[str, Any] | None = setting(None, help="Settings of the named motion model.")
    quirks: Mapping[str, Any] | None = setting(None, help="Oddities of published trackers, see Quirks.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("associator", "motion"):
            if getattr(self, f"{name}_settings") and not isinstance(getattr(self, name), str):
                raise ConfigError(
                    f"{name}_settings needs {name} to be a name; got an object, which has its settings already. "
                    f"Give the name, or leave {name}_settings out."
                )


def online_tracker(config: OnlineConfig) -> OnlineTracker:
    """Make an `OnlineTracker` from names and settings.

    >>> from trackforge import tracker
    >>> made = tracker("online", associator="iou", motion="xysr", motion_settings={"area_variance": 2.0}, min_hits=3)
    >>> made.lifecycle.min_hits
    3

    Raises:
        UnknownComponentError: No plugin offers the associator or motion model.
        ConfigError: A setting does not fit.
    """
    quirks = config.quirks if isinstance(config.quirks, Quirks) else build(Quirks, config.quirks or {})
    return OnlineTracker(
        _component("associator", config.associator, config.associator_settings),
        _component("motion", config.motion, config.motion_settings),
        Lifecycle.of(config),
        quirks=quirks,
    )


def _component(kind: str, value: Any, settings: Mapping[str, Any] | None) -> Any:
    return registry().create(kind, value, settings or {}) if isinstance(value, str) else value
