"""Stills as the frames of a sequence, for formats that hold sequences only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from trackforge.data.model import Dataset

__all__ = ["filmed", "still_names"]


def filmed(dataset: Dataset, names: Iterable[str]) -> tuple[Dataset, list[str]]:
    """Make one sequence of the stills of a set, in their order.

    Args:
        dataset: The set.
        names: What the sequence may be called; the first that no other sequence has is taken.

    Returns:
        The set, and a sentence that says so; none where there are no stills.
    """
    stills = (dataset.images.sequence == "") | (dataset.images.frame < 0)
    if not stills.any():
        return dataset, []
    name = next(name for name in names if name not in dataset.sequences)
    frame = np.where(stills, np.cumsum(stills) - 1, dataset.images.frame)
    sequence = np.where(stills, name, dataset.images.sequence)
    images = dataset.images.replace(sequence=sequence, frame=frame)
    note = f"{int(stills.sum())} stills became the frames of a sequence named {name!r}"
    return dataset.replace(images=images), [note]


def still_names(name: str) -> Iterator[str]:
    """Yield a set's name, and longer ones without end."""
    name = name or "images"
    while True:
        yield name
        name += "-stills"
