"""What runs on one sequence have in common: the frames that are shown, the size of the pictures, the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trackforge.reporting.content import numbering
from trackforge.reporting.filming import Shown
from trackforge.reporting.folders import Results
from trackforge.reporting.judging import Judged

__all__ = ["axis", "rate_of", "size_of"]


def axis(runs: Sequence[Results], name: str, shown: Sequence[Shown], judged: Sequence[Judged]) -> Mapping[str, Any]:
    """Return the numbers of all frames that are shown: of films, of boxes, and what the runs went through."""
    numbers: set[int] = set()
    for results, one, film in zip(runs, judged, shown, strict=True):
        if film.film is not None:
            numbers.update(film.film.numbers)
        sequence = results.sequences[name]
        numbers.update(np.unique(sequence.table.frame).tolist())
        if name in one.truth:
            numbers.update(np.unique(one.truth[name].frame).tolist())
        if sequence.processed and results.stride == 1 and not results.start:
            numbers.update(range(sequence.processed))
    return numbering(sorted(numbers) or [0])


def size_of(runs: Sequence[Results], name: str, shown: Sequence[Shown], judged: Sequence[Judged]) -> tuple[int, int]:
    """Return the size of the pictures that boxes are on."""
    for results in runs:
        size = results.sequences[name].facts.get("size")
        if isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size):
            return size[0], size[1]
    for one in shown:
        if one.film is not None:
            return one.film.size
    tables = [results.sequences[name].table for results in runs]
    tables += [one.truth[name] for one in judged if name in one.truth]
    corners = [table.xyxy[:, 2:].max(axis=0) for table in tables if len(table)]
    far = np.max(corners, axis=0) if corners else np.array([640, 480])
    return int(max(16, np.ceil(far[0]))), int(max(16, np.ceil(far[1])))


def rate_of(runs: Sequence[Results], name: str, shown: Sequence[Shown]) -> float:
    """Return frames a second of the sequence, for its clock."""
    for one in shown:
        if one.film is not None and not one.burnt:
            return (one.film.stated or one.film.rate) * (runs[0].stride if one.film.stated is None else 1)
    rate = runs[0].sequences[name].facts.get("rate")
    if isinstance(rate, (int, float)) and rate > 0:
        return float(rate)
    return next((one.film.rate * runs[0].stride for one in shown if one.film is not None), 25.0)
