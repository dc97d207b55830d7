"""Moments add up to the scores, whatever the boxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge import TrackTable, evaluate
from trackforge.errors import InvalidInputError
from trackforge.metrics.moments import moments


@st.composite
def tables(draw, flags=False):
    """A few ids that come and go, on places that overlap here and there."""
    cells = draw(st.sets(st.tuples(st.integers(0, 11), st.sampled_from([2, 5, 90, 91])), max_size=40))
    rows = sorted(cells)
    x = draw(st.lists(st.sampled_from([0, 2, 4, 12, 14, 40]), min_size=len(rows), max_size=len(rows)))
    boxes = np.array([[at, 0, at + 10, 10] for at in x], np.float64).reshape(-1, 4)
    extra = {}
    if flags:
        flag = draw(st.lists(st.integers(0, 1), min_size=len(rows), max_size=len(rows)))
        extra["flag"] = np.array(flag, np.int64)
    frame, ids = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
    return TrackTable(frame=frame, xyxy=boxes, track_id=ids, extra=extra)


@settings(max_examples=150)
@given(tables(flags=True), tables(), st.sampled_from([0.3, 0.5, 0.9]))
def test_counts_are_those_of_the_scores(truth, tracks, threshold):
    found = moments(truth, tracks, iou_threshold=threshold)
    scores = evaluate(truth, tracks, iou_threshold=threshold).combined
    assert len(found.of("switch")) == scores["IDSW"]
    assert len(found.of("fragmentation")) == scores["Frag"]
    assert sum(one.weight for one in found.of("miss")) == len(found.missed) == scores["CLR_FN"]
    assert sum(one.weight for one in found.of("false positive")) == len(found.false) == scores["CLR_FP"]
    assert len(found.counted) - len(found.missed) == scores["CLR_TP"]


@given(tables(), tables())
def test_frames_and_ids_are_those_of_the_tables(truth, tracks):
    there = {(f, i) for f, i in zip(truth.frame.tolist(), truth.track_id.tolist(), strict=True)}
    tracked = {(f, i) for f, i in zip(tracks.frame.tolist(), tracks.track_id.tolist(), strict=True)}
    for one in moments(truth, tracks).all:
        assert one.first <= one.last
        if one.kind == "false positive":
            assert {(one.first, one.track_id), (one.last, one.track_id)} <= tracked
            assert one.truth_id == one.before == -1
        else:
            assert {(one.first, one.truth_id), (one.last, one.truth_id)} <= there
        if one.kind == "switch":
            assert {(one.first, one.before), (one.last, one.track_id)} <= tracked
            assert one.before != one.track_id
        if one.kind == "fragmentation":
            assert (one.last, one.track_id) in tracked


def test_the_worst_come_first():
    frame = np.arange(10)
    boxes = np.repeat([[0.0, 0, 10, 10]], 10, 0)
    truth = TrackTable(frame=frame, xyxy=boxes, track_id=np.full(10, 3))
    kept = np.array([0, 2, 6, 7, 8, 9])
    tracks = TrackTable(frame=kept, xyxy=boxes[kept], track_id=np.full(6, 1))
    assert [(one.first, one.weight) for one in moments(truth, tracks).of("miss")] == [(3, 3), (1, 1)]


def test_boxes_need_ids():
    table = TrackTable(frame=np.array([0]), xyxy=np.array([[0.0, 0, 1, 1]]))
    with pytest.raises(InvalidInputError, match="tracks have none"):
        moments(TrackTable.empty(), table)
