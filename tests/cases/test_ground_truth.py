"""Ground Truth's labels of video: real files back exactly, whole output folders, the traps of other converters."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from io_files import write_video
from labelled import film, write_picture

import trackforge
from trackforge import data
from trackforge.data.dialects.ground_truth_job import write_job
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.io.manifest_lines import read_manifest_lines, write_manifest_lines
from trackforge.io.seqlabel import metadata_path
from trackforge.io.tables import convert_tables, read_classes, read_tables

REAL = Path(os.environ.get("TRACKFORGE_DATA", Path(__file__).parents[3] / "shared/data")) / "ground-truth"
LABELS = ("SeqLabel.example.json", "SeqLabel.quality-assessment.json")
needs_real = pytest.mark.skipif(
    not REAL.is_dir() and not os.environ.get("CI"), reason="needs the shared samples of Ground Truth"
)
SIZE = (64, 48)


def box(left: float, number: str | int = "0", name: str = "Car:1", one: str = "a", **attributes: Any) -> dict[str, Any]:
    return {
        "height": 10, "width": 5, "top": 2, "left": left, "class-id": number, "label-category-attributes": attributes,
        "object-id": one, "object-name": name,
    }  # fmt: skip


def frame(number: int, *boxes: dict[str, Any], file: str | None = None, **more: Any) -> dict[str, Any]:
    return {"annotations": list(boxes), "frame-no": str(number), "frame": file or f"{number + 1:06d}.jpg", **more}


def seqlabel(file: Path, *frames: dict[str, Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"tracking-annotations": list(frames)}), encoding="utf-8")
    return file


def job(folder: Path, sequences: dict[str, list[dict[str, Any]]], *, pictures: bool = True, **metadata: Any) -> Path:
    """Write what a job leaves in S3, as the guide has it, and its input beside it."""
    lines = []
    for k, (name, frames) in enumerate(sequences.items()):
        seqlabel(folder / f"annotations/consolidated-annotation/output/{k}/SeqLabel.json", *frames)
        told = {"class-map": {"0": "Car", "1": "Bus"}, "job-name": "labeling-job/cars", "human-annotated": "yes"}
        told |= {"creation-date": "2020-05-15T08:01:16+0000", "type": "groundtruth/video-object-tracking"} | metadata
        address = f"s3://out/cars/annotations/consolidated-annotation/output/{k}/SeqLabel.json"
        source = f"s3://in/frames/{name}.json"
        lines.append({"source-ref": source, "Cars-ref": address, "Cars-ref-metadata": told})
        listed = [{"frame-no": k + 1, "frame": f"{k + 1:06d}.jpg"} for k in range(len(frames) + 1)]
        document = {"seq-no": 1, "prefix": f"s3://in/frames/{name}/", "number-of-frames": len(listed), "frames": listed}
        (folder / f"frames/{name}").mkdir(parents=True)
        (folder / f"frames/{name}.json").write_text(json.dumps(document))
        for one in listed if pictures else ():
            write_picture(folder / f"frames/{name}" / one["frame"], SIZE)
    (folder / "manifests/output").mkdir(parents=True)
    (folder / "manifests/intermediate/1").mkdir(parents=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "manifests/output/output.manifest").write_text(text)
    (folder / "manifests/intermediate/1/output.manifest").write_text(text)
    (folder / "annotation-tool").mkdir()
    (folder / "annotation-tool/data.json").write_text('{"labels": []}')
    return folder


def content(made: data.Dataset) -> dict[tuple[str, int], list[tuple[Any, ...]]]:
    out = {}
    for row in range(len(made)):
        boxes = made.labels(row)
        names = [made.classes[k] for k in boxes.class_id.tolist()]
        rows = zip(names, boxes.track_id.tolist(), map(tuple, boxes.xyxy.tolist()), strict=True)
        out[str(made.images.sequence[row]), int(made.images.frame[row])] = list(rows)
    return out


# ---- real files


@needs_real
@pytest.mark.parametrize("name", LABELS)
def test_real_labels_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    made = data.read(REAL / name)
    data.write(made, tmp_path / name, "ground-truth")
    assert json.loads((tmp_path / name).read_text()) == json.loads((REAL / name).read_text())
    assert data.read(tmp_path / name).images.extra["frame_name"].tolist() == made.images.extra["frame_name"].tolist()


@needs_real
@pytest.mark.parametrize("name", LABELS)
def test_real_labels_come_back_from_coco_as_they_were(tmp_path: Path, name: str) -> None:
    notes = data.write(data.read(REAL / name), tmp_path / "coco", "coco", images="none")
    assert notes == []
    data.write(data.read(tmp_path / "coco"), tmp_path / name, "ground-truth")
    assert json.loads((tmp_path / name).read_text()) == json.loads((REAL / name).read_text())


@needs_real
@pytest.mark.parametrize("name", LABELS)
def test_mot_keeps_boxes_frames_classes_and_identities_and_says_what_is_lost(tmp_path: Path, name: str) -> None:
    made = data.read(REAL / name)
    notes = data.write(made, tmp_path / "mot", "mot", images="none")
    assert "object_id, object_name" in notes[0]
    data.write(data.read(tmp_path / "mot"), tmp_path / name, "ground-truth")
    again = data.read(tmp_path / name)
    assert {k: v for k, v in content(again).items() if v or k in content(made)} == content(made)
    ids = again.boxes.extra["object_id"]
    for track in set(again.boxes.track_id.tolist()):
        assert len(set(ids[again.boxes.track_id == track].tolist())) == 1


@needs_real
@pytest.mark.parametrize("name", ["featurestore.output.manifest", "output.example.manifest"])
def test_lines_of_real_manifests_are_written_as_they_were(tmp_path: Path, name: str) -> None:
    lines = list(read_manifest_lines(REAL / name))
    write_manifest_lines(tmp_path / name, [line.document for line in lines])
    real = [json.loads(line) for line in (REAL / name).read_text().splitlines() if line.strip()]
    assert [json.loads(line) for line in (tmp_path / name).read_text().splitlines()] == real
    assert all(line.labels() for line in lines)


@needs_real
def test_a_real_file_is_a_table_of_tracks_too(tmp_path: Path) -> None:
    file = REAL / LABELS[1]
    (table,) = read_tables(file, "coco").values()
    made = data.read(file)
    assert table.frame.tolist() == made.images.frame[made.boxes.image].tolist()
    assert table.track_id.tolist() == made.boxes.track_id.tolist()
    assert read_classes(file, "coco") == ("class 0", "Pedestrian")
    convert_tables(file, tmp_path / "tracks.txt")
    convert_tables(tmp_path / "tracks.txt", tmp_path / "again.seqlabel.json")
    (again,) = read_tables(tmp_path / "again.seqlabel.json", "seqlabel").values()
    np.testing.assert_array_equal(again.xyxy, table.xyxy)
    np.testing.assert_array_equal(again.frame, table.frame)


# ---- whole folders


def test_a_whole_output_folder(tmp_path: Path) -> None:
    made = data.read(job(tmp_path / "cars", {"one": [frame(0, box(1))], "two": [frame(0, box(3, "1", "Bus:1"))]}))
    assert content(made) == {
        ("one", 0): [("Car", 1, (1, 2, 6, 12))], ("one", 1): [],  # a frame that nobody mentions is empty
        ("two", 0): [("Bus", 1, (3, 2, 8, 12))], ("two", 1): [],
    }  # fmt: skip
    assert made.images.path.tolist()[0] == "frames/one/000001.jpg"
    assert made.images.width.tolist() == [64] * 4
    assert made.images.extra["human_annotated"].tolist() == ["yes"] * 4
    assert made.boxes.extra["object_id"].tolist() == ["a", "a"]  # one id in two sequences: two objects
    assert made.identities()[1] == 2


def test_several_jobs_in_a_folder_and_jobs_that_are_not_done(tmp_path: Path) -> None:
    job(tmp_path / "out/first", {"street": [frame(0, box(1))]})
    job(tmp_path / "out/second", {"street": [frame(0, box(2))]}, **{"class-map": {"0": "Bus"}})
    made = data.read(tmp_path / "out")
    assert made.sequences == ("street", "second-street")
    assert made.classes == ("Car", "Bus")
    assert content(made)["second-street", 0] == [("Bus", 1, (2, 2, 7, 12))]
    (tmp_path / "out/first/manifests/output/output.manifest").unlink()
    alone = data.read(tmp_path / "out/first")
    assert alone.sequences == ("first-0",)
    assert alone.classes == ("Car",)  # as its objects are called


def test_an_adjustment_counts_before_what_it_adjusted(tmp_path: Path) -> None:
    folder = job(tmp_path / "cars", {"one": [frame(0, box(1))]})
    seqlabel(folder / "annotations/adjusted/output/0/SeqLabel.json", frame(0, box(30)))
    manifest = folder / "manifests/output/output.manifest"
    line = json.loads(manifest.read_text())
    line["Checked-ref"] = "s3://out/cars/annotations/adjusted/output/0/SeqLabel.json"
    line["Checked-ref-metadata"] = line["Cars-ref-metadata"] | {"adjustment-status": "adjusted"}
    manifest.write_text(json.dumps(line))
    made = data.read(folder)
    assert made.boxes.xyxy[0, 0] == 30
    assert made.images.extra["adjustment_status"][0] == "adjusted"
    assert data.read(folder, attribute="Cars-ref").boxes.xyxy[0, 0] == 1


def answer(folder: Path, place: str, number: int, left: float, worker: str = "", name: str = "Car:1") -> None:
    one = {"objectId": f"{worker}a", "objectName": name, "top": 2, "left": left, "height": 10, "width": 5,
           "labelCategoryAttributes": {"colour": "red"}}  # fmt: skip
    document: dict[str, Any] = {
        "trackingAnnotations": {
            "frameNumber": number, "frame": f"{number + 1:06d}.jpg", "boundingBoxes": [one], "frameAttributes": {},
        }
    }  # fmt: skip
    if worker:
        document = {"answers": [{"workerId": worker, "answerContent": document}]}
    file = folder / "annotations/worker-response/iteration-1" / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))


def test_answers_of_workers_are_kept_apart_by_sequence(tmp_path: Path) -> None:
    for sequence, left in (("0", 1), ("1", 50)):
        for number in (1, 0):
            answer(tmp_path, f"{sequence}/frame_{number:04d}.json", number, left + number)
    made = data.read(tmp_path)
    name = tmp_path.name
    assert {k: [b[2][0] for b in v] for k, v in content(made).items()} == {
        (f"{name}-0", 0): [1], (f"{name}-0", 1): [2], (f"{name}-1", 0): [50], (f"{name}-1", 1): [51],
    }  # fmt: skip
    assert made.boxes.extra["colour"].tolist() == ["red"] * 4


def test_several_workers_are_consolidated(tmp_path: Path) -> None:
    folder = job(tmp_path / "cars", {"one": [frame(0, box(30))]})
    for worker, left in (("w1", 1), ("w2", 1.5), ("w3", 40)):
        answer(folder, f"0/{worker}/frame_0000.json", 0, left, worker)
    assert data.read(folder).boxes.xyxy[:, 0].tolist() == [30]
    made = data.read(folder, workers=True)
    assert made.sequences == ("one",)
    assert made.boxes.xyxy[:, 0].tolist() == [1.25]  # two of three drew it
    assert made.boxes.extra["confidence"].tolist() == pytest.approx([2 / 3])
    assert len(data.read(folder, workers=True, least=1).boxes) == 2
    assert any("3 workers" in note for note in made.notes)


# ---- traps


def test_frames_are_joined_by_the_names_of_pictures(tmp_path: Path) -> None:
    frames = [frame(0, box(2), file="000002.jpg"), frame(1, box(1), file="000001.jpg"), frame(2, file="000003.jpg")]
    made = data.read(job(tmp_path / "cars", {"one": frames}))
    assert [(k[1], [b[2][0] for b in v]) for k, v in content(made).items()] == [(0, [1]), (1, [2]), (2, []), (3, [])]


@pytest.mark.parametrize(
    ("files", "numbers", "frames"),
    [
        (["000003.jpg", "000001.jpg"], [1, 0], [0, 2]),  # the name counts, whatever the number
        (["000000.jpg", "000001.jpg"], [0, 1], [0, 1]),  # counted from 0
        (["000001.jpg", "000002.jpg"], [1, 2], [0, 1]),  # whoever counts labels from 1, too
        (["left.jpg", "right.jpg"], [7, 3], [3, 7]),
        (["1566861644.1.jpg", "1566861644.9.jpg"], [0, 1], [0, 1]),
    ],
)
def test_which_frame_a_picture_is(tmp_path: Path, files: list[str], numbers: list[int], frames: list[int]) -> None:
    entries = [frame(number, box(1), file=file) for file, number in zip(files, numbers, strict=True)]
    made = data.read(seqlabel(tmp_path / "street.json", *entries))
    assert made.images.frame.tolist() == frames
    assert made.sequences == ("street",)


def test_numbers_may_be_texts_or_numbers_and_attributes_may_lack(tmp_path: Path) -> None:
    entry = frame(0, box(1, 1, "Bus:1") | {"class-id": 1}) | {"frame-no": 0}
    bare = {"annotations": [{"top": 1, "left": 1, "width": 2, "height": 3, "class-id": "1", "object-id": "b"}]}
    file = seqlabel(tmp_path / "s.json", entry, bare | {"frame": "000002.jpg"})
    made = data.read(file)
    assert made.boxes.class_id.tolist() == [1, 1]
    data.write(made, tmp_path / "t.json", "ground-truth")
    assert json.loads((tmp_path / "t.json").read_text()) == json.loads(file.read_text())


def test_attributes_of_every_kind_come_back(tmp_path: Path) -> None:
    frames = [
        frame(0, box(1, colour="red", speed=3, seen=True, parts=["a", "b"], note=""), **{"frame-attributes": {"n": 2}}),
        frame(1, box(1.25, speed=3.5, id="7", size={"w": 1}, mixed="1"), **{"frame-attributes": {"weather": "dry"}}),
        frame(2, box(2, mixed=1, attribute_id="x"), new_key=[1, None], **{"frame-attributes": {}}),
    ]
    file = seqlabel(tmp_path / "s.json", *frames)
    made = data.read(file)
    assert made.boxes.extra["colour"].tolist() == ["red", "", ""]
    assert made.images.extra["weather"].tolist() == ["", "dry", ""]
    for middle in ("ground-truth", "coco"):
        data.write(made, tmp_path / middle, middle, images="none")
        data.write(data.read(tmp_path / middle), tmp_path / f"{middle}.json", "ground-truth")
        assert json.loads((tmp_path / f"{middle}.json").read_text()) == json.loads(file.read_text()), middle


def test_a_box_that_was_moved_is_written_where_it_is_now(tmp_path: Path) -> None:
    made = data.read(seqlabel(tmp_path / "s.json", frame(0, box(1, 0, parts=["a"]) | {"class-id": 0})))
    moved = made.replace(boxes=made.boxes.replace(xyxy=made.boxes.xyxy + 7))
    data.write(moved, tmp_path / "t.json", "ground-truth")
    (one,) = json.loads((tmp_path / "t.json").read_text())["tracking-annotations"][0]["annotations"]
    assert (one["left"], one["top"], one["class-id"]) == (8, 9, 0)
    assert one["label-category-attributes"] == {"parts": ["a"]}


def test_video_detection_has_no_identities(tmp_path: Path) -> None:
    plain = {k: v for k, v in box(1).items() if not k.startswith("object")}
    (tmp_path / "d.json").write_text(json.dumps({"detection-annotations": [frame(0, plain), frame(1)]}))
    made = data.read(tmp_path / "d.json")
    assert made.boxes.track_id.tolist() == [-1]
    assert len(made) == 2
    data.write(made, tmp_path / "e.json", "ground-truth")
    assert json.loads((tmp_path / "e.json").read_text()) == json.loads((tmp_path / "d.json").read_text())


def test_a_data_set_comes_back_from_a_folder(tmp_path: Path) -> None:
    source = film(tmp_path / "source")
    notes = data.write(source, tmp_path / "set", "ground-truth", prefix="s3://bucket/x")
    assert any("ignore" in note for note in notes)
    made = data.read(tmp_path / "set")
    assert data.sniff(tmp_path / "set").name == "ground-truth"
    kept = source.without_ignored()
    first = {k: sorted(b[2] for b in v) for k, v in content(kept).items()}
    assert {k: sorted(b[2] for b in v) for k, v in content(made).items()} == first
    assert made.image_path(0).is_file()
    line = json.loads((tmp_path / "set/manifests/output/output.manifest").read_text())
    assert line["source-ref"] == "s3://bucket/x/sequence-files/street.json"


# ---- clips


def clips(folder: Path) -> Path:
    for first, last, left in ((1, 2, 1), (3, 4, 20)):
        name = f"street-{first:06d}-{last:06d}"
        seqlabel(folder / f"{name}.json", frame(0, box(left)), frame(1, box(left + 1)))
    return folder


def test_clips_of_a_film_are_apart_unless_joined(tmp_path: Path) -> None:
    made = data.read(clips(tmp_path))
    assert made.sequences == ("street-000001-000002", "street-000003-000004")
    assert made.identities()[1] == 2
    joined = data.read(clips(tmp_path), join=True)
    assert joined.sequences == ("street",)
    assert joined.images.frame.tolist() == [0, 1, 2, 3]
    assert joined.identities()[1] == 1  # the same id in the same film


def test_clips_whose_pictures_have_the_films_numbers(tmp_path: Path) -> None:
    entries = [frame(k, box(1), file=f"{k + 201:06d}.jpg") for k in range(3)]
    file = seqlabel(tmp_path / "street-000201-000203.json", *entries)
    assert data.read(file).images.frame.tolist() == [0, 1, 2]
    assert data.read(file, join=True).images.frame.tolist() == [200, 201, 202]


def renumbered_clip(file: Path, count: int) -> Path:
    return seqlabel(file, *(frame(k, box(k + 1), file=f"frame_{k + 1:04d}.jpeg") for k in range(count)))


def test_a_clip_that_leaves_frames_out_says_so_in_its_name(tmp_path: Path) -> None:
    for first, last in ((1, 196), (201, 396)):
        renumbered_clip(tmp_path / f"street-{first:06d}-{last:06d}-by-5.json", 40)
    assert data.read(tmp_path, join=True).images.frame.tolist() == [*range(0, 196, 5), *range(200, 396, 5)]
    assert data.read(tmp_path).images.frame.tolist() == [*range(40)] * 2


@pytest.mark.parametrize(("name", "count"), [("street-000001-000196", 40), ("street-000016-000030", 8)])
def test_which_frames_a_clip_has_is_not_guessed(tmp_path: Path, name: str, count: int) -> None:
    file = renumbered_clip(tmp_path / f"{name}.json", count)
    with pytest.raises(DataError, match=f"Call it {name}-by-N where it has one frame in N"):
        data.read(file, join=True)
    assert data.read(file).images.frame.tolist() == [*range(count)]  # alone, it counts its own


def test_a_sequence_file_tells_which_frames_a_clip_has(tmp_path: Path) -> None:
    name = "street-000016-000030"
    renumbered_clip(tmp_path / f"{name}.seqlabel.json", 5)
    listed = [{"frame-no": k, "frame": f"frame_{k + 1:04d}.jpeg"} for k in range(8)]
    (tmp_path / f"{name}.json").write_text(json.dumps({"prefix": "s3://in/", "frames": listed}))
    made = data.read(tmp_path / f"{name}.seqlabel.json", join=True)
    assert made.images.frame.tolist() == [*range(15, 30, 2)]


@pytest.mark.parametrize("film", ["street", "street-000011-000013"])  # the whole film, or the clip
def test_the_pictures_may_be_frames_of_a_film(tmp_path: Path, film: str) -> None:
    first = 0 if film == "street" else 10
    write_video(tmp_path / f"{film}.mp4", 20 - first, size=(160, 120))
    seqlabel(tmp_path / "street-000011-000013.json", *(frame(k, box(1), file=f"frame_{k:04d}.jpg") for k in range(3)))
    made = data.read(tmp_path)
    assert made.images.path.tolist() == [f"{film}.mp4#{10 - first + k}" for k in range(3)]
    assert made.images.width.tolist() == [160] * 3
    joined = data.read(tmp_path, join=True)
    assert joined.images.frame.tolist() == [10, 11, 12]
    assert joined.images.path.tolist() == made.images.path.tolist()


# ---- bad input


def gathered(path: Path, **options: Any) -> tuple[data.Dataset, list[str]]:
    findings = Findings(gather=True)
    made = data.formats()["ground-truth"].read(path, findings=findings, **options)
    return made, [str(problem) for problem in findings.problems]


def test_broken_lines_are_named_and_the_others_kept(tmp_path: Path) -> None:
    folder = job(tmp_path / "cars", {name: [frame(0, box(1))] for name in ("a", "b", "c", "d")})
    manifest = folder / "manifests/output/output.manifest"
    lines = manifest.read_text().splitlines()
    lines[1] = lines[1][:40]
    lines[2] = lines[2].replace("consolidated-annotation/output/2", "../../../etc")
    manifest.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"output\.manifest:2: A line must be JSON"):
        data.read(folder)
    made, problems = gathered(folder)
    assert made.sequences == ("a", "d")
    assert ["manifest:2: " in problems[0], "manifest:3: " in problems[1]] == [True, True]
    assert "stays in its folder" in problems[1]


def test_labels_that_are_not_here_and_classes_that_are_none(tmp_path: Path) -> None:
    folder = job(tmp_path / "cars", {"a": [frame(0, box(1), box(2, "9", "Car:2", "b"))], "b": [frame(0, box(1))]})
    (folder / "annotations/consolidated-annotation/output/1/SeqLabel.json").unlink()
    with pytest.raises(DataError, match="Fetch the whole folder"):
        data.read(folder)
    _, problems = gathered(folder, classes=("Car", "Bus"))
    assert any("must have a class that is one of 0..1; got 9" in problem for problem in problems)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{cut}\n{cut}\n", [r"manifest:1: A line must be JSON", r"manifest:2: A line must be JSON"]),
        ("", ["manifest:1: A manifest must name what was labelled, a line each; it is empty"]),
        ('{{"a": 1}}\n', ["manifest:1: The line must have an attribute that names labels of video"]),
    ],
)
def test_a_manifest_of_which_no_line_is_whole_is_the_jobs_all_the_same(
    tmp_path: Path, text: str, named: list[str]
) -> None:
    folder = job(tmp_path / "cars", {name: [frame(0, box(1))] for name in ("a", "b")})
    manifest = folder / "manifests/output/output.manifest"
    manifest.write_text(text.format(cut=manifest.read_text()[:40]))
    with pytest.raises(DataError, match=named[0]):
        data.read(folder)
    made, problems = gathered(folder)
    assert not len(made)
    for wanted, problem in zip(named, problems, strict=True):
        assert wanted in problem


@pytest.mark.parametrize("told", ["manifest", "beside"])
def test_a_class_that_the_class_map_lacks_is_named_and_none_is_invented(tmp_path: Path, told: str) -> None:
    if told == "manifest":
        folder = job(tmp_path / "cars", {"a": [frame(0, box(1), box(2, "9", "Car:2", "b"))]})
        wanted = r"0/SeqLabel\.json: .*'000001\.jpg' must have a class of the class-map \(output\.manifest, line 1\)"
    else:
        folder = seqlabel(tmp_path / "a.json", frame(0, box(1), box(2, "9", "Car:2", "b")))
        metadata_path(folder).write_text(json.dumps({"class-map": {"0": "Car"}}))
        wanted = r"a\.json: .*of the class-map \(.*metadata.*\), 0; got 9"
    with pytest.raises(DataError, match=wanted):
        data.read(folder)
    made, problems = gathered(folder)
    assert len(made.boxes) == 1
    assert len(problems) == 1
    assert "9" not in made.classes
    assert len(data.read(folder, classes=[f"class {k}" for k in range(10)]).boxes) == 2  # names that settle the matter


def test_a_missing_picture_a_strange_frame_and_an_object_that_is_twice(tmp_path: Path) -> None:
    folder = job(tmp_path / "cars", {"a": [frame(0, box(1), box(2)), frame(8, box(3), file="000009.jpg")]})
    (folder / "frames/a/000002.jpg").unlink()
    made, problems = gathered(folder)
    text = "\n".join(problems)
    assert "'000009.jpg' is not" in text
    assert "'a' is twice in '000001.jpg'" in text
    assert "'000002.jpg'" in text
    assert "missing-picture" in text
    assert len(made.boxes) == 1
    with pytest.raises(DataError):
        data.read(folder)


@pytest.mark.parametrize("name", ["../../evil.jpg", "/etc/passwd", "a/../../b.jpg"])
def test_names_that_lead_out(tmp_path: Path, name: str) -> None:
    file = seqlabel(tmp_path / "s.json", frame(0, box(1), file=name))
    with pytest.raises(DataError, match="in its folder"):
        data.read(file)


def test_a_sequence_file_that_does_not_count_right(tmp_path: Path) -> None:
    folder = job(tmp_path / "cars", {"a": [frame(0, box(1))]})
    file = folder / "frames/a.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"number-of-frames": 7}))
    with pytest.raises(DataError, match="number-of-frames must be how many frames are listed, 2; got 7"):
        data.read(folder)


def test_eval_reads_truth_and_tracks_of_this_kind(tmp_path: Path) -> None:
    folder = job(tmp_path / "cars", {"street": [frame(k, box(k + 1)) for k in range(3)]})
    tracks = seqlabel(tmp_path / "street.seqlabel.json", *(frame(k, box(k + 1)) for k in range(3)))
    truth = data.to_tables(data.read(folder))
    report = trackforge.evaluate(truth, tracks)
    assert report.combined["MOTA"] == 1


def test_frames_without_a_name_have_their_number(tmp_path: Path) -> None:
    nameless = [{k: v for k, v in frame(k, box(1)).items() if k != "frame"} for k in (2, 1)]
    made = data.read(seqlabel(tmp_path / "s.json", *nameless))
    assert made.images.frame.tolist() == [1, 2]


# ---- the faults of the seeds' converters


def mot_text(folder: Path, rows: list[tuple[int, int, float, float]]) -> Path:
    (folder / "street/gt").mkdir(parents=True)
    text = "".join(f"{frame},{track},{left},{top},5,10,1,1,1\n" for frame, track, left, top in rows)
    (folder / "street/gt/gt.txt").write_text(text)
    (folder / "street/seqinfo.ini").write_text(
        "[Sequence]\nname=street\nimDir=img1\nframeRate=25\nseqLength=3\nimWidth=64\nimHeight=48\nimExt=.jpg\n"
    )
    for k in range(3):
        write_picture(folder / f"street/img1/{k + 1:06d}.jpg", SIZE)
    return folder


ROWS = [(1, 7, 10, 2), (1, 9, 30, 3), (2, 7, 11, 2), (2, 9, 31, 3), (3, 7, 12, 2), (3, 9, 32, 3)]


def test_from_mot_no_box_and_no_frame_is_lost_nor_sides_swapped(tmp_path: Path) -> None:
    """A converter lost the first box of each frame and the last frame, and took left for top."""
    mixed = [ROWS[k] for k in (5, 0, 3, 1, 4, 2)]
    made = data.read(mot_text(tmp_path / "mot", mixed))
    written = write_job(made, tmp_path / "job", prefix="s3://bucket/job")
    (line,) = (json.loads(text) for text in written.manifests[0].read_text().splitlines())
    labels = json.loads((written.folder / line["labels-ref"].removeprefix(written.prefix)).read_text())
    frames = labels["tracking-annotations"]
    assert [(f["frame-no"], f["frame"]) for f in frames] == [(str(k), f"{k + 1:06d}.jpg") for k in range(3)]
    boxes = [
        (k + 1, b["left"], b["top"], b["width"], b["height"]) for k, f in enumerate(frames) for b in f["annotations"]
    ]
    assert sorted(boxes) == sorted((frame, left, top, 5, 10) for frame, _, left, top in ROWS)
    sequence = json.loads((written.folder / "sequence-files/street.json").read_text())
    assert sequence["prefix"] == "s3://bucket/job/frames/street/"
    assert len({b["object-id"] for f in frames for b in f["annotations"]}) == 2


def test_from_mot_to_coco_the_first_frame_and_the_tracks_stay(tmp_path: Path) -> None:
    """A converter dropped the first frame, and made a track of every row of a file that is sorted by frame."""
    data.convert(mot_text(tmp_path / "mot", ROWS), tmp_path / "coco", to="coco", images="none")
    made = data.read(tmp_path / "coco")
    assert made.images.frame.tolist() == [0, 1, 2]
    assert made.boxes.track_id.tolist() == [7, 9, 7, 9, 7, 9]


def test_answers_become_mot_files_that_count_from_one_each_of_its_own_sequence(tmp_path: Path) -> None:
    """A converter mixed the answers of all sequences, and counted frames of MOT files from 0."""
    for sequence, left in (("0", 1), ("1", 50)):
        for number in range(2):
            answer(tmp_path / "cars", f"{sequence}/frame_{number:04d}.json", number, left + number)
    data.convert(tmp_path / "cars", tmp_path / "mot", to="mot", images="none")
    rows = {
        name: [line.split(",")[:3] for line in (tmp_path / f"mot/cars-{name}/gt/gt.txt").read_text().splitlines()]
        for name in "01"
    }
    assert rows == {"0": [["1", "1", "1"], ["2", "1", "2"]], "1": [["1", "1", "50"], ["2", "1", "51"]]}


def test_what_comes_back_of_a_job_finds_what_went_in(tmp_path: Path) -> None:
    source = film(tmp_path / "source").without_ignored()
    written = write_job(source, tmp_path / "job", prefix="s3://inputs/people")
    line = json.loads(written.manifests[0].read_text())
    labels = json.loads((written.folder / line["labels-ref"].removeprefix(written.prefix)).read_text())
    first = labels["tracking-annotations"][0]["annotations"]
    first[0]["left"] += 3  # people moved one
    place = "annotations/consolidated-annotation/output/0/SeqLabel.json"
    seqlabel(tmp_path / "out" / place, *labels["tracking-annotations"])
    line["checked-ref"] = f"s3://out/{place}"
    line["checked-ref-metadata"] = line["labels-ref-metadata"] | {"adjustment-status": "adjusted"}
    (tmp_path / "out/manifests/output").mkdir(parents=True)
    (tmp_path / "out/manifests/output/output.manifest").write_text(json.dumps(line))
    made = data.read(tmp_path / "out", pictures=tmp_path / "job")
    assert made.sequences == ("street",)
    assert all(made.image_path(row).is_file() for row in range(len(made)))
    moved = np.abs(made.boxes.xyxy[:, 0] - np.round(source.boxes.xyxy[:, 0]))
    assert sorted(moved.tolist()) == [0.0] * (len(moved) - 1) + [3.0]
    data.write(made, tmp_path / "mot", "mot")
    assert data.check(tmp_path / "mot").errors == 0
