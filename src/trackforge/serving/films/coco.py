"""The results of a film as COCO json, the bytes that `trackforge.io.coco.CocoSink` writes, with constant memory.

That sink has all boxes in memory until it ends, as the format wants images before annotations. The results of a film
stand on disk, and can be read twice.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from trackforge.io.atomic import atomic_path
from trackforge.io.coco_document import coco_document
from trackforge.serving.films.replaying import steps_of
from trackforge.table import TrackTable

__all__ = ["write_coco_of"]

TOGETHER = 500
"""Frames that are in memory at once."""


def write_coco_of(lines: Path, path: Path, classes: Sequence[str], look: Callable[[], object]) -> None:
    """Write a file of JSON lines (`trackforge.io.jsonl`) as COCO json, whole or not at all.

    Args:
        lines: The lines, all of one sequence.
        path: What to write.
        classes: Names of the classes.
        look: Called as it is written; what it raises ends that.

    Raises:
        SinkError: It cannot be written.
    """
    head = coco_document({}, {}, classes)
    categories = head["categories"]
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8") as file:

        def images() -> Iterator[dict[str, Any]]:
            nonlocal categories
            for document in _documents(lines, classes):
                look()
                categories = max(categories, document["categories"], key=len)
                yield from document["images"]

        def annotations() -> Iterator[dict[str, Any]]:
            for document in _documents(lines, classes):
                look()
                yield from document["annotations"]

        first = next(_documents(lines, classes), head)
        file.write(f'{{"videos": {json.dumps(first["videos"])}, "images": [')
        _write(file, images())
        file.write(f'], "categories": {json.dumps(categories)}, "annotations": [')
        _write(file, annotations())
        file.write("]}")


def _write(file: Any, entries: Iterator[dict[str, Any]]) -> None:
    for number, entry in enumerate(entries):
        file.write((", " if number else "") + json.dumps(entry))


def _documents(lines: Path, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Give documents of some frames each, numbered through."""
    steps, images, annotations = steps_of(lines), 0, 0
    while some := list(itertools.islice(steps, TOGETHER)):
        name = some[0].frame.sequence
        table = TrackTable.from_steps(some, sequence=name)
        document = coco_document({name: table}, {name: [step.frame for step in some]}, classes)
        for image in document["images"]:
            image["id"] += images
        for annotation in document["annotations"]:
            annotation["id"] += annotations
            annotation["image_id"] += images
        images, annotations = images + len(document["images"]), annotations + len(document["annotations"])
        yield document
