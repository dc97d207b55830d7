"""Data sets of MXNet's and SageMaker's detectors: read, written, converted, refused."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from cli_runs import run
from format_samples import SAMPLES, manifest_line, put
from labelled import film, stills, write_picture

from trackforge import data
from trackforge.data import Dataset
from trackforge.data.class_names import ClassNames
from trackforge.data.pictures import PictureReader
from trackforge.errors import ConfigError, DataError
from trackforge.io.image_records import DetectionLabel, ImageRecord, decode_image_record, encode_image_record
from trackforge.io.recordio import RecordReader, RecordWriter, records

KIND = {"type": "groundtruth/object-detection"}
FORMATS = ("recordio", "sagemaker-json", "augmented-manifest")


@pytest.fixture
def golden(golden_dir):
    return golden_dir / "mxnet" / "recordio"


def pictures(dataset: Dataset) -> list[np.ndarray]:
    reader = PictureReader()
    found = [reader.read(path) for row in range(len(dataset)) if (path := dataset.image_path(row)) is not None]
    reader.close()
    return found


def same(first: Dataset, second: Dataset) -> None:
    """Everything that a training draws from is the same, in the same order."""
    assert len(first) == len(second)
    assert first.classes == second.classes
    for name in ("width", "height", "split"):
        np.testing.assert_array_equal(getattr(first.images, name), getattr(second.images, name))
    for name in ("image", "class_id", "ignore"):
        np.testing.assert_array_equal(getattr(first.boxes, name), getattr(second.boxes, name))
    np.testing.assert_allclose(first.boxes.xyxy, second.boxes.xyxy, rtol=1e-6, atol=1e-5)
    for one, other in zip(pictures(first), pictures(second), strict=True):
        np.testing.assert_array_equal(one, other)


def record(path: Path, *rows: list[float] | np.float32, image: bytes | None = None, ids: int = 0) -> Path:
    """Write records with these labels and one picture of 64x48."""
    content = image if image is not None else write_picture(path.with_suffix(".png"), (64, 48)).read_bytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        writer = RecordWriter(out)
        for number, label in enumerate(rows):
            writer.write(encode_image_record(ImageRecord(np.asarray(label, np.float32), ids + number, content)))
    return path


# ---- one set, three ways


@pytest.fixture(scope="module")
def small_coco(data_dir, tmp_path_factory):
    """Sixteen real pictures with labels."""
    return data.read(data_dir / "coco128")[::16]


@pytest.mark.parametrize("name", FORMATS)
def test_real_pictures_give_the_same_set(small_coco, name, tmp_path):
    data.write(small_coco, tmp_path / "set", name)
    assert data.sniff(tmp_path / "set").name == name
    same(data.read(tmp_path / "set"), small_coco)
    report = data.check(tmp_path / "set", pictures="decode")
    assert report.errors == 0
    assert report.summary.splits == {"train2017": 8, "val2017": 8}  # num_training_samples, of the first
    samples = [data.Samples(one)[3] for one in (small_coco, data.read(tmp_path / "set"))]
    np.testing.assert_array_equal(samples[0].image, samples[1].image)


def test_from_each_into_each(tmp_path):
    dataset = stills(tmp_path / "source")
    last = dataset
    for number, name in enumerate((*FORMATS, "recordio", "augmented-manifest", "sagemaker-json", "recordio")):
        data.write(last, tmp_path / str(number), name)
        last = data.read(tmp_path / str(number))
        same(last, dataset)
    data.write(last, tmp_path / "voc", "voc")
    # what pictures were called before they came into records comes back, with their ending
    assert {p.name for p in (tmp_path / "voc/JPEGImages").iterdir()} == {f"p{k}.png" for k in range(4)}


def test_a_film_becomes_records(tmp_path):
    dataset = film(tmp_path / "source")
    notes = data.write(dataset, tmp_path / "set", "recordio")
    assert "recordio cannot hold sequences: 6 frames become stills, named by sequence and frame" in notes
    assert any("sixth number" in note for note in notes)
    made = data.read(tmp_path / "set")
    np.testing.assert_array_equal(made.boxes.ignore, dataset.boxes.ignore)
    assert (tmp_path / "set/all.lst").read_text().splitlines()[0].endswith("\tstreet_000001.png")


# ---- RecordIO


def test_what_im2rec_writes_is_written(golden, tmp_path):
    """From the list to the record file: what MXNet's own tool made of the same list, byte for byte."""
    listed = data.read(golden / "det_pass.lst", pictures=golden)
    data.write(listed, tmp_path / "pass", "recordio")
    for suffix in (".rec", ".idx"):
        assert (tmp_path / f"pass/det_pass{suffix}").read_bytes() == (golden / f"det_pass{suffix}").read_bytes()
    # encoded anew, as without --pass-through: the same numbers, and the pictures of the same encoder
    data.write(listed, tmp_path / "jpg", "recordio", encoding="jpg")
    with RecordReader(tmp_path / "jpg/det_pass.rec") as ours, RecordReader(golden / "det_jpg.rec") as theirs:
        for one, other in zip(map(decode_image_record, ours), map(decode_image_record, theirs), strict=True):
            np.testing.assert_array_equal(one.label, other.label)
            first, second = (cv2.imdecode(np.frombuffer(r.image, np.uint8), 1).astype(int) for r in (one, other))
            assert np.abs(first - second).max() <= 2  # libjpeg's versions differ by that


