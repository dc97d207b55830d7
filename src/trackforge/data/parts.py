"""Parts of films as sequences of their own, named by the frames that they have, and put together again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trackforge.data.model import Dataset

__all__ = ["Part", "cut_sequences", "frames_of_part", "part_name", "part_of", "renumbered"]

_NAME = re.compile(r"(.+)-(\d{6,})-(\d{6,})")


class Part(NamedTuple):
    """What the name of a part says.

    Attributes:
        film: The film's name.
        first: Its first frame, from 0.
        last: Its last frame, from 0.
    """

    film: str
    first: int
    last: int


def part_name(film: str, first: int, last: int) -> str:
    """Return the name of a part: film, first and last frame as people count them, from 1.

    >>> part_name("street", 200, 399)
    'street-000201-000400'
    """
    return f"{film}-{first + 1:06d}-{last + 1:06d}"


def part_of(name: str) -> Part | None:
    """Return what a name says, None where it is not a part's.

    >>> part_of("street-000201-000400")
    Part(film='street', first=200, last=399)
    """
    found = _NAME.fullmatch(name)
    if found is None or len(found[2]) > 9 or len(found[3]) > 9:
        return None
    first, last = int(found[2]) - 1, int(found[3]) - 1
    return Part(found[1], first, last) if 0 <= first <= last else None


def frames_of_part(numbers: Sequence[int], part: Part, *, film: bool) -> list[int]:
    """Return which frames the pictures of a part are: from its own first, or as the film has them.

    Pictures of a part may be numbered as those of the film, or anew; every frame may be there, or one in so many.

    Args:
        numbers: As the names of the pictures say, from 0.
        part: The part.
        film: Whether the film's numbers are wanted.
    """
    numbers = list(numbers)
    if numbers and min(numbers) >= part.first and max(numbers) <= part.last:
        return numbers if film else [number - part.first for number in numbers]
    if not film:
        return numbers
    span, last = part.last - part.first, max(numbers, default=0)
    step = span // last if last and span % last == 0 else 1
    return [part.first + number * step for number in numbers]


def renumbered(dataset: Dataset) -> Dataset:
    """Return the set with the frames of every sequence numbered from 0, without gaps, in their order."""
    frames = dataset.images.frame.copy()
    for sequence in dataset.sequences:
        rows = np.flatnonzero(dataset.images.sequence == sequence)
        frames[rows[np.argsort(frames[rows], kind="stable")]] = np.arange(len(rows))
    return dataset.replace(images=dataset.images.replace(frame=frames))


def cut_sequences(dataset: Dataset, most: int) -> Dataset:
    """Cut sequences of more than ``most`` frames into parts; frames keep their numbers, and objects theirs."""
    names = dataset.images.sequence.astype(object)
    frames = dataset.images.frame
    for sequence in dataset.sequences:
        rows = np.flatnonzero(dataset.images.sequence == sequence)
        if len(rows) <= most:
            continue
        rows = rows[np.argsort(frames[rows], kind="stable")]
        for start in range(0, len(rows), most):
            run = rows[start : start + most]
            names[run] = part_name(sequence, int(frames[run[0]]), int(frames[run[-1]]))
    return dataset.replace(images=dataset.images.replace(sequence=names.astype(np.str_)))
