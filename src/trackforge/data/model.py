"""A labelled data set in memory: which pictures there are, and what is where in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from trackforge.data.columns import Array, Boxes, Images, Ints
from trackforge.errors import ConfigError, InvalidInputError, did_you_mean
from trackforge.types.classes import class_numbers

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Pictures, labelled boxes and classes; frozen, cheap to cut and to put together, safe to pickle.

    ``dataset[rows]`` selects pictures with their boxes by mask, indices or slice. Boxes are kept in the order of
    their pictures, so the boxes of one picture are a slice, not a search.

    Attributes:
        images: The pictures.
        boxes: The boxes, sorted by ``image`` (stable).
        classes: Names; ``boxes.class_id`` points here.
        root: Folder that ``images.path`` is relative to.
        name: What reports call the set.
        class_numbers: The numbers that files use for the classes (COCO's category ids); 1, 2, 3, ... unless given.
        notes: What the reader left out, one sentence each.
        folders: Folders, those below them included, that pictures may be taken from when the set is written elsewhere;
            None, for a set made in memory: any. A set read from disk has its own, and what ``pictures=`` named.

    Raises:
        InvalidInputError: A box points to no picture, or class names repeat.
    """

    images: Images
    boxes: Boxes
    classes: tuple[str, ...]
    root: Path = Path()
    name: str = ""
    class_numbers: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    folders: tuple[Path, ...] | None = None
    _start: Ints = field(init=False, repr=False, default=cast("Any", None))

    def __post_init__(self) -> None:
        classes = tuple(map(str, self.classes))
        if len(set(classes)) != len(classes):
            twice = sorted({c for c in classes if classes.count(c) > 1})
            raise InvalidInputError(f"Class names must differ; {', '.join(twice)} came twice. Rename or merge them.")
        numbers = tuple(map(int, self.class_numbers)) or tuple(range(1, len(classes) + 1))
        if len(numbers) != len(classes) or len(set(numbers)) != len(numbers):
            raise InvalidInputError(
                f"class_numbers must be one number a class, each different; got {len(numbers)} for {len(classes)}."
            )
        owner, boxes = self.boxes.image, self.boxes
        if len(owner) and (owner.min() < 0 or owner.max() >= len(self.images)):
            raise InvalidInputError(
                f"boxes.image must be a row of images, 0..{len(self.images) - 1}; got {owner.min()}..{owner.max()}."
            )
        if len(owner) and (np.diff(owner) < 0).any():
            boxes = boxes[np.argsort(owner, kind="stable")]
        start = np.searchsorted(boxes.image, np.arange(len(self.images) + 1))
        values = {"boxes": boxes, "classes": classes, "class_numbers": numbers, "root": Path(self.root)}
        for key, value in (values | {"notes": tuple(self.notes), "_start": start.astype(np.int64)}).items():
            object.__setattr__(self, key, value)

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.images)

    def __getitem__(self, rows: Array | slice | Sequence[int]) -> Dataset:
        chosen = np.arange(len(self))[rows if isinstance(rows, slice) else np.asarray(rows, dtype=_index_dtype(rows))]
        counts = self._start[chosen + 1] - self._start[chosen]
        # the rows of the boxes of each chosen picture, one after the other, without a Python loop
        first = np.repeat(self._start[chosen] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
        boxes = self.boxes[first + np.arange(counts.sum())]
        owner = np.repeat(np.arange(len(chosen)), counts)
        return self.replace(images=self.images[chosen], boxes=boxes.replace(image=owner))

    def __repr__(self) -> str:
        return (
            f"<Dataset {self.name or self.root.name}: {len(self)} images, {len(self.boxes)} boxes, "
            f"{len(self.classes)} classes, {len(self.sequences)} sequences>"
        )

    def replace(self, **changes: Any) -> Dataset:
        """Return a copy with some attributes exchanged."""
        names = ("images", "boxes", "classes", "root", "name", "class_numbers", "notes", "folders")
        if "classes" in changes and "class_numbers" not in changes:
            changes["class_numbers"] = ()
        return Dataset(**{name: changes.get(name, getattr(self, name)) for name in names})

    def labels(self, index: int) -> Boxes:
        """Return the boxes of one picture (views, nothing is copied)."""
        row = range(len(self))[index]
        return self.boxes[slice(int(self._start[row]), int(self._start[row + 1]))]

    @property
    def counts(self) -> Ints:
        """``(I,)`` number of boxes in each picture, ignore regions included."""
        return np.diff(self._start)

    @property
    def sequences(self) -> tuple[str, ...]:
        """Names of the videos, in the order of first appearance."""
        return tuple(dict.fromkeys(self.images.sequence[self.images.sequence != ""].tolist()))

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the parts, in the order of first appearance."""
        return tuple(dict.fromkeys(self.images.split[self.images.split != ""].tolist()))

    def image_path(self, index: int) -> Path | None:
        """Return where a picture lies (``"film.mp4#12"`` for a frame of a video), or None where it has none."""
        path = str(self.images.path[index])
        return self.root / path if path else None

    # ---- cutting

    def in_split(self, name: str) -> Dataset:
        """Keep one part; ``"train"`` also finds ``"train2017"`` where that is the only one that begins so.

        Raises:
            InvalidInputError: There is no such part.
        """
        known = self.splits
        found = [s for s in known if s == name] or [s for s in known if s.startswith(name)]
        if len(found) != 1:
            listing = ", ".join(known) or "none"
            raise InvalidInputError(
                f"The split must be one of the set's; got {name!r}.{did_you_mean(name, known)} It has: {listing}."
            )
        return self[self.images.split == found[0]]

    def in_sequences(self, names: str | Iterable[str]) -> Dataset:
        """Keep the pictures of some videos.

        Raises:
            InvalidInputError: The set has no such video.
        """
        wanted = [names] if isinstance(names, str) else list(names)
        for name in wanted:
            if name not in self.sequences:
                listing = ", ".join(self.sequences) or "none"
                hint = did_you_mean(name, self.sequences)
                raise InvalidInputError(f"The set has no sequence {name!r}.{hint} It has: {listing}.")
        return self[np.isin(self.images.sequence, wanted)]

    def keep_boxes(self, mask: Array | Sequence[bool]) -> Dataset:
        """Keep the boxes where ``mask (N,)`` is true, and every picture."""
        return self.replace(boxes=self.boxes[np.asarray(mask, bool)])

    def only_labelled(self) -> Dataset:
        """Drop the pictures without a single box that is not an ignore region."""
        real = np.bincount(self.boxes.image[~self.boxes.ignore], minlength=len(self))
        return self[real > 0]

    def select_classes(self, names: Iterable[str], *, others: Literal["drop", "ignore"] = "drop") -> Dataset:
        """Keep some classes, numbered in the order given; every picture stays.

        Args:
            names: The classes to keep.
            others: What becomes of the rest: left out (so they are background), or kept as ignore regions (of
                class 0).

        Raises:
            InvalidInputError: The set has no such class.
        """
        wanted = tuple(dict.fromkeys(self._known_class(name) for name in names))
        new = np.full(len(self.classes) + 1, -1, np.int64)
        new[[self.classes.index(n) for n in wanted]] = np.arange(len(wanted))
        class_id = new[np.clip(self.boxes.class_id, -1, len(self.classes))]
        boxes = self.boxes
        if others == "drop":
            boxes, class_id = boxes[class_id >= 0], class_id[class_id >= 0]
        else:
            boxes = boxes.replace(ignore=boxes.ignore | (class_id < 0))
        numbers = tuple(self.class_numbers[self.classes.index(n)] for n in wanted)
        boxes = boxes.replace(class_id=np.maximum(class_id, 0))
        return self.replace(boxes=boxes, classes=wanted, class_numbers=numbers)

    def rename_classes(self, names: Mapping[str, str]) -> Dataset:
        """Give classes other names, ``{"pedestrian": "person"}``; classes that get one name become one class.

        Raises:
            InvalidInputError: The set has no such class.
        """
        names = {self._known_class(name): new for name, new in names.items()}
        renamed = [names.get(c, c) for c in self.classes]
        merged = tuple(dict.fromkeys(renamed))
        table = np.array([merged.index(c) for c in renamed], np.int64)
        numbers = tuple(self.class_numbers[renamed.index(c)] for c in merged)
        inside = (self.boxes.class_id >= 0) & (self.boxes.class_id < len(renamed))
        class_id = np.where(inside, table[np.where(inside, self.boxes.class_id, 0)], self.boxes.class_id)
        return self.replace(boxes=self.boxes.replace(class_id=class_id), classes=merged, class_numbers=numbers)

    def _known_class(self, name: str) -> str:
        """Return the name of a class as the set writes it."""
        if name in self.classes:
            return name
        try:
            return self.classes[class_numbers([name], self.classes, what="classes", of="the set", numbers=False)[0]]
        except ConfigError as error:
            raise InvalidInputError(str(error)) from error

    def min_visibility(self, least: float, *, hidden: Literal["ignore", "drop"] = "ignore") -> Dataset:
        """Turn boxes that are less visible than ``least`` (0..1) into ignore regions, or drop them."""
        faint = self.boxes.visibility < least
        if hidden == "drop":
            return self.keep_boxes(~faint)
        return self.replace(boxes=self.boxes.replace(ignore=self.boxes.ignore | faint))

    def without_ignored(self) -> Dataset:
        """Drop the ignore regions, which makes them background, as the published training code does."""
        return self.keep_boxes(~self.boxes.ignore)

    def without_degenerate(self) -> Dataset:
        """Drop boxes without area and boxes with NaN or infinite corners."""
        size = self.boxes.size
        return self.keep_boxes(np.isfinite(self.boxes.xyxy).all(axis=1) & np.all(size > 0, axis=1))

    # ---- identities

    def identities(self) -> tuple[Ints, int]:
        """Number the identities of the whole set from 0, without gaps, for training appearance embeddings.

        The same ``track_id`` in two sequences is two identities; in stills it is one.

        Returns:
            ``(N,)`` identity of each box, -1 where unknown or ignored; and how many there are.
        """
        known = (self.boxes.track_id >= 0) & ~self.boxes.ignore
        out = np.full(len(known), -1, np.int64)
        _, sequence = np.unique(self.images.sequence, return_inverse=True)
        pair = np.stack((sequence.reshape(-1)[self.boxes.image[known]], self.boxes.track_id[known]), axis=1)
        if not len(pair):
            return out, 0
        _, number = np.unique(pair, axis=0, return_inverse=True)
        out[known] = number.reshape(-1)
        return out, int(number.max()) + 1


def _index_dtype(rows: Any) -> Any:
    return bool if np.asarray(rows).dtype.kind == "b" else np.int64
