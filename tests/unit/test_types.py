"""The values that flow between components: what they take, what they refuse, and that they stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

import trackforge
from trackforge import Detections, Frame, Tracks
from trackforge.errors import InvalidInputError

BOX = [10.0, 20.0, 30.0, 60.0]


def tracks(**columns) -> Tracks:
    whole = {name: [1] for name in ("track_id", "class_id", "state", "age", "time_since_update", "detection")}
    return Tracks(**({"xyxy": [BOX], "score": [0.5]} | whole | columns))


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"xyxy": [BOX, [0, 0, np.nan, 1]]}, r"row 1 is not finite.*Drop the row"),
        ({"xyxy": [BOX, [0, 0, np.inf, 1]]}, r"row 1 is not finite"),
        ({"xyxy": [[5, 0, 4, 1]]}, r"x1 <= x2 and y1 <= y2; row 0 is inverted: \[5\.0, 0\.0, 4\.0, 1\.0\]"),
        ({"xyxy": [[0, 5, 4, 1]]}, r"row 0 is inverted"),
        ({"xyxy": BOX}, r"xyxy must have shape \(N, 4\); got \(4,\)"),
        ({"xyxy": [[0, 0, 1]]}, r"xyxy must have shape \(N, 4\); got \(1, 3\)"),
        ({"xyxy": "boxes"}, r"xyxy must be convertible to float32"),
        ({"xyxy": [BOX], "score": [0.5, 0.6]}, r"same length; score has 2 rows where xyxy has 1"),
        ({"xyxy": [BOX], "score": [np.nan]}, r"score must be finite; row 0 is nan\. Drop"),
        ({"xyxy": [BOX], "score": [np.inf]}, r"score must be finite; row 0 is inf"),
        (
            {"xyxy": [BOX, BOX], "embedding": [[1.0, 0.0], [np.nan, 0.0]]},
            r"embedding must be finite; row 1 is \[nan, 0",
        ),
        ({"xyxy": [BOX], "score": [[0.5]]}, r"score must have shape \(N,\)"),
        ({"xyxy": [BOX], "class_id": []}, r"same length; class_id has 0 rows"),
        ({"xyxy": [BOX], "class_id": [0.7]}, r"class_id must be convertible to int64; \[0\.7\] are no whole numbers"),
        ({"xyxy": [BOX], "class_id": [np.nan]}, r"class_id must be convertible to int64; \[nan\] are no whole numbers"),
        ({"xyxy": [BOX], "embedding": [[1.0], [2.0]]}, r"same length; embedding has 2 rows"),
        ({"xyxy": [BOX], "embedding": [1.0]}, r"embedding must have shape"),
        ({"xyxy": [BOX], "mask": [None, None]}, r"same length; mask has 2 rows"),
        ({"xyxy": [BOX], "extra": {"speed": [1, 2]}}, r"extra\['speed'\] must have one row a box, 1 in all"),
    ],
)
def test_bad_detections_are_refused(columns: dict, what: str) -> None:
    with pytest.raises(InvalidInputError, match=what):
        Detections(**columns)


def test_boxes_outside_the_image_are_kept_as_they_are() -> None:
    boxes = [[-500, -20, -400, 80], [1e5, 0, 1e5 + 50, 100], [-1e5, -1e5, 1e5, 1e5]]
    tracker = trackforge.tracker("byte", warm_up=9)
    for index in range(5):
        found = tracker.update(Detections(xyxy=boxes, score=[0.9] * 3), Frame(index=index, size=(640, 480)))
    assert found.track_id.tolist() == [1, 2, 3]
    np.testing.assert_allclose(found.xyxy, boxes, rtol=1e-3)


def test_what_other_libraries_give_is_converted() -> None:
    found = Detections(xyxy=np.array([BOX], np.float64), score=[1], class_id=np.array([2.0], np.float32))
    assert (found.xyxy.dtype, found.score.dtype, found.class_id.dtype) == (np.float32, np.float32, np.int64)
    assert found.class_id.tolist() == [2]
    assert len(Detections(xyxy=[])) == 0


def test_nobody_changes_the_values_afterwards() -> None:
    mine = np.array([BOX], np.float32)
    found = Detections(xyxy=mine)
    mine[:] = 0
    assert found.xyxy.tolist() == [BOX]
    with pytest.raises(ValueError, match="read-only"):
        found.xyxy[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        found[[0]].xyxy[0, 0] = 1


def test_selecting_rows_takes_every_column_along() -> None:
    found = Detections(
        xyxy=[BOX, [0, 0, 1, 1], [2, 2, 3, 3]],
        score=[0.1, 0.2, 0.3],
        class_id=[4, 5, 6],
        embedding=np.eye(3),
        extra={"name": np.array(["a", "b", "c"])},
    )
    for rows in ([True, False, True], [0, 2], np.array([0, 2]), slice(0, None, 2)):
        some = found[rows]
        assert some.class_id.tolist() == [4, 6]
        assert some.extra["name"].tolist() == ["a", "c"]
        assert some.embedding is not None
        assert some.embedding.shape == (2, 3)
    assert found[-1].class_id.tolist() == [6]
    assert len(found[[]]) == 0
    with pytest.raises(IndexError, match="row 3 is out of range for 3 rows"):
        found[3]
    with pytest.raises(InvalidInputError, match="A mask must have 3 entries, one a row; got 2"):
        found[[True, False]]
    with pytest.raises(TypeError, match="holds columns, not rows"):
        list(found)


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"index": -1}, r"0-based and must be a whole number >= 0; got -1"),
        ({"index": 1.5}, r"whole number >= 0; got 1\.5"),
        ({"index": "1"}, r"whole number >= 0; got '1'"),
        ({"timestamp": np.nan}, r"frame\.timestamp must be a finite number of seconds"),
        ({"image": np.zeros((4, 4), np.uint8)}, r"RGB uint8 \(H, W, 3\) with a pixel or more; got uint8 \(4, 4\)"),
        ({"image": np.zeros((0, 4, 3), np.uint8)}, r"with a pixel or more; got uint8 \(0, 4, 3\)"),
        ({"image": np.zeros((4, 4, 3))}, r"got float64 \(4, 4, 3\)"),
        ({"image": np.zeros((4, 6, 3), np.uint8), "size": (4, 6)}, r"got \(4, 6\) for a 6x4 image"),
    ],
)
def test_bad_frames_are_refused(columns: dict, what: str) -> None:
    with pytest.raises(InvalidInputError, match=what):
        Frame(**({"index": 0} | columns))


def test_a_frame_knows_its_size_and_keeps_its_image() -> None:
    frame = Frame(index=np.int64(7), image=np.zeros((4, 12, 3), np.uint8)[:, ::2])  # type: ignore[arg-type]
    assert frame.size == (6, 4)
    assert type(frame.index) is int  # json and others know no NumPy numbers
    assert frame.image is not None
    assert frame.image.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        frame.image[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"track_id": [0]}, r"track_id must be >= 1 and unique in a frame; got \[0\]"),
        ({"track_id": [-1]}, r"must be >= 1"),
        ({"track_id": [1, 1]}, r"same length; track_id has 2 rows"),
        ({"mean": [1.0]}, r"mean must be a numeric array with 1 rows"),
    ],
)
def test_bad_tracks_are_refused(columns: dict, what: str) -> None:
    with pytest.raises(InvalidInputError, match=what):
        tracks(**columns)


def test_an_id_stands_once_in_a_frame() -> None:
    twice = {name: [1, 1] for name in ("track_id", "class_id", "state", "age", "time_since_update", "detection")}
    with pytest.raises(InvalidInputError, match=r"unique in a frame; got \[1, 1\]"):
        tracks(xyxy=[BOX, BOX], score=[0.5, 0.5], **twice)
