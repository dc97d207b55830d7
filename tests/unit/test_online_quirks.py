"""The oddities of published trackers, one by one: what each changes, and that it is off by default."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from walkers import NOTHING, box, overlap_tracker, play, seen

from trackforge.errors import ConfigError
from trackforge.online import Quirks
from trackforge.types import Frame, TrackState

TENTATIVE, CONFIRMED, LOST = TrackState.TENTATIVE, TrackState.CONFIRMED, TrackState.LOST
ONE = seen(box())


def with_quirks(lifecycle=None, **quirks):
    return overlap_tracker(quirks=Quirks(**quirks), **(lifecycle or {}))


def test_all_are_off_by_default():
    assert not any(dataclasses.asdict(Quirks()).values())


@pytest.mark.parametrize(("quirk", "base"), [("skip_empty", "count_updates"), ("lose_once", "late_removal")])
def test_some_need_another(quirk, base):
    with pytest.raises(ConfigError, match=f"{quirk} needs {base}"):
        Quirks(**{quirk: True})


def test_count_updates_makes_gaps_invisible():
    tracker = with_quirks({"max_lost": 1}, count_updates=True)
    play(tracker, [ONE, ONE])
    assert tracker.update(ONE, Frame(index=500)).track_id.tolist() == [1]


def test_skip_empty_stops_time():
    tracker = with_quirks({"max_lost": 1}, count_updates=True, skip_empty=True)
    out = play(tracker, [ONE, ONE, *[NOTHING] * 20, ONE])
    assert out[-1].track_id.tolist() == [1]
    assert (out[10].state.tolist(), out[10].detection.tolist()) == ([LOST], [-1])
    assert len(out[10].visible) == 0
    assert out[-1].age.tolist() == [3]


def test_freeze_tentative_leaves_young_tracks_where_they_were():
    start, later = [seen(box(100 + 8 * i)) for i in range(2)], NOTHING
    free = overlap_tracker(min_hits=5, warm_up=0, tentative_patience=9)
    frozen = with_quirks({"min_hits": 5, "warm_up": 0, "tentative_patience": 9}, freeze_tentative=True)
    moved, still = (play(t, [*start, later])[-2:] for t in (free, frozen))
    assert moved[1].xyxy[0, 0] > moved[0].xyxy[0, 0] + 1
    np.testing.assert_array_equal(still[1].xyxy, still[0].xyxy)


@pytest.mark.parametrize(("late", "bridged"), [(False, 3), (True, 4)])
def test_late_removal_bridges_one_frame_more(late, bridged):
    def final_id(missed):
        tracker = with_quirks({"max_lost": 3}, late_removal=late)
        return play(tracker, [ONE, ONE] + [NOTHING] * missed + [ONE])[-1].track_id.tolist()

    assert final_id(bridged) == [1]
    assert final_id(bridged + 1) == [2]


def test_lose_once_drops_a_resurrected_track_at_its_next_loss():
    frames = [ONE, ONE, *[NOTHING] * 4, ONE, ONE, NOTHING, ONE]
    forgiving = with_quirks({"max_lost": 3}, late_removal=True)
    assert play(forgiving, frames)[-1].track_id.tolist() == [1]
    strict = with_quirks({"max_lost": 3}, late_removal=True, lose_once=True)
    out = play(strict, frames)
    assert out[-3].track_id.tolist() == [1]
    assert len(out[-2]) == 0
    assert out[-1].track_id.tolist() == [2]


def test_lose_once_leaves_ordinary_losses_alone():
    frames = [ONE, ONE, *[NOTHING] * 3, ONE, ONE, NOTHING, ONE]
    tracker = with_quirks({"max_lost": 3}, late_removal=True, lose_once=True)
    assert play(tracker, frames)[-1].track_id.tolist() == [1]


def test_streak_takes_trust_away_at_every_gap():
    lifecycle = {"min_hits": 3, "warm_up": 0, "max_lost": 3, "tentative_patience": 3}
    frames = [ONE] * 4 + [NOTHING] + [ONE] * 4
    T, C, L = TENTATIVE, CONFIRMED, LOST
    once = [t.state.tolist()[0] for t in play(overlap_tracker(**lifecycle), frames)]
    assert once == [T, T, C, C, L, C, C, C, C]
    streak = [t.state.tolist()[0] for t in play(with_quirks(lifecycle, streak=True), frames)]
    assert streak == [T, T, C, C, L, T, T, C, C]


def test_uncounted_birth_needs_one_detection_more():
    lifecycle = {"min_hits": 3, "warm_up": 0}
    counted = [len(t.visible) for t in play(overlap_tracker(**lifecycle), [ONE] * 5)]
    uncounted = [len(t.visible) for t in play(with_quirks(lifecycle, uncounted_birth=True), [ONE] * 5)]
    assert (counted, uncounted) == ([0, 0, 1, 1, 1], [0, 0, 0, 1, 1])


def test_inclusive_duplicates_see_small_boxes_as_closer():
    # 6 x 6 boxes one pixel apart: IoU 5/7 = .71, but .75 when a pixel is added all round
    small = [box(100, 100, 6, 6), box(101, 100, 6, 6)]
    frames = [seen(*small)] * 4 + [seen(small[1])]
    lifecycle = {"min_hits": 1, "duplicate_iou": 0.73}
    assert len(play(overlap_tracker(**lifecycle), frames)[-1]) == 2
    assert len(play(with_quirks(lifecycle, inclusive_duplicates=True), frames)[-1]) == 1


def test_stale_score_shows_what_a_track_had_before_it_was_lost():
    frames = [seen(box(), score=[s]) for s in (0.9, 0.8)] + [NOTHING] + [seen(box(), score=[s]) for s in (0.6, 0.7)]
    shown = [
        [t.score.tolist() for t in play(tracker, frames)]
        for tracker in (overlap_tracker(), with_quirks(stale_score=True))
    ]
    np.testing.assert_allclose(shown, [[[0.9], [0.8], [0.8], [0.6], [0.7]], [[0.9], [0.8], [0.8], [0.8], [0.7]]])
