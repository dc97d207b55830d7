from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from labelled import film, stills, write_picture

from trackforge import data
from trackforge.data.problems import Findings
from trackforge.data.yolo_yaml import read_yaml
from trackforge.errors import ConfigError, DataError, SinkError, UnknownComponentError
from trackforge.registry import ComponentSpec, hookimpl, registry


@pytest.fixture
def yolo(tmp_path):
    data.write(stills(tmp_path / "source"), tmp_path / "set", "yolo")
    return tmp_path / "set"


# ---- choosing a format


@pytest.mark.parametrize("name", ["coco", "voc", "yolo", "jde", "mot"])
def test_every_format_knows_its_own(tmp_path, name):
    data.write(film(tmp_path / "source"), tmp_path / "set", name)
    assert data.sniff(tmp_path / "set").name == name


def test_what_is_no_data_set_is_refused(tmp_path):
    (tmp_path / "notes.md").write_text("nothing")
    with pytest.raises(DataError, match=r"looks like none of the formats jde, mot, .*, yolo"):
        data.read(tmp_path)
    with pytest.raises(DataError, match="there is nothing here"):
        data.read(tmp_path / "absent")
    with pytest.raises(UnknownComponentError, match=r"no data set format 'yola'\. Did you mean 'yolo'"):
        data.read(tmp_path, "yola")


def test_options_are_those_of_the_format(yolo):
    with pytest.raises(ConfigError, match=r"format 'yolo' has no option 'rules'.*It has: split, classes"):
        data.read(yolo, rules="all")
    with pytest.raises(ConfigError, match="needs a format"):
        data.write(data.read(yolo), yolo / "x")
    with pytest.raises(ConfigError, match=r"no option 'image'\. Did you mean 'images'"):
        data.write(data.read(yolo), yolo / "x", "voc", image="copy")


def test_formats_are_components(tmp_path):
    specs = {spec.name: spec for spec, _ in registry().specs("dataset")}
    known = data.formats()
    assert list(known) == sorted(known, key=lambda name: known[name].rank)  # in the order in which they are tried
    assert {"jde", "mot", "coco", "voc", "yolo"} <= known.keys()
    assert specs.keys() == known.keys()
    for name, spec in specs.items():
        assert (known[name].name, known[name].summary) == (name, spec.summary)
        made = spec.create({})
        assert (made.read, made.write, made.sniff) == (known[name].read, known[name].write, known[name].sniff)


# ---- YOLO and JDE


