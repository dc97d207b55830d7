"""What differs between two documents, as data that makes one of the other: how edits are undone, and done again.

Only what differs is told: of a track that has changed the keyframes that came or went, and of what is checked the
frames.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from trackforge.errors import DataError
from trackforge.review.document import Document
from trackforge.review.encoding import keyframe_of, keyframe_value, track_of, track_value
from trackforge.review.tracks import LabelTrack

__all__ = ["difference", "patched", "shown"]


def difference(old: Document, new: Document) -> dict[str, Any]:
    """Return what makes the new document of the old one, as a value of JSON."""
    told: dict[str, Any] = {}
    was, now = old.head(), new.head()
    head = {name: value for name, value in now.items() if name != "checked" and value != was[name]}
    if head:
        told["head"] = head
    if old.checked != new.checked:
        told["checked"] = {"add": sorted(new.checked - old.checked), "drop": sorted(old.checked - new.checked)}
    tracks = {str(number): _track(one, other) for number, (one, other) in _pairs(old, new).items()}
    if tracks:
        told["tracks"] = tracks
    return told


def patched(document: Document, change: Mapping[str, Any]) -> Document:
    """Return the document that a difference makes of this one.

    Raises:
        DataError: The difference is none, or was made of another document.
    """
    try:
        head = document.head() | change.get("head", {})
        checked = change.get("checked", {})
        kept = document.checked.union(checked.get("add", ())).difference(checked.get("drop", ()))
        tracks = {one.id: one for one in document.tracks}
        for text, told in change.get("tracks", {}).items():
            number = int(text)
            if told is None:
                del tracks[number]
            elif "keyframes" in told:
                tracks[number] = track_of(told)
            else:
                tracks[number] = _changed(tracks[number], told)
        made = Document.decoded(head | {"tracks": [], "checked": []})
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"The history of an edit must fit the document; this does not: {error}.") from error
    return made.replace(tracks=tuple(tracks.values()), checked=kept)


def shown(old: Document, new: Document) -> dict[str, Any]:
    """Return what differs for whoever shows the old document: tracks that changed as a whole, None for those gone."""
    told = difference(old, new)
    tracks = {
        str(number): None if other is None else track_value(other) for number, (_, other) in _pairs(old, new).items()
    }
    return {"head": told.get("head", {}), "checked": told.get("checked", {"add": [], "drop": []}), "tracks": tracks}


def _pairs(old: Document, new: Document) -> dict[int, tuple[LabelTrack | None, LabelTrack | None]]:
    """Return the tracks that differ, by number; most are the very same objects in both."""
    was, now = ({one.id: one for one in document.tracks} for document in (old, new))
    pairs = {number: (was.get(number), now.get(number)) for number in sorted(was.keys() | now.keys())}
    return {number: pair for number, pair in pairs.items() if pair[0] is not pair[1] and pair[0] != pair[1]}


def _track(old: LabelTrack | None, new: LabelTrack | None) -> dict[str, Any] | None:
    if new is None or old is None:
        return None if new is None else track_value(new)
    was, now = ({one.frame: one for one in track.keyframes} for track in (old, new))
    told = {
        str(frame): keyframe_value(now[frame]) if frame in now else None
        for frame in sorted(was.keys() | now.keys())
        if was.get(frame) != now.get(frame)
    }
    own = {"label": new.label, "object_id": new.object_id, "attributes": dict(new.attributes)}
    return own | {"changed": told}


def _changed(track: LabelTrack, told: Mapping[str, Any]) -> LabelTrack:
    keyframes = {one.frame: one for one in track.keyframes}
    for text, value in told["changed"].items():
        if value is None:
            del keyframes[int(text)]
        else:
            keyframes[int(text)] = keyframe_of(value)
    other = dataclasses.replace(
        track, label=told["label"], object_id=told["object_id"], attributes=dict(told["attributes"])
    )
    return other.with_keyframes(list(keyframes.values()))
