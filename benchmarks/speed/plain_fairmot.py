"""FairMOT's association in plain NumPy and SciPy, step for step what the official code computes: a benchmark's peer.

One object a track and a detection; 8 x 8 covariances; the gate of each track by a triangular solve of its own; every
cosine distance; one assignment over all pairs; each track corrected by itself. Overlaps, which the official code leaves
to a compiled loop, are one expression of NumPy. Written for comparison from the paper and from facts about
ifzhang/FairMOT (MIT); nothing of the library is used.
"""

from __future__ import annotations

from typing import Any

import lap
import numpy as np
import scipy.linalg
from scipy.spatial.distance import cdist

GATE = 9.4877
NEW, TRACKED, LOST, REMOVED = range(4)
TRANSITION = np.eye(8)
TRANSITION[range(4), range(4, 8)] = 1.0
OBSERVED = np.eye(4, 8)
POSITION, VELOCITY = 1 / 20, 1 / 160


class Plain:
    """A detection, and the track that may become of it."""

    def __init__(self, corners: Any, score: Any, embedding: Any) -> None:
        size = corners[2:] - corners[:2]
        self.corner_size = np.asarray(np.concatenate((corners[:2], size)), float)
        self.score = score
        self.look = self.smooth = embedding / np.linalg.norm(embedding)
        self.mean = self.covariance = None
        self.state, self.trusted, self.track_id, self.seen, self.born = NEW, False, 0, 0, 0

    @property
    def box(self) -> Any:
        """Left, top, width, height."""
        if self.mean is None:
            return self.corner_size
        found = self.mean[:4].copy()
        found[2] *= found[3]
        found[:2] -= found[2:] / 2
        return found

    @property
    def corners(self) -> Any:
        """Left, top, right, bottom."""
        box = self.box.copy()
        box[2:] += box[:2]
        return box

    @property
    def measured(self) -> Any:
        """Centre, aspect, height."""
        box = self.box.copy()
        box[:2] += box[2:] / 2
        box[2] /= box[3]
        return box

    def begin(self, track_id: int, now: int) -> None:
        """Become a track."""
        self.mean = np.concatenate((self.measured, np.zeros(4)))
        h = self.mean[3]
        p, v = 2 * POSITION * h, 10 * VELOCITY * h
        self.covariance = np.diag(np.square([p, p, 1e-2, p, v, v, 1e-5, v]))
        self.track_id, self.state, self.trusted, self.seen, self.born = track_id, TRACKED, now == 1, now, now

    def take(self, found: Plain, now: int) -> None:
        """Be corrected by a detection."""
        mean, covariance = projected(self.mean, self.covariance)
        factor = scipy.linalg.cho_factor(covariance, lower=True, check_finite=False)
        gain = scipy.linalg.cho_solve(factor, (self.covariance @ OBSERVED.T).T, check_finite=False).T
        self.mean = self.mean + (found.measured - mean) @ gain.T
        self.covariance = self.covariance - np.linalg.multi_dot((gain, covariance, gain.T))
        if self.state == TRACKED:
            self.score = found.score
        smooth = 0.9 * self.smooth + (1 - 0.9) * found.look
        self.smooth = smooth / np.linalg.norm(smooth)
        self.state, self.trusted, self.seen = TRACKED, True, now


def projected(mean: Any, covariance: Any) -> tuple[Any, Any]:
    """Return mean and covariance of the measurement."""
    p = POSITION * mean[3]
    noise = np.diag(np.square([p, p, 1e-1, p]))
    return OBSERVED @ mean, np.linalg.multi_dot((OBSERVED, covariance, OBSERVED.T)) + noise


def predict(tracks: list[Plain]) -> None:
    """Move all tracks by a frame."""
    if not tracks:
        return
    means = np.asarray([t.mean for t in tracks])
    covariances = np.asarray([t.covariance for t in tracks])
    for row, track in enumerate(tracks):
        if track.state != TRACKED:
            means[row, 7] = 0
    p, v, one = POSITION * means[:, 3], VELOCITY * means[:, 3], np.ones(len(means))
    noise = np.square(np.stack((p, p, 1e-2 * one, p, v, v, 1e-5 * one, v), axis=1))
    means = means @ TRANSITION.T
    covariances = TRANSITION @ covariances @ TRANSITION.T + np.asarray([np.diag(row) for row in noise])
    for track, mean, covariance in zip(tracks, means, covariances, strict=True):
        track.mean, track.covariance = mean, covariance


