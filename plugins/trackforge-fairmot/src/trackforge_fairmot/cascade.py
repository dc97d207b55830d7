"""FairMOT's cascade: who looks like the track and can have got there, then who overlaps it; BYTE's step after that.

With ``appearance`` off, or where detections have no embeddings, it is BYTE by overlap alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trackforge.assignment import assign
from trackforge.boxes import iou
from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.protocols import MotionView
from trackforge.types import Detections, Frame, Matches, Tracks, TrackState
from trackforge_fairmot.looks import Looks

__all__ = ["FairmotAssociator"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

TENTATIVE, CONFIRMED = int(TrackState.TENTATIVE), int(TrackState.CONFIRMED)


@dataclass(frozen=True, kw_only=True)
class FairmotAssociator:
    """Match confident boxes by looks, then by overlap; doubtful boxes with what is left; young tracks last.

    1. Detections of at least ``high_score`` with trusted and lost tracks, by embedding: the cost of a pair is
       ``(1 - motion_weight) * cosine distance + motion_weight * d``, where ``d`` is the squared Mahalanobis distance of
       the box to the predicted one. Pairs with ``d`` above ``gate`` cannot be.
    2. What is left of them with trusted tracks that were matched in the last frame, by ``1 - IoU``. Pairs whose looks
       cannot be compared, because one of both has no embedding, have a limit of their own, and may be of lost tracks.
    3. Detections from ``low_score`` up to ``high_score`` with the tracks that were matched in the last frame and are
       alone in this one, by ``1 - IoU``. Those that stay alone are forgotten: they found no tracks.
    4. What is left of the confident detections with tentative tracks, by ``1 - IoU``.

    Embeddings need not be of length 1; one of zeros is none.

    Source: Zhang et al., "FairMOT: On the Fairness of Detection and Re-Identification in Multiple Object Tracking",
    IJCV 2021, section 4.4 (steps 1, 2 and 4), limits as in ifzhang/FairMOT (MIT); Zhang et al., "ByteTrack", ECCV 2022
    (step 3), limits as in the tutorial for FairMOT of ifzhang/ByteTrack (MIT).
    """

    high_score: float = setting(0.4, help="Least score of a confident detection.", unit="score", role="conf")
    low_score: float | None = setting(
        0.2, help="Least score of a doubtful detection; none: only confident ones count.", unit="score", role="doubt"
    )
    appearance: bool = setting(True, help="Compare embeddings where there are some; else overlap alone decides.")
    appearance_limit: float = setting(0.4, help="Greatest cost of a pair by looks.", minimum=0, infinite=True)
    motion_weight: float = setting(0.02, help="Share of motion in the cost by looks.", minimum=0, maximum=1)
    gate: float = setting(
        9.4877,
        help="Greatest squared Mahalanobis distance of a pair by looks; 95 % of true pairs are below 9.4877.",
        minimum=0,
        infinite=True,
    )
    overlap_limit: float = setting(
        0.5, help="Greatest 1 - IoU of a pair whose looks did not agree.", minimum=0, maximum=1
    )
    blind_limit: float = setting(
        0.8, help="Greatest 1 - IoU of a pair whose looks cannot be compared.", minimum=0, maximum=1
    )
    doubtful_limit: float = setting(
        0.4, help="Greatest 1 - IoU of a pair with a doubtful detection.", minimum=0, maximum=1
    )
    tentative_limit: float = setting(0.7, help="Greatest 1 - IoU of a pair with a young track.", minimum=0, maximum=1)
    inclusive_pixels: bool = setting(False, help="As published: boxes are one pixel wider and higher (x2 - x1 + 1).")
    strict_scores: bool = setting(False, help="As published: a score equal to either threshold counts for neither.")

    def __post_init__(self) -> None:
        check(self)
        if self.low_score is not None and self.low_score > self.high_score:
            raise ConfigError(
                f"low_score must be at most high_score; got {self.low_score} > {self.high_score}. Change one of them."
            )

    def associate(self, tracks: Tracks, detections: Detections, /, *, frame: Frame, motion: MotionView) -> Matches:
        """Match predicted tracks with detections; see `trackforge.protocols.Associator`."""
        del frame  # looks, geometry and scores alone decide
        state = tracks.state
        tentative = (state == TENTATIVE).nonzero()[0]
        trusted = (state != TENTATIVE).nonzero()[0] if len(tentative) else np.arange(len(state), dtype=np.int64)
        high, low = self._split(detections.score)
        pairs = _Pairs(len(tracks), motion, detections, inclusive=self.inclusive_pixels)
        looks = Looks(tracks.embedding, detections.embedding) if self.appearance else Looks(None, None)
        if looks and len(trusted) and len(high):
            distance = motion.mahalanobis(trusted, pairs.detected[high])
            cost = looks.cost(trusted, high, distance, gate=self.gate, weight=self.motion_weight)
            high = pairs.settle(trusted, high, cost, self.appearance_limit)
        high = self._by_overlap(pairs, looks, trusted[pairs.partner[trusted] < 0], high, state)
        if len(low):
            left = trusted[(pairs.partner[trusted] < 0) & (state[trusted] == CONFIRMED)]
            pairs.match(left, low, self.doubtful_limit)
        high = pairs.match(tentative, high, self.tentative_limit)
        return pairs.matches(unmatched_detection=high)

    def _by_overlap(self, pairs: _Pairs, looks: Looks, left: Ints, high: Ints, state: Ints) -> Ints:
        """Pair trusted tracks that are alone with confident detections; return the detections that stay alone."""
        if not len(left) or not len(high):
            return high
        sight = looks.comparable(left, high)
        if sight is False:
            return pairs.match(left, high, self.blind_limit)
        found = state[left] == CONFIRMED
        if sight is True:
            return pairs.match(left[found], high, self.overlap_limit)
        cost, limit = pairs.apart(left, high), np.where(sight, self.overlap_limit, self.blind_limit)
        # measured from its own limit, every pair has the same one: 0
        excess = np.where(~sight | found[:, None], cost - limit, np.inf)
        return pairs.settle(left, high, excess, 0.0, shown=cost)

    def _split(self, score: npt.NDArray[np.float32]) -> tuple[Ints, Ints]:
        """Return the rows of confident and of doubtful detections."""
        strict, least = self.strict_scores, self.low_score
        high = score > self.high_score if strict else score >= self.high_score
        if least is None:
            return high.nonzero()[0], np.empty(0, np.int64)
        low = (score > least) & (score < self.high_score) if strict else (score >= least) & ~high
        return high.nonzero()[0], low.nonzero()[0]


class _Pairs:
    """The pairs made so far in one frame.

    Attributes:
        partner: ``(N,)`` the detection of each track, -1 for none.
        detected: ``(M, 4)`` float64 boxes of the detections.
    """

    def __init__(self, n_tracks: int, motion: MotionView, detections: Detections, *, inclusive: bool) -> None:
        self.partner = np.full(n_tracks, -1, np.int64)
        self.detected: Floats = detections.xyxy.astype(np.float64)
        self._cost = np.zeros(n_tracks)
        self._tracked = motion.boxes
        self._inclusive = inclusive

    def apart(self, tracks: Ints, detections: Ints) -> Floats:
        """Return ``1 - IoU``."""
        overlap = iou(self._tracked[tracks], self.detected[detections], inclusive=self._inclusive)
        out: Floats = np.subtract(1.0, overlap, out=overlap)
        return out

    def match(self, tracks: Ints, detections: Ints, limit: float) -> Ints:
        """Pair by overlap; return the detections that stay alone."""
        if not len(tracks) or not len(detections):
            return detections
        return self.settle(tracks, detections, self.apart(tracks, detections), limit)

    def settle(
        self, tracks: Ints, detections: Ints, cost: Floats, limit: float, *, shown: Floats | None = None
    ) -> Ints:
        """Pair some tracks with some detections at least cost; return the detections that stay alone.

        Args:
            tracks: ``(T,)`` rows.
            detections: ``(D,)`` rows.
            cost: ``(T, D)``.
            limit: Greatest cost of a pair.
            shown: ``(T, D)`` what the result states as cost, where that is something else.
        """
        rows, columns = assign(cost, limit)
        self.partner[tracks[rows]] = detections[columns]
        self._cost[tracks[rows]] = (cost if shown is None else shown)[rows, columns]
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
