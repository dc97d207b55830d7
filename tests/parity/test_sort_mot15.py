"""`trackforge.tracker("sort")` against the published SORT: MOT15 sequences with the paper's own detections."""

from __future__ import annotations

import pytest
from mot_runs import track_file

import trackforge
from trackforge.io.mot import read_seqinfo

pytestmark = pytest.mark.golden

PUBLISHED = {
    "TUD-Campus": (62.7, 15, 113),
    "ETH-Sunnyday": (59.1, 319, 418),
    "ADL-Rundle-8": (28.6, 959, 3781),
    "Venice-2": (18.6, 1650, 4109),
    "KITTI-17": (60.2, 38, 225),
    "PETS09-S2L1": (61.9, None, None),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_scores(data_dir, name):
    folder = data_dir / "mot15-sort" / name
    tracker = trackforge.tracker("sort", max_age=1, min_hits=3, iou_threshold=0.3)
    table = track_file(tracker, folder / "det" / "det.txt", read_seqinfo(folder / "seqinfo.ini").length)
    got = trackforge.evaluate({name: folder / "gt" / "gt.txt"}, {name: table}, preprocessing="mot15").combined
    mota, false, missed = PUBLISHED[name]
    assert round(100 * got["MOTA"], 1) == mota
    if false is not None:
        assert (got["CLR_FP"], got["CLR_FN"]) == (false, missed)
    else:
        assert got["IDSW"] == 103
