"""The values that flow between components: columns, frozen, checked once.

Conventions, for the whole library:

* **Boxes** are ``xyxy`` float32 pixels of the original image, continuous: width is ``x2 - x1``, never ``+ 1``. They are
  not clipped to the image unless somebody asks for it.
* **Images** are RGB uint8 ``(H, W, 3)``, C-contiguous.
* **``frame.index``** is 0-based and strictly increasing within a sequence; gaps are allowed. Only `trackforge.io.mot`
  knows the 1-based numbers of MOTChallenge files.
* **Track ids** are int64 ``>= 1``, unique within a tracker since its ``reset()``, never used again.
* **A missing column is ``None``**; an unmatched row index is ``-1``.
* **Arrays are read-only** once they are inside one of these types; constructors convert and check on the way in.

`Detections` and `Tracks` are indexed like arrays: a mask, an array of indices, a slice or a single integer carries
every column along, ``extra`` included.
"""

from __future__ import annotations

import enum
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError

__all__ = ["Detections", "Frame", "Matches", "Step", "TrackState", "Tracks"]

Selector: TypeAlias = "npt.NDArray[Any] | slice | int | Sequence[int] | Sequence[bool]"
_Rows = TypeVar("_Rows", bound="_Columns")


class TrackState(enum.IntEnum):
    """Where a track stands in its life."""

    TENTATIVE = 1
    """Born, not yet trusted; not part of the results."""
    CONFIRMED = 2
    """Trusted, and matched to a detection in this frame."""
    LOST = 3
    """Trusted before, without a detection now; may be found again."""


def _freeze(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only view; the caller's own array stays writable."""
    view: npt.NDArray[Any] = array.view()
    view.flags.writeable = False
    return view


def _column(name: str, value: object, dtype: npt.DTypeLike, length: int | None, width: int | None = None) -> Any:
    """Convert to a read-only array of the given dtype and check its shape."""
    try:
        given = np.asarray(value)
        if dtype is np.int64 and given.dtype.kind == "f":
            given = _whole(given)
        array = np.array(given, dtype=dtype)  # a copy: later changes by the caller must not reach us
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} must be convertible to {np.dtype(dtype)}; {error}.") from error
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


