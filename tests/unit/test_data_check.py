from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from labelled import film, stills, write_picture

from trackforge import data
from trackforge.data.grid import draw
from trackforge.errors import DataError, InvalidInputError, SinkError


def kinds(report):
    return sorted((p.level, p.kind) for p in report.problems)


def test_a_sound_set_has_no_problems(tmp_path):
    report = data.check(stills(tmp_path), pictures="decode")
    assert report.problems == ()
    assert (report.errors, report.summary.boxes, report.summary.images) == (0, 8, 4)
    assert report.summary.classes == {"person": 4, "car": 4}
    assert report.summary.splits == {"train": 2, "val": 2}
    assert report.summary.picture_sizes == {"64x48": 4}
    assert sum(report.summary.sizes.values()) == 8


@pytest.mark.parametrize(
    ("corners", "found"),
    [
        ([5, 5, 5, 20], ("error", "zero-size")),
        ([9, 5, 5, 20], ("error", "zero-size")),
        ([np.nan, 5, 9, 20], ("error", "not-finite")),
        ([70, 5, 90, 20], ("error", "outside")),
        ([-9, 5, 0, 20], ("error", "outside")),
        ([-9, 5, 30, 20], ("warning", "partly-outside")),
        ([-0.3, 5, 30, 48.4], None),
    ],
)
def test_boxes_that_are_wrong_are_found(tmp_path, corners, found):
    made = stills(tmp_path)
    xyxy = made.boxes.xyxy.copy()
    xyxy[2] = corners
    report = data.check(made.replace(boxes=made.boxes.replace(xyxy=xyxy)))
    assert kinds(report) == ([found] if found else [])
    if found:
        assert report.problems[0].path == tmp_path / "pictures/p1.png"


def test_people_who_walk_out_of_a_film_are_no_error(tmp_path):
    made = film(tmp_path)
    xyxy = made.boxes.xyxy.copy()
    xyxy[4] += [80, 0, 80, 0]
    assert kinds(data.check(made.replace(boxes=made.boxes.replace(xyxy=xyxy)))) == [("warning", "outside")]


def test_what_is_there_twice_is_found(tmp_path):
    made = film(tmp_path)
    ids = made.boxes.track_id.copy()
    ids[4] = ids[3]
    twice = data.check(made.replace(boxes=made.boxes.replace(track_id=ids)))
    assert kinds(twice) == [("error", "duplicate-id")]
    assert kinds(data.check(made[[0, 1, 1]])) == [("error", "duplicate-picture")]
    double = data.Boxes.concatenate([made.boxes, made.boxes[2:3].replace(track_id=[8])])
    assert kinds(data.check(made.replace(boxes=double))) == []  # two identities at one place may be
    loose = made.replace(boxes=data.Boxes.concatenate([made.boxes, made.boxes[2:3]]).replace(track_id=None))
    assert kinds(data.check(loose)) == [("warning", "duplicate-box")]


def test_pictures_that_are_wrong_are_found(tmp_path):
    made = stills(tmp_path)
    (tmp_path / "pictures/p0.png").unlink()
    (tmp_path / "pictures/p1.png").write_bytes(b"rubbish")
    write_picture(tmp_path / "pictures/p2.png", (32, 24))
    whole = (tmp_path / "pictures/p3.png").read_bytes()
    (tmp_path / "pictures/p3.png").write_bytes(whole[:60])
    expected = ["broken-picture", "missing-picture", "size-mismatch"]
    assert [k for _, k in kinds(data.check(made))] == expected
    assert [k for _, k in kinds(data.check(made, pictures="exist"))] == ["missing-picture"]
    assert [k for _, k in kinds(data.check(made, pictures="decode"))] == ["broken-picture", *expected]


def test_classes_are_checked(tmp_path):
    made = stills(tmp_path)
    empty = made.replace(classes=("person", "car", "dog"))
    assert kinds(data.check(empty)) == [("warning", "empty-class")]
    wrong = made.replace(boxes=made.boxes.replace(class_id=[0, 1, 0, 1, 0, 1, 0, 2]))
    assert kinds(data.check(wrong)) == [("error", "class-range")]


def test_an_empty_set_is_an_error(tmp_path):
    made = stills(tmp_path)
    assert ("error", "empty-set") in kinds(data.check(made[:0]))
    assert ("error", "empty-set") in kinds(data.check(made.keep_boxes(np.zeros(8, bool))))
    with pytest.raises(DataError, match="nothing here"):
        data.check(tmp_path / "absent")


def test_many_findings_of_a_kind_are_counted(tmp_path):
    made = stills(tmp_path, count=30)
    report = data.check(made.replace(boxes=made.boxes.replace(xyxy=np.zeros((60, 4)))))
    assert report.counts["zero-size"] == 60
    assert report.errors == 20
    assert "... and 40 more [zero-size]" in str(report)


def test_the_report_reads_well(data_dir):
    text = str(data.check(data_dir / "coco128"))
    assert "256 images (2 without a box), 1827 boxes, 0 ignore regions, 0 identities, 80 classes" in text
    assert "train2017      128 ████████████████████████" in text
    assert "The label file has no picture. [orphan-label]" in text
    assert "The class 'toaster' has no box. [empty-class]" in text


# ---- looking


