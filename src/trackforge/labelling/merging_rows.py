"""Which boxes of several models are one thing, and which give way to another class: the arithmetic of `merging`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from trackforge.boxes import area, iou
from trackforge.data.agreement import clusters, overlaps

__all__ = ["Between", "Rows", "decide"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Share = Literal["union", "smaller"]


@dataclass(frozen=True)
class Between:
    """What happens where boxes of two classes overlap.

    Attributes:
        what: ``"over"``: the first stays; ``"best"``: the better stays; ``"both"``: both stay.
        overlap: From which on they are one thing.
    """

    what: Literal["over", "best", "both"]
    overlap: float


@dataclass(frozen=True)
class Rows:
    """The boxes of all models, N rows sorted by picture.

    Attributes:
        picture: ``(N,)`` int64.
        model: ``(N,)`` int64.
        xyxy: ``(N, 4)`` float64 pixels.
        score: ``(N,)`` float64.
        class_id: ``(N,)`` int64, one for all boxes of a track.
        track: ``(N,)`` int64, different for every track of every model; -1 for boxes without identity.
    """

    picture: Ints
    model: Ints
    xyxy: Floats
    score: Floats
    class_id: Ints
    track: Ints


def decide(
    rows: Rows,
    *,
    rank: Sequence[int],
    same: float,
    between: Mapping[tuple[int, int], Between],
    across: float | None,
    share: Share,
    ordinary: int,
) -> tuple[list[list[int]], list[int]]:
    """Decide which boxes are one thing, and which stay.

    Args:
        rows: The boxes.
        rank: How far each model is trusted, 0 the most; where equal, scores decide.
        same: Overlap from which on boxes of one class are one thing.
        between: Rules by pair of classes; of ``"over"``, the first of the pair stays.
        across: Overlap from which on boxes of classes without a rule are one thing, of which the better stays; None:
            they never are.
        share: What overlaps between classes are shares of: both boxes together, or the smaller one.
        ordinary: Classes below this give way to others; those from here on, of ignore regions, take no part.

    Returns:
        The rows of each thing that stays, its best first, in the order of pictures; and its identity, -1 for none.
    """
    group = _groups(rows, same)
    trust = _trust(rows, group, rank)
    things: list[list[int]] = []
    for part in np.split(np.arange(len(rows.picture)), np.flatnonzero(np.diff(rows.picture)) + 1):
        if len(part):
            things += _things(rows, group, trust, part, same)
    beaten = _beaten(rows, trust, things, between, across, share, ordinary)
    identity = [int(group[thing[0]]) for thing in things]
    gone = _mostly(identity, beaten)
    stays = [n for n, one in enumerate(identity) if not beaten[n] and one not in gone]
    return [things[n] for n in stays], [identity[n] for n in stays]


def _trust(rows: Rows, group: Ints, rank: Sequence[int]) -> list[tuple[int, float]]:
    """Return what boxes are sorted by, least first: the model's rank, then its score there, of a track the mean.

    A track's boxes are judged alike, so that which model is believed doesn't change from picture to picture.
    """
    score = rows.score.copy()
    pair = np.stack((group, rows.model), axis=1)
    known = group >= 0
    if known.any():
        _, number = np.unique(pair[known], axis=0, return_inverse=True)
        number = number.reshape(-1)
        score[known] = (np.bincount(number, score[known]) / np.bincount(number))[number]
    return list(zip([rank[model] for model in rows.model.tolist()], (-score).tolist(), strict=True))


def _groups(rows: Rows, same: float) -> Ints:
    """Return which tracks of different models are of one thing: those that overlap wherever both are, mostly."""
    tracks = int(rows.track.max(initial=-1)) + 1
    of_track: list[dict[int, int]] = [{} for _ in range(tracks)]
    model, kind = [-1] * tracks, [-1] * tracks
    for row in np.flatnonzero(rows.track >= 0).tolist():
        track = int(rows.track[row])
        of_track[track][int(rows.picture[row])] = row
        model[track], kind[track] = int(rows.model[row]), int(rows.class_id[row])
    close: list[tuple[float, int, int]] = []
    for a, b in _meeting(rows, model, kind):
        pictures = sorted(of_track[a].keys() & of_track[b].keys())
        one = rows.xyxy[[of_track[a][p] for p in pictures]]
        other = rows.xyxy[[of_track[b][p] for p in pictures]]
        overlap = _paired(one, other)
        enough = overlap >= same
        if 2 * int(enough.sum()) > len(pictures):
            close.append((-float(overlap[enough].sum()), a, b))
    group = list(range(tracks))
    members = {track: [track] for track in group}
    where = {track: {(model[track], picture) for picture in of_track[track]} for track in group}
    for _, a, b in sorted(close):
        first, second = sorted((group[a], group[b]))
        if first == second or where[first] & where[second]:
            continue
        for track in members[second]:
            group[track] = first
        members[first] += members.pop(second)
        where[first] |= where.pop(second)
    return np.where(rows.track >= 0, np.array([*group, -1], np.int64)[rows.track], -1)


def _meeting(rows: Rows, model: Sequence[int], kind: Sequence[int]) -> list[tuple[int, int]]:
    """Return the pairs of tracks of two models and one class that touch in some picture."""
    pairs: set[tuple[int, int]] = set()
    known = np.flatnonzero(rows.track >= 0)
    for part in np.split(known, np.flatnonzero(np.diff(rows.picture[known])) + 1):
        first, second = np.nonzero(np.triu(overlaps(rows.xyxy[part], rows.xyxy[part]) > 0, 1))
        for a, b in zip(rows.track[part[first]].tolist(), rows.track[part[second]].tolist(), strict=True):
            if model[a] != model[b] and kind[a] == kind[b]:
                pairs.add((min(a, b), max(a, b)))
    return sorted(pairs)


def _paired(a: Floats, b: Floats) -> Floats:
    """Return the overlap of boxes row by row."""
    size = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None)
    both = size.prod(axis=1)
    union = area(a) + area(b) - both
    out = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    out[(a == b).all(axis=1)] = 1.0
    return np.asarray(out, np.float64)


def _things(rows: Rows, group: Ints, trust: Sequence[tuple[int, float]], part: Ints, same: float) -> list[list[int]]:
    """Return the boxes of one picture by thing, each thing's best first, things in the order of the rows."""
    by_group: dict[int, list[int]] = {}
    alone = []
    for row in part.tolist():
        if group[row] >= 0:
            by_group.setdefault(int(group[row]), []).append(row)
        else:
            alone.append(row)
    things = [sorted(members, key=lambda row: (trust[row], row)) for members in by_group.values()]
    left = []
    for row in alone:  # what a tracked box of another model covers, is it
        near = [
            (-float(overlaps(rows.xyxy[[row]], rows.xyxy[[thing[0]]])[0, 0]), n)
            for n, thing in enumerate(things)
            if rows.class_id[thing[0]] == rows.class_id[row] and rows.model[row] not in rows.model[thing]
        ]
        if near and -min(near)[0] >= same:
            things[min(near)[1]].append(row)
        else:
            left.append(row)
    for kind in sorted(set(rows.class_id[left].tolist())):
        of_kind = np.array([row for row in left if rows.class_id[row] == kind], np.int64)
        none = np.full(len(of_kind), -1)
        found = clusters(rows.xyxy[of_kind], rows.model[of_kind], rows.class_id[of_kind], none, same)
        things += [sorted(of_kind[one].tolist(), key=lambda row: (trust[row], row)) for one in found]
    return sorted(things, key=min)


