"""OC-SORT against the official code, id for id."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import trackforge
from trackforge.boxes import xywh_to_xyxy
from trackforge.metrics import evaluate
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame

pytestmark = pytest.mark.golden

SETTINGS = {
    "default": {},
    "byte": {"use_byte": True},
    "giou": {"asso_func": "giou", "iou_threshold": 0.5},
    "ciou_byte": {"asso_func": "ciou", "iou_threshold": 0.45, "use_byte": True},
    "diou": {"asso_func": "diou", "iou_threshold": 0.45},
    "ct_dist": {"asso_func": "ct_dist", "iou_threshold": 0.8},
    "bold": {"inertia": 0.8, "delta_t": 5, "min_hits": 1, "max_age": 8, "det_thresh": 0.3},
}
# rows, and the beginning of the SHA-256 of "frame,id,x1,y1,x2,y2" lines (one decimal, sorted) of the official output
HALF_VAL = {
    "MOT17-02-FRCNN": (5897, "afccbae135c73745"),
    "MOT17-04-FRCNN": (22590, "3280cb165574afff"),
    "MOT17-05-FRCNN": (2526, "a3424ab9945317e4"),
    "MOT17-09-FRCNN": (2226, "f30339566b3310e8"),
    "MOT17-10-FRCNN": (4016, "f77354a99bd7e592"),
    "MOT17-11-FRCNN": (3751, "2e60b4c4f0c82668"),
    "MOT17-13-FRCNN": (2296, "1f6ae79eb7a593d0"),
}


def run(tracker, per_frame):
    """Return rows of frame, id, x1, y1, x2, y2 of everything visible, sorted by frame and id."""
    rows = []
    for index, (xyxy, score) in enumerate(per_frame):
        shown = tracker.update(Detections(xyxy=xyxy, score=score), Frame(index=index)).visible
        order = np.argsort(shown.track_id)
        ids = shown.track_id[order, None]
        rows.append(np.concatenate((np.full_like(ids, index), ids, shown.xyxy[order]), axis=1))
    return np.concatenate(rows)


@pytest.fixture(scope="module")
def synthetic() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "golden" / "ocsort_synthetic.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", SETTINGS)
def test_synthetic_scene(synthetic, name):
    detections = synthetic["detections"]
    frames = [detections[detections[:, 0] == i, 1:] for i in range(int(synthetic["frames"]))]
    rows = run(trackforge.tracker("ocsort", **SETTINGS[name]), [(f[:, :4], f[:, 4]) for f in frames])
    np.testing.assert_array_equal(rows[:, :2], synthetic[f"ids_{name}"])
    if name == "default":
        np.testing.assert_allclose(rows[:, 2:], synthetic["boxes_default"], atol=1e-4)


def half_val(data_dir: Path, sequence: str):
    """Yield boxes and scores of each frame, of detections from 0.1 up."""
    folder = data_dir / "mot17-half-val"
    rows = np.loadtxt(folder / "det" / f"{sequence}.txt", delimiter=",")
    rows = rows[rows[:, 6] >= 0.1]
    info = (folder / "gt" / sequence / "seqinfo.ini").read_text()
    length = next(int(line.split("=")[1]) for line in info.splitlines() if line.startswith("seqLength"))
    for number in range(1, length + 1):
        of_frame = rows[rows[:, 0] == number]
        yield xywh_to_xyxy(of_frame[:, 2:6]), of_frame[:, 6]


def score(data_dir: Path, name: str):
    """Evaluate a tracker on all sequences, small and wide boxes taken out as in the official evaluator."""
    tables = {}
    for sequence in HALF_VAL:
        rows = run(trackforge.tracker(name), half_val(data_dir, sequence))
        width, height = rows[:, 4] - rows[:, 2], rows[:, 5] - rows[:, 3]
        rows = rows[(width * height > 100) & (width <= 1.6 * height)]
        tables[sequence] = TrackTable(
            frame=rows[:, 0].astype(np.int64),
            track_id=rows[:, 1].astype(np.int64),
            xyxy=rows[:, 2:],
            score=np.ones(len(rows)),
            class_id=np.zeros(len(rows), np.int64),
            sequence=sequence,
        )
    return evaluate(data_dir / "mot17-half-val" / "gt", tables, preprocessing="mot17")


@pytest.mark.parametrize("sequence", HALF_VAL)
def test_mot17_half_val(data_dir, sequence):
    rows = run(trackforge.tracker("ocsort"), half_val(data_dir, sequence))
    lines = [f"{int(r[0]) + 1},{int(r[1])},{r[2]:.1f},{r[3]:.1f},{r[4]:.1f},{r[5]:.1f}\n" for r in rows]
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert (len(rows), digest[:16]) == HALF_VAL[sequence]


def test_the_numbers_of_the_official_code(data_dir):
    combined = score(data_dir, "ocsort").combined
    official = {"HOTA": 66.452, "DetA": 64.315, "AssA": 69.085, "MOTA": 74.630, "IDF1": 77.858}
    assert {name: 100 * combined[name] for name in official} == pytest.approx(official, abs=2e-3)
    assert (combined["IDSW"], combined["FP"], combined["FN"]) == (205, 1278, 12189)


def test_clean_is_no_worse(data_dir):
    combined = score(data_dir, "observation-centric").combined
    assert combined["HOTA"] >= 0.672
    assert combined["MOTA"] >= 0.765
    assert combined["IDF1"] >= 0.789
    assert combined["IDSW"] <= 205
