"""Suppression in its forms is one thing, and filters do what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trackforge.boxes import iou, nms
from trackforge.models.cells import cells, decode_rows
from trackforge.models.suppression import nms_matrix
from trackforge_yolox.head import decode, flatten
from trackforge_yolox.selection import Selection, select
from trackforge_yolox.selection_torch import select_tensor

LIMITS = st.sampled_from([0.1, 0.3, 0.5, 0.65, 0.7])


def one_by_one(xyxy: np.ndarray, score: np.ndarray, limit: float, class_id: np.ndarray) -> list[int]:
    kept: list[int] = []
    overlap = iou(xyxy, xyxy)
    for row in np.argsort(-score, kind="stable").tolist():
        if not any(overlap[row, other] > limit and class_id[row] == class_id[other] for other in kept):
            kept.append(row)
    return kept


@st.composite
def boxes(draw: st.DrawFn, most: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.integers(0, most))
    r = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corner = r.integers(0, 60, (n, 2)) + r.random((n, 2))
    xyxy = np.concatenate((corner, corner + r.uniform(5, 40, (n, 2))), axis=1)
    return xyxy, np.round(r.random(n), draw(st.integers(1, 6))), r.integers(0, 3, n)  # coarse scores tie


@given(boxes(), LIMITS)
@settings(max_examples=60)
def test_every_form_of_suppression_keeps_the_same_boxes(made, limit: float) -> None:
    xyxy, score, class_id = made
    wanted = one_by_one(xyxy, score, limit, class_id)
    assert nms(xyxy, score, limit, class_id=class_id).tolist() == wanted
    tensors = (torch.from_numpy(xyxy), torch.from_numpy(score))
    assert nms_matrix(*tensors, limit, torch.from_numpy(class_id)).tolist() == wanted
    alone = one_by_one(xyxy, score, limit, np.zeros_like(class_id))
    assert nms(xyxy, score, limit).tolist() == alone
    assert nms_matrix(*tensors, limit).tolist() == alone


@given(
    hnp.arrays(np.float32, (40, 9), elements=st.floats(0, 1, width=32)),
    LIMITS,
    st.booleans(),
    st.sampled_from([None, (2,), (3, 0)]),
    st.sampled_from([5, 1000]),
)
@settings(max_examples=60)
def test_numpy_and_torch_choose_alike(predictions, limit, agnostic, keep, candidates) -> None:
    predictions[:, :4] *= 100
    selection = Selection(score=0.2, limit=limit, keep=keep, class_agnostic=agnostic, candidates=candidates)
    a, b = select(predictions, selection), select_tensor(torch.from_numpy(predictions), selection)
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)
        assert left.dtype == right.dtype
    assert (a.score >= np.float32(0.2)).all()
    assert (np.diff(a.score) <= 0).all()
    assert len(a.score) <= candidates
    if keep is not None:
        assert set(a.class_id.tolist()) <= set(keep)


def test_classes_that_are_not_asked_for_do_not_compete() -> None:
    row = np.array([[50, 50, 20, 20, 0.9, 0.4, 0.5]], np.float32)
    assert select(row, Selection(score=0.3)).class_id.tolist() == [1]
    only = select(row, Selection(score=0.3, keep=(0,)))
    assert only.class_id.tolist() == [0]
    assert only.score == pytest.approx([0.36])
    assert len(select(row, Selection(score=0.4, keep=(0,))).score) == 0


def test_decoding_rows_in_numpy_equals_decoding_maps_in_torch() -> None:
    torch.manual_seed(0)
    maps = [torch.randn(1, 7, 64 // s, 96 // s) for s in (8, 16, 32)]
    raw = flatten(maps)[0].numpy().copy()
    raw[:, 4:] = 1 / (1 + np.exp(-raw[:, 4:]))
    np.testing.assert_allclose(decode_rows(raw, *cells((64, 96))), decode(maps)[0].numpy(), rtol=1e-6, atol=1e-5)


def test_half_precision_maps_are_decoded_in_full_precision() -> None:
    maps = [torch.zeros(1, 6, 800 // s, 1440 // s, dtype=torch.bfloat16) for s in (8, 16, 32)]
    out = decode(maps)
    assert out.dtype == torch.float32
    assert out[0, 179, :2].tolist() == [1432.0, 0.0]  # bfloat16 knows 1424 and 1440 only
