"""How OC-SORT pairs tracks with detections: by overlap, and by going on in one direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.assignment import assign
from trackforge.boxes import giou, iou

__all__ = ["SIMILARITIES", "Bonus", "match", "pair", "pair_as_published"]

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bonus: TypeAlias = Callable[[Ints, Ints], Floats]
"""Gives the bonus for pairs of track rows and detection rows; the two broadcast."""


def match(
    partner: Ints,
    tracks: Ints,
    rows: Ints,
    overlap: Floats,
    least: float,
    bonus: Bonus | None = None,
    *,
    published: bool = False,
) -> Ints:
    """Pair some tracks with some detections.

    Args:
        partner: ``(N,)`` the detection of each track; the pairs made are written into it.
        tracks: The tracks that take part.
        rows: The detections that take part.
        overlap: ``(len(tracks), len(rows))``.
        least: Overlap that a pair needs.
        bonus: What is added to the overlap of possible pairs.
        published: Pair as the official code does.

    Returns:
        The detections left over.
    """
    if not overlap.size:
        return rows
    undone = np.empty(0, np.int64)
    if published:
        track, column, undone = pair_as_published(overlap, least, bonus)
    else:
        track, column = pair(overlap, least, bonus)
    partner[tracks[track]] = rows[column]
    alone = np.ones(len(rows), bool)
    alone[column] = alone[undone] = False
    left = np.concatenate((rows[alone], rows[undone])) if len(undone) else rows[alone]
    if bonus is None and (overlap > least).any():
        left.sort()  # as the official code does in later steps that find something: ids are given in this order
    return left


def pair(overlap: Floats, least: float, bonus: Bonus | None = None) -> tuple[Ints, Ints]:
    """Pair so that the sum of overlaps and bonuses is greatest among pairs that overlap enough.

    Args:
        overlap: ``(N, M)`` of tracks and detections.
        least: Overlap below which a pair is impossible.
        bonus: What is added to the overlap of possible pairs; asked only where there is something to choose.
    """
    good = overlap >= least
    if bonus is None or _unambiguous(good):
        return assign(np.where(good, -overlap, np.inf), 0.0)
    track, detection = good.nonzero()
    cost = np.full(overlap.shape, np.inf)
    cost[track, detection] = -(overlap[track, detection] + bonus(track, detection))
    return assign(cost, 0.0)


def pair_as_published(overlap: Floats, least: float, bonus: Bonus | None = None) -> tuple[Ints, Ints, Ints]:
    """Pair as the official code does: everybody with somebody, then poor pairs are undone.

    Returns:
        Rows and columns of the pairs, and the columns of those that were undone, in increasing order.
    """
    none = np.empty(0, np.int64)
    good = overlap > least
    if bonus is not None and _unambiguous(good):
        rows, columns = good.nonzero()
        return rows, columns, none
    if bonus is None and not good.any():
        return none, none, none
    similarity = overlap
    if bonus is not None:
        n, m = overlap.shape
        similarity = overlap + bonus(np.arange(n)[:, None], np.arange(m)[None, :])
    rows, columns = assign(-similarity)
    kept = overlap[rows, columns] >= least
    return rows[kept], columns[kept], np.sort(columns[~kept])


def _unambiguous(good: npt.NDArray[np.bool_]) -> bool:
    """Whether there are pairs, and nobody is in two."""
    return bool(good.size) and good.sum(axis=0).max() == 1 and good.sum(axis=1).max() == 1


def _halved(similarity: Floats) -> Floats:
    """Bring -1..1 to 0..1."""
    out: Floats = (similarity + 1.0) * 0.5
    return out


def _giou(a: Floats, b: Floats) -> Floats:
    return _halved(giou(a, b))


def _diou(a: Floats, b: Floats) -> Floats:
    return _halved(iou(a, b) - _offset(a, b))


def _ciou(a: Floats, b: Floats) -> Floats:
    """Source: Zheng et al., "Distance-IoU Loss", AAAI 2020, equations 8 to 11; heights + 1 as in OC-SORT."""
    overlap = iou(a, b)
    slant_a, slant_b = (np.arctan((c[:, 2] - c[:, 0]) / (c[:, 3] - c[:, 1] + 1.0)) for c in (a, b))
    shape = np.square(slant_b[None, :] - slant_a[:, None]) * (4 / np.pi**2)
    apart = 1.0 - overlap + shape
    weight = np.divide(shape, apart, out=np.zeros_like(shape), where=apart > 0)
    return _halved(overlap - _offset(a, b) - weight * shape)


def _offset(a: Floats, b: Floats) -> Floats:
    """Squared distance of centres over the squared diagonal of the hull, ``(N, M)``."""
    centre = _squared_distance(a, b)
    hull = np.maximum(a[:, None, 2:], b[None, :, 2:]) - np.minimum(a[:, None, :2], b[None, :, :2])
    diagonal = np.square(hull).sum(axis=2)
    out: Floats = np.divide(centre, diagonal, out=np.zeros_like(centre), where=diagonal > 0)
    return out


def _centre_distance(a: Floats, b: Floats) -> Floats:
    """1 for the same centre, 0 for the farthest pair of the frame."""
    distance = np.sqrt(_squared_distance(a, b))
    farthest = distance.max(initial=0.0)
    if not farthest > 0:
        return np.ones_like(distance)
    out: Floats = 1.0 - distance / farthest
    return out


def _squared_distance(a: Floats, b: Floats) -> Floats:
    centre_a, centre_b = (0.5 * (c[:, :2] + c[:, 2:]) for c in (a, b))
    out: Floats = np.square(centre_a[:, None] - centre_b[None, :]).sum(axis=2)
    return out


SIMILARITIES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "iou": iou,
    "giou": _giou,
    "diou": _diou,
    "ciou": _ciou,
    "ct_dist": _centre_distance,
}
"""Similarities ``(N, M)`` in 0..1 under the names of the official code."""
