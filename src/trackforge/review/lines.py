"""What edits do to the keyframes of one track: hold, cut, join, and drop what says nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.review.tracks import Keyframe, LabelTrack

__all__ = ["after", "before", "changed", "following", "held", "hidden", "joined", "previous", "tidy"]

Ints: TypeAlias = npt.NDArray[np.int64]


def following(frames: Ints, frame: int) -> int | None:
    """Return the next frame of the sequence; None after the last."""
    place = int(np.searchsorted(frames, frame, side="right"))
    return int(frames[place]) if place < len(frames) else None


def previous(frames: Ints, frame: int) -> int | None:
    """Return the frame of the sequence before; None before the first."""
    place = int(np.searchsorted(frames, frame))
    return int(frames[place - 1]) if place else None


def changed(
    one: Keyframe,
    *,
    frame: int | None = None,
    outside: bool | None = None,
) -> Keyframe:
    """Return a keyframe that a person put, like another one."""
    return Keyframe(
        frame=one.frame if frame is None else frame,
        xyxy=one.xyxy,
        outside=one.outside if outside is None else outside,
        origin="person",
        attributes=one.attributes,
    )


def hidden(one: Keyframe, frame: int) -> Keyframe:
    """Return the keyframe from which on the object is not seen; it keeps where the line of ``one`` leads to."""
    return Keyframe(frame=frame, xyxy=one.xyxy, outside=True, origin="person")


def tidy(keyframes: Iterable[Keyframe]) -> list[Keyframe]:
    """Put keyframes in order, and drop those that say again that the object is not seen."""
    kept: list[Keyframe] = []
    for one in sorted(keyframes, key=lambda one: one.frame):
        if not one.outside or (kept and not kept[-1].outside):
            kept.append(one)
    return kept


def before(track: LabelTrack, frame: int) -> list[Keyframe]:
    """Return the keyframes that stand before a frame."""
    return [one for one in track.keyframes if one.frame < frame]


def after(track: LabelTrack, frame: int) -> list[Keyframe]:
    """Return the keyframes that stand after a frame."""
    return [one for one in track.keyframes if one.frame > frame]


def held(track: LabelTrack, frame: int, checked: Collection[int], like: Keyframe) -> list[Keyframe]:
    """Return keyframes that keep the boxes of checked frames where they are, when the one on ``frame`` changes.

    What changes with a keyframe are the lines to the keyframes on both sides of it. Where a frame that somebody has
    accepted lies on such a line, the line gets a keyframe there.

    Args:
        track: As it is before.
        frame: Where the change is.
        checked: Frames that are accepted.
        like: What the object looks like, for a frame on which it was accepted that it is not seen.
    """
    left = max((one.frame for one in before(track, frame)), default=-1)
    right = min((one.frame for one in after(track, frame)), default=None)
    nearest = max((one for one in checked if left < one < frame), default=None)
    next_ = min((one for one in checked if one > frame and (right is None or one < right)), default=None)
    made = [box for one in (nearest, next_) if one is not None and (box := track.at(one)) is not None]
    if next_ is not None and track.at(next_) is None:
        made.append(hidden(like, next_))
    return made


def joined(first: LabelTrack, second: LabelTrack, frames: Ints) -> list[Keyframe]:
    """Return the keyframes of two tracks that are one object.

    Raises:
        InvalidInputError: Both are seen on the same frame.
    """
    both = np.intersect1d(first.seen(frames).frame, second.seen(frames).frame)
    if len(both):
        where = f"frame {both[0]}" if len(both) == 1 else f"{len(both)} frames, {both[0]} to {both[-1]}"
        raise InvalidInputError(
            f"Tracks that become one must not be seen at once; {first.id} and {second.id} are on {where}. "
            "Delete the boxes of one there, or end it before."
        )
    made: dict[int, Keyframe] = {}
    for one, other in ((first, second), (second, first)):
        for keyframe in _explicit(one, other, frames):
            there = made.get(keyframe.frame)
            if there is None or there.outside:
                made[keyframe.frame] = keyframe
    return tidy(made.values())


def _explicit(track: LabelTrack, other: LabelTrack, frames: Ints) -> list[Keyframe]:
    """Return keyframes with one at the end of each run, so that no line goes on from there to the other track."""
    own = tidy(track.keyframes)
    starts = {one.frame: one.xyxy for one in other.keyframes if not one.outside}
    ends = [one.frame for one in own if one.outside]
    more = []
    for end in ends:
        last = previous(frames, end)
        leads_on = any(one.frame == end and starts.get(end) == one.xyxy for one in own)
        if last is not None and not leads_on and (box := track.at(last)) is not None:
            more.append(box)
    return [*{one.frame: one for one in (*more, *own)}.values()]
