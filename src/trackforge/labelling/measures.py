"""What people's checking said about the labels of a model, as values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["Effort", "LabelScores", "Measures"]

NAN = math.nan


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelScores:
    """How good labels of a model were, as fractions of 1; NaN where nothing tells, or a package is missing.

    Attributes:
        labels: Boxes of the model.
        boxes: Boxes that people left or made.
        precision: Share of the model's boxes that mean an object of their class, at IoU .5.
        recall: Share of people's boxes that the model had.
        f1: Harmonic mean of the two.
        ap50: Average precision at IoU .5, by the scores of the labels (needs faster-coco-eval).
        ap: Mean of it over IoU .5 to .95.
        idf1: How much of their time objects go under one id.
        hota: Of the tracks.
        mota: Of the tracks.
    """

    labels: int = 0
    boxes: int = 0
    precision: float = NAN
    recall: float = NAN
    f1: float = NAN
    ap50: float = NAN
    ap: float = NAN
    idf1: float = NAN
    hota: float = NAN
    mota: float = NAN

    def named(self) -> dict[str, float]:
        """Return the scores by the names that goals know."""
        spelt = {"AP50": "ap50", "AP": "ap", "precision": "precision", "recall": "recall", "F1": "f1", "IDF1": "idf1"}
        spelt |= {"HOTA": "hota", "MOTA": "mota"}
        return {name: float(getattr(self, attribute)) for name, attribute in spelt.items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effort:
    """What people had to do to the boxes of a model.

    Attributes:
        kept: Boxes that they left as they were.
        moved: Boxes that they moved or resized, however far.
        relabelled: Boxes that they gave another class, moved or not.
        added: Boxes that they drew.
        deleted: Boxes that they took away.
        identities: Times that a track had to be cut, or joined with another; two that have swapped objects are two cuts
            and two joins.
    """

    kept: int = 0
    moved: int = 0
    relabelled: int = 0
    added: int = 0
    deleted: int = 0
    identities: int = 0

    @property
    def touched(self) -> int:
        """Boxes touched; cutting or joining a track counts as one."""
        return self.moved + self.relabelled + self.added + self.deleted + self.identities

    @property
    def boxes(self) -> int:
        """Boxes that there are in the end: what labelling from scratch would have had to draw."""
        return self.kept + self.moved + self.relabelled + self.added

    @property
    def per_100(self) -> float:
        """Boxes touched per 100 boxes in the end; labelling from scratch takes 100."""
        return 100 * self.touched / self.boxes if self.boxes else (NAN if not self.touched else math.inf)

    def __add__(self, other: Effort) -> Effort:
        return Effort(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(Effort)})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measures:
    """What people's checking said about the labels of a model.

    Attributes:
        frames: Frames checked.
        effort: What people had to do, of all sequences.
        overall: Scores of all classes together: AP is the mean over classes, tracks count whatever their class.
        classes: Scores by class.
        sequences: Effort by sequence.
    """

    frames: int
    effort: Effort
    overall: LabelScores
    classes: Mapping[str, LabelScores]
    sequences: Mapping[str, Effort]

    def scores(self) -> dict[str, float]:
        """Return everything that a goal may be about."""
        return {**self.overall.named(), "effort": self.effort.per_100}

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; a score that is no number is None."""
        effort = {**dataclasses.asdict(self.effort), "touched": self.effort.touched, "boxes": self.effort.boxes}
        return {
            "frames": self.frames,
            "effort": {**effort, "per 100 boxes": _plain(self.effort.per_100), "from scratch": 100},
            "overall": _row(self.overall),
            "classes": {name: _row(scores) for name, scores in self.classes.items()},
            "sequences": {
                name: {**dataclasses.asdict(one), "per 100 boxes": _plain(one.per_100)}
                for name, one in self.sequences.items()
            },
        }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _row(scores: LabelScores) -> dict[str, Any]:
    return {f.name: _plain(getattr(scores, f.name)) for f in dataclasses.fields(LabelScores)}
