"""Birth, trust, loss, retirement and the outputs of `OnlineTracker`."""

from __future__ import annotations

import numpy as np
import pytest
from walkers import NOTHING, Overlap, assert_same, box, overlap_tracker, play, seen, walkers

from trackforge.errors import ConfigError, InvalidInputError
from trackforge.motion import KalmanXYAH
from trackforge.online import Lifecycle, OnlineTracker
from trackforge.protocols import Tracker
from trackforge.types import Detections, Frame, TrackState

TENTATIVE, CONFIRMED, LOST = TrackState.TENTATIVE, TrackState.CONFIRMED, TrackState.LOST
ONE = seen(box())


def states(tracks_of_frames):
    return [tracks.state.tolist() for tracks in tracks_of_frames]


def test_it_is_a_tracker():
    assert isinstance(overlap_tracker(), Tracker)


def test_ids_count_from_one_on_each_instance_and_after_reset():
    first, second = overlap_tracker(), overlap_tracker()
    two = seen(box(0), box(500))
    assert play(first, [two])[0].track_id.tolist() == [1, 2]
    assert play(second, [two])[0].track_id.tolist() == [1, 2]
    first.reset()
    assert len(first) == 0
    assert play(first, [two])[0].track_id.tolist() == [1, 2]


def test_reset_forgets_everything():
    frames = walkers(6, 40)
    tracker = overlap_tracker()
    before = play(tracker, frames)
    tracker.reset()
    for a, b in zip(before, play(tracker, frames), strict=True):
        assert_same(a, b)


def test_warm_up_trusts_at_once_and_later_tracks_wait_for_min_hits():
    tracker = overlap_tracker(min_hits=3, warm_up=1)
    late = seen(box(0), box(500))
    out = play(tracker, [ONE, late, late, late])
    assert states(out)[0] == [CONFIRMED]
    assert [tracks.state[tracks.track_id == 2].tolist() for tracks in out[1:]] == [
        [TENTATIVE],
        [TENTATIVE],
        [CONFIRMED],
    ]


def test_min_hits_one_trusts_at_birth():
    tracker = overlap_tracker(min_hits=1, warm_up=0)
    assert states(play(tracker, [ONE])) == [[CONFIRMED]]


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_a_tentative_track_waits_for_as_long_as_its_patience(patience):
    tracker = overlap_tracker(min_hits=5, warm_up=0, tentative_patience=patience)
    out = play(tracker, [ONE] + [NOTHING] * (patience + 1))
    assert [len(tracks) for tracks in out] == [1] * (patience + 1) + [0]


@pytest.mark.parametrize("max_lost", [0, 1, 5])
def test_a_trusted_track_bridges_exactly_max_lost_frames(max_lost):
    def final_id(missed):
        tracker = overlap_tracker(max_lost=max_lost)
        return play(tracker, [ONE, ONE] + [NOTHING] * missed + [ONE])[-1].track_id.tolist()

    assert final_id(max_lost) == [1]
    assert final_id(max_lost + 1) == [2]


def test_a_lost_track_coasts_and_is_found_again():
    tracker = overlap_tracker(max_lost=5)
    moving = [seen(box(100 + 5 * i)) for i in range(20)]
    play(tracker, moving[:15])
    lost = tracker.update(NOTHING, Frame(index=15))
    assert (lost.state.tolist(), lost.detection.tolist(), lost.time_since_update.tolist()) == ([LOST], [-1], [1])
    assert len(lost.visible) == 0
    np.testing.assert_allclose(lost.xyxy[0], box(175), atol=1.5)
    found = tracker.update(moving[16], Frame(index=16))
    assert (found.state.tolist(), found.track_id.tolist(), found.time_since_update.tolist()) == ([CONFIRMED], [1], [0])
    assert found.age.tolist() == [17]


def test_detection_is_the_row_of_the_frame_and_only_of_this_frame():
    tracker = overlap_tracker()
    a, b = box(0), box(500)
    play(tracker, [seen(a, b)])
    tracks = tracker.update(seen(b, a), Frame(index=1))
    assert tracks.detection.tolist() == [1, 0]
    tracks = tracker.update(seen(b), Frame(index=2))
    assert tracks.detection.tolist() == [-1, 0]
    assert tracks.visible.track_id.tolist() == [2]


def test_birth_score_compares_as_float32():
    tracker = overlap_tracker(birth_score=0.7)
    tracks = tracker.update(seen(box(0), box(300), box(600), score=[0.7, 0.69, 0.71]), Frame(index=0))
    assert tracks.detection.tolist() == [0, 2]


