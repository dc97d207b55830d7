"""How far tracks have gone, so that who trembles on the spot gets nowhere. N tracks at once.

Somebody who stands starts once the last resting place is left behind by more than the position can err. From then on
the way is measured in short pieces. Who makes no piece for a while has stopped; what is left up to there is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Odometer", "Walk", "causal", "set_off", "smoothed", "speeds"]

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Odometer:
    """When somebody starts, goes on and stops.

    Attributes:
        start: Metres from the resting place at which somebody has started, at least.
        start_errors: The same in standard deviations of the place; the larger counts.
        piece: Length of a piece in metres, at least.
        piece_errors: The same in standard deviations.
        patience: Seconds without a piece after which somebody has stopped.
    """

    start: float
    start_errors: float
    piece: float
    piece_errors: float
    patience: float

    def advance(self, walk: Walk, place: Floats, error: Floats, now: Floats, begins: Flags) -> Walk:
        """Go on to places ``(N, 2)`` with standard deviations ``error`` ``(N,)`` in metres at ``now`` ``(N,)`` seconds.

        ``begins`` marks whose way begins here anew: nothing is added for where it was before.
        """
        far = np.hypot(*(place - walk.rest).T)
        stops = walk.moving & (now - walk.since > self.patience)
        moving = walk.moving & ~stops
        limit = np.where(
            moving,
            np.maximum(self.piece, self.piece_errors * error),
            np.maximum(self.start, self.start_errors * error),
        )
        goes = far > limit
        marks = (goes | stops) & ~begins
        anew = marks | begins
        return Walk(
            rest=np.where(anew[:, None], place, walk.rest),
            moving=(moving | goes) & ~begins,
            since=np.where(goes | begins, now, walk.since),
            metres=walk.metres + np.where(marks, far, 0.0),
            starts=walk.starts + (goes & ~moving & ~begins),
        )

    def error(self, walk: Walk, error: Floats) -> Floats:
        """Return standard deviations ``(N,)`` of distances in metres, of places that err by ``error`` ``(N,)``.

        Both ends of the way err as places do; at every start and stop a part of the way is guessed: about a fifth of
        where somebody counts as started, and two errors (as the simulated pitch shows).
        """
        guessed = 0.2 * np.maximum(self.start, self.start_errors * error) + 2.0 * error
        deviation: Floats = np.sqrt(2 * error**2 + walk.starts * guessed**2)
        return deviation


@dataclass(frozen=True)
class Walk:
    """Ways of N tracks.

    Attributes:
        rest: ``(N, 2)`` where the last piece ended.
        moving: ``(N,)``.
        since: ``(N,)`` seconds, when it ended.
        metres: ``(N,)`` so far.
        starts: ``(N,)`` times that somebody has started.
    """

    rest: Floats
    moving: Flags
    since: Floats
    metres: Floats
    starts: npt.NDArray[np.int64]


CERTAIN = 2.5
"""Standard deviations above which the speed of somebody who rests may be that of setting off."""


def speeds(velocity: Floats, moving: Flags) -> Floats:
    """Return speeds ``(N,)`` of velocities ``(N, 2)``; 0 for who rests: without a way there is no speed."""
    return np.where(moving, np.hypot(*velocity.T), 0.0)


def set_off(track: Floats, speed: Floats, error: Floats, moving: Flags) -> Floats:
    """Return the speeds of ways, with those at which somebody who was still taken for resting set off.

    Args:
        track: ``(N,)`` ids, ascending; the rows of each by time.
        speed: ``(N,)`` as velocities say, of those who rest, too.
        error: ``(N,)`` standard deviations.
        moving: ``(N,)`` whether the odometer had started.

    Returns:
        ``(N,)``; 0 at rest, also where boxes trembled as though somebody went.
    """
    believed = moving | (speed > CERTAIN * error)
    runs = np.cumsum(~believed | (np.diff(track, prepend=np.nan) != 0))
    last = np.full(len(track) + 1, -1)  # by run, the last row at which somebody moves
    rows = np.flatnonzero(moving)
    np.maximum.at(last, runs[rows], rows)
    return np.where(believed & (np.arange(len(track)) <= last[runs]), speed, 0.0)


def smoothed(rest: float) -> Odometer:
    """Return one for smoothed places; ``rest`` metres are no way yet."""
    return Odometer(start=rest, start_errors=8.0, piece=rest / 5, piece_errors=2.0, patience=0.7)


def causal(rest: float) -> Odometer:
    """Return one for places as they are known at the moment, which tremble more."""
    return Odometer(start=rest, start_errors=10.0, piece=rest / 2, piece_errors=3.0, patience=1.5)
