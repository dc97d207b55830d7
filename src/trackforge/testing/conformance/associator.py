"""The rules of `trackforge.protocols.Associator`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from trackforge.motion import KalmanXYAH
from trackforge.protocols import Associator
from trackforge.testing.conformance.rules import difference, require, rule, run, snapshot
from trackforge.types import Detections, Frame, Matches, Tracks, TrackState

__all__ = ["check_associator"]

Make: TypeAlias = Callable[[], Associator]
SIZE = (960, 540)


def check_associator(make: Make, *, embedding_dim: int | None = None, skip: Iterable[str] = ()) -> None:
    """Try every rule of the Associator protocol.

    Args:
        make: Returns an associator, always with the same settings.
        embedding_dim: Give tracks and detections embeddings of this width, for associators that need them.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("associator", make, skip, embedding_dim=embedding_dim)


class _View:
    """What the associator may ask: Kalman filters that have just been started on the boxes."""

    def __init__(self, xyxy: Any) -> None:
        self._model = KalmanXYAH()
        self._state = self._model.initiate(np.asarray(xyxy, np.float64))
        self.boxes = self._model.boxes(self._state)

    def mahalanobis(self, tracks: Any, xyxy: Any, /, *, position_only: bool = False) -> Any:
        chosen = tuple(column[tracks] for column in self._state)
        return self._model.mahalanobis(chosen, xyxy, position_only=position_only)


def _tracks(xyxy: Any, embedding: Any = None) -> Tracks:
    """Make tracks of all states: mostly confirmed, every fourth lost, every fifth tentative."""
    n = len(xyxy)
    row = np.arange(n)
    state = np.where(row % 5 == 4, TrackState.TENTATIVE, np.where(row % 4 == 3, TrackState.LOST, TrackState.CONFIRMED))
    return Tracks(
        track_id=row + 1,
        xyxy=xyxy,
        score=np.full(n, 0.9, np.float32),
        class_id=np.zeros(n, np.int64),
        state=state.astype(np.int64),
        age=np.full(n, 10),
        time_since_update=np.where(state == TrackState.LOST, 3, 1),
        detection=np.full(n, -1),
        embedding=embedding,
    )


def _case(m: int, n: int, embedding_dim: int | None, seed: int) -> tuple[Tracks, Detections]:
    """Make a crowded frame of m tracks and n detections that partly fit."""
    random = np.random.default_rng(seed)
    corner, size = random.uniform(0, 400, (m, 2)), random.uniform(20, 90, (m, 2))
    tracked = np.concatenate((corner, corner + size), axis=1).astype(np.float32)
    near = tracked[random.integers(0, m, n)] if m else random.uniform(0, 300, (n, 1)) + np.array([[0, 0, 40, 80]])
    moved = near + random.normal(0, 6, (n, 4))
    found = np.concatenate((np.minimum(moved[:, :2], moved[:, 2:]), np.maximum(moved[:, :2], moved[:, 2:])), axis=1)
    looks = [random.normal(size=(k, embedding_dim)).astype(np.float32) for k in (m, n)] if embedding_dim else [None] * 2
    detections = Detections(
        xyxy=found.astype(np.float32), score=random.uniform(0, 1, n).astype(np.float32), embedding=looks[1]
    )
    return _tracks(tracked, looks[0]), detections


def _ask(associator: Associator, tracks: Tracks, detections: Detections) -> Matches:
    frame = Frame(index=7, size=SIZE, sequence="conformance")
    return associator.associate(tracks, detections, frame=frame, motion=_View(tracks.xyxy))