def test_a_grid_shows_the_labelled_pictures(tmp_path):
    made = stills(tmp_path, count=6)
    grid = data.show(made, tmp_path / "grid.png", count=5, columns=3, cell=(128, 96))
    assert grid.shape == (2 * (96 + 6) + 6, 3 * (128 + 6) + 6, 3)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "grid.png"))[:, :, ::-1], grid)
    drawn = {data.show(made, count=2, cell=(128, 96), pick="random", seed=k).tobytes() for k in (0, 0, 1, 2, 3)}
    assert 2 <= len(drawn) <= 4  # a seed gives its pictures every time, another seed others
    first = data.show(made, count=1, cell=(128, 96), pick="first")
    assert first.shape == (96 + 12, 128 + 12, 3)


def test_a_path_is_shown_as_the_set_that_lies_there(tmp_path):
    made = stills(tmp_path, count=6)
    data.write(made, tmp_path / "set", "yolo")
    shown = data.show(str(tmp_path / "set"), tmp_path / "grid.png", count=5, columns=3, cell=(128, 96))
    np.testing.assert_array_equal(shown, data.show(data.read(tmp_path / "set"), count=5, columns=3, cell=(128, 96)))
    assert (tmp_path / "grid.png").is_file()
    with pytest.raises(DataError, match="must exist"):
        data.show(tmp_path / "nothing")
    with pytest.raises(InvalidInputError, match=r"of a Dataset, or a path to one; got list. Make one with"):
        data.show([made])


def test_boxes_are_drawn_where_they_are():
    image = np.zeros((100, 100, 3), np.uint8)
    boxes = data.Boxes(image=[0, 0], xyxy=[[20, 30, 60, 90], [70, 40, 95, 95]], track_id=[4, -1], ignore=[False, True])
    drawn = draw(image, boxes, ("person",))
    assert drawn[60, 20].any()
    assert drawn[90, 40].any()
    assert not drawn[60, 40].any()
    assert len(set(drawn[60, 20].tolist())) > 1  # coloured
    region = drawn[45:90, 75:90].reshape(-1, 3)
    assert 0.05 < region.any(axis=1).mean() < 0.6  # hatched
    assert (region.max(axis=1) == region.min(axis=1)).all()  # and grey
    assert not image.any()
    by_id = draw(image, boxes, ("person",), colour="identity")
    assert (by_id[60, 20] != drawn[60, 20]).any()


def test_what_cannot_be_shown_is_refused(tmp_path):
    made = stills(tmp_path)
    with pytest.raises(SinkError, match=r"must be written as \.png"):
        data.show(made, tmp_path / "grid.gif")
    with pytest.raises(InvalidInputError, match="count, columns and cell"):
        data.show(made, count=0)
    with pytest.raises(DataError, match="labels only"):
        data.show(made.replace(images=made.images.replace(path=[""] * 4)))


# ---- converting


def test_the_official_conversion_of_mot_to_coco(tmp_path):
    data.write(film(tmp_path / "a", frames=7), tmp_path / "mot", "mot")
    report = data.convert(
        tmp_path / "mot", tmp_path / "out", to="coco", rule="official", ignore="background", halves="bytetrack"
    )
    assert report.splits == {"train_half": 4, "val_half": 3}
    assert (report.boxes, report.ignored, report.identities, report.notes) == (14, 0, 2, ())
    val = json.loads((tmp_path / "out/annotations/val_half.json").read_text())
    assert [i["frame_id"] for i in val["images"]] == [1, 2, 3]
    assert val["categories"] == [{"id": 1, "name": "pedestrian"}]
    assert (tmp_path / "out" / val["images"][0]["file_name"]).resolve() == (
        tmp_path / "mot/street/img1/000005.png"
    ).resolve()
    assert len(data.Samples(data.read(tmp_path / "out", split="val_half"))) == 3


def test_conversion_says_what_is_lost(tmp_path):
    report = data.convert(film(tmp_path / "a"), tmp_path / "out", to="yolo", min_visibility=0.5)
    assert report.notes == (
        "yolo cannot hold identities: 13 boxes lose theirs",
        "yolo cannot hold ignore regions: 7 were left out, which makes them background",
        "yolo cannot hold visibility: 6 boxes lose theirs",
        "yolo cannot hold sequences: 6 frames become stills, named by sequence and frame",
    )
    assert "note: yolo cannot hold identities" in str(report)
    assert len(data.read(tmp_path / "out").boxes) == 6


def test_sets_are_mixed_on_the_way(tmp_path):
    data.write(film(tmp_path / "a"), tmp_path / "mot", "mot")
    data.write(stills(tmp_path / "b"), tmp_path / "yolo", "yolo")
    report = data.convert(
        [tmp_path / "mot", tmp_path / "yolo"],
        tmp_path / "mix.json",
        rename={"pedestrian": "person"},
        classes=["person"],
        rule="official",
    )
    assert report.source_format == "mot + yolo"
    mixed = data.read(tmp_path / "mix.json")
    assert (len(mixed), len(mixed.boxes), mixed.classes) == (10, 16, ("person",))
    assert not data.check(mixed, pictures="decode").errors


def test_a_division_by_share_or_by_name(tmp_path):
    made = data.concatenate([film(tmp_path / "a"), film(tmp_path / "b", name="square")])
    assert data.prepare(made, val=["square"]).images.split.tolist() == ["train"] * 6 + ["val"] * 6
    assert data.prepare(stills(tmp_path / "c"), val=0.25).splits == ("train", "val")
    with pytest.raises(ValueError, match="not both"):
        data.prepare(made, val=0.5, halves="fairmot")
