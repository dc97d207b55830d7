"""Which tracks are trusted: the rule that every tracker shares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trackforge.online.lifecycle import Ageing
from trackforge.types import TrackState

__all__ = ["judge"]

Ints = npt.NDArray[np.int64]
TENTATIVE, CONFIRMED, LOST = (np.int64(s) for s in TrackState)


def judge(
    ageing: Ageing, state: Ints, hits: Ints, matched: npt.NDArray[np.bool_], *, updates: int, streak: bool = False
) -> Ints:
    """Return the states of tracks after a frame.

    Args:
        ageing: Says how many detections it takes, and how long the warm-up is.
        state: ``(N,)`` states before the frame.
        hits: ``(N,)`` detections of each track, that of the frame included.
        matched: ``(N,)`` whether a track has a detection in the frame.
        updates: Frames since the start, this one included.
        streak: Whether trust is lost again with every gap (see `Quirks.streak`).
    """
    trusted = hits >= ageing.min_hits
    if not streak:
        trusted |= state != TENTATIVE
    if updates <= ageing.warm_up:
        trusted |= matched
    present, absent = np.where(trusted, CONFIRMED, TENTATIVE), np.where(state == TENTATIVE, TENTATIVE, LOST)
    judged: Ints = np.where(matched, present, absent)
    return judged
