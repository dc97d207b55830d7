"""Classes of many-class detectors: a vote over the life of a track, and association by class, for every method."""

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

MARGIN = 1.25
"""How much greater than the present class's sum another one must be."""

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
        columns = self._columns(class_id)
        sums = self.score.copy()
        sums[rows, columns] += score
        self.score = sums

    def append(self, class_id: Ints, score: npt.NDArray[np.float32]) -> None:
        """Start one track a detection."""
        columns = self._columns(class_id)
        new = np.zeros((len(class_id), len(self.known)))
        new[np.arange(len(class_id)), columns] = score
        self.score = np.concatenate((self.score, new))

    def keep(self, rows: npt.NDArray[Any]) -> None:
        """Select tracks by mask or indices."""
        self.score = self.score[rows]

    def settle(self, class_id: Ints) -> Ints:
        """Return the class of each track, ``(N,)``, given the one that it has.

        Another class takes its place once that one's sum is greater by `MARGIN`, so that two classes of about equal
        sums do not take turns.
        """
        if len(self.known) <= 1 or not len(self):
            return class_id
        rows = np.arange(len(class_id))
        best = self.score.argmax(axis=1)
        own = self.score[rows, np.searchsorted(self.known, class_id)]
        beaten = self.score[rows, best] > np.maximum(own, MARGIN * own)  # scores may be negative
        return np.where(beaten, self.known[best], class_id) if beaten.any() else class_id

    def state_dict(self) -> dict[str, Any]:
        """Return the sums."""
        return {"known": self.known.copy(), "score": self.score.copy()}

    def load_state_dict(self, state: Mapping[str, Any], tracks: int, class_id: Ints | None = None) -> None:
        """Continue where `state_dict` was taken.

        Args:
            state: What it returned.
            tracks: Number of tracks.
            class_id: ``(N,)`` the class of each; None where nobody votes.

        Raises:
            StateError: It is damaged.
        """
        known = restore("votes", state["known"], None, np.int64, ())
        score = restore("votes", state["score"], tracks if len(known) else 0, np.float64, (len(known),))
        must("the classes of the votes must increase", bool((np.diff(known) > 0).all()))
        must("votes must be finite", bool(np.isfinite(score).all()))
        must("the classes of tracks must have votes", class_id is None or bool(np.isin(class_id, known).all()))
        self.known, self.score = known, score

    def _columns(self, class_id: Ints) -> Ints | int:
        """Return the column of each class; classes that were not seen before get one."""
        known = self.known
        if len(known) == 1 and (class_id == known[0]).all():  # so it is with detectors of one class, in every frame
            return 0
        wider = np.union1d(known, class_id)
        if len(wider) > len(known):
            score = np.zeros((len(self.score), len(wider)))
            score[:, np.searchsorted(wider, known)] = self.score
            self.known, self.score = wider, score
        return np.searchsorted(self.known, class_id)
