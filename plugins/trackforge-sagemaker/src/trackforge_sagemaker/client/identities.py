"""Ids that go on over sessions: which track of a new session is which of the old one, by where they are."""

from __future__ import annotations

import collections

import numpy as np
import numpy.typing as npt

from trackforge.boxes import iou
from trackforge.types import Detections

__all__ = ["Identities"]

_SAME = 0.5
"""Overlap of two boxes in one frame from which on they are of one thing."""


class Identities:
    """Gives the ids that a caller sees for those of the session at hand.

    Until a session is lost the two are the same. Then frames are replayed in a new session, and a track of it takes the
    id of the old one whose boxes it overlaps with in the latest of these frames. What is new gets an id nobody had.

    Args:
        replay: Frames whose tracks are remembered.
    """

    def __init__(self, replay: int) -> None:
        self._known: collections.deque[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]
        self._known = collections.deque(maxlen=max(replay, 1))
        self._map: dict[int, int] | None = None
        self._greatest = 0
        self._replayed = 0
        self.count = 0
        self.next = 0

    def take(self, index: int, found: Detections) -> npt.NDArray[np.int64]:
        """Return the ids of a frame's tracks, ``(N,)`` int64, and remember where they are."""
        given = found.extra.get("track_id", np.empty(0, np.int64))
        ids = given if self._map is None else np.array([self._old(int(one)) for one in given], np.int64)
        self._greatest = max(self._greatest, int(ids.max(initial=0)))
        self._known.append((found.xyxy, ids))
        self.count += 1
        self.next = index + 1
        return ids

    def begin_again(self) -> None:
        """Expect the frames that are remembered once more, from a new session."""
        self._map, self._replayed = {}, 0

    def replay(self, found: Detections) -> None:
        """Learn from the answer to the next of these frames; a later frame's word counts more."""
        boxes, ids = self._known[self._replayed]
        self._replayed += 1
        given = found.extra.get("track_id", np.empty(0, np.int64))
        if self._map is None or not len(ids) or not len(given):
            return
        overlap = iou(found.xyxy.astype(np.float64), boxes.astype(np.float64))
        while overlap.size and overlap.max() >= _SAME:
            row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
            old = int(ids[column])
            self._map = {new: one for new, one in self._map.items() if one != old}
            self._map[int(given[row])] = old
            overlap[row, :] = overlap[:, column] = -1.0

    def _old(self, new: int) -> int:
        assert self._map is not None  # noqa: S101 - for the type checker
        if new not in self._map:
            self._greatest += 1
            self._map[new] = self._greatest
        return self._map[new]
