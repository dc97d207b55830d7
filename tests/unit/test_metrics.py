"""Scores worked out by hand, what `evaluate` accepts and refuses, and what a report writes."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import trackforge
from trackforge.errors import ConfigError, DataError, InvalidInputError, MissingFileError, SinkError
from trackforge.io.coco import write_coco
from trackforge.io.mot import write_mot
from trackforge.metrics.preprocessing import PREPROCESSING
from trackforge.table import TrackTable

BOX = np.array([0.0, 0.0, 10.0, 10.0])


def table(*rows: tuple[int, int, float], **columns: object) -> TrackTable:
    """Make boxes of 10 x 10 pixels from (frame, id, x)."""
    frame, track, x = (np.array(column) for column in zip(*rows, strict=True)) if rows else ([], [], np.empty(0))
    return TrackTable(
        frame=frame,  # type: ignore[arg-type]
        track_id=track,  # type: ignore[arg-type]
        xyxy=np.asarray(x)[:, None] * [1, 0, 1, 0] + BOX,
        **columns,  # type: ignore[arg-type]
    )


def test_an_identity_switch_by_hand() -> None:
    """One object over four frames, found in three under two ids: once at IoU 1, once at 9/11, once at 8/12."""
    truth = table((0, 1, 0), (1, 1, 0), (2, 1, 0), (3, 1, 0))
    tracks = table((0, 1, 0), (1, 1, 1), (3, 2, 2), (2, 3, 50))
    scores = trackforge.evaluate(truth, tracks).combined
    assert {name: scores[name] for name in ("TP", "FN", "FP", "IDSW", "Frag", "MT", "PT", "ML")} == {
        "TP": 3,
        "FN": 1,
        "FP": 1,
        "IDSW": 1,
        "Frag": 1,
        "MT": 0,
        "PT": 1,
        "ML": 0,
    }
    assert scores["MOTA"] == pytest.approx((3 - 1 - 1) / 4)
    assert scores["MOTP"] == pytest.approx((1 + 9 / 11 + 8 / 12) / 3)
    assert scores["MOTAL"] == pytest.approx((3 - 1 - math.log10(1)) / 4)
    assert (scores["IDTP"], scores["IDFN"], scores["IDFP"]) == (2, 2, 2)
    assert scores["IDF1"] == 0.5
    hota = scores.curve("HOTA")
    assert hota.shape == (19,)
    # at 0.5: TP 3, FN 1, FP 1; the object shares 2 of 4 + 2 - 2 boxes with track 1, 1 of 4 + 1 - 1 with track 2
    assert scores.curve("DetA")[9] == pytest.approx(3 / 5)
    assert scores.curve("AssA")[9] == pytest.approx((2 * 2 / 4 + 1 * 1 / 4) / 3)
    assert hota[9] == pytest.approx(math.sqrt(3 / 5 * 1.25 / 3))
    assert scores.curve("HOTA_TP").tolist() == [3] * 13 + [2] * 3 + [1] * 3
    assert scores["HOTA"] == pytest.approx(hota.mean())


def test_distractors_are_taken_out_by_the_rules_that_know_them() -> None:
    truth = table((0, 1, 0), (0, 2, 100), (0, 3, 200), (0, 4, 300), class_id=[1, 7, 6, 3], extra={"flag": [1, 0, 0, 0]})
    tracks = table((0, 1, 0), (0, 2, 100), (0, 3, 200), (0, 4, 300), (0, 5, 400))
    false_positives = {
        rule: trackforge.evaluate(truth, tracks, preprocessing=rule).combined["FP"]  # type: ignore[arg-type]
        for rule in PREPROCESSING
    }
    assert false_positives == {"none": 4, "mot15": 4, "mot16": 3, "mot17": 3, "mot20": 2}


def test_a_pair_of_the_last_frame_goes_before_a_better_one() -> None:
    truth = table((0, 1, 0), (1, 1, 0), (2, 1, 0))
    tracks = table((0, 7, 2), (1, 7, 2), (1, 8, 0), (2, 8, 0))
    scores = trackforge.evaluate(truth, tracks).combined
    assert scores["IDSW"] == 1  # in frame 2, not in frame 1
    assert scores["MOTP_sum"] == pytest.approx(8 / 12 + 8 / 12 + 1)


def test_empty_sides() -> None:
    some, none = table((0, 1, 0), (2, 1, 0)), TrackTable.empty()
    missed, invented = trackforge.evaluate(some, none).combined, trackforge.evaluate(none, some).combined
    assert (missed["FN"], missed["ML"], missed["HOTA"], missed["IDFN"], missed["LocA"]) == (
        2,
        0 + 1,
        0,
        2,
        1e-10 / 1e-10,
    )
    assert (invented["FP"], invented["MOTA"], invented["IDFP"]) == (2, -2, 2)
    nothing = trackforge.evaluate(none, none, lengths=5).combined
    assert (nothing["MOTA"], nothing["HOTA"], nothing["GT_Dets"], nothing["Frames"]) == (0, 0, 0, 5)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two sequences in MOTChallenge layout, 'walk-1' perfect and 'walk-2' half found."""
    truth, results = tmp_path / "truth", tmp_path / "results"
    for name, found in (("walk-1", 4), ("walk-2", 2)):
        rows = [(f, 1, float(f)) for f in range(4)]
        write_mot(truth / name / "gt" / "gt.txt", table(*rows, class_id=[1] * 4), kind="truth")
        (truth / name / "seqinfo.ini").write_text("[Sequence]\nseqLength=8\n")
        write_mot(results / f"{name}.txt", table(*rows[:found]))
    return truth, results


