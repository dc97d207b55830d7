"""The clean tracker and the presets: parameters, states, looks over time, and what is said without embeddings."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trackforge
from trackforge.errors import ConfigError, InvalidInputError, StateError
from trackforge.motion import KalmanXYAH, KalmanXYWH
from trackforge.protocols import Noting, notes_of
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.testing import check_tracker, strategies
from trackforge.types import Detections, Frame, TrackState
from trackforge_fairmot.cascade import FairmotAssociator
from trackforge_fairmot.tracker import ASSOCIATION, AppearanceTrackerConfig

NAMES = ("appearance", "fairmot", "fairmot-byte", "fairmot-byte-reid")
WITH_LOOKS = ("appearance", "fairmot", "fairmot-byte-reid")


def seen(*objects, width=4):
    """Make detections of ``(x, score, person)``; everybody looks like nobody else."""
    return Detections(
        xyxy=np.array([[x, 0, x + 50, 100] for x, *_ in objects], np.float32).reshape(-1, 4),
        score=[score for _, score, _ in objects],
        embedding=np.eye(width, dtype=np.float32)[[person for *_, person in objects]],
    )


def play(tracker, *frames, start=0):
    return [tracker.update(found, Frame(index=index)) for index, found in enumerate(frames, start)]


def ids(tracks):
    return tracks.visible.track_id.tolist()


def crowd(frames=60, dim=12, noise=0.1):
    """A crowd with embeddings, one in ten of them missing."""
    random, looks, out = np.random.default_rng(0), {}, []
    for frame, found in Crowd(CrowdConfig(objects=12, frames=frames, size=(960, 540), lifetime=50)):
        mine = [looks.setdefault(i, random.normal(size=dim)) for i in found.extra["truth_id"].tolist()]
        mine = np.array(mine).reshape(-1, dim) + random.normal(0, noise, (len(found), dim))
        mine[random.random(len(found)) < 0.1] = 0
        out.append((Detections(xyxy=found.xyxy, score=found.score, embedding=mine), frame))
    return out


@pytest.mark.parametrize("name", NAMES)
def test_they_conform_with_embeddings(name):
    check_tracker(lambda: trackforge.tracker(name), embedding_dim=8)  # without: tests/contract/test_conformance.py


@pytest.mark.parametrize("name", NAMES)
def test_saved_anywhere_it_continues_to_the_last_bit(name):
    stream = crowd()
    tracker = trackforge.tracker(name)
    for at, (found, frame) in enumerate(stream):
        if at in (1, 20, 45):
            other = trackforge.tracker(name)
            other.load_state_dict(tracker.state_dict())
            again = copy.deepcopy(tracker)
            for step in stream[at:]:
                a, b = other.update(*step), again.update(*step)
                for column in ("track_id", "xyxy", "score", "state", "detection", "embedding"):
                    assert getattr(a, column).tobytes() == getattr(b, column).tobytes()
        tracker.update(found, frame)


@pytest.mark.parametrize("name", NAMES)
def test_embeddings_of_another_width_are_refused_and_change_nothing(name):
    tracker = trackforge.tracker(name)
    play(tracker, *[seen((0, 0.9, 0))] * 3)
    before = tracker.state_dict()
    with pytest.raises(InvalidInputError, match="must keep their width; got 5 after 4"):
        tracker.update(seen((0, 0.9, 0), width=5), Frame(index=3))
    after = tracker.state_dict()
    assert before["clock"] == after["clock"]
    assert before["table"].keys() == after["table"].keys()
    assert all(np.array_equal(before["table"][key], after["table"][key]) for key in before["table"])
    np.testing.assert_array_equal(before["appearance"]["value"], after["appearance"]["value"])
    assert ids(tracker.update(seen((0, 0.9, 0)), Frame(index=3))) == [1]


@pytest.mark.parametrize("name", WITH_LOOKS)
def test_people_who_change_places_are_told_apart_by_their_looks(name):
    # two people side by side, who have changed places in the next frame
    before, after = seen((100, 0.9, 0), (115, 0.9, 1)), seen((115, 0.9, 0), (100, 0.9, 1))

    def owners(tracker):
        out = play(tracker, *[before] * 4, after)[-1]
        return out.track_id[np.argsort(out.detection)].tolist()

    assert owners(trackforge.tracker(name)) == [1, 2]
    assert owners(trackforge.tracker("fairmot-byte")) == [2, 1], "by motion alone they have changed ids"


def test_embeddings_are_smoothed_and_of_length_1():
    tracker = trackforge.tracker("appearance")
    out = play(tracker, seen((0, 0.9, 0)), seen((0, 0.9, 1)))
    wanted = np.array([0.9, 0.1, 0, 0]) / np.hypot(0.9, 0.1)
    np.testing.assert_allclose(out[1].embedding, [wanted], atol=1e-6)


@pytest.mark.parametrize("name", WITH_LOOKS)
def test_without_embeddings_it_says_so_once_and_goes_on(name):
    tracker = trackforge.tracker(name)
    bare = Detections(xyxy=[[0, 0, 50, 100]], score=[0.9])
    nothing = Detections.empty()
    out = play(tracker, bare, bare, nothing, nothing, bare)
    assert ids(out[-1]) == [1], "a lost track is found by overlap"
    assert isinstance(tracker, Noting)
    (note,) = notes_of(tracker)
    assert note.startswith("detections had no embeddings in 3 of 3 frames, and overlap alone decided there")
    tracker.reset()
    assert notes_of(tracker) == ()
    play(tracker, seen((0, 0.9, 0)), Detections.empty())
    assert notes_of(tracker) == ()


@pytest.mark.parametrize("name", WITH_LOOKS)
def test_embeddings_of_zeros_are_none_and_it_says_so(name):
    tracker = trackforge.tracker(name)
    zeros = Detections(xyxy=[[0, 0, 50, 100]], score=[0.9], embedding=np.zeros((1, 4)))
    play(tracker, seen((0, 0.9, 0)), zeros, zeros, Detections.empty())
    (note,) = notes_of(tracker)
    assert note.startswith("detections had no embeddings in 2 of 3 frames")


@pytest.mark.parametrize("name", WITH_LOOKS)
def test_what_is_to_be_said_is_saved(name):
    tracker, other = trackforge.tracker(name), trackforge.tracker(name)
    bare = Detections(xyxy=[[0, 0, 50, 100]], score=[0.9])
    play(tracker, seen((0, 0.9, 0)), bare, bare)
    state = tracker.state_dict()
    other.load_state_dict(state)
    assert notes_of(other) == notes_of(tracker) != ()
    play(other, bare, start=3)
    assert "in 3 of 4 frames" in notes_of(other)[0]
    older = {key: value for key, value in state.items() if key != "counts"}  # as saved before counts were in it
    other.load_state_dict(older)
    assert notes_of(other) == ()
    other.load_state_dict(state)
    for odd in ({"frames": 1, "blind": 2}, {"frames": -1, "blind": 0}, {"frames": 3.0}, {"blind": "1"}, None, 3):
        with pytest.raises(StateError):
            other.load_state_dict(state | {"counts": odd})
        assert notes_of(other) == notes_of(tracker)


def test_who_compares_no_looks_misses_no_embeddings():
    bare = Detections(xyxy=[[0, 0, 50, 100]], score=[0.9])
    for tracker in (trackforge.tracker("fairmot-byte"), trackforge.tracker("appearance", appearance=False)):
        play(tracker, bare, bare)
        assert notes_of(tracker) == ()


def test_without_embeddings_the_clean_tracker_is_the_one_by_motion_alone():
    stream = [(Detections(xyxy=found.xyxy, score=found.score), frame) for found, frame in crowd()]
    blind, motion = trackforge.tracker("appearance"), trackforge.tracker("appearance", appearance=False)
    for step in stream:
        a, b = blind.update(*step), motion.update(*step)
        assert a.track_id.tolist() == b.track_id.tolist()
        assert a.xyxy.tobytes() == b.xyxy.tobytes()


def test_the_tracker_passes_every_setting_on():
    given = {
        "high_score": 0.5, "low_score": None, "appearance": False, "appearance_limit": 0.3, "motion_weight": 0.1,
        "gate": 7.0, "overlap_limit": 0.4, "blind_limit": 0.6, "doubtful_limit": 0.45, "tentative_limit": 0.65,
    }  # fmt: skip
    assert set(given) == set(ASSOCIATION)
    tracker = trackforge.tracker("appearance", **given, max_lost=9, motion="xywh", embedding_alpha=0.5)
    assert tracker.associator == FairmotAssociator(**given)
    assert (tracker.lifecycle.max_lost, tracker.lifecycle.embedding_alpha) == (9, 0.5)
    assert type(tracker.motion) is KalmanXYWH
    assert type(trackforge.tracker("appearance").motion) is KalmanXYAH
    with pytest.raises(ConfigError, match="low_score must be at most high_score"):
        AppearanceTrackerConfig(high_score=0.1)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "appearance"])
def test_presets_scale_their_buffer_with_the_frame_rate(name):
    assert trackforge.tracker(name, track_buffer=30, frame_rate=25).lifecycle.max_lost == 25
    assert trackforge.tracker(name, track_buffer=14).lifecycle.max_lost == 14
    assert trackforge.tracker(name, track_buffer=10**9, frame_rate=1e6).lifecycle.max_lost > 3e13
    for odd in ({"frame_rate": float("inf")}, {"frame_rate": 1e308}, {"track_buffer": 10**308}):
        with pytest.raises(ConfigError, match=f"{next(iter(odd))} must be"):
            trackforge.tracker(name, **odd)
    with pytest.raises(ConfigError, match="has no setting 'max_lost'"):
        trackforge.tracker(name, max_lost=3)


def test_limits_may_be_infinite():
    tracker = trackforge.tracker("appearance", gate="inf", appearance_limit="inf", motion_weight=0, max_lost="inf")
    wanted = trackforge.tracker("appearance", gate=1e9, appearance_limit=1e9, motion_weight=0, max_lost=1e9)
    for found, frame in crowd():
        assert tracker.update(found, frame).track_id.tolist() == wanted.update(found, frame).track_id.tolist()


def test_byte_on_fairmot_needs_a_tenth_more_for_birth_and_takes_doubtful_boxes():
    sure, poor = (0, 0.45, 0), (0, 0.25, 0)
    assert [ids(t) for t in play(trackforge.tracker("fairmot"), seen(sure), seen(poor))] == [[1], []]
    for name in ("fairmot-byte", "fairmot-byte-reid"):
        assert ids(play(trackforge.tracker(name), seen(sure))[0]) == []
        born = play(trackforge.tracker(name), seen((0, 0.5, 0)), seen(poor))
        assert [ids(t) for t in born] == [[1], [1]]


@pytest.mark.parametrize("name", ["fairmot-byte", "fairmot-byte-reid"])
def test_a_low_threshold_is_fine(name):
    assert ids(play(trackforge.tracker(name, conf_thres=0.1), seen((0, 0.25, 0)))[0]) == [1]


def test_fairmot_shows_the_score_of_before_when_it_finds_a_lost_track():
    frames = [seen((0, 0.9, 0)), seen((0, 0.8, 0)), seen(), seen((0, 0.6, 0)), seen((0, 0.7, 0))]
    for name, scores in (("fairmot", [0.9, 0.8, 0.8, 0.7]), ("fairmot-byte-reid", [0.9, 0.8, 0.6, 0.7])):
        out = [t.visible.score for t in play(trackforge.tracker(name), *frames)]
        np.testing.assert_allclose(np.concatenate(out), scores, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@given(stream=strategies.streams(embedding_dim=3), data=st.data())
@settings(max_examples=15)
def test_tracks_are_well_formed_whatever_comes(name, stream, data):
    tracker, gone, born = trackforge.tracker(name), set(), set()
    for found, frame in stream:
        if data.draw(st.booleans()):
            found = Detections(xyxy=found.xyxy, score=found.score)
        tracks = tracker.update(found, frame)
        now = tracks.track_id.tolist()
        assert len(set(now)) == len(now)
        assert not gone & set(now), "an id came back from the dead"
        rows = tracks.detection[tracks.detection >= 0].tolist()
        assert len(set(rows)) == len(rows)
        assert set(rows) <= set(range(len(found)))
        assert ((tracks.state == TrackState.CONFIRMED) <= (tracks.detection >= 0)).all()
        assert tracks.embedding is None or np.isfinite(tracks.embedding).all()
        born |= set(now)
        gone |= born - set(now)
