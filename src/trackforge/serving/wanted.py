"""Analytics that a client asks for, for one session or camera: judged before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trackforge.errors import ConfigError, TrackforgeError
from trackforge.registry import registry
from trackforge.runs.component import Component
from trackforge.runs.layers import ANALYTICS, Layer
from trackforge.runs.measuring import Measured, analytics_of

__all__ = ["analytics_wanted"]

MOST, SETTINGS, LONGEST = 16, 100, 64
"""Analytics that a request may name, settings of each, and characters of a name."""
FORM = 'analytics must be tables by name: {"lines": {"lines": "door=0,50% 100%,50%"}}; null leaves one out.'


def analytics_wanted(wanted: Mapping[str, Any] | None, ours: Mapping[str, Component]) -> dict[str, Component]:
    """Return the analytics of a session.

    Args:
        wanted: Tables by name, as a request gives them, in whose place those of the server of the same name do not
            come; None as a table leaves one out, and None for all says nothing.
        ours: What the server has for every session.

    Raises:
        ConfigError: It is no such thing, a setting is unknown or wrong, or names a file of this machine.
        UnknownComponentError: There is no such analytic.
    """
    if wanted is None:
        return dict(ours)
    if not isinstance(wanted, Mapping) or len(wanted) > MOST:
        raise ConfigError(f"{FORM} {MOST} at most.")
    tables: dict[str, dict[str, Any]] = {}
    for name, table in wanted.items():
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST or not name.isprintable():
            raise ConfigError(f"Names of analytics must be 1 to {LONGEST} characters that can be shown. {FORM}")
        if table is None:
            continue
        if not isinstance(table, Mapping) or len(table) > SETTINGS or not all(isinstance(key, str) for key in table):
            raise ConfigError(FORM)
        kind = table.get("name", name)
        if not isinstance(kind, str) or len(kind) > LONGEST:
            raise ConfigError(FORM)
        paths = {s.name for s in registry().find("analytic", kind).settings() if "Path" in str(s.annotation)}
        if paths & {key.replace("-", "_") for key in table}:
            raise ConfigError(f"A request may not name files of the server; {', '.join(sorted(paths))} does.")
        tables[name] = dict(table)
    kept = {name: one for name, one in ours.items() if name not in wanted}
    try:
        return kept | analytics_of(Measured(), [Layer("the request", {ANALYTICS: tables})])
    except TrackforgeError:
        raise
    except Exception as error:
        raise ConfigError(f"These analytics cannot be made: {type(error).__name__}. {FORM}") from error
