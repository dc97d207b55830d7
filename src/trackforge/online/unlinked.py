"""No tracking at all: every detection as it comes, without identity, through whatever takes tracks."""

from __future__ import annotations

from typing import Any

import numpy as np

from trackforge.errors import StateError
from trackforge.types import Detections, Frame, Tracks, TrackState

__all__ = ["Unlinked"]


class Unlinked:
    """Gives each detection as a visible row of ``track_id`` -1, so that detections travel as tracks do.

    It stands where a `trackforge.protocols.Tracker` does, but makes no tracks: `trackforge.detect` is made of it.
    """

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:  # noqa: ARG002 - a Tracker's signature
        """Return a row a detection, in their order."""
        n = len(detections)
        return Tracks.unchecked(
            track_id=np.full(n, -1, np.int64),
            xyxy=detections.xyxy.copy(),
            score=detections.score.copy(),
            class_id=detections.class_id.copy(),
            state=np.full(n, int(TrackState.CONFIRMED), np.int64),
            age=np.ones(n, np.int64),
            time_since_update=np.zeros(n, np.int64),
            detection=np.arange(n, dtype=np.int64),
        )

    def reset(self) -> None:
        """Do nothing: there is nothing to forget."""

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state."""
        return {}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take an empty state.

        Raises:
            StateError: It is a tracker's.
        """
        if state:
            raise StateError(f"Detection without tracking has no state; got one with {', '.join(map(str, state))}.")
