"""Saving an analytic: its settings, and the state of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trackforge.online.state import check_header, complete, header
from trackforge.protocols import Savable

__all__ = ["load_parts", "save_parts"]


def save_parts(name: str, analytic: object, parts: Mapping[str, Savable]) -> dict[str, Any]:
    """Return the state of an analytic: its registered name and settings, and what each part knows."""
    return header(name, {"analytic": analytic}) | {part: each.state_dict() for part, each in parts.items()}


def load_parts(name: str, analytic: object, parts: Mapping[str, Savable], state: Mapping[str, Any]) -> None:
    """Load what `save_parts` gave, wholly or not at all.

    Raises:
        StateError: The state is of another analytic, of other settings, or damaged.
    """
    check_header(state, name, {"analytic": analytic})
    before = {part: each.state_dict() for part, each in parts.items()}
    try:
        with complete():
            for part, each in parts.items():
                each.load_state_dict(state[part])
    except BaseException:
        for part, each in parts.items():
            each.load_state_dict(before[part])
        raise
