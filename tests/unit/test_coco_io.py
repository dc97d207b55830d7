"""COCO json: annotations with track ids, lists of results, the sink."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import trackforge
from trackforge.errors import DataError
from trackforge.io.coco import CocoSink, CocoSinkConfig, read_coco, read_coco_classes, write_coco
from trackforge.table import TrackTable


@pytest.fixture
def tables() -> dict[str, TrackTable]:
    return {
        "a": TrackTable(
            frame=[0, 0, 3],
            track_id=[1, 2, 1],
            xyxy=[[1, 2, 3.5, 8], [0, 0, 30, 10], [5, 5, 6, 6]],
            score=[0.5, 0.25, 1],
            class_id=[0, 2, 0],
            extra={"flag": [1, 0, 1]},
            sequence="a",
        ),
        "b": TrackTable.empty("b"),
        "c": TrackTable(frame=[2], track_id=[-1], xyxy=[[0, 0, 1, 1]], sequence="c"),
    }  # type: ignore[arg-type]


def test_round_trip(tables: dict[str, TrackTable], tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    write_coco(path, tables, classes=("person", "bicycle"), sizes={"a": (640, 480)}, lengths={"b": 4})
    assert read_coco_classes(path) == ("person", "bicycle", "class 2")
    again = read_coco(path)
    assert list(again) == ["a", "b", "c"]
    for name, table in tables.items():
        for column in ("frame", "track_id", "xyxy", "score", "class_id"):
            assert np.array_equal(getattr(again[name], column), getattr(table, column)), (name, column)
    assert again["a"].extra["flag"].tolist() == [1, 0, 1]
    images = json.loads(path.read_text())["images"]
    assert len(images) == 4 + 4 + 3
    assert images[0]["width"] == 640


@pytest.mark.parametrize("first", [0, 1])
def test_frame_ids_of_other_tools_count_from_0_or_1(tmp_path: Path, first: int) -> None:
    document = {
        "videos": [{"id": 5, "name": "v"}],
        "images": [{"id": 10 + k, "video_id": 5, "frame_id": k + first} for k in range(3)],
        "categories": [{"id": 44, "name": "dog"}, {"id": 3, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 12, "category_id": 44, "bbox": [1, 2, 3, 4], "instance_id": 9},
            {"id": 2, "image_id": 10, "category_id": 3, "bbox": [1, 2, 3, 4], "track_id": 9, "iscrowd": 1},
        ],
    }
    path = tmp_path / "v.json"
    path.write_text(json.dumps(document))
    table = read_coco(path)["v"]
    assert table.frame.tolist() == [0, 2]
    assert table.class_id.tolist() == [0, 1]
    assert table.track_id.tolist() == [9, 9]
    assert table.extra["flag"].tolist() == [0, 1]
    assert table.xyxy[0].tolist() == [1, 2, 4, 6]


def test_images_without_video_or_frame_are_one_sequence_in_order(tmp_path: Path) -> None:
    path = tmp_path / "street.json"
    images = [{"id": 30}, {"id": 7}]
    path.write_text(
        json.dumps({"images": images, "annotations": [{"image_id": 30, "category_id": 0, "bbox": [0, 0, 1, 1]}]})
    )
    table = read_coco(path)["street"]
    assert (table.frame.tolist(), table.track_id.tolist()) == ([1], [-1])


def test_results_lean_on_a_reference(tables: dict[str, TrackTable], tmp_path: Path) -> None:
    reference, results = tmp_path / "truth.json", tmp_path / "results.json"
    write_coco(reference, tables)
    results.write_text(json.dumps([{"image_id": 4, "category_id": 3, "bbox": [0, 0, 2, 2], "score": 0.75}]))
    found = read_coco(results, reference=reference)
    assert found["a"].frame.tolist() == [3]
    assert found["a"].class_id.tolist() == [2]
    assert found["a"].score.tolist() == [0.75]
    assert not found["a"].extra
    assert len(found["b"]) == 0
    alone = read_coco(results)["results"]
    assert (alone.frame.tolist(), alone.class_id.tolist()) == ([3], [3])  # counted from 1, as none is 0


BOX = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{\n'x'", r"bad.json:2: A COCO file must be JSON"),
        ("3", "must hold an object or a list; got int"),
        ("{}", "must have 'images' and 'annotations'"),
        (
            json.dumps({"images": [{"id": 1}], "annotations": [BOX, {"image_id": 1}]}),
            r"annotations\[1\] must have bbox",
        ),
        (
            json.dumps({"images": [{"id": 2}], "annotations": [BOX]}),
            r"annotations\[0\] must belong to an image",
        ),
        (json.dumps([BOX | {"bbox": [0, 0, -1, 1]}]), r"results\[0\] must have width and height"),
        (json.dumps([BOX | {"bbox": [0, 0, 1]}]), r"results\[0\] must have bbox \[left, top, width, height\]"),
        (json.dumps([BOX | {"bbox": [0, 0, "wide", 1]}]), r"results\[0\] must have bbox .*could not convert"),
        (
            json.dumps({"videos": [{"id": 1}], "images": [{"id": 1, "video_id": 8}], "annotations": []}),
            r"images\[0\] must be of a video of the file; there is none with id 8",
        ),
        (json.dumps([BOX | {"track_id": 1}, BOX | {"track_id": 1}]), "once in a frame"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_coco(path)


def test_sink(tables: dict[str, TrackTable], tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    sink = trackforge.sink("coco", path=path, classes="person,car,dog")
    assert isinstance(sink, CocoSink)
    with sink:
        for step in tables["a"].steps():
            sink.write(step)
        assert not path.exists()
    again = read_coco(path)["a"]
    assert np.array_equal(again.xyxy, tables["a"].xyxy)
    assert np.array_equal(again.track_id, tables["a"].track_id)
    assert read_coco_classes(path)[2] == "dog"
    broken = CocoSink(CocoSinkConfig(path=tmp_path / "no.json"))
    with pytest.raises(RuntimeError), broken:
        raise RuntimeError
    assert not (tmp_path / "no.json").exists()


def test_masks_are_written_as_segmentations(tmp_path: Path) -> None:
    table = TrackTable(
        frame=[0], track_id=[1], xyxy=[[0, 0, 2, 2]], mask=[{"size": [2, 2], "counts": b"04"}], sequence="a"
    )
    write_coco(tmp_path / "a.json", table)
    assert read_coco(tmp_path / "a.json")["a"].mask.tolist() == [{"size": [2, 2], "counts": "04"}]
    (annotation,) = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert annotation["segmentation"] == {"size": [2, 2], "counts": "04"}
