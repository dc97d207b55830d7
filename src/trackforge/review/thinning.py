"""From a box on every frame to the few keyframes that mean the same boxes, so that people have few to move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.data.dialects.keyframes import chosen
from trackforge.errors import InvalidInputError
from trackforge.review.tracks import Box, Keyframe, LabelTrack, Origin

__all__ = ["Rows", "thinned"]

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]


class Rows:
    """Boxes in columns, one row a box, of any number of tracks.

    Args:
        frame: ``(R,)``.
        track_id: ``(R,)``; what is below 1 is no number of a track: each row of -1 becomes a track of its own.
        xyxy: ``(R, 4)`` pixels.
        score: ``(R,)``; NaN where nobody said.
        class_id: ``(R,)``.
        origins: Who made each box; one word for all, or one a row.
        attributes: What is said of each box; empty, or one a row.
    """

    def __init__(
        self,
        *,
        frame: Ints,
        track_id: Ints,
        xyxy: Floats,
        score: Floats,
        class_id: Ints,
        origins: Sequence[str] = (),
        attributes: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self.frame, self.xyxy, self.score, self.class_id = frame, xyxy, score, class_id
        self.origins, self.attributes = origins, attributes
        self.track_id = _numbered(track_id)


def thinned(
    rows: Rows, frames: Ints, tolerance: float, object_ids: Mapping[int, str], notes: list[str]
) -> Iterator[LabelTrack]:
    """Yield the tracks, in order of their numbers.

    Args:
        rows: The boxes.
        frames: Frames of the sequence, ascending.
        tolerance: How far, in pixels, a box may be from where it was; with 0 boxes and scores come back exactly.
        object_ids: Names of objects by the number of their track.
        notes: Gets what is worth knowing.

    Raises:
        InvalidInputError: A row stands on no frame of the sequence, or the tolerance is none.
    """
    if not 0 <= tolerance < inf:
        raise InvalidInputError(f"tolerance must be a number of pixels >= 0; got {tolerance}.")
    strange = rows.frame[~np.isin(rows.frame, frames)]
    if len(strange):
        raise InvalidInputError(
            f"Every box must stand on a frame of the sequence; frame {int(strange[0])} is none. "
            "Give all frames, those without boxes too."
        )
    order = np.lexsort((rows.frame, rows.track_id))
    ids = rows.track_id[order]
    changed = 0
    for group in np.split(order, np.flatnonzero(np.diff(ids)) + 1) if len(order) else ():
        labels, counts = np.unique(rows.class_id[group], return_counts=True)
        changed += len(labels) > 1
        number = int(rows.track_id[group[0]])
        yield LabelTrack(
            id=number,
            object_id=object_ids.get(number, ""),
            label=int(labels[counts.argmax()]),
            keyframes=tuple(_keyframes(rows, group, frames, tolerance)),
        )
    if changed:
        notes.append(f"{changed} tracks were of several classes; each got the one that most of its boxes had")


def _numbered(track_id: Ints) -> Ints:
    """Give numbers from 1 on to what has none."""
    ids: Ints = track_id.copy()
    following = max(0, int(ids.max(initial=0))) + 1
    if (ids == 0).any():
        ids[ids == 0] = following
        following += 1
    unknown = np.flatnonzero(ids < 0)
    ids[unknown] = following + np.arange(len(unknown))
    return ids


def _keyframes(rows: Rows, group: Ints, frames: Ints, tolerance: float) -> Iterator[Keyframe]:
    """Yield the keyframes of one track, with one ``outside`` after each run of frames but the last frame's."""
    at = np.searchsorted(frames, rows.frame[group])
    for run in np.split(np.arange(len(group)), np.flatnonzero(np.diff(at) != 1) + 1):
        of = group[run]
        values = rows.xyxy[of]
        if not tolerance:  # scores too
            values = np.column_stack((values, np.nan_to_num(rows.score[of], nan=1.0)))
        told = [rows.attributes[k] if rows.attributes else {} for k in of.tolist()]
        who = [_origin(rows.origins, k) for k in of.tolist()]
        fixed = np.array([one == "person" for one in who])
        fixed |= np.array([k > 0 and told[k] != told[k - 1] for k in range(len(told))])
        # the end of what a person put is a keyframe too: else what the model put would count as on that line
        fixed[1:] |= np.array([a != b for a, b in zip(who[1:], who[:-1], strict=True)], bool)
        fixed[:-1] |= np.array([a != b for a, b in zip(who[1:], who[:-1], strict=True)], bool)
        last = None
        for k in np.flatnonzero(chosen(rows.frame[of], values, tolerance, fixed)).tolist():
            row = int(of[k])
            score = float(rows.score[row])
            last = Keyframe(
                frame=int(rows.frame[row]),
                xyxy=_box(rows.xyxy[row]),
                origin=who[k],
                score=None if score != score or (who[k] == "person" and score == 1) else score,
                attributes=told[k],
            )
            yield last
        after = int(at[run[-1]]) + 1
        if last is not None and after < len(frames):
            yield Keyframe(frame=int(frames[after]), xyxy=last.xyxy, outside=True, origin=last.origin)


def _origin(origins: Sequence[str], row: int) -> Origin:
    return "person" if origins and origins[row if len(origins) > 1 else 0] == "person" else "model"


def _box(corners: Floats) -> Box:
    x1, y1, x2, y2 = corners.tolist()
    return (x1, y1, x2, y2)
