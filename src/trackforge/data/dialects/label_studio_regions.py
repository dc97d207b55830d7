"""The regions of a task of Label Studio: what several results of one id say together, a box, its class, its attributes.

A result of a region whose control is no box, ``choices`` or ``textarea`` for each region, is an attribute of it: the
control's name (``from_name``) with what was chosen or written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from trackforge.intake.documents import whole_number

__all__ = ["Region", "fps", "frame_rate", "media", "regions"]

_TOLD = {"choices": "choices", "textarea": "text", "number": "number", "rating": "rating", "datetime": "datetime"}
"""Controls that say something of a region, and where in the value."""


@dataclass
class Region:
    """What the results of one region say together: the box in one, perhaps the labels in another.

    Attributes:
        kind: Of the result that has the box.
        value: What that says.
        labels: Names of classes; the first counts.
        size: ``(width, height)`` in pixels that its percent are of; 0 where it is not stated.
        attributes: By the names of their controls.
    """

    kind: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    attributes: dict[str, str] = field(default_factory=dict)


def regions(task: Any, *, predictions: bool) -> tuple[dict[str, Region], bool]:
    """Return the regions of a task by id, from full or minimal JSON, and whether it has several annotations.

    Raises:
        TypeError, ValueError, KeyError, AttributeError: It is no task.
    """
    results, several = _results(task, predictions=predictions)
    found: dict[str, Region] = {}
    for number, result in enumerate(results):
        value, kind = result["value"], str(result.get("type", ""))
        one = found.setdefault(str(result.get("id", f"#{number}")), Region())
        if kind in _TOLD:
            told = value.get(_TOLD[kind])
            words = told if isinstance(told, list) else [told]
            texts = [str(word) for word in words if isinstance(word, (str, int, float))]
            if texts:
                one.attributes[str(result.get("from_name") or kind)] = ", ".join(texts)
            continue
        for key in (kind, "labels", "rectanglelabels"):
            words = value.get(key)
            if isinstance(words, list):
                one.labels += [str(word) for word in words if str(word) not in one.labels]
        if "sequence" in value or "width" in value:
            one.kind, one.value = kind, value
            sides = [result.get(k, value.get(k)) for k in ("original_width", "original_height")]
            if None not in sides:
                one.size = (whole_number(sides[0], 0), whole_number(sides[1], 0))
    return found, several


def _results(task: Any, *, predictions: bool) -> tuple[list[Mapping[str, Any]], bool]:
    several = False
    for key in ("annotations", "completions", "predictions"):
        if not isinstance(task.get(key), list) or (key == "predictions" and not predictions):
            continue
        kept = [a for a in task[key] if not a.get("was_cancelled") and not a.get("skipped")]
        several = several or len(kept) > 1
        if kept:
            return [r for r in kept[0].get("result", []) if isinstance(r.get("value"), dict)], several
    if "annotations" in task or "completions" in task:
        return [], several
    return list(_minimal(task)), several


def _minimal(task: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the regions of minimal JSON: ``{"video": ..., "box": [{"sequence": ...}, ...]}``."""
    number = 0
    for entries in task.values():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and ("sequence" in entry or "width" in entry):
                number += 1
                yield {"id": str(number), "value": entry}


def media(task: Mapping[str, Any]) -> str:
    """Return what a task says of its video or picture: the first text of its data that looks like a file."""
    texts = [v for k, v in _data(task).items() if isinstance(v, str) and k not in ("created_at", "updated_at")]
    named = [t for t in texts if "/data/" in t or PurePosixPath(urlsplit(t).path).suffix]
    return named[0] if named else ""


def fps(task: Mapping[str, Any]) -> float:
    """Return the frames a second that a task's data state, NaN where they state none."""
    stated = _data(task).get("fps")
    plain = isinstance(stated, (int, float)) and not isinstance(stated, bool) and 0 < stated < math.inf
    return float(stated) if plain and stated is not None else math.nan


def _data(task: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = task.get("data")
    return inner if isinstance(inner, dict) else task


def frame_rate(tracks: Iterable[Region], stated: float) -> float:
    """Return frames per second from what key frames say of their time, else as stated."""
    for one in tracks:
        value = one.value
        count, duration = value.get("framesCount"), value.get("duration")
        if isinstance(count, (int, float)) and isinstance(duration, (int, float)) and duration > 0 < count:
            return float(count / duration)
        for key in value["sequence"]:
            frame, time = (key.get("frame"), key.get("time")) if isinstance(key, dict) else (None, None)
            if isinstance(frame, (int, float)) and isinstance(time, (int, float)) and time > 0 < frame:
                return float(frame / time)
    return stated