def test_coco128_reads_with_and_without_its_yaml(data_dir, tmp_path):
    made = data.read(data_dir / "coco128")
    assert (len(made), len(made.boxes), len(made.classes)) == (256, 1827, 80)
    assert made.splits == ("train2017", "val2017")
    assert made.classes[0] == "person"
    assert "2 label files have no picture" in made.notes[0]
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("images", "labels"):
        (bare / name).symlink_to(data_dir / "coco128" / name)
    without = data.read(bare)
    assert len(without.boxes) == 1827
    assert without.classes == tuple(map(str, range(80)))
    assert "no file gives names" in " ".join(without.notes)
    assert len(data.read(bare, split="val", classes=made.classes).boxes) == (made.in_split("val").counts.sum())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.1", r"p0\.txt:2: A line must hold 5 values.*got 4"),
        ("0 0.5 x 0.1 0.1", r"p0\.txt:2: A line must hold numbers"),
        ("0 0.5 nan 0.1 0.1", r"p0\.txt:2: A line must hold numbers"),
        ("0.5 0.5 0.5 0.1 0.1", r"p0\.txt:2: A line must hold numbers"),
        ("2 0.5 0.5 0.1 0.1", r"p0\.txt:2: The class must be 0\.\.1; got 2"),
        ("-1 0.5 0.5 0.1 0.1", r"p0\.txt:2: The class must be 0\.\.1; got -1"),
    ],
)
def test_a_malformed_label_is_named_by_file_and_line(yolo, line, message):
    (yolo / "labels/train/p0.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(DataError, match=message):
        data.read(yolo)
    report = data.check(yolo)
    assert report.problems[0].line == 2
    assert report.summary.boxes == 7  # of 8: everything else was read


def test_polygons_become_boxes(yolo):
    (yolo / "labels/train/p0.txt").write_text("1 0.25 0.5 0.5 0.25 0.75 0.5 0.5 0.75\n")
    made = data.read(yolo)
    assert made.labels(0).xyxy.tolist() == [[16, 12, 48, 36]]
    assert "1 polygons" in made.notes[0]


def test_other_places_for_yolo_labels(tmp_path):
    for part in ("train", "valid"):
        write_picture(tmp_path / part / "images/a.jpg", (10, 10))
        (tmp_path / part / "labels").mkdir()
        (tmp_path / part / "labels/a.txt").write_text("0 .5 .5 1 1\n")
    made = data.read(tmp_path)
    assert (made.splits, len(made.boxes)) == (("train", "valid"), 2)
    write_picture(tmp_path / "darknet/a.jpg", (10, 10))
    (tmp_path / "darknet/a.txt").write_text("0 .5 .5 1 1\n")
    (tmp_path / "darknet.yaml").write_text("train: darknet\nnames: [person, 'a, b']\n")
    again = data.read(tmp_path / "darknet.yaml")
    assert (again.classes, again.splits, len(again.boxes)) == (("person", "a, b"), ("train",), 1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: {0: person, 1: car}", ("person", "car")),
        ("names:\n- person\n- 'it''s'", ("person", "it's")),
        ('names:\n  0: "a: b"  # the first\n  1: car\nnc: 2', ("a: b", "car")),
        ("download: |\n  echo 1\nnames: [person]", ("person",)),
        ("names: ['person', 'bicycle',\n        'car']  # class names", ("person", "bicycle", "car")),
        ("names:\n  '0': person\n  '1': car", ("person", "car")),
        ("names:\n  0: person\n  2: car", ("person", "class 1", "car")),
        ("names: [no, 1, 2020-01-01, ~, 007]", ("no", "1", "2020-01-01", "~", "007")),
        ("nc: 3\nnames: [a]", ("a", "class 1", "class 2")),
        ("names: !!python/object/apply:os.system [echo]", ("echo",)),
    ],
)
def test_class_names_in_yaml(tmp_path, text, names):
    (tmp_path / "data.yaml").write_text(text)
    assert read_yaml(tmp_path / "data.yaml").names == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nc: 1\nnames:\n  first: person", "data.yaml:3: The classes must be numbered 0, 1, 2, ...; got 'first'"),
        ("names: {0: [person]}", "data.yaml:1: A class name must be .* got a sequence"),
        ("names: *anchor", "data.yaml:1: The file must be yaml; found undefined alias"),
        ("names:\n  person", "data.yaml:2: A class name must be"),
        ("names: [a, b, a]", "Class names must differ; 'a' came twice"),
        ("names: {0: a, 2000000000: b}", "data.yaml:1: The number of a class must be at most 100,000"),
        ("- names", "data.yaml:1: A yaml file must hold keys"),
        ("kpt_shape: 17\nnames: [a]", "data.yaml:1: kpt_shape must be"),
        ("names: [a,\nb", "data.yaml:2: The file must be yaml"),
        ("names: [a]\nb: \u0000", "The file must be yaml"),
    ],
)
def test_yaml_that_is_not_understood_is_refused(tmp_path, text, message):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_yaml(tmp_path / "data.yaml")


def test_jde_labels(tmp_path):
    write_picture(tmp_path / "images/train/S-1/img1/000007.jpg", (100, 50))
    label = tmp_path / "labels_with_ids/train/S-1/img1/000007.txt"
    label.parent.mkdir(parents=True)
    label.write_text("0 12 0.5 0.5 0.2 0.4\n0 -1 0.1 0.1 0.2 0.2\n")
    made = data.read(tmp_path)
    assert made.classes == ("pedestrian",)
    assert (made.images.sequence[0], made.images.frame[0], made.images.split[0]) == ("S-1", 6, "train")
    assert made.boxes.track_id.tolist() == [12, -1]
    np.testing.assert_allclose(made.boxes.xyxy, [[40, 15, 60, 35], [0, 0, 20, 10]], atol=1e-9)
    label.write_text("0 12 0.5 0.5 0.2\n")
    with pytest.raises(DataError, match=r"000007\.txt:1: A line must hold 6 values, 'class id cx cy w h'; got 5"):
        data.read(tmp_path)


