"""Several sets of labels of the same pictures: which pictures are the same, and all boxes side by side."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.columns import Boxes, Images, Ints
from trackforge.data.mixing import absolute_paths
from trackforge.data.model import Dataset
from trackforge.errors import InvalidInputError

__all__ = ["boxes_of_all", "one_root", "shared_pictures"]


def one_root(parts: Sequence[Dataset]) -> bool:
    """Whether the pictures of all are told from one folder."""
    return len({os.path.abspath(part.root) for part in parts}) == 1  # noqa: PTH100 - lexical: links stay as they are


def shared_pictures(parts: Sequence[Dataset]) -> tuple[Images, list[Ints]]:
    """Return the pictures of all, each once, and for every part the rows of its pictures there.

    Raises:
        InvalidInputError: A set has one picture twice.
    """
    several = not one_root(parts)
    row: dict[Any, int] = {}
    tables, row_of, first = [], [], []
    for part in parts:
        keys = _keys(part)
        twice = [key for key, count in Counter(keys).items() if count > 1]
        if twice:
            raise InvalidInputError(
                f"Labels must have each picture once; {part.name or part.root} has {twice[0]} twice. Leave one out."
            )
        first.append(np.array([key not in row for key in keys], bool))
        for key in keys:
            row.setdefault(key, len(row))
        row_of.append(np.array([row[key] for key in keys], np.int64))
        tables.append(part.images.replace(path=absolute_paths(part)) if several else part.images)
    return Images.concatenate(tables)[np.concatenate(first)], row_of


def _keys(part: Dataset) -> list[Any]:
    images = part.images
    root = Path(os.path.abspath(part.root)).as_posix() + "/"  # noqa: PTH100
    each = zip(images.sequence.tolist(), images.frame.tolist(), images.path.tolist(), strict=True)
    return [(name, frame) if name else path.removeprefix(root) for name, frame, path in each]


def boxes_of_all(parts: Sequence[Dataset], row_of: Sequence[Ints], names: tuple[str, ...]) -> tuple[Boxes, Ints]:
    """Return all boxes, sorted by picture and set, with pictures and classes numbered alike; and whose they are.

    Args:
        parts: The sets.
        row_of: Where the pictures of each are, as `shared_pictures` tells.
        names: All classes.

    Raises:
        InvalidInputError: A box has a class that its set hasn't.
    """
    tables = []
    for part, rows in zip(parts, row_of, strict=True):
        table = np.array([names.index(name) for name in part.classes], np.int64)
        class_id = part.boxes.class_id
        if len(class_id) and (class_id.min() < 0 or class_id.max() >= len(table)):
            raise InvalidInputError(
                f"class_id must be a class of the set, 0..{len(table) - 1}; {part.name or part.root} has "
                f"{class_id.min()}..{class_id.max()}."
            )
        image = rows[part.boxes.image] if len(class_id) else class_id
        tables.append(part.boxes.replace(image=image, class_id=table[class_id] if len(class_id) else class_id))
    worker = np.repeat(np.arange(len(parts)), list(map(len, tables)))
    every = Boxes.concatenate(tables)
    order = np.argsort(every.image, kind="stable")
    return every[order], worker[order]
