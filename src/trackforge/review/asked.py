"""What an edit is asked with: frames, classes and boxes that must be of the document, or are refused with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from trackforge.errors import InvalidInputError
from trackforge.review.document import Document
from trackforge.review.tracks import Box

__all__ = ["box", "frame", "frames", "label", "name"]

LONGEST = 200
"""Characters of a class name."""


def frame(document: Document, frame: int) -> None:
    """Refuse a frame that is none of the sequence's."""
    place = int(np.searchsorted(document.frames, frame))
    if place >= len(document.frames) or document.frames[place] != frame:
        raise InvalidInputError(f"A frame must be one of the sequence's; {frame} is none.")


def frames(document: Document, frames: Iterable[int]) -> frozenset[int]:
    """Return frames as a set; refuse those that are none of the sequence's, and none at all."""
    numbers = frozenset(map(int, frames))
    strange = numbers - set(document.frames.tolist())
    if strange or not numbers:
        what = f"{min(strange)} is none" if strange else "got none at all"
        raise InvalidInputError(f"Frames must be of the sequence; {what}.")
    return numbers


def label(document: Document, label: int) -> None:
    """Refuse a label that no class has."""
    if not 0 <= label < len(document.classes):
        raise InvalidInputError(
            f"A label must be one of the {len(document.classes)} classes, counted from 0; got {label}. "
            "Add the class first."
        )


def name(document: Document, name: str) -> str:
    """Return the name that a class gets, without space around it; refuse one that cannot be shown, or is there."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        raise InvalidInputError(f"A class must have a name of 1 to {LONGEST} characters that can be shown.")
    if name in document.classes:
        raise InvalidInputError(f"Class names must differ; there is {name!r} already.")
    return name


def box(document: Document, xyxy: Sequence[float]) -> Box:
    """Return the corners of a box; refuse one without area, or beside the picture."""
    x1, y1, x2, y2 = map(float, xyxy)
    if not (x2 > x1 and y2 > y1):
        raise InvalidInputError(f"A box must have an area, x1 < x2 and y1 < y2; got {[x1, y1, x2, y2]}. Draw it anew.")
    width, height = document.size
    if x2 <= 0 or y2 <= 0 or (width and x1 >= width) or (height and y1 >= height):
        raise InvalidInputError(f"A box must reach into the picture; got {[x1, y1, x2, y2]} in {width} x {height}.")
    return (x1, y1, x2, y2)
