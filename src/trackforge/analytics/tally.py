"""Counts by place, class and minute, and a list of what happened."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["MINUTES", "Happenings", "Tally"]

MINUTES = 1440
"""Of the newest ones, how many are told apart: a day. Totals go on."""
KEPT = 10_000
"""Of the newest events, how many are kept."""


class Tally:
    """Counts what happens at named places, by class and by minute of the sequence.

    Args:
        places: Names of all places, which are told from the start.
        kinds: What is counted, e.g. ``("in", "out")``.
    """

    def __init__(self, places: Iterable[str], kinds: Sequence[str]) -> None:
        self._places, self._kinds = tuple(places), tuple(kinds)
        self.clear()

    def clear(self) -> None:
        """Start at nothing."""
        self._totals: Counter[tuple[str, str, str]] = Counter()  # by place, class, kind
        self._places_totals: Counter[tuple[str, str]] = Counter()
        self._minutes: dict[int, Counter[tuple[str, str, str]]] = {}

    def add(self, place: str, class_name: str, kind: str, time: float | None) -> None:
        """Count one; ``time`` in seconds, None where nobody knows it."""
        self._totals[place, class_name, kind] += 1
        self._places_totals[place, kind] += 1
        if time is not None:
            self._minutes.setdefault(int(time // 60), Counter())[place, class_name, kind] += 1
            while len(self._minutes) > MINUTES:
                del self._minutes[min(self._minutes)]

    def of(self, place: str) -> dict[str, int]:
        """Return the totals of a place by kind."""
        return {kind: self._places_totals[place, kind] for kind in self._kinds}

    def by_class(self, place: str) -> dict[str, dict[str, int]]:
        """Return the totals of a place by class and kind."""
        names = sorted({name for where, name, _ in self._totals if where == place})
        return {name: {kind: self._totals[place, name, kind] for kind in self._kinds} for name in names}

    def minutes(self, column: str) -> list[dict[str, Any]]:
        """Return a row for every minute, place and class of which something was counted.

        Args:
            column: What the name of the place is called.
        """
        rows = []
        for minute in sorted(self._minutes):
            counts = self._minutes[minute]
            for place in self._places:
                for name in sorted({name for where, name, _ in counts if where == place}):
                    numbers = {kind: counts[place, name, kind] for kind in self._kinds}
                    rows.append({"minute": minute, column: place, "class": name, **numbers})
        return rows

    def state_dict(self) -> dict[str, Any]:
        """Return everything."""
        return {
            "totals": [[*key, count] for key, count in self._totals.items()],
            "minutes": [[minute, *key, n] for minute, counts in self._minutes.items() for key, n in counts.items()],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.clear()
        for place, name, kind, count in state["totals"]:
            self._totals[str(place), str(name), str(kind)] = int(count)
            self._places_totals[str(place), str(kind)] += int(count)
        for minute, place, name, kind, count in state["minutes"]:
            self._minutes.setdefault(int(minute), Counter())[str(place), str(name), str(kind)] = int(count)


class Happenings:
    """What happened, as flat rows: those that nobody has asked for, and the newest of all."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._new: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._all: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.count = 0

    def add(self, row: dict[str, Any]) -> None:
        """Take a row."""
        self._new.append(row)
        self._all.append(row)
        self.count += 1

    def take(self) -> tuple[dict[str, Any], ...]:
        """Return what is new, and forget that it was."""
        new = tuple(self._new)
        self._new.clear()
        return new

    def rows(self) -> list[dict[str, Any]]:
        """Return the newest of all, oldest first."""
        return [dict(row) for row in self._all]

    def state_dict(self) -> dict[str, Any]:
        """Return everything."""
        return {"all": self.rows(), "new": [dict(row) for row in self._new], "count": self.count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.clear()
        self._all.extend(dict(row) for row in state["all"])
        self._new.extend(dict(row) for row in state["new"])
        self.count = int(state["count"])
