"""SORT's association, gated inside the solver or, as published, afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from trackforge.boxes import iou
from trackforge.types import Detections, Frame, Tracks
from trackforge_byte.sort import IouAssociator, IouTrackerConfig, iou_tracker


class View:
    def __init__(self, boxes):
        self.boxes = np.asarray(boxes, np.float64).reshape(-1, 4)


def associate(associator, boxes, detections, score=None):
    view, n = View(boxes), len(boxes)
    zeros = np.zeros(n, np.int64)
    tracks = Tracks(
        track_id=np.arange(1, n + 1),
        xyxy=view.boxes,
        score=np.ones(n),
        class_id=zeros,
        state=zeros + 2,
        age=zeros,
        time_since_update=zeros,
        detection=zeros - 1,
    )
    found = Detections(xyxy=detections, score=score)
    return associator.associate(tracks, found, frame=Frame(index=0), motion=view)


def at(x, width=100.0):
    return [x, 0.0, x + width, 100.0]


# track 0 overlaps the boxes by 3/7 and 2/3, track 1 only the second, by 1/4; 3/7 + 1/4 > 2/3
TRACKS = [at(0), at(80)]
BOXES = [at(-40), at(20)]


def test_a_gate_inside_the_solver_keeps_the_better_pair():
    m = associate(IouAssociator(min_iou=0.3), TRACKS, BOXES)
    assert (m.track.tolist(), m.detection.tolist()) == ([0], [1])
    assert m.unmatched_track.tolist() == [1]
    assert m.unmatched_detection.tolist() == [0]


def test_a_gate_afterwards_undoes_a_pair_that_already_cost_another():
    m = associate(IouAssociator(min_iou=0.3, gate_afterwards=True), TRACKS, BOXES)
    assert (m.track.tolist(), m.detection.tolist()) == ([0], [0])
    np.testing.assert_allclose(m.cost, [1 - 60 / 140])


@given(
    st.lists(st.floats(0, 300), max_size=6), st.lists(st.floats(0, 300), max_size=6), st.sampled_from([0.1, 0.3, 0.5])
)
def test_afterwards_is_the_full_assignment_cut_down(tracks, boxes, least):
    """Leaving out pairs that do not overlap changes nothing: both sets of pairs have the same total."""
    a, b = [at(x) for x in tracks], [at(x) for x in boxes]
    m = associate(IouAssociator(min_iou=least, gate_afterwards=True), a, b)
    overlap = iou(np.array(a).reshape(-1, 4), np.array(b, np.float32).reshape(-1, 4).astype(np.float64))
    rows, columns = linear_sum_assignment(-overlap)
    candidates = overlap > least
    if candidates.size and candidates.sum(0).max() == 1 and candidates.sum(1).max() == 1:
        rows, columns = np.nonzero(candidates)
    full = overlap[rows, columns]
    assert (1 - m.cost).sum() == pytest.approx(full[full >= least].sum(), abs=1e-9)


def test_scores_below_the_least_are_forgotten():
    m = associate(IouAssociator(min_score=0.5), [at(0)], [at(0), at(5), at(500), at(800)], score=[0.4, 0.5, 0.6, 0.1])
    assert m.detection.tolist() == [1]
    assert m.unmatched_detection.tolist() == [2]


@pytest.mark.parametrize("after", [False, True])
def test_boxes_apart_never_match_even_without_a_least_overlap(after):
    m = associate(IouAssociator(min_iou=0.0, gate_afterwards=after), [at(0)], [at(500)])
    assert m.track.tolist() == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("tracks", "boxes"), [([], []), ([at(0)], []), ([], [at(0)])])
def test_nothing_to_match(after, tracks, boxes):
    m = associate(IouAssociator(gate_afterwards=after), tracks, np.array(boxes).reshape(-1, 4))
    assert len(m.track) == 0
    assert len(m.unmatched_track) == len(tracks)
    assert len(m.unmatched_detection) == len(boxes)


def test_the_tracker_passes_every_setting_on():
    tracker = iou_tracker(IouTrackerConfig(min_iou=0.45, min_score=0.35, max_lost=3, classes="separate"))
    assert tracker.associator == IouAssociator(min_iou=0.45, min_score=0.35)
    assert (tracker.lifecycle.max_lost, tracker.lifecycle.classes) == (3, "separate")
