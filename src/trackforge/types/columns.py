"""Columns of one length, read-only: what `trackforge.types` and `trackforge.table` are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.types.arrays import as_array, converted

__all__ = ["Columns", "Selector", "column", "extras", "freeze", "joined_masks", "matrix", "names_of"]

Selector: TypeAlias = "npt.NDArray[Any] | slice | int | Sequence[int] | Sequence[bool]"
_Rows = TypeVar("_Rows", bound="Columns")


def freeze(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only view; the caller's own array stays writable."""
    view: npt.NDArray[Any] = array.view()
    view.flags.writeable = False
    return view


def column(name: str, value: object, dtype: npt.DTypeLike, length: int | None, width: int | None = None) -> Any:
    """Convert to a read-only array of the given dtype and check its shape."""
    # a copy: later changes by the caller must not reach us
    array = converted(name, as_array(name, value), dtype)
    if width is not None and array.size == 0:  # an empty list has no width; an empty embedding keeps its own
        array = array.reshape(0, array.shape[1] if width < 0 and array.ndim == 2 else max(width, 0))
    dimensions = 1 if width is None else 2
    wanted = "(N,)" if width is None else f"(N, {width})"
    if array.ndim != dimensions or (width is not None and width >= 0 and array.shape[1] != width):
        raise InvalidInputError(f"{name} must have shape {wanted}; got {array.shape}.")
    if length is not None and len(array) != length:
        raise InvalidInputError(
            f"All columns must have the same length; {name} has {len(array)} rows where xyxy has {length}."
        )
    array.flags.writeable = False
    return array


def matrix(name: str, value: object, length: int) -> Any:
    """Convert to a read-only numeric array of two dimensions or more, one row a box."""
    array = np.array(as_array(name, value))
    if array.dtype.kind not in "fiu" or array.ndim < 2 or len(array) != length:
        raise InvalidInputError(
            f"{name} must be a numeric array with {length} rows, one a box; got shape {array.shape}, {array.dtype}."
        )
    array.flags.writeable = False
    return array


def extras(extra: Mapping[str, object], length: int) -> dict[str, npt.NDArray[Any]]:
    """Convert further columns to read-only arrays of one row a box."""
    columns = {}
    for name, value in extra.items():
        array = np.array(as_array(f"extra[{name!r}]", value))
        if array.ndim == 0 or len(array) != length:
            raise InvalidInputError(
                f"extra[{name!r}] must have one row a box, {length} in all; got shape {array.shape}."
            )
        array.flags.writeable = False
        columns[name] = array
    return columns


def joined_masks(tables: Iterable[Any]) -> npt.NDArray[np.object_] | None:
    """Return the masks of tables one after the other, None in it for those of a table without; None where all are."""
    parts = list(tables)
    if all(one.mask is None for one in parts):
        return None
    return np.concatenate([np.full(len(one), None) if one.mask is None else one.mask for one in parts])


class Columns:
    """Row selection over the dataclass fields of a struct of arrays."""

    __slots__ = ()

    def __len__(self) -> int:
        first: Any = getattr(self, "xyxy")  # noqa: B009 - declared by the subclasses
        return len(first)

    def __iter__(self) -> Iterator[Any]:
        message = f"{type(self).__name__} holds columns, not rows: use its arrays, or zip them."
        raise TypeError(message)

    def __getitem__(self: _Rows, rows: Selector) -> _Rows:
        """Select rows by mask, indices, slice or a single integer; every column comes along."""
        if isinstance(rows, (int, np.integer)):
            if not -len(self) <= rows < len(self):
                raise IndexError(f"row {rows} is out of range for {len(self)} rows")
            index: Any = slice(rows, rows + 1 or None)
        elif isinstance(rows, slice):
            index = rows
        else:
            index = as_array("The rows", rows)
            if index.size == 0:
                index = index.astype(np.int64 if index.dtype != bool else bool)
            if index.dtype == bool and len(index) != len(self):
                raise InvalidInputError(f"A mask must have {len(self)} entries, one a row; got {len(index)}.")
        return self._replaced({name: _take(getattr(self, name), index) for name in names_of(type(self))})

    def _replaced(self: _Rows, columns: Mapping[str, object]) -> _Rows:
        """Build a sibling from columns that are known to be valid, skipping the checks."""
        made, put = object.__new__(type(self)), object.__setattr__
        for name in names_of(type(self)):
            put(made, name, columns[name] if name in columns else getattr(self, name))
        return made


_known: dict[type, tuple[str, ...]] = {}


def names_of(cls: type) -> tuple[str, ...]:
    """Return the names of a class's columns; asking dataclasses every time would take longer than using them."""
    if cls not in _known:
        _known[cls] = tuple(f.name for f in fields(cls))
    return _known[cls]


def _take(column: Any, index: Any) -> Any:
    if column is None or isinstance(column, (str, tuple)):
        return column
    if isinstance(column, dict):
        return {name: freeze(array[index]) for name, array in column.items()}
    return freeze(column[index])
