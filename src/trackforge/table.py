"""All boxes of one sequence in one struct of arrays: what files hold and what metrics read.

Boxes are float64 here, where the rest of the library has float32: a file's decimal numbers must reach the metrics
unrounded for these to equal the official evaluator to the last digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.types import Detections, Frame, Step, Tracks, TrackState
from trackforge.types.columns import Columns, Selector, column, extras, joined_masks

__all__ = ["LARGEST", "TrackTable", "one_size"]

LARGEST = float(np.finfo(np.float32).max)
"""The largest coordinate and score, since detections and tracks have them in 32 bits."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrackTable(Columns):
    """Boxes of one sequence, R rows sorted by frame; rows of one frame keep the order in which they came.

    Indexing with a mask, indices, a slice or an integer carries every column along; the rows that it gives are sorted
    by frame again, and none may be named twice.

    Attributes:
        frame: ``(R,)`` int64 frame numbers, 0-based.
        track_id: ``(R,)`` int64; -1 = no id. In results an id stands at most once in a frame.
        xyxy: ``(R, 4)`` float64 boxes in pixels.
        score: ``(R,)`` float64 confidences.
        class_id: ``(R,)`` int64.
        timestamp: ``(R,)`` float64 seconds, equal for all rows of a frame, NaN where a frame has no clock; or None.
        mask: ``(R,)`` object array of COCO run-length masks, None in it for boxes without one; or None.
        extra: Further columns by name, each with R rows.
        sequence: Name of the sequence.
        size: ``(width, height)`` of its pictures in pixels, where all are alike; None where nobody said.

    Raises:
        InvalidInputError: Columns differ in length, a box is not finite or inverted, a frame is negative, or an id
            stands twice in a frame.
    """

    frame: npt.NDArray[np.int64]
    xyxy: npt.NDArray[np.float64]
    track_id: npt.NDArray[np.int64] = field(default=cast("Any", None))
    score: npt.NDArray[np.float64] = field(default=cast("Any", None))
    class_id: npt.NDArray[np.int64] = field(default=cast("Any", None))
    timestamp: npt.NDArray[np.float64] | None = None
    mask: npt.NDArray[np.object_] | None = None
    extra: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    sequence: str = ""
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        xyxy = column("xyxy", self.xyxy, np.float64, None, 4)
        n = len(xyxy)
        put(self, "xyxy", xyxy)
        put(self, "frame", column("frame", self.frame, np.int64, n))
        for name, dtype, default in (("track_id", np.int64, -1), ("score", np.float64, 1), ("class_id", np.int64, 0)):
            given = getattr(self, name)
            put(self, name, column(name, np.full(n, default) if given is None else given, dtype, n))
        for name, dtype in (("timestamp", np.float64), ("mask", np.object_)):
            if getattr(self, name) is not None:
                put(self, name, column(name, getattr(self, name), dtype, n))
        put(self, "extra", extras(self.extra, n))
        if (np.diff(self.frame) < 0).any():
            ordered = _ordered(self)
            for one in fields(self):
                put(self, one.name, getattr(ordered, one.name))
        self._check()

    def __getitem__(self, rows: Selector) -> TrackTable:
        """Select rows; raises InvalidInputError where one is named twice, or a mask has another length."""
        made = Columns.__getitem__(self, rows)
        if isinstance(rows, (slice, int, np.integer)):
            return made if not isinstance(rows, slice) or (rows.step or 1) > 0 else _ordered(made)
        index = np.asarray(rows)
        if index.dtype == bool or not index.size:
            return made
        if (np.bincount(index % len(self)) > 1).any():
            raise InvalidInputError("A selection may name each row once; one is named twice. Use np.unique(rows).")
        return _ordered(made)

    def _check(self) -> None:
        if not len(self):
            return
        for bad, what in (
            (self.frame < 0, "frame is 0-based and must be >= 0"),
            (self.track_id < -1, "track_id must be >= 0, or -1 for boxes without one"),
            (~(np.abs(self.xyxy) <= LARGEST).all(axis=1), "Boxes must be finite, in 32 bits"),
            ((self.xyxy[:, 2:] < self.xyxy[:, :2]).any(axis=1), "Boxes must have x1 <= x2 and y1 <= y2"),
            (~(np.abs(self.score) <= LARGEST), "score must be finite, in 32 bits"),
        ):
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                raise InvalidInputError(f"{what}; got {self._describe(row)}. Drop or repair the row.")
        twice = self.duplicates()
        if len(twice):
            raise InvalidInputError(
                f"An id may stand once in a frame; {self._describe(int(twice[0]))} is there twice "
                f"({len(twice)} such rows in all). Keep the better box of each."
            )

    def _describe(self, row: int) -> str:
        name = f" of {self.sequence!r}" if self.sequence else ""
        box = np.array2string(self.xyxy[row], separator=", ")
        return f"row {row}{name} (frame {self.frame[row]}, id {self.track_id[row]}, box {box}, score {self.score[row]})"

    def duplicates(self) -> npt.NDArray[np.int64]:
        """Return the rows whose id stood in the same frame before; empty for every table that passed the checks."""
        rows = np.flatnonzero(self.track_id >= 0)
        if not len(rows):
            return rows
        wide = int(self.track_id.max()) + 1
        ids = self.track_id[rows]
        if (int(self.frame[-1]) + 1) * wide > 2**63 - 1:  # the product below would not fit
            ids = np.unique(ids, return_inverse=True)[1]
            wide = len(rows)
        code = self.frame[rows] * wide + ids
        if (np.diff(np.sort(code)) > 0).all():
            return rows[:0]
        order = np.argsort(code, kind="stable")
        return np.sort(rows[order[1:][np.diff(code[order]) == 0]])

    @classmethod
    def unchecked(cls, **columns: Any) -> TrackTable:
        """Build from arrays known to be valid and sorted by frame, without copy or check; for readers.

        The arrays become read-only and must not be reused by the caller.
        """
        made = object.__new__(cls)
        for f in fields(cls):
            value = columns.get(f.name, f.default if f.default_factory is MISSING else {})
            for array in value.values() if isinstance(value, dict) else (value,):
                if isinstance(array, np.ndarray):
                    array.flags.writeable = False
            object.__setattr__(made, f.name, value)
        return made

    @classmethod
    def empty(cls, sequence: str = "") -> TrackTable:
        """Return a table of zero rows."""
        return cls(frame=np.empty(0, np.int64), xyxy=np.empty((0, 4)), sequence=sequence)

    @classmethod
    def concatenate(cls, tables: Sequence[TrackTable], *, sequence: str | None = None) -> TrackTable:
        """Join the rows of tables of one sequence, e.g. of its segments.

        Args:
            tables: At least one; of ``timestamp`` and ``extra``, the columns are kept that all tables with rows have,
                masks where one has some.
            sequence: Name of the result; that of the first table where None.

        Raises:
            InvalidInputError: No table is given, or an id would stand twice in a frame.
        """
        if not tables:
            raise InvalidInputError("concatenate needs at least one table; got none. Use TrackTable.empty().")
        sequence = tables[0].sequence if sequence is None else sequence
        tables = [table for table in tables if len(table)] or tables[:1]
        common = [name for name in tables[0].extra if all(name in t.extra for t in tables)]
        columns = {
            name: np.concatenate([getattr(t, name) for t in tables])
            for name in ("frame", "track_id", "xyxy", "score", "class_id", "timestamp")
            if all(getattr(t, name) is not None for t in tables)
        }
        extra = {name: np.concatenate([t.extra[name] for t in tables]) for name in common}
        return cls(
            **columns, mask=joined_masks(tables), extra=extra, sequence=sequence, size=one_size(t.size for t in tables)
        )

    @classmethod
    def from_steps(
        cls, steps: Iterable[Step], box: Literal["filtered", "detected"] = "filtered", *, sequence: str = ""
    ) -> TrackTable:
        """Collect the visible tracks of successive steps, with masks of detections and timestamps of frames.

        Args:
            steps: Steps of one sequence, as `trackforge.track` yields them.
            box: ``"filtered"`` takes the motion model's estimate, ``"detected"`` the box of the matched detection.
            sequence: Name of the result; where empty, that of the first frame.
        """
        parts: list[TrackTable] = []
        timed = False
        sizes = set()
        for step in steps:
            sequence = sequence or step.frame.sequence
            sizes.add(step.frame.size)
            tracks = step.tracks.visible
            if len(tracks):
                xyxy = step.detections.xyxy[tracks.detection] if box == "detected" else tracks.xyxy
                clock, mask = step.frame.timestamp, step.detections.mask
                timed = timed or clock is not None
                parts.append(
                    cls.unchecked(
                        frame=np.full(len(tracks), step.frame.index, np.int64),
                        xyxy=xyxy.astype(np.float64),
                        track_id=tracks.track_id,
                        score=tracks.score.astype(np.float64),
                        class_id=tracks.class_id,
                        timestamp=np.full(len(tracks), np.nan if clock is None else clock),
                        mask=None if mask is None else mask[tracks.detection],
                        extra=tracks.extra,
                    )
                )
        if not parts:
            return cls.empty(sequence)
        table = cls.concatenate(parts, sequence=sequence)
        return table._replaced({"timestamp": table.timestamp if timed else None, "size": one_size(sizes)})

    @classmethod
    def from_detections(cls, found: Iterable[tuple[int, Detections]], *, sequence: str = "") -> TrackTable:
        """Collect what a detector found, without ids.

        Args:
            found: Frame numbers, 0-based, and the detections of each.
            sequence: Name of the result.
        """
        frames, parts = [], []
        for frame, one in found:
            frames.append(np.full(len(one), frame))
            parts.append(one)
        if not parts:
            return cls.empty(sequence)
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(one, name) for one in parts]) for name in ("xyxy", "score", "class_id")
        }
        return cls(frame=np.concatenate(frames), **columns, mask=joined_masks(parts), sequence=sequence)

    @property
    def frames(self) -> npt.NDArray[np.int64]:
        """The frame numbers that have rows, increasing."""
        return np.unique(self.frame)

    def rows(self, frame: int) -> slice:
        """Return which rows belong to a frame."""
        first, last = np.searchsorted(self.frame, (frame, frame + 1))
        return slice(int(first), int(last))

    def at(self, frame: int) -> TrackTable:
        """Return the rows of one frame."""
        return self[self.rows(frame)]

    def detections(self, frame: int) -> Detections:
        """Return the boxes of one frame as a detector would have given them; ids are left behind."""
        rows = self.rows(frame)
        extra = {name: column[rows] for name, column in self.extra.items()}
        return Detections(
            xyxy=self.xyxy[rows].astype(np.float32),
            score=self.score[rows].astype(np.float32),
            class_id=self.class_id[rows],
            mask=None if self.mask is None else self.mask[rows],
            extra=extra,
        )

    def steps(self, frames: Iterable[Frame] | None = None) -> Iterator[Step]:
        """Replay the table, e.g. into sinks.

        Args:
            frames: The frames to go with it, such as a video's; where None, one without image for every number from 0
                to the last, with a timestamp where the table has one.

        Raises:
            InvalidInputError: A row has no id, or an id below 1.
        """
        if frames is None:
            count = int(self.frame[-1]) + 1 if len(self) else 0
            size = self.size or (0, 0)
            frames = (
                Frame(index=index, timestamp=self._time(index), sequence=self.sequence, size=size)
                for index in range(count)
            )
        births: dict[int, int] = {}
        for frame in frames:
            rows, detections = self.rows(frame.index), self.detections(frame.index)
            n = len(detections)
            ids = self.track_id[rows]
            for track in ids.tolist():
                births.setdefault(track, frame.index)
            tracks = Tracks(
                track_id=ids,
                xyxy=detections.xyxy,
                score=detections.score,
                class_id=detections.class_id,
                state=np.full(n, TrackState.CONFIRMED),
                age=np.array([frame.index - births[track] + 1 for track in ids.tolist()], np.int64),
                time_since_update=np.zeros(n, np.int64),
                detection=np.arange(n),
                extra=detections.extra,
            )
            yield Step(frame=frame, detections=detections, tracks=tracks)

    def _time(self, frame: int) -> float | None:
        """Return when a frame was taken, where a row of it tells."""
        if self.timestamp is None:
            return None
        seconds = self.timestamp[self.rows(frame)]
        return float(seconds[0]) if len(seconds) and np.isfinite(seconds[0]) else None


def one_size(sizes: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    """Return the one size of pictures that all have; None where they differ or one is not known."""
    found = set(sizes)
    size = found.pop() if len(found) == 1 else None
    return size if size is not None and min(size) > 0 else None


def _ordered(table: TrackTable) -> TrackTable:
    return Columns.__getitem__(table, np.argsort(table.frame, kind="stable"))
