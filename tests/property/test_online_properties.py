"""What must hold for every stream of detections, every lifecycle and every quirk."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from walkers import Overlap, assert_same, play

import trackforge
from trackforge.motion import KalmanXYAH, KalmanXYSR, KalmanXYWH
from trackforge.online import Lifecycle, OnlineTracker, Quirks
from trackforge.types import Detections, Frame, TrackState

MOTIONS = (KalmanXYAH, KalmanXYSR, KalmanXYWH)


@st.composite
def frames(draw, min_size=1, max_size=25):
    """Boxes from a coarse grid, so that they meet, swap, vanish and coincide."""
    out = []
    for _ in range(draw(st.integers(min_size, max_size))):
        n = draw(st.integers(0, 5))
        cells = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3), st.integers(0, 3))
        rows = np.array(draw(st.lists(cells, min_size=n, max_size=n)), np.float32).reshape(-1, 4)
        low, size = rows[:, :2] * 15, rows[:, 2:] * 20  # sizes of 0 included
        score = draw(st.lists(st.sampled_from([0.05, 0.1, 0.4, 0.6, 0.7, 0.9]), min_size=n, max_size=n))
        class_id = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
        out.append(Detections(xyxy=np.concatenate((low, low + size), 1), score=score, class_id=class_id))
    return out


lifecycles = st.builds(
    Lifecycle,
    min_hits=st.integers(1, 3),
    warm_up=st.integers(0, 2),
    birth_score=st.sampled_from([0.0, 0.5]),
    max_lost=st.sampled_from([0, 1, 2.5, 30]),
    tentative_patience=st.integers(0, 2),
    duplicate_iou=st.sampled_from([None, 0.5]),
    classes=st.sampled_from(["ignore", "separate", "vote"]),
)
quirks = st.builds(
    lambda late, once, **more: Quirks(late_removal=late or once, lose_once=once, **more),
    late=st.booleans(),
    once=st.booleans(),
    count_updates=st.booleans(),
    freeze_tentative=st.booleans(),
    streak=st.booleans(),
    uncounted_birth=st.booleans(),
    inclusive_duplicates=st.booleans(),
)
trackers = st.one_of(
    st.builds(
        lambda motion, lifecycle, quirk: OnlineTracker(Overlap(), motion(), lifecycle, quirks=quirk),
        st.sampled_from(MOTIONS),
        lifecycles,
        quirks,
    ),
    st.sampled_from(["byte", "bytetrack", "iou", "sort"]).map(trackforge.tracker),
)
gaps = st.lists(st.integers(1, 4), min_size=25, max_size=25)


@given(trackers, frames(), gaps)
@settings(max_examples=150)
def test_tracks_are_well_formed(tracker, stream, steps):
    born, gone, last = {}, set(), {}
    for detections, index in zip(stream, itertools.accumulate(steps), strict=False):
        tracks = tracker.update(detections, Frame(index=index))
        ids = tracks.track_id.tolist()
        assert len(set(ids)) == len(ids)
        assert all(i >= 1 for i in ids)
        assert not gone & set(ids), "an id came back from the dead"
        assert ids == sorted(ids)
        assert np.isfinite(tracks.xyxy).all()
        matched = tracks.detection >= 0
        rows = tracks.detection[matched]
        assert len(set(rows.tolist())) == len(rows)
        assert (rows < len(detections)).all()
        np.testing.assert_array_equal(tracks.score[matched], detections.score[rows])
        assert set(tracks.state.tolist()) <= set(TrackState)
        assert (tracks.state[~matched] != TrackState.CONFIRMED).all()
        assert (tracks.state[matched] != TrackState.LOST).all()
        assert ((tracks.time_since_update == 0) == matched).all()
        assert (tracks.age > tracks.time_since_update).all()
        visible = tracks.visible
        assert (visible.detection >= 0).all()
        assert (visible.state == TrackState.CONFIRMED).all()
        assert min(set(ids) - set(born), default=np.inf) > max(born, default=0), "newcomers have the greatest ids"
        for i, age in zip(ids, tracks.age.tolist(), strict=True):
            assert age > last.get(i, 0)
            last[i] = age
            born.setdefault(i, index)
        gone |= set(born) - set(ids)


@given(trackers, frames(min_size=2), st.data())
@settings(max_examples=100)
def test_saved_anywhere_it_continues_to_the_last_bit(tracker, stream, data):
    at = data.draw(st.integers(0, len(stream)))
    other = copy.deepcopy(tracker)
    play(other, [stream[0]])  # not fresh: loading replaces everything
    play(tracker, stream[:at])
    other.load_state_dict(tracker.state_dict())
    thawed = pickle.loads(pickle.dumps(tracker))
    for a, b, c in zip(*(play(t, stream[at:], at) for t in (tracker, other, thawed)), strict=True):
        assert_same(a, b)
        assert_same(a, c)


@given(trackers, frames())
@settings(max_examples=75)
def test_reset_is_a_fresh_start(tracker, stream):
    first = play(tracker, stream)
    tracker.reset()
    for a, b in zip(first, play(tracker, stream), strict=True):
        assert_same(a, b)


@given(trackers, frames(), st.integers(1, 1000))
@settings(max_examples=75)
def test_where_counting_starts_does_not_matter(tracker, stream, start):
    first = play(tracker, stream)
    tracker.reset()
    for a, b in zip(first, play(tracker, stream, start), strict=True):
        assert_same(a, b)


@given(frames(), frames())
@settings(max_examples=50)
def test_trackers_do_not_know_of_each_other(one, two):
    alone = play(trackforge.tracker("byte"), one)
    a, b = trackforge.tracker("byte"), trackforge.tracker("byte")
    beside = []
    for i, detections in enumerate(one):
        beside.append(a.update(detections, Frame(index=i)))
        if i < len(two):
            b.update(two[i], Frame(index=i))
    for x, y in zip(alone, beside, strict=True):
        assert_same(x, y)


@given(frames())
@settings(max_examples=50)
def test_separate_classes_are_separate_trackers(stream):
    """Tracking classes apart in one tracker gives each class the boxes that a tracker of its own would."""

    def tracker(classes):
        return OnlineTracker(Overlap(), KalmanXYAH(), Lifecycle(classes=classes, max_lost=5))

    together = play(tracker("separate"), stream)
    for class_id in range(3):
        mine = [d[d.class_id == class_id] for d in stream]
        for all_tracks, own, detections in zip(together, play(tracker("ignore"), mine), stream, strict=True):
            part = all_tracks[all_tracks.class_id == class_id]
            np.testing.assert_array_equal(part.xyxy, own.xyxy)
            np.testing.assert_array_equal(part.state, own.state)
            rows = np.flatnonzero(detections.class_id == class_id)
            np.testing.assert_array_equal(part.detection, np.append(rows, -1)[own.detection])
