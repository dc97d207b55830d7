"""Tables as plain dicts of equally long arrays.

Columns are never changed in place: a stage that changes one puts a new array in its place. So what a tracker hands out
stays true, and nothing has to be copied on the way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.protocols import MotionState

__all__ = [
    "COLUMNS",
    "Array",
    "Column",
    "Columns",
    "Floats",
    "Ints",
    "Mask",
    "join",
    "join_state",
    "put",
    "put_state",
    "take",
    "take_state",
]

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Columns: TypeAlias = dict[str, Array]


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Attributes:
        dtype: Type of its values.
        shape: Shape of one row.
        fill: What new tracks have in it.
    """

    dtype: Any
    shape: tuple[int, ...] = ()
    fill: float = 0

    def new(self, rows: int) -> Array:
        """Return the column of so many new tracks."""
        return np.full((rows, *self.shape), self.fill, self.dtype)


COLUMNS = {
    "track_id": Column(np.int64), "class_id": Column(np.int64), "state": Column(np.int64), "hits": Column(np.int64),
    "detection": Column(np.int64), "born": Column(np.float64), "seen": Column(np.float64), "score": Column(np.float32),
}  # fmt: skip
"""What every table of tracks has. ``born`` and ``seen`` (last matched) are times of the clock, ``hits`` counts
detections, ``detection`` is the row matched in the last frame, -1 for none."""


def take(columns: Mapping[str, Array], rows: Array) -> Columns:
    """Select rows by mask or indices."""
    return {name: column[rows] for name, column in columns.items()}


def join(columns: Mapping[str, Array], more: Mapping[str, Array]) -> Columns:
    """Append the rows of a table with the same columns."""
    return {name: np.concatenate((column, more[name])) for name, column in columns.items()}


def put(column: Array, rows: Array, values: Any) -> Array:
    """Return a column with other values in some rows."""
    changed: Array = column.copy()
    changed[rows] = values
    return changed


def take_state(state: MotionState, rows: Array) -> MotionState:
    """Select the filters of some tracks."""
    return tuple([column[rows] for column in state])


def join_state(state: MotionState, more: MotionState) -> MotionState:
    """Append filters."""
    return tuple([np.concatenate((a, b)) for a, b in zip(state, more, strict=True)])


def put_state(state: MotionState, rows: Array, new: MotionState) -> MotionState:
    """Replace the filters of some tracks."""
    changed = tuple([column.copy(order="K") for column in state])
    for column, values in zip(changed, new, strict=True):
        column[rows] = values
    return changed
