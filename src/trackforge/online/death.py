"""When tracks are forgotten: given up after a time without detections, or as the double of another."""

from __future__ import annotations

import numpy as np

from trackforge.boxes import iou
from trackforge.online.columns import Columns, Floats, Mask
from trackforge.online.lifecycle import LOST, TENTATIVE, Ageing

__all__ = ["Death", "singles"]


class Death:
    """The rule of death: a track goes when it went without a detection for too long.

    Args:
        ageing: Says how long that is.
        late_removal: See `trackforge.online.Quirks`.
        lose_once: See `trackforge.online.Quirks`; needs the column ``doomed``.
    """

    def __init__(self, ageing: Ageing, *, late_removal: bool = False, lose_once: bool = False) -> None:
        self._patience, self._tentative_patience = ageing.patience, ageing.tentative_patience
        self._allowed = ageing.patience + (1 if late_removal else 0)
        self._lose_once = lose_once

    def given_up(self, table: Columns, now: float) -> Mask:
        """Tell whose time had run out before this frame, whatever it brings; ``(N,)``."""
        late: Mask = now - table["seen"] > self._patience + 1
        return late

    def condemned(self, table: Columns, matched: Mask, now: float) -> Mask:
        """Return the column ``doomed``: who is matched after being given up may not be lost again."""
        doomed: Mask = table["doomed"] | (matched & self.given_up(table, now))
        return doomed

    def spared(self, table: Columns, now: float) -> Mask | None:
        """Tell who lives on after this frame, ``(N,)``; None for everybody."""
        missed = table["detection"] < 0
        if not missed.any():
            return None
        keep: Mask = now - table["seen"] <= np.where(
            table["state"] == TENTATIVE, self._tentative_patience, self._allowed
        )
        if self._lose_once:
            keep &= ~(missed & table["doomed"])
        return keep


def singles(table: Columns, boxes: Floats, limit: float, *, inclusive: bool = False) -> Mask | None:
    """Tell who stays where a found and a lost track are in one place, ``(N,)``; None for everybody.

    The longer lived one stays, the lost one where they are equal.

    Args:
        table: The tracks, N rows.
        boxes: ``(N, 4)`` where they are.
        limit: Overlap above which two are one.
        inclusive: Whether boxes are one pixel wider and higher (see `trackforge.online.Quirks`).
    """
    lost = (table["state"] == LOST).nonzero()[0]
    if not len(lost) or len(lost) == len(boxes):
        return None
    found = (table["detection"] >= 0).nonzero()[0]
    i, j = np.nonzero(iou(boxes[found], boxes[lost], inclusive=inclusive) > limit)
    if not len(i):
        return None
    life = table["seen"] - table["born"]
    i, j = found[i], lost[j]
    keep = np.ones(len(boxes), bool)
    keep[np.where(life[i] > life[j], j, i)] = False
    return keep
