"""Class-aware association, which any associator gets for nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from walkers import NOTHING, Overlap, box, overlap_tracker, play, seen

import trackforge
from trackforge.errors import StateError
from trackforge.online import ClassVotes, associate_by_class, class_blocks
from trackforge.online.classes import MARGIN
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.types import Frame

HERE = box()


def test_ignore_matches_any_class_and_takes_the_last():
    tracker = overlap_tracker(classes="ignore")
    out = play(tracker, [seen(HERE, class_id=[c]) for c in (0, 0, 5)])
    assert out[-1].track_id.tolist() == [1]
    assert out[-1].class_id.tolist() == [5]


def test_separate_never_matches_across_classes():
    tracker = overlap_tracker(classes="separate")
    out = play(tracker, [seen(HERE, class_id=[0]), seen(HERE, class_id=[0]), seen(HERE, class_id=[5])])
    assert out[-1].track_id.tolist() == [1, 2]
    assert out[-1].class_id.tolist() == [0, 5]
    assert out[-1].detection.tolist() == [-1, 0]


def test_separate_keeps_classes_apart_in_one_place():
    tracker = overlap_tracker(classes="separate", min_hits=1)
    frames = [seen(HERE, HERE, class_id=c) for c in ([0, 1], [1, 0], [0, 1], [1, 0])]
    for frame, tracks in zip(frames, play(tracker, frames), strict=True):
        assert tracks.track_id.tolist() == [1, 2]
        assert frame.class_id[tracks.detection].tolist() == [0, 1]


def test_vote_weighs_classes_by_score_over_the_whole_life():
    tracker = overlap_tracker(classes="vote")
    votes = [(3, 0.9), (8, 0.5), (8, 0.3), (8, 0.5), (3, 0.1)]
    out = play(tracker, [seen(HERE, score=[score], class_id=[c]) for c, score in votes])
    assert {t.track_id.tolist()[0] for t in out} == {1}
    assert [t.class_id.tolist()[0] for t in out] == [3, 3, 3, 8, 8]
    assert tracker.update(NOTHING, Frame(index=9)).class_id.tolist() == [8]


def test_a_track_keeps_one_class_by_default_and_the_class_of_a_doubtful_frame_does_not_show():
    tracker = trackforge.tracker("byte")
    assert tracker.lifecycle.classes == trackforge.tracker("observation-centric").config.classes == "vote"
    found = [seen(HERE, score=[0.9], class_id=[c]) for c in (2, 2, 7, 2, 7, 7, 2)]
    assert {int(c) for t in play(tracker, found) for c in t.class_id} == {2}


@given(st.lists(st.tuples(st.sampled_from([2, 5, 7]), st.floats(0.125, 1, width=32)), min_size=2, max_size=60))
def test_a_label_changes_only_for_a_class_that_is_clearly_ahead(votes):
    tracker = overlap_tracker(classes="vote", min_hits=1)
    sums, shown = {}, None
    for index, (class_id, score) in enumerate(votes):
        now = tracker.update(seen(HERE, score=[score], class_id=[class_id]), Frame(index=index)).class_id.tolist()[0]
        sums[class_id] = sums.get(class_id, 0.0) + float(np.float32(score))
        best = max(sums.values())
        assert sums[now] >= best / MARGIN - 1e-9
        if shown is not None and now != shown:
            assert (sums[now], now) == (best, class_id)
            assert best > MARGIN * sums[shown] - 1e-9
        shown = now


def test_classes_that_take_turns_do_not_make_a_label_flicker():
    tracker = overlap_tracker(classes="vote", min_hits=1)
    out = play(tracker, [seen(HERE, score=[0.6 + 0.1 * (k % 3 == 0)], class_id=[k % 2]) for k in range(200)])
    labels = np.concatenate([t.class_id for t in out])
    assert (np.diff(labels) != 0).sum() <= 1


@given(st.integers(0, 2**32 - 1))
def test_with_one_class_voting_changes_nothing(seed):
    crowd = Crowd(CrowdConfig(objects=8, frames=12, seed=seed % 1000))
    number = seed % 5
    for name in ("byte", "iou", "observation-centric"):
        one, other = (trackforge.tracker(name, classes=mode) for mode in ("vote", "ignore"))
        for frame, found in crowd:
            found = dataclasses.replace(found, class_id=np.full(len(found), number))
            a, b = one.update(found, frame), other.update(found, frame)
            for column in ("track_id", "xyxy", "score", "class_id", "state", "detection"):
                assert getattr(a, column).tobytes() == getattr(b, column).tobytes()


@pytest.mark.parametrize("name", ["bytetrack", "sort", "ocsort"])
def test_presets_take_the_class_of_the_last_detection_as_published(name):
    tracker = trackforge.tracker(name)
    out = play(tracker, [seen(HERE, score=[0.9], class_id=[c]) for c in (1, 1, 1, 1, 4)])
    assert out[-1].class_id.tolist() == [4]


def test_a_state_whose_tracks_have_classes_without_votes_is_refused():
    tracker = overlap_tracker(classes="vote")
    play(tracker, [seen(HERE, class_id=[3])])
    state = tracker.state_dict()
    state["table"]["class_id"] = state["table"]["class_id"] + 1
    with pytest.raises(StateError, match="votes"):
        overlap_tracker(classes="vote").load_state_dict(state)


def test_votes_follow_their_tracks_when_others_go():
    tracker = overlap_tracker(classes="vote", max_lost=0, warm_up=1)
    two = seen(box(0), box(500), class_id=[1, 2])
    play(tracker, [two, two, seen(box(500), class_id=[7], score=[0.5])])
    tracks = tracker.update(seen(box(500), class_id=[7], score=[0.5]), Frame(index=3))
    assert (tracks.track_id.tolist(), tracks.class_id.tolist()) == ([2], [2])


def test_blocks_cover_every_row_once():
    tracks, detections = np.array([4, 0, 4, 2]), np.array([0, 9, 4])
    blocks = list(class_blocks(tracks, detections))
    assert np.sort(np.concatenate([t for t, _ in blocks])).tolist() == [0, 1, 2, 3]
    assert np.sort(np.concatenate([d for _, d in blocks])).tolist() == [0, 1, 2]
    assert [len(t) for t, _ in blocks] == [1, 1, 2, 0]


class AsksForDistances(Overlap):
    """An associator that looks at Mahalanobis distances, to see that blocks get those of their own tracks."""

    def associate(self, tracks, detections, /, *, frame, motion):
        everyone = np.arange(len(tracks))
        distance = motion.mahalanobis(everyone, detections.xyxy.astype(np.float64))
        assert distance.shape == (len(tracks), len(detections))
        np.testing.assert_allclose(motion.boxes, tracks.xyxy, atol=1e-3)
        if len(tracks) and len(detections):
            assert distance.min(axis=1).max() < 1  # every track has its own detection right on it
        return super().associate(tracks, detections, frame=frame, motion=motion)


def test_each_class_sees_its_own_motion():
    tracker = overlap_tracker(classes="separate")
    tracker.associator = AsksForDistances()
    frame = seen(box(0), box(300), box(600), class_id=[1, 0, 1])
    out = play(tracker, [frame] * 3)
    assert out[-1].track_id.tolist() == [1, 2, 3]


def test_one_class_needs_no_detour():
    calls = []

    class Counts(Overlap):
        def associate(self, tracks, detections, /, *, frame, motion):
            calls.append(tracks)
            return super().associate(tracks, detections, frame=frame, motion=motion)

    tracker = overlap_tracker()
    tracks = play(tracker, [seen(box(0), box(300))])[-1]

    class Still:
        boxes = tracks.xyxy.astype(np.float64)

    matches = associate_by_class(Counts(), tracks, seen(box(0)), frame=Frame(index=1), motion=Still())
    assert calls == [tracks]
    assert matches.unmatched_track.tolist() == [1]


class TestClassVotes:
    def test_new_classes_find_their_place(self):
        votes = ClassVotes()
        votes.append(np.array([5]), np.array([0.5], np.float32))
        votes.add(np.array([0]), np.array([2]), np.array([0.75], np.float32))
        votes.append(np.array([9]), np.array([0.25], np.float32))
        assert votes.known.tolist() == [2, 5, 9]
        assert votes.score.tolist() == [[0.75, 0.5, 0], [0, 0, 0.25]]
        assert votes.settle(np.array([5, 9])).tolist() == [2, 9]

    def test_equal_sums_change_nothing(self):
        votes = ClassVotes()
        votes.append(np.array([5]), np.array([0.5], np.float32))
        votes.add(np.array([0]), np.array([2]), np.array([0.5], np.float32))
        assert votes.settle(np.array([5])).tolist() == [5]
        assert votes.settle(np.array([2])).tolist() == [2]

    def test_nobody_has_no_class(self):
        assert ClassVotes().settle(np.empty(0, np.int64)).shape == (0,)

    @pytest.mark.parametrize("class_id", [0, 10**12])
    def test_memory_follows_the_classes_seen_not_their_numbers(self, class_id):
        votes = ClassVotes()
        votes.append(np.array([class_id]), np.ones(1, np.float32))
        assert votes.score.shape == (1, 1)
