"""The last filtered places of all tracks, kept until what came after has smoothed them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.analytics.kalman import State, smooth

__all__ = ["LAG", "Moment", "Window"]

Floats: TypeAlias = npt.NDArray[np.float64]
LAG = 75
"""Frames with tracks by which smoothed places lag; what lies further ahead changes them by less than their error."""

PORTION = 3
"""Smoothed moments that are handed out at a time: more than come, so that no frame has to wait for many."""


@dataclass(frozen=True)
class Moment:
    """What was known of the tracks seen in one frame.

    Attributes:
        frame: Its index.
        time: In seconds.
        ids: ``(N,)`` int64.
        class_id: ``(N,)`` int64.
        begins: ``(N,)`` whether the way of a track begins here, for the first time or anew.
        state: Filtered, or smoothed, of N tracks.
        causal: ``(N,)`` metres so far, as they were known at the moment.
    """

    frame: int
    time: float
    ids: npt.NDArray[np.int64]
    class_id: npt.NDArray[np.int64]
    begins: npt.NDArray[np.bool_]
    state: State
    causal: Floats


class Window:
    """Moments in a row.

    Args:
        power: Density of white acceleration, m²/s³.
    """

    def __init__(self, power: float) -> None:
        self._power = power
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self.moments: list[Moment] = []
        self._ready: deque[Moment] = deque()

    def add(self, moment: Moment) -> None:
        """Take the newest."""
        self.moments.append(moment)

    def due(self) -> list[Moment]:
        """Return the oldest moments that are smoothed, a few at a time, and forget them.

        They are smoothed when three times `LAG` wait, two thirds of them for good.
        """
        if len(self.moments) >= 3 * LAG:
            self._ready.extend(self._smoothed()[: 2 * LAG])
            del self.moments[: 2 * LAG]
        return [self._ready.popleft() for _ in range(min(PORTION, len(self._ready)))]

    def rest(self) -> list[Moment]:
        """Return all moments that were not returned yet, smoothed by all that came after them, oldest first."""
        return [*self._ready, *self._smoothed()]

    def _smoothed(self) -> list[Moment]:
        if not self.moments:
            return []
        ids = np.unique(np.concatenate([moment.ids for moment in self.moments]))
        n = len(ids)
        later = (np.empty((n, 2)), np.empty((n, 2)), np.empty((n, 2, 3)))
        when, linked = np.zeros(n), np.zeros(n, bool)
        done = []
        for moment in reversed(self.moments):
            rows = np.searchsorted(ids, moment.ids)
            state = moment.state
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # of rows that have nothing later
                better = smooth(state, tuple(part[rows] for part in later), when[rows] - moment.time, self._power)  # type: ignore[arg-type]
            has = linked[rows]
            place, velocity = (np.where(has[:, None], better[k], state[k]) for k in (0, 1))
            spread = np.where(has[:, None, None], better[2], state[2])
            later[0][rows], later[1][rows], later[2][rows] = place, velocity, spread
            when[rows], linked[rows] = moment.time, ~moment.begins
            done.append(
                Moment(
                    moment.frame, moment.time, moment.ids, moment.class_id, moment.begins, (place, velocity, spread),
                    moment.causal,
                )
            )  # fmt: skip
        return done[::-1]

    def state_dict(self) -> dict[str, Any]:
        """Return everything."""
        return {"moments": [_plain(one) for one in self.moments], "ready": [_plain(one) for one in self._ready]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.moments = [_moment(one) for one in state["moments"]]
        self._ready = deque(_moment(one) for one in state["ready"])


def _plain(moment: Moment) -> dict[str, Any]:
    arrays = {name: getattr(moment, name).copy() for name in ("ids", "class_id", "begins", "causal")}
    place, velocity, spread = (part.copy() for part in moment.state)
    return {
        "frame": moment.frame, "time": moment.time, **arrays, "place": place, "velocity": velocity, "spread": spread,
    }  # fmt: skip


def _moment(plain: Mapping[str, Any]) -> Moment:
    ids = np.array(plain["ids"], np.int64)
    n = len(ids)
    return Moment(
        frame=int(plain["frame"]),
        time=float(plain["time"]),
        ids=ids,
        class_id=np.array(plain["class_id"], np.int64).reshape(n),
        begins=np.array(plain["begins"], bool).reshape(n),
        state=(
            np.array(plain["place"], np.float64).reshape(n, 2),
            np.array(plain["velocity"], np.float64).reshape(n, 2),
            np.array(plain["spread"], np.float64).reshape(n, 2, 3),
        ),
        causal=np.array(plain["causal"], np.float64).reshape(n),
    )
