"""COCO json as people have it: how ids, flags, names and folders are written, and what must never leave the set."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runs import run
from hypothesis import example, given
from hypothesis import strategies as st
from labelled import film, stills, write_picture

import trackforge
from trackforge import data
from trackforge.errors import DataError, InvalidInputError, TrackforgeError
from trackforge.intake.limits import limited
from trackforge.io.coco import CocoSink, CocoSinkConfig, read_coco, read_coco_classes, write_coco
from trackforge.io.masks import decode_mask, encode_mask
from trackforge.table import TrackTable
from trackforge.types import Frame

BOX = {"image_id": 1, "category_id": 0, "bbox": [16, 12, 32, 24]}


def coco(
    path: Path,
    *,
    images: Sequence[Any] = ({"id": 1},),
    boxes: Sequence[Any] = (BOX,),
    categories: Any = None,
    **more: Any,
) -> Path:
    """Write a json whose images are 64x48 and called a.jpg unless they say otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = [{"file_name": "a.jpg", "width": 64, "height": 48} | image for image in images]
    numbered = [{"id": k} | box for k, box in enumerate(boxes, 1)]
    categories = [{"id": 0, "name": "car"}] if categories is None else categories
    path.write_text(json.dumps({"images": whole, "annotations": numbered, "categories": categories} | more))
    return path


def both(path: Path) -> tuple[TrackTable, data.Dataset]:
    """Read a file of one sequence as a table and as a data set; the boxes must be the same."""
    (table,), dataset = read_coco(path).values(), data.read(path)
    assert np.array_equal(table.xyxy, dataset.boxes.xyxy)
    assert np.array_equal(table.track_id, dataset.boxes.track_id)
    assert np.array_equal(table.extra["flag"] == 0, dataset.boxes.ignore)
    assert [read_coco_classes(path)[k] for k in table.class_id] == [dataset.classes[k] for k in dataset.boxes.class_id]
    return table, dataset


# ---- ids


@pytest.mark.parametrize(
    ("listed", "stated"),
    [(0, "0"), ("0", 0), ("000001", 1), (1, "000001"), (7, 7.0), ("LP", "LP"), (2**60 + 1, str(2**60 + 1))],
)
def test_an_id_is_the_same_however_it_is_written(tmp_path: Path, listed: Any, stated: Any) -> None:
    for field, more in (("category_id", {"categories": [{"id": listed, "name": "LP"}]}), ("image_id", {})):
        images = [{"id": listed if field == "image_id" else 1}]
        path = coco(tmp_path / "a.json", images=images, boxes=[BOX | {field: stated}], **more)
        assert len(both(path)[0]) == 1
    videos = [{"id": listed, "name": "street"}]
    path = coco(tmp_path / "b.json", images=[{"id": 1, "video_id": stated, "frame_id": 1}], videos=videos)
    assert list(read_coco(path)) == list(data.read(path).sequences) == ["street"]


def test_ids_that_differ_in_spelling_only_are_told_apart(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "a"}, {"id": "1", "name": "b"}, {"id": "01", "name": "c"}]
    boxes = [BOX | {"category_id": category} for category in (1, "1", "01")]
    assert data.read(coco(tmp_path / "a.json", boxes=boxes, categories=categories)).boxes.class_id.tolist() == [0, 1, 2]
    path = coco(tmp_path / "b.json", boxes=[BOX | {"category_id": "001"}], categories=categories)
    with pytest.raises(DataError, match=r"annotations\[0\] must have a category .* none with id 001"):
        data.read(path)


def test_a_category_may_be_called_by_its_name(tmp_path: Path) -> None:
    categories = [{"id": 3, "name": "car"}, {"id": 4, "name": "dog"}, {"id": 5, "name": "7"}]
    boxes = [BOX | {"category_id": word} for word in ("dog", "car", "7")]
    table, dataset = both(coco(tmp_path / "a.json", boxes=boxes, categories=categories))
    assert table.class_id.tolist() == dataset.boxes.class_id.tolist() == [1, 0, 2]
    twice = [{"id": 3, "name": "car"}, {"id": 4, "name": "car"}]
    with pytest.raises(DataError, match="there is none with id car"):
        read_coco(coco(tmp_path / "b.json", boxes=[BOX | {"category_id": "car"}], categories=twice))


