"""One COCO file is the same to tables of tracks and to data sets: videos, frames, boxes, ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled import film

import trackforge
from trackforge import data
from trackforge.errors import DataError
from trackforge.io.coco import read_coco, read_coco_classes, write_coco
from trackforge.table import TrackTable


def written(path: Path, *, images: Sequence[Any], boxes: Sequence[Any] = (), **more: Any) -> Path:
    whole = [{"file_name": "x.jpg", "width": 9, "height": 9} | image for image in images]
    path.write_text(json.dumps({"images": whole, "annotations": list(boxes)} | more))
    return path


def same(path: Path) -> dict[str, TrackTable]:
    """Read a file on both sides, and return the tables after comparing what a data set makes of it."""
    tables, dataset = read_coco(path), data.read(path)
    others = data.to_tables(dataset)
    assert list(tables) == list(others)
    for name, table in tables.items():
        other = others[name]
        np.testing.assert_array_equal(table.frame, other.frame)
        np.testing.assert_array_equal(table.track_id, other.track_id)
        np.testing.assert_allclose(table.xyxy, other.xyxy)
        np.testing.assert_array_equal(table.extra["flag"], other.extra["flag"])
        labels = [dataset.classes[dataset.class_numbers.index(n)] for n in other.class_id.tolist()]
        assert [read_coco_classes(path)[c] for c in table.class_id.tolist()] == labels
    return tables


VIDEOS = [{"id": "b", "name": "north"}, {"id": 7, "file_name": "south"}]
DOGS = [{"id": 44, "name": "dog"}, {"id": 3, "name": "car"}]


def box(image: Any, **more: Any) -> dict[str, Any]:
    return {"image_id": image, "category_id": 44, "bbox": [1, 2, 3, 4]} | more


def test_ids_may_be_numbers_and_words(tmp_path: Path) -> None:
    images = [
        {"id": "b/2", "video_id": "b", "frame_id": 2},
        {"id": "b/1", "video_id": "b", "frame_id": 1},
        {"id": 1, "video_id": 7, "frame_id": 3},
        {"id": "1", "video_id": 7, "frame_id": 4},
    ]
    boxes = [
        box("b/2", track_id=4),
        box(1, category_id=3, ignore=1),
        box("1", instance_id=5),
        box("b/1", track_id=None),
    ]
    path = written(tmp_path / "a.json", images=images, boxes=boxes, videos=VIDEOS, categories=DOGS)
    tables = same(path)
    assert tables["north"].frame.tolist() == [0, 1]
    assert tables["north"].track_id.tolist() == [-1, 4]
    assert tables["south"].frame.tolist() == [2, 3]
    assert tables["south"].extra["flag"].tolist() == [0, 1]
    assert tables["south"].class_id.tolist() == [0, 1]  # by sorted id, though a data set lists dogs first
    assert data.read(path).classes == ("dog", "car")


@pytest.mark.parametrize(
    ("stated", "frames"),
    [
        ([{"frame_index": 3}, {"frame_index": 4}], [3, 4]),  # is 0-based though none is 0
        ([{"frame_id": 3}, {"frame_id": 4}], [2, 3]),
        ([{"frame_id": 0}, {"frame_id": 4}], [0, 4]),
        ([{"frame_index": 5, "frame_id": 1}, {"frame_index": 6, "frame_id": 2}], [5, 6]),
    ],
)
def test_frames_of_every_dialect(tmp_path: Path, stated: list[dict[str, int]], frames: list[int]) -> None:
    images = [{"id": k, "video_id": 7} | frame for k, frame in enumerate(stated)]
    path = written(tmp_path / "a.json", images=images, boxes=[box(0), box(1)], videos=VIDEOS[1:], categories=DOGS)
    assert same(path)["south"].frame.tolist() == frames


def test_one_file_counts_in_one_way(tmp_path: Path) -> None:
    images = [{"id": 1, "video_id": "b", "frame_id": 0}, {"id": 2, "video_id": 7, "frame_id": 5}]
    path = written(tmp_path / "a.json", images=images, boxes=[box(1), box(2)], videos=VIDEOS, categories=DOGS)
    tables = same(path)
    assert (tables["north"].frame.tolist(), tables["south"].frame.tolist()) == ([0], [5])


def test_a_video_numbers_all_of_its_images_or_none(tmp_path: Path) -> None:
    images = [{"id": 8, "video_id": 7, "frame_id": 9}, {"id": 5, "video_id": 7}, {"id": "a", "video_id": 7}]
    path = written(tmp_path / "a.json", images=images, boxes=[box("a"), box(8)], videos=VIDEOS[1:], categories=DOGS)
    assert read_coco(path)["south"].frame.tolist() == [1, 2]  # in the order of ids
    assert data.read(path).images.frame.tolist() == [-1, -1, -1]


def test_videos_need_no_list_but_must_be_in_it_where_there_is_one(tmp_path: Path) -> None:
    images = [{"id": 1, "video_id": 5, "frame_id": 1}]
    path = written(tmp_path / "a.json", images=images, boxes=[box(1)], categories=DOGS)
    assert list(same(path)) == ["5"]
    for videos, message in (
        (VIDEOS, r"images\[0\] must be of a video of the file; there is none with id 5"),
        ([{"id": 5, "name": "x"}, {"id": 6, "name": "x"}], r"videos\[1\] must have an id and a name of its own"),
    ):
        path = written(tmp_path / "a.json", images=images, categories=DOGS, videos=videos)
        for read in (read_coco, data.read):
            with pytest.raises(DataError, match=message):
                read(path)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (box(2), "there is none with id 2"),
        (box(1, bbox="1234"), "must have bbox"),
        (box(1, bbox=[1, 2, 3, float("nan")]), "must have a finite bbox"),
        (box(1, bbox=[1, 2, 3, 10**400]), "must have bbox"),
        (box(1, score=float("inf")), "a finite score"),
        (box(1, track_id=1.5), "no whole number"),
        (box(1, category_id=9), "must have a category of the file; there is none with id 9"),
        ([], "must have image_id, category_id, bbox"),
    ],
)
def test_both_sides_refuse_the_same_boxes(tmp_path: Path, entry: Any, message: str) -> None:
    path = written(tmp_path / "a.json", images=[{"id": 1}], boxes=[box(1), entry], categories=DOGS)
    for read in (read_coco, data.read):
        with pytest.raises(DataError, match=rf"a\.json: annotations\[1\] .*{message}"):
            read(path)  # type: ignore[operator]


def test_words_as_ids_of_categories(tmp_path: Path) -> None:
    categories = [{"id": "n02", "name": "dog"}, {"id": "n01", "name": "cat"}]
    boxes = [box(1, category_id="n02")]
    made = data.read(written(tmp_path / "a.json", images=[{"id": 1}], boxes=boxes, categories=categories))
    assert (made.classes, made.class_numbers, made.boxes.class_id.tolist()) == (("dog", "cat"), (1, 2), [0])
    assert "ids of some categories are words" in made.notes[0]
    assert read_coco(tmp_path / "a.json")["a"].class_id.tolist() == [1]


def test_what_either_side_writes_scores_against_itself_and_the_other(tmp_path: Path) -> None:
    dataset = film(tmp_path / "source").without_ignored()  # which a tracker would not have written
    data.write(dataset, tmp_path / "set.json")
    tables = same(tmp_path / "set.json")
    write_coco(tmp_path / "tables.json", tables, classes=dataset.classes)
    same(tmp_path / "tables.json")
    for truth in ("set.json", "tables.json"):
        for results in ("set.json", "tables.json"):
            report = trackforge.evaluate(tmp_path / truth, tmp_path / results)
            assert report.combined["MOTA"] == report.combined["IDF1"] == 1
