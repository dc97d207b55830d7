"""Parts of films as sequences of their own, named by the frames that they have, and put together again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trackforge.data.model import Dataset
from trackforge.errors import DataError

__all__ = ["Part", "cut_sequences", "frames_of_part", "part_name", "part_of", "renumbered"]

_NAME = re.compile(r"(.+)-(\d{6,9})-(\d{6,9})(?:-by-(\d{1,6}))?")


class Part(NamedTuple):
    """What the name of a part says.

    Attributes:
        film: The film's name.
        first: Its first frame, from 0.
        last: Its last frame, from 0.
        step: Every so-manieth frame of the film is in it; 0 where the name does not say.
    """

    film: str
    first: int
    last: int
    step: int = 0


def part_name(film: str, first: int, last: int, step: int = 1) -> str:
    """Return the name of a part: film, first and last frame as people count them, from 1, and its step.

    >>> part_name("street", 200, 399), part_name("street", 200, 395, 5)
    ('street-000201-000400', 'street-000201-000396-by-5')
    """
    return f"{film}-{first + 1:06d}-{last + 1:06d}" + (f"-by-{step}" if step > 1 else "")


def part_of(name: str) -> Part | None:
    """Return what a name says, None where it is not a part's.

    >>> part_of("street-000201-000400")
    Part(film='street', first=200, last=399, step=0)
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    first, last, step = int(found[2]) - 1, int(found[3]) - 1, int(found[4] or 0)
    fits = 0 <= first <= last and (found[4] is None or (step > 0 and (last - first) % step == 0))
    return Part(found[1], first, last, step) if fits else None


def frames_of_part(
    numbers: Sequence[int], part: Part, *, film: bool, whole: bool = False, path: Path | None = None
) -> list[int]:
    """Return which frames the pictures of a part are: from its own first, or as the film has them.

    Pictures of a part may be numbered as those of the film, or anew; every frame may be there, or one in so many. Where
    that follows neither from the part's name nor from the numbers, nothing is presumed.

    Args:
        numbers: As the names of the pictures say, from 0.
        part: The part.
        film: Whether the film's numbers are wanted.
        whole: Whether these are all pictures of the part, as of a sequence file.
        path: Where they were read, for messages.

    Raises:
        DataError: They may be several frames of the film, or are none of the part's.
    """
    numbers = list(numbers)
    found = (_meanings(numbers, part, whole=True) if whole else {}) or _meanings(numbers, part, whole=False)
    if not found and not film:
        return numbers  # called like a part, and none
    chosen = dict.fromkeys(found if film else found.values())
    if len(chosen) == 1:
        return list(next(iter(chosen)))
    name = part_name(part.film, part.first, part.last, part.step)
    there = f"{name} has {len(numbers)} frames, numbered {min(numbers)} to {max(numbers)}, from 0"
    if not found:
        raise DataError(f"Frames of a part must be those that its name says; {there}.", path=path)
    remedy = f"Call it {name}-by-N where it has one frame in N, N = 1 for all of them"
    if part.step:
        remedy = "Call it as the film if these are the film's numbers, or bring all of its frames"
    raise DataError(
        f"Frames of a part must tell which of the film they are; {there}, which may mean several. {remedy}.", path=path
    )


def _meanings(numbers: Sequence[int], part: Part, *, whole: bool) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Return what numbers may mean: frames of the film, and those counted from the part's own first, of each way."""
    if not numbers:
        return {(): ()}
    first, span = part.first, part.last - part.first
    least, most, count = min(numbers), max(numbers), len(set(numbers))
    found: dict[tuple[int, ...], tuple[int, ...]] = {}
    for step in (part.step,) if part.step else _divisors(span):
        if whole and count != span // step + 1:
            continue
        if first <= least and most <= part.last and all((number - first) % step == 0 for number in numbers):
            own = tuple((number - first) // (part.step or 1) for number in numbers)
            found.setdefault(tuple(numbers), own)
        if least >= 0 and most * step <= span:
            found.setdefault(tuple(first + number * step for number in numbers), tuple(numbers))
    return found


def _divisors(number: int) -> list[int]:
    """Return what divides a number, ascending; 1 for 0."""
    small = [k for k in range(1, isqrt(number) + 1) if number % k == 0] or [1]
    return sorted({*small, *(number // k for k in small if number)})


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
            steps = np.unique(np.diff(frames[run])).tolist()
            step = int(steps[0]) if len(steps) == 1 else 1
            names[run] = part_name(sequence, int(frames[run[0]]), int(frames[run[-1]]), step)
    return dataset.replace(images=dataset.images.replace(sequence=names.astype(np.str_)))
