"""Labelled data sets as people have them: dialects of YOLO and VOC, hostile names, writing that is cut off."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from cli_runs import ENVIRONMENT, run
from labelled import film, stills, write_picture

from trackforge import data
from trackforge.data.staging import MARK
from trackforge.errors import ConfigError, DataError, SinkError, SourceError

WRITTEN = ["coco", "jde", "mot", "voc", "yolo"]


def one_picture(root: Path, line: str, *, yaml: str = "", name: str = "a") -> Path:
    """A YOLO set of one picture of 64x48."""
    write_picture(root / f"images/{name}.jpg", (64, 48))
    (root / "labels").mkdir(parents=True, exist_ok=True)
    (root / f"labels/{name}.txt").write_text(line)
    if yaml:
        (root / "data.yaml").write_text(yaml)
    return root


def listing(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*")}


# ---- MOT ground truth without pictures


@pytest.mark.parametrize("name", WRITTEN)
def test_ground_truth_without_pictures_converts(tmp_path, name):
    folder = tmp_path / "set/S"
    (folder / "gt").mkdir(parents=True)
    (folder / "gt/gt.txt").write_text("".join(f"{k},1,16,12,32,24,1,1,1\n" for k in (1, 2, 3)))
    (folder / "seqinfo.ini").write_text(
        "[Sequence]\nname=S\nimDir=img1\nframeRate=25\nseqLength=3\nimWidth=64\nimHeight=48\nimExt=.jpg\n"
    )
    report = data.convert(tmp_path / "set", tmp_path / "out", to=name, images="none")
    assert (report.images, report.boxes) == (3, 3)
    files = {p.name for p in (tmp_path / "out").rglob("*.txt")} | {p.name for p in (tmp_path / "out").rglob("*.xml")}
    if name in ("yolo", "voc"):
        ending = "txt" if name == "yolo" else "xml"
        assert {f"S_{k:06d}.{ending}" for k in (1, 2, 3)} <= files
    if name == "jde":
        assert {f"{k:06d}.txt" for k in (1, 2, 3)} <= files


# ---- YOLO: what a line means


POSE = "0 0.5 0.5 0.2 0.3 0.45 0.4 0.55 0.4 0.5 0.45 0.48 0.5"
POSE3 = "0 0.5 0.5 0.2 0.3 0.45 0.4 2 0.55 0.4 2 0.5 0.45 2 0.48 0.5 2"
BOX = [25.6, 16.8, 38.4, 31.2]


@pytest.mark.parametrize(
    ("line", "each"), [(POSE, 2), (POSE3, 3), (POSE, 3), (POSE3, 2), (POSE + " 0.9", 2), (POSE3 + " 0.9 7", 3)]
)
def test_key_points_are_no_polygon(tmp_path, line, each):
    yaml = f"train: ../train/images\nkpt_shape: [4, {each}]\nnc: 1\nnames: ['tiger']\n"
    made = data.read(one_picture(tmp_path, line, yaml=yaml))
    np.testing.assert_allclose(made.boxes.xyxy, [BOX], atol=1e-9)
    assert "the key points of 1 boxes were left out; the set holds boxes" in made.notes
    assert made.boxes.track_id.tolist() == ([7] if line.endswith("7") else [-1])


def test_a_line_that_is_not_as_kpt_shape_says_is_named(tmp_path):
    one_picture(tmp_path, "0 .5 .5 .2 .2 .1 .1", yaml="kpt_shape: [4, 3]\nnames: [a]")
    with pytest.raises(DataError, match=r"a\.txt:1: A line must hold 5 values, or 17 with 4 key points \(kpt_shape\)"):
        data.read(tmp_path)


@pytest.mark.parametrize(
    ("lines", "boxes", "ids", "scores", "note"),
    [
        (["0 .25 .25 .75 .25 .75 .75 .25 .75"], [[16, 12, 48, 36]], [-1], None, "1 polygons .* 1 of them with four"),
        (["0 .25 .25 .75 .25 .5 .75"], [[16, 12, 48, 36]], [-1], None, "1 polygons"),
        (["0 .25 .25 .75 .25 .5 .75 .9"], [[16, 12, 48, 36]], [-1], [0.9], "1 polygons"),
        (["0 .25 .25 .75 .25 .5 .75 .9 12"], [[16, 12, 48, 36]], [12], [0.9], "1 polygons"),
        (["0 .5 .5 .5 .5 7"], [[16, 12, 48, 36]], [7], None, None),
        (["0 .5 .5 .5 .5 7", "0 .5 .5 .5 .5 1"], [[16, 12, 48, 36]] * 2, [7, 1], None, None),
        (["0 .5 .5 .5 .5 7.0", "0 .5 .5 .5 .5 1.0"], [[16, 12, 48, 36]] * 2, [7, 1], None, None),
        (["0 .5 .5 .5 .5 1", "0 .5 .5 .5 .5 1"], [[16, 12, 48, 36]] * 2, [1, 1], None, None),
        (["0 .5 .5 .5 .5 1", "0 .5 .5 .5 .5 .25"], [[16, 12, 48, 36]] * 2, [-1, -1], [1, 0.25], None),
        (["0 .5 .5 .5 .5 1.0"], [[16, 12, 48, 36]], [-1], [1], None),
        (["0 .5 .5 .5 .5 .25 7"], [[16, 12, 48, 36]], [7], [0.25], None),
        (["0 .5 .5 .5 .5 -1", "0 .5 .5 .5 .5 9007199254740993"], [[16, 12, 48, 36]] * 2, [-1, 2**53 + 1], None, None),
        (["0 .5 .5 .5 .5 -87.5"], [[16, 12, 48, 36]], [-1], None, "last value of 1 boxes is neither"),
        (["0 .5 .5 .5 .5 .5 .5 2 .4 .4 1"], [[16, 12, 48, 36]], [-1], None, "the key points of 1 boxes"),
    ],
)
def test_what_stands_behind_a_box(tmp_path, lines, boxes, ids, scores, note):
    made = data.read(one_picture(tmp_path, "\n".join(lines), yaml="names: [a]"))
    np.testing.assert_allclose(made.boxes.xyxy, boxes, atol=1e-9)
    assert made.boxes.track_id.tolist() == ids
    assert ("score" in made.boxes.extra) == (scores is not None)
    if scores is not None:
        assert made.boxes.extra["score"].tolist() == scores
    assert re.search(note or "^$", " ".join(made.notes))


@pytest.mark.parametrize("line", ["2000000000 .5 .5 .1 .1", "0 .5 .5 .1 .1 1e30", "0 1e999 .5 .1 .1", "9" * 5000])
def test_numbers_out_of_proportion_are_refused_or_left_out(tmp_path, line):
    one_picture(tmp_path, line)
    report = data.check(tmp_path)
    assert report.errors or any("left out" in note for note in report.notes) or report.summary.identities == 0


# ---- YOLO: the yaml file


def test_a_list_over_lines_gaps_and_quoted_numbers(tmp_path):
    over = one_picture(
        tmp_path / "over", "0 .5 .5 .2 .2", yaml="path: .\ntrain: images\nnames: ['a', 'b',\n  'c']  # x\n"
    )
    assert data.read(over).classes == ("a", "b", "c")
    gap = one_picture(tmp_path / "gap", "0 .5 .5 .2 .2", yaml="train: images\nnames:\n  0: person\n  2: car\n")
    made = data.read(gap)
    assert made.classes == ("person", "class 1", "car")
    assert made.notes == ("1 of the classes 0..2 have no name in data.yaml; they are called 'class 1'",)
    quoted = one_picture(tmp_path / "q", "1 .5 .5 .2 .2", yaml="train: images\nnames:\n  '0': person\n  '1': car\n")
    assert data.read(quoted).classes == ("person", "car")


@pytest.mark.parametrize(
    "yaml",
    [
        "train: ../train/images\nval: ../valid/images\nnames: [a]",
        "path: /content/datasets/coco\ntrain: train/images\nval: valid/images\nnames: [a]",
        "path: C:\\data\\coco\ntrain: /content/coco/train/images\nval: valid/images\nnames: [a]",
        "train: ./train/images\nval: [valid/images]\nnames: [a]",
        "path: /\ntrain: train/images\nval: valid/images\nnames: [a]",
    ],
)
def test_places_of_another_machine_are_found_beside_the_yaml_file(tmp_path, yaml):
    for part in ("train", "valid"):
        one_picture(tmp_path / "set" / part, "0 .5 .5 .2 .2", name=part)
    # what lies beside the set is of another one
    one_picture(tmp_path / "train", "0 .5 .5 .2 .2", name="foreign")
    (tmp_path / "set/data.yaml").write_text(yaml)
    for path in (tmp_path / "set", tmp_path / "set/data.yaml"):
        made = data.read(path)
        assert made.splits == ("train", "valid")
        assert made.images.path.tolist() == ["train/images/train.jpg", "valid/images/valid.jpg"]
    data.convert(tmp_path / "set/data.yaml", tmp_path / "out", to="voc")


def test_a_list_of_pictures_of_another_machine(tmp_path):
    one_picture(tmp_path, "0 .5 .5 .2 .2", yaml="train: train.txt\nnames: [a]")
    (tmp_path / "train.txt").write_text("/home/x/darknet/images/a.jpg\n")
    assert data.read(tmp_path).images.path.tolist() == ["images/a.jpg"]


def test_what_is_not_there_is_counted(tmp_path):
    write_picture(tmp_path / "images/b.jpg", (64, 48))
    (tmp_path / "empty").mkdir()
    one_picture(tmp_path, "0 .5 .5 .2 .2", yaml="train: images\nval: empty\ntest: nowhere\nnames: [a]")
    notes = " | ".join(data.read(tmp_path).notes)
    assert "1 of 2 pictures have no label file; they count as empty" in notes
    assert "the part 'val' holds no picture" in notes
    assert "the part 'test' is not there (nowhere) and was left out" in notes
    assert data.check(tmp_path).counts == {"empty-split": 1}


def test_what_systems_leave_is_left_out(tmp_path):
    one_picture(tmp_path, "0 .5 .5 .2 .2", yaml="train: images\nnames: [a]")
    for path in (
        "images/._a.jpg",
        "images/.ipynb_checkpoints/a-checkpoint.jpg",
        "__MACOSX/images/._a.jpg",
        "._data.yaml",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"\0\5\x16\7Mac OS X")
    (tmp_path / "labels/._a.txt").write_bytes(b"\0\5\x16\7")
    made = data.read(tmp_path)
    assert (len(made), made.counts.tolist()) == (1, [1])
    assert made.notes == ("3 files that macOS, Jupyter or another system left there were left out",)
    assert not data.check(tmp_path).problems


def test_what_is_written_to_yolo_is_within_the_picture(tmp_path):
    made = film(tmp_path / "a", frames=1)
    xyxy = np.array([[-3.0, 4, 10, 70], [1, 2, 3, 4], [70, 2, 80, 9]])
    made = made.replace(boxes=data.Boxes(image=[0, 0, 0], xyxy=xyxy))
    notes = " | ".join(data.write(made, tmp_path / "out", "yolo"))
    assert "1 boxes reach out of their pictures and were cut off at the edge" in notes
    assert "1 boxes lie wholly outside their pictures and were left out" in notes
    np.testing.assert_allclose(data.read(tmp_path / "out").boxes.xyxy, [[0, 4, 10, 48], [1, 2, 3, 4]], atol=1e-9)


# ---- Pascal VOC


def voc(
    root: Path, filename: str = "a.jpg", *, xml: str = "Annotations/a.xml", name: str = "person", **more: str
) -> Path:
    text = more.get("declared", "") + textwrap.dedent(
        f"""\
        <annotation><filename>{filename}</filename>
        <size><width>64</width><height>48</height><depth>3</depth></size>
        <object><name>{name}</name><bndbox><xmin>17</xmin><ymin>13</ymin><xmax>48</xmax><ymax>36</ymax></bndbox></object>
        </annotation>
        """
    )
    (root / xml).parent.mkdir(parents=True, exist_ok=True)
    (root / xml).write_bytes(text.encode(more.get("encoding", "utf-8")))
    return root


@pytest.mark.parametrize(
    "stated", ["/home/user/imgs/b.jpg", "C:\\imgs\\b.jpg", "../../imgs/b.jpg", "b.jpg", "imgs/b.jpg"]
)
def test_a_file_name_of_the_labellers_machine(tmp_path, stated):
    write_picture(tmp_path / "set/JPEGImages/b.jpg", (64, 48))
    made = data.read(voc(tmp_path / "set", stated))
    assert made.images.path.tolist() == ["JPEGImages/b.jpg"]
    assert not data.check(tmp_path / "set").errors
    assert data.convert(tmp_path / "set", tmp_path / "out", to="yolo").boxes == 1


@pytest.mark.parametrize("encoding", ["gb2312", "gbk", "utf-8", "utf-16", "big5"])
def test_voc_in_the_encoding_that_it_states(tmp_path, encoding):
    voc(tmp_path, name="行人", declared=f'<?xml version="1.0" encoding="{encoding}"?>\n', encoding=encoding)
    assert data.read(tmp_path).classes == ("行人",)


def test_encodings_that_are_not_as_stated(tmp_path):
    voc(tmp_path / "a", name="Fußgänger", declared='<?xml version="1.0" encoding="latin-1"?>', encoding="latin-1")
    assert data.read(tmp_path / "a").classes == ("Fußgänger",)
    voc(tmp_path / "b", name="naïf", declared='<?xml version="1.0" encoding="utf-16"?>')  # as .NET writes it
    assert data.read(tmp_path / "b").classes == ("naïf",)
    voc(tmp_path / "c", filename="行.jpg", encoding="gbk")  # says nothing
    assert len(data.read(tmp_path / "c").boxes) == 1
    voc(tmp_path / "d", declared='<?xml version="1.0" encoding="idna"?>')
    with pytest.raises(DataError, match=r"a\.xml:1: The file must state an encoding that is known; got 'idna'"):
        data.read(tmp_path / "d")


@pytest.mark.parametrize(
    "line", ["a b (1)", "a b (1).jpg", "a b (1).xml", "JPEGImages/a b (1)", "/x/y/a b (1).jpg", "a b (1)  1"]
)
def test_lists_of_names_with_spaces_and_endings(tmp_path, line):
    voc(tmp_path, "a b (1).jpg", xml="Annotations/a b (1).xml")
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/train.txt").write_text(f"{line}\n")
    assert len(data.read(tmp_path, split="train")) == 1
    assert data.read(tmp_path).splits == (() if line.endswith("  1") else ("train",))  # such lists are of one class


def test_lists_that_name_nothing_are_said(tmp_path):
    voc(tmp_path)
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/train.txt").write_text("a\nb\n")
    (tmp_path / "ImageSets/Main/val.txt").write_text("")
    notes = data.read(tmp_path).notes
    assert "1 of the 2 pictures of the part 'train' have no xml file, the first is 'b'" in notes
    assert "the part 'val' lists no picture" in notes


def test_several_sets_in_a_devkit(tmp_path):
    for year in ("VOC2007", "VOC2012"):
        base = tmp_path / "VOCdevkit" / year
        voc(base, "/data/x/1.jpg", xml="Annotations/1.xml")
        write_picture(base / "JPEGImages/1.jpg", (64, 48))
        (base / "ImageSets/Main").mkdir(parents=True)
        (base / "ImageSets/Main/train.txt").write_text("1\n")
    for path in (tmp_path, tmp_path / "VOCdevkit"):
        made = data.read(path, split="train")
        names = [Path(name).parts[-3:] for name in made.images.path.tolist()]
        assert names == [("VOC2007", "JPEGImages", "1.jpg"), ("VOC2012", "JPEGImages", "1.jpg")]
        assert made.splits == ("train",)
    assert data.convert(tmp_path, tmp_path / "out", to="yolo").images == 2


def test_nested_folders(tmp_path):
    for part in ("train", "valid"):  # as Roboflow has it
        voc(tmp_path / "robo", xml=f"{part}/a.xml")
        write_picture(tmp_path / f"robo/{part}/a.jpg", (64, 48))
    made = data.read(tmp_path / "robo")
    assert made.images.path.tolist() == ["train/a.jpg", "valid/a.jpg"]
    assert made.splits == ("train", "valid")
    assert len(data.read(tmp_path / "robo", split="valid")) == 1
    voc(tmp_path / "deep", xml="Annotations/day 1/a.xml")
    write_picture(tmp_path / "deep/JPEGImages/day 1/a.jpg", (64, 48))
    (tmp_path / "deep/ImageSets/Main").mkdir(parents=True)
    (tmp_path / "deep/ImageSets/Main/train.txt").write_text("day 1/a\n")
    made = data.read(tmp_path / "deep")
    assert (made.images.path.tolist(), made.splits) == (["JPEGImages/day 1/a.jpg"], ("train",))


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><plain><box/></plain>',
        "<annotations><version>1.1</version></annotations>",
        "<project/>",
    ],
)
def test_other_xml_is_not_taken_for_voc(tmp_path, text):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError, match="looks like none of the formats"):
        data.read(tmp_path)
    with pytest.raises(DataError, match="must be an <annotation>; this is a <"):
        data.read(tmp_path, "voc")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<width>64", "<width>1e999"),
        ("<width>64", "<width>" + "9" * 5000),
        ("<xmin>17", "<xmin>inf"),
        ("<annotation>", "<annotation>" + "<a>" * 200),
        ("<annotation>", '<!DOCTYPE a [<!ENTITY b "c">]><annotation>'),
        ("<name>person</name>", ""),
    ],
)
def test_damaged_voc_is_named(tmp_path, old, new):
    file = voc(tmp_path) / "Annotations/a.xml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(DataError, match=r"a\.xml"):
        data.read(tmp_path)


# ---- nothing is overwritten


@pytest.mark.parametrize("spelling", ["c", "./c", "c/.", "d/../c", "link", "{root}/c"])
@pytest.mark.parametrize("to", ["yolo", "voc", "coco"])
def test_a_set_is_not_converted_onto_itself(tmp_path, monkeypatch, spelling, to):
    monkeypatch.chdir(tmp_path)
    data.write(stills(tmp_path / "source"), tmp_path / "c", "yolo")
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("c")
    before = {name: (tmp_path / "c" / name).read_bytes() for name in listing(tmp_path / "c") if "." in name}
    with pytest.raises(SinkError, match=r"that is, or holds, what is read.*--overwrite"):
        data.convert("c", spelling.format(root=tmp_path), to=to)
    assert {name: (tmp_path / "c" / name).read_bytes() for name in listing(tmp_path / "c") if "." in name} == before


def test_the_command_overwrites_when_asked_only(tmp_path):
    data.write(stills(tmp_path / "source"), tmp_path / "c", "yolo")
    assert "--overwrite" in run("data", "convert", "c", "c", "--to", "voc", code=1, cwd=tmp_path).stderr
    assert "c.before" in run("data", "convert", "c", "c", "--to", "voc", "--overwrite", cwd=tmp_path).stdout


def test_a_filled_folder_is_refused_and_replaced_when_asked(tmp_path):
    made = stills(tmp_path / "source")
    data.write(stills(tmp_path / "other", count=8), tmp_path / "c", "yolo")
    with pytest.raises(SinkError, match=r"must be new, or an empty folder.*something is there already"):
        data.convert(made, tmp_path / "c", to="yolo")
    data.convert(made, tmp_path / "c", to="yolo", overwrite=True)
    assert len(data.read(tmp_path / "c")) == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c", "other", "source"]
    (tmp_path / "c/thesis.tex").write_text("years of work")
    with pytest.raises(SinkError, match=r"Only a data set is replaced; .*thesis\.tex"):
        data.convert(made, tmp_path / "c", to="yolo", overwrite=True)
    assert (tmp_path / "c/thesis.tex").exists()


def test_a_source_is_kept_when_it_is_replaced(tmp_path):
    data.write(stills(tmp_path / "source"), tmp_path / "c", "yolo")
    with pytest.raises(ConfigError, match="images='copy'"):
        data.convert(tmp_path / "c", tmp_path / "c", to="yolo", images="link", overwrite=True)
    report = data.convert(tmp_path / "c", tmp_path / "c", to="voc", overwrite=True)
    assert data.sniff(tmp_path / "c").name == "voc"
    assert len(data.read(tmp_path / "c.before", "yolo").boxes) == len(data.read(tmp_path / "c").boxes) == 8
    assert any("c.before" in note for note in report.notes)


@pytest.mark.parametrize("target", ["/", "{root}", "{root}/fifo", "{root}/a\0b", "{root}/source/pictures/p0.png/x"])
def test_places_that_are_never_replaced(tmp_path, target):
    made = stills(tmp_path / "source")
    os.mkfifo(tmp_path / "fifo")
    before = listing(tmp_path)
    with pytest.raises(SinkError):
        data.convert(made, target.format(root=tmp_path), to="voc", overwrite=True)
    assert listing(tmp_path) == before


def test_a_grid_does_not_replace_a_picture(tmp_path):
    made = stills(tmp_path)
    before = (tmp_path / "pictures/p0.png").read_bytes()
    (tmp_path / "grid.png").symlink_to("pictures/p0.png")
    for path in (tmp_path / "pictures/p0.png", tmp_path / "grid.png"):
        with pytest.raises(SinkError, match="must not replace a picture of the set"):
            data.show(made, path)
    assert (tmp_path / "pictures/p0.png").read_bytes() == before


def test_a_json_file_is_refused_and_replaced_when_asked(tmp_path):
    made = stills(tmp_path / "source")
    data.write(made, tmp_path / "a.json")
    with pytest.raises(SinkError, match="something is there already"):
        data.write(made, tmp_path / "a.json")
    data.write(made[:2], tmp_path / "a.json", overwrite=True)
    assert len(data.read(tmp_path / "a.json")) == 2
    data.convert(tmp_path / "a.json", tmp_path / "a.json", classes=["car"], overwrite=True)
    assert (data.read(tmp_path / "a.json").classes, len(data.read(tmp_path / "a.before.json").classes)) == (("car",), 2)


def test_an_empty_folder_is_filled_also_where_the_program_stands(tmp_path, monkeypatch):
    made = stills(tmp_path / "source")
    (tmp_path / "c").mkdir()
    data.write(made, tmp_path / "c", "yolo")
    (tmp_path / "d").mkdir()
    monkeypatch.chdir(tmp_path / "d")
    data.write(made, ".", "voc")
    assert (len(data.read(tmp_path / "c")), len(data.read(tmp_path / "d"))) == (4, 4)
    assert not (tmp_path / "d" / MARK).exists()
    (tmp_path / "d" / MARK).touch()
    with pytest.raises(DataError, match="its writing was broken off"):
        data.read(tmp_path / "d")
    (tmp_path / "e").mkdir()
    monkeypatch.chdir(tmp_path / "e")
    with pytest.raises(DataError, match="must have a name"):
        data.write(made.replace(images=made.images.replace(split=["../x"] * 4)), ".", "yolo")
    assert not listing(tmp_path / "e")


# ---- whole or absent

CUT_OFF = """
import os, sys, resource
from trackforge.cli import main
from trackforge.data.files import PicturePlacer
source, target, to, how = sys.argv[1:]
place, count = PicturePlacer.place, 0
def counted(self, row, path):
    global count
    place(self, row, path)
    count += 1
    if count == 3 and how.isdigit():
        os.kill(os.getpid(), int(how))
