from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import supervision as sv
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import trackforge
from trackforge import Detections, Frame, Tracks, TrackState
from trackforge.errors import InvalidInputError
from trackforge.io.interop import SupervisionTracker, from_boxes, from_rows, from_supervision, to_rows, to_supervision
from trackforge.io.masks import decode_mask, encode_mask

BOXES = np.array([[10, 20, 50, 90], [0.5, 0.25, 30.75, 40.125]], np.float32)


def tracks() -> Tracks:
    return Tracks(
        track_id=[7, 3],
        xyxy=BOXES,
        score=[0.5, 0.75],
        class_id=[1, 0],
        state=[TrackState.CONFIRMED, TrackState.LOST],
        age=[4, 5],
        time_since_update=[0, 2],
        detection=[1, -1],
        extra={"speed": [1.5, 2.5]},
    )


def assert_same(a: Detections, b: Detections) -> None:
    np.testing.assert_array_equal(a.xyxy, b.xyxy)
    np.testing.assert_array_equal(a.score, b.score)
    np.testing.assert_array_equal(a.class_id, b.class_id)
    assert (a.embedding is None) == (b.embedding is None)
    if a.embedding is not None:
        np.testing.assert_array_equal(a.embedding, b.embedding)
    assert (a.mask is None) == (b.mask is None)
    if a.mask is not None:
        assert a.mask.tolist() == b.mask.tolist()
    assert a.extra.keys() == b.extra.keys()
    for name in a.extra:
        np.testing.assert_array_equal(a.extra[name], b.extra[name])


def test_detections_go_to_supervision_and_back() -> None:
    pixels = np.zeros((2, 12, 8), bool)
    pixels[0, 2:5, 1:4] = True
    pixels[1, 0, 0] = True
    before = Detections(
        xyxy=BOXES,
        score=[0.5, 0.25],
        class_id=[3, 0],
        embedding=[[1, 2, 3], [4, 5, 6]],
        mask=[encode_mask(one) for one in pixels],
        extra={"word": ["a", "b"], "keypoint": np.ones((2, 5, 2))},
    )
    there = to_supervision(before)
    assert isinstance(there, sv.Detections)
    np.testing.assert_array_equal(there.mask, pixels)
    np.testing.assert_array_equal(there.confidence, before.score)
    assert_same(from_supervision(there), before)
    there.xyxy[0] = 0  # supervision's users change arrays in place; ours must not mind
    assert before.xyxy[0, 0] == 10


def test_supervision_comes_here_and_goes_back() -> None:
    before = sv.Detections(
        xyxy=BOXES.copy(),
        confidence=np.array([0.5, 0.25], np.float32),
        class_id=np.array([3, 0]),
        tracker_id=np.array([5, 9]),
        data={"class_name": np.array(["cat", "dog"])},
    )
    after = to_supervision(from_supervision(before))
    assert after == before


def test_what_supervision_leaves_out_gets_the_defaults() -> None:
    detections = from_supervision(sv.Detections(xyxy=BOXES))
    assert detections.score.tolist() == [1, 1]
    assert detections.class_id.tolist() == [0, 0]
    assert len(from_supervision(sv.Detections.empty())) == 0
    assert len(to_supervision(Detections.empty())) == 0
    assert to_supervision(Tracks.empty()).tracker_id.tolist() == []


def test_compact_masks_are_read() -> None:
    pixels = np.zeros((2, 100, 100), bool)
    pixels[0, 20:90, 10:50] = True
    pixels[1, 1:40, 1:30] = True
    compact = sv.CompactMask.from_dense(pixels, xyxy=BOXES, image_shape=(100, 100))
    masks = from_supervision(sv.Detections(xyxy=BOXES, mask=compact)).mask
    assert masks is not None
    np.testing.assert_array_equal(np.stack([decode_mask(rle) for rle in masks]), np.asarray(compact))


def test_tracks_go_to_supervision_whole() -> None:
    there = to_supervision(tracks(), classes=["person", "car"])
    assert there.tracker_id.tolist() == [7, 3]
    assert there.data["class_name"].tolist() == ["car", "person"]
    assert there.data["time_since_update"].tolist() == [0, 2]
    assert there.data["detection"].tolist() == [1, -1]
    assert there.data["speed"].tolist() == [1.5, 2.5]
    labelled = sv.LabelAnnotator().annotate(np.zeros((100, 100, 3), np.uint8), there)
    assert labelled.any()


def test_bad_boxes_are_refused_on_the_way_in() -> None:
    with pytest.raises(InvalidInputError, match="row 0 is inverted"):
        from_supervision(sv.Detections(xyxy=np.array([[5, 5, 1, 1.0]])))


