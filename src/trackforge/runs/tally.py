"""Counts of a run while it goes on: what explains its result, at some microseconds a frame and with little memory.

Nothing is judged here: `trackforge.runs.advice` does that, and ``summary.json`` shows the counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.boxes import iou
from trackforge.types import Step, Tracks

__all__ = ["BINS", "Tally"]

BINS = 100
"""Parts into which scores from 0 to 1 are sorted; the last one also has 1 and what is greater."""
SAME_PLACE = 0.8
"""IoU from which on two boxes are on one thing; a rider and a horse overlap less."""
Counts = npt.NDArray[np.int64]


def _doubles(tracks: Tracks) -> set[tuple[int, int]]:
    """Return the pairs of classes of which a track of either stands where one of the other does."""
    first, second = np.nonzero(np.triu(iou(tracks.xyxy, tracks.xyxy) > SAME_PLACE, 1))
    kinds = np.sort(np.stack((tracks.class_id[first], tracks.class_id[second]), axis=1), axis=1)
    return {(a, b) for a, b in kinds.tolist() if a != b}


def _bins() -> Counts:
    return np.zeros(BINS, np.int64)


@dataclass
class Tally:
    """What was seen of one sequence.

    Attributes:
        frames: Frames.
        detections: Detections, of all frames.
        scores: Detections by score, ``(100,)``: entry 40 has those of .40 up to .41.
        best: Frames with detections by the score of their best, likewise.
        greatest: The greatest score.
        found: Detections by class number.
        boxes: Boxes of visible tracks, of all frames.
        most: Most visible tracks in one frame.
        tentative: Tracks that were not (or no longer) shown, of all frames.
        idle: Frames with detections in which no track was visible.
        lives: Frames in which an id was visible, by id.
        classes: Class number that an id had last, by id.
        doubles: Frames in which two tracks stood on one place, by the numbers of their classes, the lesser first.
        first: Index of the first frame, or -1.
        last: Index of the last frame, or -1.
        size: ``(width, height)`` of the first frame.
        span: Seconds from the first frame to the last by their time stamps, or None where there are none.
    """

    frames: int = 0
    detections: int = 0
    scores: Counts = field(default_factory=_bins)
    best: Counts = field(default_factory=_bins)
    greatest: float = 0.0
    found: Counter[int] = field(default_factory=Counter)
    boxes: int = 0
    most: int = 0
    tentative: int = 0
    idle: int = 0
    lives: dict[int, int] = field(default_factory=dict)
    classes: dict[int, int] = field(default_factory=dict)
    doubles: Counter[tuple[int, int]] = field(default_factory=Counter)
    first: int = -1
    last: int = -1
    size: tuple[int, int] = (0, 0)
    span: float | None = None
    _start: float | None = None

    def see(self, step: Step) -> None:
        """Count one step."""
        frame, found = step.frame, step.detections
        if not self.frames:
            self.first, self.size, self._start = frame.index, frame.size, frame.timestamp
        self.frames += 1
        self.last = frame.index
        if self._start is not None and frame.timestamp is not None:
            self.span = frame.timestamp - self._start
        if len(found):
            self._detected(found.score, found.class_id)
        tracks = step.tracks.visible
        self.tentative += len(step.tracks) - len(tracks)
        if len(tracks):
            self.boxes += len(tracks)
            self.most = max(self.most, len(tracks))
            lives, classes = self.lives, self.classes
            for one, kind in zip(tracks.track_id.tolist(), tracks.class_id.tolist(), strict=True):
                if one >= 0:  # boxes without identity come from detection without tracking
                    lives[one] = lives.get(one, 0) + 1
                    classes[one] = kind
            if len(tracks) > 1 and tracks.track_id[0] >= 0 and (tracks.class_id != tracks.class_id[0]).any():
                self.doubles.update(_doubles(tracks))
        elif len(found):
            self.idle += 1

    def _detected(self, score: npt.NDArray[np.float32], class_id: npt.NDArray[np.int64]) -> None:
        places = np.clip(score.astype(np.float64) * BINS + 1e-4, 0, BINS - 1).astype(np.int64)
        self.scores += np.bincount(places, minlength=BINS)
        self.best[places.max()] += 1
        self.greatest = max(self.greatest, float(score.max()))
        self.detections += len(score)
        self.found.update(class_id.tolist())

    @property
    def rate(self) -> float | None:
        """Frames a second that were tracked, by their time stamps; None where there are none."""
        return (self.frames - 1) / self.span if self.span and self.frames > 1 else None

    @property
    def life(self) -> float:
        """Frames in which the id in the middle was visible, when they are sorted by that; 0 where there is none."""
        return float(np.median(list(self.lives.values()))) if self.lives else 0.0

    def below(self, score: float) -> int:
        """Return how many detections have a lower score, to a hundredth."""
        return int(self.scores[: max(round(score * BINS), 0)].sum())

    def by_score(self) -> dict[str, int]:
        """Return detections by score in tenths, ``{"0.0": 3, "0.1": 9, ...}``, for JSON."""
        tenths = self.scores.reshape(10, -1).sum(axis=1).tolist()
        return {f"{tenth / 10:.1f}": count for tenth, count in enumerate(tenths)}

    def by_class(self, names: Any) -> dict[str, dict[str, int]]:
        """Return detections and ids by class, most ids first, for JSON."""
        ids = Counter(self.classes.values())
        order = sorted(set(self.found) | set(ids), key=lambda kind: (-ids[kind], -self.found[kind], kind))
        return {
            names[kind] if 0 <= kind < len(names) else str(kind): {"detections": self.found[kind], "ids": ids[kind]}
            for kind in order
        }
