"""People's labels on the frames they checked, a model's on the others: one track an object through both.

What people made stays as it is, to the last digit. The tracks of a model are cut and named by it: a track that lies on
a person's box in a checked frame is that object, from half-way to the next checked frame that says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from trackforge.metrics.boxes_of_pictures import PictureBoxes, match_boxes
from trackforge.table import TrackTable

__all__ = ["CHECKED", "FILLED", "MODEL", "joined", "only", "without"]

MODEL, CHECKED, FILLED = 0, 1, 2
"""Where a box comes from, in ``extra["origin"]``: a model, people, or a straight line over a gap."""
OVERLAP = 0.5
"""IoU from which a track lies on a person's box."""
Ints = npt.NDArray[np.int64]


def only(table: TrackTable, frames: Iterable[int]) -> TrackTable:
    """Return the rows on some frames."""
    return table[np.isin(table.frame, np.fromiter(frames, np.int64))]


def without(table: TrackTable, frames: Iterable[int]) -> TrackTable:
    """Return the rows on all other frames."""
    return table[~np.isin(table.frame, np.fromiter(frames, np.int64))]


def joined(people: TrackTable, fresh: TrackTable, checked: Iterable[int], *, first_new: int = 1) -> TrackTable:
    """Put people's labels and a model's together.

    Args:
        people: What people say; only what stands on checked frames counts.
        fresh: Tracks of a model on all frames; those on checked frames tell which object each is.
        checked: The frames that people have checked.
        first_new: Least id of objects that people do not know.

    Returns:
        Rows on checked frames are those of ``people``, ids included. ``extra["origin"]`` says where each comes from.
    """
    frames = sorted(set(checked))
    mine, theirs = only(people, frames), without(fresh, frames)
    known, said = _links(mine, only(fresh, frames))
    ids, labels = _named(theirs, known, said, mine, max(first_new, _next(mine)))
    filled = theirs.extra.get("filled", np.zeros(len(theirs), np.bool_)).astype(bool)
    return TrackTable.concatenate(
        [
            _plain(mine, mine.track_id, mine.class_id, np.full(len(mine), CHECKED)),
            _plain(theirs, ids, labels, np.where(filled, FILLED, MODEL)),
        ],
        sequence=people.sequence or fresh.sequence,
    )


def _plain(table: TrackTable, ids: Ints, labels: Ints, origin: Ints) -> TrackTable:
    return TrackTable(
        frame=table.frame,
        track_id=ids,
        xyxy=table.xyxy,
        score=table.score,
        class_id=labels,
        mask=np.empty(len(table), np.object_) if table.mask is None else table.mask,
        extra={"origin": origin.astype(np.int64)},
        sequence=table.sequence,
    )


def _links(people: TrackTable, fresh: TrackTable) -> tuple[dict[int, Ints], dict[int, Ints]]:
    """Return, by track of the model, the checked frames in which it lies on a person's box, and whose that is."""
    if not len(people) or not len(fresh):
        return {}, {}
    one = np.zeros(1, np.int64)
    truth = PictureBoxes(image=people.frame, xyxy=people.xyxy, class_id=np.repeat(one, len(people)))
    found = PictureBoxes(
        image=fresh.frame, xyxy=fresh.xyxy, class_id=np.repeat(one, len(fresh)), score=fresh.score.copy()
    )
    rows = match_boxes(truth, found, overlap=OVERLAP, max_detections=len(fresh)).truth_of
    frames: dict[int, Ints] = {}
    names: dict[int, Ints] = {}
    for track in np.unique(fresh.track_id[rows >= 0]).tolist():
        mine = np.flatnonzero((fresh.track_id == track) & (rows >= 0))
        frames[track], names[track] = fresh.frame[mine], people.track_id[rows[mine]]
    return frames, names


def _named(
    fresh: TrackTable, frames: dict[int, Ints], names: dict[int, Ints], people: TrackTable, first_new: int
) -> tuple[Ints, Ints]:
    """Return the ids and classes of the rows of a model."""
    ids, labels = np.full(len(fresh), -1, np.int64), fresh.class_id.copy()
    distance = np.full(len(fresh), np.iinfo(np.int64).max)
    for track, at in frames.items():
        rows = np.flatnonzero(fresh.track_id == track)
        if not len(rows):
            continue
        apart = np.abs(fresh.frame[rows][:, None] - at[None, :])
        nearest = apart.argmin(axis=1)
        ids[rows], distance[rows] = names[track][nearest], apart[np.arange(len(rows)), nearest]
    _one_each(fresh, ids, distance)
    classes = dict(zip(people.track_id.tolist(), people.class_id.tolist(), strict=True))
    for row in np.flatnonzero(ids >= 0).tolist():
        labels[row] = classes[int(ids[row])]
    new: dict[int, int] = {}
    for row in np.flatnonzero(ids < 0).tolist():
        ids[row] = new.setdefault(int(fresh.track_id[row]), first_new + len(new))
    return ids, labels


def _one_each(fresh: TrackTable, ids: Ints, distance: Ints) -> None:
    """Where two tracks of a frame claim one object, leave it to the one that a person has seen nearest in time."""
    order = np.lexsort((fresh.track_id, -fresh.score, distance, ids, fresh.frame))
    same = (np.diff(fresh.frame[order]) == 0) & (np.diff(ids[order]) == 0)
    twice = order[1:][same]
    ids[twice] = -1


def _next(table: TrackTable) -> int:
    return int(table.track_id.max(initial=0)) + 1
