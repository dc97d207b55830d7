"""Boxes as SageMaker writes them everywhere: ``class_id``, ``left``, ``top``, ``width``, ``height`` in pixels.

The built-in algorithm's annotations, Ground Truth's manifests and an endpoint's response with ``annotation=1`` hold the
same objects. Source: AWS, "Object Detection" input and output interface (developer guide).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from trackforge.intake.documents import finite_number, whole_number

__all__ = ["Box", "annotation", "read_box", "read_size"]

SIDES = ("left", "top", "width", "height")


class Box(NamedTuple):
    """A box: its class, its corners xyxy in pixels, and its score, where there is one."""

    class_id: int
    xyxy: tuple[float, float, float, float]
    score: float | None = None


def read_box(value: Any) -> Box:
    """Read one of ``annotations``.

    Raises:
        ValueError: It is none; says what must hold.
    """
    if not isinstance(value, Mapping):
        raise ValueError("must be an object with class_id, left, top, width and height")
    numbers = []
    for name in SIDES:
        try:
            numbers.append(finite_number(value.get(name)))
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    try:
        class_id = whole_number(value.get("class_id"))
        score = None if value.get("score") is None else finite_number(value["score"])
    except ValueError as error:
        raise ValueError(f"class_id and score: one {error}") from None
    left, top, width, height = numbers
    if width < 0 or height < 0:
        raise ValueError(f"width and height must be >= 0; got {width:g} and {height:g}")
    return Box(class_id, (left, top, left + width, top + height), score)


def read_size(value: Any) -> tuple[int, int]:
    """Read ``image_size``, a list of one object or that object; ``(0, 0)`` where nothing is stated.

    Raises:
        ValueError: It is none; says what must hold.
    """
    if value is None or value == []:
        return 0, 0
    one = value[0] if isinstance(value, list) else value
    if not isinstance(one, Mapping):
        raise ValueError("must be a list of one object with width and height")
    try:
        return whole_number(one.get("width"), 0), whole_number(one.get("height"), 0)
    except ValueError as error:
        raise ValueError(f"must have width and height; one {error}") from None


def annotation(box: Box) -> dict[str, float]:
    """Return a box as one of ``annotations``, whole numbers without a point."""
    x1, y1, x2, y2 = box.xyxy
    found: dict[str, float] = {"class_id": box.class_id}
    if box.score is not None:
        found["score"] = box.score
    sides = (x1, y1, x2 - x1, y2 - y1)
    return found | {name: _shortest(value) for name, value in zip(SIDES, sides, strict=True)}


def _shortest(value: float) -> float:
    """Return a number as text should hold it: a sum of pixels is not exact beyond twelve digits."""
    rounded = float(f"{value:.12g}")
    return int(rounded) if rounded.is_integer() else rounded
