"""A third tracker over `trackforge.online.Population`: camera motion and appearance, in the manner of BoT-SORT.

Source: Aharon et al., "BoT-SORT: Robust Associations Multi-Pedestrian Tracking", arXiv 2206.14651, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trackforge.assignment import assign
from trackforge.boxes import iou
from trackforge.config import setting
from trackforge.motion import KalmanXYWH
from trackforge.online import Ageing, Floats, Ints, Population, PopulationTracker
from trackforge.protocols import MotionModel
from trackforge.types import Detections, Frame, Tracks, TrackState

GATE = 9.4877
"""95 % quantile of the chi-square distribution of four degrees of freedom."""


@dataclass(frozen=True, kw_only=True)
class CameraTrackerConfig(Ageing):
    """Settings of `CameraTracker`."""

    high_score: float = setting(0.5, help="Least score of a detection that is looked at.", unit="score")
    min_iou: float = setting(0.3, help="Least overlap of a pair.", unit="IoU", minimum=0, maximum=1)
    max_distance: float = setting(0.3, help="Greatest cosine distance of a pair.", minimum=0, maximum=2)
    embedding_alpha: float = setting(0.9, help="Share of the past in an embedding.", minimum=0, maximum=1)


class CameraTracker(PopulationTracker):
    """Trusted tracks by appearance where motion allows it, then all by overlap; the camera's motion is taken out.

    Args:
        config: Settings.
        camera: Its ``motion(frame)`` is a ``(2, 3)`` map from the last frame's pixels to this one's, or None.
        motion: Predicts boxes.
    """

    def __init__(self, config: CameraTrackerConfig, camera: Any = None, motion: MotionModel | None = None) -> None:
        self._config, self._camera, motion = config, camera, motion or KalmanXYWH()
        population = Population(motion, config, embedding_alpha=config.embedding_alpha)
        super().__init__(population, "camera", config=config, motion=motion)

    def _step(self, detections: Detections, frame: Frame, dt: float) -> Tracks:
        people = self._population
        affine = self._camera.motion(frame) if self._camera else None
        if affine is not None:
            people.warp(affine)
        boxes = people.predict(dt)
        partner = np.full(len(boxes), -1)
        left = (detections.score >= self._config.high_score).nonzero()[0]
        trusted = (people.table["state"] != TrackState.TENTATIVE).nonzero()[0]
        left = self._pair(partner, trusted, left, self._unlike(trusted, left, detections), self._config.max_distance)
        free = (partner < 0).nonzero()[0]
        apart = 1 - iou(boxes[free], detections.xyxy[left].astype(np.float64))
        left = self._pair(partner, free, left, apart, 1 - self._config.min_iou)
        people.give(partner, detections)
        people.retire()
        people.give_birth(left, detections)
        return people.tracks(people.boxes())

    def _unlike(self, tracks: Ints, rows: Ints, detections: Detections) -> Floats:
        """Return cosine distances, infinite where a track cannot have got to or nothing is known of its looks."""
        people, known = self._population, self._population.appearance.value
        if known is None or detections.embedding is None:
            return np.full((len(tracks), len(rows)), np.inf)
        found = detections.embedding[rows]
        found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        view = people.view(people.boxes())
        near = view.mahalanobis(tracks, detections.xyxy[rows].astype(np.float64)) <= GATE
        return np.where(near & known[tracks].any(axis=1)[:, None], 1 - known[tracks] @ found.T, np.inf)

    @staticmethod
    def _pair(partner: Ints, tracks: Ints, rows: Ints, cost: Floats, limit: float) -> Ints:
        """Write the cheapest pairs into ``partner``; return the detections left over."""
        track, column = assign(cost, limit)
        partner[tracks[track]] = rows[column]
        return np.delete(rows, column)
