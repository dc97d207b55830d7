"""Which detections found tracks, and what a track is credited with at its birth."""

from __future__ import annotations

import numpy as np

from trackforge.online.columns import Columns, Ints
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

    def columns(self, rows: Ints, detections: Detections, first_id: int, now: float) -> Columns:
        """Return the table of the tracks that the given detections found, but for their states."""
        time = np.full(len(rows), now)
        return {
            "track_id": np.arange(first_id, first_id + len(rows)),
            "class_id": detections.class_id[rows],
            "hits": np.full(len(rows), self._credit),
            "detection": rows,
            "born": time,
            "seen": time,
            "score": detections.score[rows],
        }
