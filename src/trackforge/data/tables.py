"""Between a data set and the tables that trackers write and metrics read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trackforge.data.columns import Boxes, Images
from trackforge.data.model import Dataset
from trackforge.errors import InvalidInputError
from trackforge.io.masks import plain_mask
from trackforge.io.polygons import rasterise
from trackforge.table import TrackTable

__all__ = ["from_tables", "to_tables"]


def to_tables(dataset: Dataset) -> dict[str, TrackTable]:
    """Return the boxes of every sequence as a table, for `trackforge.evaluate`.

    As in MOTChallenge ground truth, ``class_id`` is the class's number, ``extra["flag"]`` is 0 for ignore regions and
    ``extra["visibility"]`` is there. Masks come along, polygons as the pixels of pictures whose size is known.

    Raises:
        InvalidInputError: The set has stills only.
    """
    if not dataset.sequences:
        raise InvalidInputError("Tables are of sequences; the set has stills only.")
    tables = {}
    for name in dataset.sequences:
        part = dataset[dataset.images.sequence == name]
        boxes = part.boxes
        tables[name] = TrackTable(
            frame=part.images.frame[boxes.image],
            track_id=boxes.track_id,
            xyxy=boxes.xyxy,
            class_id=np.array(part.class_numbers, np.int64)[boxes.class_id],
            extra={"flag": (~boxes.ignore).astype(np.int64), "visibility": boxes.visibility},
            mask=_masks(part),
            sequence=name,
        )
    return tables


def _masks(part: Dataset) -> npt.NDArray[np.object_] | None:
    if part.boxes.mask is None:
        return None
    sizes = np.stack((part.images.height, part.images.width), axis=1)[part.boxes.image].tolist()
    masks = np.full(len(part.boxes), None)
    for row, (mask, (height, width)) in enumerate(zip(part.boxes.mask, sizes, strict=True)):
        if isinstance(mask, Mapping):
            masks[row] = plain_mask(mask)
        elif mask is not None and min(height, width) > 0:
            masks[row] = rasterise(mask, (height, width))
    return masks


def from_tables(
    tables: Iterable[TrackTable], classes: Iterable[str], *, size: tuple[int, int] = (0, 0), root: str | Path = "."
) -> Dataset:
    """Make a data set of tables, such as a tracker's results that shall become labels.

    Args:
        tables: One a sequence; ``class_id`` points into ``classes``. Frames without a box are left out.
        classes: Names.
        size: ``(width, height)`` of all pictures, pixels; (0, 0) where unknown.
        root: Folder of the pictures; ``images.path`` is left empty.
    """
    images, boxes, offset = [], [], 0
    for table in tables:
        frames, row = np.unique(table.frame, return_inverse=True)
        n = len(frames)
        images.append(
            Images(
                path=np.full(n, ""),
                width=np.full(n, size[0]),
                height=np.full(n, size[1]),
                sequence=np.full(n, table.sequence),
                frame=frames,
            )
        )
        boxes.append(
            Boxes(
                image=row.reshape(-1) + offset,
                xyxy=table.xyxy,
                class_id=table.class_id,
                track_id=table.track_id,
                mask=table.mask,
            )
        )
        offset += n
    if not images:
        raise InvalidInputError("There must be at least one table; got none.")
    return Dataset(
        images=Images.concatenate(images), boxes=Boxes.concatenate(boxes), classes=tuple(classes), root=Path(root)
    )
