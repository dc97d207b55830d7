"""Answers of SageMaker's built-in Object Detection: read, written, replayed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trackforge
from trackforge.errors import DataError, InvalidInputError, MissingFileError
from trackforge.io.builtin_response import Form, read_response, response_of, response_text
from trackforge.types import Detections, Frame, Step, Stream, Tracks

SIZE = (200, 100)
# The developer guide's own example: not sorted, classes as floats.
ROWS = [
    [4.0, 0.86419455409049988, 0.3088374733924866, 0.07030484080314636, 0.7110607028007507, 0.9345266819000244],
    [0.0, 0.73376623392105103, 0.5714187026023865, 0.40427327156066895, 0.827075183391571, 0.9712159633636475],
    [-1.0, 0.5, 0.1, 0.1, 0.2, 0.2],
    [4.0, 0.32643985450267792, 0.3677481412887573, 0.034883320331573486, 0.6318609714508057, 0.5967587828636169],
]
ENTRY = {"class_id": 3, "score": 0.5, "left": 10, "top": 5.5, "width": 20, "height": 10}


def frame(file: str | None = "boats.jpg", index: int = 0) -> Frame:
    return Frame(index=index, size=SIZE, file=file)


def test_prediction() -> None:
    """Corners become pixels, rows keep their order, suppressed ones are left out."""
    found = response_of({"prediction": ROWS}, SIZE)
    assert found.class_id.tolist() == [4, 0, 4]
    assert found.score.tolist() == [np.float32(row[1]) for row in ROWS if row[0] >= 0]
    np.testing.assert_allclose(found.xyxy[0], np.array(ROWS[0][2:]) * (200, 100, 200, 100), rtol=1e-6)


def test_annotations() -> None:
    """The form in pixels, of the size that it states: the picture at hand may be larger."""
    document = {"image_size": [{"width": 100, "height": 50, "depth": 3}], "annotations": [ENTRY]}
    assert response_of(document, SIZE).xyxy.tolist() == [[20, 11, 60, 31]]
    assert response_of({"annotations": [ENTRY]}, SIZE).xyxy.tolist() == [[10, 5.5, 30, 15.5]]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "must be an object"),
        ({"predictions": []}, "must be an object"),
        ({"prediction": [[1, 2]]}, "number 0 is"),
        ({"prediction": [ROWS[0], [0.5, 0.1, 0, 0, 1, 1]]}, "Prediction 1 must be a whole number"),
        ({"prediction": [[0, "much", 0, 0, 1, 1]]}, "Prediction 0 must be a number"),
        ({"prediction": [[0, float("nan"), 0, 0, 1, 1]]}, "finite"),
        ({"annotations": [{"class_id": 1}]}, "Annotation 0 left must be a number"),
        ({"annotations": ["x"]}, "Annotation 0 must be an object"),
        ({"prediction": [ROWS[0], [1e9, 0.1, 0, 0, 1, 1]]}, "class of object 1 must be at most 100,000"),
        ({"annotations": [dict(ENTRY, class_id=10**9)]}, "class of object 0 must be at most 100,000"),
        ({"image_size": [{"width": -1, "height": 1}], "annotations": []}, "image_size must have width and height"),
    ],
)
def test_what_is_no_answer(document: object, words: str, tmp_path: Path) -> None:
    path = tmp_path / "boats.jpg.out"
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=words) as caught:
        read_response(path, SIZE)
    assert "boats.jpg.out" in str(caught.value)


@given(
    boxes=st.lists(st.tuples(*[st.floats(-50, 250, width=32)] * 4, st.floats(0, 1, width=32), st.integers(0, 90))),
    form=st.sampled_from(["prediction", "annotations"]),
)
def test_written_and_read_again(boxes: list[tuple[float, ...]], form: Form) -> None:
    rows = np.array(boxes, np.float64).reshape(-1, 6)
    corners = np.concatenate((rows[:, :2], rows[:, :2] + np.abs(rows[:, 2:4])), axis=1)
    found = Detections(
        xyxy=corners.astype(np.float32), score=rows[:, 4].astype(np.float32), class_id=rows[:, 5].astype(np.int64)
    )
    again = response_of(json.loads(response_text(found, SIZE, form)), SIZE)
    assert again.score.tolist() == found.score.tolist()
    assert again.class_id.tolist() == found.class_id.tolist()
    np.testing.assert_allclose(again.xyxy, found.xyxy, rtol=0, atol=1e-4)


def test_answers_of_cameras_whose_pictures_have_the_same_names(tmp_path: Path) -> None:
    """What lies in the folder of the sequence goes before what lies above it; no name leads out."""
    for name, rows in (("1.jpg.out", ROWS), ("rear/1.jpg.out", ROWS[:1])):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"prediction": rows}))
    detector = trackforge.detector("response", path=tmp_path, classes=tuple("abcde"))
    found = detector.detect(
        [dataclasses.replace(frame("1.jpg"), sequence=name) for name in ("front", "rear", "../rear", "")]
    )
    assert [len(one) for one in found] == [3, 1, 3, 3]


def test_replayed(tmp_path: Path) -> None:
    """A folder of answers under each of the usual names; a picture without one is an error, or empty."""
    for name in ("a.jpg.out", "b.jpg.json", "sub/c.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"prediction": ROWS}))
    detector = trackforge.detector("response", path=tmp_path, min_score=0.5, classes=tuple("abcde"))
    found = detector.detect([frame("a.jpg"), frame("b.jpg", 1), frame("sub/c.png", 2)])
    assert [len(one) for one in found] == [2, 2, 2]
    with pytest.raises(MissingFileError, match=r"d\.jpg has none: d\.jpg\.out"):
        detector.detect([frame("d.jpg")])
    lenient = trackforge.detector("response", path=tmp_path, missing="empty")
    assert len(lenient.detect([frame("d.jpg")])[0]) == 0
    assert len(lenient.detect([frame(None)])[0]) == 0
    short = trackforge.detector("response", path=tmp_path, classes=("boat",))
    with pytest.raises(InvalidInputError, match="has class 4"):
        short.detect([frame("a.jpg")])


def test_every_frame_is_written_and_found_again(tmp_path: Path) -> None:
    """Names that differ little, pages of one file, frames of a film: each has its own answer."""
    frames = [
        frame(name, index) for index, name in enumerate(["x#1.jpg", "x-1.jpg", "p.tif#0", "p.tif#1", "s/x-1.jpg", None])
    ]
    with trackforge.sink("responses", path=tmp_path / "answers") as sink:
        sink.open(Stream())
        for one in frames:
            found = Detections(xyxy=[[1, 2, 30, 40]], score=[0.5], class_id=[one.index])
            sink.write(Step(frame=one, detections=found, tracks=Tracks.empty()))
    names = {path.relative_to(tmp_path / "answers").as_posix() for path in tmp_path.glob("answers/**/*.out")}
    assert names == {f"{one.file or '000006.jpg'}.out" for one in frames}
    again = trackforge.detector("response", path=tmp_path / "answers").detect(frames)
    assert [one.class_id.tolist() for one in again] == [[one.index] for one in frames]


def test_a_class_beyond_all_names(tmp_path: Path) -> None:
    """One number in a file must not have a thousand million names made."""
    (tmp_path / "boats.jpg.out").write_text('{"prediction": [[1e7, 0.9, 0.1, 0.1, 0.2, 0.2]]}')
    detector = trackforge.detector("response", path=tmp_path)
    assert detector.classes == ("class 0",)
    with pytest.raises(DataError, match=r"boats\.jpg\.out: The class of object 0"):
        detector.detect([frame()])


def test_one_answer_is_of_one_picture(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"prediction": ROWS}))
    detector = trackforge.detector("response", path=tmp_path / "x.json")
    assert len(detector.detect([frame()])[0]) == len(detector.detect([frame()])[0]) == 3
    with pytest.raises(InvalidInputError, match="one picture"):
        detector.detect([frame("other.jpg", 1)])
    with pytest.raises(MissingFileError, match="there is no"):
        trackforge.detector("response", path=tmp_path / "none")
