"""Every pair of overlapping truth and track boxes of a sequence, found once and shared by all metrics.

Frames hold tens to hundreds of boxes of which few overlap, so pairs are kept as a list instead of one matrix a frame.
They are found by a sweep over x for all frames at once: frame k's boxes are moved right by k times the width of the
scene, which makes a sequence one long strip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trackforge.table import TrackTable

__all__ = ["EPS", "Overlaps", "find_overlaps"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

EPS = float(np.finfo(np.float64).eps)
"""The slack of the official evaluator's comparisons."""
_BLOCK = 1 << 17
"""Candidate pairs looked at together: enough for NumPy's speed, few enough to stay in the cache."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Overlaps:
    """The boxes of a sequence and which of them overlap: G truth rows, T track rows, P pairs.

    Attributes:
        frames: Length of the sequence.
        truth_frame: ``(G,)`` frame of each truth row, increasing.
        truth_id: ``(G,)`` ids.
        track_frame: ``(T,)`` frame of each track row, increasing.
        track_id: ``(T,)`` ids.
        truth: ``(P,)`` truth row of each pair; pairs are sorted by truth row, then by track row.
        track: ``(P,)`` track row of each pair.
        iou: ``(P,)`` intersection over union, > 0.
    """

    frames: int
    truth_frame: Ints
    truth_id: Ints
    track_frame: Ints
    track_id: Ints
    truth: Ints
    track: Ints
    iou: Floats

    def keep(self, truth_rows: Mask, track_rows: Mask) -> Overlaps:
        """Return what is left when only some rows stay."""
        pairs = np.flatnonzero(truth_rows[self.truth] & track_rows[self.track])
        return Overlaps(
            frames=self.frames,
            truth_frame=self.truth_frame[truth_rows],
            truth_id=self.truth_id[truth_rows],
            track_frame=self.track_frame[track_rows],
            track_id=self.track_id[track_rows],
            truth=(np.cumsum(truth_rows) - 1)[self.truth[pairs]],
            track=(np.cumsum(track_rows) - 1)[self.track[pairs]],
            iou=self.iou[pairs],
        )

    def relabelled(self) -> Overlaps:
        """Return the same with ids counted from 0 without gaps, in increasing order of the old ids."""
        return Overlaps(
            frames=self.frames,
            truth_frame=self.truth_frame,
            truth_id=np.unique(self.truth_id, return_inverse=True)[1],
            track_frame=self.track_frame,
            track_id=np.unique(self.track_id, return_inverse=True)[1],
            truth=self.truth,
            track=self.track,
            iou=self.iou,
        )


def find_overlaps(truth: TrackTable, tracks: TrackTable, frames: int) -> Overlaps:
    """Find all pairs of boxes that overlap, and by how much."""
    g, t = truth.xyxy, tracks.xyxy
    area_g, area_t = _areas(g), _areas(t)
    codes, ious = [], []
    for rows_g, rows_t in _candidates(truth, tracks):
        code, iou = _overlapping(rows_g, rows_t, g, t, area_g, area_t)
        codes.append(code)
        ious.append(iou)
    code = np.concatenate(codes) if codes else np.empty(0, np.int64)
    order = np.argsort(code)
    code = code[order]
    return Overlaps(
        frames=frames,
        truth_frame=truth.frame,
        truth_id=truth.track_id,
        track_frame=tracks.frame,
        track_id=tracks.track_id,
        truth=code // max(1, len(tracks)),
        track=code % max(1, len(tracks)),
        iou=np.concatenate(ious)[order] if ious else np.empty(0),
    )


def _areas(xyxy: Floats) -> Floats:
    area: Floats = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    return area


def _candidates(truth: TrackTable, tracks: TrackTable) -> Iterator[tuple[Ints, Ints]]:
    """Yield blocks of pairs (truth rows, track rows) that meet on the x axis in the same frame, and few others.

    Two intervals meet if the left end of one lies inside the other. With left ends sorted, those inside an interval
    are neighbours, so two binary searches a box find all its partners.
    """
    if not len(truth) or not len(tracks):
        return
    left = min(truth.xyxy[:, 0].min(), tracks.xyxy[:, 0].min())
    width = max(truth.xyxy[:, 2].max(), tracks.xyxy[:, 2].max()) - left + 1
    slack = 4 * EPS * width * (max(truth.frame[-1], tracks.frame[-1]) + 1)  # what rounding in the strip can hide
    g1, g2 = (truth.frame * width + (truth.xyxy[:, side] - left) for side in (0, 2))
    t1, t2 = (tracks.frame * width + (tracks.xyxy[:, side] - left) for side in (0, 2))
    order_g, order_t = np.argsort(g1, kind="stable"), np.argsort(t1, kind="stable")
    g1_sorted, t1_sorted = g1[order_g], t1[order_t]
    first = np.searchsorted(g1_sorted, t1, "left")
    last = np.searchsorted(g1_sorted, t2 + slack, "right")
    for rows_t, rows_g in _expand(first, last, order_g):  # the truth box begins inside the track box
        yield rows_g, rows_t
    first = np.searchsorted(t1_sorted, g1, "right")
    last = np.searchsorted(t1_sorted, g2 + slack, "right")
    yield from _expand(first, last, order_t)  # the track box begins inside the truth box


def _expand(first: Ints, last: Ints, order: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Turn one range of partners a box into pairs (box, partner), in blocks."""
    count = np.maximum(last - first, 0)
    total = np.cumsum(count)
    start = 0
    while start < len(count):
        before = int(total[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(total, before + _BLOCK, "right")))
        n = count[start:stop]
        rows = np.repeat(np.arange(start, stop), n)
        offset = np.repeat(first[start:stop] - (total[start:stop] - n - before), n)
        yield rows, order[np.arange(len(rows)) + offset]
        start = stop


def _overlapping(
    rows_g: Ints, rows_t: Ints, g: Floats, t: Floats, area_g: Floats, area_t: Floats
) -> tuple[Ints, Floats]:
    """Return code (truth row * T + track row) and IoU of the candidates that overlap."""
    height = np.minimum(g[rows_g, 3], t[rows_t, 3]) - np.maximum(g[rows_g, 1], t[rows_t, 1])
    meet = np.flatnonzero(height > 0)
    rows_g, rows_t, height = rows_g[meet], rows_t[meet], height[meet]
    width = np.minimum(g[rows_g, 2], t[rows_t, 2]) - np.maximum(g[rows_g, 0], t[rows_t, 0])
    intersection = np.maximum(width, 0) * height
    a, b = area_g[rows_g], area_t[rows_t]
    union = a + b - intersection
    good = np.flatnonzero((intersection > 0) & (a > EPS) & (b > EPS) & (union > EPS))
    return rows_g[good] * len(t) + rows_t[good], intersection[good] / union[good]
