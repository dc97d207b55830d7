"""The rules of `trackforge.protocols.Tracker`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from trackforge.errors import StateError
from trackforge.protocols import Tracker
from trackforge.testing.conformance.rules import difference, require, rule, run, snapshot
from trackforge.testing.conformance.scene import PLAIN, Scene, Stream
from trackforge.types import Tracks, TrackState

__all__ = ["check_tracker"]

Make: TypeAlias = Callable[[], Tracker]

SAVED_AT = (0, 1, 7, 20, 33)
"""Updates after which trackers are pickled and saved."""


def check_tracker(
    make: Make, *, images: bool = False, embedding_dim: int | None = None, skip: Iterable[str] = ()
) -> None:
    """Try every rule of the Tracker protocol on fresh trackers.

    Args:
        make: Returns a new tracker each time, always with the same settings.
        images: Give frames an image, for trackers that look at it.
        embedding_dim: Give detections embeddings of this width, for trackers that need them.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("tracker", make, skip, scene=Scene(images=images, embedding_dim=embedding_dim))


def _follow(tracker: Tracker, stream: Stream) -> list[Tracks]:
    return [tracker.update(detections, frame) for detections, frame in stream]


def _same(one: list[Tracks], other: list[Tracks], what: str) -> None:
    for (number, a), b in zip(enumerate(one), other, strict=True):
        found = difference(a, b, "tracks")
        require(not found, f"{what}: in update {number} {found}.")


@rule("tracker")
def offers_the_methods(make: Make) -> None:
    """A tracker has update(), reset(), state_dict() and load_state_dict()."""
    tracker = make()
    absent = [n for n in ("update", "reset", "state_dict", "load_state_dict") if not hasattr(tracker, n)]
    require(not absent, f"{type(tracker).__name__} has no {', '.join(absent)}.")


@rule("tracker")
def takes_empty_frames(make: Make, *, scene: Scene = PLAIN) -> None:
    """update() takes a frame without detections, at the start and later, and returns Tracks."""
    tracker = make()
    nothing = scene.nothing
    for index in range(3):
        tracks = tracker.update(nothing, scene.frame(index))
        require(isinstance(tracks, Tracks), f"update() returned {type(tracks).__name__}.")
        require(len(tracks) == 0, f"{len(tracks)} tracks came out of nothing.")
    tracker.update(scene.boxes((100, 100, 150, 220)), scene.frame(3))
    for index in range(4, 8):
        tracks = tracker.update(nothing, scene.frame(index))
        require((tracks.detection == -1).all(), f"Without detections, detection must be -1; got {tracks.detection}.")


@rule("tracker")
def returns_valid_columns(make: Make, *, scene: Scene = PLAIN) -> None:
    """Ids are >= 1 and stand once in a frame; detection is a row or -1, no row twice; state, age and box fit."""
    tracker = make()
    for number, (detections, frame) in enumerate(scene.stream()):
        tracks = tracker.update(detections, frame)
        require(isinstance(tracks, Tracks), f"update() returned {type(tracks).__name__}.")
        _valid(tracks, len(detections), f"in update {number}")


def _valid(tracks: Tracks, rows: int, when: str) -> None:
    matched = tracks.detection >= 0
    used = tracks.detection[matched]
    known = [int(s) for s in TrackState]
    box = tracks.xyxy
    for holds, came in (
        (len(np.unique(tracks.track_id)) == len(tracks), f"an id stands twice: {tracks.track_id.tolist()}"),
        (len(tracks) == 0 or tracks.track_id.min() >= 1, f"ids start at 1: {tracks.track_id.tolist()}"),
        (
            ((tracks.detection >= -1) & (tracks.detection < rows)).all(),
            f"detection must be -1 or a row of {rows} detections: {tracks.detection.tolist()}",
        ),
        (len(np.unique(used)) == len(used), f"two tracks claim one detection: {tracks.detection.tolist()}"),
        (np.isin(tracks.state, known).all(), f"state must be a TrackState, {known}: {tracks.state.tolist()}"),
        (
            ((tracks.time_since_update == 0) == matched).all(),
            f"time_since_update is 0 for matched tracks only: {tracks.time_since_update.tolist()} where detection is "
            f"{tracks.detection.tolist()}",
        ),
        ((tracks.state[~matched] != TrackState.CONFIRMED).all(), "a track without detection is CONFIRMED"),
        ((tracks.state[matched] != TrackState.LOST).all(), "a track with a detection is LOST"),
        ((tracks.age >= 1).all(), f"age is 1 in the frame of birth: {tracks.age.tolist()}"),
        (
            np.isfinite(box).all() and (box[:, 2:] >= box[:, :2]).all(),
            f"a box is inverted or not finite: {box.tolist()}",
        ),
        (np.isfinite(tracks.score).all(), f"a score is not finite: {tracks.score.tolist()}"),
    ):
        require(holds, f"{when}, {came}.")