def test_a_size_that_the_format_needs_must_be_known(tmp_path):
    made = stills(tmp_path)
    unknown = made.replace(images=made.images.replace(width=None))
    with pytest.raises(DataError, match="the size of 4 pictures is unknown"):
        data.write(unknown, tmp_path / "set", "yolo")


# ---- COCO


def coco_file(path: Path, **changes) -> Path:
    document = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 20, "height": 10, "license": 3}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 90,
                "bbox": [1, 2, 3, 4],
                "area": 7.5,
                "iscrowd": 1,
                "segmentation": [[1, 2, 3, 4, 5, 6]],
            }
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 90, "name": "brush"}],
    }
    path.write_text(json.dumps(document | changes))
    return path


def test_coco_keeps_what_it_does_not_use(tmp_path):
    made = data.read(coco_file(tmp_path / "a.json"))
    assert made.class_numbers == (1, 90)
    assert made.boxes.class_id.tolist() == [1]
    assert made.boxes.ignore.tolist() == [True]
    assert made.boxes.extra["area"].tolist() == [7.5]
    assert [polygon.tolist() for polygon in made.boxes.mask[0]] == [[1, 2, 3, 4, 5, 6]]
    data.write(made, tmp_path / "b.json")
    again = json.loads((tmp_path / "b.json").read_text())
    assert again["images"] == [{"id": 7, "file_name": "a.jpg", "width": 20, "height": 10, "license": 3}]
    assert again["annotations"] == [
        {
            "id": 1,
            "image_id": 7,
            "category_id": 90,
            "bbox": [1.0, 2.0, 3.0, 4.0],
            "area": 7.5,
            "iscrowd": 1,
            "segmentation": [[1, 2, 3, 4, 5, 6]],
        }
    ]
    assert [c["id"] for c in again["categories"]] == [1, 90]


