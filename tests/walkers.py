"""Small real scenes and a plain associator, for the tests of the online tracker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from trackforge.assignment import assign
from trackforge.boxes import iou
from trackforge.motion import KalmanXYAH
from trackforge.online import Lifecycle, OnlineTracker, Quirks
from trackforge.types import Detections, Frame, Matches, Tracks


@dataclass(frozen=True)
class Overlap:
    """Every track with every detection, by overlap alone."""

    min_iou: float = 0.2

    def associate(self, tracks, detections, /, *, frame, motion):
        cost = 1 - iou(motion.boxes, detections.xyxy.astype(np.float64))
        track, detection = assign(cost, 1 - self.min_iou)
        return Matches(
            track=track,
            detection=detection,
            cost=cost[track, detection],
            unmatched_track=np.setdiff1d(np.arange(len(tracks)), track),
            unmatched_detection=np.setdiff1d(np.arange(len(detections)), detection),
        )


def overlap_tracker(quirks: Quirks | None = None, **lifecycle) -> OnlineTracker:
    return OnlineTracker(Overlap(), KalmanXYAH(), Lifecycle(**lifecycle), quirks=quirks)


def box(x: float = 100.0, y: float = 100.0, width: float = 40.0, height: float = 100.0) -> list[float]:
    return [x, y, x + width, y + height]


def seen(*boxes: Sequence[float], score=None, class_id=None, embedding=None) -> Detections:
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(xyxy=xyxy, score=score, class_id=class_id, embedding=embedding)


NOTHING = seen()


def play(tracker, frames: Iterable[Detections], start: int = 0) -> list[Tracks]:
    """Update with consecutive frames and return what came out."""
    return [tracker.update(detections, Frame(index=start + i)) for i, detections in enumerate(frames)]


def walkers(n: int, frames: int, seed: int = 0, *, miss: float = 0.1, embedding_dim: int | None = None):
    """People crossing a square, noisy, sometimes missed, with some false alarms; a list of Detections."""
    rng = np.random.default_rng(seed)
    position, step = rng.uniform(100, 900, (n, 2)), rng.normal(0, 4, (n, 2))
    looks = rng.normal(size=(n, embedding_dim)) if embedding_dim else None
    out = []
    for _ in range(frames):
        position = position + step
        there = np.flatnonzero(rng.random(n) > miss)
        low = position[there] + rng.normal(0, 1, (len(there), 2))
        false = rng.uniform(0, 1000, (rng.integers(0, 3), 2))
        low = np.concatenate((low, false))
        size = np.concatenate((np.tile([40.0, 100.0], (len(there), 1)), rng.uniform(20, 80, (len(false), 2))))
        score = np.concatenate((rng.uniform(0.3, 1, len(there)), rng.uniform(0.05, 0.7, len(false))))
        embedding = None
        if looks is not None:
            embedding = np.concatenate((looks[there], rng.normal(size=(len(false), embedding_dim))))
            embedding += rng.normal(0, 0.1, embedding.shape)
        out.append(Detections(xyxy=np.concatenate((low, low + size), 1), score=score, embedding=embedding))
    return out


def assert_same(a: Tracks, b: Tracks) -> None:
    """Compare every column to the last bit."""
    for name in ("track_id", "xyxy", "score", "class_id", "state", "age", "time_since_update", "detection"):
        left, right = getattr(a, name), getattr(b, name)
        assert left.dtype == right.dtype, name
        assert left.tobytes() == right.tobytes(), name
    assert (a.embedding is None) == (b.embedding is None)
    if a.embedding is not None:
        assert a.embedding.tobytes() == b.embedding.tobytes()
