"""What weights are, for people who have a file and wonder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trackforge.models.staged import StagedNetwork
from trackforge.registry.doors import detector

__all__ = ["describe"]


def describe(path: str | Path) -> dict[str, Any]:
    """Return facts about the weights of a detector: who runs them, classes, input, and what was only understood.

    Raises:
        TrackforgeError: As `trackforge.detector` does.
    """
    opened = detector(Path(path))
    facts: dict[str, Any] = {"file": str(path), "classes": list(opened.classes)}
    if isinstance(opened, StagedNetwork):
        card = opened.card
        height, width = card.preprocessing.size
        facts |= {"detector": card.component, "variant": card.variant, "input": f"{height} high, {width} wide"}
        facts |= {"preprocessing": card.preprocessing.to_dict(), "provenance": dict(card.provenance)}
        facts["understood"] = list(opened.understood)
    return {name: value for name, value in facts.items() if value not in ("", [], {})}
