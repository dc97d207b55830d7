"""What an ONNX file says of itself in its metadata, as common exporters write it, and the names of its classes."""

from __future__ import annotations

import ast
from typing import Any

from trackforge.errors import WeightsError
from trackforge.models.coco_names import COCO_CLASSES, COCO_NUMBERS

__all__ = ["class_names", "said_names", "said_points", "said_size"]


def class_names(
    names: tuple[str, ...] | None, columns: int, first: int, head: str, reasons: list[str]
) -> tuple[str, ...]:
    """Return the names of the classes: those given or said, else COCO's where their number fits, else numbers.

    Args:
        names: As given by the user or said by the file.
        columns: Number of class columns that the outputs have, 0 where boxes have a class each.
        first: Number that the outputs give the first class.
        head: Name of the head.
        reasons: Takes a sentence where names are guessed.

    Raises:
        WeightsError: There are more or fewer names than columns.
    """
    count = columns - first if head in ("detr", "rt-detr") else columns
    if names:
        if count and len(names) != count:
            raise WeightsError(
                f"classes must name every class of the weights; there are {len(names)} names for {count} columns. Give "
                f"{count} names, or another head."
            )
        return names
    if first and (not count or count == 90):
        reasons.append("no names in the file: COCO's numbers 1 to 90 are taken; classes= says otherwise")
        known = dict(zip(COCO_NUMBERS, COCO_CLASSES, strict=True))
        return tuple(known.get(k, f"class {k}") for k in range(1, 91))
    if count in (0, 80):
        reasons.append("no names in the file: COCO's 80 are taken; classes= says otherwise")
        return COCO_CLASSES
    reasons.append("no names in the file: classes are called by their numbers; classes= names them")
    return ("person",) if count == 1 else tuple(f"class {k}" for k in range(count))


def said_names(metadata: dict[str, str]) -> tuple[str, ...] | None:
    """Return the names that an export carries: ``names``, a dict or list in Python's or JSON's spelling."""
    said = _literal(metadata.get("names") or metadata.get("classes") or "")
    if isinstance(said, dict) and all(isinstance(k, (int, str)) and str(k).isdecimal() for k in said):
        numbered = {int(k): str(v) for k, v in said.items()}
        if sorted(numbered) == list(range(len(numbered))):
            return tuple(numbered[k] for k in range(len(numbered)))
    if isinstance(said, (list, tuple)) and said:
        return tuple(map(str, said))
    return None


def said_size(metadata: dict[str, str]) -> tuple[int, int] | None:
    """Return the ``(height, width)`` that the file was trained for, where it says so."""
    said = _literal(metadata.get("imgsz", ""))
    if isinstance(said, (list, tuple)) and len(said) == 2 and all(type(n) is int and n > 0 for n in said):
        return said[0], said[1]
    return None


def said_points(metadata: dict[str, str]) -> int:
    """Return how many values key points take behind the classes, 0 where the file says nothing of them."""
    said = _literal(metadata.get("kpt_shape", ""))
    if isinstance(said, (list, tuple)) and len(said) == 2 and all(type(n) is int and n > 0 for n in said):
        return int(said[0] * said[1])
    return 0


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text) if text and len(text) < 1 << 20 else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
