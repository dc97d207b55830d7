"""When a tracker went wrong: each switch, fragmentation, miss and false positive of CLEAR, with its frames and ids.

The counts are those of the scores: as many switches as ``IDSW``, as many fragmentations as ``Frag``, and the frames of
all misses and false positives add up to ``CLR_FN`` and ``CLR_FP``.

>>> import numpy as np
>>> from trackforge import TrackTable
>>> box = [[0, 0, 10, 10]]
>>> truth = TrackTable(frame=np.arange(4), xyxy=np.repeat(box, 4, 0), track_id=np.full(4, 7))
>>> tracks = TrackTable(frame=np.array([0, 1, 3]), xyxy=np.repeat(box, 3, 0), track_id=np.array([1, 1, 2]))
>>> for one in moments(truth, tracks).all:
...     print(one.kind, one.first, one.last, one.truth_id, one.before, one.track_id, one.weight)
switch 1 3 7 1 2 2
miss 2 2 7 -1 -1 1

Source: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.metrics.clear import Pairing, pairing
from trackforge.metrics.overlaps import Overlaps
from trackforge.metrics.preprocessing import Preprocessing, counted
from trackforge.table import TrackTable

__all__ = ["KINDS", "Kind", "Moment", "Moments", "moments"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Kind = Literal["switch", "fragmentation", "miss", "false positive"]
KINDS: tuple[Kind, ...] = ("switch", "fragmentation", "miss", "false positive")


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that went wrong; ids are -1 where they play no part.

    Attributes:
        kind: What.
        first: For a switch and a fragmentation, the last frame in which all was well; else the first that is wrong.
        last: For a switch and a fragmentation, the frame in which the object is found again; else the last wrong one.
        truth_id: The object.
        track_id: The track that has the object (from now on), or that is false.
        before: The track that had the object before a switch.
        weight: Frames: that the identity had lasted before a switch, that a fragmentation leaves out (of those that
            have the object), that a miss or false positive lasts.
        at: The frame to look at: the last, or that of the middle row of a miss or false positive.
    """

    kind: Kind
    first: int
    last: int
    truth_id: int = -1
    track_id: int = -1
    before: int = -1
    weight: int = 0
    at: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Everything that went wrong in a sequence.

    Attributes:
        all: By kind, then the worst first.
        missed: ``(M, 2)`` frame and id of each missed truth box.
        false: ``(F, 2)`` frame and id of each track box without truth.
        counted: ``(G, 2)`` frame and id of each truth box that counts, missed or not.
    """

    all: tuple[Moment, ...]
    missed: Ints
    false: Ints
    counted: Ints

    def of(self, kind: Kind) -> list[Moment]:
        """Return those of a kind, the worst first."""
        return [one for one in self.all if one.kind == kind]


def moments(
    truth: TrackTable,
    tracks: TrackTable,
    *,
    preprocessing: Preprocessing = "none",
    iou_threshold: float = 0.5,
) -> Moments:
    """Find what went wrong in a sequence, as CLEAR counts it.

    Args:
        truth: Ground truth.
        tracks: Results.
        preprocessing: What does not count, as in `trackforge.evaluate`.
        iou_threshold: What a pair must have to match.

    Raises:
        InvalidInputError: A row has no id, or classes are not those of the benchmark.
        ConfigError: There is no such preprocessing.
    """
    for table, what in ((truth, "truth"), (tracks, "tracks")):
        if len(table) and table.track_id.min() < 0:
            raise InvalidInputError(
                f"Every row must have an id; some of the {what} have none. Select: table[table.track_id >= 0]."
            )
    frames = max((int(table.frame[-1]) + 1 for table in (truth, tracks) if len(table)), default=0)
    named = counted(truth, tracks, preprocessing, frames)
    pairs = pairing(named.relabelled(), iou_threshold)
    matched = pairs.partner[:-1] >= 0
    right = _right(named.relabelled(), pairs)
    found = [
        *_switches(named, pairs),
        *_fragmentations(named, pairs),
        *_stretches("miss", named.truth_frame, named.truth_id, ~matched),
        *_stretches("false positive", named.track_frame, named.track_id, ~right),
    ]
    found.sort(key=lambda one: (KINDS.index(one.kind), -one.weight, one.last))
    return Moments(
        tuple(found),
        missed=np.stack((named.truth_frame[~matched], named.truth_id[~matched]), axis=1),
        false=np.stack((named.track_frame[~right], named.track_id[~right]), axis=1),
        counted=np.stack((named.truth_frame, named.truth_id), axis=1),
    )


def _right(o: Overlaps, pairs: Pairing) -> Mask:
    """Return which track rows were matched."""
    wide = int(o.track_id.max(initial=0)) + 1
    rows = np.flatnonzero(pairs.partner[:-1] >= 0)
    mask: Mask = np.isin(o.track_frame * wide + o.track_id, o.truth_frame[rows] * wide + pairs.partner[rows])
    return mask


def _switches(o: Overlaps, pairs: Pairing) -> Iterator[Moment]:
    """Yield where an object is matched to another track than when it was last matched."""
    names = np.unique(o.track_id)
    rows = _by_object(o, np.flatnonzero(pairs.partner[:-1] >= 0))
    partner, object_ = pairs.partner[rows], o.truth_id[rows]
    changes = np.flatnonzero((np.diff(object_) != 0) | (np.diff(partner) != 0)) + 1
    begins = np.concatenate(([0], changes))  # of the run that ends before each change
    for begin, at in zip(begins.tolist(), changes.tolist(), strict=False):
        if object_[at] != object_[at - 1]:
            continue
        yield Moment(
            "switch",
            int(o.truth_frame[rows[at - 1]]),
            int(o.truth_frame[rows[at]]),
            int(object_[at]),
            int(names[partner[at]]),
            int(names[partner[at - 1]]),
            at - begin,
            int(o.truth_frame[rows[at]]),
        )


def _fragmentations(o: Overlaps, pairs: Pairing) -> Iterator[Moment]:
    """Yield where an object is found again."""
    names = np.unique(o.track_id)
    matched, begins = pairs.partner[:-1] >= 0, pairs.begins
    rows = _by_object(o, np.arange(len(o.truth_id)))
    last = -1  # place in `rows` of the last matched one of the object
    for place in np.flatnonzero(matched[rows]).tolist():
        row = rows[place]
        same = last >= 0 and o.truth_id[rows[last]] == o.truth_id[row]
        if same and begins[row]:
            first, again = int(o.truth_frame[rows[last]]), int(o.truth_frame[row])
            track = int(names[pairs.partner[row]])
            lost = place - last - 1
            yield Moment("fragmentation", first, again, int(o.truth_id[row]), track, weight=lost, at=again)
        last = place


def _stretches(kind: Kind, frame: Ints, ids: Ints, wrong: Mask) -> Iterator[Moment]:
    """Yield runs of rows of one id, in the order of frames, that are wrong."""
    if not len(ids):
        return
    order = np.argsort(ids, kind="stable")
    bad, named = wrong[order], ids[order]
    new = np.concatenate(([True], (np.diff(named) != 0) | (np.diff(bad.astype(np.int8)) != 0)))
    begins = np.flatnonzero(new)
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(named)], strict=True):
        if bad[begin]:
            first, last = int(frame[order[begin]]), int(frame[order[end - 1]])
            one, middle = int(named[begin]), int(frame[order[(begin + end - 1) // 2]])
            if kind == "miss":
                yield Moment(kind, first, last, truth_id=one, weight=end - begin, at=middle)
            else:
                yield Moment(kind, first, last, track_id=one, weight=end - begin, at=middle)


def _by_object(o: Overlaps, rows: Ints) -> Ints:
    ordered: Ints = rows[np.argsort(o.truth_id[rows], kind="stable")]
    return ordered
