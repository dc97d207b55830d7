"""What must hold for scores of any tracks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trackforge
from trackforge.boxes import area
from trackforge.boxes import iou as iou_of
from trackforge.metrics import Scores
from trackforge.metrics.overlaps import find_overlaps
from trackforge.table import TrackTable

COORDINATE = st.floats(-1e4, 1e4, width=32)
SIZE = st.floats(0, 500, width=32)
ROW = st.tuples(st.integers(0, 6), st.integers(1, 6), COORDINATE, COORDINATE, SIZE, SIZE)
ROWS = st.lists(ROW, max_size=30, unique_by=lambda row: row[:2])
NEAR = st.tuples(
    st.integers(0, 6), st.integers(1, 6), *[st.floats(0, 40, width=32)] * 2, *[st.floats(5, 40, width=32)] * 2
)
TABLES = st.lists(NEAR, max_size=30, unique_by=lambda row: row[:2])
Rows = list[tuple[int, int, float, float, float, float]]
FRACTIONS = (
    "HOTA",
    "DetA",
    "AssA",
    "LocA",
    "DetRe",
    "DetPr",
    "AssRe",
    "AssPr",
    "IDF1",
    "IDP",
    "IDR",
    "CLR_Re",
    "CLR_Pr",
)


def table(rows: Rows) -> TrackTable:
    data = np.array(rows, float).reshape(-1, 6)
    xyxy = np.concatenate((data[:, 2:4], data[:, 2:4] + data[:, 4:]), axis=1)
    return TrackTable(frame=data[:, 0].astype(int), track_id=data[:, 1].astype(int), xyxy=xyxy)


def score(truth: TrackTable, tracks: TrackTable) -> Scores:
    return trackforge.evaluate(truth, tracks, lengths=7).combined


@settings(max_examples=200)
@given(truth=ROWS | TABLES, tracks=ROWS | TABLES)
def test_all_overlaps_are_found(truth: Rows, tracks: Rows) -> None:
    gt, tr = table(truth), table(tracks)
    found = find_overlaps(gt, tr, 7)
    wanted = {}
    for i in range(len(gt)):
        for j in range(len(tr)):
            if gt.frame[i] == tr.frame[j]:
                iou = float(iou_of(gt.xyxy[[i]], tr.xyxy[[j]])[0, 0])
                # TrackEval takes boxes of less than an epsilon for empty.
                if iou > 0 and min(area(gt.xyxy[[i]])[0], area(tr.xyxy[[j]])[0]) > np.finfo(float).eps:
                    wanted[i, j] = iou
    pairs = dict(zip(zip(found.truth.tolist(), found.track.tolist(), strict=True), found.iou.tolist(), strict=True))
    assert list(pairs) == sorted(pairs)
    assert {pair for pair, iou in wanted.items() if iou > 1e-9} <= set(pairs) <= set(wanted)
    for pair, iou in pairs.items():
        assert iou == pytest.approx(wanted[pair], rel=1e-12)


@settings(max_examples=150)
@given(truth=TABLES, tracks=TABLES)
def test_ratios_are_fractions_and_counts_add_up(truth: Rows, tracks: Rows) -> None:
    scores = score(table(truth), table(tracks))
    for name in FRACTIONS:
        assert 0 <= scores[name] <= 1 + 1e-12, name
    assert scores["TP"] + scores["FN"] == scores["IDTP"] + scores["IDFN"] == scores["GT_Dets"] == len(truth)
    assert scores["TP"] + scores["FP"] == scores["IDTP"] + scores["IDFP"] == scores["Dets"] == len(tracks)
    assert scores["MT"] + scores["PT"] + scores["ML"] == scores["GT_IDs"]
    assert scores["IDTP"] <= scores["TP"]
    assert (scores.curve("HOTA_TP") + scores.curve("HOTA_FN") == len(truth)).all()
    assert (np.diff(scores.curve("HOTA_TP")) <= 0).all()


@settings(max_examples=100)
@given(truth=TABLES.filter(len))
def test_truth_against_itself_is_perfect(truth: Rows) -> None:
    scores = score(table(truth), table(truth))
    for name in ("HOTA", "MOTA", "IDF1", "AssA", "LocA", "MOTP"):
        assert scores[name] == pytest.approx(1, abs=1e-12)
    assert scores["IDSW"] == 0


@settings(max_examples=100)
@given(truth=TABLES, tracks=TABLES, shift=st.integers(-64, 64), seed=st.integers(0, 99))
def test_names_of_ids_and_the_place_in_the_image_do_not_matter(
    truth: Rows, tracks: Rows, shift: int, seed: int
) -> None:
    """Ids are renamed in their order, so that ties fall the same way; moving by whole pixels may round IoU anew."""
    gt, tr = table(truth), table(tracks)
    names = np.cumsum(np.random.default_rng(seed).integers(1, 9, 7))
    renamed = TrackTable(frame=tr.frame, track_id=names[tr.track_id], xyxy=tr.xyxy)
    before, after = score(gt, tr), score(gt, renamed)
    assert before.to_dict() == after.to_dict()
    truth_moved, tracks_moved = (
        TrackTable(frame=t.frame, track_id=t.track_id, xyxy=t.xyxy + 128 * shift) for t in (gt, tr)
    )
    moved = find_overlaps(truth_moved, tracks_moved, 7)
    still = find_overlaps(gt, tr, 7)
    assert len(moved.iou) == pytest.approx(len(still.iou), abs=2)


@settings(max_examples=60)
@given(truth=TABLES, tracks=TABLES)
def test_a_sequence_twice_scores_as_once(truth: Rows, tracks: Rows) -> None:
    gt, tr = table(truth), table(tracks)
    once = score(gt, tr)
    twice = trackforge.evaluate({"a": gt, "b": gt}, {"a": tr, "b": tr}, lengths=7).combined
    for name in ("TP", "FP", "IDSW", "IDTP", "GT_IDs", "Frames"):
        assert twice[name] == 2 * once[name]
    for name in ("MOTA", "IDF1", "DetA", "AssA", "HOTA"):
        if len(truth) and len(tracks):
            assert twice[name] == pytest.approx(once[name], abs=1e-12)
