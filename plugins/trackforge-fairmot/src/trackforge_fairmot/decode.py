"""From a network's maps to objects: peaks of the heat map, their boxes and their embeddings; in NumPy.

A peak is a cell that no neighbour exceeds (3 x 3), best first and at most so many. Its box starts from the cell, moved
by the offset (head ``reg``), and reaches so far to the left, top, right and bottom as the head ``wh`` says; with two
channels (the first published version) this is a width and a height around it. Its embedding is what the head ``id``
says in the cell, scaled to length 1. All of it is exact arithmetic on what the peaks see, so that nothing is
normalised or sorted that no peak needs.

The published code compares probabilities, this one logits: two neighbours that only the rounding of the sigmoid made
equal are one peak here, two there.

Source: Zhang et al., "FairMOT", IJCV 2021, section 3; CenterNet, arXiv 1904.07850, for peaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trackforge.boxes import nms
from trackforge.models import Objects

__all__ = ["MOST", "STRIDE", "PictureMaps", "Selection", "choose", "decode", "find_peaks"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
STRIDE = 4
"""Pixels of the input that a cell of the maps is wide and high."""
MOST = 500
"""Peaks of a picture, as the published tracker takes them."""
TINY = np.float32(1e-12)
"""Length below which an embedding is not scaled: it is nothing."""


class PictureMaps(NamedTuple):
    """What the network says of one picture, lengths in cells.

    ``hm`` ``(C, h, w)`` logits; ``wh`` ``(4 or 2, h, w)``; ``id`` ``(D, h, w)``; ``reg`` ``(2, h, w)``; all float32.
    """

    hm: Floats
    wh: Floats
    id: Floats
    reg: Floats


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which peaks become detections.

    Attributes:
        score: Least probability.
        keep: Class ids to look for, or None for all.
        most: Most peaks of a picture, best first, over all classes that are looked for; a graph that decodes has cut
            over all of its classes before.
        limit: IoU above which the lesser of two boxes of a class goes; None, as published, suppresses nothing.
    """

    score: float = 0.2
    keep: tuple[int, ...] | None = None
    most: int = MOST
    limit: float | None = None


def find_peaks(hm: Floats, *, most: int = MOST, least: float = 0.0) -> tuple[Integers, Integers, Floats]:
    """Find the peaks of a heat map.

    Args:
        hm: ``(C, h, w)`` logits.
        most: Most peaks, over all classes.
        least: Least probability.

    Returns:
        Cells ``(K,)`` in ``h * w`` row by row, class ids ``(K,)``, probabilities ``(K,)``; best first, equal ones in
        order of class and cell.
    """
    count = hm.shape[1] * hm.shape[2]
    place = np.flatnonzero(hm == _largest_around(hm))
    logit = hm.reshape(-1)[place]
    score = _sigmoid(logit)
    if least > 0:
        fine = score >= np.float32(least)
        place, logit, score = place[fine], logit[fine], score[fine]
    best = np.argsort(-logit, kind="stable")[:most]
    return place[best] % count, place[best] // count, score[best]


def decode(maps: PictureMaps, *, most: int = MOST, least: float = 0.0, keep: Sequence[int] | None = None) -> Objects:
    """Turn the maps of one picture into its objects, best first, in pixels of the input.

    Args:
        maps: The maps.
        most: Most peaks, over the classes looked for.
        least: Least probability.
        keep: Class ids to look for; all if left out.
    """
    hm = maps.hm if keep is None else maps.hm[list(keep)]
    cell, class_id, score = find_peaks(np.asarray(hm, np.float32), most=most, least=least)
    if keep is not None:
        class_id = np.array(keep, np.int64)[class_id]
    width = maps.hm.shape[2]
    wh, reg, looks = (np.asarray(_at(part, cell), np.float32) for part in (maps.wh, maps.reg, maps.id))
    centre = np.stack((cell % width, cell // width), axis=1).astype(np.float32) + reg
    before, after = (wh / 2, wh / 2) if wh.shape[1] == 2 else (wh[:, :2], wh[:, 2:])
    xyxy = np.concatenate((centre - before, centre + after), axis=1) * np.float32(STRIDE)
    length = np.sqrt(np.square(looks).sum(axis=1, keepdims=True))
    return Objects(xyxy, score, class_id, looks / np.maximum(length, TINY))


def choose(found: Objects, selection: Selection) -> Objects:
    """Choose among objects, best first.

    A box that is wider or higher than nothing in the wrong direction (its left side right of its right side) is no
    box: weights that are not trained give such.
    """
    fine = (found.score >= np.float32(selection.score)) & (found.score > 0)
    fine &= (found.xyxy[:, 2:] >= found.xyxy[:, :2]).all(axis=1)
    if selection.keep is not None:
        fine &= np.isin(found.class_id, selection.keep)
    rows = np.flatnonzero(fine)[: selection.most]
    if selection.limit is not None:
        rows = rows[nms(found.xyxy[rows], found.score[rows], selection.limit, class_id=found.class_id[rows])]
    looks = found.embedding
    return Objects(found.xyxy[rows], found.score[rows], found.class_id[rows], None if looks is None else looks[rows])


def _largest_around(hm: Floats) -> Floats:
    """Return the largest value of each cell and its neighbours."""
    out: Floats = hm.copy()
    np.maximum(out[:, :, 1:], hm[:, :, :-1], out=out[:, :, 1:])
    np.maximum(out[:, :, :-1], hm[:, :, 1:], out=out[:, :, :-1])
    rows = out.copy()
    np.maximum(out[:, 1:], rows[:, :-1], out=out[:, 1:])
    np.maximum(out[:, :-1], rows[:, 1:], out=out[:, :-1])
    return out


def _at(values: Floats, cell: Integers) -> Floats:
    """Return ``(K, C)`` of a map ``(C, h, w)``."""
    out: Floats = values.reshape(len(values), -1)[:, cell].T
    return out


def _sigmoid(logit: Floats) -> Floats:
    small = np.exp(-np.abs(logit))  # never overflows
    out: Floats = np.where(logit >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)
    return out
