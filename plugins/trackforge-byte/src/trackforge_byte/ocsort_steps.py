"""The three steps in which OC-SORT gives tracks their detections."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.boxes import iou
from trackforge.online import Columns, Floats, Ints
from trackforge.types import Detections, TrackState
from trackforge_byte.ocsort_config import ObservationCentricQuirks, ObservationCentricTrackerConfig
from trackforge_byte.ocsort_matching import SIMILARITIES, Bonus, match
from trackforge_byte.ocsort_memory import agreement

__all__ = ["Steps"]

CONFIRMED = np.int64(TrackState.CONFIRMED)


class Steps:
    """Pairs the tracks of a frame with its detections; see `trackforge_byte.ocsort.ObservationCentricTracker`."""

    def __init__(self, config: ObservationCentricTrackerConfig, quirks: ObservationCentricQuirks) -> None:
        self._config, self._quirks = config, quirks
        self._similarity = SIMILARITIES[config.recovery]
        # scores are float32: a threshold of 0.7 must not exceed a score of 0.7
        self._high = np.float32(config.high_score)
        self._low = None if config.low_score is None else np.float32(config.low_score)

    def __call__(
        self, table: Columns, predicted: Floats, earlier: Floats, xyxy: Floats, detections: Detections
    ) -> tuple[Ints, Ints]:
        """Return the detection of each track, -1 for none, and the detections that may found tracks.

        Args:
            table: The tracks, N rows.
            predicted: ``(N, 4)`` where they are expected.
            earlier: ``(N, 4)`` where they were a few frames ago.
            xyxy: ``(M, 4)`` the detected boxes.
            detections: Their scores and classes.
        """
        score, config = detections.score, self._config
        partner = np.full(len(predicted), -1)
        everybody = np.arange(len(predicted))
        confident, doubtful = self._split(score)

        def momentum(tracks: Ints, columns: Ints) -> Floats:
            rows = confident[columns]
            return config.inertia * score[rows] * agreement(earlier[tracks], xyxy[rows], table["heading"][tracks])

        def give(tracks: Ints, rows: Ints, overlap: npt.NDArray[np.floating[Any]], bonus: Bonus | None = None) -> Ints:
            if config.classes == "separate":
                same = table["class_id"][tracks][:, None] == detections.class_id[rows]
                overlap = np.where(same, overlap, -1.0)
            published = self._quirks.gate_afterwards
            return match(partner, tracks, rows, overlap, config.min_iou, bonus, published=published)

        alone = give(everybody, confident, iou(predicted, xyxy[confident]), momentum)
        if self._low is not None:
            free = partner < 0
            left = np.flatnonzero(free if self._quirks.doubtful_for_all else free & (table["state"] == CONFIRMED))
            give(left, doubtful, self._similarity(predicted[left], xyxy[doubtful]))
        left = np.flatnonzero(partner < 0)
        last = table["past"][left, -1]
        return partner, give(left, alone, self._similarity(last, xyxy[alone]))

    def _split(self, score: npt.NDArray[np.float32]) -> tuple[Ints, Ints]:
        """Return the rows of confident and of doubtful detections."""
        strict, low = self._quirks.strict_scores, self._low
        confident = np.flatnonzero(score > self._high if strict else score >= self._high)
        if low is None:
            return confident, np.empty(0, np.int64)
        return confident, np.flatnonzero((score > low if strict else score >= low) & (score < self._high))