def test_folders_files_mappings_and_coco_give_the_same(folders: tuple[Path, Path], tmp_path: Path) -> None:
    truth, results = folders
    wanted = trackforge.evaluate(truth, results, preprocessing="mot17")
    assert list(wanted.sequences) == ["walk-1", "walk-2"]
    assert wanted.combined["Frames"] == 16
    assert wanted.sequences["walk-1"]["HOTA"] == 1
    assert wanted.combined["Recall"] == 6 / 8
    one_by_one = trackforge.evaluate(
        {name: truth / name / "gt" / "gt.txt" for name in wanted.sequences},
        {name: str(results / f"{name}.txt") for name in wanted.sequences},
    )
    assert one_by_one.combined.to_dict() == wanted.combined.to_dict()
    alone = trackforge.evaluate(truth / "walk-2" / "gt" / "gt.txt", results / "walk-2.txt")
    assert alone.combined.to_dict() == wanted.sequences["walk-2"].to_dict()
    inside = trackforge.evaluate(truth / "walk-2", results / "walk-2.txt")
    assert inside.combined.to_dict() == wanted.sequences["walk-2"].to_dict()
    chosen = trackforge.evaluate(truth, results, sequences=["walk-2"])
    assert chosen.combined.to_dict() == wanted.sequences["walk-2"].to_dict()
    (results / "data").mkdir()
    for file in results.glob("*.txt"):
        file.rename(results / "data" / file.name)
    assert trackforge.evaluate(truth, results).combined.to_dict() == wanted.combined.to_dict()
    same = table(*((f, 1, float(f)) for f in range(4)))
    for name, found in (("truth.json", 4), ("results.json", 2)):
        write_coco(tmp_path / name, {"walk-1": same, "walk-2": same[:found]}, lengths={"walk-1": 8, "walk-2": 8})
    coco = trackforge.evaluate(tmp_path / "truth.json", tmp_path / "results.json", lengths=8)
    assert coco.combined.to_dict() == wanted.combined.to_dict()


def test_other_truth_files(folders: tuple[Path, Path]) -> None:
    truth, results = folders
    for name in ("walk-1", "walk-2"):
        write_mot(truth / name / "gt" / "gt_half.txt", table((0, 1, 0.0), class_id=[1]), kind="truth")
    report = trackforge.evaluate(truth, results, truth_file="gt/gt_half.txt")
    assert (report.combined["GT_Dets"], report.combined["Frames"]) == (2, 4 + 2)


def test_names_that_do_not_fit_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    truth, results = folders
    (results / "walk-2.txt").rename(results / "walk-02.txt")
    with pytest.raises(InvalidInputError, match=r"there are none for walk-2\. Did you mean 'walk-02'\?"):
        trackforge.evaluate(truth, results)
    with pytest.raises(InvalidInputError, match=r"no truth for sequence 'walk_1'\. Did you mean 'walk-1'\?"):
        trackforge.evaluate(truth, results, sequences=["walk_1"])
    with pytest.raises(MissingFileError, match=r"there is none\. Did you mean 'results'\?"):
        trackforge.evaluate(truth, tmp_path / "result")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match=r"has neither"):
        trackforge.evaluate(tmp_path / "empty", results)
    with pytest.raises(InvalidInputError, match="at least one sequence"):
        trackforge.evaluate({}, results)