def test_ids_above_2_to_the_53_stay_apart(tmp_path: Path) -> None:
    ids = [2**53, 2**53 + 1, 2**60 + 1, 2**60 + 2, 2**63 - 1]
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in ids]
    boxes = [BOX | {"image_id": number, "track_id": number} for number in ids]
    path = coco(tmp_path / "a.json", images=images, boxes=boxes)
    table, dataset = both(path)
    assert table.track_id.tolist() == dataset.boxes.track_id.tolist() == ids
    assert dataset.images.extra["coco_id"].tolist() == ids
    write_coco(tmp_path / "again.json", table, classes=("car",))
    assert read_coco(tmp_path / "again.json")["a"].track_id.tolist() == ids
    data.write(dataset, tmp_path / "set.json")
    assert data.read(tmp_path / "set.json").boxes.track_id.tolist() == ids
    with pytest.raises(DataError, match=r"annotations\[0\] .*9223372036854775808"):
        read_coco(coco(tmp_path / "b.json", boxes=[BOX | {"track_id": 2**63}]))


@pytest.mark.parametrize("stated", [17, "17", 17.0])
def test_cvat_says_who_it_is_among_the_attributes(tmp_path: Path, stated: Any) -> None:
    attributes = {"Lane_id": "1", "occluded": False, "rotation": 0.0, "track_id": stated, "keyframe": True}
    images = [{"id": k, "file_name": f"frame_{k:06d}.png"} for k in (1, 2)]
    boxes = [BOX | {"image_id": k, "attributes": attributes} for k in (1, 2)]
    path = coco(tmp_path / "annotations/instances_default.json", images=images, boxes=boxes)
    table, dataset = both(path)
    assert table.track_id.tolist() == [17, 17]
    assert dataset.identities()[1] == 1
    report = data.convert(tmp_path, tmp_path / "mot", to="mot", images="none")
    assert not any("identity" in note for note in report.notes)
    assert trackforge.evaluate(path, path).combined["HOTA"] == 1


def test_attributes_that_name_nobody(tmp_path: Path) -> None:
    boxes = [BOX | {"attributes": given} for given in ({}, [], None, {"track_id": ""}, {"track_id": None})]
    assert both(coco(tmp_path / "a.json", boxes=boxes))[0].track_id.tolist() == [-1] * 5
    boxes = [
        BOX | {"track_id": 4, "attributes": {"track_id": 5}},
        BOX | {"instance_id": 6, "attributes": {"track_id": 5}},
    ]
    assert both(coco(tmp_path / "b.json", boxes=boxes))[0].track_id.tolist() == [4, 6]
    with pytest.raises(DataError, match=r"annotations\[0\] .*'the red one'"):
        read_coco(coco(tmp_path / "c.json", boxes=[BOX | {"attributes": {"track_id": "the red one"}}]))


@pytest.mark.parametrize("no", [0, "0", False, None, "", 0.0, "false", "False"])
@pytest.mark.parametrize("yes", [1, "1", True, 1.0, "true"])
def test_a_flag_is_the_same_however_it_is_written(tmp_path: Path, no: Any, yes: Any) -> None:
    boxes = [BOX | {"iscrowd": no}, BOX | {"iscrowd": yes}, BOX | {"ignore": yes, "iscrowd": no}]
    assert both(coco(tmp_path / "a.json", boxes=boxes))[0].extra["flag"].tolist() == [1, 0, 0]


@pytest.mark.parametrize("strange", ["perhaps", 2, 0.5, [1], {"a": 1}, float("nan")])
def test_a_flag_that_says_neither_is_refused(tmp_path: Path, strange: Any) -> None:
    path = coco(tmp_path / "a.json", boxes=[BOX | {"iscrowd": strange}])
    for read in (read_coco, data.read):
        with pytest.raises(DataError, match=r"annotations\[0\] must have 0 or 1 for iscrowd"):
            read(path)  # type: ignore[operator]


# ---- frames