@pytest.mark.parametrize("columns", [4, 5, 6])
def test_rows(columns: int) -> None:
    rows = np.array([[1, 2, 3, 4, 0.5, 2], [5, 6, 7, 8, 0.25, 0]])[:, :columns]
    detections = from_rows(rows)
    np.testing.assert_array_equal(detections.xyxy, rows[:, :4])
    assert detections.score.tolist() == ([0.5, 0.25] if columns > 4 else [1, 1])
    assert detections.class_id.tolist() == ([2, 0] if columns > 5 else [0, 0])
    assert_same(from_rows(rows.tolist()), detections)


def test_rows_of_wrong_shape() -> None:
    assert len(from_rows([])) == 0
    assert len(from_rows(np.empty((0, 6)))) == 0
    for shape in ((2, 3), (2, 7), (6,)):
        with pytest.raises(InvalidInputError, match="4 to 6 columns"):
            from_rows(np.ones(shape))


def test_tracks_become_rows() -> None:
    assert to_rows(tracks()).tolist() == [[10, 20, 50, 90, 7, 0.5, 1, 1], [0.5, 0.25, 30.75, 40.125, 3, 0.75, 0, -1]]
    assert to_rows(Tracks.empty()).shape == (0, 8)


def test_torch_tensors_are_taken() -> None:
    torch = pytest.importorskip("torch")
    boxes = SimpleNamespace(
        xyxy=torch.tensor(BOXES, requires_grad=True), conf=torch.tensor([0.5, 0.25]), cls=torch.tensor([2.0, 0.0])
    )
    expected = Detections(xyxy=BOXES, score=[0.5, 0.25], class_id=[2, 0])
    assert_same(from_boxes(boxes), expected)
    rows = torch.cat((boxes.xyxy, boxes.conf[:, None], boxes.cls[:, None]), dim=1)
    assert_same(from_rows(rows), expected)


def test_objects_that_are_no_boxes() -> None:
    with pytest.raises(InvalidInputError, match=r"must have xyxy, conf and cls; dict lacks one.*result\.boxes"):
        from_boxes({})


def test_the_old_methods_track() -> None:
    tracker = SupervisionTracker("byte")
    seen = []
    for index in range(5):
        found = sv.Detections(
            xyxy=np.array([[200, 200, 240, 280], [10 + index, 10, 50 + index, 90], [400, 1, 410, 9]], np.float32),
            confidence=np.array([0.9, 0.8, 0.05], np.float32),
            class_id=np.array([2, 1, 0]),
            data={"name": np.array(["b", "a", "c"])},
        )
        tracked = tracker.update_with_detections(found)
        seen.append((tracked.tracker_id.tolist(), tracked.data["name"].tolist(), tracked.class_id.tolist()))
        np.testing.assert_array_equal(tracked.xyxy, found.xyxy[:2])
    assert seen == [([1, 2], ["b", "a"], [2, 1])] * 5
    assert len(tracker.update_with_detections(sv.Detections.empty())) == 0
    tracker.reset()
    assert tracker.update_with_detections(found).tracker_id.tolist() == [1, 2]


def test_the_old_methods_take_a_made_tracker_and_frames() -> None:
    made = trackforge.tracker("byte")
    tracker = SupervisionTracker(made)
    found = sv.Detections(xyxy=BOXES, confidence=np.array([0.9, 0.9]))
    assert tracker.update_with_detections(found, Frame(index=7)).tracker_id.tolist() == [1, 2]
    assert tracker.update_with_detections(found).tracker_id.tolist() == [1, 2]
    with pytest.raises(InvalidInputError, match="takes no settings; got high_score"):
        SupervisionTracker(made, high_score=0.5)


SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(SHAPES.flatmap(lambda shape: arrays(bool, shape)))
def test_masks_survive_and_are_coco(pixels: np.ndarray) -> None:
    rle = encode_mask(pixels)
    np.testing.assert_array_equal(decode_mask(rle), pixels)
    assert rle["counts"] == sv.mask_to_rle(pixels, compressed=True)
    plain = {"size": rle["size"], "counts": [int(n) for n in sv.mask_to_rle(pixels)]}
    np.testing.assert_array_equal(decode_mask(plain), pixels)
    np.testing.assert_array_equal(decode_mask({**rle, "counts": rle["counts"].encode()}), pixels)


def test_long_runs_of_large_masks() -> None:
    pixels = np.zeros((1080, 1920), bool)
    pixels[400:900, 300:1700:7] = True
    rle = encode_mask(pixels)
    assert rle["counts"] == sv.mask_to_rle(pixels, compressed=True)
    np.testing.assert_array_equal(decode_mask(rle), pixels)


def test_damaged_masks_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"must fill its 2 x 3 pixels; they hold 5"):
        decode_mask({"size": [2, 3], "counts": [2, 3]})
    with pytest.raises(InvalidInputError, match=r"shape \(H, W\)"):
        encode_mask(np.zeros((2, 2, 2)))