def _beaten(
    rows: Rows,
    trust: Sequence[tuple[int, float]],
    things: Sequence[Sequence[int]],
    between: Mapping[tuple[int, int], Between],
    across: float | None,
    share: Share,
    ordinary: int,
) -> list[bool]:
    """Return which things give way to one of another class in their picture."""
    beaten = [False] * len(things)
    if across is None and not any(rule.what != "both" for rule in between.values()):
        return beaten
    lead = np.array([thing[0] for thing in things], np.int64)
    depth = _depths(between)
    for part in np.split(np.arange(len(lead)), np.flatnonzero(np.diff(rows.picture[lead])) + 1) if len(lead) else ():
        best = lead[part]
        boxes, kind = rows.xyxy[best], rows.class_id[best].tolist()
        trusted = [trust[row] for row in best.tolist()]
        overlap = overlaps(boxes, boxes) if share == "union" else _of_smaller(boxes)
        order = sorted(range(len(part)), key=lambda n: (depth.get(kind[n], 0), trusted[n], n))
        for one in order:
            if beaten[part[one]]:
                continue
            for other in order:
                if kind[one] == kind[other] or max(kind[one], kind[other]) >= ordinary:
                    continue
                better = (trusted[one], one) < (trusted[other], other)
                if _wins(kind[one], kind[other], better, between, across, float(overlap[one, other])):
                    beaten[part[other]] = True
    return beaten


def _wins(
    kind: int,
    other: int,
    better: bool,
    between: Mapping[tuple[int, int], Between],
    across: float | None,
    overlap: float,
) -> bool:
    """Whether a thing of one kind makes a thing of another give way."""
    rule, turned = between.get((kind, other)), between.get((other, kind))
    if rule is not None and rule.what == "over":
        return overlap >= rule.overlap
    if turned is not None and turned.what == "over":
        return False
    rule = rule or turned
    limit = across if rule is None else rule.overlap
    if limit is None or (rule is not None and rule.what == "both"):
        return False
    return better and overlap >= limit


def _depths(between: Mapping[tuple[int, int], Between]) -> dict[int, int]:
    """Return how many classes stand above each, one over the other; rules without a circle."""
    depth: dict[int, int] = {}
    for _ in range(len(between) + 1):
        for (above, below), rule in between.items():
            if rule.what == "over":
                depth[below] = max(depth.get(below, 0), depth.get(above, 0) + 1)
    return depth


def _of_smaller(boxes: Floats) -> Floats:
    areas = area(boxes)
    union = iou(boxes, boxes)
    both = union * (areas[:, None] + areas[None]) / (1 + union)
    least = np.minimum(areas[:, None], areas[None])
    return np.divide(both, least, out=np.zeros_like(both), where=least > 0)


def _mostly(identity: Sequence[int], beaten: Sequence[bool]) -> set[int]:
    """Return the tracks that give way in more than half of their pictures: they go wholly."""
    counts: dict[int, tuple[int, int]] = {}
    for one, gave_way in zip(identity, beaten, strict=True):
        if one >= 0:
            lost, every = counts.get(one, (0, 0))
            counts[one] = (lost + gave_way, every + 1)
    return {one for one, (lost, every) in counts.items() if 2 * lost > every}