@rule("tracker")
def follows_the_obvious(make: Make, *, scene: Scene = PLAIN) -> None:
    """One confident object that moves slowly becomes one visible track, and keeps its id."""
    tracker = make()
    seen = []
    for index in range(25):
        x = 200.0 + 2 * index
        tracks = tracker.update(scene.boxes((x, 150, x + 50, 270)), scene.frame(index))
        if index >= 15:
            seen.append(tracks.visible.track_id.tolist())
    require(all(ids == seen[0] and len(ids) == 1 for ids in seen), f"ids from the 16th frame on: {seen}.")


@rule("tracker")
def never_uses_an_id_again(make: Make, *, scene: Scene = PLAIN) -> None:
    """Who appears long after, elsewhere, gets an id that nobody had before."""
    tracker, index = make(), 0
    ids: list[set[int]] = []
    for x in (100.0, 600.0, 350.0):
        mine = set()
        for step in range(20):
            box = (x + 2 * step, 150, x + 2 * step + 50, 270)
            tracks = tracker.update(scene.boxes(box), scene.frame(index))
            mine |= set(tracks.track_id[tracks.detection >= 0].tolist())
            index += 1
        for _ in range(250):
            tracker.update(scene.nothing, scene.frame(index))
            index += 1
        require(not mine & set().union(*ids), f"id {mine & set().union(*ids)} was given again.")
        ids.append(mine)


@rule("tracker")
def same_input_gives_same_output(make: Make, *, scene: Scene = PLAIN) -> None:
    """Two trackers of the same settings give the same tracks, to the bit."""
    stream = scene.stream()
    _same(_follow(make(), stream), _follow(make(), stream), "a second tracker differs from the first")


@rule("tracker")
def reset_starts_anew(make: Make, *, scene: Scene = PLAIN) -> None:
    """After reset() a tracker is as new: the same tracks with the same ids, frames counted from 0 again."""
    stream = scene.stream()
    tracker = make()
    first = _follow(tracker, stream)
    tracker.reset()
    _same(_follow(tracker, stream), first, "after reset() it differs from a new one")


@rule("tracker")
def instances_share_nothing(make: Make, *, scene: Scene = PLAIN) -> None:
    """Two trackers at work at the same time do not disturb each other; ids live on the instance."""
    one, other = (scene.stream(seed=seed) for seed in (0, 1))
    alone = _follow(make(), one), _follow(make(), other)
    a, b = make(), make()
    both = [(a.update(*x), b.update(*y)) for x, y in zip(one, other, strict=True)]
    for number in (0, 1):
        _same([pair[number] for pair in both], alone[number], "beside another tracker it differs from alone")


@rule("tracker")
def leaves_its_input_alone(make: Make, *, scene: Scene = PLAIN) -> None:
    """update() changes neither the detections nor the frame."""
    tracker = make()
    for number, (detections, frame) in enumerate(scene.stream(frames=12)):
        before = snapshot(detections), snapshot(frame)
        tracker.update(detections, frame)
        found = difference(detections, before[0], "detections") or difference(frame, before[1], "frame")
        require(not found, f"after update {number} {found}.")


@rule("tracker")
def leaves_its_results_alone(make: Make, *, scene: Scene = PLAIN) -> None:
    """Tracks that were returned do not change when the tracker goes on."""
    tracker = make()
    kept = []
    for detections, frame in scene.stream(frames=12):
        tracks = tracker.update(detections, frame)
        kept.append((tracks, snapshot(tracks)))
    for number, (tracks, before) in enumerate(kept):
        found = difference(tracks, before, "tracks")
        require(not found, f"what update {number} returned was changed later: {found}.")


