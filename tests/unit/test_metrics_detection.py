"""Average precision: by hand, against pycocotools on real detections, and its edges."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from trackforge.errors import ConfigError, InvalidInputError
from trackforge.io.coco import write_coco
from trackforge.io.mot import read_mot
from trackforge.metrics import average_precision
from trackforge.table import TrackTable


def test_by_hand() -> None:
    """Two objects; the best detection is right, the next is wrong, the third is right: 1 up to recall .5, then 2/3."""
    truth = TrackTable(frame=[0, 1], track_id=[1, 1], xyxy=[[0, 0, 40, 40], [0, 0, 40, 40]])  # type: ignore[arg-type]
    found = TrackTable(frame=[0, 0, 1], xyxy=[[0, 0, 40, 40], [100, 0, 140, 40], [0, 0, 40, 30]], score=[0.9, 0.8, 0.7])  # type: ignore[arg-type]
    report = average_precision(truth, found)
    assert report.mean.ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert report.mean.ap75 == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert report.precision.shape == (101,)
    assert report.mean.recall == pytest.approx((6 * 1 + 4 * 0.5) / 10)
    assert np.isnan(report.mean.ap_small)
    assert (report.images, report.detections, report.mean.truths) == (2, 3, 2)


def test_ignore_regions_are_neither_right_nor_wrong() -> None:
    rows = {"frame": [0, 0], "track_id": [1, 2], "xyxy": [[0, 0, 40, 40], [100, 0, 200, 100]]}
    inside = TrackTable(
        frame=[0, 0, 0], score=[0.5, 0.9, 0.8], xyxy=[[0, 0, 40, 40], [110, 10, 150, 50], [120, 20, 160, 90]]
    )  # type: ignore[arg-type]
    flagged = TrackTable(**rows, extra={"flag": [1, 0]})  # type: ignore[arg-type]
    report = average_precision(flagged, inside)
    assert (report.mean.ap50, report.ignored, report.mean.truths) == (1, 1, 1)
    reflection = TrackTable(**rows, class_id=[1, 12])  # type: ignore[arg-type]
    assert average_precision(reflection, inside, preprocessing="mot17").mean.ap50 == 1
    assert average_precision(reflection, inside).mean.ap50 < 0.5


def test_classes() -> None:
    truth = TrackTable(frame=[0, 0], xyxy=[[0, 0, 40, 40], [100, 0, 140, 40]], class_id=[0, 1])  # type: ignore[arg-type]
    found = TrackTable(frame=[0, 0], xyxy=[[0, 0, 40, 40], [100, 0, 140, 40]], class_id=[0, 2], score=[1, 1])  # type: ignore[arg-type]
    report = average_precision(truth, found, classes=("person", "car", "dog"))
    assert (report.classes["person"].ap, report.classes["car"].ap, report.mean.ap) == (1, 0, 0.5)
    assert np.isnan(report.classes["dog"].ap)
    assert average_precision(truth, found).mean.ap == 1
    assert report.table().splitlines()[-1].split()[:2] == ["ALL", "50.00"]
    with pytest.raises(InvalidInputError, match="class_id 2 in row 1, and there are 2 names"):
        average_precision(truth, found, classes=("person", "car"))


def test_edges(tmp_path: Path) -> None:
    some, none = TrackTable(frame=[0], xyxy=[[0, 0, 9, 9]]), TrackTable.empty()  # type: ignore[arg-type]
    assert average_precision(some, none).mean.ap == 0
    report = average_precision(none, some)
    assert np.isnan(report.mean.ap)
    report.to_json(tmp_path / "ap.json")
    stored = json.loads((tmp_path / "ap.json").read_text(), parse_constant=pytest.fail)  # JSON knows no NaN
    assert stored["mean"]["ap"] is None
    with pytest.raises(InvalidInputError, match="at least one frame"):
        average_precision(none, none)
    with pytest.raises(InvalidInputError, match="has 1 frames; detections has a box in frame 2"):
        average_precision(some, TrackTable(frame=[1], xyxy=[[0, 0, 9, 9]]), lengths=1)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="preprocessing must be"):
        average_precision(some, some, preprocessing="mot18")  # type: ignore[arg-type]


@pytest.mark.parametrize("detector", ["yolox_nano416", "mot15_public_acf"])
def test_equals_pycocotools_on_pets(data_dir: Path, tmp_path: Path, detector: str) -> None:
    folder = data_dir / "pets09-s2l1"
    report = average_precision(folder / "gt" / "gt.txt", folder / "det" / f"det_{detector}.txt")
    truth = read_mot(folder / "gt" / "gt.txt", kind="truth")
    found = read_mot(folder / "det" / f"det_{detector}.txt", kind="detections")
    whole = TrackTable(frame=truth.frame, xyxy=truth.xyxy, extra={"flag": truth.extra["flag"]})
    write_coco(tmp_path / "gt.json", whole, lengths={"gt": 795})
    xywh = np.concatenate((found.xyxy[:, :2], found.xyxy[:, 2:] - found.xyxy[:, :2]), axis=1)
    results = [
        {"image_id": frame + 1, "category_id": 1, "bbox": box, "score": score}
        for frame, box, score in zip(found.frame.tolist(), xywh.tolist(), found.score.tolist(), strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(tmp_path / "gt.json")
        official = COCOeval(coco, coco.loadRes(results), "bbox")
        official.evaluate()
        official.accumulate()
        official.summarize()
    ours = report.mean
    names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    for name, value in zip(names, official.stats[:6], strict=True):
        mine = getattr(ours, name)
        assert (np.isnan(mine) and value == -1) or mine == pytest.approx(value, abs=1e-6), name
    assert ours.recall == pytest.approx(official.stats[8], abs=1e-9)
    assert ours.ap50 > 0.85
