"""Answers of JumpStart's models, read and replayed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import trackforge
from trackforge.__main__ import main
from trackforge.errors import DataError
from trackforge.io.builtin_response import read_names, read_response, response_of
from trackforge.io.masks import decode_mask, encode_mask
from trackforge.types import Frame

SIZE = (40, 30)


def filled(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    pixels = np.zeros(SIZE[::-1], np.int64)
    pixels[y1:y2, x1:x2] = 1
    return pixels


def segmented(**changes: Any) -> dict[str, Any]:
    """An answer of Mask R-CNN, verbose: two objects, and a row that fills up."""
    return {
        "ids": [2, 0, -1],
        "scores": [0.9, 0.75, -1],
        "bboxes": [[4, 2, 14, 12], [20.2, 10.4, 30.1, 20.0], [-1, -1, -1, -1]],
        "masks": [filled(5, 3, 14, 12).tolist(), (0.9 * filled(21, 11, 29, 19)).tolist(), filled(0, 0, 0, 0).tolist()],
        "labels": ["car", "person", "background"],
        "image_with_masks": [[[0, 0, 0]]],
    } | changes


def detected(**changes: Any) -> dict[str, Any]:
    return {
        "normalized_boxes": [[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1]],
        "classes": [2, 0],
        "scores": [0.9, 0.5],
        "labels": ["person", "bicycle", "car"],
    } | changes


def test_instance_segmentation() -> None:
    found = response_of(segmented(), SIZE)
    assert found.class_id.tolist() == [2, 0]
    assert found.score.tolist() == [np.float32(0.9), 0.75]
    np.testing.assert_allclose(found.xyxy, [[4, 2, 14, 12], [20.2, 10.4, 30.1, 20]], rtol=1e-6)
    assert found.mask.tolist() == [encode_mask(filled(5, 3, 14, 12)), encode_mask(filled(21, 11, 29, 19))]


def test_object_detection() -> None:
    found = response_of(detected(), SIZE)
    np.testing.assert_allclose(found.xyxy, [[4, 6, 20, 18], [0, 0, 40, 30]], rtol=1e-6)
    assert found.class_id.tolist() == [2, 0]
    assert found.mask is None


def test_lists_of_a_batch_of_one() -> None:
    document = segmented()
    plain = response_of(document, SIZE)
    nested = {key: [value] for key, value in document.items()}
    alone = document | {"ids": [[2], [0], [-1]], "scores": [[0.9], [0.75], [-1]]}
    for other in (nested, alone):
        again = response_of(other, SIZE)
        assert again.xyxy.tolist() == plain.xyxy.tolist()
        assert again.mask.tolist() == plain.mask.tolist()


def test_masks_of_a_box_and_of_a_network() -> None:
    box = np.zeros((10, 10))
    box[:, 5:] = 1
    square = np.zeros((28, 28))
    square[:, 14:] = 0.8
    for mask in (box, square, square[None, :, :], square[:, :, None]):
        found = response_of(segmented(ids=[2], scores=[0.9], bboxes=[[4, 2, 14, 12]], masks=[mask.tolist()]), SIZE)
        assert np.abs(decode_mask(found.mask[0]).astype(int) - filled(9, 2, 14, 12)).sum() <= 10
    beyond = response_of(
        segmented(ids=[2], scores=[0.9], bboxes=[[-5, -5, 5, 5]], masks=[np.ones((10, 10)).tolist()]), SIZE
    )
    assert beyond.mask[0] == encode_mask(filled(0, 0, 5, 5))
    scaled = response_of(
        segmented(ids=[2], scores=[0.9], bboxes=[[-6, -6, 6, 6]], masks=[np.ones((14, 14)).tolist()]), SIZE
    )
    assert scaled.mask[0] == encode_mask(filled(0, 0, 6, 6))
    told = response_of(
        segmented(ids=[2], scores=[0.9], bboxes=[[0, 0, 9, 9]], masks=[encode_mask(filled(0, 0, 9, 9))]), SIZE
    )
    assert told.mask[0] == encode_mask(filled(0, 0, 9, 9))


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (detected(), {0: "person", 1: "bicycle", 2: "car"}),
        (segmented(), {2: "car", 0: "person"}),
        (segmented(ids=[2, 2, 0], labels=["car", "car", "person"]), {2: "car", 0: "person"}),
        (segmented(labels=["person", "bicycle", "car", "dog"]), {0: "person", 1: "bicycle", 2: "car", 3: "dog"}),
        (detected(classes=[5, 1], labels=["car", "bus"]), {5: "car", 1: "bus"}),
        (segmented(labels=None), {2: "class 2", 0: "class 0"}),
    ],
)
def test_names_are_of_objects_or_of_all_classes(document: dict, names: dict, tmp_path: Path) -> None:
    path = tmp_path / "a.out"
    path.write_text(json.dumps(document))
    assert read_names(path) == names


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (segmented(bboxes=None), "bboxes is missing.*verbose"),
        ({"normalized_boxes": []}, "classes, scores is missing"),
        (segmented(scores=[0.5]), "scores must be a list of 3, one an object; it is one of 1"),
        (segmented(scores=[0.5, "much", 0]), r"scores\[1\] must be a number"),
        (segmented(ids=[0.5, 1, 2]), r"ids\[0\] must be a whole number"),
        (segmented(ids=[10**7, 1, 2]), "class of object 0 must be at most"),
        (segmented(bboxes=[[1, 2, 3]] * 3), r"bboxes\[0\] must be four corners"),
        (segmented(bboxes=[[9, 9, 3, 3]] * 3), "inverted"),
        (segmented(masks=[[[1, 0], [1]]] * 3), r"masks\[0\] must be rows of numbers, all of one length"),
        (segmented(masks=[[[10**400]]] * 3), r"masks\[0\] must be rows of numbers"),
        (segmented(masks=[[1, 0]] * 3), r"masks\[0\] must be rows of finite numbers; its shape is \(2,\)"),
        (segmented(masks=[np.ones((60, 80)).tolist()] * 3), r"as the picture, 30 x 40 .*it is 60 x 80"),
        (segmented(masks=[encode_mask(np.ones((3, 3)))] * 3), r"masks\[0\]: A mask must be as large as its picture"),
        (segmented(masks=[{"size": 3}] * 3), r"masks\[0\] must have a mask with size"),
    ],
)
def test_what_is_no_answer(document: dict, words: str, tmp_path: Path) -> None:
    path = tmp_path / "street.jpg.out"
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=words) as caught:
        read_response(path, SIZE)
    assert "street.jpg.out" in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "words"),
    [("car", "list of names"), ([1, 2, 3], "list of names"), (["car"], "each of the 3 objects")],
)
def test_labels_that_are_none(labels: object, words: str, tmp_path: Path) -> None:
    path = tmp_path / "street.jpg.out"
    path.write_text(json.dumps(segmented(labels=labels)))
    with pytest.raises(DataError, match=words):
        read_names(path)
    path.write_text(json.dumps(segmented(ids=[2, 2, 0], labels=["car", "bus", "car"])))
    with pytest.raises(DataError, match="class 2 is 'car' and 'bus'"):
        read_names(path)


def test_answers_are_replayed_with_their_names_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The way from stored answers of an endpoint to pictures with masks, and to a file with them."""
    (tmp_path / "shots").mkdir()
    (tmp_path / "answers").mkdir()
    grey = np.full((*SIZE[::-1], 3), 90, np.uint8)
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "shots" / f"{name}.png"), grey)
        (tmp_path / "answers" / f"{name}.png.out").write_text(json.dumps(segmented()))
    detector = trackforge.detector("response", path=tmp_path / "answers")
    assert detector.classes == ("person", "class 1", "car")
    code = main(
        ["detect", str(tmp_path / "shots"), "--detector", "response", "--weights", str(tmp_path / "answers"), "-o",
         str(tmp_path / "drawn"), "--set", "pictures.labels=false"]
    )  # fmt: skip
    assert code == 0, capsys.readouterr().err
    drawn = cv2.imread(str(tmp_path / "drawn" / "a.jpg")).astype(int)
    inside, outside = drawn[8, 10], drawn[25, 5]
    assert np.abs(outside - 90).max() < 12
    assert np.abs(inside - 90).max() > 30  # the mask's colour shows
    document = json.loads((tmp_path / "drawn" / "shots.json").read_text())
    found = [(entry["category_id"], entry["segmentation"]) for entry in document["annotations"]]
    assert found[0] == (3, encode_mask(filled(5, 3, 14, 12)))
    assert [one["name"] for one in document["categories"]] == ["person", "class 1", "car"]


