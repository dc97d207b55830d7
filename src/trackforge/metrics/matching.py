"""One-to-one matching of truth and track boxes, frame by frame, with the greatest total score.

Where a truth box and a track box overlap nothing but each other, they match whatever the rest does; this is decided for
a whole sequence at once. Only frames with rivals go through an assignment solver, and with all their boxes: among
equally good matchings the official evaluator takes the one that SciPy's solver finds in the full matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trackforge.metrics.overlaps import Overlaps
from trackforge.metrics.solver import solver

__all__ = ["Frames", "match"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Solver = Callable[[Floats], tuple[Ints, Ints]]


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Candidate pairs of a sequence laid out as one matrix a frame.

    Attributes:
        overlaps: The sequence.
        pairs: Which pairs of ``overlaps`` are candidates, sorted.
        truth_start: First truth row of each frame, and the number of rows.
        track_start: First track row of each frame, and the number of rows.
        pair_start: First candidate of each frame, and the number of candidates.
        cell: Place of each candidate in its frame's matrix (truth rows x track rows, row by row).
        easy: ``(len(pairs),)`` mask of the candidates that have no rival.
    """

    overlaps: Overlaps
    pairs: Ints
    truth_start: list[int]
    track_start: list[int]
    pair_start: list[int]
    cell: Ints
    easy: Mask

    @classmethod
    def of(cls, overlaps: Overlaps, candidates: Mask | None = None) -> Frames:
        """Lay out the pairs that a mask selects, or all."""
        o = overlaps
        pairs = np.arange(len(o.iou)) if candidates is None else np.flatnonzero(candidates)
        truth, track = o.truth[pairs], o.track[pairs]
        numbers = np.arange(o.frames + 1)
        truth_start, track_start = np.searchsorted(o.truth_frame, numbers), np.searchsorted(o.track_frame, numbers)
        frame = o.truth_frame[truth]
        widths = np.diff(track_start)
        cell = (truth - truth_start[frame]) * widths[frame] + track - track_start[frame]
        easy = (np.bincount(truth, minlength=len(o.truth_id))[truth] == 1) & (
            np.bincount(track, minlength=len(o.track_id))[track] == 1
        )
        return cls(
            o,
            pairs,
            truth_start.tolist(),
            track_start.tolist(),
            np.searchsorted(frame, numbers).tolist(),
            cell,
            easy,
        )

    def hard(self, wanted: Mask | None = None) -> list[int]:
        """Return the frames in which some candidate (of those wanted) has a rival."""
        rows = ~self.easy if wanted is None else ~self.easy & wanted
        numbers: list[int] = np.unique(self.overlaps.truth_frame[self.overlaps.truth[self.pairs[rows]]]).tolist()
        return numbers

    def solve(self, frames: list[int], score: Callable[[slice], Floats]) -> Iterator[tuple[slice, Mask]]:
        """Solve frames in order; yields each frame's candidates (a slice) and which of them were matched.

        Args:
            frames: Their numbers.
            score: Gives the scores, > 0, of a slice of candidates; asked frame after frame.
        """
        solve = solver()
        for f in frames:
            rows = self.truth_start[f + 1] - self.truth_start[f]
            columns = self.track_start[f + 1] - self.track_start[f]
            here = slice(self.pair_start[f], self.pair_start[f + 1])
            cell = self.cell[here]
            cost = np.zeros(rows * columns)
            cost[cell] = -score(here)
            row, column = solve(cost.reshape(rows, columns))
            taken = np.zeros(rows * columns, np.bool_)
            taken[row * columns + column] = True
            yield here, taken[cell]


def match(frames: Frames, score: Floats, wanted: Mask | None = None) -> Ints:
    """Match every frame for the greatest total score.

    Args:
        frames: The candidates.
        score: ``(len(frames.pairs),)`` scores, > 0.
        wanted: Mask over the candidates whose fate matters; frames in which none of them has a rival are not solved.

    Returns:
        The matched pairs as sorted indices into the columns of ``frames.overlaps``.
    """
    matched = frames.easy.copy()
    for here, chosen in frames.solve(frames.hard(wanted), score.__getitem__):
        matched[here] = chosen
    pairs: Ints = frames.pairs[matched]
    return pairs
