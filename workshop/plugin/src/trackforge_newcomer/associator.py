"""An associator to begin with: which track goes with which detection. Put your method in its place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trackforge.boxes import iou
from trackforge.config import check, setting
from trackforge.protocols import MotionView
from trackforge.types import Detections, Frame, Matches, Tracks

__all__ = ["NewcomerAssociator"]


@dataclass(frozen=True, kw_only=True)
class NewcomerAssociator:
    """Pair those that overlap most, then the next two, down to a least overlap."""

    min_iou: float = setting(0.3, help="Least overlap of a pair.", unit="IoU", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        check(self)

    def associate(self, tracks: Tracks, detections: Detections, /, *, frame: Frame, motion: MotionView) -> Matches:  # noqa: ARG002
        """Pair tracks with detections, each once."""
        cost = 1 - iou(motion.boxes, detections.xyxy.astype(np.float64))
        free = cost.copy()
        pairs: list[tuple[int, int]] = []
        while free.size and free.min() <= 1 - self.min_iou:
            row, column = np.unravel_index(int(free.argmin()), free.shape)
            pairs.append((int(row), int(column)))
            free[row, :] = free[:, column] = np.inf
        track, detection = np.array(pairs, np.int64).reshape(-1, 2).T
        return Matches(
            track=track,
            detection=detection,
            cost=cost[track, detection],
            unmatched_track=np.setdiff1d(np.arange(len(tracks)), track),
            unmatched_detection=np.setdiff1d(np.arange(len(detections)), detection),
        )