def test_score_and_class_are_those_of_the_last_detection_where_nobody_votes():
    tracker = overlap_tracker(classes="ignore")
    play(tracker, [seen(box(), score=[0.9], class_id=[2]), seen(box(), score=[0.5], class_id=[7])])
    tracks = tracker.update(NOTHING, Frame(index=2))
    assert tracks.score.tolist() == [np.float32(0.5)]
    assert tracks.class_id.tolist() == [7]


@pytest.mark.parametrize("frames", [[], [NOTHING], [NOTHING, ONE, NOTHING]])
def test_empty_frames_are_fine(frames):
    tracker = overlap_tracker(min_hits=1)
    out = play(tracker, [*frames, Detections.empty()])
    assert len(out[-1].visible) == 0
    assert out[-1].xyxy.shape == (len(out[-1]), 4)


def test_missing_frames_age_tracks_like_empty_ones():
    empty, gap = overlap_tracker(max_lost=5), overlap_tracker(max_lost=5)
    play(empty, [ONE, ONE, *[NOTHING] * 3])
    play(gap, [ONE, ONE])
    a, b = empty.update(ONE, Frame(index=5)), gap.update(ONE, Frame(index=5))
    assert (a.track_id.tolist(), a.age.tolist()) == (b.track_id.tolist(), b.age.tolist()) == ([1], [6])


def test_a_gap_longer_than_max_lost_retires_before_matching():
    tracker = overlap_tracker(max_lost=5)
    play(tracker, [ONE, ONE])
    assert tracker.update(ONE, Frame(index=8)).track_id.tolist() == [2]


def test_every_second_frame_is_enough():
    frames = [seen(box(100 + 4 * i)) for i in range(20)]
    tracker = overlap_tracker(warm_up=0)
    out = [tracker.update(frames[i], Frame(index=i)) for i in range(0, 20, 2)]
    assert out[-1].track_id.tolist() == [1]
    assert out[-1].state.tolist() == [CONFIRMED]


def test_a_longer_step_predicts_further():
    frames = [seen(box(100 + 5 * i)) for i in range(30)]
    tracker = overlap_tracker()
    play(tracker, frames[:20])
    tracks = tracker.update(NOTHING, Frame(index=23))
    np.testing.assert_allclose(tracks.xyxy[0, 0], 100 + 5 * 23, atol=2)


def test_seconds_count_by_timestamps():
    tracker = overlap_tracker(max_lost_seconds=0.5, frame_rate=10.0)
    for index, timestamp in enumerate([0.0, 0.1]):
        tracker.update(ONE, Frame(index=index, timestamp=timestamp))
    # one frame later by index, half a second and two tenths later by the clock
    tracks = tracker.update(NOTHING, Frame(index=2, timestamp=0.8))
    assert len(tracks) == 0


def test_max_lost_seconds_needs_a_rate():
    with pytest.raises(ConfigError, match="max_lost_seconds needs frame_rate"):
        Lifecycle(max_lost_seconds=1.0)
    assert Lifecycle(max_lost_seconds=2.0, frame_rate=25.0).patience == 50


def test_frames_must_come_in_order_and_an_error_changes_nothing():
    frames = walkers(5, 20)
    tracker, twin = overlap_tracker(), overlap_tracker()
    play(tracker, frames[:10])
    play(twin, frames[:10])
    for index in (9, 3):
        with pytest.raises(InvalidInputError, match=f"got {index} after 9"):
            tracker.update(frames[10], Frame(index=index))
    for a, b in zip(play(tracker, frames[10:], 10), play(twin, frames[10:], 10), strict=True):
        assert_same(a, b)


def test_what_is_no_detections_or_frame_is_refused():
    tracker = overlap_tracker()
    for wrong in ((np.zeros((1, 4)), Frame(index=0)), (None, Frame(index=0)), (ONE, 0)):
        with pytest.raises(InvalidInputError, match=r"takes trackforge\.Detections and a trackforge\.Frame; got"):
            tracker.update(*wrong)


def test_what_was_handed_out_stays_true():
    tracker = overlap_tracker()
    out = play(tracker, walkers(5, 30))
    copies = [(t.track_id.copy(), t.xyxy.copy(), t.state.copy(), t.score.copy()) for t in out]
    play(tracker, walkers(5, 30, seed=1), start=30)
    for tracks, (track_id, xyxy, state, score) in zip(out, copies, strict=True):
        np.testing.assert_array_equal(tracks.track_id, track_id)
        np.testing.assert_array_equal(tracks.xyxy, xyxy)
        np.testing.assert_array_equal(tracks.state, state)
        np.testing.assert_array_equal(tracks.score, score)
        with pytest.raises(ValueError, match="read-only"):
            tracks.state[:] = 1


