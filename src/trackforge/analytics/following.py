"""Follows tracks on the ground as they come: places and speeds at the moment, by what was seen so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.analytics.book import Book
from trackforge.analytics.homography import Plane
from trackforge.analytics.kalman import State, correct, predict
from trackforge.analytics.odometer import Walk, causal
from trackforge.analytics.window import Moment

__all__ = ["WALK", "Follower", "Habits"]

Floats: TypeAlias = npt.NDArray[np.float64]
WALK = ("rest", "moving", "since", "metres", "starts")
"""Columns that make a `Walk`."""
NEW = 0.25
"""Standard deviation of the speed of who is new, as a part of the greatest speed."""
SURPRISE = 4.0
"""Standard deviations by which a place may miss what the greatest speed allows."""
PATIENCE = 0.5
"""Seconds of impossible places after which a track is believed to be there: an id that has changed over."""
FIRST_JITTER, LEAST_JITTER, SHARE = 3.0, 0.05, 0.03
"""Pixels that boxes tremble until it is known, at least, and as a part of their height; and ever, at least."""
BELIEF, LONGEST = 25.0, 250.0
"""Boxes that the first guess of the jitter is worth, and after which older ones fade."""


@dataclass(frozen=True)
class Habits:
    """How those on the ground move, and how they are seen.

    Attributes:
        acceleration: m/s by which a velocity typically changes in a second.
        max_speed: m/s that nobody exceeds.
        gap: Seconds unseen after which a way begins anew.
        jitter: Pixels by which boxes tremble; None to find out.
        rest: Metres from a resting place that are no way yet, at least.
    """

    acceleration: float
    max_speed: float
    gap: float
    jitter: float | None
    rest: float


class Follower:
    """Filters the places of all tracks.

    Args:
        plane: Where the ground is.
        habits: How tracks move.
        middle: ``(2,)`` pixels about which the errors of the camera are to be independent along the axes.

    Attributes:
        axes: ``(2, 2)`` whose rows are the axes of the filter, in metres on the ground.
        jumps: Places that were refused, being too far from the one before.
        book: The tracks.
    """

    def __init__(self, plane: Plane, habits: Habits, middle: Floats) -> None:
        self.plane, self._habits, self._odometer = plane, habits, causal(habits.rest)
        scale = plane.scale(middle[None])[0]
        _, vectors = np.linalg.eigh(scale @ scale.T)
        self.axes: Floats = np.ascontiguousarray(vectors.T)
        zero = np.float64(0)
        self.book = Book(
            place=np.zeros(2), velocity=np.zeros(2), spread=np.zeros((2, 3)), at=np.float64(np.nan),
            refused=np.float64(np.nan), jitter=zero, boxes=zero,
            rest=np.zeros(2), moving=np.bool_(False), since=zero, metres=zero, starts=np.int64(0), told=zero,
        )  # fmt: skip
        self.jumps = 0

    @property
    def power(self) -> float:
        """Density of white acceleration, m²/s³."""
        return self._habits.acceleration**2

    def clear(self) -> None:
        """Forget all tracks."""
        self.book.clear()
        self.jumps = 0

    def take(
        self,
        frame: int,
        now: float,
        tracks: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
        feet: Floats,
        height: Floats,
    ) -> Moment:
        """Go on by what one frame shows.

        Args:
            frame: Its index.
            now: Its seconds.
            tracks: Ids and classes, ``(N,)`` each.
            feet: ``(N, 2)`` pixels; NaN where they are not seen.
            height: ``(N,)`` of their boxes, in pixels.

        Returns:
            What is known of those whose places were believed.
        """
        book, habits, (ids, class_id) = self.book, self._habits, tracks
        all_rows = book.rows(ids, now)
        places, scales = self.plane.both(feet)
        seen = places @ self.axes.T
        chosen = np.flatnonzero(np.isfinite(seen).all(axis=1))
        rows, seen = all_rows[chosen], seen[chosen]
        shares = (self.axes @ scales[chosen]) ** 2
        gain = shares.sum(axis=2)  # m²/px² along each axis
        fresh = book["boxes"][rows] == 0
        first = np.maximum(FIRST_JITTER, SHARE * height[chosen]) if habits.jitter is None else habits.jitter
        jitter = np.where(fresh, first, book["jitter"][rows])
        noise = np.maximum(jitter, LEAST_JITTER)[:, None] ** 2 * gain

        at = book["at"][rows]
        passed = np.where(np.isnan(at), 0.0, now - at)
        begins = np.isnan(at) | (passed > habits.gap)
        before: State = (book["place"][rows], book["velocity"][rows], book["spread"][rows])
        far = np.hypot(*(seen - before[0]).T)
        error = np.sqrt(noise.sum(axis=1) + before[2][..., 0].sum(axis=1))
        impossible = ~begins & (far > habits.max_speed * passed + SURPRISE * error)
        refused = np.where(impossible, book["refused"][rows], np.nan)
        refused = np.where(impossible & np.isnan(refused), now, refused)
        begins |= impossible & (now - refused >= PATIENCE)
        self.jumps += int((impossible & np.isnan(book["refused"][rows])).sum())
        book["refused"][rows] = np.where(begins, np.nan, refused)
        good = begins | ~impossible

        rows, seen, noise, gain = rows[good], seen[good], noise[good], gain[good]
        begins, passed, jitter, chosen = begins[good], passed[good], jitter[good], chosen[good]
        old = tuple(part[good] for part in before)
        ahead = predict(old, passed, self.power)
        after = _started(correct(ahead, seen, noise), seen, noise, begins, NEW * habits.max_speed)
        self._learn(rows, jitter, begins, (seen - ahead[0]) ** 2 / (ahead[2][..., 0] + noise))
        for name, part in zip(("place", "velocity", "spread"), after, strict=True):
            book[name][rows] = part
        book["at"][rows] = now
        walk = Walk(*(book[name][rows] for name in WALK))
        spread = np.sqrt(after[2][..., 0].sum(axis=1))
        gone = self._odometer.advance(walk, after[0], spread, np.full(len(rows), now), begins)
        for name in WALK:
            book[name][rows] = getattr(gone, name)
        return Moment(frame, now, ids[chosen], class_id[chosen], begins, after, gone.metres.copy())

    def _learn(
        self, rows: npt.NDArray[np.intp], jitter: Floats, begins: npt.NDArray[np.bool_], surprise: Floats
    ) -> None:
        """Find out how much boxes tremble: ``surprise`` ``(N, 2)`` is 1 on average where the guess is right."""
        book = self.book
        boxes = book["boxes"][rows]
        if self._habits.jitter is None:
            weight = np.where(begins, 0, 1 / (np.minimum(boxes, LONGEST) + BELIEF))
            variance = jitter**2 * (1 + weight * (np.minimum(surprise.mean(axis=1), 6) - 1))
            jitter = np.sqrt(np.maximum(variance, LEAST_JITTER**2))
        book["jitter"][rows] = jitter
        book["boxes"][rows] = boxes + 1

    def tell(self, ids: npt.NDArray[np.int64], metres: Floats) -> Floats:
        """Return distances ``(N,)`` of known tracks as they are to be shown: never less than before."""
        rows, _ = self.book.peek(ids)
        told = np.maximum(self.book["told"][rows], metres)
        self.book["told"][rows] = told
        return told

    def forget(self, before: float) -> None:
        """Forget who was not seen since."""
        self.book.forget(before)

    def state_dict(self) -> dict[str, Any]:
        """Return everything."""
        return {"book": self.book.state_dict(), "jumps": self.jumps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.book.load_state_dict(state["book"])
        self.jumps = int(state["jumps"])


def _started(after: State, seen: Floats, noise: Floats, begins: npt.NDArray[np.bool_], speed: float) -> State:
    """Put those who begin where they are seen, at rest, of a speed that nobody knows but for its size."""
    spread = np.zeros_like(after[2])
    spread[..., 0], spread[..., 2] = noise, speed**2
    place = np.where(begins[:, None], seen, after[0])
    velocity = np.where(begins[:, None], 0.0, after[1])
    return place, velocity, np.where(begins[:, None, None], spread, after[2])
