"""MOTChallenge text has numbers of classes; their names stand beside it, and go wherever its boxes go."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trackforge
from trackforge.errors import ConfigError, SinkError
from trackforge.io.mot import MotSink, MotSinkConfig, write_mot
from trackforge.io.mot_labels import names_path, read_labels, read_names, write_names
from trackforge.io.tables import convert_tables, read_classes, read_tables, write_tables
from trackforge.metrics import average_precision
from trackforge.table import TrackTable
from trackforge.types import Stream

NAMES = ("person", "bicycle", "traffic light")


def table(*classes: int, sequence: str = "S") -> TrackTable:
    n = len(classes)
    boxes = np.array([[30.0 * k, 0, 30.0 * k + 20, 40] for k in range(n)])
    return TrackTable(frame=[0] * n, track_id=range(1, n + 1), xyxy=boxes, class_id=classes, sequence=sequence)


def written(path, classes, *, made=None, **settings):
    with MotSink(MotSinkConfig(path=path, **settings)) as sink:
        sink.open(Stream(classes=classes))
        for step in (made or table(0, 2)).steps():
            sink.write(step)
    return path


def test_names_stand_beside_each_file_and_files_of_one_folder_may_differ(tmp_path):
    a, b = written(tmp_path / "a.txt", NAMES), written(tmp_path / "b.txt", ("car", "bus", "truck"))
    assert read_labels(a) == NAMES
    assert read_labels(b) == ("car", "bus", "truck")
    assert read_names([a, b]) == ()
    assert sorted(read_tables(tmp_path, "mot")) == ["a", "b"]
    assert [line.split(",")[7] for line in a.read_text().splitlines()] == ["1", "3"]


@pytest.mark.parametrize("classes", [("person",), ("pedestrian",), ()])
def test_files_of_people_keep_the_form_of_the_benchmark(tmp_path, classes):
    path = written(tmp_path / "S.txt", classes, made=table(0, 0))
    assert [path.name for path in tmp_path.iterdir()] == ["S.txt"]
    assert [line.split(",")[7] for line in path.read_text().splitlines()] == ["-1", "-1"]


def test_one_class_of_something_else_is_named_and_a_name_of_before_does_not_stay(tmp_path):
    path = written(tmp_path / "S.txt", ("helmet",), made=table(0))
    assert read_labels(path) == ("helmet",)
    written(path, NAMES)
    written(path, ("person",), made=table(0))
    assert read_labels(path) == ("person",)


def test_nothing_beside_where_nobody_wants_it_or_nothing_is_kept(tmp_path):
    written(tmp_path / "S.txt", NAMES, labels=False)
    written("/dev/null", NAMES)
    sink = MotSink(MotSinkConfig(path=tmp_path / "T.txt"))
    sink.__enter__()
    sink.open(Stream(classes=NAMES))
    sink.__exit__(RuntimeError, RuntimeError("no"), None)
    assert not [path for path in tmp_path.iterdir() if "labels" in path.name]


@given(st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=5))
def test_any_name_comes_back_as_one_line(tmp_path_factory, names):
    file = tmp_path_factory.mktemp("names") / "S.txt"
    write_names(file, names)
    assert len(read_labels(file)) == len(names)
    plain = [" ".join(name.encode(errors="replace").decode().split()).strip("\"'") for name in names]
    if plain == list(names):
        assert read_labels(file) == tuple(names)


def test_a_file_of_its_own_goes_before_that_of_the_folder(tmp_path):
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    assert read_labels(tmp_path / "S.txt") == ("cat", "dog")
    written(tmp_path / "S.txt", NAMES)
    assert read_labels(tmp_path / "S.txt") == NAMES


@pytest.mark.parametrize("ending", ["out.json", "out.jsonl", "out.parquet", "out.txt", "folder"])
def test_names_survive_conversion_to_every_format_and_back(tmp_path, ending):
    if ending.endswith("parquet"):
        pytest.importorskip("pyarrow")
    source, there, back = written(tmp_path / "S.txt", NAMES), tmp_path / "to" / ending, tmp_path / "back" / "S.txt"
    convert_tables(source, there)
    form = {"json": "coco", "jsonl": "jsonl", "parquet": "parquet"}.get(there.suffix[1:], "mot")
    assert read_classes(there, form) == (NAMES if form != "jsonl" else ("person", "class 1", "traffic light"))
    convert_tables(there, back)
    assert read_tables(back, "mot")["S"].class_id.tolist() == [0, 2]
    assert read_labels(back)[0::2] == NAMES[0::2]
    if form == "coco":
        assert [one["name"] for one in json.loads(there.read_text())["categories"]] == list(NAMES)


def test_numbers_are_no_names(tmp_path):
    write_mot(tmp_path / "S.txt", table(0, 2))
    convert_tables(tmp_path / "S.txt", tmp_path / "S.json")  # COCO must call categories something
    convert_tables(tmp_path / "S.json", tmp_path / "back/S.txt")
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["S.txt"]


def test_conversion_replaces_no_names_that_it_was_not_told_to(tmp_path):
    source = written(tmp_path / "S.txt", NAMES)
    (tmp_path / "T.labels.txt").write_text("mine\n")
    with pytest.raises(SinkError, match=r"T\.labels\.txt is there already"):
        convert_tables(source, tmp_path / "T.txt")
    convert_tables(source, tmp_path / "T.txt", overwrite=True)
    assert read_labels(tmp_path / "T.txt") == NAMES
    with pytest.raises(ConfigError):
        convert_tables(source, tmp_path / "S.txt", overwrite=True)


def test_truth_counts_from_one_and_keeps_its_names(tmp_path):
    gt = tmp_path / "S/gt/gt.txt"
    write_mot(gt, table(1, 3), kind="truth")
    (gt.parent / "labels.txt").write_text("\n".join(NAMES))
    convert_tables(gt, tmp_path / "gt.json", kind="truth")
    document = json.loads((tmp_path / "gt.json").read_text())
    names = {one["id"]: one["name"] for one in document["categories"]}
    assert [names[one["category_id"]] for one in document["annotations"]] == ["person", "traffic light"]


def test_read_back_drawn_and_scored_by_name(tmp_path):
    pytest.importorskip("faster_coco_eval")
    truth = tmp_path / "truth.json"
    write_tables(truth, {"S": table(0, 1)}, "coco", classes=("traffic light", "person"))
    found = written(tmp_path / "S.txt", NAMES, made=table(2, 0))  # the same things under other numbers
    report = average_precision(truth, found)
    assert report.classes["person"].ap50 == report.classes["traffic light"].ap50 == pytest.approx(1)
    detector = trackforge.detector("file", path=found)
    assert detector.classes == NAMES
    assert names_path(found).name == "S.labels.txt"
