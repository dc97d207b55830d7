"""Whether a file of detections fits the video that it is replayed on: said once, and changing nothing."""

from __future__ import annotations

import numpy as np

from trackforge.table import TrackTable
from trackforge.types import Stream

__all__ = ["suspicion"]

ENOUGH = 20
"""Boxes from which a rule can be told."""


def suspicion(table: TrackTable, stream: Stream) -> str | None:
    """Say why detections are hardly of a video, or not boxes as they should be; None where nothing speaks against it.

    Args:
        table: Detections of one sequence.
        stream: What is known of the video.
    """
    if not len(table):
        return None
    last = int(table.frame[-1]) + 1
    length = stream.length if stream.total is None else stream.total
    if length is not None and last > 1.02 * length + 2:  # a length that a container states is a guess
        return f"they go up to frame {last}, and there are {length}; are they of another video?"
    if len(table) < ENOUGH:
        return None
    corner, size = table.xyxy[:, :2], table.xyxy[:, 2:] - table.xyxy[:, :2]
    if (size >= corner).all() and (np.std(size - corner, axis=0) < 0.5 * np.std(size, axis=0)).all():
        return "each width grows with the place of the box; are they left, top, right, bottom?"
    if stream.size is not None:
        reach = table.xyxy[:, 2:].max(axis=0) / stream.size
        start = table.xyxy[:, :2].min(axis=0) / stream.size
        if (reach <= 0.67).all() and (reach - start >= 0.75 * reach).all() and (reach >= 0.2).all():
            return (
                f"all lie in the upper left {100 * reach[0]:.0f} % x {100 * reach[1]:.0f} % of the picture, and fill "
                "it; were they found in a smaller one?"
            )
    return None