def test_records_of_mxnet_are_read(golden):
    truth = json.loads((golden / "truth.json").read_text())
    for name, suffix in (("det_pass", ".rec"), ("det_pass", ".lst"), ("det_hdr4", ".rec")):
        made = data.read(golden / f"{name}{suffix}", classes=["a", "b", "c"], pictures=golden)
        assert list(zip(made.images.width.tolist(), made.images.height.tolist(), strict=True)) == [
            tuple(one["size"]) for one in truth
        ]
        for row, one in enumerate(truth):
            rows = np.array(one["boxes"]).reshape(-1, 5)
            np.testing.assert_allclose(made.labels(row).xyxy, rows[:, 1:] * (one["size"] * 2), rtol=1e-6, atol=1e-5)
            assert made.labels(row).class_id.tolist() == rows[:, 0].tolist()
        assert made.classes == ("a", "b", "c")
        for row, image in enumerate(pictures(made)):
            expected = cv2.imread(str(golden / truth[row]["file"]))[:, :, ::-1]
            np.testing.assert_array_equal(image, expected)
    assert made.boxes.ignore.tolist() == [False, False, True, False, False, False]  # difficult


def test_pictures_are_encoded_anew_where_asked(tmp_path):
    dataset = stills(tmp_path / "source")
    for options, ending, size in (
        ({"resize": 24}, "png", (32, 24)),
        ({"resize": 96, "quality": 60}, "jpg", (128, 96)),
        ({"encoding": "jpg"}, "jpg", (64, 48)),
    ):
        target = tmp_path / f"{ending}-{size[0]}"
        report = data.convert(dataset, target, to="recordio", writing=options)
        assert report.images == 4
        made = data.read(target)
        assert {(image.shape[1], image.shape[0]) for image in pictures(made)} == {size}
        assert set(zip(made.images.width.tolist(), made.images.height.tolist(), strict=True)) == {size}
        scale = size[0] / 64
        np.testing.assert_allclose(made.boxes.xyxy, dataset.boxes.xyxy * scale, rtol=1e-5)
        with RecordReader(target / "train.rec") as reader:
            magic = decode_image_record(reader.read(0)).image[:4]
        assert magic == {"png": b"\x89PNG", "jpg": b"\xff\xd8\xff\xe0"}[ending]
    for options, message in (
        ({"resize": 0}, "resize must be"),
        ({"quality": 101}, "quality must be"),
        ({"encoding": "gif"}, "encoding must be"),
        ({"quality": 90, "encoding": "png"}, "PNG has no quality"),
        ({"qualiti": 90}, "no option 'qualiti'. Did you mean 'quality'"),
        ({"images": "link"}, "images must be 'copy'"),
    ):
        with pytest.raises(ConfigError, match=message):
            data.convert(dataset, tmp_path / "none", to="recordio", writing=options)
    with pytest.raises(ConfigError, match="written to a folder"):
        data.write(dataset, tmp_path / "none.rec", "recordio")
    assert not (tmp_path / "none").exists()


def test_records_in_random_order(tmp_path):
    dataset = stills(tmp_path / "source", count=24)
    done = [
        data.convert(dataset, tmp_path / str(k), to="recordio", writing={"shuffle": True, "seed": k % 2})
        for k in range(3)
    ]
    assert done[0].images == 24
    texts = [(tmp_path / f"{k}/train.lst").read_text() for k in range(3)]
    assert texts[0] == texts[2] != texts[1]
    numbers = [int(line.split("\t")[0]) for line in texts[0].splitlines()]
    assert sorted(numbers) == list(range(12)) != numbers
    made = data.read(tmp_path / "0", split="train")
    for row, number in enumerate(numbers):  # each record still has its own boxes
        np.testing.assert_allclose(made.labels(row).xyxy, dataset.labels(number).xyxy, rtol=1e-5)


