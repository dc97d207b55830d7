"""Label files, yaml and xml of data sets: whatever they hold, a set comes out of them or an error of ours."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from labelled import write_picture

from trackforge import data
from trackforge.errors import TrackforgeError

BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORD = st.sampled_from(
    [
        "0",
        "1",
        "-1",
        ".5",
        "2",
        "7.0",
        "nan",
        "inf",
        "1e400",
        "9" * 400,
        "9223372036854775807",
        "1_0",
        "²",
        "a",
        "\0",
        "-0",
    ]
)
LINES = st.lists(st.lists(WORD, max_size=12).map(" ".join), max_size=4).map("\n".join)
YAML = st.lists(
    st.sampled_from(
        [
            "names:",
            "train: images",
            "train: ../images",
            "path: /",
            "path: '\\0'",
            "nc: 1",
            "nc: 99999999999",
            "kpt_shape: [1, 3]",
            "- a",
            "  - [b]",
            "  0: a",
            "  5: c",
            "  x: d",
            "{",
            "&a [*a]",
            "? [a]",
            "!!python/object:os.system x",
            "\t",
            "---",
            "names: {0: a",
            "val: [images, [images]]",
            "test: " + "x/" * 500,
            "a" * 300,
        ]
    ),
    max_size=6,
).map("\n".join)
XML = st.lists(
    st.sampled_from(
        [
            '<?xml version="1.0" encoding="gbk"?>',
            '<?xml encoding="rot13"?>',
            "<annotation>",
            "</annotation>",
            "<object>",
            "</object>",
            "<name>a</name>",
            "<bndbox>",
            "</bndbox>",
            "<xmin>1</xmin>",
            "<ymin>nan</ymin>",
            "<xmax>9</xmax>",
            "<ymax>1e999</ymax>",
            "<filename>../../x</filename>",
            "<filename>a\x00</filename>",
            "<size><width>x</width></size>",
            "<filename>" + "y" * 300 + "</filename>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]>",
            "&b;",
            "<trackid>" + "9" * 500 + "</trackid>",
        ]
    ),
    max_size=16,
).map("".join)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("p") / "a.jpg", (64, 48)).read_bytes()


def attempt(root: Path, name: str) -> None:
    """Read, check, and write what came: nothing but an error of ours may come of it, and nothing beside the folder."""
    for read in (data.read, data.check):
        with contextlib.suppress(TrackforgeError):
            made = read(root, format=name)
            if isinstance(made, data.Dataset):
                data.write(made, root.parent / "out", "coco", images="copy")
    assert {p.name for p in root.parent.iterdir()} <= {"set", "out"}


def make(folder: str, picture: bytes, files: dict[str, bytes]) -> Path:
    root = Path(folder) / "set"
    for name, content in {"images/a.jpg": picture, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@BOUNDED
@given(LINES.map(str.encode) | st.binary(max_size=60))
@example(b"0 .5 .5 .2 .2 " + b"0" * 5000 + b"7")
def test_label_files(picture, content):
    with tempfile.TemporaryDirectory() as folder:
        attempt(make(folder, picture, {"labels/a.txt": content}), "yolo")
    with tempfile.TemporaryDirectory() as folder:
        attempt(make(folder, picture, {"labels_with_ids/a.txt": content}), "jde")


@BOUNDED
@given(YAML.map(lambda text: text.encode(errors="replace")) | st.binary(max_size=60))
@example(b"names: " + b"[" * 5000)
def test_yaml_files(picture, content):
    with tempfile.TemporaryDirectory() as folder:
        attempt(make(folder, picture, {"labels/a.txt": b"0 .5 .5 .1 .1", "data.yaml": content}), "yolo")


@BOUNDED
@given(XML.map(str.encode) | st.binary(max_size=60))
@example(b"<a>" * 5000)
def test_xml_files(picture, content):
    with tempfile.TemporaryDirectory() as folder:
        attempt(make(folder, picture, {"Annotations/a.xml": content}), "voc")


@BOUNDED
@given(st.text(max_size=5) | st.sampled_from(["../x", "/x", "a/../b", "." * 300, "\ud800", "a\0b", "nul", " ", "~"]))
def test_names_of_parts_and_sequences(picture, name):
    with tempfile.TemporaryDirectory() as folder:
        root = make(folder, picture, {})
        images = data.Images(path=["images/a.jpg"], width=[64], height=[48], split=[name], sequence=[name], frame=[0])
        made = data.Dataset(images=images, boxes=data.Boxes(image=[0], xyxy=[[1, 2, 3, 4]]), classes=("a",), root=root)
        for to in ("yolo", "voc", "jde", "mot", "coco"):
            with contextlib.suppress(TrackforgeError):
                data.write(made, root.parent / "out" / to, to)
        assert {p.name for p in root.parent.iterdir()} <= {"set", "out"}