def _whole(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return floats, as class ids of other libraries are, where each is a whole number."""
    if not (np.isfinite(array) & (array == np.rint(array))).all():
        message = f"{array.tolist()} are no whole numbers"
        raise ValueError(message)
    return array


def _matrix(name: str, value: object, length: int) -> Any:
    array = np.array(value)
    if array.dtype.kind not in "fiu" or array.ndim < 2 or len(array) != length:
        raise InvalidInputError(
            f"{name} must be a numeric array with {length} rows, one a box; got shape {array.shape}, {array.dtype}."
        )
    array.flags.writeable = False
    return array


def _extra(extra: Mapping[str, object], length: int) -> dict[str, npt.NDArray[Any]]:
    columns = {}
    for name, value in extra.items():
        array = np.array(value)
        if array.ndim == 0 or len(array) != length:
            raise InvalidInputError(
                f"extra[{name!r}] must have one row a box, {length} in all; got shape {array.shape}."
            )
        array.flags.writeable = False
        columns[name] = array
    return columns


class _Columns:
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
            index = np.asarray(rows)
            if index.size == 0:
                index = index.astype(np.int64 if index.dtype != bool else bool)
            if index.dtype == bool and len(index) != len(self):
                raise InvalidInputError(f"A mask must have {len(self)} entries, one a row; got {len(index)}.")
        return self._replaced({name: _take(getattr(self, name), index) for name in _names(type(self))})

    def _replaced(self: _Rows, columns: Mapping[str, object]) -> _Rows:
        """Build a sibling from columns that are known to be valid, skipping the checks."""
        made, put = object.__new__(type(self)), object.__setattr__
        for name in _names(type(self)):
            put(made, name, columns[name] if name in columns else getattr(self, name))
        return made


_known: dict[type, tuple[str, ...]] = {}


def _names(cls: type) -> tuple[str, ...]:
    """Return the names of a class's columns; asking dataclasses every time would take longer than using them."""
    if cls not in _known:
        _known[cls] = tuple(f.name for f in fields(cls))
    return _known[cls]


def _take(column: Any, index: Any) -> Any:
    if column is None or isinstance(column, str):
        return column
    if isinstance(column, dict):
        return {name: _freeze(array[index]) for name, array in column.items()}
    return _freeze(column[index])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Frame:
    """One image of a sequence, or the time at which one was taken.

    Attributes:
        index: 0-based position in the sequence; strictly increasing, gaps allowed.
        size: ``(width, height)`` in pixels.
        image: RGB uint8 ``(H, W, 3)``, or None where only detections are known.
        timestamp: Seconds since the start of the sequence, or None where the source has no clock.
        sequence: Name of the sequence, for results that hold several.

    Raises:
        InvalidInputError: The index is no whole number >= 0, the timestamp is not finite, or the image is no RGB uint8
            image of the stated size.
    """

    index: int
    size: tuple[int, int] = (0, 0)
    image: npt.NDArray[np.uint8] | None = None
    timestamp: float | None = None
    sequence: str = ""

    def __post_init__(self) -> None:
        try:
            index = operator.index(self.index)  # takes NumPy's integers, too
        except TypeError:
            index = -1
        if index < 0:
            raise InvalidInputError(f"frame.index is 0-based and must be a whole number >= 0; got {self.index!r}.")
        object.__setattr__(self, "index", index)
        if self.timestamp is not None and not math.isfinite(self.timestamp):
            raise InvalidInputError(
                f"frame.timestamp must be a finite number of seconds, or None; got {self.timestamp}."
            )
        if self.image is None:
            return
        image = np.asarray(self.image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise InvalidInputError(
                f"frame.image must be RGB uint8 (H, W, 3) with a pixel or more; got {image.dtype} {image.shape}. "
                "Convert it first."
            )
        height, width = image.shape[:2]
        if self.size == (0, 0):
            object.__setattr__(self, "size", (width, height))
        elif tuple(self.size) != (width, height):
            raise InvalidInputError(
                f"frame.size is (width, height) and must fit the image; got {self.size} for a {width}x{height} image."
            )
        object.__setattr__(self, "image", _freeze(np.ascontiguousarray(image)))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Detections(_Columns):
    """What a detector found in one frame; N rows.

    Attributes:
        xyxy: ``(N, 4)`` float32 boxes in pixels.
        score: ``(N,)`` float32 confidences, as the detector gives them (usually 0..1).
        class_id: ``(N,)`` int64 indices into the detector's ``classes``.
        embedding: ``(N, D)`` float32 appearance vectors, or None.
        mask: ``(N,)`` object array of COCO run-length masks, or None.
        extra: Further columns by name, each with N rows.

    Raises:
        InvalidInputError: Columns differ in length, a box is inverted, or a box, score or embedding is not finite.
    """

    xyxy: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32] = field(default=cast("Any", None))
    class_id: npt.NDArray[np.int64] = field(default=cast("Any", None))
    embedding: npt.NDArray[np.float32] | None = None
    mask: npt.NDArray[np.object_] | None = None
    extra: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put = object.__setattr__
        xyxy = _column("xyxy", self.xyxy, np.float32, None, 4)
        n = len(xyxy)
        _check_boxes(xyxy)
        put(self, "xyxy", xyxy)
        score = np.ones(n, np.float32) if self.score is None else self.score
        put(self, "score", _column("score", score, np.float32, n))
        _check_finite("score", self.score)
        class_id = np.zeros(n, np.int64) if self.class_id is None else self.class_id
        put(self, "class_id", _column("class_id", class_id, np.int64, n))
        if self.embedding is not None:
            put(self, "embedding", _column("embedding", self.embedding, np.float32, n, -1))
            _check_finite("embedding", self.embedding)
        if self.mask is not None:
            put(self, "mask", _column("mask", self.mask, np.object_, n))
        put(self, "extra", _extra(self.extra, n))

    @classmethod
    def empty(cls, *, embedding_dim: int | None = None) -> Detections:
        """Return zero detections; what a detector gives for a frame with nothing in it."""
        embedding = None if embedding_dim is None else np.empty((0, embedding_dim), np.float32)
        return cls(xyxy=np.empty((0, 4), np.float32), embedding=embedding)


def _check_boxes(xyxy: npt.NDArray[np.float32]) -> None:
    with np.errstate(invalid="ignore"):
        good = (xyxy[:, 2] >= xyxy[:, 0]) & (xyxy[:, 3] >= xyxy[:, 1]) & np.isfinite(xyxy).all(axis=1)
    if good.all():
        return
    row = int(np.flatnonzero(~good)[0])
    what = "inverted" if np.isfinite(xyxy[row]).all() else "not finite"
    raise InvalidInputError(
        f"Boxes must be finite with x1 <= x2 and y1 <= y2; row {row} is {what}: {xyxy[row].tolist()}. "
        "Drop the row, or convert it (boxes here are xyxy, see trackforge.boxes.xywh_to_xyxy)."
    )


def _check_finite(name: str, column: npt.NDArray[np.float32]) -> None:
    good = np.isfinite(column)
    if not good.all():
        row = int(np.argwhere(~good)[0, 0])
        raise InvalidInputError(
            f"{name} must be finite; row {row} is {column[row].tolist()}. Drop the row or repair the detector."
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Tracks(_Columns):
    """The tracks that are alive after one frame; M rows.

    Attributes:
        track_id: ``(M,)`` int64 ids, ``>= 1``.
        xyxy: ``(M, 4)`` float32 boxes in pixels: the motion model's estimate (the *filtered* box).
        score: ``(M,)`` float32 confidence of the last matched detection.
        class_id: ``(M,)`` int64.
        state: ``(M,)`` int64 values of `TrackState`.
        age: ``(M,)`` int64 frames since birth, 1 in the frame of birth.
        time_since_update: ``(M,)`` int64 frames since the last matched detection, 0 = matched now.
        detection: ``(M,)`` int64 row in this frame's Detections; -1 = no detection (coasting).
        embedding: ``(M, D)`` float32, or None.
        mean: ``(M, S)`` float64 state of the motion model, or None.
        covariance: ``(M, S, S)`` float64, or None.
        extra: Further columns by name, each with M rows.
    """

    track_id: npt.NDArray[np.int64]
    xyxy: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int64]
    state: npt.NDArray[np.int64]
    age: npt.NDArray[np.int64]
    time_since_update: npt.NDArray[np.int64]
    detection: npt.NDArray[np.int64]
    embedding: npt.NDArray[np.float32] | None = None
    mean: npt.NDArray[np.float64] | None = None
    covariance: npt.NDArray[np.float64] | None = None
    extra: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "xyxy", _column("xyxy", self.xyxy, np.float32, None, 4))
        n = len(self.xyxy)
        for name in ("track_id", "class_id", "state", "age", "time_since_update", "detection"):
            put(self, name, _column(name, getattr(self, name), np.int64, n))
        put(self, "score", _column("score", self.score, np.float32, n))
        if n and (self.track_id.min() < 1 or len(np.unique(self.track_id)) != n):
            raise InvalidInputError(f"track_id must be >= 1 and unique in a frame; got {self.track_id.tolist()}.")
        for name in ("embedding", "mean", "covariance"):
            if getattr(self, name) is not None:
                put(self, name, _matrix(name, getattr(self, name), n))
        put(self, "extra", _extra(self.extra, n))

    @classmethod
    def unchecked(cls, **columns: Any) -> Tracks:
        """Build from arrays that are known to be valid, without copy or check; for trackers in their hot loop.

        The arrays become read-only and must not be reused by the caller.
        """
        made, put = object.__new__(cls), object.__setattr__
        for name in _names(cls):
            value = columns.get(name)
            if value is None:
                value = {} if name == "extra" else None
            elif name != "extra":
                value.flags.writeable = False
            put(made, name, value)
        return made

    @classmethod
    def empty(cls) -> Tracks:
        """Return zero tracks."""
        none = np.empty(0, np.int64)
        return cls(
            track_id=none,
            xyxy=np.empty((0, 4), np.float32),
            score=np.empty(0, np.float32),
            class_id=none,
            state=none,
            age=none,
            time_since_update=none,
            detection=none,
        )

    @property
    def visible(self) -> Tracks:
        """The confirmed tracks that have a detection in this frame: what goes into results."""
        return self[(self.state == TrackState.CONFIRMED) & (self.detection >= 0)]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Matches:
    """Which track goes with which detection, as an Associator decides; K pairs.

    Attributes:
        track: ``(K,)`` int64 rows of the given tracks.
        detection: ``(K,)`` int64 rows of the given detections, aligned with ``track``.
        cost: ``(K,)`` float64 cost of each pair.
        unmatched_track: int64 rows of the given tracks that are in no pair.
        unmatched_detection: int64 rows of the given detections that are in no pair and may found new tracks.
    """

    track: npt.NDArray[np.int64]
    detection: npt.NDArray[np.int64]
    cost: npt.NDArray[np.float64]
    unmatched_track: npt.NDArray[np.int64]
    unmatched_detection: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Step:
    """Everything that is known about one frame after it went through the pipeline."""

    frame: Frame
    detections: Detections
    tracks: Tracks
