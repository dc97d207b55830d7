"""The formats that people of multi-object tracking hold: each in its real layout, known as itself, read and written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_runs import run
from format_samples import (
    CVAT_IMAGES,
    KITTI,
    SAMPLES,
    bdd_frame,
    bdd_label,
    cvat_box,
    cvat_xml,
    mot_sequence,
    put,
)
from labelled import film, stills, write_picture

from trackforge import data
from trackforge.data.dialects.markup import first_tag
from trackforge.data.problems import Findings
from trackforge.errors import DataError, InvalidInputError, TrackforgeError
from trackforge.intake.limits import limited

CASES = Path(__file__).parent / "formats"


@pytest.fixture
def sample(tmp_path):
    return lambda name: SAMPLES[name][1](tmp_path / name)


def check_clean(path: Path, **options) -> None:
    report = data.check(path, **options)
    assert report.errors == 0, str(report)


# ---- the cases of issue 7: data 30, and 26 where the XML is one of ours


@pytest.mark.parametrize(
    ("path", "name", "boxes", "ignored"),
    [
        ("kitti", "kitti", 1, 0),
        ("kitti/0000.txt", "kitti", 1, 0),
        ("bdd.json", "scalabel", 1, 0),
        ("annotation_train.odgt", "crowdhuman", 1, 0),
        ("visdrone", "visdrone", 4, 1),
        ("cvat", "cvat", 1, 0),
        ("detrac", "detrac", 1, 0),
    ],
)
def test_the_cases_are_read(path, name, boxes, ignored):
    assert data.sniff(CASES / path).name == name
    made = data.read(CASES / path)
    assert (len(made.boxes), int(made.boxes.ignore.sum())) == (boxes, ignored)


def test_the_command_reads_the_cases():
    assert "1 images (0 without a box), 1 boxes" in run("data", "check", CASES / "kitti").stdout
    # the pictures are not there: the labels are read all the same
    assert "(scalabel)" in run("data", "check", CASES / "bdd.json", code=1).stdout
    kitti = CASES / "kitti/0000.txt"
    done = run("eval", kitti, kitti)
    assert "100.00" in done.stdout
    assert done.stderr.count("KITTI's types are scored together here") == 1


# ---- sniffing


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_known_as_itself_only(sample, name):
    path = sample(name)
    wanted = SAMPLES[name][0]
    assert data.sniff(path).name == wanted
    # formats of another kind do not take it either, wherever they stand in the order
    alike = {"mot": {"seqmaps"}, "cvat": {"voc"}, "cvat-images": {"voc"}, "detrac": {"voc"}, "scalabel": {"coco"}}
    alike["visdrone"] = alike["yolo"] = {"yolo", "visdrone"}
    alike["scalabel"].add("yolo")
    for other, format_ in data.formats().items():
        if other != wanted and other not in alike.get(wanted, ()):
            assert not format_.sniff(path), other
    check_clean(path)


def test_a_label_file_alone_is_known(sample):
    for name, file, wanted in (
        ("kitti", "training/label_02/0000.txt", "kitti"),
        ("crowdhuman", "annotation_val.odgt", "crowdhuman"),
        ("detrac", "DETRAC-Train-Annotations-XML/MVI_20011.xml", "detrac"),
        ("cvat", "annotations.xml", "cvat"),
        ("cvat-images", "annotations.xml", "cvat-images"),
        ("scalabel", "labels/box_track_20/train/b1c66a42.json", "scalabel"),
        ("dancetrack", "train_seqmap.txt", "seqmaps"),
        ("sportsmot", "splits_txt/basketball.txt", "seqmaps"),
        ("coco", "annotations/all.json", "coco"),
    ):
        path = sample(name) / file
        assert data.sniff(path).name == wanted, name
        check_clean(path)


def test_results_in_mot_text_are_no_kitti(tmp_path):
    for line in ("1 2 3 4 5 6 7 -1 -1 -1", "1 1 nan 4 5 6 7 8 9 10", "1,2,3,4,5,6,1,-1,-1,-1"):
        with pytest.raises(DataError, match="looks like none"):
            data.sniff(put(tmp_path / "a.txt", line))


# ---- KITTI


def test_kitti_is_read(sample):
    made = data.read(sample("kitti"))
    assert (len(made), len(made.boxes), set(made.splits)) == (4, 4, {"training", "testing"})
    made = made[np.lexsort((made.images.frame, made.images.split != "training"))]
    assert made.in_split("train").images.frame.tolist() == [0, 1, 2]
    assert made.images.path[1] == "training/image_02/0000/000001.png"
    assert made.boxes.ignore.tolist() == [True, False, False, False]
    assert made.boxes.track_id.tolist() == [-1, 0, 2, 0]
    assert [made.classes[k] for k in made.boxes.class_id[1:]] == ["Van", "Pedestrian", "Van"]
    np.testing.assert_allclose(made.boxes.xyxy[1], [296.744956, 161.752147, 455.226042, 292.372804])
    assert made.boxes.extra["occluded"].tolist() == [-1, 0, 1, 0]
    assert made.boxes.extra["z_m"][1] == 13.41
    assert data.read(made.root, split="testing").images.path.tolist() == ["testing/image_02/0000/000000.png"]
    with pytest.raises(DataError, match="There is no split 'val'; there are: testing, training"):
        data.read(made.root, split="val")


def test_kitti_comes_back_line_by_line(sample, tmp_path):
    made = data.read(sample("kitti"), split="training")
    assert data.write(made, tmp_path / "again", "kitti") == []
    again = (tmp_path / "again/training/label_02/0000.txt").read_text()
    assert [_numbers(line) for line in again.splitlines()] == [_numbers(line) for line in KITTI.splitlines()]
    assert (tmp_path / "again/training/image_02/0000/000002.png").is_file()
    check_clean(tmp_path / "again")


def _numbers(line: str) -> list:
    words = line.split()
    if words[2] == "DontCare":  # the readme and the files differ in what stands for a size that is not stated
        words = words[:10]
    return [w if w[0].isalpha() else float(w) for w in words]


def test_kitti_takes_other_classes_and_says_what_it_cannot_hold(tmp_path):
    made = film(tmp_path / "source").replace(classes=("traffic light",))
    notes = data.write(made, tmp_path / "set", "kitti")
    assert any("1 ignore regions became DontCare" in note for note in notes)
    assert any("visibility" in note for note in notes)
    again = data.read(tmp_path / "set")
    assert again.classes == ("traffic light",)
    assert " traffic_light " in (tmp_path / "set/label_02/street.txt").read_text()
    with pytest.raises(InvalidInputError, match="single words, each different"):
        data.write(made.replace(classes=("a b", "a_b")), tmp_path / "x", "kitti")
    notes = data.write(stills(tmp_path / "stills"), tmp_path / "frames", "kitti")
    assert any("4 stills became the frames of a sequence named '0000'" in note for note in notes)


def test_kitti_unpacked_apart_is_one_set(sample, tmp_path):
    root = sample("kitti")
    (root / "data_tracking_label_2/training").mkdir(parents=True)
    (root / "data_tracking_image_2").mkdir()
    (root / "training/label_02").rename(root / "data_tracking_label_2/training/label_02")
    (root / "training").rename(root / "data_tracking_image_2/training")
    assert data.sniff(root).name == "kitti"
    made = data.read(root, split="training")
    assert (len(made), len(made.boxes)) == (3, 4)
    assert made.images.path[0] == "data_tracking_image_2/training/image_02/0000/000000.png"


def test_kitti_spells_its_types_its_own_way(tmp_path):
    made = film(tmp_path / "source")
    data.write(made, tmp_path / "set", "kitti")
    assert " Pedestrian " in (tmp_path / "set/label_02/street.txt").read_text()
    assert data.read(tmp_path / "set").classes == ("pedestrian",)


def test_a_bad_line_of_kitti_is_named(tmp_path):
    path = put(tmp_path / "0000.txt", KITTI + "3 0 Van 0 0 -1 5 5 4 4 1 1 1 1 1 1 1\n4 x Van 0 0 0 1 2 3 4\n")
    with pytest.raises(DataError, match=r"0000\.txt:5: Width and height of a box must be >= 0; got -1 and -1"):
        data.read(path)
    findings = Findings(gather=True)
    made = data.formats()["kitti"].read(path, findings=findings)
    assert (len(made.boxes), [p.line for p in findings.problems]) == (4, [5, 6])


def test_kitti_scores_leave_out_what_nobody_labelled(tmp_path):
    from trackforge import evaluate

    truth = put(tmp_path / "truth/0000.txt", KITTI)
    tracks = put(tmp_path / "tracks/0000.txt", "".join(f"{line} 0.9\n" for line in KITTI.splitlines()[1:]))
    scores = evaluate(truth, tracks).combined
    assert (scores["CLR_TP"], scores["CLR_FN"], scores["CLR_FP"]) == (3, 0, 0)
    twice = put(tmp_path / "twice.txt", KITTI + KITTI.splitlines()[1])
    with pytest.raises(DataError, match="id 0 stands twice in frame 0"):
        evaluate(truth, twice)


# ---- VisDrone, UAVDT


def test_visdrone_is_read(sample):
    made = data.read(sample("visdrone"))
    assert made.splits == ("train", "val")
    part = made.in_split("train")
    assert part.images.frame.tolist() == [0, 1, 2, 3]
    assert part.boxes.extra["category"].tolist() == [0, 4, 1, 4, 11, 9]
    assert part.boxes.ignore.tolist() == [True, False, False, False, True, True]
    assert [made.classes[k] for k in part.boxes.class_id[1:4]] == ["car", "pedestrian", "car"]
    assert part.boxes.track_id.tolist() == [-1, 7, 8, 7, 9, 10]
    assert part.boxes.xyxy[1].tolist() == [16, 12, 48, 36]
    assert "2 boxes of category 'others' are ignore regions" in made.notes
    assert len(data.read(made.root, split="val").images) == 4


def test_visdrone_stills_are_read(sample):
    made = data.read(sample("visdrone-stills"))
    assert (len(made), made.sequences) == (2, ())
    assert made.boxes.ignore.tolist() == [False, True, False]
    assert made.images.width.tolist() == [64, 64]


def test_uavdt_is_read(sample):
    made = data.read(sample("uavdt"))
    assert (made.sequences, made.splits) == (("M0101", "M0201"), ("train", "test"))
    part = made.in_sequences("M0101")
    assert part.images.frame.tolist() == [0, 1, 2]
    assert part.images.path[0] == "UAV-benchmark-M/M0101/img000001.jpg"
    assert part.boxes.ignore.tolist() == [False, True, False, False]
    assert [made.classes[k] for k in part.boxes.class_id] == ["car", "car", "car", "bus"]
    assert data.read(made.root, split="test").sequences == ("M0201",)


def test_uavdt_without_categories_is_read(tmp_path):
    put(tmp_path / "GT/M0101_gt.txt", "1,1,4,5,10,10,1,-1,-1\n")
    made = data.read(tmp_path)
    assert (made.classes, len(made.boxes)) == (("vehicle",), 1)


# ---- CrowdHuman


def test_crowdhuman_is_read(sample):
    path = sample("crowdhuman")
    made = data.read(path)
    assert (made.splits, len(made), made.classes) == (("train", "val"), 3, ("person",))
    part = made.in_split("train")
    assert part.boxes.xyxy[0].tolist() == [-4, 2, 12, 42]
    assert part.boxes.visibility.tolist() == [0.5, 1, 1]
    assert part.boxes.ignore.tolist() == [False, True, True]
    assert made.images.path[0] == "Images/273271,c9db000d5146c15.jpg"
    assert made.images.width.tolist() == [64] * 3
    heads = data.read(path, split="train", box="head").boxes
    assert heads.xyxy[0].tolist() == [1, 2, 7, 10]
    assert heads.ignore.tolist() == [False, True, True]
    assert data.read(path, split="val", box="visible").boxes.xyxy.tolist() == [[0, 2, 8, 42]]


def test_a_picture_of_an_odgt_stays_in_its_folder(tmp_path):
    path = put(tmp_path / "a.odgt", json.dumps({"ID": "../../etc/x", "gtboxes": []}))
    with pytest.raises(DataError, match=r"a\.odgt:1: The picture must have a name that stays in its folder"):
        data.read(path)


# ---- UA-DETRAC


def test_detrac_is_read(sample):
    made = data.read(sample("detrac"))
    assert (made.sequences, set(made.splits)) == (("MVI_39031", "MVI_20011"), {"train", "test"})
    part = made.in_split("train")
    assert part.images.frame.tolist() == [0, 1, 2]
    assert part.images.path[1] == "Insight-MVT_Annotation_Train/MVI_20011/img00002.jpg"
    assert part.labels(1).ignore.tolist() == [True]  # a region holds in every frame, also where there is no target
    assert part.labels(0).track_id.tolist() == [1, 2, -1]
    assert part.labels(0).xyxy[0].tolist() == [5.5, 10, 21.5, 22]
    assert [made.classes[k] for k in part.labels(0).class_id[:2]] == ["car", "bus"]
    assert part.boxes.extra["truncation_ratio"][0] == 0.1
    assert made.images.extra["rate"][0] == 25


def test_a_few_words_of_detrac_do_not_stand_for_millions_of_boxes(tmp_path):
    regions = '<box left="1" top="2" width="3" height="4"/>' * 400
    frames = "".join(f'<frame num="{k + 1}"/>' for k in range(400))
    path = put(tmp_path / "a.xml", f'<sequence name="a"><ignored_region>{regions}</ignored_region>{frames}</sequence>')
    with limited(boxes=10_000), pytest.raises(DataError, match="The ignored regions of all frames must be at most"):
        data.read(path)
    path = put(tmp_path / "b.xml", '<sequence name="b"><frame num="4000000000"/></sequence>')
    with pytest.raises(DataError, match=r"b\.xml:1: The frame must be at most 10,000,000"):
        data.read(path)


# ---- CVAT for video: the traps


def track(boxes: str, *, number: int = 0, label: str = "person") -> str:
    return f'  <track id="{number}" label="{label}" source="manual">\n{boxes}  </track>\n'


def corners(made) -> dict:
    frames = made.images.frame[made.boxes.image].tolist()
    return dict(zip(frames, made.boxes.xyxy[:, 0].tolist(), strict=True))


def test_only_keyframes_count_and_what_lies_between_is_interpolated(tmp_path):
    # frame 2 has a box that is no keyframe: CVAT does not import it
    boxes = cvat_box(0, 1) + cvat_box(2, 40, keyframe=0) + cvat_box(4, 9) + cvat_box(5, 9, outside=1)
    made = data.read(put(tmp_path / "a.xml", cvat_xml(track(boxes))))
    assert corners(made) == {0: 1, 1: 3, 2: 5, 3: 7, 4: 9}
    assert made.boxes.track_id.tolist() == [0] * 5
    assert (made.sequences, made.classes, len(made)) == (("street",), ("person", "car"), 6)


def test_a_track_without_an_end_goes_on_to_the_end_of_the_task(tmp_path):
    made = data.read(put(tmp_path / "a.xml", cvat_xml(track(cvat_box(0, 1) + cvat_box(2, 3)))))
    assert corners(made) == {0: 1, 1: 2, 2: 3, 3: 3, 4: 3, 5: 3}


def test_a_track_pauses_from_an_outside_keyframe_to_the_next(tmp_path):
    boxes = cvat_box(0, 1) + cvat_box(2, 5, outside=1) + cvat_box(4, 9)
    made = data.read(put(tmp_path / "a.xml", cvat_xml(track(boxes))))
    assert corners(made) == {0: 1, 1: 3, 4: 9, 5: 9}


def test_frames_follow_start_and_step(tmp_path):
    boxes = cvat_box(10, 1) + cvat_box(20, 5) + cvat_box(25, 5, outside=1)
    path = put(tmp_path / "a.xml", cvat_xml(track(boxes), size=5, start=10, step=5))
    made = data.read(path)
    assert made.images.frame.tolist() == [10, 15, 20, 25, 30]
    assert corners(made) == {10: 1, 15: 3, 20: 5}
    off = put(tmp_path / "b.xml", cvat_xml(track(cvat_box(12, 1)), size=5, start=10, step=5))
    with pytest.raises(DataError, match=r"b\.xml:\d+: The frame must be one of the task's, 10, 15, \.\.\.; got 12"):
        data.read(off)


def test_attributes_hold_until_they_change(tmp_path):
    inner = '<attribute name="colour">{}</attribute><attribute name="ignore">{}</attribute>'
    boxes = (
        cvat_box(0, 1, inner=inner.format("red", "true"))
        + cvat_box(2, 1)
        + cvat_box(4, 1, inner=inner.format("blue", "false"))
    )
    made = data.read(put(tmp_path / "a.xml", cvat_xml(track(boxes))))
    assert made.boxes.extra["colour"].tolist() == ["red"] * 4 + ["blue"] * 2
    assert made.boxes.ignore.tolist() == [True] * 4 + [False] * 2


def test_a_turned_box_becomes_the_upright_one_around_it(tmp_path):
    boxes = cvat_box(0, 10, more=' rotation="90"') + cvat_box(1, 10, outside=1)
    made = data.read(put(tmp_path / "a.xml", cvat_xml(track(boxes))))
    np.testing.assert_allclose(made.boxes.xyxy, [[5, 10, 25, 20]], atol=1e-9)


def test_attributes_neither_fill_the_memory_nor_take_the_place_of_columns(tmp_path):
    inner = "".join(f'<attribute name="a{k}">1</attribute>' for k in range(150))
    inner += f'<attribute name="long">{"x" * 5000}</attribute>'
    made = data.read(put(tmp_path / "a.xml", cvat_xml(track(cvat_box(0, 1, inner=inner)))))
    assert len(made.boxes.extra) == 100 + 1  # and occluded
    assert "51 attributes were left out; 100 of up to 200 characters are kept" in made.notes
    inner = '<attribute name="id">9</attribute><attribute name="track_id">8</attribute>'
    made = data.read(put(tmp_path / "b.xml", cvat_xml(track(cvat_box(0, 1, inner=inner)))))
    assert set(made.boxes.extra) == {"attribute_id", "occluded"}
    assert set(made.boxes.track_id.tolist()) == {0}
    xml = CVAT_IMAGES.replace('name="a/img0.jpg"', f'name="{"a/" * 5000}img0.jpg"')
    with pytest.raises(DataError, match=r"is longer than 409\d bytes"):
        data.read(put(tmp_path / "c.xml", xml))


def test_a_task_as_cvat_exports_it(tmp_path):
    """Every third frame from 10 on; a track of points, one of a line, and a skeleton with tracks of its own."""
    boxes = cvat_box(10, 3) + cvat_box(13, 7, outside=1) + cvat_box(16, 8, outside=1)
    points = '<points frame="10" outside="0" occluded="0" keyframe="1" points="21.95,8.00" z_order="0"></points>'
    skeleton = points.replace("points frame", "skeleton frame").replace("</points>", "</skeleton>") + track(points)
    tracks = track(boxes) + track(points, number=1) + track(skeleton, number=3, label="skeleton")
    made = data.read(put(tmp_path / "annotations.xml", cvat_xml(tracks, size=4, start=10, step=3, name="v1")))
    assert (made.sequences, made.images.frame.tolist()) == (("v1",), [10, 13, 16, 19])
    assert corners(made) == {10: 3}
    assert made.classes == ("person", "car")
    assert len([note for note in made.notes if "left out" in note]) == 2


def test_tracks_of_other_shapes_are_said(tmp_path):
    shapes = '<points frame="0" outside="0" occluded="0" keyframe="1" points="1,2"/>'
    xml = cvat_xml(track(shapes) + track(cvat_box(0, 1, keyframe=0), number=1) + track(cvat_box(0, 1), number=2))
    made = data.read(put(tmp_path / "a.xml", xml))
    assert set(made.boxes.track_id.tolist()) == {2}
    assert "the track 0 is of <points> and was left out" in made.notes
    assert "the track 1 has no keyframe and was left out, as by CVAT" in made.notes


def test_a_project_has_a_sequence_a_task(tmp_path):
    task = "<task><id>{0}</id><name>t{0}</name><size>2</size><subset>{1}</subset></task>"
    tasks = task.format(1, "Train") + task.format(2, "Test")
    tracks = "".join(
        f'<track id="{k}" label="person" task_id="{k}" subset="x">{cvat_box(0, k)}</track>' for k in (1, 2)
    )
    xml = f"<annotations><meta><project><tasks>{tasks}</tasks></project></meta>{tracks}</annotations>"
    made = data.read(put(tmp_path / "a.xml", xml))
    assert (made.sequences, made.splits, len(made.boxes)) == (("t1", "t2"), ("Train", "Test"), 4)
    assert data.read(tmp_path / "a.xml", split="Test").boxes.xyxy[:, 0].tolist() == [2, 2]


@pytest.mark.parametrize("numbers", [range(6), range(1, 7), range(100, 106)])
def test_the_pictures_of_a_task_are_found(tmp_path, numbers):
    put(tmp_path / "annotations.xml", cvat_xml(track(cvat_box(0, 1))))
    for k in numbers:
        write_picture(tmp_path / f"images/frame_{k:06d}.PNG", (64, 48))
    made = data.read(tmp_path)
    assert [Path(p).stem[-6:] for p in made.images.path.tolist()] == [f"{k:06d}" for k in numbers]
    check_clean(tmp_path)


def test_a_film_beside_the_file_is_the_picture(tmp_path):
    (tmp_path / "street.mp4").write_bytes(b"x")
    made = data.read(put(tmp_path / "a.xml", cvat_xml(track(cvat_box(10, 1)), size=3, start=10, step=5)))
    assert made.images.path.tolist() == ["street.mp4#10", "street.mp4#15", "street.mp4#20"]


def test_two_keyframes_do_not_stand_for_millions_of_boxes(tmp_path):
    path = put(tmp_path / "a.xml", cvat_xml(track(cvat_box(0, 1)) * 3, size=50_000))
    with (
        limited(boxes=100_000),
        pytest.raises(DataError, match="The boxes that keyframes mean must be at most 100,000"),
    ):
        data.read(path)
    with pytest.raises(DataError, match="The last frame must be at most"):
        data.read(put(tmp_path / "b.xml", cvat_xml(track(cvat_box(0, 1)), size=10**12)))


def test_entities_are_refused(tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY b "' + "x" * 100 + '">]><annotations><track id="0" label="&b;"/></annotations>'
    with pytest.raises(DataError, match="must not hold entities"):
        data.read(put(tmp_path / "a.xml", bomb))
    deep = "<annotations><track>" + "<a>" * 5000 + "</a>" * 5000 + "</track></annotations>"
    with pytest.raises(DataError, match="nested 100 deep at most"):
        data.read(put(tmp_path / "b.xml", deep))


# ---- CVAT for video: writing


def test_comments_without_an_end_cost_no_time(tmp_path):
    put(tmp_path / "a.xml", "<!--" * 200_000)  # was quadratic: half a minute for each format that looked
    with pytest.raises(DataError, match="like none of the formats"):
        data.read(tmp_path / "a.xml")
    assert first_tag(put(tmp_path / "b.xml", "<!-- <no> -->\n<yes/><!-- ")) == "yes"


def test_written_tracks_have_few_keyframes_and_an_end(tmp_path):
    made = film(tmp_path / "source", frames=30)
    gone = made.boxes.track_id == 7  # this one leaves after frame 9, pauses, and returns for frames 20 to 24
    frame = made.images.frame[made.boxes.image]
    made = made.keep_boxes(~(gone & ((frame > 9) & (frame < 20) | (frame > 24))) & ~made.boxes.ignore)
    notes = data.write(made, tmp_path / "set", "cvat")
    text = (tmp_path / "set/street/annotations.xml").read_text()
    assert text.count('keyframe="1"') == text.count("<box ")  # what CVAT would interpolate is left to it
    boxes = text.count("<box ")
    assert boxes == 2 + 4 + 2  # both ends of three straight walks, and two outsides
    assert text.count('frame="10" keyframe="1" outside="1"') == 1
    assert text.count('frame="25" keyframe="1" outside="1"') == 1
    assert any("6 of 45 boxes are keyframes" in note for note in notes)
    again = data.read(tmp_path / "set")
    np.testing.assert_allclose(again.boxes.xyxy, made.boxes.xyxy, atol=0.01)
    np.testing.assert_array_equal(again.boxes.track_id, made.boxes.track_id)
    check_clean(tmp_path / "set")


def test_a_tolerance_bounds_what_keyframes_leave_out(tmp_path):
    made = film(tmp_path / "source", frames=40)
    made = made.keep_boxes(~made.boxes.ignore)
    noise = np.random.default_rng(0).normal(0, 0.3, made.boxes.xyxy.shape)
    made = made.replace(boxes=made.boxes.replace(xyxy=made.boxes.xyxy + noise))
    counts = []
    for tolerance in (0, 0.01, 0.5, 2):
        target = tmp_path / f"set{tolerance}"
        data.write(made, target, "cvat", images="none", tolerance=tolerance)
        again = data.read(target)
        assert np.abs(again.boxes.xyxy - made.boxes.xyxy).max() <= tolerance + 1e-9
        counts.append((target / "street/annotations.xml").read_text().count("<box "))
    assert counts[0] >= counts[1] > counts[2] > counts[3]
    with pytest.raises(InvalidInputError, match="tolerance must be a number of pixels"):
        data.write(made, tmp_path / "x", "cvat", tolerance=-1)


def test_written_frames_keep_start_and_step(tmp_path):
    made = film(tmp_path / "source", frames=4)
    assert not any("make their tasks" in note for note in data.write(made, tmp_path / "plain", "cvat"))
    made = made.replace(images=made.images.replace(frame=made.images.frame * 5 + 10))
    notes = data.write(made, tmp_path / "set", "cvat")
    assert any("the frames of 1 sequences are not 0, 1, 2, ...: make their tasks of the film" in note for note in notes)
    text = (tmp_path / "set/street/annotations.xml").read_text()
    for part in ("<start_frame>10<", "<stop_frame>25<", "<frame_filter>step=5<", "<size>4<"):
        assert part in text
    assert (tmp_path / "set/street/images/frame_000015.png").is_file()
    again = data.read(tmp_path / "set")
    np.testing.assert_array_equal(again.images.frame, made.images.frame)
    np.testing.assert_allclose(again.boxes.xyxy, made.boxes.xyxy, atol=1e-9)
    assert again.boxes.ignore.sum() == 1


def test_names_that_lead_out_are_not_written(tmp_path):
    made = film(tmp_path / "source")
    for name, format_ in (("../../x", "cvat"), ("/tmp/x", "cvat"), ("..", "kitti")):
        evil = made.replace(images=made.images.replace(sequence=[name] * len(made)))
        with pytest.raises(TrackforgeError, match="must have a name that stays in its folder"):
            data.write(evil, tmp_path / "out", format_)
    evil = made.replace(images=made.images.replace(split=["../x"] * len(made)))
    for format_ in ("cvat", "cvat-images", "kitti"):
        with pytest.raises(TrackforgeError, match="must have a name that stays in its folder"):
            data.write(evil, tmp_path / "out", format_)


def test_what_xml_cannot_hold_is_marked(tmp_path):
    made = film(tmp_path / "source").replace(classes=('a\x07<&"b\ud800',))
    for name in ("cvat", "cvat-images"):
        data.write(made, tmp_path / name, name)
        assert data.read(tmp_path / name).classes == ('a\ufffd<&"b\ufffd',)


# ---- CVAT for images


def test_cvat_images_are_read(sample):
    made = data.read(sample("cvat-images"))
    assert (len(made), made.classes) == (2, ("person", "car"))
    assert made.images.path.tolist() == ["images/a/img0.jpg", "images/a/img1.jpg"]
    assert made.boxes.xyxy.tolist() == [[0, 2, 4, 4], [1, 2, 6, 5]]
    assert made.boxes.track_id.tolist() == [12, -1]
    assert {k: v.tolist() for k, v in made.boxes.extra.items()} == {
        "colour": ["red", ""],
        "plate": ["0042", ""],
        "occluded": [1, -1],
    }
    assert made.boxes.mask[0] is None
    assert made.boxes.mask[1][0].tolist() == [1, 2, 3, 4, 6, 5]
    assert "1 shapes other than boxes, polygons and masks were left out; the set holds boxes" in made.notes


def test_the_subsets_of_a_project_are_parts(tmp_path):
    images = "".join(
        f'<image id="0" name="img0.jpg" subset="{part}" task_id="{k}" width="8" height="8">'
        '<box label="a" occluded="0" xtl="0" ytl="2" xbr="4" ybr="4"/></image>'
        for k, part in enumerate(("Train", "Test"))
    )
    labels = "<labels><label><name>a</name></label><label><name>b</name></label></labels>"
    tasks = "<tasks><task><id>0</id><subset>Train</subset></task><task><id>1</id><subset>Test</subset></task></tasks>"
    xml = f"<annotations><meta><project>{tasks}{labels}</project></meta>{images}</annotations>"
    made = data.read(put(tmp_path / "annotations.xml", xml))
    assert (made.splits, made.classes) == (("Train", "Test"), ("a", "b"))
    assert made.images.path.tolist() == ["images/Train/img0.jpg", "images/Test/img0.jpg"]


@pytest.mark.parametrize(
    "name", ["kitti", "visdrone", "uavdt", "crowdhuman", "detrac", "cvat", "scalabel", "sportsmot"]
)
def test_what_systems_leave_beside_is_nobodys_and_an_archive_is_a_set(sample, tmp_path, monkeypatch, name):
    monkeypatch.setenv("TRACKFORGE_CACHE", str(tmp_path / "cache"))
    path = sample(name)
    first = data.read(path)
    for file in [p for p in path.rglob("*") if p.is_file()]:
        (file.parent / f"._{file.name}").write_bytes(b"\0\5\26\7")
    again = data.read(path)
    assert (len(again), len(again.boxes)) == (len(first), len(first.boxes))
    zipped = data.read(shutil.make_archive(str(tmp_path / "export"), "zip", path))
    assert (len(zipped), len(zipped.boxes)) == (len(first), len(first.boxes))
    np.testing.assert_array_equal(zipped.images.frame, first.images.frame)


def test_a_picture_of_cvat_stays_in_its_folder(tmp_path):
    for name in ("../../etc/passwd", "/etc/passwd"):
        xml = f'<annotations><image id="0" name="{name}" width="1" height="1"/></annotations>'
        with pytest.raises(DataError, match=r"a\.xml:1: The picture must have a name that stays"):
            data.read(put(tmp_path / "a.xml", xml))


# ---- BDD100K, Scalabel


def test_bdd_is_read(sample):
    made = data.read(sample("scalabel"))
    assert (made.sequences, made.splits) == (("b1c66a42", "b2"), ("train", "val"))
    part = made.in_split("train")
    assert part.images.frame.tolist() == [0, 1, 2]
    assert part.images.path[0] == "images/track/train/b1c66a42/b1c66a42-0000001.jpg"
    assert part.boxes.xyxy[0].tolist() == [1.5, 4.5, 11.5, 12.5]
    assert part.boxes.track_id.tolist() == [122063, 7, 122063, 8]
    assert part.boxes.ignore.tolist() == [False, True, False, True]
    assert part.boxes.extra["occluded"].tolist() == [1, -1, -1, -1]
    assert [made.classes[k] for k in part.boxes.class_id] == ["car", "other person", "car", "pedestrian"]
    official = data.read(made.root, split="val", inclusive=True)
    assert official.boxes.xyxy.tolist() == [[3, 4.5, 14, 13.5]]


def test_scalabel_in_its_other_spellings(tmp_path):
    frames = [bdd_frame(k, [bdd_label("car-a", "car", k), bdd_label("b", "bike", k)]) for k in (0, 1)]
    document = {"frames": frames, "config": {"categories": [{"name": "bike"}, {"name": "car"}]}}
    made = data.read(put(tmp_path / "a.json", json.dumps(document)))
    assert made.classes == ("bike", "car")
    assert made.boxes.track_id.tolist() == [0, 1, 0, 1]
    # stills: an id is the number of a label, not of somebody; lanes have no box
    old = [{"name": "x.jpg", "timestamp": 10000, "attributes": {}, "labels": [
        {"id": 3, "category": "car", "manualShape": True, "box2d": {"x1": 1, "y1": 2, "x2": 3, "y2": 4}},
        {"id": 4, "category": "lane/road curb", "poly2d": []},
    ]}, {"name": "y.jpg", "labels": None}]  # fmt: skip
    made = data.read(put(tmp_path / "b.json", json.dumps(old)))
    assert (len(made), made.sequences, made.boxes.track_id.tolist()) == (2, (), [-1])
    assert "1 labels without a box were left out; the set holds boxes" in made.notes


def test_a_bad_label_of_scalabel_is_named(tmp_path):
    bad = bdd_label("1", "car", 1)
    bad["box2d"]["x2"] = float("inf")
    path = put(tmp_path / "a.json", json.dumps([bdd_frame(0, [bdd_label("1", "car", 1), bad])]))
    with pytest.raises(DataError, match=r"a\.json: The label with index 1 of 'b1c66a42-0000001\.jpg' must be a finite"):
        data.read(path)


def test_pictures_outside_a_set_are_not_taken_along(tmp_path):
    """A label file that lies loose must not fetch pictures of other folders of yours."""
    write_picture(tmp_path / "private/1.jpg", (64, 48))
    for name in ("../private/1.jpg", "private/1.jpg"):
        frame = bdd_frame(0, [bdd_label("1", "car", 1)])
        path = put(tmp_path / "downloads/deep/a.json", json.dumps([{**frame, "name": name}]))
        with pytest.raises(TrackforgeError):
            data.convert(path, tmp_path / "out", to="yolo")
    assert not list((tmp_path / "out").rglob("*.jpg"))


# ---- lists of sequences


def test_dancetrack_has_its_parts(sample):
    path = sample("dancetrack")
    made = data.read(path)
    assert set(made.splits) == {"train", "val", "test"}
    assert (len(made), len(made.boxes)) == (6, 4)
    listed = data.read(path / "val_seqmap.txt")
    assert (listed.sequences, listed.splits) == (("dancetrack0004",), ("val",))


def test_sportsmot_has_its_parts(sample):
    path = sample("sportsmot")
    made = data.read(path)
    assert set(made.splits) == {"train", "val", "test"}
    assert (len(made), len(made.boxes)) == (6, 4)
    assert made.images.path[0].startswith("dataset/")
    assert data.read(path, split="val").sequences == ("v_00HRwkvvjtQ_c001",)
    assert len(data.read(path, split="basketball").sequences) == 2
    assert len(data.read(path / "splits_txt/basketball.txt").sequences) == 2


def test_a_seqmap_reads_what_it_names(tmp_path):
    for name in ("MOT17-02-DPM", "MOT17-02-FRCNN", "MOT17-04-FRCNN"):
        mot_sequence(tmp_path / "MOT17-train" / name)
    path = put(tmp_path / "seqmaps/MOT17-train.txt", "name\nMOT17-02-DPM\nMOT17-04-FRCNN\n")
    made = data.read(path)
    assert (made.sequences, made.splits) == (("MOT17-02-DPM", "MOT17-04-FRCNN"), ("MOT17-train",))
    check_clean(path)
    for name in made.sequences:
        put(tmp_path / f"results/{name}.txt", "1,1,0,2,10,20,1,-1,-1,-1\n2,1,1,2,10,20,1,-1,-1,-1\n")
    done = run("eval", path, tmp_path / "results", "--preprocessing", "mot17")
    assert done.stdout.count("100.00") >= 3
    put(path, "name\nMOT17-02-DPM\nMOT17-99-DPM\n")
    with pytest.raises(DataError, match=r"MOT17-train\.txt:3: A sequence of the list .*no 'MOT17-99-DPM' below"):
        data.read(path)


# ---- from the command line


def test_scores_take_any_set_with_sequences_as_truth(sample, tmp_path):
    data.write(data.read(sample("cvat")), tmp_path / "mot", "mot")
    done = run("eval", tmp_path / "cvat", tmp_path / "mot/street/gt/gt.txt")
    assert "100.00" in done.stdout
    tracks = put(tmp_path / "a.txt", "1,1,5.5,10,16,12,1,-1,-1,-1\n")
    done = run("eval", sample("detrac") / "DETRAC-Train-Annotations-XML/MVI_20011.xml", tracks)
    assert "3 ignore regions are no truth" in done.stderr
    assert "only" in run("eval", sample("crowdhuman"), tracks, code=1).stderr


def test_the_command_converts_both_ways(sample, tmp_path):
    path = sample("kitti")
    run("data", "convert", path, tmp_path / "cvat", "--to", "cvat", "--split", "training")
    out = run("data", "convert", tmp_path / "cvat", tmp_path / "again", "--to", "kitti").stdout
    assert "cvat -> kitti" in out
    first, again = data.read(path, split="training"), data.read(tmp_path / "again")
    np.testing.assert_allclose(again.boxes.xyxy, first.boxes.xyxy, atol=0.01)
    assert [again.classes[k] for k in again.boxes.class_id[1:]] == ["Van", "Pedestrian", "Van"]
