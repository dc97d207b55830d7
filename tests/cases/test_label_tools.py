"""Label Studio and labelme: their files as they come, with the traps that people fell into."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_files import write_video

from trackforge import data
from trackforge.errors import DataError, TrackforgeError

SIZE = (200, 100)


def key(frame: int, x: float, *, enabled: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "frame": frame,
        "enabled": enabled,
        "rotation": 0,
        "x": x,
        "y": 20,
        "width": 10,
        "height": 30,
        "time": frame / 25,
        **more,
    }


def region(*keys: dict[str, Any], label: str = "Car", name: str = "a", **more: Any) -> dict[str, Any]:
    value = {"framesCount": 10, "duration": 0.4, "sequence": list(keys), "labels": [label]}
    return {"id": name, "type": "videorectangle", "from_name": "box", "to_name": "video", "value": value, **more}


def export(folder: Path, *regions: dict[str, Any], video: str = "/data/upload/7/0a1b2c3d-walk.mp4") -> Path:
    file = folder / "export.json"
    file.write_text(
        json.dumps([{"id": 3, "data": {"video": video}, "annotations": [{"id": 1, "result": list(regions)}]}])
    )
    return file


def boxes_of(dataset: data.Dataset, track: int) -> dict[int, list[float]]:
    rows = dataset.boxes.track_id == track
    frames = dataset.images.frame[dataset.boxes.image[rows]]
    return {int(f): np.round(b, 6).tolist() for f, b in zip(frames, dataset.boxes.xyxy[rows], strict=True)}


def test_key_frames_are_joined_by_straight_lines_and_end_where_disabled(tmp_path: Path) -> None:
    file = export(tmp_path, region(key(2, 10), key(4, 30, enabled=False), key(7, 50), key(8, 50)))
    made = data.read(file, size=SIZE)
    assert made.sequences == ("walk",)
    assert len(made) == 10
    assert made.images.extra["rate"][0] == 25
    shown = boxes_of(made, 1)
    # frames count from 1 there; a disabled key frame is shown itself; the last, enabled one goes on to the end
    assert sorted(shown) == [1, 2, 3, 6, 7, 8, 9]
    assert shown[1] == [20, 20, 40, 50]
    assert shown[2] == [40, 20, 60, 50]
    assert shown[3] == [60, 20, 80, 50]
    assert shown[9] == [100, 20, 120, 50]


def test_negative_sides_and_turned_rectangles(tmp_path: Path) -> None:
    up = region(key(1, 10, y=50, height=-30, enabled=False), name="up")
    turned = region(key(1, 50, y=20, rotation=90, enabled=False), name="turned", label="Person")
    made = data.read(export(tmp_path, up, turned), size=SIZE)
    assert boxes_of(made, 1) == {0: [20, 20, 40, 50]}
    assert boxes_of(made, 2) == {0: [70, 20, 100, 40]}  # 20 wide and 30 high, turned about its upper left corner
    assert made.classes == ("Car", "Person")
    assert any("1 turned" in note for note in made.notes)


def test_labels_in_a_result_of_their_own_sizes_stated_and_minimal_json(tmp_path: Path) -> None:
    box = region(key(1, 10, enabled=False), original_width=200, original_height=100)
    del box["value"]["labels"]
    words = {"id": "a", "type": "labels", "from_name": "l", "to_name": "video", "value": {"labels": ["Bus"]}}
    assert data.read(export(tmp_path, box, words)).classes == ("Bus",)
    minimal = [{"id": 1, "video": "walk.mp4", "box": [region(key(1, 10, enabled=False))["value"]], "created_at": "x.y"}]
    (tmp_path / "min.json").write_text(json.dumps(minimal))
    assert boxes_of(data.read(tmp_path / "min.json", size=SIZE), 1) == {0: [20, 20, 40, 50]}


def test_a_video_that_is_there_says_its_size_and_length(tmp_path: Path) -> None:
    write_video(tmp_path / "0a1b2c3d-walk.mp4", 12, size=(160, 120))
    made = data.read(export(tmp_path, region(key(1, 10))))
    assert len(made) == 12
    assert made.images.path[0] == "0a1b2c3d-walk.mp4#0"
    assert (made.images.width[0], made.images.height[0]) == (160, 120)
    assert data.Samples(made)[0].image.shape == (120, 160, 3)


def test_an_unknown_size_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"task 1: .*percent of a video of unknown size\..*size=\(1920, 1080\)"):
        data.read(export(tmp_path, region(key(1, 10))))


@pytest.mark.parametrize(
    "video", ["../../etc/passwd", "/data/local-files/?d=../../x.mp4", "file:///etc/passwd", "a\0b.mp4"]
)
def test_a_task_names_no_file_elsewhere(tmp_path: Path, video: str) -> None:
    made = data.read(export(tmp_path, region(key(1, 10)), video=video), size=SIZE)
    assert set(made.images.path.tolist()) == {""}


def test_a_crafted_length_allocates_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at most 10,000,000; got 4,000,000,000"):
        data.read(export(tmp_path, region(key(4_000_000_000, 10))), size=SIZE)


def test_a_crafted_length_within_the_limits_makes_no_millions(tmp_path: Path) -> None:
    shown, hidden = region(key(1, 10)), region(key(1, 10), key(3, 10, enabled=False))
    for one in (shown, hidden):
        one["value"]["framesCount"] = 9_000_000
    path = export(tmp_path, shown)  # to the end
    with pytest.raises(DataError, match="must be at most 2,000,000; got 9,000,000"):
        data.read(path, size=SIZE)
    made = data.read(export(tmp_path, hidden), size=SIZE)
    assert made.images.frame.tolist() == [0, 1, 2, 8_999_999]
    assert len(made.boxes) == 3


def test_pictures_and_the_way_back(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((100, 200, 3), np.uint8))
    value = {"x": 10, "y": 20, "width": 10, "height": 30, "rotation": 0, "rectanglelabels": ["Car"]}
    task = {
        "data": {"image": "/data/upload/1/0a1b2c3d-a.jpg"},
        "annotations": [{"result": [{"id": "q", "type": "rectanglelabels", "value": value}]}],
    }
    (tmp_path / "e.json").write_text(json.dumps([task]))
    made = data.read(tmp_path / "e.json")
    assert made.boxes.xyxy.tolist() == [[20, 20, 40, 50]]
    data.write(made, tmp_path / "out", "label-studio", images="copy")
    again = data.read(tmp_path / "out")
    assert np.allclose(again.boxes.xyxy, made.boxes.xyxy)
    assert (tmp_path / "out" / again.images.path[0]).is_file()


def test_tracks_go_and_come_back_with_few_key_frames(tmp_path: Path) -> None:
    """What tools refuse is there: a rotation and a time at every key frame, the last of a run not enabled."""
    frames = np.array([0, 1, 2, 3, 4, 7, 8, 9])
    xyxy = np.stack([[10 + 3 * f, 20, 40 + 3 * f, 60 - f] for f in frames.tolist()]).astype(float)
    n = 12
    images = data.Images(
        path=np.full(n, ""),
        width=np.full(n, 200),
        height=np.full(n, 100),
        sequence=np.full(n, "s"),
        frame=np.arange(n),
        extra={"rate": np.full(n, 12.5)},
    )
    boxes = data.Boxes(image=frames, xyxy=xyxy, track_id=np.full(8, 5))
    made = data.Dataset(images=images, boxes=boxes, classes=("person",))
    data.write(made, tmp_path / "t.json", "label-studio")
    value = json.loads((tmp_path / "t.json").read_text())[0]["annotations"][0]["result"][0]["value"]
    assert [k["frame"] for k in value["sequence"]] == [1, 5, 8, 10]
    assert [k["enabled"] for k in value["sequence"]] == [True, False, True, False]
    assert all({"rotation", "time"} <= k.keys() for k in value["sequence"])
    again = data.read(tmp_path / "t.json")
    assert boxes_of(again, 5) == boxes_of(made, 5)
    assert len(again) == n
    assert again.images.extra["rate"][0] == 12.5


def test_labelme_shapes(tmp_path: Path) -> None:
    shapes = [
        {"label": "car", "points": [[30, 40], [10, 20]], "shape_type": "rectangle", "group_id": 7},
        {"label": "man", "points": [[0, 0], [9, 3], [4, 8]], "shape_type": "polygon", "difficult": True},
        {"label": "car", "points": [[50, 50], [53, 54]], "shape_type": "circle"},
        {"label": "tip", "points": [[5, 5]], "shape_type": "point"},
    ]
    document: dict[str, Any] = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": "..\\pics\\a.png",
        "imageData": None,
        "imageHeight": 100,
        "imageWidth": 200,
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    (tmp_path / "._a.json").write_bytes(b"\0\5")
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((100, 200, 3), np.uint8))
    made = data.read(tmp_path)
    assert made.classes == ("car", "man")
    assert made.boxes.xyxy.tolist() == [[10, 20, 30, 40], [0, 0, 9, 8], [45, 45, 55, 55]]
    assert made.boxes.track_id.tolist() == [7, -1, -1]
    assert made.boxes.ignore.tolist() == [False, True, False]
    assert made.images.path.tolist() == ["a.png"]


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["frame", "x", "id", "type"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wild=WILD, at=st.integers(0, 40))
def test_whatever_a_field_holds_the_error_is_ours(tmp_path: Path, wild: Any, at: int) -> None:
    task = [{"data": {"video": "a.mp4"}, "annotations": [{"result": [region(key(1, 1), key(3, 4))]}]}]
    shape = {
        "shapes": [{"label": "a", "points": [[1, 2], [3, 4]], "shape_type": "rectangle", "group_id": 1}],
        "imagePath": "a",
        "imageWidth": 9,
        "imageHeight": 9,
    }
    for document, name in ((task, "label-studio"), (shape, "labelme")):
        places: list[tuple[Any, Any]] = []

        def walk(node: Any, places: list[tuple[Any, Any]] = places) -> None:
            for k, v in list(
                node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
            ):
                places.append((node, k))
                walk(v)

        walk(document)
        node, place = places[at % len(places)]
        node[place] = wild
        (tmp_path / "w.json").write_text(json.dumps(document))
        made = None
        with contextlib.suppress(TrackforgeError):
            made = data.read(tmp_path / "w.json", name, **({"size": SIZE} if name == "label-studio" else {}))
        assert made is None or np.isfinite(made.boxes.xyxy).all()


@pytest.mark.parametrize("named", ["obj.data", ""])
def test_darknet(tmp_path: Path, named: str) -> None:
    """Places are meant from where darknet was started, which nobody knows any more."""
    for name in ("a", "b"):
        (tmp_path / "obj").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f"obj/{name}.jpg"), np.zeros((48, 64, 3), np.uint8))
        (tmp_path / f"obj/{name}.txt").write_text("1 0.5 0.5 0.25 0.5\n")
    (tmp_path / "train.txt").write_text("data/obj/a.jpg\n")
    (tmp_path / "test.txt").write_text("data/obj/b.jpg\n")
    (tmp_path / "obj.names").write_text("person\nhelmet\n")
    (tmp_path / "obj.data").write_text(
        "classes= 2\ntrain  = data/train.txt\nvalid  = data/test.txt\nnames = data/obj.names\nbackup = backup/\n"
    )
    made = data.read(tmp_path / named)
    assert made.classes == ("person", "helmet")
    assert (made.splits, made.images.path.tolist()) == (("train", "val"), ["obj/a.jpg", "obj/b.jpg"])
    assert made.boxes.xyxy.tolist() == [[24, 12, 40, 36]] * 2
    (tmp_path / "obj.data").write_text("train\n")
    with pytest.raises(DataError, match=r"obj\.data:1: A line must be 'key = value'"):
        data.read(tmp_path / "obj.data")


def test_key_frames_without_rotation_or_time_are_read_and_written_with(tmp_path: Path) -> None:
    bare = {k: v for k, v in key(1, 10).items() if k not in ("rotation", "time")}
    one = region(bare, key(3, 30, enabled=False))
    del one["value"]["framesCount"], one["value"]["duration"]
    one["value"]["sequence"][1].pop("time")
    file = export(tmp_path, one)
    document = json.loads(file.read_text())
    document[0]["data"]["fps"] = 12.5
    file.write_text(json.dumps(document))
    made = data.read(file, size=SIZE)
    assert sorted(boxes_of(made, 1)) == [0, 1, 2]
    assert made.images.extra["rate"][0] == 12.5
    data.write(made, tmp_path / "t.json", "label-studio")
    (task,) = json.loads((tmp_path / "t.json").read_text())
    assert task["data"]["fps"] == 12.5
    keys = task["annotations"][0]["result"][0]["value"]["sequence"]
    assert [k["time"] for k in keys] == [1 / 12.5, 3 / 12.5]


def test_choices_of_a_region_are_attributes_and_no_classes(tmp_path: Path) -> None:
    told = [
        {"id": "a", "type": "choices", "from_name": "colour", "to_name": "video", "value": {"choices": ["red"]}},
        {"id": "a", "type": "textarea", "from_name": "plate", "to_name": "video", "value": {"text": ["B", "7"]}},
        {"id": "a", "type": "number", "from_name": "doors", "to_name": "video", "value": {"number": 4}},
    ]
    made = data.read(export(tmp_path, *told, region(key(1, 10), key(2, 20, enabled=False))), size=SIZE)
    assert made.classes == ("Car",)
    assert made.boxes.extra["colour"].tolist() == ["red", "red"]
    assert made.boxes.extra["plate"].tolist() == ["B, 7"] * 2
    assert made.boxes.extra["doors"].tolist() == [4, 4]
    speed = made.boxes.extra | {"speed": np.array([1.5, 2.5])}
    notes = data.write(made.replace(boxes=made.boxes.replace(extra=speed)), tmp_path / "t.json", "label-studio")
    assert any("change within a track have no place there: speed" in note for note in notes)
    again = data.read(tmp_path / "t.json")
    assert {k: v.tolist() for k, v in again.boxes.extra.items()} == {k: v.tolist() for k, v in made.boxes.extra.items()}


def test_another_frame_rate_is_said(tmp_path: Path) -> None:
    write_video(tmp_path / "walk.mp4", 25, size=(160, 120))
    report = data.check(export(tmp_path, region(key(1, 10))), format="label-studio")
    assert any(problem.kind == "frame-rate" and "of 10 frames" in problem.message for problem in report.problems)


def test_an_attribute_that_is_called_as_something_of_cvats_own(tmp_path: Path) -> None:
    images = data.Images(path=[""] * 2, width=[200] * 2, height=[100] * 2, sequence=["s"] * 2, frame=[0, 1])
    boxes = data.Boxes(image=[0, 1], xyxy=[[1, 2, 3, 4]] * 2, track_id=[1, 1], extra={"occluded": ["no", "partially"]})
    made = data.Dataset(images=images, boxes=boxes, classes=("car",))
    data.write(made, tmp_path / "set", "cvat")
    assert data.read(tmp_path / "set").boxes.extra["occluded"].tolist() == ["no", "partially"]
