"""Masks of a model beside labels that are boxes: kept with a round's tracks, and given back to boxes left as they were.

People move corners, and what a mask would be then nobody knows: a box that they moved or drew has none, and neither has
one in a filled gap.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trackforge.data import Dataset
from trackforge.labelling.documents import load_table
from trackforge.labelling.project import Project, flat

__all__ = ["BESIDE", "masks_words", "with_masks"]

BESIDE = "masks stay beside the labels, which are boxes; exports give them to the boxes that nobody has moved"
"""What people are told of them."""
Ints = npt.NDArray[np.int64]
ROUNDING = 1.0
"""Pixels that a corner may be off though nobody touched it: keyframes and the whole pixels of label tools."""


def with_masks(project: Project, name: str, part: Dataset) -> Dataset:
    """Return the labels of a sequence with the masks that models gave to boxes that are still theirs.

    Args:
        project: The project.
        name: Of the sequence.
        part: Its labels.
    """
    boxes, frames = part.boxes, part.images.frame[part.boxes.image]
    masks = np.full(len(boxes), None, np.object_)
    limit = max(ROUNDING, project.run.tolerance)
    for round_ in reversed(project.rounds()):  # those on frames that people checked are of the round before
        path = project.place(round_.number) / "tracks" / f"{flat(name)}.npz"
        table = load_table(path, name) if path.is_file() else None
        if table is None or table.mask is None:
            continue
        theirs = table.mask
        for rows in _by_frame(frames, np.array([mask is None for mask in masks], np.bool_)):
            there = table.rows(int(frames[rows[0]]))
            off = np.abs(boxes.xyxy[rows][:, None] - table.xyxy[there][None]).max(axis=2)
            if off.size:
                nearest = off.argmin(axis=1)
                near = off[np.arange(len(rows)), nearest] <= limit
                masks[rows[near]] = theirs[there][nearest[near]]
    some = any(mask is not None for mask in masks)
    return part.replace(boxes=boxes.replace(mask=masks)) if some else part


def masks_words(part: Dataset) -> list[str]:
    """Return how many boxes of labels have a mask, in a sentence; none where all have, or no box has one."""
    without = 0 if part.boxes.mask is None else sum(mask is None for mask in part.boxes.mask)
    if not without:
        return []
    return [f"masks: {without} of {len(part.boxes)} boxes have none, for people moved or drew them, or they fill a gap"]


def _by_frame(frames: Ints, wanted: npt.NDArray[np.bool_]) -> list[Ints]:
    """Return the rows that are wanted, frame by frame."""
    rows = np.flatnonzero(wanted)
    rows = rows[np.argsort(frames[rows], kind="stable")]
    return [one for one in np.split(rows, np.flatnonzero(np.diff(frames[rows])) + 1) if len(one)]
