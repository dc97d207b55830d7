"""BYTE: associate every detection box, the confident ones first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from trackforge.assignment import assign
from trackforge.boxes import iou
from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.motion import KalmanXYAH, KalmanXYWH
from trackforge.online import Lifecycle, OnlineTracker
from trackforge.protocols import MotionView
from trackforge.types import Detections, Frame, Matches, Tracks, TrackState

__all__ = ["ByteAssociator", "ByteTrackerConfig", "byte_tracker"]

Ints = npt.NDArray[np.int64]

TENTATIVE, CONFIRMED = int(TrackState.TENTATIVE), int(TrackState.CONFIRMED)


@dataclass(frozen=True, kw_only=True)
class ByteAssociator:
    """Match confident boxes with trusted tracks, doubtful boxes with what is left, then young tracks.

    1. Detections of at least ``high_score`` with trusted and lost tracks, by overlap and score.
    2. Detections from ``low_score`` up to ``high_score`` with trusted tracks that were matched in the last frame, by
       overlap alone. Those that stay alone are forgotten: they found no tracks.
    3. What is left of the confident detections with tentative tracks.

    The cost of a pair is ``1 - IoU``, or ``1 - IoU * score`` with ``fuse_score`` (steps 1 and 3).

    Source: Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022, algorithm 1;
    limits of steps 2 and 3 and score fusion as in ifzhang/ByteTrack (MIT).
    """

    high_score: float = setting(0.6, help="Least score of a confident detection.", unit="score", role="conf")
    low_score: float = setting(
        0.1, help="Least score of a doubtful detection; those below are ignored.", unit="score", role="doubt"
    )
    first_limit: float = setting(0.9, help="Greatest cost of a pair with a confident detection.", minimum=0, maximum=1)
    second_limit: float = setting(0.5, help="Greatest cost of a pair with a doubtful detection.", minimum=0, maximum=1)
    tentative_limit: float = setting(0.7, help="Greatest cost of a pair with a young track.", minimum=0, maximum=1)
    fuse_score: bool = setting(True, help="Make pairs of confident detections cheaper the better their score.")
    inclusive_pixels: bool = setting(False, help="As published: boxes are one pixel wider and higher (x2 - x1 + 1).")
    strict_scores: bool = setting(False, help="As published: a score equal to either threshold counts for neither.")

    def __post_init__(self) -> None:
        check(self)
        if self.low_score > self.high_score:
            raise ConfigError(
                f"low_score must be at most high_score; got {self.low_score} > {self.high_score}. Change one of them."
            )

    def associate(self, tracks: Tracks, detections: Detections, /, *, frame: Frame, motion: MotionView) -> Matches:
        """Match predicted tracks with detections; see `trackforge.protocols.Associator`."""
        del frame  # geometry and scores alone decide
        high, low = self._split(detections.score)
        state = tracks.state
        tentative = (state == TENTATIVE).nonzero()[0]
        trusted = (state != TENTATIVE).nonzero()[0] if len(tentative) else np.arange(len(state), dtype=np.int64)
        pairs = _Pairs(len(tracks), motion, detections, inclusive=self.inclusive_pixels)
        high = pairs.match(trusted, high, self.first_limit, fuse=self.fuse_score)
        if len(low):
            left = trusted[(pairs.partner[trusted] < 0) & (state[trusted] == CONFIRMED)]
            pairs.match(left, low, self.second_limit)
        high = pairs.match(tentative, high, self.tentative_limit, fuse=self.fuse_score)
        return pairs.matches(unmatched_detection=high)

    def _split(self, score: npt.NDArray[np.float32]) -> tuple[Ints, Ints]:
        """Return the rows of confident and of doubtful detections."""
        if self.strict_scores:
            high, low = score > self.high_score, (score > self.low_score) & (score < self.high_score)
        else:
            high = score >= self.high_score
            low = (score >= self.low_score) & ~high
        return high.nonzero()[0], low.nonzero()[0]


class _Pairs:
    """The pairs made so far in one frame."""

    def __init__(self, n_tracks: int, motion: MotionView, detections: Detections, *, inclusive: bool) -> None:
        self.partner = np.full(n_tracks, -1, np.int64)
        self._cost = np.zeros(n_tracks)
        self._tracked = motion.boxes
        self._detected = detections.xyxy.astype(np.float64)
        self._score = detections.score
        self._inclusive = inclusive

    def match(self, tracks: Ints, detections: Ints, limit: float, *, fuse: bool = False) -> Ints:
        """Pair some tracks with some detections; return the detections that stay alone."""
        if not len(tracks) or not len(detections):
            return detections
        overlap = iou(self._tracked[tracks], self._detected[detections], inclusive=self._inclusive)
        if fuse:
            overlap *= self._score[detections]
        cost = np.subtract(1.0, overlap, out=overlap)
        rows, columns = assign(cost, limit)
        self.partner[tracks[rows]] = detections[columns]
        self._cost[tracks[rows]] = cost[rows, columns]
        alone = np.ones(len(detections), bool)
        alone[columns] = False
        return detections[alone]

    def matches(self, unmatched_detection: Ints) -> Matches:
        """Return the pairs in order of track rows."""
        matched = self.partner >= 0
        track = matched.nonzero()[0]
        return Matches(
            track=track,
            detection=self.partner[track],
            cost=self._cost[track],
            unmatched_track=(~matched).nonzero()[0],
            unmatched_detection=unmatched_detection,
        )


@dataclass(frozen=True, kw_only=True)
class ByteTrackerConfig(Lifecycle):
    """Settings of the clean BYTE tracker; see `ByteAssociator` and `trackforge.online.Lifecycle`.

    The defaults differ from the published ones where that is better on MOT17 half-val and no worse on MOT15 and PETS:
    width and height are filtered each by itself instead of as a ratio, which follows people who stretch and bend;
    lost tracks wait half a second longer; a detection needs 0.65 to be confident.
    """

    max_lost: float = setting(
        45.0, help="How long a trusted track may go without a detection.", unit="frames", minimum=0, infinite=True
    )
    birth_score: float = setting(
        0.7, help="Least score of a detection that may found a track.", unit="score", role="conf", infinite=True
    )
    duplicate_iou: float | None = setting(
        0.85,
        help="Overlap above which a found and a lost track are one; the longer lived stays.",
        unit="IoU",
        minimum=0,
        maximum=1,
    )
    motion: Literal["xywh", "xyah"] = setting("xywh", help="What the motion model filters beside the centre.")
    high_score: float = setting(0.65, help="Least score of a confident detection.", unit="score", role="conf")
    low_score: float = setting(
        0.1, help="Least score of a doubtful detection; those below are ignored.", unit="score", role="doubt"
    )
    first_limit: float = setting(0.9, help="Greatest cost of a pair with a confident detection.", minimum=0, maximum=1)
    second_limit: float = setting(0.5, help="Greatest cost of a pair with a doubtful detection.", minimum=0, maximum=1)
    tentative_limit: float = setting(0.7, help="Greatest cost of a pair with a young track.", minimum=0, maximum=1)
    fuse_score: bool = setting(True, help="Make pairs of confident detections cheaper the better their score.")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.association()

    def association(self) -> ByteAssociator:
        """Return the associator that these settings describe."""
        return ByteAssociator(
            high_score=self.high_score,
            low_score=self.low_score,
            first_limit=self.first_limit,
            second_limit=self.second_limit,
            tentative_limit=self.tentative_limit,
            fuse_score=self.fuse_score,
        )


def byte_tracker(config: ByteTrackerConfig) -> OnlineTracker:
    """Make a BYTE tracker without the oddities of the published one (for those, see `presets.bytetrack`)."""
    motion = KalmanXYWH() if config.motion == "xywh" else KalmanXYAH()
    return OnlineTracker(config.association(), motion, Lifecycle.of(config))
