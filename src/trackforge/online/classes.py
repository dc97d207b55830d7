"""Class-aware tracking as an option of association, for every method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.online.answers import checked_matches
from trackforge.online.state import must, restore
from trackforge.online.views import Block
from trackforge.protocols import Associator, MotionView
from trackforge.types import Detections, Frame, Matches, Tracks

__all__ = ["ClassVotes", "associate_by_class", "class_blocks"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def class_blocks(track_class: Ints, detection_class: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield the track rows and detection rows of each class that occurs, in increasing class."""
    for class_id in np.union1d(track_class, detection_class):
        yield np.flatnonzero(track_class == class_id), np.flatnonzero(detection_class == class_id)


def associate_by_class(
    associator: Associator, tracks: Tracks, detections: Detections, /, *, frame: Frame, motion: MotionView
) -> Matches:
    """Let an associator match each class by itself; arguments as for `Associator.associate`.

    Raises:
        PluginError: The associator does not answer as it must.
    """
    blocks = list(class_blocks(tracks.class_id, detections.class_id))
    if len(blocks) <= 1:
        found = associator.associate(tracks, detections, frame=frame, motion=motion)
        return checked_matches(found, len(tracks), len(detections), associator)
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    for track_rows, detection_rows in blocks:
        found = associator.associate(
            tracks[track_rows], detections[detection_rows], frame=frame, motion=Block(motion, track_rows)
        )
        m = checked_matches(found, len(track_rows), len(detection_rows), associator)
        parts.append(
            (
                track_rows[m.track],
                detection_rows[m.detection],
                m.cost,
                track_rows[m.unmatched_track],
                detection_rows[m.unmatched_detection],
            )
        )
    track, detection, cost, unmatched_track, unmatched_detection = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Matches(
        track=track,
        detection=detection,
        cost=cost,
        unmatched_track=np.sort(unmatched_track),
        unmatched_detection=np.sort(unmatched_detection),
    )


class ClassVotes:
    """Sums of scores that the detections of each track gave to each class.

    Attributes:
        known: ``(C,)`` the classes seen so far, sorted.
        score: ``(N, C)`` sums of scores, one row a track.
    """

    def __init__(self) -> None:
        self.known: Ints = np.empty(0, np.int64)
        self.score: Floats = np.empty((0, 0))

    def __len__(self) -> int:
        return len(self.score)

    def add(self, rows: Ints, class_id: Ints, score: npt.NDArray[np.float32]) -> None:
        """Count one detection each for some tracks."""
        self._learn(class_id)
        sums = self.score.copy()
        sums[rows, np.searchsorted(self.known, class_id)] += score
        self.score = sums

    def append(self, class_id: Ints, score: npt.NDArray[np.float32]) -> None:
        """Start one track a detection."""
        self._learn(class_id)
        new = np.zeros((len(class_id), len(self.known)))
        new[np.arange(len(class_id)), np.searchsorted(self.known, class_id)] = score
        self.score = np.concatenate((self.score, new))

    def keep(self, rows: npt.NDArray[Any]) -> None:
        """Select tracks by mask or indices."""
        self.score = self.score[rows]

    @property
    def winner(self) -> Ints:
        """``(N,)`` the class with the greatest sum; the lowest class where sums are equal."""
        if not len(self):
            return np.empty(0, np.int64)
        winner: Ints = self.known[np.argmax(self.score, axis=1)]
        return winner

    def state_dict(self) -> dict[str, Any]:
        """Return the sums."""
        return {"known": self.known.copy(), "score": self.score.copy()}

    def load_state_dict(self, state: Mapping[str, Any], tracks: int) -> None:
        """Continue where `state_dict` was taken."""
        known = restore("votes", state["known"], None, np.int64, ())
        score = restore("votes", state["score"], tracks if len(known) else 0, np.float64, (len(known),))
        must("the classes of the votes must increase", bool((np.diff(known) > 0).all()))
        must("votes must be finite", bool(np.isfinite(score).all()))
        self.known, self.score = known, score

    def _learn(self, class_id: Ints) -> None:
        known = np.union1d(self.known, class_id)
        if len(known) > len(self.known):
            wider = np.zeros((len(self.score), len(known)))
            wider[:, np.searchsorted(known, self.known)] = self.score
            self.known, self.score = known, wider
