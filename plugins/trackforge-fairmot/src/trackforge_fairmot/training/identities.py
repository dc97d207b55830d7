"""Who is who: the identities that the classifier tells apart, and those of a validation set among them."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.data import Dataset
from trackforge.training import SampleKey, SampleSource
from trackforge.training.augment import TrainingSample

__all__ = ["KnownIdentities", "numbered", "shared_numbers", "shows_one_twice"]

Ints: TypeAlias = npt.NDArray[np.int64]
Person: TypeAlias = tuple[Path | None, str, int]
"""Folder of the pictures, sequence, track id."""


def numbered(dataset: Dataset, how: Literal["labels", "missing", "boxes"]) -> Dataset:
    """Return a set whose boxes have the identities that are to be learnt.

    Args:
        dataset: What is trained on.
        how: ``"labels"``: as they are; ``"missing"``: boxes without an identity are each one of its own; ``"boxes"``:
            every box is, as in pretraining on single pictures.
    """
    if how == "labels":
        return dataset
    boxes = dataset.boxes
    own = np.ones(len(boxes), bool) if how == "boxes" else boxes.track_id < 0
    if not own.any():
        return dataset
    first = 0 if how == "boxes" else int(boxes.track_id.max()) + 1
    track_id = boxes.track_id.copy()
    track_id[own] = first + np.arange(int(own.sum()))
    return dataset.replace(boxes=boxes.replace(track_id=track_id))


def shared_numbers(train: Dataset, val: Dataset, learnt: Dataset | None = None) -> Ints:
    """Return for each identity of a validation set its number among those that are learnt, -1 where it is not there.

    Two are the same where folder of the pictures, sequence and track id are: as in the halves of a sequence.

    Args:
        train: What is trained on, with identities as labelled.
        val: The validation set.
        learnt: ``train`` after `numbered` with ``"labels"`` or ``"missing"``; as labelled where None.
    """
    number = (train if learnt is None else learnt).identities()[0]
    known = {person: number[box] for person, box in _people(train)}
    return np.array([known.get(person, -1) for person, _ in _people(val)], np.int64)


def _people(dataset: Dataset) -> list[tuple[Person, int]]:
    """Return who the identities of a set are, in order, and a box of each."""
    identity, count = dataset.identities()
    boxes, images = dataset.boxes, dataset.images
    rows = np.full(count, -1, np.int64)
    labelled = np.flatnonzero(identity >= 0)
    rows[identity[labelled]] = labelled
    pictures = boxes.image[rows]
    folders: dict[int, Path | None] = {}
    for picture in np.unique(pictures).tolist():
        path = dataset.image_path(picture)
        # absolute, as the paths of a mixed set are; lexical, so that links stay as they are
        folders[picture] = None if path is None else Path(os.path.abspath(path.parent))  # noqa: PTH100
    return [
        ((folders[picture], str(images.sequence[picture]), track), row)
        for picture, track, row in zip(pictures.tolist(), boxes.track_id[rows].tolist(), rows.tolist(), strict=True)
    ]


def shows_one_twice(dataset: Dataset) -> bool:
    """Tell whether a set shows an identity more than once, so that finding it again can be scored."""
    identity, count = dataset.identities()
    return bool((np.bincount(identity[identity >= 0], minlength=count) > 1).any())


class KnownIdentities:
    """Samples whose identities are those that the classifier knows; a `trackforge.training.SampleSource`.

    Args:
        source: Prepares samples, with identities of their own set.
        numbers: For each of these its number in the training set, -1 where it is not there.
    """

    def __init__(self, source: SampleSource, numbers: Ints) -> None:
        self.source = source
        self.numbers = np.append(numbers, -1)  # -1 stays what it is

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: SampleKey) -> TrainingSample:
        """Prepare one sample; see the source."""
        sample: TrainingSample = self.source[key]
        return dataclasses.replace(sample, identity=self.numbers[sample.identity])
