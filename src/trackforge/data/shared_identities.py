"""One identity for what several workers call by ids of their own, over the whole of a sequence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from trackforge.assignment import assign
from trackforge.data.agreement import overlaps
from trackforge.data.columns import Array, Boxes, Ints

__all__ = ["groups_of_tracks", "ids_of_groups", "share_out"]

Track: TypeAlias = "tuple[str, int, int]"
"""Sequence, worker, and the worker's id."""


def groups_of_tracks(boxes: Boxes, sequence: Array, worker: Ints, least: float) -> Ints:
    """Find the tracks of different workers that are of one thing; at most one of each worker.

    Tracks of two workers are matched over all pictures of a sequence at once, so that the sum of their overlaps is
    greatest, and matched tracks are joined from the strongest match on.

    Args:
        boxes: Of all workers, sorted by picture.
        sequence: ``(N,)`` the sequence of each box; empty for stills, whose ids count for the whole set.
        worker: ``(N,)`` who drew it.
        least: Overlap (IoU) from which on two boxes of one picture count.

    Returns:
        ``(N,)`` number of the group of each box, from 0; -1 for boxes without an id.
    """
    known = np.flatnonzero(boxes.track_id >= 0)
    keys: list[Track] = list(
        zip(sequence[known].tolist(), worker[known].tolist(), boxes.track_id[known].tolist(), strict=True)
    )
    number = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    track = np.full(len(boxes), -1, np.int64)
    track[known] = [number[key] for key in keys]
    together = _together(boxes, track, worker, known, least)
    of_pair: dict[tuple[str, int, int], list[tuple[int, int]]] = {}
    tracks = list(number)
    for a, b in together:
        of_pair.setdefault((tracks[a][0], tracks[a][1], tracks[b][1]), []).append((a, b))
    matched: list[tuple[float, int, int]] = []
    for pairs in of_pair.values():
        rows, columns = (sorted(set(side)) for side in zip(*pairs, strict=True))
        cost = np.full((len(rows), len(columns)), np.inf)
        for a, b in pairs:
            cost[rows.index(a), columns.index(b)] = -together[a, b]
        for row, column in zip(*assign(cost, 0.0), strict=True):
            matched.append((float(cost[row, column]), rows[row], columns[column]))
    group = list(range(len(tracks)))
    members: dict[int, list[int]] = {n: [n] for n in group}
    for _, a, b in sorted(matched):
        one, other = sorted((group[a], group[b]))
        if one == other or {tracks[t][1] for t in members[one]} & {tracks[t][1] for t in members[other]}:
            continue
        for t in members[other]:
            group[t] = one
        members[one] += members.pop(other)
    return np.where(track >= 0, np.array([*group, -1], np.int64)[track], -1)


def _together(boxes: Boxes, track: Ints, worker: Ints, known: Ints, least: float) -> dict[tuple[int, int], float]:
    """Return how much each pair of tracks of two workers overlaps, summed over pictures; the earlier worker first."""
    together: dict[tuple[int, int], float] = {}
    picture = boxes.image[known]
    ends = np.flatnonzero(np.diff(picture)) + 1
    for rows in np.split(known, ends):
        overlap = overlaps(boxes.xyxy[rows], boxes.xyxy[rows])
        first, second = np.nonzero((overlap >= least) & (worker[rows][:, None] < worker[rows][None]))
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            pair = (int(track[rows[a]]), int(track[rows[b]]))
            together[pair] = together.get(pair, 0.0) + float(overlap[a, b])
    return together


def ids_of_groups(group: Ints, track_id: Ints, sequence: Array) -> dict[int, int]:
    """Return an id for each group: the one that most of its boxes have, unless a group with more boxes took it.

    Args:
        group: ``(N,)`` of each box, -1 for none.
        track_id: ``(N,)`` the worker's own id.
        sequence: ``(N,)``; ids are the sequence's own.
    """
    votes: dict[int, Counter[int]] = {}
    place: dict[int, str] = {}
    for one, own, name in zip(group.tolist(), track_id.tolist(), sequence.tolist(), strict=True):
        if one >= 0:
            votes.setdefault(one, Counter())[own] += 1
            place[one] = name
    taken: dict[str, set[int]] = {}
    ids: dict[int, int] = {}
    for one in sorted(votes, key=lambda g: (-votes[g].total(), g)):
        used = taken.setdefault(place[one], set())
        wished = sorted(votes[one], key=lambda own: (-votes[one][own], own))
        ids[one] = next((own for own in wished if own not in used), -1)
        used.add(ids[one])
    for one in sorted(ids):
        if ids[one] < 0:  # an id that nobody has
            used = taken[place[one]] | {own for g in votes if place[g] == place[one] for own in votes[g]}
            ids[one] = max(used) + 1
            taken[place[one]].add(ids[one])
    return ids


def share_out(found: Sequence[Sequence[int]], group: Ints, size: dict[int, int]) -> list[int]:
    """Give each cluster of a picture the identity that most of its boxes have; none is given twice.

    Args:
        found: The rows of each cluster.
        group: ``(N,)`` identity of each row, -1 for none.
        size: How many boxes each identity has in all, which decides where votes are equal.

    Returns:
        The identity of each cluster, -1 where it has none left.
    """
    votes = [Counter(int(group[row]) for row in rows if group[row] >= 0) for rows in found]
    names = sorted({name for one in votes for name in one})
    if not names:
        return [-1] * len(votes)
    weight = 1.0 / (1 + max(size.values()) * (1 + len(names)))
    cost = np.full((len(votes), len(names)), np.inf)
    for row, one in enumerate(votes):
        for name, count in one.items():
            cost[row, names.index(name)] = -count - weight * size[name]
    given = [-1] * len(votes)
    for row, column in zip(*assign(cost, 0.0), strict=True):
        given[int(row)] = names[int(column)]
    return given