def test_parts_are_files_or_folders(tmp_path):
    label = [2, 5, 0, 0, 0, 0.5, 0.5]
    for name in ("coco_train", "coco_val"):
        record(tmp_path / f"files/{name}.rec", label)
    assert data.read(tmp_path / "files").splits == ("train", "val")
    for folder, name in (("train", "a_0"), ("train", "a_1"), ("validation", "b")):
        record(tmp_path / f"channels/{folder}/{name}.rec", label, label)
    made = data.read(tmp_path / "channels")
    assert (made.splits, len(made), len(data.read(tmp_path / "channels", split="val"))) == (
        ("train", "validation"),
        6,
        2,
    )
    with pytest.raises(DataError, match="no split 'test'; there are: train, validation"):
        data.read(tmp_path / "channels", split="test")


def test_damaged_records_are_named(tmp_path):
    good = [2, 5, 0, 0, 0, 0.5, 0.5]
    path = record(tmp_path / "a.rec", good, [2, 5, 3, 0, 0, 0.5, 0.5], good)
    with pytest.raises(DataError, match=r"a\.rec: A box of record 1 must have a class that is one of 0\.\.1; got 3"):
        data.read(path, classes=["a", "b"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(DataError, match=r"a\.rec: .*record 2 at byte [\d,]+ announces [\d,]+ bytes, of which"):
        data.read(path)
    report = data.check(path)
    assert (report.summary.images, report.errors) == (2, 1)  # what stands before is counted all the same
    with pytest.raises(DataError, match="record 2 at byte"):
        PictureReader().read(f"{path}#2")
    path.write_bytes(b"no records")
    with pytest.raises(DataError, match="looks like none of the formats"):
        data.read(path)
    with pytest.raises(DataError, match="record 0 at byte 0 must begin with"):
        data.read(path, "recordio")
    for label, image, message in (
        (np.float32(7), None, "The label of record 0 must be one for detection, .* not a class alone"),
        (good, b"no picture", "Record 0 must hold a picture; what it holds cannot be decoded"),
    ):
        record(path, label, image=image)
        with pytest.raises(DataError, match=message):
            data.read(path)


def test_an_index_that_does_not_fit_is_said(tmp_path):
    data.write(stills(tmp_path / "source"), tmp_path / "set", "recordio")
    (tmp_path / "set/train.idx").write_text("0\t0\n1\t77\n")
    (tmp_path / "set/val.lst").write_text("nonsense\n")
    report = data.check(tmp_path / "set")
    assert report.errors == 0
    assert {problem.kind for problem in report.problems} == {"index", "list"}
    assert any("train.idx does not fit train.rec" in note for note in report.notes)


def test_what_a_list_names_must_be_there(tmp_path):
    line = "0\t2\t5\t0\t0.1\t0.1\t0.5\t0.5\t"
    path = put(tmp_path / "a.lst", f"{line}a.png\n{line}gone.png\n")
    write_picture(tmp_path / "a.png", (64, 48))
    with pytest.raises(DataError, match=r"a\.lst:2: .*gone\.png: The picture is missing"):
        data.read(path)
    put(path, f"{line}../../etc/passwd\n")
    with pytest.raises(DataError, match=r"a\.lst:1: The picture must have a name that stays in its folder"):
        data.read(path)


def test_records_are_read_by_worker_processes(tmp_path):
    data.write(stills(tmp_path / "source"), tmp_path / "set", "recordio")
    samples = data.Samples(data.read(tmp_path / "set"))
    here = samples[1].image  # opens the file
    child = os.fork()
    if not child:
        alike = all((samples[k].image == samples[1].image).all() == (k == 1) for k in (3, 2, 1, 0))
        os._exit(0 if alike and (samples[1].image == here).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(samples[1].image, here)


# ---- JSON annotations


def test_channels_of_the_builtin_algorithm(tmp_path):
    made = data.read(SAMPLES["sagemaker-json"][1](tmp_path / "set"))
    assert (made.splits, made.classes) == (("train", "validation"), ("dog", "1", "cat"))
    assert made.notes == ("no file gives names to 1 of the classes; these are called by their numbers",)
    assert made.images.path.tolist()[:2] == ["train/sample_image0.jpg", "train/sample_image1.jpg"]
    assert made.boxes.xyxy[0].tolist() == [11, 13, 32, 41]
    assert made.boxes.class_id.tolist() == [0, 2] * 3
    named = data.read(tmp_path / "set", classes=["dog", "wolf", "cat"], split="val")
    assert (len(named), named.classes) == (1, ("dog", "wolf", "cat"))


def test_what_is_written_for_the_builtin_algorithm(tmp_path):
    data.write(stills(tmp_path / "source"), tmp_path / "set", "sagemaker-json")
    document = json.loads((tmp_path / "set/train_annotation/p1.json").read_text())
    assert document == {
        "file": "p1.png",
        "image_size": [{"width": 64, "height": 48, "depth": 3}],
        "annotations": [
            {"class_id": 0, "left": 2, "top": 3, "width": 20.5, "height": 30.25},
            {"class_id": 1, "left": 12, "top": 8, "width": 20.5, "height": 30.25},
        ],
        "categories": [{"class_id": 0, "name": "person"}, {"class_id": 1, "name": "car"}],
    }


def test_annotations_without_folders_of_channels(tmp_path):
    made = SAMPLES["sagemaker-json"][1](tmp_path / "set")
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in sorted(made.rglob("*.*")):
        shutil.copy(file, flat / file.name)
    assert data.sniff(flat).name == "sagemaker-json"
    assert len(data.read(flat).boxes) == 6
    one = data.read(flat / "sample_image1.json")
    assert (len(one), one.image_path(0)) == (1, flat / "sample_image1.jpg")
    for picture in flat.glob("*.jpg"):
        picture.unlink()
    labels = data.read(flat)
    assert len(labels.boxes) == 6
    assert "labels only" in labels.notes[0]
    assert all(path.is_file() for row in range(3) if (path := data.read(flat, pictures=made).image_path(row)))


def test_annotations_that_are_wrong_are_named(tmp_path):
    root = SAMPLES["sagemaker-json"][1](tmp_path / "set")
    file = root / "train_annotation/sample_image1.json"
    good = json.loads(file.read_text())
    for change, message in (
        ({"annotations": [{"class_id": 0, "left": "x", "top": 1, "width": 2, "height": 3}]}, "left must be a number"),
        ({"annotations": [{"class_id": 0, "left": 1, "top": 1, "width": -2, "height": 3}]}, "must be >= 0; got -2"),
        ({"annotations": [{"class_id": -1, "left": 1, "top": 1, "width": 2, "height": 3}]}, "a whole number from 0 up"),
        ({"annotations": {}}, "a list 'annotations'"),
        ({"categories": [{"class_id": 0, "name": "wolf"}]}, "one name in the whole set; 0 is 'dog' and 'wolf'"),
        ({"categories": [{"class_id": 5, "name": "dog"}]}, "5 is 'dog', as another class is"),
        ({"image_size": [{"width": "w"}]}, "image_size must have width and height"),
    ):
        file.write_text(json.dumps(good | change))
        with pytest.raises(DataError, match=rf"sample_image1\.json: .*{message}"):
            data.read(root)
    file.write_text(json.dumps(good))
    with pytest.raises(DataError, match=r"must have a class that is one of 0\.\.1; got 2"):
        data.read(root, classes=["dog", "cat"])
    (root / "train/sample_image1.jpg").unlink()
    with pytest.raises(
        DataError, match=r"train_annotation/sample_image1\.json: The picture 'sample_image1\.jpg' must be there"
    ):
        data.read(root)
    assert data.check(root).counts == {"missing-picture": 1, "empty-class": 1}


# ---- manifests


def test_what_ground_truth_wrote(tmp_path):
    made = data.read(SAMPLES["augmented-manifest"][1](tmp_path / "set"))
    assert made.classes == ("Bird", "Fish")
    assert made.images.path.tolist() == ["2022/a.jpg", "2022/b.jpg", "2022/c.jpg"]
    np.testing.assert_allclose(made.boxes.xyxy[0], [8.8, 4.6, 13.6, 13.6])
    assert made.boxes.class_id.tolist() == [0, 0, 1]
    assert made.boxes.extra["confidence"].tolist() == [0.93] * 3
    assert made.notes == ("1 pictures have no labels, for labelling them failed; they are left out",)
    data.write(made, tmp_path / "again", "augmented-manifest", prefix="s3://mine/set/", attribute="box")
    line = json.loads((tmp_path / "again/output.manifest").read_text().splitlines()[1])
    assert line["source-ref"] == "s3://mine/set/images/b.jpg"
    assert line["box-metadata"]["class-map"] == {"0": "Bird", "1": "Fish"}
    assert line["box-metadata"]["objects"] == [{"confidence": 0.93}] * 2
    again = data.read(tmp_path / "again", prefix="s3://mine/set/")
    same(again.replace(images=again.images.replace(split=made.images.split)), made)


def test_where_pictures_of_a_manifest_lie(tmp_path):
    root = SAMPLES["augmented-manifest"][1](tmp_path / "set")
    shutil.move(root / "2022", tmp_path / "flat")
    elsewhere = data.read(root, pictures=tmp_path / "flat")
    assert elsewhere.image_path(0) == tmp_path / "flat/a.jpg"
    assert elsewhere.images.path.tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    labels = data.read(root)
    assert "none of the pictures is there ('a.jpg' of output.manifest:1 is the first)" in labels.notes[0]
    (tmp_path / "flat/b.jpg").unlink()
    with pytest.raises(DataError, match=r"output\.manifest:2: The picture 'b\.jpg' must be in .*flat; it is missing"):
        data.read(root, pictures=tmp_path / "flat")
    with pytest.raises(DataError, match=r"output\.manifest:1: Every address must begin with 's3://other/'"):
        data.read(root, prefix="s3://other/")
    for address in ("s3://bucket/..", "..", "s3://bucket/x\0.jpg", "s3://", ""):
        put(root / "output.manifest", manifest_line("a.jpg", [], {}, **{"source-ref": address}))
        with pytest.raises(DataError, match=r"output\.manifest:1: (An address must name|A line must name)"):
            data.read(root)
    put(root / "output.manifest", manifest_line("a.jpg", [], {}, **{"source-ref": "s3://b/../../../../../etc/passwd"}))
    assert data.read(root).image_path(0) == root / "passwd"  # nothing outside is looked at


def test_two_addresses_are_not_one_picture(tmp_path):
    lines = [manifest_line("a.jpg", [], {}, **{"source-ref": f"s3://bucket/{k}/a.jpg"}) for k in (1, 2)]
    path = put(tmp_path / "set/train.manifest", "".join(lines))
    write_picture(tmp_path / "set/a.jpg", (64, 48))
    with pytest.raises(DataError, match=r"train\.manifest:2: Pictures must be told apart here, too"):
        data.read(path)
    for k in (1, 2):
        write_picture(tmp_path / f"set/{k}/a.jpg", (64, 48))
    assert data.read(path).images.path.tolist() == ["1/a.jpg", "2/a.jpg"]


def test_manifests_that_are_wrong_are_named(tmp_path):
    path = tmp_path / "a.manifest"
    write_picture(tmp_path / "a.jpg", (64, 48))
    good = manifest_line("a.jpg", [{"class_id": 0, "top": 1, "left": 2, "height": 3, "width": 4}], {"0": "Bird"})
    for text, message in (
        ("[1]\n", "A line must be a JSON object; got list"),
        ("{\n", "A line must be JSON"),
        ('{"source-ref": "a.jpg"}\n', "must have an attribute with 'annotations'; it has 'source-ref'"),
        (good.replace("source-ref", "source"), "must name its picture, 'source-ref'"),
        (good.replace('"class_id": 0', '"class_id": 0.5'), "must be a whole number"),
        (good.replace('"width": 4', '"width": null'), "width must be a number"),
        (good.replace('{"0": "Bird"}', '{"a": "Bird"}'), "A class-map must have numbers"),
        (manifest_line("a.jpg", [], {}, other={"annotations": []}, **{"other-metadata": KIND}),
         "has several attributes with boxes: 'category', 'other'"),
    ):  # fmt: skip
        put(path, good + text)
        with pytest.raises(DataError, match=rf"a\.manifest:2: .*{message}"):
            data.read(path, "augmented-manifest")
    assert len(data.read(path, attribute="category")) == 2


def test_a_stream_of_pipe_mode(tmp_path):
    dataset = stills(tmp_path / "source")
    data.write(dataset, tmp_path / "set", "augmented-manifest", wrapped=True)
    assert data.sniff(tmp_path / "set").name == "augmented-manifest"
    same(data.read(tmp_path / "set"), dataset)
    # the stream itself, as a FIFO gives it
    fifo = tmp_path / "train_0"
    os.mkfifo(fifo)
    content = (tmp_path / "set/train.rec").read_bytes()
    thread = threading.Thread(target=lambda: fifo.write_bytes(content))
    thread.start()
    with fifo.open("rb") as file:
        payloads = list(records(file))
    thread.join()
    assert payloads[0] == (tmp_path / "source/pictures/p0.png").read_bytes()
    assert json.loads(payloads[1])["annotations"][0]["class_id"] == 0
    with pytest.raises(DataError, match="as in the stream of an augmented manifest"):
        data.read(tmp_path / "set/train.rec", "recordio")
    with (tmp_path / "set/train.rec").open("wb") as out:
        writer = RecordWriter(out)
        for payload in (payloads[0], payloads[2], payloads[3]):
            writer.write(payload)
    with pytest.raises(DataError, match="Record 0 must have an attribute with 'annotations'; it has nothing"):
        data.read(tmp_path / "set/train.rec")
    # every attribute is a record; what says the classes may be among them, and text that is nobody's
    more = json.dumps({"class-map": {"0": "cat", "1": "dog"}, "type": "groundtruth/object-detection"}).encode()
    (tmp_path / "set/classes.txt").unlink()
    with (tmp_path / "set/train.rec").open("wb") as out:
        writer = RecordWriter(out)
        for payload in (payloads[0], payloads[1], more, b'"a note"', payloads[2], payloads[3], more):
            writer.write(payload)
    named = data.read(tmp_path / "set/train.rec")
    assert (named.classes, named.images.path.tolist()) == (("cat", "dog"), ["train.rec#0", "train.rec#4"])
    with pytest.raises(ConfigError, match="A stream holds its pictures"):
        data.write(dataset, tmp_path / "x", "augmented-manifest", wrapped=True, images="none")


def test_a_stream_has_no_pictures_that_its_readers_do_not_know(tmp_path):
    dataset = stills(tmp_path / "source")
    file = dataset.image_path(2)
    file.write_bytes(cv2.imencode(".webp", np.zeros((48, 64, 3), np.uint8))[1].tobytes())
    with pytest.raises(DataError, match=rf"{file.name}: A picture of a stream must be a JPEG or PNG"):
        data.write(dataset, tmp_path / "set", "augmented-manifest", wrapped=True)
    assert not (tmp_path / "set").exists()
    data.write(dataset, tmp_path / "set", "augmented-manifest")
    same(data.read(tmp_path / "set"), dataset)


def test_many_names_are_compared_once_each(tmp_path):
    """A class-map may name a hundred thousand classes."""
    compared = []

    class Name(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            compared.append(other)
            return str.__eq__(self, other)

    names = ClassNames()
    for number in range(500):
        names.state(number, Name(f"c{number}"), path=tmp_path)
    assert len(compared) < 5_000
    assert names.finish()[0] == tuple(f"c{number}" for number in range(500))
    with pytest.raises(DataError, match="500 is 'c7', as another class is"):
        names.state(500, "c7", path=tmp_path)


# ---- the command line


def test_the_command_does_the_work_of_im2rec(tmp_path):
    data.write(stills(tmp_path / "source"), tmp_path / "voc", "voc")
    changes = ("--resize", 32, "--quality", 90, "--shuffle")
    done = run("data", "convert", tmp_path / "voc", tmp_path / "rec", "--to", "recordio", *changes)
    assert "4 images (train 2, val 2), 8 boxes" in done.stdout
    assert sorted(p.name for p in (tmp_path / "rec").iterdir()) == [
        "classes.txt", "train.idx", "train.lst", "train.rec", "val.idx", "val.lst", "val.rec",
    ]  # fmt: skip
    assert "32" in run("data", "check", tmp_path / "rec").stdout
    refused = run("data", "convert", tmp_path / "voc", tmp_path / "x", "--to", "yolo", "--quality", 90, code=2)
    assert "The format 'yolo' has no option 'quality'" in refused.stderr


def test_labels_that_are_padded_are_read(tmp_path):
    """Iterators and some writers fill labels with -1 up to a common width."""
    padded = [2, 5, 1, 0, 0, 0.5, 0.5, *[-1] * 11]
    made = data.read(record(tmp_path / "a.rec", padded))
    assert made.boxes.class_id.tolist() == [1]
    assert DetectionLabel.of(np.asarray(padded)).objects.shape == (1, 5)