@pytest.mark.parametrize(("frames", "expected"), [((1, 2), [0, 1]), ((0, 1), [0, 1]), ((5, 6), [4, 5])])
def test_frame_numbers_of_coco_videos(tmp_path, frames, expected):
    images = [
        {"id": k, "file_name": f"{k}.jpg", "video_id": 3, "frame_id": f, "width": 5, "height": 5}
        for k, f in enumerate(frames, 1)
    ]
    path = coco_file(tmp_path / "a.json", images=images, annotations=[], videos=[{"id": 3, "file_name": "street"}])
    made = data.read(path)
    assert made.images.frame.tolist() == expected
    assert made.sequences == ("street",)
    assert data.read(path, frame_base=0).images.frame.tolist() == list(frames)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"annotations": [{"image_id": 8, "category_id": 1, "bbox": [1] * 4}]}, r"annotations\[0\].*no.* with id 8"),
        ({"annotations": [{"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4]}]}, "none with id 2"),
        ({"annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3]}]}, "must have bbox"),
        ({"annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, float("inf")]}]}, "a finite bbox"),
        ({"annotations": [{"image_id": 7, "category_id": 1}]}, r"annotations\[0\] must have bbox"),
        ({"annotations": [{"image_id": 7, "category_id": 1, "bbox": [1] * 4, "track_id": "x"}]}, "numbers for ids"),
        ({"images": {}}, "must be an object with lists"),
        ({"images": [{"id": 1, "file_name": "a", "width": "wide"}]}, r"images\[0\] must have numbers for width"),
        ({"annotations": [{"image_id": [7], "category_id": 1, "bbox": [1] * 4}]}, "numbers for ids"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}, "Category names must differ"),
        (
            {"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}]},
            r"images\[1\] must have an id of",
        ),
    ],
)
def test_malformed_coco_is_named(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        data.read(coco_file(tmp_path / "a.json", **changes))


def test_broken_json_is_named_by_line(tmp_path):
    (tmp_path / "a.json").write_text('{"images": [\n{"id": 1\n"size": 2}]}')
    with pytest.raises(DataError, match=r"a\.json:3: A COCO file must be JSON"):
        data.read(tmp_path / "a.json")


def test_parts_of_a_coco_folder(tmp_path):
    made = stills(tmp_path / "set")
    data.write(made, tmp_path / "set", "coco")
    assert sorted(p.name for p in (tmp_path / "set/annotations").iterdir()) == ["train.json", "val.json"]
    assert len(data.read(tmp_path / "set")) == 4
    assert len(data.read(tmp_path / "set", split="val")) == 2
    (tmp_path / "set/annotations/trainval.json").write_text((tmp_path / "set/annotations/val.json").read_text())
    with pytest.raises(DataError, match="share pictures"):
        data.read(tmp_path / "set")
    assert data.read(tmp_path / "set", split="train").splits == ("train",)


def test_a_size_that_coco_does_not_state_is_read_from_the_picture(tmp_path):
    write_picture(tmp_path / "train2017/a.jpg", (33, 21))
    (tmp_path / "annotations").mkdir()
    coco_file(tmp_path / "annotations/instances_train2017.json", images=[{"id": 7, "file_name": "a.jpg"}])
    made = data.read(tmp_path)
    assert (made.images.width[0], made.images.height[0]) == (33, 21)
    assert made.image_path(0) == tmp_path / "train2017/a.jpg"


# ---- VOC

XML = """<annotation>
  <filename>a.jpg</filename><size><width>500</width><height>375</height><depth>3</depth></size>
  <object>
    <name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>1</difficult>
    <bndbox><xmin>1</xmin><ymin>11.5</ymin><xmax>500</xmax><ymax>375</ymax></bndbox>
    <part><name>head</name><bndbox><xmin>2</xmin></bndbox></part>
  </object>
</annotation>
"""


def test_voc_counts_pixels_from_one_and_includes_the_last(tmp_path):
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/a.xml").write_text(XML)
    made = data.read(tmp_path)
    assert made.boxes.xyxy.tolist() == [[0, 10.5, 500, 375]]
    assert data.read(tmp_path, origin=0).boxes.xyxy.tolist() == [[1, 11.5, 500, 375]]
    assert made.classes[int(made.boxes.class_id[0])] == "dog"
    assert len(made.classes) == 20
    assert made.boxes.ignore.tolist() == [True]
    assert made.boxes.extra["pose"].tolist() == ["Left"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (XML.replace("11.5", "x"), r"a\.xml:5: A bndbox must have numbers"),
        (XML.replace("</object>", ""), r"a\.xml:8: A VOC annotation must be XML"),
        (XML.replace("<size><width>500", "<size><width>wide"), "The size must be numbers"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + XML, r"a\.xml:1: A VOC annotation must not hold entities"),
        (XML.replace("bndbox", "box"), r"a\.xml:3: An object must have a bndbox"),
    ],
)
def test_malformed_voc_is_named_by_line(tmp_path, text, message):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError, match=message):
        data.read(tmp_path)


def test_voc_parts(tmp_path):
    data.write(stills(tmp_path / "source"), tmp_path / "set", "voc")
    lists = tmp_path / "set/ImageSets/Main"
    (lists / "trainval.txt").write_text("p0\np1\np2\np3\n")
    (lists / "person_train.txt").write_text("p0  1\np1 -1\n")
    made = data.read(tmp_path / "set")
    assert made.splits == ("train", "val")
    assert len(data.read(tmp_path / "set", split="trainval")) == 4
    with pytest.raises(DataError, match="no split 'test'"):
        data.read(tmp_path / "set", split="test")
    with pytest.raises(DataError, match=r"\.xml:\d+: The class must be one of person; got 'car'"):
        data.read(tmp_path / "set", classes=["person"])


# ---- in general


def test_gathered_findings_do_not_stop_the_reading():
    findings = Findings(gather=True)
    findings.bad("wrong", path="a.txt", line=3)
    findings.caught(DataError("worse", path="b.txt", line=4))
    assert [str(p) for p in findings.problems] == ["error: a.txt:3: wrong [format]", "error: b.txt:4: worse [format]"]
    with pytest.raises(DataError, match="wrong"):
        Findings().bad("wrong")


@pytest.mark.parametrize("how", ["copy", "link", "none"])
def test_pictures_are_copied_linked_or_left(tmp_path, how):
    notes = data.write(stills(tmp_path / "source"), tmp_path / "set", "yolo", images=how)
    target = tmp_path / "set/images/train/p0.png"
    assert target.exists() == (how != "none")
    assert target.is_symlink() == (how == "link")
    assert any("left where they are" in n for n in notes) == (how == "none")


def test_converting_onto_the_pictures_themselves_leaves_them(yolo):
    before = (yolo / "images/train/p0.png").read_bytes()
    made = data.read(yolo)
    with pytest.raises(SinkError, match="must be new, or an empty folder"):
        data.write(made, yolo, "yolo")
    notes = data.write(made, yolo, "yolo", overwrite=True)
    assert notes == [f"what was read stood there; it is now {yolo}.before"]
    for place in (yolo, yolo.with_name("set.before")):
        assert (place / "images/train/p0.png").read_bytes() == before
        assert len(data.read(place)) == 4


def test_frames_of_a_film_are_written_out(data_dir, tmp_path):
    made = data.read(data_dir / "pets09-s2l1")[[3, 700]]
    data.write(made, tmp_path / "set", "yolo")
    again = data.Samples(data.read(tmp_path / "set"))
    original = data.Samples(made)
    assert sorted(p.name for p in (tmp_path / "set/images").iterdir()) == [
        "pets09-s2l1_000004.jpg",
        "pets09-s2l1_000701.jpg",
    ]
    for k in range(2):
        difference = again[k].image.astype(int) - original[k].image
        assert np.abs(difference).mean() < 3
    notes = data.write(made, tmp_path / "x.json")
    assert "2 pictures are frames inside a video" in " ".join(notes)
    assert data.Samples(data.read(tmp_path / "x.json"))[1].image.shape == (576, 768, 3)


class Extension:
    """A plugin with a format of its own, and one whose package is not there."""

    @hookimpl
    def trackforge_components(self):
        yield ComponentSpec(kind="dataset", name="lines", target=f"{__name__}:lines_format")
        yield ComponentSpec(kind="dataset", name="lost", target="no_such_package:Format", requires=("no_such_package",))


def lines_format() -> data.Format:
    def read(path, *, findings):
        boxes = [list(map(float, line.split())) for line in path.read_text().splitlines()]
        images = data.Images(path=["a.png"], width=[64], height=[48])
        return data.Dataset(
            images=images, boxes=data.Boxes(image=[0] * len(boxes), xyxy=boxes), classes=("it",), root=path.parent
        )

    return data.Format(name="lines", summary="", sniff=lambda path: path.suffix == ".lines", read=read)


def test_a_plugin_adds_a_format(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or SimpleNamespace(lines_format=lines_format))
    registry().register(Extension(), "extension")
    try:
        (tmp_path / "x.lines").write_text("1 2 3 4\n5 6 7 8\n")
        assert len(data.read(tmp_path / "x.lines").boxes) == 2
        assert "the data set format 'lost'" in caplog.text
        report = data.convert(tmp_path / "x.lines", tmp_path / "y.json", images="none")
        assert (report.source_format, report.boxes) == ("lines", 2)
        with pytest.raises(ConfigError, match="'lines' can be read but not written"):
            data.write(data.read(tmp_path / "x.lines"), tmp_path / "z", "lines")
    finally:
        registry().unregister("extension")
