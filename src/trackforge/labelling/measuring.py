"""What people changed in a model's labels, and how good these were: scores by class, and boxes touched per 100.

Only frames that people checked count. Everything is read off the library's own scores: which label of the model means
which of people's is COCO's matching at IoU .5, whatever the class, and the id of the track for what is left over;
switches of identity are those of `trackforge.evaluate`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from trackforge.boxes import iou
from trackforge.errors import InvalidInputError, MissingDependencyError
from trackforge.labelling.joining import only
from trackforge.labelling.measures import Effort, LabelScores, Measures
from trackforge.metrics import average_precision, evaluate
from trackforge.metrics.boxes_of_pictures import PictureBoxes, match_boxes
from trackforge.table import TrackTable

__all__ = ["measure"]

Ints = npt.NDArray[np.int64]
NAN = math.nan
ROUNDING = 1.0
"""Pixels that a corner may be off though nobody touched it: keyframes and the whole pixels of label tools."""


def measure(
    shown: Mapping[str, TrackTable],
    people: Mapping[str, TrackTable],
    frames: Mapping[str, Iterable[int]],
    classes: Sequence[str],
    *,
    scored: Mapping[str, TrackTable] | None = None,
    same: float = 0.99,
    precise: bool = True,
) -> Measures:
    """Compare the labels of a model with what people made of them.

    Args:
        shown: The labels that people were shown, by sequence.
        people: Their labels.
        frames: The frames that they checked.
        classes: Names by ``class_id``.
        scored: The labels with the scores that rank them, where those shown have none; for average precision.
        same: IoU from which a box counts as left alone; one whose corners are a pixel off at most does in any case.
        precise: Compute average precision, which takes the longest.

    Raises:
        InvalidInputError: No frame was checked.
    """
    checked = {name: np.unique(np.fromiter(of, np.int64)) for name, of in frames.items()}
    checked = {name: of for name, of in checked.items() if len(of)}
    if not checked:
        raise InvalidInputError(
            "Labels are measured on frames that people have checked; none is. Check some, or import them."
        )
    left = {name: _counted(shown[name], of) for name, of in checked.items()}
    right = {name: _counted(people[name], of) for name, of in checked.items()}
    ranked = left if scored is None else {name: _counted(scored[name], of) for name, of in checked.items()}
    lengths = {name: len(of) for name, of in checked.items()}
    efforts = {name: _effort(left[name], right[name], lengths[name], same) for name in checked}
    by_class = _precision(right, ranked, lengths, classes) if precise else {}
    scores = {
        name: _scores(_of(left, k), _of(right, k), lengths, by_class.get(name, (NAN, NAN)))
        for k, name in enumerate(classes)
        if any((t.class_id == k).any() for side in (left, right) for t in side.values())
    }
    return Measures(
        frames=sum(lengths.values()),
        effort=sum(efforts.values(), Effort()),
        overall=_scores(left, right, lengths, by_class.get("", (NAN, NAN)), separate=True),
        classes=scores,
        sequences=efforts,
    )


def _counted(table: TrackTable, frames: Ints) -> TrackTable:
    """Return the rows on some frames, these numbered from 0 without gaps."""
    part = only(table, frames.tolist())
    return TrackTable(
        frame=np.searchsorted(frames, part.frame),
        track_id=part.track_id,
        xyxy=part.xyxy,
        score=part.score,
        class_id=part.class_id,
        sequence=table.sequence,
    )


def _of(tables: Mapping[str, TrackTable], label: int) -> dict[str, TrackTable]:
    return {name: table[table.class_id == label] for name, table in tables.items()}


def _pictures(table: TrackTable, *, classes: bool) -> PictureBoxes:
    labels = table.class_id if classes else np.zeros(len(table), np.int64)
    return PictureBoxes(image=table.frame, xyxy=table.xyxy, class_id=labels, score=table.score)


def _effort(left: TrackTable, right: TrackTable, frames: int, same: float) -> Effort:
    found = dataclasses.replace(_pictures(left, classes=False), score=_nearest(left, right))
    rows = match_boxes(_pictures(right, classes=False), found, max_detections=max(len(left), 1)).truth_of
    rows = _dragged(left, right, rows)
    mine = np.flatnonzero(rows >= 0)
    theirs = rows[mine]
    overlaps = np.array(
        [iou(left.xyxy[[a]], right.xyxy[[b]])[0, 0] for a, b in zip(mine.tolist(), theirs.tolist(), strict=True)]
    )
    other = left.class_id[mine] != right.class_id[theirs]
    off = np.abs(left.xyxy[mine] - right.xyxy[theirs]).max(axis=1) if len(mine) else np.zeros(0)
    moved = ~other & (overlaps < same) & (off > ROUNDING) if len(mine) else np.zeros(0, np.bool_)
    return Effort(
        kept=int(len(mine) - other.sum() - moved.sum()),
        moved=int(moved.sum()),
        relabelled=int(other.sum()),
        added=len(right) - len(mine),
        deleted=len(left) - len(mine),
        identities=_switches(right, left, frames) + _switches(left, right, frames),
    )


def _dragged(left: TrackTable, right: TrackTable, rows: Ints) -> Ints:
    """Pair what overlap left over: boxes of one id in a frame that touch, or whose tracks lie on each other elsewhere.

    Ids alone say nothing: people may give that of a track they deleted to something else, and tables of two programs
    have ids that mean nothing to each other.
    """
    paired = np.flatnonzero(rows >= 0)
    alike = paired[left.track_id[paired] == right.track_id[rows[paired]]]
    mine = np.flatnonzero((rows < 0) & (left.track_id >= 0))
    theirs = np.setdiff1d(np.flatnonzero(right.track_id >= 0), rows)
    ids = np.union1d(left.track_id, right.track_id)
    key, other_key = (
        table.frame[of] * len(ids) + np.searchsorted(ids, table.track_id[of])
        for table, of in ((left, mine), (right, theirs))
    )
    _, a, b = np.intersect1d(key, other_key, return_indices=True)
    mine, theirs = mine[a], theirs[b]
    one, other = left.xyxy[mine], right.xyxy[theirs]
    touch = (np.maximum(one[:, :2], other[:, :2]) < np.minimum(one[:, 2:], other[:, 2:])).all(axis=1)
    same = touch | np.isin(left.track_id[mine], left.track_id[alike])
    out: Ints = rows.copy()
    out[mine[same]] = theirs[same]
    return out


def _switches(truth: TrackTable, found: TrackTable, frames: int) -> int:
    """Return how often an object goes on under another id: joins if people's are the truth, cuts if they are found."""
    if not len(truth) or not len(found):
        return 0
    return int(evaluate({"": _boxed(truth)}, {"": _boxed(found)}, lengths={"": frames}).combined["IDSW"])


