"""How many are at a place by minute, and how long visits take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.analytics.tally import MINUTES

__all__ = ["Occupancy"]


class Occupancy:
    """Sums up presence and visits of named places.

    Args:
        places: Their names.
    """

    def __init__(self, places: Sequence[str]) -> None:
        self._places = tuple(places)
        self.clear()

    def clear(self) -> None:
        """Start at nothing."""
        self._minutes: dict[int, npt.NDArray[np.float64]] = {}  # (places, 2): most at a time, and seconds of all
        self._visits = np.zeros((len(self._places), 3))  # count, seconds, the longest

    def see(self, here: Sequence[int], time: float) -> None:
        """Take how many are at each place in a frame."""
        self._add(int(time // 60), here, 0.0)

    def stay(self, here: Sequence[int], start: float, end: float) -> None:
        """Take how many were at each place from ``start`` to ``end`` seconds."""
        first, last = int(start // 60), int(end // 60)
        for minute in range(max(first, last - MINUTES), last + 1):
            seconds = min(end, 60.0 * (minute + 1)) - max(start, 60.0 * minute)
            if seconds > 0:
                self._add(minute, here, seconds)

    def _add(self, minute: int, here: Sequence[int], seconds: float) -> None:
        at = self._minutes.setdefault(minute, np.zeros((len(self._places), 2)))
        at[:, 0] = np.maximum(at[:, 0], here)
        at[:, 1] += np.multiply(here, seconds)
        while len(self._minutes) > MINUTES:
            del self._minutes[min(self._minutes)]

    def end(self, place: str, seconds: float | None) -> None:
        """Take a visit that has ended."""
        if seconds is not None:
            visits = self._visits[self._places.index(place)]
            visits[:2] += 1, seconds
            visits[2] = max(visits[2], seconds)

    def dwell(self, place: str, still: Sequence[float]) -> dict[str, Any]:
        """Return number, mean and longest of the visits of a place, those that go on (``still``, seconds) included."""
        count, seconds, longest = self._visits[self._places.index(place)].tolist()
        count, seconds = int(count) + len(still), seconds + sum(still)
        if not count:
            return {"visits": 0, "mean_seconds": None, "longest_seconds": None}
        return {"visits": count, "mean_seconds": seconds / count, "longest_seconds": max([longest, *still])}

    def minutes(self) -> list[dict[str, Any]]:
        """Return a row for every minute and place: the most at a time, and the seconds of all together."""
        return [
            {"minute": minute, "zone": place, "most": int(most), "seconds": seconds}
            for minute, at in sorted(self._minutes.items())
            for place, (most, seconds) in zip(self._places, at.tolist(), strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return everything."""
        minutes = [[minute, at.copy()] for minute, at in self._minutes.items()]
        return {"minutes": minutes, "visits": self._visits.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        shape = (len(self._places), 2)
        self._minutes = {int(minute): np.array(at, np.float64).reshape(shape) for minute, at in state["minutes"]}
        self._visits = np.array(state["visits"], np.float64).reshape(len(self._places), 3)