def results(path: Path, ids: Sequence[Any]) -> Path:
    path.write_text(json.dumps([BOX | {"image_id": image, "score": 0.9} for image in ids]))
    return path


@pytest.mark.parametrize(
    ("ids", "base", "frames"),
    [
        ([1, 2, 3], "auto", [0, 1, 2]),
        ([0, 1, 2], "auto", [0, 1, 2]),
        (["1", 2.0, 3], "auto", [0, 1, 2]),
        ([1, 2], 0, [1, 2]),
        ([5, 6], 1, [4, 5]),
    ],
)
def test_results_count_images_from_0_or_1(tmp_path: Path, ids: Any, base: Any, frames: list[int]) -> None:
    assert read_coco(results(tmp_path / "r.json", ids), frame_base=base)["r"].frame.tolist() == frames


def test_results_of_which_nobody_knows_what_they_count_from(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_coco(results(tmp_path / "r.json", [30, 37]))["r"].frame.tolist() == [29, 36]
    assert "image ids begin with 30" in caplog.text
    with pytest.raises(DataError, match="Every image_id must be >= 1"):
        read_coco(results(tmp_path / "r.json", [0, 1]), frame_base=1)
    assert read_coco(results(tmp_path / "none.json", []))["none"].frame.tolist() == []


def test_results_that_count_from_1_are_tracked_in_their_frames(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / f"street/{number + 1:06d}.png", (64, 48), number)
    path = results(tmp_path / "r.json", [1, 2, 3])
    more = ("--detector", "file", "--set", f"detector.path={path}", "--set", "tracker.min_hits=1", "-q")
    run("track", tmp_path / "street", *more, "-o", tmp_path / "a.txt")
    lines = (tmp_path / "a.txt").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines] == [["1", "1"], ["2", "1"], ["3", "1"]]


@pytest.mark.parametrize("field", ["frame_id", "frame_index"])
def test_one_frame_does_not_eat_the_memory(tmp_path: Path, field: str) -> None:
    videos = [{"id": 1, "name": "a"}]
    path = coco(tmp_path / "a.json", images=[{"id": 1, "video_id": 1, field: 4_000_000_000}], videos=videos)
    for read in (read_coco, data.read):
        with pytest.raises(DataError, match=rf"images\[0\] must have {field} of at most 10,000,000"):
            read(path)  # type: ignore[operator]
    with limited(frames=5_000_000_000):
        assert read_coco(path)["a"].frame[0] > 3_000_000_000


def test_numbers_without_a_list_stay_within_limits(tmp_path: Path) -> None:
    for entry in ({"image_id": 4_000_000_000}, {"category_id": 2_000_000_000}, {"image_id": -1}, {"category_id": -2}):
        (tmp_path / "r.json").write_text(json.dumps([BOX | entry]))
        with pytest.raises(DataError, match=rf"results\[0\] must have {next(iter(entry))}"):
            read_coco(tmp_path / "r.json")
    far = TrackTable(frame=[20_000_000], xyxy=[[0, 0, 1, 1]])  # type: ignore[arg-type]
    many = TrackTable(frame=[0], xyxy=[[0, 0, 1, 1]], class_id=[2_000_000_000])  # type: ignore[arg-type]
    for table in (far, many):
        with pytest.raises(DataError, match="must be at most"):
            write_coco(tmp_path / "o.json", table)


def test_one_long_text_does_not_eat_the_memory(tmp_path: Path) -> None:
    images = [{"id": k, "file_name": f"{k}.jpg", "note": "x"} for k in range(2000)]
    images[5]["note"] = "x" * 100_000
    dataset = data.read(coco(tmp_path / "a.json", images=images))
    assert "note" not in dataset.images.extra
    assert "'note'" in dataset.notes[0]


# ---- our own files


