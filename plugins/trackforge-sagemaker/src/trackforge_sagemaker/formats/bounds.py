"""The filter of the examples' outputs: boxes that are too flat or too small are not shown.

Source: the ByteTrack and FairMOT examples of AWS, whose clients and servers leave out ``w / h > 1.6`` and small areas.
Only answers of their shape are filtered, never ours.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trackforge.types import Tracks

__all__ = ["FLATTEST", "SMALLEST", "shown_boxes"]

FLATTEST = 1.6
"""Width over height, at most."""
SMALLEST = 10.0
"""Area in px², which must be exceeded."""


def shown_boxes(tracks: Tracks) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return ids ``(N,)``, boxes ``(N, 4)`` as left, top, width, height in px, and scores ``(N,)`` of what is shown."""
    visible = tracks.visible
    boxes = visible.xyxy.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    width, height = boxes[:, 2], boxes[:, 3]
    kept = (width <= FLATTEST * height) & (width * height > SMALLEST)
    return visible.track_id[kept], boxes[kept], visible.score[kept].astype(np.float64)
