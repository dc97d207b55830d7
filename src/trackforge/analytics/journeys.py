"""What came of tracks on the ground: distance, speeds, errors and the way, from smoothed places."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.analytics.book import Book
from trackforge.analytics.following import WALK
from trackforge.analytics.odometer import Walk, set_off, smoothed, speeds
from trackforge.analytics.window import Moment

__all__ = ["Journeys"]

Floats: TypeAlias = npt.NDArray[np.float64]
TRACKS, POINTS = 10_000, 100_000
"""Of the newest, how many are kept."""
ROW = ("track_id", "frame", "time", "x", "y", "speed")
COLUMNS = len(ROW) + 2
"""Of points that are kept: a row, the error of the speed as velocities say, and whether the odometer had started."""


class Journeys:
    """Sums up smoothed moments, a row a track.

    Args:
        every: Seconds between two points of the way that is kept.
        axes: ``(2, 2)`` that turns places of the filter, as rows, to those of the ground.
        rest: Metres from a resting place that are no way yet, at least.
        scale_error: By which part distances may be wrong, since the points of the ground do not fit.
    """

    def __init__(self, every: float, axes: Floats, rest: float, scale_error: float) -> None:
        self.axes, self._every, self._scale_error = axes, every, scale_error
        self._odometer = smoothed(rest)
        zero, nothing = np.float64(0), np.float64(np.nan)
        self.book = Book(
            rest=np.zeros(2), moving=np.bool_(False), since=zero, metres=zero, starts=np.int64(0),  # the walk
            place=np.zeros(2), begun=nothing, last=nothing, seconds=zero, top=zero, top_error=zero,
            place_squares=zero, speed_squares=zero, count=np.int64(0), parts=np.int64(0), class_id=np.int64(0),
            kept=np.float64(-np.inf), shown=np.float64(0),
        )  # fmt: skip
        self._points: deque[Floats] = deque()  # (n, COLUMNS) each
        self._held = 0

    def clear(self) -> None:
        """Forget all."""
        self.book.clear()
        self._points.clear()
        self._held = 0

    def copy(self) -> Journeys:
        """Return one that can go on without changing this one."""
        return deepcopy(self)

    def take(self, moment: Moment) -> None:
        """Go on by a smoothed moment."""
        book, (place, velocity, spread), now = self.book, moment.state, moment.time
        rows = book.rows(moment.ids, now)
        error = np.sqrt(spread[..., 0].sum(axis=1))
        speed_error = np.sqrt(spread[..., 2].sum(axis=1))
        begins, times = moment.begins, np.full(len(rows), now)
        walk = self._walk(rows)
        after = self._odometer.advance(walk, place, error, times, begins)
        speed = speeds(velocity, after.moving)
        last = book["last"][rows]
        for name in WALK:
            book[name][rows] = getattr(after, name)
        book["place"][rows] = place
        book["seconds"][rows] += np.where(begins, 0.0, now - last)
        book["last"][rows] = now
        book["begun"][rows] = np.where(np.isnan(last), now, book["begun"][rows])
        faster = speed > book["top"][rows]
        book["top"][rows] = np.where(faster, speed, book["top"][rows])
        book["top_error"][rows] = np.where(faster, speed_error, book["top_error"][rows])
        book["place_squares"][rows] += error**2
        book["speed_squares"][rows] += speed_error**2
        book["count"][rows] += 1
        book["parts"][rows] += begins
        book["class_id"][rows] = moment.class_id
        book["shown"][rows] = moment.causal
        self._keep(moment, rows)
        if len(book) > TRACKS:
            book.forget(float(np.partition(book.seen, len(book) - TRACKS)[len(book) - TRACKS]))

    def _walk(self, rows: Any) -> Walk:
        return Walk(*(self.book[name][rows] for name in WALK))

    def ahead(self, ids: npt.NDArray[np.int64]) -> Floats:
        """Return by how much distances ``(N,)`` are longer, smoothed, than they were known to be at that moment."""
        rows, known = self.book.peek(ids)
        if not known.any():
            return np.zeros(len(ids))
        return np.where(known, (self.book["metres"] - self.book["shown"])[rows], 0.0)

    def _keep(self, moment: Moment, rows: npt.NDArray[np.intp]) -> None:
        due = moment.time - self.book["kept"][rows] >= self._every - 1e-6
        due |= moment.begins
        if not due.any():
            return
        self.book["kept"][rows[due]] = moment.time
        place, velocity, spread = (part[due] for part in moment.state)
        n = len(place)
        columns = (
            moment.ids[due], np.full(n, moment.frame), np.full(n, moment.time), *(place @ self.axes).T,
            np.hypot(*velocity.T), np.sqrt(spread[..., 2].sum(axis=1)), self.book["moving"][rows[due]],
        )  # fmt: skip
        self._points.append(np.stack(columns, axis=1).astype(np.float64))
        self._held += n
        while self._held > POINTS:
            self._held -= len(self._points.popleft())

    def path(self) -> list[dict[str, Any]]:
        """Return the points that are kept, by track and time."""
        if not self._points:
            return []
        points = np.concatenate(list(self._points))
        points = points[np.lexsort((points[:, 1], points[:, 0]))]
        speed = set_off(points[:, 0], points[:, 5], points[:, 6], points[:, 7] > 0)
        whole = points[:, :2].astype(np.int64).tolist()
        rest = np.column_stack((points[:, 2:5], speed)).round(4).tolist()
        return [dict(zip(ROW, (*a, *b), strict=True)) for a, b in zip(whole, rest, strict=True)]

    def tracks(self, name_of: Any) -> list[dict[str, Any]]:
        """Return a row for every track; ``name_of`` gives the name of a class."""
        book = self.book
        count = np.maximum(book["count"], 1)
        place_error = np.sqrt(book["place_squares"] / count)
        left = np.hypot(*(book["place"] - book["rest"]).T) * book["moving"]  # of the piece under way
        metres = book["metres"] + left
        distance_error = np.hypot(
            self._odometer.error(self._walk(slice(None)), place_error), self._scale_error * metres
        )
        seconds = book["seconds"]
        mean = np.divide(metres, seconds, out=np.zeros_like(metres), where=seconds > 0)
        place = book["place"] @ self.axes
        columns = {
            "start": book["begun"], "end": book["last"], "seconds": seconds, "distance": metres,
            "distance_error": distance_error, "mean_speed": mean, "mean_kmh": 3.6 * mean, "top_speed": book["top"],
            "top_kmh": 3.6 * book["top"], "top_speed_error": book["top_error"],
            "speed_error": np.sqrt(book["speed_squares"] / count), "position_error": place_error,
            "x": place[:, 0], "y": place[:, 1],
        }  # fmt: skip
        values = np.stack(list(columns.values()), axis=1).round(4).tolist() if len(book) else []
        heads = zip(book.ids.tolist(), book["class_id"].tolist(), (book["parts"] - 1).tolist(), strict=True)
        return [
            {
                "track_id": one,
                "class": name_of(kind),
                "restarts": restarts,
                **dict(zip(columns, row, strict=True)),
            }
            for (one, kind, restarts), row in zip(heads, values, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return everything."""
        points = np.concatenate(list(self._points)) if self._points else np.empty((0, COLUMNS))
        return {"book": self.book.state_dict(), "points": points, "chunks": [len(chunk) for chunk in self._points]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.book.load_state_dict(state["book"])
        points = np.array(state["points"], np.float64).reshape(-1, COLUMNS)
        ends = np.cumsum(np.array(state["chunks"], np.int64)).tolist()
        self._points = deque(points[start:end] for start, end in zip([0, *ends], ends, strict=False))
        self._held = len(points)
