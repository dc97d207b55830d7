"""Dividing a data set for training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from trackforge.data.model import Dataset
from trackforge.errors import InvalidInputError

__all__ = ["half_split", "random_split", "sequence_split"]


def half_split(
    dataset: Dataset, *, rule: Literal["bytetrack", "fairmot"] = "bytetrack", restart: bool = True
) -> tuple[Dataset, Dataset]:
    """Divide every sequence in the middle, by the rule of the published MOT17 ablations.

    Of N frames, ByteTrack (after CenterTrack) trains on frames 0..N//2 *inclusive*, 0-based; FairMOT on the first
    N//2, one frame less. The second halves are for validation, so these differ by a frame as well.

    Args:
        dataset: Sequences; every picture must belong to one.
        rule: Whose rule.
        restart: Number the frames of the second halves from 0 again, as the official annotation files do.

    Returns:
        The first halves, split ``"train_half"``, and the second, ``"val_half"``.

    Raises:
        InvalidInputError: A picture belongs to no sequence.

    Source: ByteTrack tools/convert_mot17_to_coco.py, FairMOT src/gen_labels_16.py (rules only).
    """
    images = dataset.images
    if not len(images) or (images.sequence == "").any() or (images.frame < 0).any():
        raise InvalidInputError(
            "Halves are of sequences; the set has pictures that belong to none. Use random_split for stills."
        )
    late = np.zeros(len(images), bool)
    shift = np.zeros(len(images), np.int64)
    for name in dataset.sequences:
        rows = np.flatnonzero(images.sequence == name)
        frames = np.sort(images.frame[rows])
        cut = len(frames) // 2 + (rule == "bytetrack")
        if cut < len(frames):
            mine = images.frame[rows] >= frames[cut]
            late[rows] = mine
            shift[rows[mine]] = frames[cut]
    train = _named(dataset[~late], "train_half")
    val = _named(dataset[late], "val_half")
    if restart:
        val = val.replace(images=val.images.replace(frame=val.images.frame - shift[late]))
    return train, val


def sequence_split(
    dataset: Dataset, *, val: Sequence[str] | float = 0.2, seed: int = 0, names: tuple[str, str] = ("train", "val")
) -> tuple[Dataset, Dataset]:
    """Divide by whole sequences, so that no person is in both parts.

    Args:
        dataset: The set; a still counts as a sequence of its own.
        val: The sequences to validate on, or the share of all pictures that they should come nearest to.
        seed: For the choice, where ``val`` is a share.
        names: What the parts are called.

    Raises:
        InvalidInputError: An unknown sequence, a share not within 0..1, or one part would be empty.
    """
    images = dataset.images
    if isinstance(val, float):
        _check_share(val)
        unit = np.where(images.sequence == "", np.char.add("#", np.arange(len(images)).astype(str)), images.sequence)
        groups, owner = np.unique(unit, return_inverse=True)
        size = np.bincount(owner.reshape(-1), minlength=len(groups))
        chosen, total, wanted = np.zeros(len(groups), bool), 0, val * len(images)
        for g in np.random.default_rng(seed).permutation(len(groups)):
            if abs(total + size[g] - wanted) < abs(total - wanted):
                chosen[g] = True
                total += int(size[g])
        held = chosen[owner.reshape(-1)]
    else:
        dataset.in_sequences(val)
        held = np.isin(images.sequence, list(val))
    return _parts(dataset, held, names)


def random_split(
    dataset: Dataset, *, val: float = 0.2, seed: int = 0, names: tuple[str, str] = ("train", "val")
) -> tuple[Dataset, Dataset]:
    """Divide picture by picture at random; for stills (neighbouring video frames would leak into both parts).

    Args:
        dataset: The set.
        val: Share of the pictures in the second part, 0..1.
        seed: The same seed gives the same parts.
        names: What the parts are called.

    Raises:
        InvalidInputError: The share is not within 0..1, or one part would be empty.
    """
    _check_share(val)
    held = np.zeros(len(dataset), bool)
    held[np.random.default_rng(seed).permutation(len(dataset))[: round(val * len(dataset))]] = True
    return _parts(dataset, held, names)


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise InvalidInputError(f"The share of pictures for validation must be between 0 and 1; got {share}.")


def _parts(
    dataset: Dataset, held: np.ndarray[tuple[int], np.dtype[np.bool_]], names: tuple[str, str]
) -> tuple[Dataset, Dataset]:
    if held.all() or not held.any():
        raise InvalidInputError(
            f"Both parts must hold pictures; {int(held.sum())} of {len(dataset)} would be for validation. "
            "Choose another share, or other sequences."
        )
    return _named(dataset[~held], names[0]), _named(dataset[held], names[1])


def _named(dataset: Dataset, split: str) -> Dataset:
    return dataset.replace(images=dataset.images.replace(split=np.full(len(dataset), split)))
