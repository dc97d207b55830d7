"""What about the labels of a frame makes people's look at it worth the most."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from trackforge.labelling.joining import FILLED, MODEL
from trackforge.metrics.boxes_of_pictures import PictureBoxes, match_boxes
from trackforge.table import TrackTable
from trackforge.types import Detections

__all__ = ["KINDS", "Signals", "signals_of"]

Ints = npt.NDArray[np.int64]
OVERLAP = 0.5
SURE = 0.5
"""Score from which a detection that no track has is a disagreement of detector and tracker."""
KINDS = {
    "weak": (0.5, "a low score: {n}"),
    "untracked": (1.0, "seen, but in no track: {n}"),
    "filled": (1.0, "in a track, but not seen: {n}"),
    "disputed": (1.0, "models disagree: {n}"),
    "breaks": (1.5, "tracks begin or end inside the picture: {n}"),
}
"""What is counted in a frame: what one of it is worth, and how it is told."""


@dataclasses.dataclass(frozen=True, eq=False)
class Signals:
    """Counts by frame of a sequence.

    Attributes:
        frames: ``(F,)`` indices of the frames.
        counts: ``(F,)`` counts by kind, see `KINDS`.
    """

    frames: Ints
    counts: Mapping[str, Ints]

    def worth(self) -> npt.NDArray[np.float64]:
        """Return ``(F,)`` what people's look at each frame is worth."""
        total = np.zeros(len(self.frames))
        for kind, (weight, _) in KINDS.items():
            total += weight * self.counts.get(kind, np.zeros(len(self.frames)))
        return total

    def reasons(self, row: int) -> list[str]:
        """Return in words what there is about a frame."""
        return [
            words.format(n=int(self.counts[kind][row]))
            for kind, (_, words) in KINDS.items()
            if kind in self.counts and self.counts[kind][row]
        ]

    def as_dict(self) -> dict[str, list[int]]:
        """Return it for JSON."""
        return {"frames": self.frames.tolist(), **{kind: value.tolist() for kind, value in self.counts.items()}}

    @classmethod
    def from_dict(cls, given: Mapping[str, Sequence[int]]) -> Signals:
        """Read what `as_dict` gave."""
        counts = {kind: np.array(given[kind], np.int64) for kind in KINDS if kind in given}
        return cls(np.array(given["frames"], np.int64), counts)


def signals_of(
    table: TrackTable,
    found: Mapping[int, Detections],
    frames: Ints,
    size: tuple[int, int],
    *,
    doubt: float = 0.5,
    disputed: Mapping[int, int] | None = None,
) -> Signals:
    """Count what is doubtful in each frame of a sequence.

    Args:
        table: Its labels, with ``extra["origin"]``; what people have checked is not doubtful.
        found: What the detector found, by frame.
        frames: ``(F,)`` indices of all frames, ascending.
        size: Width and height of the pictures, pixels; (0, 0) where unknown.
        doubt: Score below which a box is weak.
        disputed: Boxes on which several models disagree, by frame, where there are several.
    """
    origin = table.extra["origin"]
    place = np.searchsorted(frames, table.frame)
    n = len(frames)

    def by_frame(mask: npt.NDArray[np.bool_]) -> Ints:
        return np.bincount(place[mask], minlength=n)

    counts = {
        "weak": by_frame((origin == MODEL) & (table.score < doubt)),
        "untracked": np.array([_untracked(table, int(f), found.get(int(f))) for f in frames.tolist()], np.int64),
        "filled": by_frame(origin == FILLED),
        "breaks": _breaks(table, frames, size),
    }
    if disputed is not None:
        counts["disputed"] = np.array([disputed.get(int(f), 0) for f in frames.tolist()], np.int64)
    return Signals(frames, counts)


def _untracked(table: TrackTable, frame: int, found: Detections | None) -> int:
    """Count the confident detections of a frame that no label lies on."""
    if found is None or not len(found):
        return 0
    sure = found[found.score >= SURE]
    rows = table.at(frame)
    if not len(sure) or not len(rows):
        return len(sure)
    zero = np.zeros(1, np.int64)
    labels = PictureBoxes(image=np.repeat(zero, len(rows)), xyxy=rows.xyxy, class_id=np.repeat(zero, len(rows)))
    boxes = PictureBoxes(
        image=np.repeat(zero, len(sure)),
        xyxy=sure.xyxy.astype(np.float64),
        class_id=np.repeat(zero, len(sure)),
        score=sure.score.astype(np.float64),
    )
    return int((match_boxes(labels, boxes, overlap=OVERLAP).truth_of < 0).sum())


def _breaks(table: TrackTable, frames: Ints, size: tuple[int, int]) -> Ints:
    """Count, by frame, tracks whose first or last box lies inside the picture, in the middle of the sequence."""
    out = np.zeros(len(frames), np.int64)
    if not len(table) or not len(frames):
        return out
    order = np.lexsort((table.frame, table.track_id))
    ids = table.track_id[order]
    first = np.concatenate(([True], np.diff(ids) != 0))
    last = np.concatenate((first[1:], [True]))
    for mask, edge in ((first, frames[0]), (last, frames[-1])):
        rows = order[mask]
        rows = rows[(table.frame[rows] != edge) & (table.extra["origin"][rows] == MODEL)]
        rows = rows[~_at_border(table.xyxy[rows], size)]
        np.add.at(out, np.searchsorted(frames, table.frame[rows]), 1)
    return out


def _at_border(xyxy: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Tell which boxes are so near to the border that an object may have come or gone there: half their size."""
    if min(size) < 1:
        return np.zeros(len(xyxy), np.bool_)
    reach = np.maximum((xyxy[:, 2:] - xyxy[:, :2]) / 2, 0.02 * np.array(size))
    near = (xyxy[:, :2] <= reach).any(axis=1) | (xyxy[:, 2:] >= np.array(size) - reach).any(axis=1)
    return np.asarray(near, np.bool_)