def test_own_files_score_against_themselves_and_each_other(tmp_path: Path) -> None:
    source = tmp_path / "set"
    for name in ("S", "T"):
        (source / name / "gt").mkdir(parents=True)
        (source / name / "gt/gt.txt").write_text("".join(f"{k},1,{k},2,30,40,1,1,1\n" for k in (1, 2, 3)))
        (source / name / "seqinfo.ini").write_text(
            f"[Sequence]\nname={name}\nimDir=img1\nframeRate=25\nseqLength=3\nimWidth=64\nimHeight=48\nimExt=.jpg\n"
        )
    found = tmp_path / "results"
    found.mkdir()
    for name in ("S", "T"):
        (found / f"{name}.txt").write_text("".join(f"{k},1,{k},2,30,40,1,-1,-1,-1\n" for k in (1, 2, 3)))
    own = tmp_path / "own.json"
    run("data", "convert", source, own, "--images", "none")
    run("convert", found, tmp_path / "tracks.json")
    for truth, tracks in ((own, found), (own, own), (source, own), (own, tmp_path / "tracks.json")):
        report = trackforge.evaluate(truth, tracks)
        assert list(report.sequences) == ["S", "T"]
        assert report.combined["MOTA"] == report.combined["HOTA"] == 1


def test_the_sink_writes_what_the_reader_reads_whatever_the_names(tmp_path: Path) -> None:
    steps = list(TrackTable(frame=[0], track_id=[2**60 + 1], xyxy=[[0, 0, 5, 5]], sequence="a").steps())  # type: ignore[arg-type]
    frame = Frame(index=0, size=(9, 9), sequence="stra\udce9", file="\udcff.jpg")  # names of bytes that are no text
    with CocoSink(CocoSinkConfig(path=tmp_path / "o.json")) as sink:
        sink.write(type(steps[0])(frame=frame, detections=steps[0].detections, tracks=steps[0].tracks))
    assert list(read_coco(tmp_path / "o.json")) == ["stra\xe9"]
    with trackforge.sink("jsonl", path=tmp_path / "o.jsonl") as lines:
        lines.write(type(steps[0])(frame=frame, detections=steps[0].detections, tracks=steps[0].tracks))
    assert json.loads((tmp_path / "o.jsonl").read_text(encoding="utf-8"))["sequence"] == "stra\xe9"


# ---- other programs' folders and names


def roboflow(root: Path, top: str, *, parts: Sequence[str] = ("train", "valid", "test")) -> Path:
    categories = [{"id": 0, "name": top, "supercategory": "none"}, {"id": 1, "name": "people", "supercategory": top}]
    for part in parts:
        write_picture(root / part / f"a_{part}.jpg", (64, 48))
        name = {"file_name": f"a_{part}.jpg"}
        boxes = [BOX | {"category_id": 1, "image_id": 0}]
        coco(root / part / "_annotations.coco.json", images=[{"id": 0} | name], boxes=boxes, categories=categories)
    return root


def test_lists_may_be_null_and_parts_empty(tmp_path: Path) -> None:
    path = coco(tmp_path / "a.json", boxes=[], videos=None, annotations=None)
    assert (len(read_coco(path)["a"]), len(data.read(path))) == (0, 1)
    root = roboflow(tmp_path / "set", "people", parts=["train"])
    coco(root / "test/_annotations.coco.json", images=[], boxes=[])
    assert "the part 'test' holds no picture" in data.read(root).notes


@pytest.mark.parametrize("top", ["people", "person-location-Qso2"])
def test_roboflow_has_a_folder_a_part_and_a_root_that_is_no_class(tmp_path: Path, top: str) -> None:
    root = roboflow(tmp_path / "set", top)
    report = data.check(root)
    assert (report.errors, report.summary.classes) == (0, {"people": 3})
    assert report.summary.splits == {"test": 1, "train": 1, "valid": 1}
    assert sum(f"'{top}'" in note for note in report.notes) == 1
    dataset = data.read(root)
    assert all((dataset.root / path).is_file() for path in dataset.images.path)
    assert data.read(root, split="val").splits == ("valid",)
    for path in (root / "train", root / "train/_annotations.coco.json"):
        assert data.check(path).summary.classes == {"people": 1}
    table, _ = both(root / "train/_annotations.coco.json")
    assert table.class_id.tolist() == [0]
    assert run("data", "check", root / "train").stdout.count("train") == 2


