"""The official parameter names, and what they come to.

That results are the official ones is shown in tests/golden and tests/parity.
"""

from __future__ import annotations

import numpy as np
import pytest

import trackforge
from trackforge.errors import ConfigError
from trackforge.types import Detections, Frame


def visible(tracker, *frames):
    """Update with frames of ``(x, score)`` objects; return the ids shown in each."""
    out = []
    for index, objects in enumerate(frames):
        xyxy = np.array([[x, 0, x + 50, 100] for x, _ in objects], np.float32).reshape(-1, 4)
        detections = Detections(xyxy=xyxy, score=[s for _, s in objects])
        out.append(tracker.update(detections, Frame(index=index)).visible.track_id.tolist())
    return out


def test_bytetrack_scales_its_buffer_with_the_frame_rate():
    assert trackforge.tracker("bytetrack", track_buffer=30, frame_rate=25).lifecycle.max_lost == 25
    assert trackforge.tracker("bytetrack", track_buffer=10**9, frame_rate=1e6).lifecycle.max_lost > 3e13
    for odd in ({"frame_rate": float("inf")}, {"frame_rate": 1e308}, {"track_buffer": 10**308}):
        with pytest.raises(ConfigError, match=f"{next(iter(odd))} must be"):
            trackforge.tracker("bytetrack", **odd)
    assert trackforge.tracker("bytetrack", track_buffer=14).lifecycle.max_lost == 14


def test_bytetrack_needs_a_tenth_more_for_birth_and_mot20_does_not_fuse():
    tracker = trackforge.tracker("bytetrack", track_thresh=0.5, mot20=True)
    assert tracker.lifecycle.birth_score == pytest.approx(0.6)
    assert not tracker.associator.fuse_score
    assert visible(tracker, [(0, 0.59), (200, 0.6)]) == [[1]]


def test_bytetrack_shows_the_first_frame_at_once_and_later_tracks_on_their_second():
    a, b = (0, 0.9), (300, 0.9)
    assert visible(trackforge.tracker("bytetrack"), [a], [a, b], [a, b]) == [[1], [1], [1, 2]]


def test_bytetrack_counts_calls_not_frames():
    tracker = trackforge.tracker("bytetrack", track_buffer=2)
    xyxy = [[0, 0, 50, 100]]
    for index in (0, 1, 5000, 5001):
        tracks = tracker.update(Detections(xyxy=xyxy, score=[0.9]), Frame(index=index, timestamp=index / 7))
    assert tracks.track_id.tolist() == [1]


def test_a_low_threshold_is_fine():
    assert visible(trackforge.tracker("bytetrack", track_thresh=0.05), [(0, 0.2)]) == [[1]]


def test_sort_shows_everything_at_the_start_and_streaks_of_min_hits_after():
    a, b = (0, 0.9), (300, 0.9)
    sort = trackforge.tracker("sort", max_age=1, min_hits=3)
    assert visible(sort, [a], [a], [a], [a, b], [a, b], [a, b], [a, b]) == [[1], [1], [1], [1], [1], [1], [1, 2]]


def test_sort_hides_a_track_after_a_gap_until_it_has_min_hits_again():
    a = (0, 0.9)
    sort = trackforge.tracker("sort", max_age=1, min_hits=3)
    assert visible(sort, *[[a]] * 5, [], *[[a]] * 4) == [[1]] * 5 + [[], [], [], [1], [1]]


def test_sort_drops_a_track_after_max_age():
    a = (0, 0.9)
    sort = trackforge.tracker("sort", max_age=1, min_hits=1)
    assert visible(sort, [a], [a], [], [], [a], [a]) == [[1], [1], [], [], [], [2]]


def test_sort_without_min_hits_shows_newcomers_at_once():
    a, b = (0, 0.9), (300, 0.9)
    assert visible(trackforge.tracker("sort", min_hits=0), [a], [a, b]) == [[1], [1, 2]]


def test_sort_takes_every_score():
    assert visible(trackforge.tracker("sort"), [(0, -3.0)]) == [[1]]


@pytest.mark.parametrize("name", ["bytetrack", "sort"])
def test_unknown_parameters_are_refused(name):
    with pytest.raises(ConfigError, match="has no setting 'max_lost'"):
        trackforge.tracker(name, max_lost=3)
