"""What the analytics of all sessions have told, counted: crossings, entries and exits by place and class."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from trackforge.intake.showing import visible

__all__ = ["LABELS", "MOST", "Happened"]

LABELS = ("analytic", "kind", "place", "direction", "class")
"""What events are counted by."""
MOST = 1000
"""Different ones that are told apart, whatever analytics and detectors say; the others are counted together."""
OTHER = ("other", "", "", "", "")


class Happened:
    """Counts events by `LABELS`; may be used from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._lock = threading.Lock()

    def add(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Count what happened in a step."""
        for event in events:
            place = event.get("line") or event.get("zone") or event.get("place")
            said = (event.get("analytic"), event.get("kind"), place, event.get("direction"), event.get("class"))
            labels = tuple("" if one is None else visible(str(one), keep="")[:64] for one in said)
            with self._lock:
                known = labels in self._counts or len(self._counts) < MOST
                self._counts[labels if known else OTHER] += 1

    def figures(self) -> dict[tuple[str, ...], int]:
        """Return how many there were so far, by labels."""
        with self._lock:
            return dict(self._counts)