def test_a_root_with_boxes_of_its_own_is_a_class(tmp_path: Path) -> None:
    categories = [
        {"id": 0, "name": "vehicle", "supercategory": "none"},
        {"id": 1, "name": "car", "supercategory": "vehicle"},
    ]
    path = coco(tmp_path / "a.json", boxes=[BOX, BOX | {"category_id": 1}], categories=categories)
    assert data.read(path).classes == ("vehicle", "car")
    namesake = [{"id": 0, "name": "car", "supercategory": "none"}, {"id": 1, "name": "car", "supercategory": "car"}]
    table, dataset = both(coco(tmp_path / "b.json", boxes=[BOX, BOX | {"category_id": 1}], categories=namesake))
    assert (dataset.classes, table.class_id.tolist()) == (("car",), [0, 0])


def test_other_roots_stay(tmp_path: Path) -> None:
    for categories in (
        [{"id": 0, "name": "car", "supercategory": "none"}],
        [{"id": 0, "name": "x", "supercategory": "none"}, {"id": 1, "name": "car", "supercategory": "none"}],
        [{"id": 0, "name": "x"}, {"id": 1, "name": "car", "supercategory": "vehicle"}],
    ):
        made = data.read(coco(tmp_path / "a.json", boxes=[], categories=categories))
        assert len(made.classes) == len(categories)


@pytest.mark.parametrize(
    "name",
    [
        "images\\a.jpg",
        ".\\images\\a.jpg",
        "./images/a.jpg",
        "a.jpg",
        "/data/upload/1/a.jpg",
        "/data/local-files/?d=set/images/a.jpg",
        "C:\\Users\\me\\images\\a.jpg",
        "https://host.example/bucket/a.jpg?token=secret",
        "s3://bucket/images/a.jpg",
        "../../label-studio/media/a.jpg",
        "../../media/images/a#1.jpg",
        "a#1.jpg",
    ],
)
def test_a_picture_is_found_however_programs_name_it(tmp_path: Path, name: str) -> None:
    place = write_picture(tmp_path / "set/images" / ("a#1.jpg" if "#" in name else "a.jpg"), (64, 48))
    path = coco(tmp_path / "set/result.json", images=[{"id": 1, "file_name": name}])
    report = data.check(path)
    assert report.errors == 0, report
    made = data.read(path)
    assert made.image_path(0) == place
    data.convert(path, tmp_path / "voc", to="voc")
    assert "secret" not in str(made.images.path)


@pytest.mark.parametrize(("stated", "there"), [("k\u00e9.jpg", "ke\u0301.jpg"), ("my%20a.jpg", "my a.jpg")])
def test_a_picture_is_found_however_its_characters_are_written(tmp_path: Path, stated: str, there: str) -> None:
    write_picture(tmp_path / "a.png", (64, 48)).rename(tmp_path / there)
    path = coco(tmp_path / "a.json", images=[{"id": 1, "file_name": stated}])
    assert data.read(path).image_path(0) == tmp_path / there
    (tmp_path / there).rename(tmp_path / stated)
    assert data.read(path).image_path(0) == tmp_path / stated


def test_other_files_beside_the_annotations_are_left_out(tmp_path: Path) -> None:
    for name in ("instances_train2017", "instances_val2017"):
        coco(tmp_path / f"annotations/{name}.json", images=[{"id": 1, "file_name": f"{name}.jpg"}])
    (tmp_path / "annotations/captions_train2017.json").write_text('{"images": [{"id": 1}], "annotations": [{"id": 1}]}')
    assert data.read(tmp_path).splits == ("train2017", "val2017")
    coco(tmp_path / "flat/train.json")
    (tmp_path / "flat/notes.json").write_text('{"info": 1}')
    (tmp_path / "flat/results.json").write_text("[]")
    made = data.read(tmp_path / "flat")
    assert made.splits == ("train",)
    assert made.notes == (
        "notes.json is no COCO file, and was left out",
        "results.json is no COCO file, and was left out",
    )
    (tmp_path / "flat/train.json").unlink()
    with pytest.raises(DataError, match=r"notes\.json, results\.json is none"):
        data.read(tmp_path / "flat")


