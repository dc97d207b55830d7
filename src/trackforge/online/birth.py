"""Which detections found tracks, and what a track is credited with at its birth."""

from __future__ import annotations

import numpy as np

from trackforge.online.columns import Ints
from trackforge.online.lifecycle import Ageing, AgeingQuirks
from trackforge.types import Detections

__all__ = ["Birth"]


class Birth:
    """The rule of birth: a detection that nobody claimed founds a track where its score is good enough."""

    def __init__(self, ageing: Ageing, quirks: AgeingQuirks) -> None:
        self._least = np.float32(ageing.birth_score)  # scores are float32: 0.7 must not exceed itself
        self._credit = 0 if quirks.uncounted_birth else 1

    def founders(self, rows: Ints, detections: Detections) -> Ints:
        """Return those of the given detections that found a track."""
        return rows[detections.score[rows] >= self._least] if len(rows) else rows

    def hits(self, count: int) -> Ints:
        """Return what new tracks have in the column ``hits``."""
        return np.full(count, self._credit, np.int64)
