"""An associator: which track goes with which detection."""

from dataclasses import dataclass

import numpy as np

from trackforge import Matches
from trackforge.config import check, setting


@dataclass(frozen=True, kw_only=True)
class NearestAssociator:
    """Pair the two nearest centres, then the next two, while they are near enough."""

    reach: float = setting(0.5, help="Greatest distance of two centres.", unit="box heights", minimum=0)

    def __post_init__(self):
        check(self)

    def associate(self, tracks, detections, /, *, frame, motion):
        tracked, found = motion.boxes, detections.xyxy.astype(float)
        centre = [(b[:, :2] + b[:, 2:]) / 2 for b in (tracked, found)]
        distance = np.linalg.norm(centre[0][:, None] - centre[1][None], axis=2)
        cost = distance / np.maximum(tracked[:, 3] - tracked[:, 1], 1.0)[:, None]
        pairs = []
        while cost.size and cost.min() <= self.reach:
            row, column = np.unravel_index(cost.argmin(), cost.shape)
            pairs.append((row, column, cost[row, column]))
            cost[row, :] = cost[:, column] = np.inf
        track, detection, paid = np.array(pairs).reshape(-1, 3).T
        track, detection = track.astype(np.int64), detection.astype(np.int64)
        return Matches(
            track=track,
            detection=detection,
            cost=paid,
            unmatched_track=np.setdiff1d(np.arange(len(tracks)), track),
            unmatched_detection=np.setdiff1d(np.arange(len(detections)), detection),
        )
