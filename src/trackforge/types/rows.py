"""Detections, tracks and what becomes of them in one frame."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.types.columns import Columns, column, extras, matrix, names_of
from trackforge.types.frames import Frame

__all__ = ["Detections", "Matches", "Step", "TrackState", "Tracks"]


class TrackState(enum.IntEnum):
    """Where a track stands in its life."""

    TENTATIVE = 1
    """Born, not yet trusted; not part of the results."""
    CONFIRMED = 2
    """Trusted, and matched to a detection in this frame."""
    LOST = 3
    """Trusted before, without a detection now; may be found again."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Detections(Columns):
    """What a detector found in one frame; N rows.

    Attributes:
        xyxy: ``(N, 4)`` float32 boxes in pixels.
        score: ``(N,)`` float32 confidences, as the detector gives them (usually 0..1).
        class_id: ``(N,)`` int64 indices into the detector's ``classes``.
        embedding: ``(N, D)`` float32 appearance vectors, or None.
        mask: ``(N,)`` object array of COCO run-length masks, None in it for objects without one; or None.
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
        xyxy = column("xyxy", self.xyxy, np.float32, None, 4)
        n = len(xyxy)
        _check_boxes(xyxy)
        put(self, "xyxy", xyxy)
        score = np.ones(n, np.float32) if self.score is None else self.score
        put(self, "score", column("score", score, np.float32, n))
        _check_finite("score", self.score)
        class_id = np.zeros(n, np.int64) if self.class_id is None else self.class_id
        put(self, "class_id", column("class_id", class_id, np.int64, n))
        if self.embedding is not None:
            put(self, "embedding", column("embedding", self.embedding, np.float32, n, -1))
            _check_finite("embedding", self.embedding)
        if self.mask is not None:
            put(self, "mask", column("mask", self.mask, np.object_, n))
        put(self, "extra", extras(self.extra, n))

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
class Tracks(Columns):
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
        put(self, "xyxy", column("xyxy", self.xyxy, np.float32, None, 4))
        n = len(self.xyxy)
        for name in ("track_id", "class_id", "state", "age", "time_since_update", "detection"):
            put(self, name, column(name, getattr(self, name), np.int64, n))
        put(self, "score", column("score", self.score, np.float32, n))
        if n and (self.track_id.min() < 1 or len(np.unique(self.track_id)) != n):
            raise InvalidInputError(f"track_id must be >= 1 and unique in a frame; got {self.track_id.tolist()}.")
        for name in ("embedding", "mean", "covariance"):
            if getattr(self, name) is not None:
                put(self, name, matrix(name, getattr(self, name), n))
        put(self, "extra", extras(self.extra, n))

    @classmethod
    def unchecked(cls, **columns: Any) -> Tracks:
        """Build from arrays that are known to be valid, without copy or check; for trackers in their hot loop.

        The arrays become read-only and must not be reused by the caller.
        """
        made, put = object.__new__(cls), object.__setattr__
        for name in names_of(cls):
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
    """Everything that is known about one frame after it went through the pipeline.

    Attributes:
        frame: The frame.
        detections: What the detector found in it.
        tracks: What the tracker made of that.
        analytics: What each analytic knew after this frame, by its name, as JSON knows it.
        events: What happened in it by the analytics: each with ``analytic``, ``frame``, ``time``, ``kind`` and more.
    """

    frame: Frame
    detections: Detections
    tracks: Tracks
    analytics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()