def test_answers_that_disagree_on_names_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.out").write_text(json.dumps(detected()))
    (tmp_path / "b.out").write_text(json.dumps(detected(labels=["boat", "bicycle", "car"])))
    with pytest.raises(DataError, match=r"class 0 is 'boat' here, and 'person' in a\.out"):
        trackforge.detector("response", path=tmp_path)
    named = trackforge.detector("response", path=tmp_path, classes=("x", "y", "z"))
    assert len(named.detect([Frame(index=0, size=SIZE, file="a.jpg")])[0]) == 2


@pytest.mark.parametrize("out", ["street.jsonl", "street.json", "street.parquet"])
def test_tracks_of_stored_answers_carry_their_masks(tmp_path: Path, out: str) -> None:
    """Frames of a film, each with its answer: a visible track has the mask of its detection."""
    from trackforge.io.tables import FORMATS, read_tables

    frames = []
    for index in range(5):
        box, mask = [4 + index, 2, 14 + index, 12], filled(5 + index, 3, 14 + index, 12)
        answer = segmented(ids=[2], scores=[0.9], bboxes=[box], masks=[mask.tolist()], labels=["car"])
        (tmp_path / f"{index + 1:06d}.jpg.out").write_text(json.dumps(answer))
        frames.append(Frame(index=index, size=SIZE))
    detector = trackforge.detector("response", path=tmp_path)
    steps = trackforge.track(frames, detector, "byte", sinks=[tmp_path / "out" / out])
    visible = sum(len(step.tracks.visible) for step in steps)
    (table,) = read_tables(tmp_path / "out" / out, FORMATS[Path(out).suffix]).values()
    assert len(table) == visible >= 4
    assert table.mask.tolist() == [encode_mask(filled(5 + f, 3, 14 + f, 12)) for f in table.frame.tolist()]
