"""With what and when a run was done, as ``summary.json`` keeps it; nothing heavy is imported for it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from trackforge.models.card import ModelCard
from trackforge.registry import registry
from trackforge.runs.component import Component

__all__ = ["about_model", "distribution", "stamp"]


def stamp(when: datetime) -> str:
    """Return a time in UTC as ``"2026-05-01T12:00:00.123Z"``."""
    return when.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def distribution(component: Component) -> str:
    """Return the distribution that a component comes from, or an empty text."""
    offers = registry().specs(component.kind)
    return next((owner for spec, owner in offers if spec.name == component.name), "")


def about_model(detector: Any) -> dict[str, Any]:
    """Return what a detector's weights say of themselves, classes apart; nothing for one without weights."""
    card = getattr(detector, "card", None)
    if not isinstance(card, ModelCard):
        return {}
    told: dict[str, Any] = json.loads(card.to_json())
    return {key: told[key] for key in ("variant", "preprocessing", "provenance", "extra") if told.get(key)}
