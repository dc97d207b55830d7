"""OC-SORT, clean: what its three ideas do, and the rules of every tracker."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trackforge
from trackforge.errors import ConfigError, InvalidInputError, StateError
from trackforge.motion import KalmanXYSR, KalmanXYWH
from trackforge.protocols import Tracker
from trackforge.testing import check_tracker
from trackforge.types import Detections, Frame, TrackState
from trackforge_byte.ocsort import ObservationCentricTracker, ObservationCentricTrackerConfig
from trackforge_byte.ocsort_matching import SIMILARITIES, pair, pair_as_published
from trackforge_byte.ocsort_memory import NEVER, agreement, heading, previous_boxes, remember, replay

NAMES = ["observation-centric", "ocsort"]


def box(x, y=100.0, w=40.0, h=80.0):
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def seen(*boxes, score=0.9, classes=None):
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(xyxy=xyxy, score=np.full(len(xyxy), score), class_id=classes)


def clean(**changes):
    return trackforge.tracker("observation-centric", **changes)


def follow(tracker, frames, start=0):
    """Update with a list of Detections, one a frame; return the Tracks."""
    return [tracker.update(d, Frame(index=start + i)) for i, d in enumerate(frames)]


def crowd(frames, objects=12, seed=0, classes=1):
    """A random walk with misses, doubtful scores and false detections."""
    rng = np.random.default_rng(seed)
    place, speed = rng.uniform(100, 700, (objects, 2)), rng.normal(0, 4, (objects, 2))
    size = rng.uniform(30, 80, (objects, 1)) * [1.0, 2.2]
    kind = np.arange(objects) % classes
    for _ in range(frames):
        place, speed = place + speed, speed + rng.normal(0, 0.5, speed.shape)
        there = rng.random(objects) > 0.15
        centre = place[there] + rng.normal(0, 1, (there.sum(), 2))
        xyxy = np.concatenate((centre - size[there] / 2, centre + size[there] / 2), axis=1)
        yield Detections(xyxy=xyxy, score=rng.uniform(0.3, 1, len(xyxy)), class_id=kind[there])


# -- the three ideas ---------------------------------------------------------------------------------------------------


def test_replay_is_predict_and_update_along_a_line():
    motion = KalmanXYSR()
    last, found = np.array([box(100), box(300)]), np.array([box(160, 130, 44, 88), box(300, 160)])
    before = motion.update(motion.predict(motion.initiate(last - 5)), last)
    by_hand = before
    for step in (1, 2, 3):
        by_hand = motion.update(motion.predict(by_hand), last + (found - last) * step / 3)
    led = replay(motion, before, last, found, np.array([3.0, 3.0]))
    np.testing.assert_allclose(led[0], by_hand[0], rtol=1e-12)
    mixed = replay(motion, before, last, found, np.array([3.0, 1.0]))
    np.testing.assert_allclose(mixed[0][0], by_hand[0][0], rtol=1e-12)
    one = motion.update(motion.predict(before), found)
    np.testing.assert_allclose(mixed[0][1], one[0][1], rtol=1e-12)


def test_a_track_found_again_believes_in_the_way_it_went():
    """It runs right, is hidden for long, is found where it was last seen. A plain filter overshoots and goes back."""
    path, gap = [100.0 + 8 * i for i in range(10)], 40
    here = path[-1] + 4
    tracker = clean(report="filtered", max_lost=60)
    follow(tracker, [seen(box(x)) for x in path])
    follow(tracker, [seen()] * (gap - 1), start=10)
    (back,) = follow(tracker, [seen(box(here))], start=9 + gap)
    assert back.visible.track_id.tolist() == [1]
    led = follow(tracker, [seen()] * 10, start=10 + gap)[-1].xyxy[0, [0, 2]].mean()
    motion = KalmanXYSR()
    plain = motion.initiate(np.array([box(path[0])]))
    for x in path[1:]:
        plain = motion.update(motion.predict(plain), np.array([box(x)]))
    for _ in range(gap):
        plain = motion.predict(plain)
    plain = motion.predict(motion.update(plain, np.array([box(here)])), dt=10.0)
    strayed = motion.boxes(plain)[0, [0, 2]].mean()
    assert 0 < led - here < 4  # on average it went right by 0.1 pixels a frame
    assert strayed - here < -7


def test_recovery_looks_where_the_track_was_last_seen():
    """The prediction runs on while the object stays: only the last observation is near."""
    path = [100.0 + 15 * i for i in range(8)]
    stopped = [seen(box(x)) for x in path] + [seen()] * 6 + [seen(box(path[-1] + 3))]
    assert follow(clean(), stopped)[-1].visible.track_id.tolist() == [1]
    plain = trackforge.tracker("online", associator="iou", motion="xysr")
    assert 1 not in follow(plain, stopped)[-1].visible.track_id


def test_momentum_decides_between_equal_overlaps():
    """Two boxes at the same distance from the prediction: the one straight ahead wins, however the rows are ordered."""
    path = [100.0 + 10 * i for i in range(6)]
    ahead, behind = box(path[-1] + 10 + 6), box(path[-1] + 10 - 6.5)
    for order in ((ahead, behind), (behind, ahead)):
        tracker = clean(report="observed", inertia=0.5)
        follow(tracker, [seen(box(x)) for x in path])
        tracks = follow(tracker, [seen(*order)], start=len(path))[0]
        np.testing.assert_allclose(tracks.xyxy[tracks.track_id == 1][0], ahead, atol=1e-4)


def test_agreement_of_directions():
    start = np.array([box(0, 0)])
    ends = np.array([box(10, 0), box(0, 10), box(-10, 0), box(0, 0), box(10, 10)])
    right = np.array([1.0, 0.0])
    np.testing.assert_allclose(agreement(start, ends, right), [0.5, 0, -0.5, 0, 0.25], atol=1e-3)
    np.testing.assert_allclose(agreement(start, ends, np.zeros(2)), 0)
    np.testing.assert_allclose(heading(np.repeat(start, 5, 0), ends)[[0, 1, 4]], [[1, 0], [0, 1], [0.5**0.5] * 2], 1e-5)


def test_memory_gives_the_oldest_box_of_the_last_frames_or_else_the_newest():
    past, times = np.full((2, 3, 4), -1.0), np.full((2, 3), NEVER)
    for now in (1.0, 2.0, 3.0, 4.0):
        rows = np.array([0, 1]) if now < 3 else np.array([0])
        past, times = remember(past, times, rows, np.tile([[now] * 4], (len(rows), 1)), now)
    assert previous_boxes(past, times, 5.0, 3)[:, 0].tolist() == [2.0, 2.0]
    assert previous_boxes(past, times, 5.0, 2)[:, 0].tolist() == [3.0, 2.0]
    assert previous_boxes(past, times, 50.0, 3)[:, 0].tolist() == [4.0, 2.0]


# -- pairing -----------------------------------------------------------------------------------------------------------


def test_pairs_are_gated_before_or_after():
    overlap = np.array([[0.9, 0.5], [0.5, 0.0]])
    assert [a.tolist() for a in pair(overlap, 0.3)] == [[0, 1], [1, 0]]
    assert [a.tolist() for a in pair(overlap, 0.6)] == [[0], [0]]
    # as published the two halves win as a whole, and are undone afterwards
    assert [a.tolist() for a in pair_as_published(overlap, 0.6)] == [[], [], [0, 1]]


def test_a_bonus_never_makes_an_impossible_pair():
    overlap = np.array([[0.4, 0.2], [0.35, 0.0]])
    huge = np.array([[0.0, 9.0], [0.0, 9.0]])
    rows, columns = pair(overlap, 0.3, lambda t, d: huge[t, d])
    assert (rows.tolist(), columns.tolist()) == ([0], [0])


@pytest.mark.parametrize("name", SIMILARITIES)
def test_similarities_lie_between_0_and_1(name):
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 100, (20, 2))
    boxes = np.concatenate((low, low + rng.uniform(0, 60, (20, 2))), axis=1)
    values = SIMILARITIES[name](boxes, boxes[:7])
    assert values.shape == (20, 7)
    assert ((values >= -1e-9) & (values <= 1 + 1e-9)).all()
    assert (values.argmax(axis=0) == np.arange(7)).all()
    assert SIMILARITIES[name](boxes[:0], boxes).shape == (0, 20)
    points = np.zeros((2, 4))
    assert np.isfinite(SIMILARITIES[name](points, points)).all()


# -- settings ----------------------------------------------------------------------------------------------------------


def test_doubtful_detections_continue_but_do_not_found():
    path = [100.0 + 5 * i for i in range(8)]
    frames = [seen(box(x)) for x in path[:5]] + [seen(box(x), box(500), score=0.3) for x in path[5:]]
    with_them = follow(clean(low_score=0.1), frames)[-1]
    assert with_them.visible.track_id.tolist() == [1]
    assert len(with_them) == 1
    without = follow(clean(), frames)[-1]
    assert without.state.tolist() == [TrackState.LOST]


def test_scores_equal_to_a_threshold_reach_it_unless_as_published():
    frames = [seen(box(100), score=0.7)] * 3
    assert len(follow(clean(high_score=0.7, birth_score=0.7), frames)[-1]) == 1
    assert len(follow(trackforge.tracker("ocsort", det_thresh=0.7), frames)[-1]) == 0


def test_the_box_reported():
    frames = [seen(box(x)) for x in (100, 103, 110, 108, 120)]
    observed, filtered = (follow(clean(report=r), frames)[-1] for r in ("observed", "filtered"))
    np.testing.assert_array_equal(observed.xyxy, frames[-1].xyxy)
    assert (filtered.xyxy != frames[-1].xyxy).any()
    assert observed.detection.tolist() == filtered.detection.tolist() == [0]


def test_classes():
    a = [seen(box(100), classes=[0])] * 4
    b = [seen(box(100), classes=[1])] * 2
    assert follow(clean(classes="ignore"), a + b)[-1].visible.class_id.tolist() == [1]
    assert follow(clean(classes="vote"), a + b)[-1].visible.class_id.tolist() == [0]
    separate = follow(clean(classes="separate"), a + b)[-1]
    assert separate.track_id.tolist() == [1, 2]
    assert separate.class_id.tolist() == [0, 1]


def test_refuses_settings_that_contradict_each_other():
    with pytest.raises(ConfigError, match="low_score"):
        ObservationCentricTrackerConfig(low_score=0.9)
    with pytest.raises(ConfigError, match="frame_rate"):
        ObservationCentricTrackerConfig(max_lost_seconds=2.0)
    with pytest.raises(ConfigError, match="Did you mean"):
        trackforge.tracker("ocsort", det_tresh=0.5)


def test_any_motion_model_will_do():
    tracks = follow(ObservationCentricTracker(motion=KalmanXYWH()), crowd(30))
    assert len(tracks[-1].visible)


# -- time --------------------------------------------------------------------------------------------------------------


def test_patience_is_counted_in_frames_seen_or_not():
    for indices, expected in (([0, 1, 2, 8], 1), ([0, 1, 2, 9], 2)):
        tracker = clean(max_lost=5, min_hits=1)
        for index in indices:
            tracks = tracker.update(seen(box(100)), Frame(index=index))
        assert tracks.track_id.tolist() == [expected]


def test_timestamps_move_tracks():
    """Half the frame rate for a while: twice the step, the same track, and its direction is still known."""
    tracker = clean(frame_rate=10.0, report="filtered", max_lost_seconds=3.0)
    times = [0.1 * i for i in range(10)] + [0.9 + 0.2 * i for i in range(1, 8)]
    for index, t in enumerate(times):
        tracks = tracker.update(seen(box(100 + 60 * t)), Frame(index=index, timestamp=t))
        assert tracks.track_id.tolist() == [1]
    np.testing.assert_allclose(tracks.xyxy[0, [0, 2]].mean(), 100 + 60 * times[-1], atol=1.0)


@pytest.mark.parametrize("name", NAMES)
def test_frames_must_come_in_order(name):
    tracker = trackforge.tracker(name)
    tracker.update(seen(), Frame(index=3))
    with pytest.raises(InvalidInputError, match="increase"):
        tracker.update(seen(), Frame(index=3))
    with pytest.raises(InvalidInputError, match="got ndarray and Frame"):
        tracker.update(np.zeros((1, 4)), Frame(index=4))


# -- the rules of every tracker ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@given(
    frames=st.lists(
        st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.integers(0, 4), st.sampled_from([0.3, 0.6, 0.9]))),
        max_size=12,
    )
)
@settings(max_examples=40)
def test_whatever_comes(name, frames):
    """Coinciding boxes, boxes without area, empty frames: ids unique and never used again, rows right, no warning."""
    tracker = trackforge.tracker(name, **({"low_score": 0.2} if name != "ocsort" else {"use_byte": True}))
    retired, before = set(), set()
    for index, objects in enumerate(frames):
        xyxy = np.array([[20 * x, 30 * y, 20 * x + 12 * s, 30 * y + 20 * s] for x, y, s, _ in objects], np.float32)
        detections = Detections(xyxy=xyxy.reshape(-1, 4), score=[o[3] for o in objects])
        tracks = tracker.update(detections, Frame(index=index))
        now = set(tracks.track_id.tolist())
        assert len(now) == len(tracks)
        assert not now & retired
        retired |= before - now
        before = now
        used = tracks.detection[tracks.detection >= 0]
        assert len(set(used.tolist())) == len(used)
        assert (used < len(detections)).all()
        np.testing.assert_array_equal(tracks.score[tracks.detection >= 0], detections.score[used])
        assert np.isfinite(tracks.xyxy).all()
        assert (tracks.time_since_update[tracks.detection >= 0] == 0).all()
        assert (tracks.age >= 1).all()


@pytest.mark.parametrize("name", NAMES)
def test_state_goes_on_to_the_last_bit(name):
    """Save, pickle and load at every frame; also after nothing, and into a tracker that has seen other things."""
    frames = list(crowd(40, classes=2))
    make = {"classes": "vote"} if name != "ocsort" else {}
    whole = follow(trackforge.tracker(name, **make), frames)
    tracker = trackforge.tracker(name, **make)
    assert isinstance(tracker, Tracker)
    for index, detections in enumerate(frames):
        state = pickle.loads(pickle.dumps(tracker.state_dict()))
        tracker = trackforge.tracker(name, **make)
        follow(tracker, frames[5:9])
        tracker.load_state_dict(state)
        if index % 7 == 3:
            tracker = pickle.loads(pickle.dumps(tracker))
        tracks = tracker.update(detections, Frame(index=index))
        for column in ("track_id", "xyxy", "score", "class_id", "state", "age", "time_since_update", "detection"):
            np.testing.assert_array_equal(getattr(tracks, column), getattr(whole[index], column), err_msg=column)


def test_a_saved_state_is_not_touched_afterwards():
    frames = list(crowd(20))
    tracker = clean()
    follow(tracker, frames[:10])
    state = tracker.state_dict()
    copy = pickle.loads(pickle.dumps(state))
    first = follow(tracker, frames[10:], start=10)
    twin = clean()
    twin.load_state_dict(state)
    second = follow(twin, frames[10:], start=10)
    np.testing.assert_array_equal(first[-1].xyxy, second[-1].xyxy)
    for name, column in copy["table"].items():
        np.testing.assert_array_equal(state["table"][name], column)


def test_refuses_foreign_and_damaged_states():
    tracker = clean()
    follow(tracker, crowd(10))
    state = tracker.state_dict()
    with pytest.raises(StateError, match="observation-centric"):
        tracker.load_state_dict(trackforge.tracker("byte").state_dict())
    with pytest.raises(StateError, match="config"):
        clean(inertia=0.3).load_state_dict(state)
    with pytest.raises(StateError, match="complete"):
        clean().load_state_dict({k: v for k, v in state.items() if k != "anchor"})
    short = state | {"table": state["table"] | {"seen": state["table"]["seen"][:-1]}}
    with pytest.raises(StateError, match="rows"):
        clean().load_state_dict(short)
    with pytest.raises(StateError, match="next_id"):  # what comes last is missing: nothing before it may be taken
        tracker.load_state_dict(
            {k: v for k, v in state.items() if k != "next_id"} | {"clock": clean().state_dict()["clock"]}
        )
    assert tracker.state_dict()["clock"] == state["clock"]


@pytest.mark.parametrize("name", NAMES)
def test_conforms(name):
    check_tracker(lambda: trackforge.tracker(name))


@pytest.mark.parametrize("name", NAMES)
def test_reset_starts_anew(name):
    frames = list(crowd(25))
    tracker = trackforge.tracker(name)
    first = follow(tracker, frames)
    tracker.reset()
    second = follow(tracker, frames)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.track_id, b.track_id)
        np.testing.assert_array_equal(a.xyxy, b.xyxy)


def test_tracks_given_out_stay_as_they_were():
    tracker, kept = clean(), []
    for index, detections in enumerate(crowd(15)):
        tracks = tracker.update(detections, Frame(index=index))
        kept.append((tracks, tracks.detection.copy(), tracks.xyxy.copy(), tracks.state.copy()))
        assert not tracks.xyxy.flags.writeable
    for tracks, detection, xyxy, state in kept:
        np.testing.assert_array_equal(tracks.detection, detection)
        np.testing.assert_array_equal(tracks.xyxy, xyxy)
        np.testing.assert_array_equal(tracks.state, state)


def test_memory_does_not_grow():
    """People come and go for a thousand frames: what is kept is what is alive."""
    tracker = clean(max_lost=10)
    rng = np.random.default_rng(0)
    for index in range(1000):
        tracker.update(seen(*(box(x) for x in rng.uniform(0, 5000, 5))), Frame(index=index))
    assert len(tracker) <= 5 * 12
    assert all(len(column) == len(tracker) for column in tracker.state_dict()["table"].values())
