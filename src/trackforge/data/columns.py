"""Struct-of-arrays tables whose columns are given defaults, checked once, and frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError

__all__ = ["Boxes", "Images"]

Array: TypeAlias = npt.NDArray[Any]
Strings: TypeAlias = npt.NDArray[Any]
Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Objects: TypeAlias = npt.NDArray[np.object_]
_T = TypeVar("_T", bound="_Table")
FILL: dict[str, Any] = {"f": np.nan, "i": -1, "u": 0, "b": False, "U": ""}
"""What a further column holds, by kind of dtype, where a row has no value for it."""
_NONE = cast("Any", None)


def _freeze(array: Array) -> Array:
    view: Array = array.view()
    view.flags.writeable = False
    return view


class _Table:
    """Rows over the dataclass fields of a struct of arrays; the first field gives the length."""

    __slots__ = ()
    extra: Mapping[str, Array]

    def __post_init__(self) -> None:
        names = [f.name for f in fields(self) if f.name != "extra"]  # type: ignore[arg-type]
        length = len(np.asarray(getattr(self, names[0])))
        for f in fields(self):  # type: ignore[arg-type]
            if f.name == "extra":
                continue
            value = getattr(self, f.name)
            if f.metadata["dtype"] is np.object_:
                object.__setattr__(self, f.name, None if value is None else _objects(f.name, value, length))
                continue
            column = _column(f.name, value, f.metadata["dtype"], f.metadata["fill"], length, f.metadata["width"])
            object.__setattr__(self, f.name, column)
        further = {name: _further(name, value, length) for name, value in self.extra.items()}
        object.__setattr__(self, "extra", further)

    def __len__(self) -> int:
        first = fields(self)[0].name  # type: ignore[arg-type]
        return len(getattr(self, first))

    def __iter__(self) -> Any:
        message = f"{type(self).__name__} holds columns, not rows: use its arrays, or zip them."
        raise TypeError(message)

    def __getitem__(self: _T, rows: Array | slice | Sequence[int]) -> _T:
        """Select rows by mask, indices or slice; every column comes along, and a slice copies nothing."""
        index: Any = rows if isinstance(rows, slice) else np.asarray(rows)
        if not isinstance(index, slice) and index.size == 0:
            index = index.astype(bool if index.dtype == bool else np.int64)
        columns: dict[str, Any] = {
            f.name: None if column is None else _freeze(column[index])
            for f in fields(self)  # type: ignore[arg-type]
            if f.name != "extra"
            for column in (getattr(self, f.name),)
        }
        return self._made(columns | {"extra": {name: _freeze(value[index]) for name, value in self.extra.items()}})

    def replace(self: _T, **columns: Any) -> _T:
        """Return a copy with other columns in the place of some; they are checked as in the constructor."""
        return type(self)(**{f.name: columns.get(f.name, getattr(self, f.name)) for f in fields(self)})  # type: ignore[arg-type]

    @classmethod
    def concatenate(cls: type[_T], tables: Iterable[_T]) -> _T:
        """Put tables one after the other; a further column that only some have is filled (-1, NaN, empty)."""
        parts = list(tables)
        columns: dict[str, Any] = {
            f.name: np.concatenate([getattr(p, f.name) for p in parts])
            for f in fields(cls)  # type: ignore[arg-type]
            if f.name != "extra" and f.metadata["dtype"] is not np.object_
        }
        for f in fields(cls):  # type: ignore[arg-type]
            if f.name not in columns and any(getattr(p, f.name) is not None for p in parts) and f.name != "extra":
                each = [(getattr(p, f.name), len(p)) for p in parts]
                columns[f.name] = np.concatenate([np.full(n, None) if one is None else one for one, n in each])
        names = dict.fromkeys(name for p in parts for name in p.extra)
        columns["extra"] = {name: _joined(name, parts) for name in names}
        return cls(**columns)

    def _made(self: _T, columns: Mapping[str, Any]) -> _T:
        """Build a sibling from columns known to be valid, skipping the checks."""
        made = object.__new__(type(self))
        for name, value in columns.items():
            object.__setattr__(made, name, value)
        return made


def _objects(name: str, value: Any, length: int) -> Array:
    """Return a column of anything; one by one, since NumPy would take lists of one length for a matrix."""
    if len(value) != length:
        raise InvalidInputError(f"{name} must have shape ({length},), one row each; got ({len(value)},).")
    array = np.empty(length, np.object_)
    for row, one in enumerate(value):
        array[row] = one
    array.flags.writeable = False
    return array


def _column(name: str, value: Any, dtype: Any, fill: Any, length: int, width: int | None) -> Array:
    shape = (length,) if width is None else (length, width)
    if value is None:
        array: Array = np.full(shape, fill, dtype)
    else:
        try:
            array = np.array(value, dtype=dtype)  # a copy: later changes by the caller must not reach us
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidInputError(f"{name} must be convertible to {np.dtype(dtype)}; {error}.") from error
        if array.size == 0:
            array = array.reshape((0, *shape[1:]))
        if array.shape != shape:
            raise InvalidInputError(f"{name} must have shape {shape}, one row each; got {array.shape}.")
    array.flags.writeable = False
    return array


def _further(name: str, value: Any, length: int) -> Array:
    array = np.array(value)
    if array.size == 0 and length == 0 and array.dtype.kind not in FILL:
        array = array.astype(np.float64)
    if array.dtype.kind not in FILL or array.ndim == 0 or len(array) != length:
        raise InvalidInputError(
            f"extra[{name!r}] must be numbers, truth values or strings with {length} rows; "
            f"got shape {array.shape}, {array.dtype}."
        )
    array.flags.writeable = False
    return array


def _joined(name: str, parts: Sequence[_Table]) -> Array:
    known = [p.extra[name] for p in parts if name in p.extra and len(p.extra[name])]
    if not known:
        return np.zeros(sum(map(len, parts)))
    kinds = {a.dtype.kind for a in known}
    if ("U" in kinds and len(kinds) > 1) or len({a.shape[1:] for a in known}) > 1:
        raise InvalidInputError(f"extra[{name!r}] must be of one kind in all tables; got {sorted(kinds)}. Rename one.")
    dtype = np.result_type(*(a.dtype for a in known))
    rows = []
    for p in parts:
        missing = np.full((len(p), *known[0].shape[1:]), FILL[dtype.kind], dtype)
        rows.append(p.extra[name] if name in p.extra and len(p.extra[name]) else missing)
    return np.concatenate(rows)


def _is(dtype: Any, fill: Any = None, *, width: int | None = None) -> dict[str, Any]:
    """Describe a column: its dtype, what it holds where nothing is given, and how many values a row has."""
    return {"dtype": dtype, "fill": fill, "width": width}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Images(_Table):
    """The pictures of a data set; I rows.

    Attributes:
        path: ``(I,)`` where the picture lies, relative to the set's ``root`` or absolute, with forward slashes;
            ``"film.mp4#12"`` is frame 12 (0-based) of a video; empty where there are labels but no picture.
        width: ``(I,)`` int64 pixels, 0 where unknown.
        height: ``(I,)`` int64 pixels, 0 where unknown.
        sequence: ``(I,)`` the video it belongs to; empty for a still.
        frame: ``(I,)`` int64 0-based frame number within the sequence; -1 for a still.
        split: ``(I,)`` the part of the set, e.g. ``"train"``; empty where the set has no parts.
        extra: Further columns by name.

    Raises:
        InvalidInputError: Columns differ in length or have the wrong type.
    """

    path: Strings = field(metadata=_is(np.str_))
    width: Ints = field(default=_NONE, metadata=_is(np.int64, 0))
    height: Ints = field(default=_NONE, metadata=_is(np.int64, 0))
    sequence: Strings = field(default=_NONE, metadata=_is(np.str_, ""))
    frame: Ints = field(default=_NONE, metadata=_is(np.int64, -1))
    split: Strings = field(default=_NONE, metadata=_is(np.str_, ""))
    extra: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Boxes(_Table):
    """The labelled boxes of a data set, or of one picture; N rows.

    Attributes:
        image: ``(N,)`` int64 row in `Images`.
        xyxy: ``(N, 4)`` float64 pixels, continuous (width is ``x2 - x1``), not clipped to the picture.
        class_id: ``(N,)`` int64 index into the set's ``classes``.
        track_id: ``(N,)`` int64 identity within its sequence (within the set, for stills); -1 where unknown.
        visibility: ``(N,)`` float64 share that can be seen, 0..1; 1 where nobody said.
        ignore: ``(N,)`` bool: neither object nor background; a finding here is not to be judged.
        mask: ``(N,)`` objects: which pixels it is, as COCO's ``segmentation`` says it, a run-length mask or polygons
            (`trackforge.io.polygons`), None for a box without; or None where no box has one.
        extra: Further columns by name.

    Raises:
        InvalidInputError: Columns differ in length or have the wrong type.
    """

    image: Ints = field(metadata=_is(np.int64))
    xyxy: Floats = field(default=_NONE, metadata=_is(np.float64, 0.0, width=4))
    class_id: Ints = field(default=_NONE, metadata=_is(np.int64, 0))
    track_id: Ints = field(default=_NONE, metadata=_is(np.int64, -1))
    visibility: Floats = field(default=_NONE, metadata=_is(np.float64, 1.0))
    ignore: Bools = field(default=_NONE, metadata=_is(np.bool_, False))
    mask: Objects | None = field(default=None, metadata=_is(np.object_))
    extra: Mapping[str, Array] = field(default_factory=dict)

    @property
    def size(self) -> Floats:
        """``(N, 2)`` widths and heights in pixels."""
        out: Floats = self.xyxy[:, 2:] - self.xyxy[:, :2]
        return out
