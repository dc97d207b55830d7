"""What a detector does wrong, box by box, and which classes it takes for which.

Kinds of mistakes and overlaps as in Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors",
ECCV 2020; a box that is both misplaced and of another class counts as false here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.boxes import iou
from trackforge.metrics.boxes_of_pictures import Matching, PictureBoxes

__all__ = ["KINDS", "Kind", "Mistakes", "judge"]

Ints = npt.NDArray[np.int64]
Kind: TypeAlias = Literal["right", "confused", "misplaced", "double", "false", "missed", "ignored"]
KINDS: tuple[Kind, ...] = ("missed", "confused", "misplaced", "double", "false")
"""The mistakes, in the order in which they are told."""
NEAR = 0.1
"""Least IoU of a box that means an object, but is misplaced."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Mistakes:
    """Every true box and every detection judged at one least score; N true boxes, M detections.

    Each object counts once: where a detection that means it is confused or misplaced, it is not missed as well.

    Attributes:
        score: The least score.
        truth: ``(N,)`` text: ``right``, ``confused``, ``misplaced``, ``missed``, or ``ignored`` for ignore regions.
        found: ``(M,)`` text: ``right``, ``confused`` (an object of another class), ``misplaced`` (IoU below .5),
            ``double`` (the object is found already), ``false`` (there is nothing), or ``ignored``: below the score,
            inside an ignore region, beyond the best of its picture.
        truth_of: ``(M,)`` row of the true box that a detection means, -1 for none.
        confusion: ``(C + 1, C + 1)`` boxes of each true class (rows) that were found as each class (columns); the last
            row is what is found where nothing is, the last column what is not found. A row of a class adds up to its
            true boxes.
    """

    score: float
    truth: npt.NDArray[np.str_]
    found: npt.NDArray[np.str_]
    truth_of: Ints
    confusion: Ints

    def counts(self) -> dict[str, int]:
        """Return how often each mistake was made, and ``right``."""
        made: dict[str, int] = {"right": int((self.found == "right").sum())}
        for kind in KINDS:
            made[kind] = int(((self.truth if kind == "missed" else self.found) == kind).sum())
        return made

    def by_picture(self, truth: PictureBoxes, found: PictureBoxes, pictures: int) -> dict[str, Ints]:
        """Return how often each mistake was made in each picture, ``(pictures,)`` by kind."""
        return {
            kind: np.bincount(
                truth.image[self.truth == kind] if kind == "missed" else found.image[self.found == kind],
                minlength=pictures,
            )
            for kind in KINDS
        }


def judge(
    truth: PictureBoxes, found: PictureBoxes, matching: Matching, count: int, *, score: float, overlap: float = 0.5
) -> Mistakes:
    """Say what each box is at a least score.

    Args:
        truth: True boxes.
        found: Detections.
        matching: Of the two.
        count: Classes.
        score: Detections below it are left out.
        overlap: IoU of the matching.
    """
    kept = matching.counted & (found.score >= score)
    states = np.full(len(truth), "missed", "<U9")
    states[truth.ignore] = "ignored"
    kinds = np.where(kept, "false", "ignored").astype("<U9")
    means = np.where(kept, matching.truth_of, -1)
    right = means >= 0
    kinds[right], states[means[right]] = "right", "right"
    by_truth, by_found = np.argsort(truth.image, kind="stable"), np.argsort(found.image, kind="stable")
    left, edge = truth.image[by_truth], found.image[by_found]
    for picture in np.unique(found.image[kept & ~right]).tolist():
        mine = by_found[slice(*np.searchsorted(edge, (picture, picture + 1)).tolist())]
        theirs = by_truth[slice(*np.searchsorted(left, (picture, picture + 1)).tolist())]
        mine, theirs = mine[kept[mine] & ~right[mine]], theirs[~truth.ignore[theirs]]
        _explain(truth, found, mine, theirs, states, kinds, means, overlap)
    confusion = np.zeros((count + 1, count + 1), np.int64)
    real = ~truth.ignore
    shown = np.full(len(truth), count, np.int64)
    told = np.isin(kinds, ("right", "confused"))
    shown[means[told]] = found.class_id[told]
    np.add.at(confusion, (truth.class_id[real], shown[real]), 1)
    nothing = found.class_id[kept & ~told]
    np.add.at(confusion, (np.full(len(nothing), count), nothing), 1)
    return Mistakes(score=score, truth=states, found=kinds, truth_of=means, confusion=confusion)


def _explain(
    truth: PictureBoxes,
    found: PictureBoxes,
    mine: Ints,
    theirs: Ints,
    states: npt.NDArray[np.str_],
    kinds: npt.NDArray[np.str_],
    means: Ints,
    overlap: float,
) -> None:
    """Find out what the wrong detections of one picture mean; nearest pairs first, each object once."""
    overlaps = iou(found.xyxy[mine], truth.xyxy[theirs])
    same = found.class_id[mine][:, None] == truth.class_id[theirs][None, :]
    misplaced = same & (overlaps >= NEAR) & (overlaps < overlap)
    for kind, fits in (("confused", ~same & (overlaps >= overlap)), ("misplaced", misplaced)):
        rows, columns = np.nonzero(fits)
        for pair in np.argsort(-overlaps[rows, columns], kind="stable").tolist():
            row, column = mine[rows[pair]], theirs[columns[pair]]
            if kinds[row] == "false" and states[column] == "missed":
                kinds[row], states[column], means[row] = kind, kind, column
    rows, columns = np.nonzero(same & (overlaps >= overlap))
    for row, column in zip(mine[rows].tolist(), theirs[columns].tolist(), strict=True):
        if kinds[row] == "false":
            kinds[row], means[row] = "double", column
