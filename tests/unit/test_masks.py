"""Masks: from polygons and back, through every table and format that can hold them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge import Detections, Frame, Step, TrackTable, data
from trackforge.data import Boxes, Dataset, Images
from trackforge.data.tables import from_tables, to_tables
from trackforge.errors import DataError, InvalidInputError
from trackforge.io.coco import read_coco
from trackforge.io.csv_lines import CsvSink, CsvSinkConfig
from trackforge.io.masks import decode_mask, encode_mask, mask_area, text_mask
from trackforge.io.polygons import area_of, as_mask, check_segmentation, plain_segmentation, rasterise
from trackforge.io.tables import read_tables, write_tables

SQUARE = [[2.0, 1, 6, 1, 6, 5, 2, 5]]
"""Columns 2 to 5, rows 1 to 4."""


def filled(x1: int, y1: int, x2: int, y2: int, size: tuple[int, int] = (8, 10)) -> dict:
    pixels = np.zeros(size, bool)
    pixels[y1:y2, x1:x2] = True
    return encode_mask(pixels)


def test_polygons_become_the_pixels_whose_centres_they_hold() -> None:
    assert rasterise(SQUARE, (8, 10)) == filled(2, 1, 6, 5)
    assert rasterise([[2.4, 1.4, 5.6, 1.4, 5.6, 4.6, 2.4, 4.6]], (8, 10)) == filled(2, 1, 6, 5)
    assert rasterise([[-5, -5, 20, -5, 20, 20, -5, 20]], (8, 10)) == filled(0, 0, 10, 8)
    assert rasterise([[20, 20, 30, 20, 30, 30]], (8, 10)) == filled(0, 0, 0, 0)
    two = decode_mask(rasterise([SQUARE[0], [7, 0, 9, 0, 9, 2, 7, 2]], (8, 10)))
    assert two.sum() == 16 + 4
    triangle = decode_mask(rasterise([[0, 0, 8, 0, 0, 8]], (8, 10)))
    assert triangle.sum() == 36 - 8  # of the eight centres on the long side none lies inside
    assert area_of([[0, 0, 8, 0, 0, 8]]) == 32
    assert area_of(filled(2, 1, 6, 5)) == mask_area(filled(2, 1, 6, 5)) == 16


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(-4, 14), st.floats(-4, 12)), min_size=3, max_size=9),
)
def test_pixels_agree_with_an_even_odd_test_of_each_centre(corners: list[tuple[float, float]]) -> None:
    found = decode_mask(rasterise([[number for corner in corners for number in corner]], (8, 10)))
    for row in range(8):
        for column in range(10):
            x, y, inside = column + 0.5, row + 0.5, False
            for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
                if (ay > y) != (by > y) and x > ax + (y - ay) / (by - ay) * (bx - ax):
                    inside = not inside
            edges = zip(corners, [*corners[1:], corners[0]], strict=True)
            close = any(
                abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) < 1e-6 * (1 + abs(bx - ax) + abs(by - ay))
                for (ax, ay), (bx, by) in edges
            )
            assert close or found[row, column] == inside


def test_a_mask_of_another_size_is_told() -> None:
    assert as_mask(filled(2, 1, 6, 5), (8, 10)) == as_mask(SQUARE, (8, 10))
    with pytest.raises(InvalidInputError, match=r"8 x 12 .*it is 8 x 10"):
        as_mask(filled(2, 1, 6, 5), (8, 12))


@pytest.mark.parametrize("bad", [[], [[]], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5]], ["abcdef"], 3, [[1, 2, 3, None, 5, 6]]])
def test_segmentations_that_are_none_are_told(bad: object) -> None:
    with pytest.raises(DataError, match=r"annotations\[2\] must have a segmentation"):
        check_segmentation(bad, "annotations[2]")


def table() -> TrackTable:
    """Two boxes with masks, one without."""
    return TrackTable(
        frame=[0, 0, 1],
        track_id=[1, 2, 1],
        xyxy=[[2, 1, 6, 5], [0, 0, 4, 4], [3, 1, 7, 5]],
        mask=[filled(2, 1, 6, 5), None, encode_mask(np.ones((8, 10))) | {"counts": [0, 80]}],
        sequence="s",
    )


@pytest.mark.parametrize("form", ["jsonl", "parquet", "coco"])
def test_masks_of_some_boxes_go_to_a_file_and_back(tmp_path: Path, form: str) -> None:
    path = tmp_path / ("a.json" if form == "coco" else f"a.{form}")
    write_tables(path, {"s": table()}, form)
    back = read_tables(path, form)["s"]
    assert back.mask is not None
    assert [mask and text_mask(mask) for mask in back.mask] == [mask and text_mask(mask) for mask in table().mask]


def test_a_table_of_comma_separated_values_has_masks_on_request(tmp_path: Path) -> None:
    for masks in (False, True):
        with CsvSink(CsvSinkConfig(path=tmp_path / "a.csv", masks=masks)) as sink:
            for step in table().steps():
                sink.write(step)
        rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
        assert ("mask" in rows[0]) == masks
    assert json.loads(rows[0]["mask"]) == filled(2, 1, 6, 5)
    assert rows[1]["mask"] == ""


def test_masks_come_along_where_detections_and_tables_are_joined() -> None:
    found = Detections(xyxy=[[0, 0, 1, 1]], mask=[filled(0, 0, 1, 1)])
    joined = TrackTable.from_detections([(0, found), (1, Detections(xyxy=[[0, 0, 1, 1]]))])
    assert joined.mask.tolist() == [filled(0, 0, 1, 1), None]
    steps = [Step(frame=s.frame, detections=s.detections, tracks=s.tracks) for s in table().steps()]
    assert TrackTable.from_steps(steps).mask[1] is None


def labelled(tmp_path: Path) -> Dataset:
    """Two pictures: a polygon, run lengths, a box alone, an object of two parts."""
    import cv2

    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 10, 3), np.uint8))
    return Dataset(
        images=Images(path=["a.png", "b.png"], width=[10, 10], height=[8, 8]),
        boxes=Boxes(
            image=[0, 0, 1, 1],
            xyxy=[[2, 1, 6, 5], [1, 1, 4, 3], [0, 0, 4, 4], [2, 0, 9, 5]],
            mask=[SQUARE, filled(1, 1, 4, 3), None, [SQUARE[0], [7, 0, 9, 0, 9, 2, 7, 2]]],
            track_id=[1, 2, 3, 4],
        ),
        classes=("car",),
        root=tmp_path,
    )


def plain(made: Dataset) -> list:
    return [mask and plain_segmentation(mask) for mask in (made.boxes.mask if made.boxes.mask is not None else ())]


def test_coco_keeps_polygons_and_run_lengths(tmp_path: Path) -> None:
    given = labelled(tmp_path)
    assert data.write(given, tmp_path / "set.json") == []
    again = data.read(tmp_path / "set.json")
    assert plain(again) == plain(given)
    areas = [entry["area"] for entry in json.loads((tmp_path / "set.json").read_text())["annotations"]]
    assert areas == [16, 6, 16, 20]
    tables = read_coco(tmp_path / "set.json")["set"]
    assert [mask and text_mask(mask) for mask in tables.mask] == [
        filled(2, 1, 6, 5),
        filled(1, 1, 4, 3),
        None,
        rasterise(given.boxes.mask[3], (8, 10)),
    ]


def test_cvat_keeps_masks_too_as_shapes(tmp_path: Path) -> None:
    given = labelled(tmp_path)
    assert data.write(given, tmp_path / "cvat", "cvat-images") == []
    again = data.read(tmp_path / "cvat")
    assert again.boxes.xyxy.tolist() == given.boxes.xyxy.tolist()
    assert again.boxes.track_id.tolist() == [1, 2, 3, 4]
    assert plain(again) == [*plain(given)[:3], rasterise(given.boxes.mask[3], (8, 10))]
    apart = given.replace(boxes=given.boxes.replace(xyxy=given.boxes.xyxy + np.array([0, 0, 2, 2])))
    notes = data.write(apart, tmp_path / "other", "cvat-images")
    assert notes == ["CVAT takes boxes from their masks; 3 masks with another box were left out"]


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ('<polygon label="car" points="1,1;2,2"/>', "three points"),
        ('<polygon label="car" points="1,1;2,x;3,3"/>', "x,y;x,y"),
        ('<mask label="car" rle="1, 2" left="0" top="0" width="2" height="2"/>', "fill its 2 x 2"),
        ('<mask label="car" rle="1, a" left="0" top="0" width="2" height="2"/>', "whole numbers"),
    ],
)
def test_shapes_of_cvat_that_are_none_are_told(tmp_path: Path, shape: str, words: str) -> None:
    image = f'<image id="0" name="a.png" width="9" height="9">{shape}</image>'
    text = f"<annotations><version>1.1</version>{image}</annotations>"
    (tmp_path / "annotations.xml").write_text(text)
    with pytest.raises(DataError, match=words):
        data.read(tmp_path / "annotations.xml", "cvat-images")


def test_masks_of_cvat_are_cut_at_the_picture(tmp_path: Path) -> None:
    shape = '<mask label="car" rle="0, 16" left="-2" top="6" width="4" height="4"/>'
    image = f'<image id="0" name="a.png" width="10" height="8">{shape}</image>'
    text = f"<annotations><version>1.1</version>{image}</annotations>"
    (tmp_path / "annotations.xml").write_text(text)
    made = data.read(tmp_path / "annotations.xml", "cvat-images")
    assert made.boxes.xyxy.tolist() == [[-2, 6, 2, 10]]
    assert made.boxes.mask.tolist() == [filled(0, 6, 2, 8)]


def test_a_polygon_of_labelme_is_a_mask(tmp_path: Path) -> None:
    shapes = [
        {"label": "car", "points": [[2, 1], [6, 1], [6, 5], [2, 5]], "shape_type": "polygon"},
        {"label": "car", "points": [[1, 1], [4, 3]], "shape_type": "rectangle"},
    ]
    document = {"shapes": shapes, "imagePath": "a.png", "imageWidth": 10, "imageHeight": 8}
    (tmp_path / "a.json").write_text(json.dumps(document))
    assert plain(data.read(tmp_path / "a.json", "labelme")) == [SQUARE, None]


def test_what_cannot_hold_masks_says_so(tmp_path: Path) -> None:
    notes = data.write(labelled(tmp_path), tmp_path / "yolo", "yolo")
    assert any("masks: 3 boxes lose theirs" in note for note in notes)


def test_selections_and_mixtures_keep_masks(tmp_path: Path) -> None:
    given = labelled(tmp_path)
    bare = given.replace(boxes=given.boxes.replace(mask=None), root=tmp_path / "else")
    both = data.concatenate([given[[1]], bare])
    assert plain(both) == [*plain(given)[2:], None, None, None, None]
    assert bare.boxes[:2].mask is None
    assert plain(given.keep_boxes([True, False, True, False])) == [SQUARE, None]


def test_tables_have_the_pixels_of_a_set(tmp_path: Path) -> None:
    given = labelled(tmp_path)
    film = given.replace(images=given.images.replace(sequence=["s", "s"], frame=[0, 1]))
    made = to_tables(film)["s"]
    assert made.mask[0] == filled(2, 1, 6, 5)
    assert from_tables([made], ("", "car"), size=(10, 8)).boxes.mask.tolist() == made.mask.tolist()


def test_workers_agree_on_pixels(tmp_path: Path) -> None:
    given = labelled(tmp_path)
    assert plain(data.consolidate([given] * 3)) == plain(given)
    wider = given.boxes.replace(mask=[[[2.0, 1, 7, 1, 7, 5, 2, 5]], *given.boxes.mask[1:]])
    lower = given.boxes.replace(mask=[filled(2, 2, 6, 6), *given.boxes.mask[1:]])
    agreed = data.consolidate([given, given.replace(boxes=wider), given.replace(boxes=lower)])
    assert agreed.boxes.mask[0] == filled(2, 1, 6, 5)


def test_frames_without_masks_are_written_beside_those_with(tmp_path: Path) -> None:
    from trackforge.io.jsonl import JsonLinesSink, JsonLinesSinkConfig

    with JsonLinesSink(JsonLinesSinkConfig(path=tmp_path / "a.jsonl")) as sink:
        for step in table().steps([Frame(index=n, size=(10, 8)) for n in range(2)]):
            sink.write(step)
    rows = [json.loads(line)["tracks"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [["mask" in row for row in frame] for frame in rows] == [[True, False], [True]]


def test_masks_that_are_wrong_are_found(tmp_path: Path) -> None:
    given = labelled(tmp_path)
    assert data.check(given).errors == 0
    wrong = [filled(0, 0, 2, 2, (9, 10)), {"size": [8, 10], "counts": "1"}, None, [[50.0, 50, 60, 50, 60, 60]]]
    found = data.check(given.replace(boxes=given.boxes.replace(mask=wrong)))
    assert {problem.kind for problem in found.problems} >= {"mask-size", "mask", "mask-elsewhere"}
    assert "is 10x9, but its picture is 10x8" in str(found)


def test_a_conversion_says_how_many_masks_it_loses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_tables(tmp_path / "a.txt", {"a": table()}, "mot")
    assert "no place for masks; 2 are left out" in caplog.text


def test_shown_pictures_have_their_masks_filled(tmp_path: Path) -> None:
    given = labelled(tmp_path)
    plain_, filled_ = (
        data.show(one, cell=(200, 160), columns=2)
        for one in (given.replace(boxes=given.boxes.replace(mask=None)), given)
    )
    changed = (plain_ != filled_).any(axis=2)
    assert changed.any()
    assert changed.mean() < 0.5
    small = data.draw(np.zeros((8, 10, 3), np.uint8), given.labels(0)[:1], given.classes)
    assert small[3, 4].any()
    with pytest.raises(InvalidInputError, match="as large as its picture"):
        data.draw(np.zeros((9, 9, 3), np.uint8), given.labels(0), given.classes)


@pytest.mark.parametrize("form", ["coco", "jsonl"])
def test_a_mask_of_another_size_than_its_picture_is_no_mask_of_it(tmp_path: Path, form: str) -> None:
    table = TrackTable(
        frame=[0], xyxy=[[1, 1, 3, 3]], track_id=[1], mask=[encode_mask(np.ones((4, 5), bool))], size=(6, 4)
    )
    path = tmp_path / {"coco": "a.json", "jsonl": "a.jsonl"}[form]
    write_tables(path, {"a": table}, form)
    with pytest.raises(DataError, match="as large as its picture"):
        read_tables(path, form)


@pytest.mark.parametrize("to", ["coco", "jsonl", "parquet"])
@pytest.mark.parametrize("form", ["coco", "jsonl", "parquet"])
def test_sizes_of_pictures_go_from_file_to_file(tmp_path: Path, form: str, to: str) -> None:
    ending = {"coco": "json", "jsonl": "jsonl", "parquet": "parquet"}
    frames = [Frame(index=index, size=(64, 48), sequence="a") for index in range(3)]
    plain = TrackTable(frame=[0, 2], xyxy=[[1, 1, 3, 3], [2, 1, 4, 3]], track_id=[1, 1], sequence="a")
    table = TrackTable.from_steps(plain.steps(frames))
    assert table.size == (64, 48)
    assert table[:1].size == (64, 48)
    first, second = tmp_path / f"a.{ending[form]}", tmp_path / f"b.{ending[to]}"
    write_tables(first, {"a": table}, form)
    write_tables(second, read_tables(first, form), to)
    assert read_tables(second, to)["a"].size == (64, 48)
