"""Short gaps of tracks filled in straight lines, and tracks from their birth on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from trackforge.data.dialects.keyframes import between
from trackforge.table import TrackTable
from trackforge.types import Step, TrackState

__all__ = ["filled", "whole_tracks"]

Ints = npt.NDArray[np.int64]


def whole_tracks(steps: Iterable[Step], *, sequence: str = "") -> TrackTable:
    """Collect the tracks of a sequence with the boxes of their detections, from their first detection on.

    A tracker that works live shows a track when it trusts it; afterwards the boxes before that are known, too. A track
    has one class: the one with the greatest sum of scores.

    Args:
        steps: Of one sequence, in order.
        sequence: Name of the result.
    """
    columns: dict[str, list[npt.NDArray[np.generic]]] = {
        name: [] for name in ("frame", "track_id", "xyxy", "score", "class_id", "mask")
    }
    trusted: set[int] = set()
    masks = False
    for step in steps:
        tracks = step.tracks[step.tracks.detection >= 0]
        trusted.update(tracks.track_id[tracks.state == TrackState.CONFIRMED].tolist())
        rows, found = tracks.detection, step.detections
        masks = masks or found.mask is not None
        columns["frame"].append(np.full(len(rows), step.frame.index, np.int64))
        columns["track_id"].append(tracks.track_id)
        columns["xyxy"].append(found.xyxy[rows].astype(np.float64))
        columns["score"].append(found.score[rows].astype(np.float64))
        columns["class_id"].append(found.class_id[rows])
        columns["mask"].append(np.empty(len(rows), np.object_) if found.mask is None else found.mask[rows])
    if not columns["frame"]:
        return TrackTable.empty(sequence)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    keep = np.isin(joined["track_id"], np.array(sorted(trusted), np.int64))
    table = TrackTable(
        frame=joined["frame"][keep],
        track_id=joined["track_id"][keep],
        xyxy=joined["xyxy"][keep],
        score=joined["score"][keep],
        class_id=joined["class_id"][keep],
        mask=joined["mask"][keep] if masks else None,
        extra={"filled": np.zeros(int(keep.sum()), np.bool_)},
        sequence=sequence,
    )
    return _one_class(table)


def _one_class(table: TrackTable) -> TrackTable:
    """Give every track the class that has the greatest sum of scores."""
    if not len(table):
        return table
    ids, row = np.unique(table.track_id, return_inverse=True)
    votes = np.zeros((len(ids), int(table.class_id.max()) + 1))
    np.add.at(votes, (row.reshape(-1), table.class_id), np.maximum(table.score, 1e-9))
    return _with(table, class_id=votes.argmax(axis=1)[row.reshape(-1)])


def filled(table: TrackTable, frames: Ints, gap: int) -> TrackTable:
    """Fill the gaps of tracks that are no longer than ``gap`` frames; what is filled has ``extra["filled"]`` true.

    A filled box lies in a straight line between those at the sides, and has the lesser of their scores.

    Args:
        table: Tracks, with ``extra["filled"]``.
        frames: ``(F,)`` indices of all frames of the sequence, ascending; with every second frame only, a gap counts
            these.
        gap: Frames.
    """
    if not len(table) or not gap:
        return table
    order = np.lexsort((table.frame, table.track_id))
    ids, place = table.track_id[order], np.searchsorted(frames, table.frame[order])
    missing = np.where(np.diff(ids) == 0, np.diff(place) - 1, 0)
    made: list[TrackTable] = [table]
    for before in np.flatnonzero((missing > 0) & (missing <= gap)).tolist():
        left, right = order[before], order[before + 1]
        wanted = frames[place[before] + 1 : place[before + 1]]
        ends = table.frame[[left, right]]
        n = len(wanted)
        made.append(
            TrackTable(
                frame=wanted,
                track_id=np.full(n, table.track_id[left]),
                xyxy=between(ends, table.xyxy[[left, right]], wanted),
                score=np.full(n, min(table.score[left], table.score[right])),
                class_id=np.full(n, table.class_id[left]),
                mask=None if table.mask is None else np.empty(n, np.object_),
                extra={"filled": np.ones(n, np.bool_)},
            )
        )
    return TrackTable.concatenate(made, sequence=table.sequence)


def _with(table: TrackTable, **columns: npt.NDArray[np.int64]) -> TrackTable:
    kept = {name: getattr(table, name) for name in ("frame", "track_id", "xyxy", "score", "class_id", "mask")}
    return TrackTable(**{**kept, **columns}, extra=table.extra, sequence=table.sequence)
