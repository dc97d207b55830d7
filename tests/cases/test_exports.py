"""Exports of label tools, benchmarks and trackers as they come, and conversions that would fall upon their source."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cli_runs import run
from labelled import write_picture

from trackforge import data, evaluate
from trackforge.cli import main
from trackforge.data import Boxes, Dataset, Images
from trackforge.errors import ConfigError, DataError, InvalidInputError, SinkError
from trackforge.io.tables import convert_tables

TRUTH = "".join(f"{f},{i},{10 * i + f},20,10,20,1,1,1\n" for f in range(1, 11) for i in (1, 2))
TRACKS = "".join(f"{f},{i},{10 * i + f},20,10,20,0.9,-1,-1,-1\n" for f in range(1, 11) for i in (1, 2))
BOX = "<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>20</xmax><ymax>20</ymax></bndbox>"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def still(root: Path, *boxes: list[float], classes: tuple[str, ...] = ("p",)) -> Dataset:
    """A picture of 64x48 with boxes, in memory."""
    write_picture(root / "a.jpg", (64, 48))
    images = Images(path=["a.jpg"], width=[64], height=[48])
    return Dataset(images=images, boxes=Boxes(image=[0] * len(boxes), xyxy=boxes), classes=classes, root=root)


# ---- label tools


def test_yolo_of_label_studio_has_json_beside(tmp_path):
    write_picture(tmp_path / "images/a.jpg", (64, 48))
    put(tmp_path / "labels/a.txt", "1 0.5 0.5 0.25 0.25\n")
    put(tmp_path / "classes.txt", "Airplane\nCar")
    put(tmp_path / "notes.json", '{"categories": [{"id": 0, "name": "Airplane"}], "info": {"year": 2026}}')
    assert data.sniff(tmp_path).name == "yolo"
    made = data.read(tmp_path)
    assert made.classes == ("Airplane", "Car")
    assert made.boxes.xyxy.tolist() == [[24, 18, 40, 30]]


@pytest.mark.parametrize("part", ["", "train"])
def test_yolo_of_labelimg_lies_beside_its_pictures(tmp_path, part):
    write_picture(tmp_path / part / "a.jpg", (64, 48))
    write_picture(tmp_path / part / "b.jpg", (64, 48))
    put(tmp_path / part / "a.txt", "0 0.5 0.5 0.25 0.25\n")
    put(tmp_path / part / "classes.txt", "dog\n\n")
    assert data.sniff(tmp_path).name == "yolo"
    made = data.read(tmp_path)
    assert (made.classes, made.splits, len(made)) == (("dog",), (part,) if part else (), 2)
    assert made.boxes.xyxy.tolist() == [[24, 18, 40, 30]]
    assert "1 of 2 pictures have no label file; they count as empty" in made.notes


def test_texts_beside_pictures_need_not_be_labels(tmp_path):
    write_picture(tmp_path / "a.jpg", (64, 48))
    put(tmp_path / "a.txt", "a dog and 2 cats\n")
    with pytest.raises(DataError, match="none of the formats"):
        data.sniff(tmp_path)


def test_lvis_names_pictures_by_their_address_only(tmp_path):
    write_picture(tmp_path / "val2017/a.jpg", (64, 48))
    document = {
        "images": [{"id": 1, "coco_url": "http://images.example.org/val2017/a.jpg", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 5, "name": "cup"}],
    }
    put(tmp_path / "lvis.json", json.dumps(document))
    made = data.read(tmp_path / "lvis.json")
    assert made.image_path(0) == tmp_path / "val2017/a.jpg"


@pytest.mark.parametrize(("word", "ignore"), [("1", True), ("True", True), ("0", False), ("Unspecified", False)])
def test_difficult_in_words(tmp_path, word, ignore):
    write_picture(tmp_path / "JPEGImages/a.jpg", (64, 48))
    entry = f"<object><name>dog</name><difficult>{word}</difficult>{BOX}</object>"
    put(tmp_path / "Annotations/a.xml", f"<annotation><filename>a.jpg</filename>{entry}</annotation>")
    assert data.read(tmp_path).boxes.ignore.tolist() == [ignore]


def test_labels_of_a_picture_before_it_was_turned(tmp_path):
    images = Images(path=["a.jpg"], width=[48], height=[64])
    made = still(tmp_path, [1, 2, 11, 12]).replace(images=images)
    (problem,) = [p for p in data.check(made).problems if p.kind == "size-mismatch"]
    assert "EXIF" in problem.message
    with pytest.raises(DataError, match="EXIF"):
        data.Samples(made)[0]


def test_shares_of_the_picture_taken_for_pixels(tmp_path):
    shares = [[0.1, 0.1, 0.2, 0.2], [0.3, 0.1, 0.4, 0.2], [0.5, 0.5, 1.0, 1.0]]
    assert "normalised" in data.check(still(tmp_path, *shares)).counts
    assert "normalised" not in data.check(still(tmp_path, *shares, [1, 1, 9, 9])).counts


# ---- nothing is overwritten


def test_a_way_through_a_folder_that_is_not_there_leads_to_the_source(tmp_path):
    source = tmp_path / "set"
    data.write(still(tmp_path / "in", [1, 2, 11, 12]), source, "yolo")
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(SinkError, match="is, or holds, what is read"):
        data.convert(source, tmp_path / "gone/../set", to="voc")
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert data.sniff(source).name == "yolo"


def test_tracks_are_not_converted_onto_themselves(tmp_path):
    truth = put(tmp_path / "gt.txt", TRUTH)
    (tmp_path / "link.txt").symlink_to(truth)
    for target in (truth, tmp_path / "gone/../gt.txt", tmp_path / "link.txt"):
        for overwrite in (False, True):
            with pytest.raises(ConfigError, match="must not replace its source"):
                convert_tables(truth, target, overwrite=overwrite)
    put(tmp_path / "rs/a.txt", TRACKS)
    with pytest.raises(ConfigError, match="must not replace its source"):
        convert_tables(tmp_path / "rs", tmp_path / "rs")
    assert truth.read_text() == TRUTH


def test_files_of_tracks_are_replaced_when_asked_only(tmp_path):
    tracks, kept = put(tmp_path / "r.txt", TRACKS), put(tmp_path / "kept.json", "precious")
    assert "--overwrite" in run("convert", tracks, kept, code=1).stderr
    put(tmp_path / "filled/r.txt", "precious")
    assert main(["convert", str(tracks), str(tmp_path / "filled")]) == 1
    assert kept.read_text() == (tmp_path / "filled/r.txt").read_text() == "precious"
    assert main(["convert", str(tracks), str(kept), "--overwrite"]) == 0
    assert json.loads(kept.read_text())["annotations"]


# ---- what a writer cannot write so that it can be read


@pytest.mark.parametrize("name", ["kitti", "cvat", "cvat-images", "mot"])
def test_boxes_turned_inside_out_are_refused(tmp_path, name):
    made = still(tmp_path / "in", [20, 20, 10, 10])
    with pytest.raises((DataError, InvalidInputError), match="x1 <= x2"):
        data.convert(made, tmp_path / "out", to=name)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["label-studio", "voc", "jde"])
def test_half_a_character_in_the_name_of_a_class(tmp_path, name):
    made = still(tmp_path / "in", [1, 2, 11, 12], classes=("\ud800",))
    with pytest.raises(DataError, match=r"half a|XML can hold"):
        data.convert(made, tmp_path / "out", to=name)
    assert not (tmp_path / "out").exists()


def test_names_that_xml_cannot_hold(tmp_path):
    with pytest.raises(DataError, match="XML can hold"):
        data.write(still(tmp_path / "in", [1, 2, 11, 12], classes=("\x1b[31m",)), tmp_path / "out", "voc")


def test_videos_named_alike_in_two_parts(tmp_path):
    for part in ("train", "val"):
        put(tmp_path / f"set/{part}/S/gt/gt.txt", TRUTH)
    data.convert(tmp_path / "set", tmp_path / "set.json", images="none")
    assert set(data.to_tables(data.read(tmp_path / "set.json"))) == {"train/S", "val/S"}
    with pytest.raises(InvalidInputError, match="holds parts: train, val"):
        evaluate(tmp_path / "set", put(tmp_path / "r/S.txt", TRACKS).parent)


# ---- scores of trees as they come


def test_parts_without_truth_are_not_scored_by_their_detections(tmp_path):
    put(tmp_path / "test/S-DPM/det/det.txt", TRACKS.replace(",1,", ",-1,"))
    results = put(tmp_path / "results/S-DPM.txt", TRACKS)
    for truth in (tmp_path / "test", tmp_path / "test/S-DPM"):
        with pytest.raises(InvalidInputError, match=r"must have gt/gt\.txt"):
            evaluate(truth, results)


def test_the_one_part_with_truth(tmp_path):
    put(tmp_path / "MOT/train/S/gt/gt.txt", TRUTH)
    put(tmp_path / "MOT/test/T/det/det.txt", TRACKS)
    results = put(tmp_path / "results/S.txt", TRACKS).parent
    assert evaluate(tmp_path / "MOT", results).combined["MOTA"] == 1


def test_the_layout_of_the_official_evaluator(tmp_path):
    put(tmp_path / "gt/S/gt/gt.txt", TRUTH)
    put(tmp_path / "Mine/data/S.txt", TRACKS)
    put(tmp_path / "Mine/pedestrian_summary.txt", "HOTA DetA\n1 2\n")
    assert evaluate(tmp_path / "gt", tmp_path / "Mine").combined["MOTA"] == 1


def test_archives_of_results_and_truth_are_opened(tmp_path):
    for name, entry, text in (("truth", "S/gt/gt.txt", TRUTH), ("results", "mine/S.txt", TRACKS)):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr(entry, text)
    cache = str(tmp_path / "cache")
    out = run("eval", tmp_path / "truth.zip", tmp_path / "results.zip", "--json", TRACKFORGE_CACHE=cache).stdout
    assert json.loads(out)["combined"]["MOTA"] == 1


def test_corners_in_the_place_of_sizes_are_doubted(tmp_path, caplog):
    lines = []
    for line in TRACKS.splitlines():
        frame, track, left, top, width, height, *rest = line.split(",")
        lines.append(
            ",".join([frame, track, left, top, str(int(left) + int(width)), str(int(top) + int(height)), *rest])
        )
    evaluate(put(tmp_path / "gt.txt", TRUTH), put(tmp_path / "r.txt", "\n".join(lines)))
    assert "right and bottom" in caplog.text


def test_an_empty_device_is_an_empty_file(tmp_path):
    scores = evaluate(put(tmp_path / "gt.txt", TRUTH), "/dev/null").combined
    assert (scores["FN"], np.isfinite(scores["HOTA"])) == (20, True)