def _nearest(left: TrackTable, right: TrackTable) -> npt.NDArray[np.float64]:
    """Return how much each box overlaps what is nearest to it, so that boxes left alone are matched first."""
    out = np.zeros(len(left))
    for frame in left.frames.tolist():
        rows = left.rows(frame)
        overlaps = iou(left.xyxy[rows], right.xyxy[right.rows(frame)])
        out[rows] = overlaps.max(axis=1) if overlaps.shape[1] else 0
    return out


def _boxed(table: TrackTable) -> TrackTable:
    """Return a table whose boxes all count, whatever their class."""
    return TrackTable(frame=table.frame, track_id=table.track_id, xyxy=table.xyxy, score=table.score)


def _scores(
    left: Mapping[str, TrackTable],
    right: Mapping[str, TrackTable],
    lengths: Mapping[str, int],
    precision: tuple[float, float],
    *,
    separate: bool = False,
) -> LabelScores:
    hits = sum(
        int((match_boxes(_pictures(right[name], classes=separate), _pictures(left[name], classes=separate),
                         max_detections=max(len(left[name]), 1)).truth_of >= 0).sum())
        for name in lengths
    )  # fmt: skip
    labels, boxes = (sum(len(side[name]) for name in lengths) for side in (left, right))
    tracks = {"IDF1": NAN, "HOTA": NAN, "MOTA": NAN}
    both = [name for name in lengths if len(left[name]) or len(right[name])]
    if boxes and labels:
        report = evaluate(
            {name: _boxed(right[name]) for name in both},
            {name: _boxed(left[name]) for name in both},
            lengths={name: lengths[name] for name in both},
        ).combined
        tracks = {name: float(report[name]) for name in tracks}
    elif boxes or labels:
        tracks = {"IDF1": 0.0, "HOTA": 0.0, "MOTA": 0.0 if boxes else NAN}
    return LabelScores(
        labels=labels,
        boxes=boxes,
        precision=hits / labels if labels else NAN,
        recall=hits / boxes if boxes else NAN,
        f1=2 * hits / (labels + boxes) if labels or boxes else NAN,
        ap50=precision[0],
        ap=precision[1],
        idf1=tracks["IDF1"],
        hota=tracks["HOTA"],
        mota=tracks["MOTA"],
    )


def _precision(
    truth: Mapping[str, TrackTable],
    found: Mapping[str, TrackTable],
    lengths: Mapping[str, int],
    classes: Sequence[str],
) -> dict[str, tuple[float, float]]:
    """Return AP at IoU .5, and its mean, by class; the mean of classes under an empty name."""
    try:
        report = average_precision(dict(truth), dict(found), classes=tuple(classes), lengths=dict(lengths))
    except MissingDependencyError:
        return {}
    return {"": (report.mean.ap50, report.mean.ap)} | {name: (one.ap50, one.ap) for name, one in report.classes.items()}
