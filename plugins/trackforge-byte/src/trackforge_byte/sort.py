"""SORT: the detection that overlaps the predicted box most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trackforge.assignment import assign
from trackforge.boxes import iou
from trackforge.config import check, setting
from trackforge.motion import KalmanXYSR
from trackforge.online import Lifecycle, OnlineTracker
from trackforge.protocols import MotionView
from trackforge.types import Detections, Frame, Matches, Tracks

__all__ = ["IouAssociator", "IouTrackerConfig", "iou_tracker"]


_LEAST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, kw_only=True)
class IouAssociator:
    """Match tracks with detections so that the sum of overlaps is greatest.

    Source: Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016, section 3.3.
    """

    min_iou: float = setting(0.3, help="Least overlap of a pair.", unit="IoU", minimum=0, maximum=1)
    min_score: float = setting(0.0, help="Detections below are ignored.", unit="score", role="conf", infinite=True)
    gate_afterwards: bool = setting(
        False, help="As published: pairs are chosen as if there were no least overlap, then poor ones are undone."
    )

    def __post_init__(self) -> None:
        check(self)

    def associate(self, tracks: Tracks, detections: Detections, /, *, frame: Frame, motion: MotionView) -> Matches:
        """Match predicted tracks with detections; see `trackforge.protocols.Associator`."""
        del frame  # geometry alone decides
        usable = (detections.score >= self.min_score).nonzero()[0]
        overlap = np.asarray(iou(motion.boxes, detections.xyxy[usable].astype(np.float64)), np.float64)
        if self.gate_afterwards and not _unambiguous(overlap > self.min_iou):
            # Pairs that do not overlap at all add nothing to the sum, so they need not be looked at.
            track, column = assign(-overlap, -_LEAST)
            good = overlap[track, column] >= self.min_iou
            track, column = track[good], column[good]
        else:
            track, column = assign(-overlap, -max(self.min_iou, _LEAST))
        alone, idle = np.ones(len(usable), bool), np.ones(len(tracks), bool)
        alone[column] = idle[track] = False
        return Matches(
            track=track,
            detection=usable[column],
            cost=1.0 - overlap[track, column],
            unmatched_track=idle.nonzero()[0],
            unmatched_detection=usable[alone],
        )


def _unambiguous(good: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> bool:
    """Whether no track and no detection has more than one candidate."""
    return bool(good.size) and good.sum(axis=0).max() == 1 and good.sum(axis=1).max() == 1


@dataclass(frozen=True, kw_only=True)
class IouTrackerConfig(Lifecycle):
    """Settings of the clean SORT tracker; see `IouAssociator` and `trackforge.online.Lifecycle`."""

    birth_score: float = setting(
        0.7, help="Least score of a detection that may found a track.", unit="score", role="conf", infinite=True
    )
    min_iou: float = setting(0.2, help="Least overlap of a pair.", unit="IoU", minimum=0, maximum=1)
    min_score: float = setting(0.5, help="Detections below are ignored.", unit="score", role="conf", infinite=True)


def iou_tracker(config: IouTrackerConfig) -> OnlineTracker:
    """Make a SORT tracker without the oddities of the published one (for those, see `presets.sort`)."""
    associator = IouAssociator(min_iou=config.min_iou, min_score=config.min_score)
    return OnlineTracker(associator, KalmanXYSR(), Lifecycle.of(config))
