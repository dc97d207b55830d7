"""Which point of a box says where its object is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.types import Step, TrackState

__all__ = ["Anchor", "Box", "Seen", "anchors", "seen"]

Anchor: TypeAlias = Literal["bottom", "center", "corners"]
"""The middle of the lower edge, where something stands; the middle of the box; or its four corners at once."""
Box: TypeAlias = Literal["filtered", "detected"]
"""The motion model's box, or the detector's own."""
Floats: TypeAlias = npt.NDArray[np.float64]
INSET = 1e-3
"""Pixels within the edges at which those stand whom an edge cuts off, so that shapes up to the edges have them."""


@dataclass(frozen=True)
class Seen:
    """The tracks of a step that count: those that are seen, as `trackforge.types.Tracks.visible` says.

    Attributes:
        track_id: ``(N,)`` int64.
        class_id: ``(N,)`` int64.
        xyxy: ``(N, 4)`` float64 pixels.
    """

    track_id: npt.NDArray[np.int64]
    class_id: npt.NDArray[np.int64]
    xyxy: Floats

    def __len__(self) -> int:
        return len(self.track_id)


def seen(step: Step, box: Box) -> Seen:
    """Return the tracks of a step that are seen, with the boxes that are wanted."""
    tracks = step.tracks
    rows = np.flatnonzero((tracks.state == TrackState.CONFIRMED) & (tracks.detection >= 0))
    xyxy = tracks.xyxy[rows].astype(np.float64)
    if box == "detected":
        detection = tracks.detection[rows]
        has = detection < len(step.detections)
        xyxy[has] = step.detections.xyxy[detection[has]]
    return Seen(tracks.track_id[rows], tracks.class_id[rows], xyxy)


def anchors(xyxy: Floats, anchor: Anchor, size: tuple[int, int] | None = None) -> Floats:
    """Return where objects are, by K points a box; K is 4 for corners, otherwise 1.

    Args:
        xyxy: ``(N, 4)`` pixels.
        anchor: Which points.
        size: ``(width, height)`` of the picture within which points are kept; None where they may be anywhere. Boxes
            that are wholly outside stay there.

    Returns:
        ``(N, K, 2)`` pixels.
    """
    x1, y1, x2, y2 = xyxy.T
    if anchor == "corners":
        points = np.stack((x1, y1, x2, y1, x2, y2, x1, y2), axis=1).reshape(-1, 4, 2)
    else:
        points = np.stack(((x1 + x2) / 2, y2 if anchor == "bottom" else (y1 + y2) / 2), axis=1)[:, None]
    if size is None:
        return points
    shown = (x2 >= 0) & (y2 >= 0) & (x1 <= size[0]) & (y1 <= size[1])
    return np.where(shown[:, None, None], np.clip(points, INSET, np.subtract(size, INSET)), points)
