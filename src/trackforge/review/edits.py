"""What people do to labels: each edit is a pure function from one document to the next, or refuses with a reason.

Where a keyframe changes, boxes change up to the keyframes beside it, and no further than the nearest frame that
somebody has accepted: what is checked stays as it is, unless the edit is about that very frame, or about a track as a
whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from trackforge.errors import InvalidInputError
from trackforge.review import asked, lines
from trackforge.review.document import Document
from trackforge.review.tracks import Keyframe, LabelTrack

__all__ = [
    "accept",
    "add_class",
    "add_track",
    "begin",
    "delete_box",
    "delete_keyframe",
    "delete_track",
    "finish",
    "merge",
    "put_keyframe",
    "rename",
    "rename_class",
    "reopen",
    "set_attributes",
    "set_box",
    "set_outside",
    "split",
]


def accept(document: Document, frames: Iterable[int]) -> Document:
    """Say that the boxes of frames are right."""
    numbers = asked.frames(document, frames)
    if numbers <= document.checked:
        raise InvalidInputError("At least one frame must be left to accept; all of these are accepted.")
    return _done(document, checked=document.checked | numbers)


def reopen(document: Document, frames: Iterable[int]) -> Document:
    """Take back that the boxes of frames are right."""
    numbers = asked.frames(document, frames)
    if not numbers & document.checked:
        raise InvalidInputError("At least one frame must be accepted to be taken back; none of these is.")
    return _done(document, checked=document.checked - numbers)


def set_box(document: Document, track: int, frame: int, xyxy: Sequence[float]) -> Document:
    """Put the box of a track on a frame; where it was not seen, it is from here to its next keyframe."""
    one, box = document.track(track), asked.box(document, xyxy)
    asked.frame(document, frame)
    there = one.at(frame)
    told = there or _nearest(one, frame)
    new = Keyframe(frame=frame, xyxy=box, origin="person", attributes=told.attributes)
    own = there is not None and there.origin == "person" and any(k.frame == frame for k in one.keyframes)
    return _put(document, one, new, "" if own else "moved" if there else "added")


def put_keyframe(document: Document, track: int, frame: int) -> Document:
    """Say that the box of a track is right on this frame, wherever the boxes beside it are moved to."""
    one = document.track(track)
    there = _seen(document, one, frame)
    if there.origin == "person" and any(k.frame == frame for k in one.keyframes):
        raise InvalidInputError(f"A frame can have one keyframe of a track; frame {frame} has one of yours.")
    return _put(document, one, lines.changed(there), "moved")


def delete_keyframe(document: Document, track: int, frame: int) -> Document:
    """Take a keyframe away: the boxes beside it then lie on the line between its neighbours."""
    one = document.track(track)
    gone = next((k for k in one.keyframes if k.frame == frame), None)
    if gone is None:
        raise InvalidInputError(f"There must be a keyframe of track {track} on frame {frame}; there is none.")
    rest = [k for k in one.keyframes if k is not gone]
    if all(k.outside for k in rest):
        raise InvalidInputError(f"Track {track} must keep a keyframe with a box; this is its last. Delete the track.")
    kept = {k.frame: k for k in (*rest, *lines.held(one, frame, document.checked, gone))}
    return _with(document, one, kept.values(), "moved" if gone.origin == "model" else "")


def set_outside(document: Document, track: int, frame: int, outside: bool) -> Document:
    """Say that the object of a track is not seen from a frame to the next keyframe, or that it is."""
    one = document.track(track)
    asked.frame(document, frame)
    there = one.at(frame)
    if (there is None) == outside:
        raise InvalidInputError(f"Track {track} is {'not seen' if outside else 'seen'} on frame {frame} already.")
    if there is None:
        return _put(document, one, lines.changed(_nearest(one, frame), frame=frame, outside=False), "added")
    return _put(document, one, lines.hidden(there, frame), "deleted")


def add_track(
    document: Document, frame: int, xyxy: Sequence[float], label: int, *, until: int | None = None, object_id: str = ""
) -> Document:
    """Draw an object that nobody found; it stays where it is up to the next frame that is accepted, or the last.

    Args:
        document: Where.
        frame: On which frame.
        xyxy: Corners in pixels.
        label: Its class.
        until: Its last frame.
        object_id: What another program calls it.
    """
    asked.frame(document, frame)
    asked.label(document, label)
    new = Keyframe(frame=frame, xyxy=asked.box(document, xyxy), origin="person")
    end = min((one for one in document.checked if one > frame), default=None)
    if until is not None:
        asked.frame(document, until)
        if until < frame:
            raise InvalidInputError(f"A track must end after it begins; got {until} for one that begins on {frame}.")
        end = lines.following(document.frames, until)
    keyframes = (new,) if end is None else (new, lines.hidden(new, end))
    number = max((one.id for one in document.tracks), default=0) + 1
    track = LabelTrack(id=number, object_id=object_id, label=label, keyframes=keyframes)
    return _done(document, "added", tracks=(*document.tracks, track))


def delete_box(document: Document, track: int, frame: int) -> Document:
    """Take away the box of a track on one frame; its other boxes stay where they are."""
    one = document.track(track)
    there = _seen(document, one, frame)
    made = {k.frame: k for k in one.keyframes}
    after = lines.following(document.frames, frame)
    if after is not None and (next_ := one.at(after)) is not None:
        made[after] = next_
    made[frame] = lines.hidden(there, frame)
    return _with(document, one, made.values(), "deleted")


def delete_track(document: Document, track: int) -> Document:
    """Take away a track with all its boxes."""
    one = document.track(track)
    return _done(document, "deleted", tracks=tuple(k for k in document.tracks if k is not one))


def finish(document: Document, track: int, frame: int) -> Document:
    """Make a frame the last of a track: later boxes go, and where it ended before, it stays where it was up to here."""
    one = document.track(track)
    asked.frame(document, frame)
    seen = one.seen(document.frames).frame
    earlier = seen[seen <= frame]
    if not len(earlier):
        raise InvalidInputError(f"Track {track} must begin before it ends; it is first seen on frame {seen[0]}.")
    last = int(earlier[-1])
    if int(seen[-1]) == frame:
        raise InvalidInputError(f"Track {track} ends on frame {frame} already.")
    end = _seen(document, one, last)
    made = {k.frame: k for k in (*lines.before(one, last), end)}
    if last < frame:
        made[frame] = lines.changed(end, frame=frame)
    after = lines.following(document.frames, frame)
    if after is not None:
        made[after] = lines.hidden(end, after)
    return _with(document, one, made.values(), "added" if last < frame else "deleted")


def begin(document: Document, track: int, frame: int) -> Document:
    """Make a frame the first of a track: earlier boxes go, and where it began later, it stands here from now on."""
    one = document.track(track)
    asked.frame(document, frame)
    seen = one.seen(document.frames).frame
    later = seen[seen >= frame]
    if not len(later):
        raise InvalidInputError(f"Track {track} must begin before it ends; it is last seen on frame {seen[-1]}.")
    first = int(later[0])
    if int(seen[0]) == frame:
        raise InvalidInputError(f"Track {track} begins on frame {frame} already.")
    start = _seen(document, one, first)
    made = {k.frame: k for k in (start, *lines.after(one, first))}
    if first > frame:
        made[frame] = lines.changed(start, frame=frame)
    return _with(document, one, made.values(), "added" if first > frame else "deleted")


def split(document: Document, track: int, frame: int) -> Document:
    """Make two tracks of one: from a frame on it is another object, which gets the next free number."""
    one = document.track(track)
    asked.frame(document, frame)
    seen = one.seen(document.frames).frame
    if not len(seen) or seen[0] >= frame or seen[-1] < frame:
        raise InvalidInputError(
            f"Both parts of a track must be seen; track {track} has no box {_side(seen, frame)} frame {frame}. "
            "Cut it within its life."
        )
    here = one.at(frame)
    first, second = lines.before(one, frame), [k for k in one.keyframes if k.frame >= frame]
    first = [*first, lines.hidden(here or first[-1], frame)]
    if here is not None:
        second = [here, *lines.after(one, frame)]
    number = max(k.id for k in document.tracks) + 1
    new = LabelTrack(id=number, label=one.label, attributes=one.attributes, keyframes=tuple(lines.tidy(second)))
    rest = (k for k in document.tracks if k is not one)
    return _done(document, "joined", tracks=(*rest, one.with_keyframes(lines.tidy(first)), new))


def merge(document: Document, track: int, other: int) -> Document:
    """Make one track of two that are the same object; it keeps number, class and name of the first."""
    if track == other:
        raise InvalidInputError(f"Two tracks must be named to become one; got {track} twice.")
    one, two = document.track(track), document.track(other)
    whole = one.with_keyframes(lines.joined(one, two, document.frames))
    rest = (k for k in document.tracks if k is not one and k is not two)
    return _done(document, "joined", tracks=(*rest, whole))


def rename(document: Document, track: int, label: int) -> Document:
    """Give a track another class."""
    one = document.track(track)
    asked.label(document, label)
    if one.label == label:
        raise InvalidInputError(f"Track {track} is of class {document.classes[label]!r} already.")
    return _exchanged(document, one, dataclasses.replace(one, label=label), "renamed")


def add_class(document: Document, name: str) -> Document:
    """Add a class at the end of the list."""
    return _done(document, classes=(*document.classes, asked.name(document, name)))


def rename_class(document: Document, label: int, name: str) -> Document:
    """Give a class another name, for all of its tracks."""
    asked.label(document, label)
    classes = list(document.classes)
    classes[label] = asked.name(document, name)
    return _done(document, classes=tuple(classes))


def set_attributes(document: Document, track: int, attributes: Mapping[str, str]) -> Document:
    """Say what is true of an object on all frames; what was said before is replaced."""
    one = document.track(track)
    return _exchanged(document, one, dataclasses.replace(one, attributes=dict(attributes)), "")


# ---- what all of them share


def _done(document: Document, touched: str = "", **changes: Any) -> Document:
    """Return the next document, with the edit counted."""
    effort = document.effort
    if touched:
        effort = dataclasses.replace(effort, **{touched: getattr(effort, touched) + 1})
    return document.replace(effort=effort, edits=document.edits + 1, **changes)


def _exchanged(document: Document, old: LabelTrack, new: LabelTrack, touched: str) -> Document:
    if old == new:
        raise InvalidInputError(f"An edit must change something; track {old.id} is like that already.")
    return _done(document, touched, tracks=tuple(new if one is old else one for one in document.tracks))


def _with(document: Document, track: LabelTrack, keyframes: Iterable[Keyframe], touched: str) -> Document:
    """Return the document with other keyframes of a track; it goes where none of them has a box on any frame."""
    kept = lines.tidy(keyframes)
    if not any(not one.outside for one in kept):
        return _done(document, touched, tracks=tuple(one for one in document.tracks if one is not track))
    return _exchanged(document, track, track.with_keyframes(kept), touched)


def _put(document: Document, track: LabelTrack, new: Keyframe, touched: str) -> Document:
    """Return the document with a keyframe put; accepted frames beside it stay as they are."""
    made = {one.frame: one for one in track.keyframes}
    made |= {one.frame: one for one in lines.held(track, new.frame, document.checked, new)}
    made[new.frame] = new
    return _with(document, track, made.values(), touched)


def _nearest(track: LabelTrack, frame: int) -> Keyframe:
    """Return the keyframe before a frame where the object is not seen, or the first."""
    return next((one for one in reversed(track.keyframes) if one.frame <= frame), track.keyframes[0])


def _seen(document: Document, track: LabelTrack, frame: int) -> Keyframe:
    asked.frame(document, frame)
    there = track.at(frame)
    if there is None:
        raise InvalidInputError(f"Track {track.id} must have a box on frame {frame}; it has none there.")
    return there


def _side(seen: np.ndarray[Any, Any], frame: int) -> str:
    return "before" if len(seen) and seen[0] >= frame else "from"
