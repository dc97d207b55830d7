"""What the built-in Object Detection must be told of its data: how many pictures, classes, and boxes at most.

Counted from a manifest's lines (augmented manifests), from records (RecordIO), or from annotation files (pictures).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.errors import DataError
from trackforge.intake.documents import load_json, parse_json
from trackforge_sagemaker.requests.builtin_settings import LABEL_WIDTH

__all__ = ["Counted", "count_annotations", "count_manifest", "count_records"]

REFERENCE = "source-ref"


@dataclass(frozen=True)
class Counted:
    """What was counted.

    Attributes:
        samples: Pictures: ``num_training_samples``.
        boxes: Boxes of the picture that has most.
        classes: Numbers of classes that were seen.
    """

    samples: int
    boxes: int = 0
    classes: frozenset[int] = frozenset()

    @property
    def label_width(self) -> int:
        """Room for the boxes of a picture, in numbers: 2 and 5 a box, at least what the container takes itself.

        >>> Counted(10, boxes=100).label_width
        502
        """
        return max(LABEL_WIDTH, 2 + 5 * self.boxes)

    @property
    def num_classes(self) -> int:
        """Classes, numbered from 0; 0 where none was seen."""
        return max(self.classes, default=-1) + 1


def count_manifest(manifest: str | Path | Iterable[str], attribute: str) -> Counted:
    """Count an augmented manifest.

    Args:
        manifest: The file, or its lines.
        attribute: Name of the labels in each line.

    Returns:
        What it has; every line that is not empty is a picture.

    Raises:
        DataError: A line is no JSON, or lacks the picture or the labels; the message names the line.
    """
    path = Path(manifest) if isinstance(manifest, (str, Path)) else None
    samples, boxes, classes = 0, 0, set()
    for number, line in _lines(manifest):
        found = parse_json(line, path=path, line=number)
        if not isinstance(found, dict) or REFERENCE not in found or attribute not in found:
            has = ", ".join(found) if isinstance(found, dict) else type(found).__name__
            raise DataError(
                f"A line must have {REFERENCE} and {attribute}; it has {has}.", path=path, line=number
            )  # fmt: skip
        seen = _classes(found[attribute], path, number)
        samples, boxes = samples + 1, max(boxes, len(seen))
        classes |= set(seen)
    if not samples:
        raise DataError("A manifest must have a line a picture; it is empty.", path=path)
    return Counted(samples, boxes, frozenset(classes))


def count_annotations(folder: str | Path) -> Counted:
    """Count the annotation files (``NAME.json``) of a channel of pictures.

    Raises:
        DataError: A file is none, or there is none.
    """
    samples, boxes, classes = 0, 0, set()
    for path in sorted(Path(folder).rglob("*.json")):
        seen = _classes(load_json(path), path, None)
        samples, boxes = samples + 1, max(boxes, len(seen))
        classes |= set(seen)
    if not samples:
        raise DataError("A folder of annotations must have a NAME.json a picture; there is none.", path=folder)
    return Counted(samples, boxes, frozenset(classes))


def count_records(path: str | Path) -> Counted:
    """Count the records of a RecordIO file of labelled pictures.

    Raises:
        DataError: It is none, or is damaged.
    """
    from trackforge import data

    part = data.read(path)
    boxes = [0] * len(part.images)
    for image in part.boxes.image.tolist():
        boxes[image] += 1
    return Counted(len(part.images), max(boxes, default=0), frozenset(part.boxes.class_id.tolist()))


def _lines(manifest: str | Path | Iterable[str]) -> Iterator[tuple[int, str]]:
    if isinstance(manifest, (str, Path)):
        with Path(manifest).open(encoding="utf-8") as opened:
            yield from ((number, line) for number, line in enumerate(opened, 1) if line.strip())
        return
    yield from ((number, line) for number, line in enumerate(manifest, 1) if line.strip())


def _classes(labels: Any, path: Path | None, line: int | None) -> list[int]:
    try:
        labels = json.loads(labels) if isinstance(labels, str) else labels
        return [int(one["class_id"]) for one in labels["annotations"]]
    except (TypeError, ValueError, KeyError):
        raise DataError(
            "Labels must be an object with annotations, each with a class_id; they are not.", path=path, line=line
        ) from None