def test_sets_with_huge_identities_are_mixed_or_refused(tmp_path: Path) -> None:
    paths = [
        coco(tmp_path / f"{k}.json", boxes=[BOX | {"track_id": number}]) for k, number in enumerate((5, 2**63 - 1))
    ]
    first, second = map(data.read, paths)
    assert data.concatenate([first, first]).boxes.track_id.tolist() == [5, 11]
    with pytest.raises(InvalidInputError, match="must leave room"):
        data.concatenate([first, second])


def test_an_address_of_a_picture_that_is_not_here_keeps_no_secret(tmp_path: Path) -> None:
    path = coco(
        tmp_path / "a.json", images=[{"id": 1, "file_name": "https://me:pw@host.example/x/b%20c.jpg?sig=secret"}]
    )
    assert data.read(path).images.path.tolist() == ["b c.jpg"]
    assert data.check(path).counts == {"missing-picture": 1}


def test_tao_as_it_comes(tmp_path: Path) -> None:
    root, videos = tmp_path / "TAO", ["train/YFCC100M/v_f69e", "train/Charades/v_a1"]
    images, boxes = [], []
    for k, (video, index) in enumerate([(0, 390), (0, 420), (1, 0)]):
        name = f"{videos[video]}/frame{index + 1:04d}.jpg"
        write_picture(root / "frames" / name, (64, 48))
        images.append({"id": k, "file_name": name, "video_id": video, "frame_index": index, "video": videos[video]})
        images[-1] |= {"license": 0, "_scale_task_id": "5de8"}
        boxes.append(
            BOX | {"image_id": k, "category_id": 805, "track_id": 7 + video, "video_id": video, "_scale_uuid": "b"}
        )
    listed = [
        {"id": k, "name": name, "width": 64, "height": 48, "neg_category_ids": [1]} for k, name in enumerate(videos)
    ]
    tracks = [{"id": 7, "category_id": 805, "video_id": 0}, {"id": 8, "category_id": 805, "video_id": 1}]
    categories = [{"id": 805, "name": "person", "synset": "person.n.01", "frequency": "f", "synonyms": ["person"]}]
    path = coco(
        root / "annotations/train.json", images=images, boxes=boxes, categories=categories, videos=listed, tracks=tracks
    )
    tables = read_coco(path)
    assert {name: table.frame.tolist() for name, table in tables.items()} == {videos[0]: [390, 420], videos[1]: [0]}
    dataset = data.read(root, split="train")
    assert dataset.sequences == tuple(videos)
    assert (dataset.images.frame.tolist(), dataset.boxes.track_id.tolist()) == ([390, 420, 0], [7, 7, 8])
    assert data.check(root).errors == 0
    found = [box | {"score": 0.5} for box in boxes]
    (tmp_path / "found.json").write_text(json.dumps(found))
    assert trackforge.evaluate(path, tmp_path / "found.json").combined["HOTA"] == 1
    run("convert", path, tmp_path / "results")
    assert (tmp_path / "results/train/YFCC100M/v_f69e.txt").is_file()
    for results in (tmp_path / "results", path):
        assert trackforge.evaluate(path, results).combined["HOTA"] == 1
    assert "ALL" in run("eval", path, tmp_path / "found.json", "--detections").stdout


# ---- what must stay inside

