"""Which point of a box says where its object is."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.types import Step, Tracks

__all__ = ["Anchor", "Box", "anchors", "boxes"]

Anchor: TypeAlias = Literal["bottom", "center", "corners"]
"""The middle of the lower edge, where something stands; the middle of the box; or its four corners at once."""
Box: TypeAlias = Literal["filtered", "detected"]
"""The motion model's box, or the detector's own."""
Floats: TypeAlias = npt.NDArray[np.float64]


def boxes(step: Step, tracks: Tracks, box: Box) -> Floats:
    """Return the boxes ``(N, 4)`` float64 of tracks in pixels; without a detection the filtered one."""
    xyxy = tracks.xyxy.astype(np.float64)
    if box == "detected":
        has = (tracks.detection >= 0) & (tracks.detection < len(step.detections))
        xyxy[has] = step.detections.xyxy[tracks.detection[has]]
    return xyxy


def anchors(xyxy: Floats, anchor: Anchor) -> Floats:
    """Return K points a box: ``(N, 4)`` pixels to ``(N, K, 2)``; K is 4 for corners, otherwise 1."""
    x1, y1, x2, y2 = xyxy.T
    if anchor == "corners":
        return np.stack((x1, y1, x2, y1, x2, y2, x1, y2), axis=1).reshape(-1, 4, 2)
    middle = (x1 + x2) / 2
    return np.stack((middle, y2 if anchor == "bottom" else (y1 + y2) / 2), axis=1)[:, None]