def test_the_callers_arrays_are_left_alone():
    xyxy = np.array([box()], np.float64)
    before = xyxy.copy()
    play(overlap_tracker(), [Detections(xyxy=xyxy)] * 3)
    np.testing.assert_array_equal(xyxy, before)


class LosesFooting(KalmanXYAH):
    """A motion model that diverges left of 200 pixels, as a user's own filter might."""

    def predict(self, state, /, *, dt=1.0, coasting=None):
        (planes,) = super().predict(state, dt=dt, coasting=coasting)
        planes[planes[:, 0, 0] < 200] = np.nan
        return (planes,)


def test_a_filter_that_is_no_longer_finite_goes():
    tracker = OnlineTracker(Overlap(), LosesFooting())
    out = play(tracker, [seen(box(300 - 12 * i), box(600)) for i in range(15)])
    assert out[0].track_id.tolist() == [1, 2]
    assert 2 in out[-1].track_id
    assert 1 not in out[-1].track_id
    assert all(np.isfinite(t.xyxy).all() for t in out)


class TestDuplicates:
    """A lost track and a found one in one place are one: the longer lived of the two stays."""

    def frames(self, first: int, second: int):
        """Two still people; the first is there from frame ``first``, the second from ``second``; then one box between.

        With a least overlap of 0.2 either may take the box; the other is lost and nearly covers it.
        """
        a, b = box(100), box(103)
        both = [seen(*([a] if i >= first else []), *([b] if i >= second else [])) for i in range(12)]
        return [*both, seen(b)]

    @pytest.mark.parametrize(("first", "second"), [(0, 5), (5, 0)])
    def test_the_longer_lived_stays(self, first, second):
        plain = play(overlap_tracker(min_hits=1), self.frames(first, second))
        assert sorted(plain[-1].state.tolist()) == [CONFIRMED, LOST]
        tidy = play(overlap_tracker(min_hits=1, duplicate_iou=0.8), self.frames(first, second))
        assert len(tidy[-2]) == 2
        assert tidy[-1].track_id.tolist() == [1]  # the elder, whether it was found or lost

    def test_people_beside_each_other_are_not_duplicates(self):
        frames = [seen(box(100), box(125))] * 5 + [seen(box(125))]
        assert len(play(overlap_tracker(min_hits=1, duplicate_iou=0.8), frames)[-1]) == 2


class TestEmbeddings:
    def test_they_are_normalised_smoothed_and_normalised_again(self):
        tracker = overlap_tracker(embedding_alpha=0.9)
        a, b = np.array([3.0, 0.0]), np.array([0.0, 2.0])
        first = tracker.update(seen(box(), embedding=[a]), Frame(index=0))
        np.testing.assert_allclose(first.embedding, [[1, 0]])
        second = tracker.update(seen(box(), embedding=[b]), Frame(index=1))
        expected = np.array([0.9, 0.1]) / np.hypot(0.9, 0.1)
        np.testing.assert_allclose(second.embedding, [expected], rtol=1e-6)
        lost = tracker.update(NOTHING, Frame(index=2))
        np.testing.assert_array_equal(lost.embedding, second.embedding)

    def test_without_embeddings_there_are_none(self):
        assert play(overlap_tracker(), [ONE, ONE])[-1].embedding is None

    def test_they_may_start_late_and_be_zero(self):
        tracker = overlap_tracker(min_hits=1)
        play(tracker, [ONE])
        tracks = tracker.update(seen(box(), box(500), embedding=[[0.0, 4.0], [0.0, 0.0]]), Frame(index=1))
        np.testing.assert_allclose(tracks.embedding, [[0, 1], [0, 0]])

    def test_frames_without_detections_have_no_width(self):
        tracker = overlap_tracker()
        look = seen(box(), embedding=[[0.0, 3.0]])
        out = play(tracker, [Detections.empty(embedding_dim=9), look, Detections.empty(embedding_dim=9), NOTHING, look])
        np.testing.assert_allclose(out[-1].embedding, [[0, 1]])

    def test_their_width_must_not_change(self):
        tracker = overlap_tracker()
        play(tracker, [seen(box(), embedding=[[1.0, 0.0]])])
        with pytest.raises(InvalidInputError, match="got 3 after 2"):
            tracker.update(seen(box(), embedding=[[1.0, 0.0, 0.0]]), Frame(index=1))
