"""What OC-SORT remembers of each track: where it was seen lately, and which way it went."""

from __future__ import annotations

import numpy as np

from trackforge.online import Column, Floats, Ints
from trackforge.protocols import MotionModel, MotionState

__all__ = ["NEVER", "agreement", "heading", "memory", "previous_boxes", "remember", "replay"]

NEVER = -np.inf
"""The time of an observation that was not made."""
SLACK = 1e-6
"""Frames by which times may differ from whole numbers, and pixels that keep a standing object's heading at zero."""

LONGEST_WAY = 10_000.0
"""Frames of a gap over which a filter is led; of a longer one, the last that many."""


def memory(depth: int) -> dict[str, Column]:
    """Return the columns that hold it, ``depth`` observations a track.

    ``heading`` ``(N, 2)`` is where the track was going when it was last seen, ``past`` ``(N, K, 4)`` and ``times``
    ``(N, K)`` are its last observations, see `previous_boxes`.
    """
    return {
        "heading": Column(np.float64, (2,)),
        "past": Column(np.float64, (depth, 4), -1.0),
        "times": Column(np.float64, (depth,), NEVER),
    }


def previous_boxes(past: Floats, times: Floats, now: float, span: float) -> Floats:
    """Return the oldest box seen within the last ``span`` frames, or else the last one seen.

    Args:
        past: ``(N, K, 4)`` the last boxes of each track, newest last.
        times: ``(N, K)`` when they were seen, `NEVER` where there are fewer.
        now: The present.
        span: Frames to look back.

    Returns:
        ``(N, 4)``; meaningless where nothing was seen yet.
    """
    recent = times >= now - span - SLACK
    which = np.where(recent[:, -1], recent.argmax(axis=1), times.shape[1] - 1)
    out: Floats = past[np.arange(len(past)), which]
    return out


def remember(past: Floats, times: Floats, rows: Ints, boxes: Floats, now: float) -> tuple[Floats, Floats]:
    """Return the memory with one more box for some of the tracks; the oldest of theirs is forgotten."""
    past, times = past.copy(), times.copy()
    past[rows, :-1], times[rows, :-1] = past[rows, 1:], times[rows, 1:]
    past[rows, -1], times[rows, -1] = boxes, now
    return past, times


def heading(start: Floats, end: Floats) -> Floats:
    """Return unit vectors from the centres of boxes to those of others, ``(N, 2)``; near zero where nothing moved."""
    x, y, length = _way(start, end)
    return np.stack((x, y), axis=1) / (length + SLACK)[:, None]


def agreement(start: Floats, end: Floats, going: Floats) -> Floats:
    """Say how well ways from box to box agree with a heading: 0.5 fully, 0 at right angles or at rest, -0.5 opposed.

    The three broadcast but for their last axis.

    Source: Cao et al., CVPR 2023, section 4.2, equation 8: the angle between the direction of a track and the one from
    its earlier observation to the detection.
    """
    x, y, length = _way(start, end)
    x *= going[..., 0]
    y *= going[..., 1]
    x += y
    x /= length + SLACK
    out: Floats = 0.5 - np.arccos(np.clip(x, -1.0, 1.0, out=x)) / np.pi
    return out


def _way(start: Floats, end: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the steps in x and y between centres, and their length."""
    x = (end[..., 0] + end[..., 2]) * 0.5 - (start[..., 0] + start[..., 2]) * 0.5
    y = (end[..., 1] + end[..., 3]) * 0.5 - (start[..., 1] + start[..., 3]) * 0.5
    return x, y, np.sqrt(np.square(x) + np.square(y))


def replay(
    motion: MotionModel,
    state: MotionState,
    last: Floats,
    found: Floats,
    gaps: Floats,
    *,
    later: MotionModel | None = None,
) -> MotionState:
    """Re-update: lead filters over the gap along straight lines from the last boxes to those found again.

    What a filter made up while it saw nothing is thrown away. One virtual box a frame of the gap takes its place, the
    last one being the box found; `LONGEST_WAY` of them at most.

    Source: Cao et al., "Observation-Centric SORT", CVPR 2023, section 4.1, equation 7.

    Args:
        motion: The model of the filters.
        state: R filters as they were when their tracks were last seen.
        last: ``(R, 4)`` the boxes seen then.
        found: ``(R, 4)`` the boxes seen now.
        gaps: ``(R,)`` the frame intervals between.
        later: The model for all steps after the first, where it differs.
    """
    out = tuple([np.empty_like(column) for column in state])
    steps = np.maximum(np.rint(gaps), 1.0)
    lengths = gaps / steps
    if (far := steps > LONGEST_WAY).any():  # the last part of a line as long as that says all that a filter can know
        last = np.where(far[:, None], found - (found - last) * (LONGEST_WAY / steps)[:, None], last)
        steps = np.minimum(steps, LONGEST_WAY)
    for dt in np.unique(lengths):
        rows = np.flatnonzero(lengths == dt)
        rows = rows[np.argsort(-steps[rows], kind="stable")]  # those with the longest way stay to the end
        part = tuple([column[rows] for column in state])
        start, ends, model = last[rows], steps[rows], motion
        move = (found[rows] - start) / ends[:, None]
        for step in range(1, int(ends[0]) + 1):
            part = model.update(model.predict(part, dt=float(dt)), start + move * step)
            model = later or motion
            left = int(np.count_nonzero(ends > step))
            if left < len(ends):
                for column, values in zip(out, part, strict=True):
                    column[rows[left:]] = values[left:]
                part = tuple([column[:left] for column in part])
                rows, start, move, ends = rows[:left], start[:left], move[:left], ends[:left]
    return out
