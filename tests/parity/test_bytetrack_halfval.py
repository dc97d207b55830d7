"""Presets and clean trackers on MOT17 half-val, with the detections that ByteTrack was published with.

The expected numbers are those of the original ByteTrack and SORT on the same files, scored by TrackEval with MOT17
preprocessing from results with three decimals behind the official output filter. (The official evaluator writes one
decimal, and so makes HOTA 67.80 out of 67.79.)
"""

from __future__ import annotations

import pytest
from mot_runs import track_half_val

import trackforge
from trackforge.io.mot import write_mot

pytestmark = pytest.mark.golden

BYTETRACK = {"HOTA": 67.7900, "MOTA": 77.8233, "IDF1": 79.9110, "IDSW": 167, "CLR_FP": 2537, "Dets": 47871}
SORT = {"HOTA": 62.85, "MOTA": 74.29, "IDF1": 70.70, "IDSW": 367, "CLR_FP": 1250}


@pytest.fixture
def scores(data_dir, tmp_path):
    def run(tracker, **settings):
        tables = track_half_val(tracker, data_dir, **settings)
        for name, table in tables.items():
            write_mot(tmp_path / f"{name}.txt", table, decimals=3)
        report = trackforge.evaluate(data_dir / "mot17-half-val" / "gt", tmp_path, preprocessing="mot17")
        return report.combined, sum(map(len, tables.values()))

    return run


def test_bytetrack_is_the_original_to_the_last_digit(scores):
    got, rows = scores(trackforge.tracker("bytetrack", track_thresh=0.6, match_thresh=0.9, track_buffer=30))
    assert rows == BYTETRACK["Dets"]
    for name in ("HOTA", "MOTA", "IDF1"):
        assert round(100 * got[name], 4) == BYTETRACK[name], name
    assert got["IDSW"] == BYTETRACK["IDSW"]
    assert got["CLR_FP"] == BYTETRACK["CLR_FP"]


def test_sort_is_the_original_to_the_last_digit(scores):
    got, _ = scores(trackforge.tracker("sort", max_age=1, min_hits=3, iou_threshold=0.3), min_score=0.6)
    for name in ("HOTA", "MOTA", "IDF1"):
        assert round(100 * got[name], 2) == SORT[name], name
    assert got["IDSW"] == SORT["IDSW"]
    assert got["CLR_FP"] == SORT["CLR_FP"]


@pytest.mark.parametrize(("name", "preset"), [("byte", BYTETRACK), ("iou", SORT)])
@pytest.mark.parametrize("box", ["filtered", "detected"])
def test_clean_trackers_are_no_worse_than_the_presets(scores, name, preset, box):
    got, _ = scores(trackforge.tracker(name), box=box)
    assert 100 * got["HOTA"] >= preset["HOTA"]
    assert round(100 * got["MOTA"], 4) >= preset["MOTA"]
    assert 100 * got["IDF1"] >= preset["IDF1"]
    if box == "filtered":  # the detected box fits truth better and so also shows more switches
        assert got["IDSW"] <= preset["IDSW"]