@rule("tracker")
def pickles_at_any_frame(make: Make, *, scene: Scene = PLAIN) -> None:
    """A pickled tracker goes on exactly where it was, to the bit."""
    stream = scene.stream()
    whole = _follow(make(), stream)
    for cut in SAVED_AT:
        tracker = make()
        _follow(tracker, stream[:cut])
        again = pickle.loads(pickle.dumps(tracker))  # noqa: S301 - our own bytes
        _same(_follow(again, stream[cut:]), whole[cut:], f"pickled after {cut} updates it goes on differently")


@rule("tracker")
def saves_and_restores_at_any_frame(make: Make, *, scene: Scene = PLAIN) -> None:
    """A new tracker that loads a state_dict() goes on exactly where it was taken, however the first one went on."""
    stream = scene.stream()
    whole = _follow(make(), stream)
    for cut in SAVED_AT:
        tracker = make()
        _follow(tracker, stream[:cut])
        state = tracker.state_dict()
        _plain(state, "state")
        _same(
            _follow(tracker, stream[cut:]), whole[cut:], f"after state_dict() at {cut} updates it goes on differently"
        )
        again = make()
        again.load_state_dict(state)
        _same(_follow(again, stream[cut:]), whole[cut:], f"restored after {cut} updates it goes on differently")


def _plain(value: Any, where: str) -> None:
    """Allow arrays, numbers, strings, and dicts and lists of them: what every format can hold."""
    if isinstance(value, dict):
        for key, item in value.items():
            require(isinstance(key, str), f"{where} has the key {key!r}; keys must be strings.")
            _plain(item, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _plain(item, f"{where}[{i}]")
    elif isinstance(value, np.ndarray):
        require(value.dtype.kind in "biufU", f"{where} is an array of {value.dtype}; numbers or strings only.")
    else:
        known = value is None or isinstance(value, (bool, int, float, str, np.generic))
        require(known, f"{where} is a {type(value).__name__}; arrays, numbers, strings and dicts of them only.")


@rule("tracker")
def refuses_a_foreign_state(make: Make) -> None:
    """load_state_dict() raises StateError for what is not a state of this tracker."""
    for state in ({}, {"format": "of somebody else", "version": 1}):
        try:
            make().load_state_dict(dict(state))
        except StateError:
            continue
        except Exception as error:  # noqa: BLE001 - whatever else it raises is the finding
            require(False, f"{state} raised {type(error).__name__}, not StateError: {error}")
        require(False, f"{state} was accepted.")


@rule("tracker")
def takes_gaps_between_frames(make: Make, *, scene: Scene = PLAIN) -> None:
    """Frame indices may leave out numbers."""
    tracker = make()
    for number, (detections, frame) in enumerate(scene.stream(frames=20)):
        index = frame.index * 3 + frame.index % 2
        _valid(tracker.update(detections, scene.frame(index)), len(detections), f"in update {number}, frame {index}")


@rule("tracker")
def takes_odd_boxes(make: Make, *, scene: Scene = PLAIN) -> None:
    """Boxes without area, outside the image, all in one place, very many or of any score do no harm."""
    random = np.random.default_rng(0)
    corner = random.uniform(-200, 1200, (200, 2))
    crowd = np.concatenate((corner, corner + random.uniform(0, 90, (200, 2))), axis=1)
    odd = [
        scene.boxes((50, 50, 50, 50), (80, 20, 80, 200), (10, 90, 300, 90)),
        scene.boxes((-500, -500, -400, -300), (2000, 2000, 2100, 2300)),
        scene.boxes(*[(300.0, 100.0, 350.0, 220.0)] * 6),
        scene.boxes(*crowd.tolist()),
        scene.boxes((300, 100, 350, 220), score=0.0),
        scene.boxes((300, 100, 350, 220), score=1.0),
        scene.boxes((0, 0, 1e6, 1e6)),
        scene.boxes(),
    ]
    tracker = make()
    for index in range(3 * len(odd)):
        detections = odd[index % len(odd)]
        _valid(tracker.update(detections, scene.frame(index)), len(detections), f"in update {index}")
