"""Collecting a data set row by row while a file is read."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.columns import FILL, Array, Boxes, Images
from trackforge.data.model import Dataset

__all__ = ["Builder"]

_IMAGE = ("path", "width", "height", "sequence", "frame", "split")
_BOX = ("image", "class_id", "track_id", "visibility", "ignore")


class Builder:
    """Grows columns; `finish` makes the data set."""

    def __init__(self) -> None:
        self._images: dict[str, Any] = {name: [] for name in _IMAGE}
        self._boxes: dict[str, Any] = {name: [] for name in _BOX}
        self._corners: list[float] = []  # flat: a tuple a box would keep the collector of garbage busy
        self._image_extra: list[Mapping[str, Any]] = []
        self._box_extra: list[Mapping[str, Any]] = []
        self._masks: dict[int, Any] = {}
        self.notes: list[str] = []

    def __len__(self) -> int:
        return len(self._image_extra)

    def image(
        self,
        path: str,
        size: tuple[int, int] = (0, 0),
        *,
        sequence: str = "",
        frame: int = -1,
        split: str = "",
        extra: Mapping[str, Any] | None = None,
    ) -> int:
        """Add a picture and return its row."""
        for name, value in zip(_IMAGE, (path, *size, sequence, frame, split), strict=True):
            self._images[name].append(value)
        self._image_extra.append(extra or {})
        return len(self) - 1

    def size(self, row: int) -> tuple[int, int]:
        """Return ``(width, height)`` of a picture, as it was added."""
        return self._images["width"][row], self._images["height"][row]

    def box(
        self,
        image: int,
        xyxy: Sequence[float],
        class_id: int,
        track_id: int = -1,
        visibility: float = 1.0,
        ignore: bool = False,
        extra: Mapping[str, Any] | None = None,
        mask: Any = None,
    ) -> None:
        """Add a box."""
        columns = self._boxes
        if mask is not None:
            self._masks[len(self._box_extra)] = mask
        columns["image"].append(image)
        self._corners += xyxy
        columns["class_id"].append(class_id)
        columns["track_id"].append(track_id)
        columns["visibility"].append(visibility)
        columns["ignore"].append(ignore)
        self._box_extra.append(extra or {})

    @property
    def largest_class(self) -> int:
        """The largest ``class_id`` so far, -1 where there is no box."""
        return max(self._boxes["class_id"], default=-1)

    def finish(
        self, classes: Sequence[str], *, root: Path, name: str = "", class_numbers: Sequence[int] = ()
    ) -> Dataset:
        """Make the data set."""
        images = Images(**self._images, extra=self._columns(self._image_extra, "images"))
        corners = np.array(self._corners, np.float64).reshape(-1, 4)
        masks: Any = [self._masks.get(row) for row in range(len(corners))] if self._masks else None
        boxes = Boxes(**self._boxes, xyxy=corners, mask=masks, extra=self._columns(self._box_extra, "boxes"))
        return Dataset(
            images=images,
            boxes=boxes,
            classes=tuple(classes),
            root=root,
            name=name or root.name,
            class_numbers=tuple(class_numbers),
            notes=tuple(self.notes),
        )

    def _columns(self, rows: list[Mapping[str, Any]], what: str) -> dict[str, Array]:
        columns: dict[str, Array] = {}
        for name in dict.fromkeys(key for row in rows for key in row):
            present = [row[name] for row in rows if name in row]
            dtype = _dtype(present)
            if dtype is None or (dtype is np.str_ and _out_of_proportion(present, len(rows))):
                self.notes.append(f"the field {name!r} of {what} is of mixed kinds, or too large, and was left out")
                continue
            fill = FILL[np.dtype(dtype).kind]
            if len(present) < len(rows) and dtype is np.bool_:
                dtype, fill = np.int8, -1  # not stated is not the same as no
            columns[name] = np.array([row.get(name, fill) for row in rows], dtype)
        return columns


def _out_of_proportion(texts: Sequence[str], rows: int) -> bool:
    """Whether a column, each row of which takes what the longest needs, would need far more than the file."""
    longest = max(map(len, texts))
    return longest > 1000 and 4 * longest * rows > 50_000_000 + 100 * sum(map(len, texts))


def _dtype(values: Sequence[Any]) -> Any:
    kinds = {type(v) for v in values}
    if kinds == {bool}:
        return np.bool_
    if kinds == {int} and all(abs(v) < 2**63 for v in values):
        return np.int64
    if kinds <= {int, float} and all(isinstance(v, float) or abs(v) <= sys.float_info.max for v in values):
        return np.float64
    return np.str_ if kinds == {str} else None
