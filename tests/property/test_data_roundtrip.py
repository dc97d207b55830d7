"""What a format can hold comes back; what it cannot hold is said."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge import data
from trackforge.data import Boxes, Dataset, Images
from trackforge.data.formats import format_named

NAMES = st.lists(
    st.sampled_from(["person", "traffic light", "näher & <b>", 'it\'s: "x", y', "# 7", "0", "car [big]", "true"]),
    min_size=1,
    max_size=4,
    unique=True,
)
QUICK = settings(max_examples=30)


@st.composite
def datasets(draw: st.DrawFn, *, video: bool) -> Dataset:
    """Draw a data set; pictures are written later, by `placed`."""
    classes = draw(NAMES)
    splits = draw(st.sampled_from([("",), ("train", "val"), ("train_half", "val_half"), ("", "train")]))
    rows, boxes = [], []
    for unit in range(draw(st.integers(1, 3))):
        size = (draw(st.integers(4, 40)), draw(st.integers(4, 40)))
        split = splits[unit % len(splits)]
        for frame in range(draw(st.integers(1, 3)) if video else 1):
            name = f"seq{unit}" if video else ""
            path = f"all/u{unit}_{frame}.png"
            rows.append((path, *size, name, frame if video else -1, split))
            ids = draw(st.lists(st.integers(1, 50), max_size=4, unique=True))
            for track in ids:
                x, y = draw(st.floats(-3, 30)), draw(st.floats(-3, 30))
                w, h = draw(st.floats(0.5, 30)), draw(st.floats(0.5, 30))
                boxes.append(
                    (
                        len(rows) - 1,
                        (x, y, x + w, y + h),
                        draw(st.integers(0, len(classes) - 1)),
                        track,
                        draw(st.sampled_from([1.0, 0.25, 0.0])),
                        draw(st.booleans()),
                    )
                )
    keys = ("path", "width", "height", "sequence", "frame", "split")
    images = Images(**dict(zip(keys, map(list, zip(*rows, strict=True)), strict=True)))
    keys = ("image", "xyxy", "class_id", "track_id", "visibility", "ignore")
    columns = list(map(list, zip(*boxes, strict=True))) or [[] for _ in keys]
    table = Boxes(**dict(zip(keys, columns, strict=True)))
    if draw(st.booleans()):
        table = table.replace(extra={"pose": np.full(len(table), "Left"), "truncated": np.full(len(table), 1)})
    if not draw(st.booleans()):
        table = table.replace(track_id=np.full(len(table), -1))
    return Dataset(images=images, boxes=table, classes=tuple(classes))


def placed(dataset: Dataset, root: Path) -> Dataset:
    for path, width, height in zip(dataset.images.path, dataset.images.width, dataset.images.height, strict=True):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / path), np.zeros((height, width, 3), np.uint8))
    return dataset.replace(root=root)


def within_pictures(dataset: Dataset) -> Dataset:
    images, boxes = dataset.images, dataset.boxes
    edge = np.stack((images.width, images.height) * 2, axis=1)[boxes.image]
    cut = boxes.replace(xyxy=np.clip(boxes.xyxy, 0, edge))
    return dataset.replace(boxes=cut[(cut.size > 0).all(axis=1)])


def content(dataset: Dataset, holds: frozenset[str], *, fields: tuple[str, ...] = ()) -> dict:
    """Everything that a format with these abilities must bring back, keyed by picture."""
    images, out = dataset.images, {}
    for row in range(len(dataset)):
        sequence, frame = str(images.sequence[row]), int(images.frame[row])
        path = str(images.extra.get("record_name", images.path)[row])
        key = (sequence, frame) if "sequence" in holds and sequence else Path(path).stem
        if "sequence" not in holds and sequence:
            key = f"{sequence}_{frame + 1:06d}"
        rows = []
        boxes = dataset.labels(row)
        for k in range(len(boxes)):
            if boxes.ignore[k] and "ignore" not in holds:
                continue
            rows.append(
                (
                    tuple(np.round(boxes.xyxy[k], 6).tolist()),
                    dataset.classes[int(boxes.class_id[k])],
                    int(boxes.track_id[k]) if "ids" in holds else None,
                    float(boxes.visibility[k]) if "visibility" in holds else None,
                    bool(boxes.ignore[k]) if "ignore" in holds else None,
                    *(str(boxes.extra[f][k]) if f in boxes.extra else None for f in fields),
                )
            )
        out[key] = (int(images.width[row]), int(images.height[row]), str(images.split[row]), sorted(rows, key=str))
    return out


def compare(first: dict, second: dict, atol: float = 2e-6) -> None:
    assert first.keys() == second.keys()
    for key, (*head, boxes) in first.items():
        *other, others = second[key]
        assert head == other, key
        assert len(boxes) == len(others), key
        for a, b in zip(sorted(boxes), sorted(others), strict=True):
            assert a[1:] == b[1:], key
            np.testing.assert_allclose(a[0], b[0], atol=atol)


@pytest.mark.parametrize("name", ["coco", "voc", "yolo", "jde", "recordio", "sagemaker-json", "augmented-manifest"])
@pytest.mark.parametrize("video", [False, True])
def test_what_a_format_holds_comes_back(name: str, video: bool) -> None:
    chosen = format_named(name)
    fields = ("pose", "truncated") if name in ("coco", "voc") else ()

    @settings(max_examples=12 if name in ("recordio", "sagemaker-json", "augmented-manifest") else 30)
    @given(datasets(video=video))
    def roundtrip(drawn: Dataset) -> None:
        with tempfile.TemporaryDirectory() as folder:
            dataset = placed(drawn, Path(folder) / "source")
            target = Path(folder) / "set"
            notes = data.write(dataset, target, name)
            again = data.read(target)
            assert data.sniff(target).name == name
            # a trainer drops a picture with a value outside 0..1
            expected = within_pictures(dataset) if name == "yolo" else dataset
            atol = 1e-5 if name == "recordio" else 2e-6  # float32, of shares
            compare(content(expected, chosen.holds, fields=fields), content(again, chosen.holds, fields=fields), atol)
            assert again.classes == dataset.classes
            lost = " ".join(notes)
            assert ("identities" in lost) == ("ids" not in chosen.holds and bool((dataset.boxes.track_id >= 0).any()))
            assert ("ignore regions" in lost) == ("ignore" not in chosen.holds and bool(dataset.boxes.ignore.any()))
            assert ("sequences" in lost) == (video and "sequence" not in chosen.holds)
            if not notes:  # nothing lost: nothing at all differs
                everything = format_named("coco").holds
                compare(content(expected, everything, fields=fields), content(again, everything, fields=fields), atol)

    roundtrip()


@QUICK
@given(datasets(video=True))
def test_mot_folders_come_back(drawn: Dataset) -> None:
    chosen = format_named("mot")
    with tempfile.TemporaryDirectory() as folder:
        dataset = placed(drawn, Path(folder) / "source")
        notes = data.write(dataset, Path(folder) / "set", "mot")
        again = data.read(Path(folder) / "set")
        holds = chosen.holds
        if (dataset.boxes.track_id < 0).any():
            assert any("without identity" in n for n in notes)
            holds -= {"ids"}
        compare(content(dataset, holds), content(again, holds))
        assert again.classes == dataset.classes
        if "ids" in holds:  # else boxes were given ids, and equal ones are no duplicates any more
            assert len(data.check(again).problems) == len(data.check(dataset).problems)


@QUICK
@given(datasets(video=True), st.data())
def test_cutting_and_putting_together_changes_nothing(drawn: Dataset, choice: st.DataObject) -> None:
    dataset = drawn
    mask = np.array(choice.draw(st.lists(st.booleans(), min_size=len(dataset), max_size=len(dataset))))
    whole = data.concatenate([dataset[mask], dataset[~mask]], identities="shared", classes=dataset.classes)
    everything = format_named("coco").holds
    compare(content(dataset, everything), content(whole, everything))
    order = np.argsort(np.concatenate((np.flatnonzero(mask), np.flatnonzero(~mask))))
    restored = whole[order]
    np.testing.assert_array_equal(restored.images.path, dataset.images.path)
    np.testing.assert_array_equal(restored.boxes.xyxy, dataset.boxes.xyxy)
    np.testing.assert_array_equal(restored.boxes.image, dataset.boxes.image)


@QUICK
@given(datasets(video=True))
def test_mixing_a_set_with_itself_doubles_the_identities(drawn: Dataset) -> None:
    dataset = drawn
    count = dataset.identities()[1]
    assert data.concatenate([dataset, dataset]).identities()[1] == 2 * count
    flat = dataset.replace(images=dataset.images.replace(sequence=None, frame=None))
    assert data.concatenate([flat, flat]).identities()[1] == 2 * flat.identities()[1]
