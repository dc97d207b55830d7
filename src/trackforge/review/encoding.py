"""How a document is written: JSON with one track a line, what is as by default left out, numbers to the last bit."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from trackforge.errors import DataError, InvalidInputError
from trackforge.intake.documents import finite_number, whole_number
from trackforge.intake.limits import check_limit, limits
from trackforge.review.tracks import LARGEST, Keyframe, LabelTrack

__all__ = [
    "FORMAT",
    "decoded",
    "encoded",
    "head_value",
    "judged",
    "keyframe_of",
    "keyframe_value",
    "track_of",
    "track_value",
]

FORMAT, VERSION = "trackforge.labels", 1
EFFORT = ("moved", "added", "deleted", "renamed", "joined")


def keyframe_value(one: Keyframe) -> dict[str, Any]:
    """Return a keyframe as a value of JSON."""
    told: dict[str, Any] = {"frame": one.frame, "xyxy": list(one.xyxy), "origin": one.origin}
    if one.outside:
        told["outside"] = True
    if one.score is not None:
        told["score"] = one.score
    if one.attributes:
        told["attributes"] = dict(one.attributes)
    return told


def track_value(one: LabelTrack) -> dict[str, Any]:
    """Return a track as a value of JSON."""
    told: dict[str, Any] = {"id": one.id, "label": one.label}
    if one.object_id:
        told["object_id"] = one.object_id
    if one.attributes:
        told["attributes"] = dict(one.attributes)
    return told | {"keyframes": [keyframe_value(k) for k in one.keyframes]}


def head_value(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of a document but its tracks as a value of JSON, given its attributes."""
    frames = fields["frames"].tolist()
    steps = np.diff(fields["frames"])
    if len(frames) > 2 and (steps == steps[0]).all():
        frames = {"first": frames[0], "count": len(frames), "step": int(steps[0])}
    return {
        "format": FORMAT,
        "version": VERSION,
        "sequence": fields["sequence"],
        "source": fields["source"],
        "rate": fields["rate"],
        "size": list(fields["size"]),
        "frames": frames,
        "files": list(fields["files"]),
        "classes": list(fields["classes"]),
        "checked": sorted(fields["checked"]),
        "wanted": list(fields["wanted"]),
        "notes": list(fields["notes"]),
        "effort": dict(fields["effort"]),
        "edits": fields["edits"],
    }


def encoded(fields: Mapping[str, Any]) -> bytes:
    """Return the file of a document, given its attributes."""
    lines = [f"{json.dumps(key)}: {_text(value)}" for key, value in head_value(fields).items()]
    tracks = ",\n".join(_line(one) for one in fields["tracks"])
    lines.append(f'"tracks": [\n{tracks}\n]' if tracks else '"tracks": []')
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def decoded(document: Any) -> dict[str, Any]:
    """Return the attributes of a document; what goes wrong is left to `judged`."""
    told = _object(document, "A document of labels")
    if told.get("format") != FORMAT:
        raise ValueError(f'A document of labels must say "format": "{FORMAT}"; got another file')
    version = whole_number(told.get("version"), 1)
    if version > VERSION:
        raise ValueError(f"the document is of version {version}; this release reads {VERSION} at most. Upgrade it")
    size = [whole_number(one, 0, LARGEST) for one in _list(told.get("size", [0, 0]), "size")]
    if len(size) != 2:
        raise ValueError(f"size must be a width and a height; got {len(size)} numbers")
    rate = told.get("rate")
    effort = _object(told.get("effort", {}), "effort")
    return {
        "sequence": _string(told.get("sequence"), "sequence"),
        "source": _string(told.get("source", ""), "source"),
        "rate": None if rate is None else finite_number(rate),
        "size": (size[0], size[1]),
        "frames": np.array(_frames(told.get("frames")), np.int64),
        "files": tuple(_string(one, "files") for one in _list(told.get("files", []), "files")),
        "classes": tuple(_string(one, "classes") for one in _list(told.get("classes"), "classes")),
        "tracks": tuple(track_of(one) for one in _list(told.get("tracks"), "tracks")),
        "checked": frozenset(whole_number(one, 0, LARGEST) for one in _list(told.get("checked", []), "checked")),
        "wanted": tuple(whole_number(one, 0, LARGEST) for one in _list(told.get("wanted", []), "wanted")),
        "notes": tuple(_string(one, "notes") for one in _list(told.get("notes", []), "notes")),
        "effort": {name: whole_number(effort.get(name, 0), 0, LARGEST) for name in EFFORT},
        "edits": whole_number(told.get("edits", 0), 0, LARGEST),
    }


def track_of(value: Any) -> LabelTrack:
    """Return a track from a value of JSON; raises ValueError where it is none."""
    told = _object(value, "A track")
    return LabelTrack(
        id=whole_number(told.get("id"), 1, LARGEST),
        object_id=_string(told.get("object_id", ""), "object_id"),
        label=whole_number(told.get("label", 0), 0, LARGEST),
        attributes=_object(told.get("attributes", {}), "attributes"),
        keyframes=tuple(keyframe_of(one) for one in _list(told.get("keyframes"), "keyframes")),
    )


def keyframe_of(value: Any) -> Keyframe:
    """Return a keyframe from a value of JSON; raises ValueError where it is none."""
    told = _object(value, "A keyframe")
    box = [finite_number(one) for one in _list(told.get("xyxy"), "xyxy")]
    outside = told.get("outside", False)
    if len(box) != 4 or not isinstance(outside, bool):
        raise ValueError("a keyframe must have four numbers as xyxy, and true or false as outside")
    score = told.get("score")
    return Keyframe(
        frame=whole_number(told.get("frame"), 0, LARGEST),
        xyxy=(box[0], box[1], box[2], box[3]),
        outside=outside,
        origin=cast("Any", _string(told.get("origin", "model"), "origin")),
        score=None if score is None else finite_number(score),
        attributes=_object(told.get("attributes", {}), "attributes"),
    )


@contextlib.contextmanager
def judged(path: str | Path | None) -> Iterator[None]:
    """Make a DataError that names the file of whatever a document has wrong."""
    try:
        yield
    except DataError as error:
        raise error if error.path is not None or path is None else DataError(str(error), path=path) from error
    except InvalidInputError as error:
        raise DataError(str(error), path=path) from error
    except (ValueError, TypeError, OverflowError) as error:
        why = str(error).rstrip(".")
        raise DataError(f"A document of labels must be well-formed: {why}. Is it damaged?", path=path) from error


def _frames(value: Any) -> list[int]:
    if isinstance(value, dict):
        first, count = whole_number(value.get("first"), 0), whole_number(value.get("count"), 0)
        step = whole_number(value.get("step", 1), 1)
        check_limit("frames", first + count * step, "The last frame")
        return list(range(first, first + count * step, step))
    most = limits().frames
    frames = [whole_number(one, 0) for one in _list(value, "frames")]
    if frames and max(frames) > most:
        check_limit("frames", max(frames), "The last frame")
    return frames


def _line(one: LabelTrack) -> str:
    if not one.line:
        object.__setattr__(one, "line", _text(track_value(one)))
    return one.line


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object; got {type(value).__name__}")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list; got {type(value).__name__}")
    return value


def _string(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text; got {type(value).__name__}")
    return value