def _valid(matches: Any, m: int, n: int) -> None:
    when = f"for {m} tracks and {n} detections"
    require(isinstance(matches, Matches), f"{when} associate() returned {type(matches).__name__}, not Matches.")
    for name in ("track", "detection", "unmatched_track", "unmatched_detection"):
        column = getattr(matches, name)
        good = isinstance(column, np.ndarray) and column.ndim == 1 and column.dtype.kind == "i"
        require(good, f"{when} {name} must be an array of int64, one dimension; got {column!r}.")
    pairs = len(matches.track), len(matches.detection), len(matches.cost)
    require(len(set(pairs)) == 1, f"{when} track, detection and cost must have one length; got {pairs}.")
    require(np.isfinite(matches.cost).all(), f"{when} the cost of a pair is not finite: {matches.cost.tolist()}.")
    rows = np.concatenate((matches.track, matches.unmatched_track))
    complete = np.array_equal(np.sort(rows), np.arange(m))
    require(complete, f"{when} each track must be in one pair or unmatched, once; got {np.sort(rows).tolist()}.")
    rows = np.concatenate((matches.detection, matches.unmatched_detection))
    once = len(np.unique(rows)) == len(rows) and ((rows >= 0) & (rows < n)).all()
    require(once, f"{when} a detection may be in one pair or unmatched, once; got {np.sort(rows).tolist()}.")


CASES = ((0, 0), (0, 4), (4, 0), (1, 1), (1, 5), (5, 1), (7, 7), (20, 35), (60, 40))


@rule("associator")
def offers_the_method(make: Make) -> None:
    """An associator has associate()."""
    require(hasattr(make(), "associate"), f"{type(make()).__name__} has no associate.")


@rule("associator")
def divides_tracks_and_detections(make: Make, *, embedding_dim: int | None = None) -> None:
    """Every track is in one pair or unmatched, a detection in at most one place; also where one side is empty."""
    associator = make()
    for seed, (m, n) in enumerate(CASES):
        _valid(_ask(associator, *_case(m, n, embedding_dim, seed)), m, n)


@rule("associator")
def pairs_the_obvious(make: Make, *, embedding_dim: int | None = None) -> None:
    """Confident detections that stand exactly on far-apart tracks are paired with them."""
    boxes = np.array([[x, 100, x + 40, 190] for x in (50, 250, 450, 650)], np.float32)
    looks = None if embedding_dim is None else np.random.default_rng(0).normal(size=(4, embedding_dim))
    order = np.array([2, 0, 3, 1])
    tracks = _tracks(boxes, None if looks is None else looks.astype(np.float32))
    detections = Detections(
        xyxy=boxes[order],
        score=np.full(4, 0.95, np.float32),
        embedding=None if looks is None else looks[order].astype(np.float32),
    )
    matches = _ask(make(), tracks, detections)
    _valid(matches, 4, 4)
    pairs = dict(zip(matches.track.tolist(), order[matches.detection].tolist(), strict=True))
    require(pairs == {i: i for i in range(4)}, f"tracks were paired with the detections of tracks {pairs}.")


@rule("associator")
def is_a_pure_function(make: Make, *, embedding_dim: int | None = None) -> None:
    """The arguments alone decide: the same question has the same answer, whatever was asked in between."""
    associator = make()
    question = _case(20, 25, embedding_dim, 99)
    first = _ask(associator, *question)
    for seed, (m, n) in enumerate(CASES):
        _ask(associator, *_case(m, n, embedding_dim, seed))
    for other, who in ((associator, "asked again"), (make(), "a second one, asked the same")):
        found = difference(_ask(other, *question), first, "matches")
        require(not found, f"{who}: {found}.")


@rule("associator")
def leaves_its_input_alone(make: Make, *, embedding_dim: int | None = None) -> None:
    """associate() changes neither the tracks nor the detections nor the predicted boxes."""
    tracks, detections = _case(12, 15, embedding_dim, 5)
    view = _View(tracks.xyxy)
    before = snapshot(tracks), snapshot(detections), view.boxes.copy()
    make().associate(tracks, detections, frame=Frame(index=7, size=SIZE), motion=view)
    found = (
        difference(tracks, before[0], "tracks")
        or difference(detections, before[1], "detections")
        or difference(view.boxes, before[2], "motion.boxes")
    )
    require(not found, f"after associate() {found}.")


@rule("associator")
def pickles(make: Make, *, embedding_dim: int | None = None) -> None:
    """A pickled associator answers as before, so that trackers which hold it can be pickled."""
    associator = make()
    again = pickle.loads(pickle.dumps(associator))  # noqa: S301 - our own bytes
    question = _case(9, 9, embedding_dim, 1)
    found = difference(_ask(again, *question), _ask(associator, *question), "matches")
    require(not found, f"after pickling {found}.")
