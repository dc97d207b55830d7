from __future__ import annotations

import shutil

import numpy as np
import pytest
from labelled import film, write_picture

from trackforge import data
from trackforge.errors import DataError

ROWS = """1,1,10,10,20,40,1,1,1
1,2,40,10,20,40,0,1,0.5
1,3,10,10,5,5,0,3,1
2,4,10,10,5,5,0,8,1
2,5,10,10,5,5,1,7,1
2,6,1,1,5,5,1,13,1
"""


@pytest.fixture
def sequence(tmp_path):
    folder = tmp_path / "S-01"
    (folder / "gt").mkdir(parents=True)
    (folder / "gt/gt.txt").write_text(ROWS)
    (folder / "seqinfo.ini").write_text(
        "[Sequence]\nname=S-01\nimDir=img1\nframeRate=14\nseqLength=3\nimWidth=64\nimHeight=48\nimExt=.jpg\n"
    )
    return folder


@pytest.mark.parametrize(
    ("rule", "kept", "ignored", "classes"),
    [
        ("pedestrian", [1, 2, 4, 5, 6], [2, 4, 5, 6], 1),
        ("official", [1, 5, 6], [5], 1),
        ("all", [1, 2, 3, 4, 5, 6], [2, 3, 4], 13),
    ],
)
def test_which_rows_become_what(sequence, rule, kept, ignored, classes):
    made = data.read(sequence, rule=rule)
    assert made.boxes.track_id.tolist() == kept
    assert made.boxes.track_id[made.boxes.ignore].tolist() == ignored
    assert len(made.classes) == classes
    assert len(made) == 3
    assert made.images.extra["rate"].tolist() == [14.0] * 3
    if rule == "all":
        assert made.boxes.class_id.tolist() == [0, 0, 2, 7, 6, 12]


def test_considered_boxes_of_mot17_half_val(data_dir):
    official = data.read(data_dir / "mot17-half-val/gt", rule="official")
    clean = data.read(data_dir / "mot17-half-val/gt")
    assert len(official.boxes) == 53890
    assert not official.boxes.ignore.any()  # flags of 2, 7, 8 and 12 are 0 there, as the official code never noticed
    assert (~clean.boxes.ignore).sum() == 53890
    assert clean.boxes.ignore.sum() == 9762
    assert clean.identities()[1] == 339
    table = data.to_tables(official)["MOT17-05-FRCNN"]
    assert len(table) == 3357


def test_a_film_beside_the_truth_gives_the_frames(data_dir):
    made = data.read(data_dir / "pets09-s2l1")
    assert (~made.boxes.ignore).sum() == 4476
    assert made.identities()[1] == 19
    assert made.images.path[794] == "vtest.avi#794"


def test_of_copies_with_other_detectors_one_is_read(sequence, tmp_path):
    root = tmp_path / "set/train"
    for name in ("M-02-DPM", "M-02-FRCNN", "M-02-SDP", "M-04-DPM", "M-04-SDP"):
        shutil.copytree(sequence, root / name)
    made = data.read(tmp_path / "set")
    assert made.sequences == ("M-02-FRCNN", "M-04-DPM")
    assert "3 copies" in made.notes[0]
    assert data.read(tmp_path / "set", detector="SDP").sequences == ("M-02-SDP", "M-04-SDP")
    assert len(data.read(tmp_path / "set", detector="all").sequences) == 5
    assert made.splits == ("train",)


def test_the_truth_may_not_go_beyond_the_sequence(sequence):
    with (sequence / "gt/gt.txt").open("a") as file:
        file.write("9,1,1,1,5,5,1,1,1\n")
    with pytest.raises(DataError, match=r"gt\.txt: The sequence has 3 frames by its seqinfo\.ini.* frame 9"):
        data.read(sequence)


def test_a_malformed_line_is_named(sequence):
    (sequence / "gt/gt.txt").write_text(ROWS.replace("2,4,10", "2,four,10"))
    with pytest.raises(DataError, match=r"gt\.txt:4: Every value must be a number; got 'four'"):
        data.read(sequence)


def test_a_frame_that_is_not_there_is_missed(sequence):
    for k in (1, 3):
        write_picture(sequence / f"img1/{k:06d}.jpg", (64, 48))
    report = data.check(sequence)
    assert [p.kind for p in report.problems if p.level == "error"] == ["missing-picture"]
    assert report.problems[0].path == sequence / "img1/000002.jpg"


def test_stills_and_boxes_without_identity_are_reported(tmp_path):
    made = film(tmp_path / "a")
    flat = made.replace(
        images=made.images.replace(sequence=None, frame=None), boxes=made.boxes.replace(track_id=None), name="loose"
    )
    notes = data.write(flat, tmp_path / "set", "mot")
    assert any("6 stills became the frames of a sequence named 'loose'" in n for n in notes)
    assert any("13 boxes without identity" in n for n in notes)
    again = data.read(tmp_path / "set")
    assert again.sequences == ("loose",)
    assert again.identities()[1] == 12  # the ignore region counts for none
    assert not data.check(again, pictures="decode").errors


def test_mot15_has_neither_class_nor_visibility(data_dir, tmp_path):
    made = data.read(data_dir / "mot15-sort")
    assert (~made.boxes.ignore).sum() == 21300
    data.write(made, tmp_path / "again", "mot", images="none")
    again = data.read(tmp_path / "again")
    np.testing.assert_allclose(again.boxes.xyxy, made.boxes.xyxy, atol=1e-8)
    np.testing.assert_array_equal(again.boxes.track_id, made.boxes.track_id)
    np.testing.assert_array_equal(again.boxes.ignore, made.boxes.ignore)