OUTSIDE = [
    "/etc/passwd",
    "../secret.png",
    "images/../../secret.png",
    "..\\secret.png",
    "C:\\secret.png",
    "a\0b.jpg",
    "x" * 300,
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_picture_outside_of_the_set_is_refused(tmp_path: Path, name: str) -> None:
    write_picture(tmp_path / "secret.png", (64, 48))
    path = coco(tmp_path / "set/labels.json", images=[{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": name}])
    write_picture(tmp_path / "set/a.jpg", (64, 48))
    with pytest.raises(DataError, match=r"labels\.json: The picture of images\[1\] must have a name"):
        data.read(path)
    report = data.check(path)
    assert report.counts == {"outside-set": 1}
    with pytest.raises(DataError):
        data.convert(path, tmp_path / "out", to="yolo", images="copy")
    assert not list((tmp_path / "out").rglob("*secret*")) if (tmp_path / "out").exists() else True


def test_a_name_that_comes_back_into_the_set_is_fine(tmp_path: Path) -> None:
    place = write_picture(tmp_path / "set/images/a.jpg", (64, 48))
    for name in ("../images/a.jpg", "x/../images/a.jpg", str(place)):
        path = coco(tmp_path / "set/annotations/a.json", images=[{"id": 1, "file_name": name}])
        assert data.read(path).image_path(0) == place


def test_the_user_may_say_where_the_pictures_are(tmp_path: Path) -> None:
    place = write_picture(tmp_path / "pictures/a.jpg", (64, 48))
    for name in ("a.jpg", str(place), "../pictures/a.jpg"):
        path = coco(tmp_path / "labels/a.json", images=[{"id": 1, "file_name": name}])
        for more in ({"images": tmp_path / "pictures"}, {"pictures": tmp_path / "pictures"}):
            found = data.read(path, **more).image_path(0)  # type: ignore[arg-type]
            assert found is not None
            assert found.samefile(place)
    own = write_picture(tmp_path / "labels/b.jpg", (64, 48))
    for name in ("b.jpg", str(own), ".\\b.jpg"):  # what lies in the set is found as well, and may be taken along
        path = coco(tmp_path / "labels/a.json", images=[{"id": 1, "file_name": name}, {"id": 2, "file_name": "a.jpg"}])
        made = data.read(path, pictures=tmp_path / "pictures")
        assert [Path(str(made.image_path(row))).resolve() for row in (0, 1)] == [own, place]
        data.write(made, tmp_path / "out", "yolo", images="copy", overwrite=True)


@pytest.mark.parametrize("split", ["../../../home/.ssh", "/abs", "a/b", "a\\b", "\0", "x" * 256])
def test_a_split_leads_nowhere(tmp_path: Path, split: str) -> None:
    path = coco(tmp_path / "download/set/labels.json", images=[{"id": 1, "file_name": "a.jpg", "split": split}])
    (tmp_path / "download/set/a.jpg").write_text("ssh-ed25519 AAAA")
    with pytest.raises(DataError, match=r"The split of images\[0\] must have a name"):
        data.convert(path, tmp_path / "work/out", to="yolo", images="copy")
    assert not (tmp_path / "work").exists()
    made = data.read(coco(tmp_path / "b.json", images=[{"id": 1}]))
    bad = made.replace(images=made.images.replace(split=[split.replace("\0", "../")]))
    if split not in ("a/b", "a\\b"):  # which become a_b
        with pytest.raises(DataError, match="A split must have a name"):
            data.write(bad, tmp_path / "out", "coco")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../../x", "/abs", "a/../../x", "..\\x", "\0", "C:\\x"])
def test_a_video_leads_nowhere(tmp_path: Path, name: str) -> None:
    image = {"id": 1, "video_id": 1, "frame_id": 1}
    for more, place in (
        ({"videos": [{"id": 1, "name": name}]}, "videos"),
        ({"videos": [{"id": 1, "file_name": name}]}, "videos"),
        ({"images": [image | {"video_id": name}]}, "images"),
    ):
        path = coco(tmp_path / "a.json", **({"images": [image]} | more))  # type: ignore[arg-type]
        for read in (read_coco, data.read):
            with pytest.raises(DataError, match=rf"a\.json: {place}\[0\] must have a .*name|video_id"):
                read(path)  # type: ignore[operator]


def test_own_references_to_pictures_elsewhere_can_be_read(tmp_path: Path) -> None:
    source = film(tmp_path / "source/films")
    for target, link in ((tmp_path / "out/set", "pictures"), (tmp_path / "out/own.json", "own-pictures")):
        data.write(source, target, "coco")
        data.write(source, target, "coco", overwrite=True)  # the link may be there already
        folder = target if target.is_dir() else target.parent
        assert (folder / link).is_symlink()
        assert not (folder / link).readlink().is_absolute()
        made = data.read(target)
        assert all((made.root / path).is_file() for path in made.images.path)
        assert made.images.path[0].startswith(f"{link}/")
    inside = stills(tmp_path / "inside")
    data.write(inside, tmp_path / "inside/all.json")
    assert data.read(tmp_path / "inside/all.json").images.path.tolist() == inside.images.path.tolist()
    assert sorted(p.name for p in (tmp_path / "inside").iterdir()) == ["all.json", "pictures"]


def test_names_of_pictures_that_stay_away_are_names_only(tmp_path: Path) -> None:
    films = [film(tmp_path / "a", name="north"), film(tmp_path / "b/c", name="south")]
    data.write(data.concatenate(films), tmp_path / "out/set.json", images="none")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["set.json"]
    made = data.read(tmp_path / "out/set.json")
    assert made.images.path[0] == "a/north/img1/000001.png"
    assert data.read(tmp_path / "out/set.json", images=tmp_path).image_path(6) == films[1].image_path(0)


def test_a_link_never_replaces_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "out/pictures").mkdir(parents=True)
    data.write(film(tmp_path / "source"), tmp_path / "out", "coco")
    assert (tmp_path / "out/pictures-2").is_symlink()
    assert data.check(tmp_path / "out").errors == 0


# ---- any bytes


def test_masks_of_any_content(tmp_path: Path) -> None:
    for mask in (
        {},
        {"size": [2, 2]},
        {"size": [2], "counts": "04"},
        {"size": [2, 2], "counts": "\u00e4"},
        {"size": [2, 2], "counts": [1.5]},
        {"size": [-1, 2], "counts": "04"},
        {"size": ["2", 2], "counts": "04"},
    ):
        with pytest.raises(DataError, match=r"annotations\[0\] must have a mask with size"):
            read_coco(coco(tmp_path / "a.json", boxes=[BOX | {"segmentation": mask}]))
    with pytest.raises(DataError, match="number of pixels must be at most"):
        decode_mask({"size": [2**30, 2**30], "counts": [2**60]})


NUMBERS = st.one_of(st.integers(), st.floats(), st.text(max_size=3), st.none())


@given(
    st.one_of(st.lists(st.integers()), st.text(max_size=12), st.binary(max_size=12), NUMBERS),
    st.lists(st.one_of(st.integers(-2, 9), NUMBERS), max_size=3),
)
@example([2**62, 2**62], [1, 1])
@example("o" * 50, [1, 1])
def test_a_mask_is_pixels_or_refused(counts: Any, size: Any) -> None:
    with limited(pixels=10_000), contextlib.suppress(TrackforgeError):
        pixels = decode_mask({"size": size, "counts": counts})
        assert np.array_equal(decode_mask(encode_mask(pixels)), pixels)


WILD = st.one_of(
    NUMBERS,
    st.booleans(),
    st.sampled_from([2**63, -(2**63), 10**400, "../x", "/etc/passwd", "\0", "\ud800", "a/b", "1e9"]),
)
FIELDS = {
    "images": ["id", "file_name", "width", "video_id", "frame_id", "frame_index", "split"],
    "annotations": ["image_id", "category_id", "track_id", "iscrowd", "ignore", "attributes", "segmentation", "area"],
    "categories": ["id", "name", "supercategory"],
    "videos": ["id", "name", "file_name"],
}


@given(st.data())
def test_what_any_field_holds_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp()
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48, "video_id": 1, "frame_id": 1}],
        "annotations": [BOX | {"id": 1}],
        "categories": [{"id": 0, "name": "car"}, {"id": 1, "name": "dog", "supercategory": "car"}],
        "videos": [{"id": 1, "name": "street"}],
    }
    for _ in range(draw.draw(st.integers(1, 3))):
        key = draw.draw(st.sampled_from(sorted(FIELDS)))
        value = draw.draw(st.one_of(WILD, st.dictionaries(st.sampled_from(["track_id", "size", "counts"]), WILD)))
        document[key][0][draw.draw(st.sampled_from(FIELDS[key]))] = value
    path = folder / "wild.json"
    path.write_text(json.dumps(document))
    for read in (read_coco, read_coco_classes, data.read):
        try:
            made: Any = read(path)  # type: ignore[operator]
        except TrackforgeError as error:
            made = str(error)
            assert "wild.json" in made
        else:
            if isinstance(made, data.Dataset):
                assert all(".." not in name and not name.startswith("/") for name in made.images.path.tolist())
                made.replace(images=made.images.replace(), boxes=made.boxes.replace())
