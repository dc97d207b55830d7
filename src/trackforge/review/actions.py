"""Edits as data, as a page sends them and a journal keeps them: ``{"action": "split", "track": 3, "frame": 120}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from trackforge.errors import InvalidInputError, did_you_mean
from trackforge.intake.documents import finite_number, whole_number
from trackforge.review import edits
from trackforge.review.document import Document
from trackforge.review.tracks import LARGEST

__all__ = ["ACTIONS", "apply"]

_Do = Callable[..., Document]
_ON_BOX = ("track", "frame")
ACTIONS: Mapping[str, tuple[_Do, tuple[str, ...]]] = {
    "accept": (edits.accept, ("frames",)),
    "reopen": (edits.reopen, ("frames",)),
    "set_box": (edits.set_box, (*_ON_BOX, "xyxy")),
    "put_keyframe": (edits.put_keyframe, _ON_BOX),
    "delete_keyframe": (edits.delete_keyframe, _ON_BOX),
    "set_outside": (edits.set_outside, (*_ON_BOX, "outside")),
    "add_track": (edits.add_track, ("frame", "xyxy", "label")),
    "delete_box": (edits.delete_box, _ON_BOX),
    "delete_track": (edits.delete_track, ("track",)),
    "finish": (edits.finish, _ON_BOX),
    "begin": (edits.begin, _ON_BOX),
    "split": (edits.split, _ON_BOX),
    "merge": (edits.merge, ("track", "other")),
    "rename": (edits.rename, ("track", "label")),
    "add_class": (edits.add_class, ("name",)),
    "rename_class": (edits.rename_class, ("label", "name")),
    "set_attributes": (edits.set_attributes, ("track", "attributes")),
}
"""What there is to do: the function, and what it takes. ``frames`` may also be told as ``first`` and ``last``."""


def apply(document: Document, edit: Mapping[str, Any]) -> Document:
    """Return the document after an edit.

    Raises:
        InvalidInputError: There is no such action, something is missing, too much or wrong, or the edit is refused.
    """
    action = edit.get("action")
    if not isinstance(action, str) or action not in ACTIONS:
        hint = did_you_mean(action, ACTIONS) if isinstance(action, str) else ""
        raise InvalidInputError(f"action must be one of {', '.join(ACTIONS)}; got {_short(action)}.{hint}")
    do, names = ACTIONS[action]
    given = {name: value for name, value in edit.items() if name != "action"}
    if "frames" in names and {"first", "last"} <= given.keys():
        first, last = (_read(name, given.pop(name)) for name in ("first", "last"))
        given.setdefault("frames", [k for k in document.frames.tolist() if first <= k <= last])
    if given.keys() != set(names):
        raise InvalidInputError(
            f"{action} takes {', '.join(names)}; got {', '.join(map(_short, given)) or 'none of it'}. Say just these."
        )
    return do(document, **{name: _read(name, value) for name, value in given.items()})


def _read(name: str, value: Any) -> Any:
    """Return one argument as its function takes it."""
    try:
        if name == "xyxy":
            return tuple(map(finite_number, _list(value, 4)))
        if name == "frames":
            return [whole_number(one, 0, LARGEST) for one in _list(value)]
        if name == "outside":
            return _of(bool, value, "true or false")
        if name == "name":
            return _of(str, value, "text")
        if name == "attributes":
            return _of(dict, value, "an object of texts")
        return whole_number(value, 0, LARGEST)
    except ValueError as error:
        raise InvalidInputError(f"{name} {str(error).rstrip('.')}. Change it.") from None


def _list(value: Any, length: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (length is not None and len(value) != length):
        what = "a list" if length is None else f"a list of {length} numbers"
        raise ValueError(f"must be {what}; got {_short(value)}")
    return value


def _of(kind: type, value: Any, what: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"must be {what}; got {_short(value)}")
    return value


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