if how == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, -1))
PicturePlacer.place = counted
sys.exit(main(["data", "convert", source, target, "--to", to, "--images", "copy"]))
"""


KILL, TERM = int(signal.SIGKILL), int(signal.SIGTERM)


@pytest.mark.parametrize(
    ("to", "how", "code"),
    [
        ("voc", KILL, -9),
        ("voc", TERM, 143),
        ("voc", "full", 1),
        ("mot", KILL, -9),
        ("coco", TERM, 143),
        ("jde", "full", 1),
    ],
)
def test_a_conversion_that_is_cut_off_leaves_nothing_under_its_name(tmp_path, to, how, code):
    data.write(stills(tmp_path / "source", count=6), tmp_path / "c", "yolo")
    write_picture(tmp_path / "c/images/val/p5.png", (1000, 900))  # too large for what room there is
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF, "c", "out", to, str(how)],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert not (tmp_path / "out").exists()
    left = {p.name for p in tmp_path.iterdir()} - {"c", "source"}
    if how == KILL:
        assert all(name.startswith(".") for name in left)  # hidden, so that no reader takes it for a part of something
    else:
        assert not left
    if how == "full":
        assert "out cannot be written: File too large" in done.stderr


# ---- names and pictures stay inside


@pytest.mark.parametrize("bad", ["../../../home/.ssh", "/etc", "..", "a\0b", "x" * 300, "C:\\x", "a\ud800"])
@pytest.mark.parametrize("what", ["split", "sequence"])
@pytest.mark.parametrize("to", WRITTEN)
def test_a_name_never_leads_out(tmp_path, bad, what, to):
    made = film(tmp_path / "in/source", frames=2)
    made = made.replace(images=made.images.replace(**{what: [bad] * 2}))
    before = listing(tmp_path)
    if (to, what) == ("coco", "sequence"):  # it makes no path of it
        data.write(made, tmp_path / "in/out", to)
        assert all(name.startswith("in/out") for name in listing(tmp_path) - before)
    else:
        with pytest.raises(DataError, match=r"must have a name|whole text"):
            data.write(made, tmp_path / "in/out", to)
        assert listing(tmp_path) == before


@pytest.mark.parametrize("to", WRITTEN)
def test_names_with_separators_become_one_folder(tmp_path, to):
    made = film(tmp_path / "source", frames=2)
    made = made.replace(images=made.images.replace(sequence=["a/b"] * 2, split=["x\\y"] * 2))
    data.write(made, tmp_path / "out", to)
    again = data.read(tmp_path / "out")
    assert (len(again), again.splits) == (2, ("x_y",))
    if to in ("mot", "jde"):
        assert again.sequences == ("a_b",)


def test_two_names_that_would_become_one_are_refused(tmp_path):
    made = film(tmp_path / "source", frames=2)
    made = made.replace(images=made.images.replace(sequence=["a/b", "a_b"], frame=[0, 0]))
    with pytest.raises(DataError, match=r"'a/b' and 'a_b' would both become 'a_b'"):
        data.write(made, tmp_path / "out", "mot")


def test_a_downloaded_set_writes_nothing_into_your_home(tmp_path):
    (tmp_path / "home/.ssh").mkdir(parents=True)
    (tmp_path / "download/set").mkdir(parents=True)
    (tmp_path / "download/set/authorized_keys").write_text("ssh-ed25519 AAAA... attacker\n")
    image = {"id": 1, "file_name": "authorized_keys", "width": 9, "height": 9, "split": "../../../home/.ssh"}
    document = {"images": [image], "annotations": [], "categories": [{"id": 1, "name": "p"}]}
    (tmp_path / "download/set/labels.json").write_text(json.dumps(document))
    words = ("data", "convert", "download/set/labels.json", "work/out", "--to", "yolo", "--images", "copy")
    assert "must have a name that stays in its folder" in run(*words, code=1, cwd=tmp_path).stderr
    image["split"] = "train"
    (tmp_path / "download/set/labels.json").write_text(json.dumps(document))
    assert "authorized_keys: The picture cannot be decoded" in run(*words, code=1, cwd=tmp_path).stderr
    assert not listing(tmp_path / "home/.ssh")
    assert not (tmp_path / "work/out").exists()


@pytest.fixture
def secret(tmp_path):
    return write_picture(tmp_path / "private/secret.png", (64, 48))


def evil_coco(root: Path, secret: Path) -> Path:
    document = {"images": [{"id": 1, "file_name": str(secret), "width": 64, "height": 48}], "annotations": []}
    (root / "set.json").write_text(json.dumps(document | {"categories": [{"id": 1, "name": "p"}]}))
    return root / "set.json"


def evil_yolo(root: Path, secret: Path) -> Path:
    (root / "data.yaml").write_text(f"path: /\ntrain: {str(secret.parent)[1:]}\nnames: [a]\n")
    return root


def evil_list(root: Path, secret: Path) -> Path:
    (root / "data.yaml").write_text("train: train.txt\nnames: [a]\n")
    (root / "train.txt").write_text(f"{secret}\n../private/{secret.name}\n")
    return root


def evil_voc(root: Path, secret: Path) -> Path:
    voc(root, os.path.relpath(secret, root / "JPEGImages"))
    return root


@pytest.mark.parametrize("make", [evil_coco, evil_yolo, evil_list, evil_voc])
@pytest.mark.parametrize("how", ["copy", "link"])
def test_a_set_brings_no_picture_from_elsewhere(tmp_path, secret, make, how):
    (tmp_path / "set").mkdir()
    path = make(tmp_path / "set", secret)
    with pytest.raises((DataError, SourceError), match=r"must lie inside its data set|stays in its folder|is missing"):
        data.convert(path, tmp_path / "out", to="voc", images=how)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [evil_coco, evil_yolo, evil_list])
def test_pictures_that_really_lie_elsewhere_are_named(tmp_path, secret, make):
    (tmp_path / "set").mkdir()
    path = make(tmp_path / "set", secret)
    data.convert(path, tmp_path / "out", to="voc", pictures=secret.parent)
    assert (tmp_path / "out/JPEGImages/secret.png").read_bytes() == secret.read_bytes()


def test_pictures_are_found_where_they_are_said_to_be(tmp_path):
    write_picture(tmp_path / "pictures/b.jpg", (64, 48))
    voc(tmp_path / "set", "/home/user/imgs/b.jpg")
    made = data.read(tmp_path / "set", pictures=tmp_path / "pictures")
    assert made.image_path(0) == tmp_path / "pictures/b.jpg"
    data.write(made, tmp_path / "out", "yolo")
    with pytest.raises(SourceError, match="folder of the pictures must exist"):
        data.read(tmp_path / "set", pictures=tmp_path / "nowhere")


def test_a_mix_takes_pictures_from_each_of_its_sets(tmp_path):
    data.write(stills(tmp_path / "s"), tmp_path / "a", "yolo")
    data.write(film(tmp_path / "f"), tmp_path / "b", "mot")
    report = data.convert([tmp_path / "a", tmp_path / "b"], tmp_path / "out", to="voc")
    assert report.images == 10
    made = data.concatenate([data.read(tmp_path / "a"), stills(tmp_path / "memory")])
    data.write(made, tmp_path / "both", "yolo")
    with pytest.raises(DataError, match="lies elsewhere"):
        data.write(
            made.replace(images=made.images.replace(path=[str(tmp_path / "private.png")] * 8)), tmp_path / "x", "yolo"
        )


def test_a_picture_that_stands_there_is_not_replaced(tmp_path):
    made = stills(tmp_path / "source")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/p1.png").write_text("another")
    with pytest.raises(SinkError, match=r"p1\.png is there already, and is another picture"):
        data.write(made, tmp_path / "set.json", images="copy")
    assert (tmp_path / "images/p1.png").read_text() == "another"
    assert not (tmp_path / "set.json").exists()


def test_class_names_that_a_file_cannot_hold_are_refused(tmp_path):
    made = stills(tmp_path / "source", classes=("two\nlines", "car"))
    for to in ("voc", "jde", "mot"):
        with pytest.raises(DataError, match="fits on one line"):
            data.write(made, tmp_path / to, to)
    data.write(made, tmp_path / "yolo", "yolo")
    assert data.read(tmp_path / "yolo").classes == ("two\nlines", "car")


def test_names_in_the_bytes_of_another_machine(tmp_path):
    one_picture(tmp_path / "set", "0 .5 .5 .2 .2")
    for folder, ending in (("images", "jpg"), ("labels", "txt")):
        place = os.fsencode(tmp_path / "set" / folder)
        os.rename(place + f"/a.{ending}".encode(), place + b"/stra\xdfe." + ending.encode())  # noqa: PTH104 - bytes
    data.convert(tmp_path / "set", tmp_path / "out", to="voc")
    assert (tmp_path / "out/JPEGImages/straße.jpg").is_file()
    assert len(data.read(tmp_path / "out").boxes) == 1


def test_a_sequence_named_in_the_bytes_of_another_machine(tmp_path):
    data.write(film(tmp_path / "source", frames=2), tmp_path / "set", "mot")
    (sequence,) = (p.parent for p in (tmp_path / "set").rglob("seqinfo.ini"))
    os.rename(os.fsencode(sequence), os.fsencode(sequence.parent) + b"/stra\xdfe")  # noqa: PTH104 - bytes
    assert data.read(tmp_path / "set").sequences == ("straße",)
    data.convert(tmp_path / "set", tmp_path / "out", to="kitti")
    assert len(data.read(tmp_path / "out")) == 2


def test_a_flat_folder_of_voc_leaves_what_was_written_into_it(tmp_path):
    write_picture(tmp_path / "a.JPG", (64, 48))
    voc(tmp_path, "a.jpg", xml="a.xml")
    assert data.convert(tmp_path, tmp_path / "out", to="voc").images == 1
    made = data.read(tmp_path)
    assert made.images.path.tolist() == ["a.JPG"]


def test_lists_directly_in_imagesets_and_yaml_with_foreign_comments(tmp_path):
    voc(tmp_path / "voc")
    (tmp_path / "voc/ImageSets").mkdir()
    (tmp_path / "voc/ImageSets/val.txt").write_text("a\n")
    assert data.read(tmp_path / "voc").splits == ("val",)
    one_picture(tmp_path / "yolo", "0 .5 .5 .2 .2", yaml="x: y")
    (tmp_path / "yolo/data.yaml").write_bytes("# 类别\ntrain: images\nnames: [a]\n".encode("gbk"))
    assert data.read(tmp_path / "yolo").classes == ("a",)
