"""Whatever bytes a label file holds, the readers of `trackforge.data.dialects` give a set or an error of ours; what is
written comes back."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from format_samples import CVAT_IMAGES, DETRAC, KITTI, ODGT, VISDRONE, bdd_frame, bdd_label, cvat_box, cvat_xml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trackforge import data
from trackforge.data import Boxes, Dataset, Images
from trackforge.data.dialects.keyframes import between, chosen
from trackforge.data.problems import Findings
from trackforge.errors import TrackforgeError
from trackforge.intake.limits import limited
from trackforge.io.mot import read_mot

BOUNDED = settings(max_examples=25)
TRACK = cvat_box(0, 1, more=' rotation="30"') + cvat_box(3, 9) + cvat_box(5, 9, outside=1)
SEQLABEL = (
    '{"tracking-annotations":[{"annotations":[{"height":3,"width":4,"top":1,"left":2,"class-id":"0",'
    '"label-category-attributes":{"c":"red"},"object-id":"a","object-name":"Car:1"}],"frame-no":"0",'
    '"frame":"000001.jpg","frame-attributes":{"n":1}},{"annotations":[],"frame-no":"1","frame":"000002.jpg"}]}'
)
FILES = {
    "kitti": ("label_02/0000.txt", KITTI),
    "visdrone": ("annotations/a.txt", VISDRONE),
    "uavdt": ("GT/M0101_gt_whole.txt", "1,1,4,5,10,10,1,1,1\n2,1,5,5,10,10,1,2,1\n"),
    "crowdhuman": ("annotation_train.odgt", "".join(json.dumps(one) + "\n" for one in ODGT)),
    "detrac": ("MVI_20011.xml", DETRAC),
    "cvat": ("annotations.xml", cvat_xml(f'<track id="0" label="person">{TRACK}</track>')),
    "cvat-images": ("annotations.xml", CVAT_IMAGES),
    "scalabel": ("a.json", json.dumps([bdd_frame(0, [bdd_label("1", "car", 2)]), bdd_frame(1, [])])),
    "ground-truth": ("SeqLabel.json", SEQLABEL),
    "seqmaps": ("seqmaps/a.txt", "name\nMOT17-02\n"),
}
WILD = [
    "nan", "inf", "-1", "0", "1e400", "1" * 5000, "4000000000", "9" * 19, "-0", "1.7", "", "\x00", "\ud800", "é",
    "../x", "null", "[]", "{}", "true", '"', "<", ">", "&x;", "]]>", "\\u0000", "\\ud800",
    "[" * 3000, "<a>" * 3000, ",", " ",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, text: str) -> bytes:
    """Draw a file that is nearly good: words and slices of it exchanged."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(st.sampled_from(WILD)) + text[end:]
    made = text.encode("utf-8", errors="surrogatepass")
    return made[: draw(st.integers(0, len(made)))] if draw(st.booleans()) else made


def survives(name: str, content: bytes) -> None:
    file, _ = FILES[name]
    with tempfile.TemporaryDirectory() as folder, limited(frames=5000, boxes=5000):
        root = Path(folder)
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(content)
        (root / "sequences").mkdir()
        (root / "MOT17-02/gt").mkdir(parents=True)
        (root / "MOT17-02/gt/gt.txt").write_text("1,1,1,2,3,4,1,1,1\n")
        for path in (root, root / file):
            for findings in (Findings(gather=True), Findings()):
                try:
                    made = data.format_named(name).read(path, findings=findings)
                except TrackforgeError:
                    continue
                assert np.isfinite(made.boxes.xyxy).all()
                assert (made.boxes.track_id >= -1).all()
            with contextlib.suppress(TrackforgeError):
                data.sniff(path)
        if name == "kitti":
            with contextlib.suppress(TrackforgeError):
                read_mot(root / file, kind="truth")


@pytest.mark.parametrize("name", FILES)
def test_nearly_good_files_give_a_set_or_an_error_of_ours(name: str) -> None:
    @BOUNDED
    @given(damaged(FILES[name][1]))
    @example(FILES[name][1].encode())
    @example(b"")
    @example(b"\xff\xfe\x00\x00")
    def run(content: bytes) -> None:
        survives(name, content)

    run()


@pytest.mark.parametrize("name", FILES)
def test_any_bytes_give_a_set_or_an_error_of_ours(name: str) -> None:
    @settings(max_examples=15)
    @given(st.binary(max_size=200))
    def run(content: bytes) -> None:
        survives(name, content)

    run()


# ---- what is written comes back


@st.composite
def films(draw: st.DrawFn) -> Dataset:
    """Draw one or two sequences; tracks come and go, and their boxes move at will."""
    start, step = draw(st.sampled_from([(0, 1), (0, 5), (7, 1), (10, 3)]))
    length, names = draw(st.integers(1, 8)), draw(st.sampled_from([("a",), ("a", "b c")]))
    ignoring = draw(st.booleans())
    rows, boxes = [], []
    for name in names:
        for k in range(length):
            rows.append((name, start + k * step))
            for track in draw(st.lists(st.integers(0, 4), max_size=3, unique=True)):
                x, y, w, h = (draw(st.floats(0, 100)) for _ in range(4))
                region = ignoring and draw(st.booleans())
                seen = draw(st.sampled_from([1.0, 0.25]))
                boxes.append((len(rows) - 1, (x, y, x + w, y + h), track % 2, track, region, seen))
    owner, xyxy, label, track, ignore, seen = zip(*boxes, strict=True) if boxes else ([],) * 6
    return Dataset(
        images=Images(
            path=[""] * len(rows), sequence=[name for name, _ in rows], frame=[frame for _, frame in rows],
            split=[draw(st.sampled_from(["", "train"]))] * len(rows),
        ),
        boxes=Boxes(image=owner, xyxy=xyxy, class_id=label, track_id=track, ignore=ignore, visibility=seen,
                    extra={"colour": np.array(["red", "blue"])[np.array(label, np.int64)]}),
        classes=("person", "traffic light"),
    )  # fmt: skip


