"""Which boxes of several workers mean the same thing, and what the workers say of it together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from trackforge.boxes import iou as overlap_of
from trackforge.data.columns import Array, Bools, Floats, Ints

__all__ = ["clusters", "most_named", "overlaps", "steady_mean"]

OUTLIER = 3.0
"""Standard deviations, told from the median deviation, beyond which a value doesn't count in the mean."""
SPREAD = 1.4826
"""The standard deviation of a normal distribution in median absolute deviations."""


def overlaps(a: Floats, b: Floats) -> Floats:
    """Return the intersection over union of every pair, ``(N, M)``; equal boxes overlap wholly, even without area.

    Args:
        a: ``(N, 4)`` xyxy.
        b: ``(M, 4)`` xyxy.
    """
    out = np.asarray(overlap_of(a, b), np.float64)
    out[(a[:, None] == b[None]).all(axis=2)] = 1.0
    return out


def clusters(xyxy: Floats, worker: Ints, class_id: Ints, identity: Ints, least: float) -> list[list[int]]:
    """Put together the boxes of one picture that mean one thing; at most one of each worker.

    Pairs are joined from the closest on: first those of one identity, then those of one class, then the others. Two
    groups become one where *every* pair across overlaps enough, so that no chain of boxes joins what lies apart.

    Args:
        xyxy: ``(N, 4)`` corners in pixels.
        worker: ``(N,)`` who drew it.
        class_id: ``(N,)``.
        identity: ``(N,)`` what is known to be one over time; -1 where nothing is.
        least: Overlap (IoU) from which on two boxes can mean one thing.

    Returns:
        The rows of each group, ascending; groups in the order of their first rows.
    """
    n = len(xyxy)
    overlap = overlaps(xyxy, xyxy)
    can: Bools = (overlap >= least) & (worker[:, None] != worker[None])
    first, second = np.nonzero(np.triu(can, 1))
    closeness = overlap[first, second]
    one_class = class_id[first] == class_id[second]
    one_identity = (identity[first] == identity[second]) & (identity[first] >= 0)
    order = np.lexsort((second, first, -closeness, ~one_class, ~one_identity))
    group = list(range(n))
    members: dict[int, list[int]] = {row: [row] for row in range(n)}
    for a, b in zip(first[order].tolist(), second[order].tolist(), strict=True):
        one, other = group[a], group[b]
        if one == other or not can[np.ix_(members[one], members[other])].all():
            continue
        for row in members[other]:
            group[row] = one
        members[one] += members.pop(other)
    return sorted(sorted(rows) for rows in members.values())


def most_named(values: Sequence[Any]) -> Any:
    """Return what most say; where several are equally often said, the least of them.

    >>> most_named(["red", "blue", "red"]), most_named([3, 1])
    ('red', 1)
    """
    counted = Counter(values)
    most = max(counted.values())
    return min(value for value, count in counted.items() if count == most)


def steady_mean(values: Array) -> Array:
    """Return the mean down the rows without the values that stand far out; of equal values, that very value.

    Args:
        values: ``(N,)`` or ``(N, K)`` floats; rows with a NaN count only where there are no others.
    """
    wide = np.asarray(values, np.float64)
    told = ~np.isnan(wide.reshape(len(wide), -1)).any(axis=1)
    if told.sum() < 2:
        return np.asarray(wide[told][0] if told.any() else wide[0])
    wide = wide[told]
    middle = np.median(wide, axis=0)
    away = wide - middle
    spread = SPREAD * np.median(np.abs(away), axis=0)
    counts = (np.abs(away) <= OUTLIER * spread) | (spread == 0)
    return np.asarray(middle + np.where(counts, away, 0.0).sum(axis=0) / counts.sum(axis=0))