def by_looks(tracks: list[Plain], found: list[Plain]) -> Any:
    """Return costs of all pairs by embedding, gated and mixed with motion."""
    cost = np.zeros((len(tracks), len(found)))
    if not cost.size:
        return cost
    looks = np.asarray([d.look for d in found], float)
    cost = np.maximum(0.0, cdist(np.asarray([t.smooth for t in tracks], float), looks, "cosine"))
    measured = np.asarray([d.measured for d in found])
    for row, track in enumerate(tracks):
        mean, covariance = projected(track.mean, track.covariance)
        root = np.linalg.cholesky(covariance)
        away = scipy.linalg.solve_triangular(
            root, (measured - mean).T, lower=True, check_finite=False, overwrite_b=True
        )
        distance = np.sum(away * away, axis=0)
        cost[row, distance > GATE] = np.inf
        cost[row] = 0.98 * cost[row] + (1 - 0.98) * distance
    return cost


def by_overlap(tracks: list[Plain], found: list[Plain]) -> Any:
    """Return ``1 - IoU``, boxes one pixel wider and higher."""
    if not tracks or not found:
        return np.zeros((len(tracks), len(found)))
    a, b = np.array([t.corners for t in tracks]), np.array([d.corners for d in found])
    size = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]) + 1
    both = np.maximum(size, 0).prod(axis=2)
    return 1 - both / ((a[:, 2:] - a[:, :2] + 1).prod(axis=1)[:, None] + (b[:, 2:] - b[:, :2] + 1).prod(axis=1) - both)


def pairs(cost: Any, limit: float) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Return the pairs, and the rows and columns that stay alone."""
    if not cost.size:
        return [], list(range(cost.shape[0])), list(range(cost.shape[1]))
    _, columns, rows = lap.lapjv(cost, extend_cost=True, cost_limit=limit)
    made = [(row, int(column)) for row, column in enumerate(columns) if column >= 0]
    return made, np.where(columns < 0)[0].tolist(), np.where(rows < 0)[0].tolist()


class PlainFairmot:
    """The tracker.

    Args:
        conf_thres: Detections above are tracked.
        buffer: Frames that a lost track is kept.
    """

    def __init__(self, conf_thres: float = 0.4, buffer: int = 30) -> None:
        self.conf_thres, self.buffer = conf_thres, buffer
        self.now = self.count = 0
        self.tracked: list[Plain] = []
        self.lost: list[Plain] = []
        self.removed: set[int] = set()

    def update(self, xyxy: Any, score: Any, embedding: Any) -> list[Plain]:
        """Advance by a frame; return the tracks that are shown."""
        self.now += 1
        good = score > self.conf_thres
        found = [Plain(*row) for row in zip(xyxy[good], score[good], embedding[good], strict=True)]
        young = [t for t in self.tracked if not t.trusted]
        pool = [t for t in self.tracked if t.trusted] + self.lost
        predict(pool)
        matched: list[Plain] = []

        def settle(tracks: list[Plain], cost: Any, limit: float) -> list[Plain]:
            nonlocal found
            made, alone, rest = pairs(cost, limit)
            for row, column in made:
                tracks[row].take(found[column], self.now)
                matched.append(tracks[row])
            found = [found[column] for column in rest]
            return [tracks[row] for row in alone]

        left = [t for t in settle(pool, by_looks(pool, found), 0.4) if t.state == TRACKED]
        missed = settle(left, by_overlap(left, found), 0.5)
        for track in missed:
            track.state = LOST
        for track in settle(young, by_overlap(young, found), 0.7):
            track.state = REMOVED
        for new in found:
            self.count += 1
            new.begin(self.count, self.now)
            matched.append(new)
        given_up = {t.track_id for t in self.lost if t.state == LOST and self.now - t.seen > self.buffer}
        known = {t.track_id for t in matched}
        self.tracked = [t for t in self.tracked if t.state == TRACKED]
        here = {t.track_id for t in self.tracked}
        self.tracked += [t for t in matched if t.track_id not in here]
        # late: who is given up in this frame can be matched in the next one
        self.lost = [
            t for t in [*(t for t in self.lost if t.track_id not in known), *missed] if t.track_id not in self.removed
        ]
        self.removed |= given_up
        self._drop_doubles()
        return [t for t in self.tracked if t.trusted]

    def _drop_doubles(self) -> None:
        apart = by_overlap(self.tracked, self.lost)
        here, gone = set(), set()
        for row, column in zip(*np.where(apart < 0.15), strict=True):
            a, b = self.tracked[row], self.lost[column]
            if a.seen - a.born > b.seen - b.born:
                gone.add(b.track_id)
            else:
                here.add(a.track_id)
        self.tracked = [t for t in self.tracked if t.track_id not in here]
        self.lost = [t for t in self.lost if t.track_id not in gone]
