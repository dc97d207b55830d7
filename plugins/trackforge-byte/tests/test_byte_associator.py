"""The three steps of BYTE, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from trackforge.errors import ConfigError
from trackforge.motion import KalmanXYAH, KalmanXYWH
from trackforge.types import Detections, Frame, Tracks, TrackState
from trackforge_byte.byte import ByteAssociator, ByteTrackerConfig, byte_tracker

T, C, L = int(TrackState.TENTATIVE), int(TrackState.CONFIRMED), int(TrackState.LOST)


class View:
    def __init__(self, boxes):
        self.boxes = np.asarray(boxes, np.float64).reshape(-1, 4)

    def mahalanobis(self, tracks, xyxy, /, *, position_only=False):
        raise AssertionError("BYTE looks at overlap only")


def at(x, size=100.0):
    return [x, 0.0, x + size, size]


def associate(associator, tracks, detections):
    """``tracks`` are (x, state), ``detections`` (x, score); return the pairs and the lists of the lonely."""
    n = len(tracks)
    state = np.array([s for _, s in tracks], np.int64)
    boxes = [at(x) for x, _ in tracks]
    columns = dict.fromkeys(("class_id", "age", "time_since_update"), np.zeros(n, np.int64))
    known = Tracks(
        track_id=np.arange(1, n + 1),
        xyxy=boxes or np.empty((0, 4)),
        score=np.ones(n),
        state=state,
        detection=np.full(n, -1),
        **columns,
    )
    found = Detections(xyxy=[at(x) for x, _ in detections], score=[s for _, s in detections])
    m = associator.associate(known, found, frame=Frame(index=0), motion=View(boxes))
    pairs = dict(zip(m.track.tolist(), m.detection.tolist(), strict=True))
    assert m.unmatched_track.tolist() == [i for i in range(n) if i not in pairs]
    assert m.cost.shape == m.track.shape
    return pairs, m.unmatched_detection.tolist(), m


def test_confident_boxes_go_first_and_doubtful_ones_fill_up():
    # the doubtful box lies exactly on the track, the confident one beside it: confidence goes first all the same
    pairs, lonely, _ = associate(ByteAssociator(), [(0, C)], [(0, 0.4), (20, 0.9)])
    assert (pairs, lonely) == ({0: 1}, [])
    pairs, lonely, _ = associate(ByteAssociator(), [(0, C), (300, C)], [(0, 0.4), (300, 0.9)])
    assert (pairs, lonely) == ({0: 0, 1: 1}, [])


def test_doubtful_boxes_found_no_tracks_and_find_no_lost_or_young_ones():
    pairs, lonely, _ = associate(ByteAssociator(), [(0, L), (300, T)], [(0, 0.4), (300, 0.4), (600, 0.4)])
    assert (pairs, lonely) == ({}, [])


def test_confident_boxes_find_lost_tracks_and_the_rest_is_offered_for_birth():
    pairs, lonely, _ = associate(ByteAssociator(), [(0, L)], [(600, 0.9), (10, 0.9), (900, 0.7)])
    assert (pairs, lonely) == ({0: 1}, [0, 2])


def test_young_tracks_come_last():
    # both want the one box; the young track lies closer
    pairs, _, _ = associate(ByteAssociator(), [(0, T), (30, C)], [(0, 0.9)])
    assert pairs == {1: 0}
    pairs, _, _ = associate(ByteAssociator(), [(0, T)], [(0, 0.9)])
    assert pairs == {0: 0}


@pytest.mark.parametrize(
    ("score", "step"), [(0.61, "first"), (0.6, "first"), (0.59, "second"), (0.1, "second"), (0.09, None)]
)
def test_thresholds_belong_to_the_upper_set(score, step):
    # IoU .2: too little for the second step, enough for the first
    pairs, _, _ = associate(ByteAssociator(fuse_score=False), [(0, C)], [(200 / 3, score)])
    assert pairs == ({0: 0} if step == "first" else {})
    pairs, _, _ = associate(ByteAssociator(), [(0, C)], [(0, score)])
    assert pairs == ({0: 0} if step else {})


@pytest.mark.parametrize("score", [0.6, 0.1])
def test_strict_scores_belong_to_neither(score):
    assert associate(ByteAssociator(strict_scores=True), [(0, C)], [(0, score)])[:2] == ({}, [])


def test_fused_scores_prefer_the_better_detection():
    tracks, detections = [(0, C)], [(10, 0.65), (12, 0.95)]
    assert associate(ByteAssociator(), tracks, detections)[0] == {0: 1}
    assert associate(ByteAssociator(fuse_score=False), tracks, detections)[0] == {0: 0}


def test_cost_is_what_the_docstring_says():
    _, _, m = associate(ByteAssociator(), [(0, C), (500, C)], [(25, 0.9), (525, 0.3)])
    overlap = 75 / 125
    np.testing.assert_allclose(m.cost, [1 - overlap * np.float32(0.9), 1 - overlap])


def test_limits_are_inclusive_pixels_too():
    # 4 x 4 boxes side by side: continuous IoU 0, with one pixel more 1/9
    far = [(0.0, C)], [(4.0, 0.9)]

    def pairs(**settings):
        associator = ByteAssociator(first_limit=0.9, fuse_score=False, **settings)
        view = View([at(0, 4)])
        tracks = Tracks(
            track_id=[1],
            xyxy=view.boxes,
            score=[1],
            class_id=[0],
            state=[C],
            age=[1],
            time_since_update=[1],
            detection=[-1],
        )
        found = Detections(xyxy=[at(far[1][0][0], 4)], score=[0.9])
        return associator.associate(tracks, found, frame=Frame(index=0), motion=view).track.tolist()

    assert pairs() == []
    assert pairs(inclusive_pixels=True) == [0]


@pytest.mark.parametrize(("tracks", "detections"), [([], []), ([(0, C)], []), ([], [(0, 0.9)])])
def test_nothing_to_match(tracks, detections):
    pairs, lonely, _ = associate(ByteAssociator(), tracks, detections)
    assert (pairs, lonely) == ({}, list(range(len(detections))))


def test_thresholds_must_be_in_order():
    with pytest.raises(ConfigError, match="low_score must be at most high_score"):
        ByteAssociator(low_score=0.7)
    with pytest.raises(ConfigError, match="low_score must be at most high_score"):
        ByteTrackerConfig(high_score=0.05)


def test_the_tracker_passes_every_setting_on():
    settings = {
        "high_score": 0.5,
        "low_score": 0.2,
        "first_limit": 0.8,
        "second_limit": 0.4,
        "tentative_limit": 0.6,
        "fuse_score": False,
    }
    tracker = byte_tracker(ByteTrackerConfig(**settings, max_lost=9, birth_score=0.55, classes="vote"))
    assert tracker.associator == ByteAssociator(**settings)
    assert (tracker.lifecycle.max_lost, tracker.lifecycle.birth_score, tracker.lifecycle.classes) == (9, 0.55, "vote")
    assert not tracker.associator.inclusive_pixels
    assert not tracker.associator.strict_scores


@pytest.mark.parametrize(("name", "model"), [("xywh", KalmanXYWH), ("xyah", KalmanXYAH)])
def test_the_motion_model_is_a_setting(name, model):
    assert type(byte_tracker(ByteTrackerConfig(motion=name)).motion) is model
