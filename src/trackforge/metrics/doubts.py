"""What looks wrong about truth and results that are to be scored: said in words, beside figures that would mislead.

Nothing is changed by it. Swapped files, results of another sequence and detections in place of tracks all give figures
that look official.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np

from trackforge.metrics.inputs import Job
from trackforge.metrics.overlaps import Overlaps
from trackforge.table import TrackTable

__all__ = ["doubt", "say"]

log = logging.getLogger(__name__)
MANY = 10
"""So many times the boxes of the truth no tracker gives."""
FEW = 0.01
"""A smaller share of the truth than this is met by chance only."""


def doubt(job: Job, overlaps: Overlaps) -> str | None:
    """Say what looks wrong about a sequence; None where nothing does.

    Args:
        job: Truth and tracks as they were read.
        overlaps: What is left to be scored.
    """
    truth, tracks = job.truth, job.tracks
    if not len(tracks):
        return None
    if not len(truth):
        return "the truth has no box at all, and the tracks have; is it the right file?"
    if not np.isin(truth.frames, tracks.frames, assume_unique=True).any():
        of = f"the truth is of frames {_range(truth)}, the tracks of {_range(tracks)}"
        return f"no frame has boxes on both sides; {of}. Are they of one sequence?"
    if job.swapped:
        return "the truth looks like results, and the tracks like ground truth; are the two swapped?"
    n = len(overlaps.truth_id)
    if not n:
        return "no box of the truth counts: each is flagged 0, or of a class that the preprocessing leaves out."
    if not len(overlaps.iou):
        return "not one box of the tracks overlaps one of the truth; are they of another sequence, or in other units?"
    if len(overlaps.track_id) > MANY * n:
        return (
            f"there are {len(overlaps.track_id)} boxes for {n} of the truth; are truth and tracks swapped, or are "
            "these detections?"
        )
    met = len(np.unique(overlaps.truth[overlaps.iou >= 0.5]))
    if len(tracks) >= 10 and 2 * met < n and (tracks.xyxy[:, 2:] > 2 * tracks.xyxy[:, :2]).all():
        return "no box is less wide than its left or less high than its top; are these right and bottom instead?"
    if n >= 100 and met < FEW * n:
        return f"{met} of {n} boxes of the truth are met; are the tracks of another sequence?"
    return None


def say(doubts: Iterable[tuple[str, str]]) -> None:
    """Log what looks wrong, once an evaluation.

    Args:
        doubts: Names of sequences, and what `doubt` said of each.
    """
    said = list(doubts)
    if said:
        name, words = said[0]
        others = f" The same or like of {len(said) - 1} more sequences." if len(said) > 1 else ""
        log.warning("The scores of %r may mean nothing: %s%s", name, words, others)


def _range(table: TrackTable) -> str:
    return f"{table.frame[0] + 1} to {table.frame[-1] + 1}"