def test_frames_after_the_end_are_refused(folders: tuple[Path, Path]) -> None:
    truth, results = folders
    write_mot(results / "walk-1.txt", table((8, 1, 0)))
    with pytest.raises(DataError, match=r"seqinfo\.ini: .* 9 frames; seqLength is 8"):
        trackforge.evaluate(truth, results)
    with pytest.raises(InvalidInputError, match="has 3 frames; truth has a box in frame 4"):
        trackforge.evaluate(truth, results, lengths=3)


def test_bad_arguments_are_refused() -> None:
    one = table((0, 1, 0), class_id=[1])
    with pytest.raises(ConfigError, match="Did you mean 'mot17'"):
        trackforge.evaluate(one, one, preprocessing="mot-17")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="iou_threshold"):
        trackforge.evaluate(one, one, iou_threshold=0)
    with pytest.raises(InvalidInputError, match=r"pedestrians only .* has class_id 1 in frame 1"):
        trackforge.evaluate(one, one, preprocessing="mot17")
    with pytest.raises(InvalidInputError, match=r"classes 1 to 13; .* has class 0"):
        trackforge.evaluate(table((0, 1, 0)), one, preprocessing="mot17")
    with pytest.raises(InvalidInputError, match="tracks of 'sequence' has none in row 0"):
        trackforge.evaluate(one, TrackTable(frame=[0], xyxy=[BOX]))  # type: ignore[arg-type]


def test_report_writes_everything(folders: tuple[Path, Path], tmp_path: Path) -> None:
    report = trackforge.evaluate(*folders, preprocessing="mot17")
    lines = str(report).splitlines()
    assert lines[0].split()[:3] == ["sequence", "HOTA", "DetA"]
    assert lines[2].split()[:2] == ["walk-1", "100.00"]
    assert lines[-1].split()[0] == "COMBINED"
    assert report.table(["MOTA", "FP_per_frame", "IDSW"]).splitlines()[-1].split() == ["COMBINED", "75.00", "0.00", "0"]
    report.to_json(tmp_path / "r.json")
    stored = json.loads((tmp_path / "r.json").read_text())
    assert stored == report.to_dict()
    assert stored["combined"]["MOTA"] == 0.75
    assert len(stored["sequences"]["walk-2"]["curves"]["HOTA"]) == len(stored["thresholds"]) == 19
    report.to_csv(tmp_path / "r.csv")
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text().splitlines()))
    assert [row["sequence"] for row in rows] == ["walk-1", "walk-2", "COMBINED"]
    assert float(rows[2]["MOTA"]) == 0.75
    for suffix, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        report.plot(tmp_path / f"r{suffix}", title="Walks")
        assert (tmp_path / f"r{suffix}").read_bytes().startswith(magic)
    trackforge.evaluate(folders[0] / "walk-1", folders[1] / "walk-1.txt").plot(tmp_path / "one.png")
    with pytest.raises(SinkError):
        report.to_json(tmp_path)


def test_scores_by_name() -> None:
    scores = trackforge.evaluate(table((0, 1, 0)), table((0, 1, 0))).combined
    assert scores["FP"] == scores["CLR_FP"] == 0
    assert "HOTA=1" in repr(scores)
    assert isinstance(scores["IDSW"], int)
    with pytest.raises(KeyError, match="Did you mean 'MOTA'"):
        scores["MOTTA"]
    with pytest.raises(KeyError, match="no curve 'MOTA'"):
        scores.curve("MOTA")
    with pytest.raises(ValueError, match="read-only"):
        scores.curve("HOTA")[0] = 0


def test_works_without_scipy(folders: tuple[Path, Path]) -> None:
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "import trackforge\n"
        f"report = trackforge.evaluate({str(folders[0])!r}, {str(folders[1])!r})\n"
        "print(report.combined['IDF1'], 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(6 / 7), "False"]
