"""Boxes: overlap, conversions, suppression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge import boxes
from trackforge.errors import InvalidInputError

coordinate = st.floats(-500, 500, width=32)
length = st.floats(0, 300, width=32)
box = st.tuples(coordinate, coordinate, length, length).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
many = st.lists(box, max_size=6).map(lambda rows: np.array(rows, np.float64).reshape(-1, 4))


def one_iou(a, b, one=0.0):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + one)
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + one)
    both = width * height
    union = (a[2] - a[0] + one) * (a[3] - a[1] + one) + (b[2] - b[0] + one) * (b[3] - b[1] + one) - both
    return both / union if union > 0 else 0.0


@given(a=many, b=many, inclusive=st.booleans())
def test_iou_is_what_the_definition_says(a, b, inclusive):
    expected = np.array([[one_iou(p, q, float(inclusive)) for q in b] for p in a]).reshape(len(a), len(b))
    got = boxes.iou(a, b, inclusive=inclusive)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
    assert ((got >= 0) & (got <= 1 + 1e-12)).all()
    np.testing.assert_allclose(boxes.iou(b, a, inclusive=inclusive).T, got, rtol=1e-9, atol=1e-12)


def test_iou_leaves_its_arguments_alone_and_mixes_dtypes():
    a = np.array([[0, 0, 10, 10]], np.float32)
    b = np.array([[5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 0, 0]], np.float64)
    a.flags.writeable = b.flags.writeable = False
    got = boxes.iou(a, b)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, [[1 / 3, 0, 0]])
    assert boxes.iou(a, a).dtype == np.float32
    assert boxes.iou([[0, 0, 2, 2]], [[0, 0, 2, 2]]).tolist() == [[1.0]]


@pytest.mark.parametrize("inclusive", [False, True])
def test_iou_of_many_is_iou_of_few(inclusive):
    """Large problems are cut into blocks; nobody can tell."""
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 300, (330, 2))
    many = np.concatenate((low, low + rng.uniform(0, 90, (330, 2))), axis=1)
    whole = boxes.iou(many[:130], many, inclusive=inclusive)
    parts = [boxes.iou(many[i : i + 1], many, inclusive=inclusive) for i in range(130)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_two_empty_boxes_do_not_overlap():
    point = np.array([[3.0, 3, 3, 3]])
    assert boxes.iou(point, point).tolist() == [[0.0]]
    assert boxes.iou(point, point, inclusive=True).tolist() == [[1.0]]
    assert boxes.giou(point, point).tolist() == [[0.0]]


@given(a=many, b=many)
def test_giou_is_bounded_by_iou(a, b):
    overlap, general = boxes.iou(a, b), boxes.giou(a, b)
    assert (general <= overlap + 1e-9).all()
    assert (general >= -1 - 1e-9).all()


def test_giou_of_neighbours():
    a = np.array([[0.0, 0, 1, 1]])
    np.testing.assert_allclose(boxes.giou(a, [[2.0, 0, 3, 1]]), [[-1 / 3]])
    np.testing.assert_allclose(boxes.giou(a, a), [[1.0]])


@given(a=many)
def test_conversions_go_back_and_forth(a):
    np.testing.assert_allclose(boxes.xywh_to_xyxy(boxes.xyxy_to_xywh(a)), a, atol=1e-9)
    solid = a[(a[:, 3] - a[:, 1]) > 1e-3]
    np.testing.assert_allclose(boxes.xyah_to_xyxy(boxes.xyxy_to_xyah(solid)), solid, atol=1e-6)


@given(a=many)
def test_area_and_clip(a):
    assert (boxes.area(a) >= 0).all()
    inside = boxes.clip(a, (100, 80))
    assert (inside >= 0).all()
    assert (inside[:, [0, 2]] <= 100).all()
    assert (inside[:, [1, 3]] <= 80).all()
    assert (boxes.area(inside) <= boxes.area(a) + 1e-9).all()


@given(a=many, limit=st.floats(0.05, 0.95), seed=st.integers(0, 9))
def test_nms_keeps_the_best_and_nothing_that_overlaps_it(a, limit, seed):
    score = np.random.default_rng(seed).random(len(a))
    kept = boxes.nms(a, score, limit)
    assert kept.dtype == np.int64
    assert (np.diff(score[kept]) <= 0).all()
    overlap = boxes.iou(a, a)
    for row in range(len(a)):
        better = [k for k in kept if score[k] > score[row] and overlap[k, row] > limit]
        assert (row in kept) == (not better)


def test_nms_spares_other_classes():
    a = np.array([[0.0, 0, 10, 10], [0, 0, 10, 9.5], [0, 0, 10, 10]])
    assert boxes.nms(a, [0.5, 0.9, 0.7], 0.5).tolist() == [1]
    assert boxes.nms(a, [0.5, 0.9, 0.7], 0.5, class_id=[0, 0, 1]).tolist() == [1, 2]


@pytest.mark.parametrize("function", [boxes.area, boxes.xywh_to_xyxy, boxes.xyxy_to_xyah])
def test_refuses_other_shapes(function):
    with pytest.raises(InvalidInputError, match=r"\(N, 4\)"):
        function(np.zeros((2, 3)))
    assert len(function([])) == 0