def rows_of(made: Dataset, *, whole: bool) -> list:
    """Every box with what must come back, sorted."""
    images, boxes, out = made.images, made.boxes, []
    for k, image in enumerate(boxes.image.tolist()):
        place = (str(images.split[image]), str(images.sequence[image]), int(images.frame[image]))
        more = (float(boxes.visibility[k]), str(boxes.extra["colour"][k])) if whole else ()
        identity = (int(boxes.class_id[k]), int(boxes.track_id[k]))
        if boxes.ignore[k] and not whole:
            identity = (0, -1)
        out.append((place, *identity, bool(boxes.ignore[k]), *more, tuple(boxes.xyxy[k].tolist())))
    return sorted(out)


@pytest.mark.parametrize(("name", "off"), [("cvat", 0.01), ("kitti", 1e-9)])
def test_films_come_back(name: str, off: float) -> None:
    @settings(max_examples=30)
    @given(films())
    def run(made: Dataset) -> None:
        with tempfile.TemporaryDirectory() as folder:
            data.write(made, Path(folder) / "set", name, images="none")
            again = data.read(Path(folder) / "set", name)
        assert again.classes == made.classes
        if name == "cvat":
            assert again.images.frame.tolist() == made.images.frame.tolist()
        first, second = rows_of(made, whole=name == "cvat"), rows_of(again, whole=name == "cvat")
        assert [row[:-1] for row in first] == [row[:-1] for row in second]
        np.testing.assert_allclose([row[-1] for row in second], [row[-1] for row in first], atol=off)

    run()


@settings(max_examples=30)
@given(films())
def test_stills_of_cvat_come_back(made: Dataset) -> None:
    flat = made.replace(
        images=made.images.replace(sequence=None, frame=None, path=[f"p{k}.jpg" for k in range(len(made))])
    )
    with tempfile.TemporaryDirectory() as folder:
        data.write(flat, Path(folder) / "set", "cvat-images", images="none")
        again = data.read(Path(folder) / "set", "cvat-images")
    assert again.classes == flat.classes
    first, second = rows_of(flat, whole=True), rows_of(again, whole=True)
    assert [row[:-1] for row in first] == [row[:-1] for row in second]
    np.testing.assert_allclose([row[-1] for row in second], [row[-1] for row in first], atol=1e-9)


@given(st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 1.0, 50.0]))
def test_keyframes_give_the_boxes_within_the_tolerance(count: int, seed: int, tolerance: float) -> None:
    rng = np.random.default_rng(seed)
    frames = np.cumsum(rng.integers(1, 4, count))
    boxes = np.round(rng.normal(0, 20, (count, 4)), int(rng.integers(0, 3)))
    keep = chosen(frames, boxes, tolerance, rng.random(count) < 0.1)
    assert keep[[0, -1]].all()
    again = between(frames[keep], boxes[keep], frames)
    assert np.abs(again - boxes).max() <= tolerance + 1e-9
    np.testing.assert_allclose(again[keep], boxes[keep], atol=1e-9)


# ---- Ground Truth's labels come back to the very same JSON

PLAIN = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=4)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["a", "ignore", "id", "attribute_a", "object_id", "näher"]) | st.text(min_size=1, max_size=3),
    PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.text(max_size=2), PLAIN, max_size=2),
    max_size=3,
)


@st.composite
def seqlabels(draw: st.DrawFn) -> dict:
    """Draw a file as jobs leave it, with numbers as texts or numbers, and keys that may be missing."""
    texts, frames = draw(st.booleans()), []
    for number in range(draw(st.integers(1, 4))):
        boxes = []
        for one in range(draw(st.integers(0, 2))):
            label = draw(st.integers(0, 2))
            box = {
                "height": draw(st.integers(0, 900)),
                "width": draw(st.integers(0, 900) | st.floats(0, 900).map(lambda v: round(v, 4))),
                "top": draw(st.integers(-9, 900)),
                "left": draw(st.floats(-9, 900).map(lambda v: round(v, 4))),
                "class-id": str(label) if texts else label,
                "label-category-attributes": draw(ATTRIBUTES),
                "object-id": f"id-{one}",
                "object-name": f"class {label}:{one + 1}",
            }
            if draw(st.booleans()):
                box.pop(draw(st.sampled_from(["label-category-attributes", "object-name"])))
            if draw(st.booleans()):
                box["new"] = draw(PLAIN)
            boxes.append(box)
        frame = {"annotations": boxes, "frame-no": str(number) if texts else number, "frame": f"{number + 1:06d}.jpg"}
        if draw(st.booleans()):
            frame["frame-attributes"] = draw(ATTRIBUTES)
        frames.append(frame)
    return {"tracking-annotations": frames}


@settings(max_examples=60)
@given(seqlabels())
def test_labels_of_ground_truth_come_back_exactly(document: dict) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "a.json").write_text(json.dumps(document))
        made = data.read(root / "a.json")
        data.write(made, root / "b.json", "ground-truth")
        assert json.loads((root / "b.json").read_text()) == document
        data.write(made, root / "coco", "coco", images="none")
        data.write(data.read(root / "coco"), root / "c.json", "ground-truth")
        assert json.loads((root / "c.json").read_text()) == document
