"""What is remembered of tracks: columns with one row a track, and forgotten of those that are gone for long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.online.state import must, restore

__all__ = ["Book"]

Array: TypeAlias = npt.NDArray[Any]


class Book:
    """Columns of arrays, a row a track, ids ascending.

    Its size is bounded by the policy of who keeps it: `forget` what was not seen for long. The trackers here give an id
    once, so that nobody comes back to a row that was forgotten.

    Args:
        columns: By name the value of a new row: a number, or an array of the row's shape. Its dtype is the column's.

    Attributes:
        ids: ``(N,)`` int64, ascending.
        seen: ``(N,)`` float64 seconds at which each was last asked for.
    """

    def __init__(self, **columns: Any) -> None:
        self._new: dict[str, Array] = {name: np.asarray(value) for name, value in columns.items()}
        self.clear()

    def clear(self) -> None:
        """Forget everybody."""
        self.ids: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.seen: npt.NDArray[np.float64] = np.empty(0)
        self._columns: dict[str, Array] = {
            name: np.empty((0, *value.shape), value.dtype) for name, value in self._new.items()
        }

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, column: str) -> Array:
        return self._columns[column]

    def rows(self, ids: npt.NDArray[np.int64], now: float) -> npt.NDArray[np.intp]:
        """Return the rows of tracks, all different; new ones get one. They stay right until the next call."""
        places = np.searchsorted(self.ids, ids)
        known = self._at(places) == ids
        if not known.all():
            new = np.sort(ids[~known])
            where = np.searchsorted(self.ids, new)
            self.ids = np.insert(self.ids, where, new)
            self.seen = np.insert(self.seen, where, now)
            for name, column in self._columns.items():
                self._columns[name] = np.insert(column, where, self._new[name], axis=0)
            places = np.searchsorted(self.ids, ids)
        self.seen[places] = now
        return places

    def peek(self, ids: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        """Return the rows of tracks, and which are known; the rows of others mean nothing. Nobody counts as seen."""
        places = np.searchsorted(self.ids, ids)
        known = self._at(places) == ids
        return np.where(known, places, 0), known

    def _at(self, places: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        if not len(self.ids):
            return np.full(len(places), -1)
        return self.ids[np.minimum(places, len(self.ids) - 1)]

    def forget(self, before: float) -> dict[str, Array]:
        """Take out who was not seen since ``before``; return their columns, ``ids`` and ``seen`` among them."""
        gone = self.seen < before
        if not gone.any():
            return {}
        stay = ~gone
        taken = {"ids": self.ids[gone], "seen": self.seen[gone]}
        self.ids, self.seen = self.ids[stay], self.seen[stay]
        for name, column in self._columns.items():
            taken[name], self._columns[name] = column[gone], column[stay]
        return taken

    def state_dict(self) -> dict[str, Any]:
        """Return everything as arrays."""
        columns = {name: column.copy() for name, column in self._columns.items()}
        return {"ids": self.ids.copy(), "seen": self.seen.copy(), "columns": columns}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            StateError: An array is missing or misshapen.
        """
        ids = restore("ids", state["ids"], dtype=np.int64, row=())
        must("ids ascend", bool((np.diff(ids) > 0).all()))
        columns = {
            name: restore(name, state["columns"][name], len(ids), value.dtype, value.shape)
            for name, value in self._new.items()
        }
        seen = restore("seen", state["seen"], len(ids), np.float64, ())
        self.ids, self.seen, self._columns = ids, seen, columns
