"""What Ground Truth's labels say beyond boxes, as further columns of a data set, and back to the very same JSON.

An attribute that a labeller stated is a column of its name: texts, numbers or truth values. What columns cannot tell
(an empty text from none, a list, a key that we do not know, a number that the guide has as a number and real files as a
text) stands as JSON in the column `REST`, as a difference to what the columns say, so that what is written equals what
was read, and yet a box that was moved, or got another class, is written as it is now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from trackforge.data.columns import Array
from trackforge.errors import DataError

__all__ = [
    "FRAME_OWN",
    "OBJECT_OWN",
    "REST",
    "ClassMap",
    "attribute_columns",
    "attributes_of",
    "attributes_told",
    "column_of",
    "difference",
    "plain_number",
    "rest_of",
    "rest_text",
    "with_difference",
]

REST = "ground_truth_rest"
OBJECT_OWN = frozenset({"object_id", "object_name", REST})
"""Columns of boxes that are no attributes here."""
FRAME_OWN = frozenset(
    {"frame_name", "job_name", "creation_date", "human_annotated", "adjustment_status", "timestamp", REST}
)
"""Columns of pictures that are no attributes of a frame."""
_ELSEWHERE = frozenset({"coco_id", "area", "rate", "record_name"})
"""Numbers of other formats."""
_TAKEN = (
    OBJECT_OWN
    | FRAME_OWN
    | _ELSEWHERE
    | {"id", "image", "image_id", "bbox", "xyxy", "category_id", "class_id", "track_id", "instance_id", "segmentation"}
    | {"iscrowd", "ignore", "visibility", "file_name", "path", "width", "height", "sequence", "frame", "split"}
    | {"video_id", "frame_id", "frame_index", "prev_image_id", "next_image_id"}
)
_FRONT = "attribute_"
_LONGEST, _MOST = 200, 100
"""Characters of a value, and attributes of a set, that become columns; a column is as wide as its longest text."""
_EXACT = 2**53


class ClassMap(NamedTuple):
    """The classes of a job, all of them.

    Attributes:
        numbers: Of the classes.
        place: Where they stand, for messages.
    """

    numbers: frozenset[int]
    place: str

    def require(self, number: int, what: str, path: Path) -> None:
        """Raise DataError, which names ``path``, where ``what`` has a class that is none of these."""
        if number not in self.numbers:
            known = ", ".join(map(str, sorted(self.numbers)[:20]))
            raise DataError(
                f"{what} must have a class of the class-map ({self.place}), {known}; got {number}. Correct one.",
                path=path,
            )


def attribute_columns(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the attributes of each row as values of columns; those of mixed kinds are left out here."""
    values: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            values.setdefault(name, []).append(value)
    kept: dict[str, type] = {}
    for name, found in values.items():
        kind = _kind(found, everywhere=len(found) == len(rows))
        if kind is not None and 0 < len(name) <= _LONGEST and len(kept) < _MOST:
            kept[name] = kind
    return [{column_of(name): kept[name](value) for name, value in row.items() if name in kept} for row in rows]


def _kind(values: Sequence[Any], *, everywhere: bool) -> type | None:
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return str if max(map(len, values)) <= _LONGEST else None
    if kinds == {bool}:
        return bool if everywhere else None
    if kinds <= {int, float} and all(isfinite(value) and abs(value) <= _EXACT for value in values):
        return int if kinds == {int} and everywhere else float  # a column of floats knows what is not stated
    return None


def column_of(name: str) -> str:
    """Return the column of an attribute: its name, longer where a set means something else by that."""
    return f"{_FRONT}{name}" if name in _TAKEN or name.startswith(_FRONT) else name


def attributes_told(extra: Mapping[str, Array], own: frozenset[str]) -> list[dict[str, Any]]:
    """Return the attributes of each row out of further columns; empty texts and NaN are not stated.

    Args:
        extra: The columns.
        own: Those that are no attributes.
    """
    rows: list[dict[str, Any]] = [{} for _ in range(max(map(len, extra.values()), default=0))]
    for column, values in extra.items():
        if column in own or column in _ELSEWHERE or values.ndim != 1:
            continue
        name = column.removeprefix(_FRONT)
        for row, value in zip(rows, values.tolist(), strict=True):
            if value != "" and value == value:
                row[name] = _written(value)
    return rows


def attributes_of(columns: Mapping[str, Any], own: frozenset[str]) -> dict[str, Any]:
    """Return what `attributes_told` will find in one row."""
    return {
        column.removeprefix(_FRONT): _written(value)
        for column, value in columns.items()
        if column not in own and column not in _ELSEWHERE and value != "" and value == value
    }


def _written(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT else value


def difference(entry: Mapping[str, Any], made: Mapping[str, Any], judged: Sequence[str]) -> dict[str, Any]:
    """Return how what stands in a file differs from what would be written; empty where it does not.

    Args:
        entry: As it stands in the file.
        made: As it would be written.
        judged: Keys whose values the columns say, boxes and classes; of them only the spelling is compared.
    """
    out: dict[str, Any] = {}
    gone = [key for key in made if key not in entry]
    if gone:
        out["without"] = gone
    numbers = [key for key in judged if key in made and type(entry.get(key)) is int and isinstance(made[key], str)]
    if numbers:
        out["numbers"] = numbers
    for key, value in entry.items():
        if key in judged:
            continue
        old = made.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = difference(value, old, ())
            if inner:
                out.setdefault("inner", {})[key] = inner
        elif key not in made or not _same(value, old):
            out.setdefault("with", {})[key] = value
    return out


def with_difference(made: dict[str, Any], rest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be written, as it stood in the file that it was read from; the inverse of `difference`."""
    for key in rest.get("without", ()):
        made.pop(key, None)
    for key in rest.get("numbers", ()):
        if isinstance(made.get(key), str) and made[key].isdecimal():
            made[key] = int(made[key])
    for key, inner in rest.get("inner", {}).items():
        if isinstance(made.get(key), dict):
            made[key] = with_difference(made[key], inner)
    made.update(rest.get("with", {}))
    return made


def rest_of(extra: Mapping[str, Array], row: int) -> Mapping[str, Any]:
    """Return what the column `REST` says of a row; nothing where it is not ours."""
    if REST not in extra or extra[REST].dtype.kind != "U" or not extra[REST][row]:
        return {}
    try:
        found = json.loads(str(extra[REST][row]))
    except (ValueError, RecursionError):
        return {}
    return found if _is_difference(found) else {}


def _is_difference(found: Any) -> bool:
    if not isinstance(found, dict):
        return False
    lists = (found.get("without", []), found.get("numbers", []))
    if not all(isinstance(one, list) and all(isinstance(key, str) for key in one) for one in lists):
        return False
    inner = found.get("inner", {})
    whole = isinstance(found.get("with", {}), dict) and isinstance(inner, dict)
    return whole and all(map(_is_difference, inner.values()))


def rest_text(rest: Mapping[str, Any]) -> str:
    """Return a difference as the column holds it."""
    return json.dumps(rest, ensure_ascii=False, separators=(",", ":"))


def plain_number(value: float) -> float:
    """Return a coordinate as JSON is to have it: to nine decimals, whole ones without a point."""
    rounded = round(float(value), 9)
    return int(rounded) if np.isfinite(rounded) and rounded == int(rounded) else rounded


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
