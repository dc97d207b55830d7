"""Maps become objects as the published code makes them, in NumPy and torch, and in every corner of a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trackforge.models import Objects
from trackforge_fairmot import decode_torch
from trackforge_fairmot.decode import STRIDE, PictureMaps, Selection, choose, decode, find_peaks
from trackforge_fairmot.predictor import patches_at

K = 50
CASES = ("dla_34", "dlaconv_34", "hrnet_18", "resdcn_18", "resdcn_50", "yolo")


def published(golden_dir: Path, case: str) -> dict[str, np.ndarray]:
    return dict(np.load(golden_dir / "fairmot" / f"fwd_{case}.npz"))


@pytest.mark.golden
@pytest.mark.parametrize("case", CASES)
def test_peaks_boxes_and_scores_are_the_published_ones(golden_dir: Path, case: str) -> None:
    golden = published(golden_dir, case)
    cell, class_id, score = find_peaks(golden["hm"][0], most=K)
    np.testing.assert_array_equal(cell, golden["inds"][0])
    np.testing.assert_array_equal(class_id, golden["dets"][0, :, 5])
    np.testing.assert_allclose(score, golden["dets"][0, :, 4], atol=1e-6)
    np.testing.assert_allclose(score, golden["hm_sigmoid"].ravel()[cell], atol=1e-6)
    found = decode(PictureMaps(*(golden[name][0] for name in PictureMaps._fields)), most=K)
    np.testing.assert_allclose(found.xyxy / STRIDE, golden["dets"][0, :, :4], atol=1e-5)
    maps = [torch.from_numpy(golden[name]) for name in PictureMaps._fields]
    table, _ = decode_torch.decode(*maps, most=K)
    np.testing.assert_allclose(table[0, :, :4] / STRIDE, golden["dets"][0, :, :4], atol=1e-5)
    np.testing.assert_allclose(table[0, :, 4:], golden["dets"][0, :, 4:], atol=1e-6)
    np.testing.assert_array_equal(decode_torch.find_peaks(maps[0], K).cell, golden["inds"])


@pytest.mark.golden
def test_embeddings_are_the_published_ones(golden_dir: Path) -> None:
    golden = published(golden_dir, "dla_34")  # the others keep 16 channels of theirs
    found = decode(PictureMaps(*(golden[name][0] for name in PictureMaps._fields)), most=K)
    assert found.embedding is not None
    np.testing.assert_allclose(found.embedding, golden["id_feature"], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found.embedding, axis=1), 1, atol=1e-6)
    _, looks = decode_torch.decode(*(torch.from_numpy(golden[name]) for name in PictureMaps._fields), most=K)
    np.testing.assert_allclose(looks[0], golden["id_feature"], atol=1e-6)


def test_a_box_of_two_channels_is_a_width_and_a_height() -> None:
    hm = np.full((1, 3, 5), -9, np.float32)
    hm[0, 1, 3] = 2
    wh, reg = np.zeros((2, 3, 5), np.float32), np.zeros((2, 3, 5), np.float32)
    wh[:, 1, 3], reg[:, 1, 3] = (2, 1), (0.5, 0.25)
    maps = PictureMaps(hm, wh, np.ones((4, 3, 5), np.float32), reg)
    found = decode(maps, most=1)
    np.testing.assert_allclose(found.xyxy, [[STRIDE * 2.5, STRIDE * 0.75, STRIDE * 4.5, STRIDE * 1.75]])
    assert found.embedding is not None
    np.testing.assert_allclose(found.embedding, [[0.5, 0.5, 0.5, 0.5]])
    table, _ = decode_torch.decode(*(torch.from_numpy(part)[None] for part in maps), most=1)
    np.testing.assert_allclose(table[0, :, :4], found.xyxy)


heats = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    elements=st.integers(-8, 8).map(float),  # few values: many neighbours are equal
)


@given(heats, st.integers(1, 30))
def test_peaks_are_what_no_neighbour_exceeds(hm: np.ndarray, most: int) -> None:
    cell, class_id, score = find_peaks(hm, most=most)
    classes, height, width = hm.shape
    wanted = []
    for c in range(classes):
        for y in range(height):
            for x in range(width):
                around = hm[c, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                if hm[c, y, x] >= around.max():
                    wanted.append((-hm[c, y, x], c, y * width + x))
    wanted.sort()
    assert list(zip(class_id.tolist(), cell.tolist(), strict=True)) == [(c, place) for _, c, place in wanted[:most]]
    np.testing.assert_allclose(score, 1 / (1 + np.exp([value for value, _, _ in wanted[:most]])), rtol=1e-5)
    peaks = decode_torch.find_peaks(torch.from_numpy(hm)[None], most)
    count = int((peaks.score > 0).sum())
    assert count == len(cell)
    assert peaks.score.shape == (1, most)  # also where there are fewer cells than peaks are asked for
    np.testing.assert_allclose(peaks.score[0, :count], score, rtol=1e-5)
    assert int(peaks.cell.max()) < height * width
    assert int(peaks.class_id.max()) < classes


@given(heats, st.floats(0.01, 1), st.sets(st.integers(0, 2), min_size=1))
def test_score_and_classes_only_leave_out(hm: np.ndarray, least: float, keep: set[int]) -> None:
    classes, height, width = hm.shape
    random = np.random.default_rng(0)
    maps = PictureMaps(hm, *(random.random((n, height, width), np.float32) for n in (4, 8, 2)))
    everything = decode(maps, most=1000)
    wanted = everything.score >= np.float32(least)
    some = decode(maps, most=1000, least=least)
    np.testing.assert_array_equal(some.xyxy, everything.xyxy[wanted])
    np.testing.assert_array_equal(choose(everything, Selection(score=least)).xyxy, some.xyxy)
    kept = tuple(sorted(keep & set(range(classes))))
    if kept:
        among = np.isin(everything.class_id, kept)
        chosen = decode(maps, most=1000, keep=kept)
        np.testing.assert_array_equal(chosen.class_id, everything.class_id[among])
        np.testing.assert_array_equal(chosen.xyxy, everything.xyxy[among])
        np.testing.assert_array_equal(chosen.embedding, everything.embedding[among])
        np.testing.assert_array_equal(choose(everything, Selection(score=0, keep=kept, most=1000)).xyxy, chosen.xyxy)


def test_classes_that_are_not_looked_for_take_nobodys_place() -> None:
    hm = np.full((2, 1, 9), -9, np.float32)
    hm[0, 0, ::2], hm[1, 0, 4] = 3, 1
    maps = PictureMaps(hm, *(np.ones((n, 1, 9), np.float32) for n in (4, 8, 2)))
    assert decode(maps, most=2).class_id.tolist() == [0, 0]
    assert decode(maps, most=2, keep=(1,)).class_id.tolist()[0] == 1


def test_what_is_no_box_is_left_out_and_suppression_is_a_choice() -> None:
    xyxy = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [9, 0, 3, 5], [0, 0, 10, 10]], np.float32)
    score = np.array([0.9, 0.8, 0.7, 0], np.float32)
    found = Objects(xyxy, score, np.array([0, 0, 0, 0]), np.eye(4, dtype=np.float32))
    assert choose(found, Selection(score=0)).score.tolist() == score[:2].tolist()
    kept = choose(found, Selection(score=0, limit=0.5))
    assert kept.score.tolist() == score[:1].tolist()
    np.testing.assert_array_equal(kept.embedding, [[1, 0, 0, 0]])
    others = found._replace(class_id=np.array([0, 1, 0, 0]))
    assert len(choose(others, Selection(score=0, limit=0.5)).score) == 2  # of different classes
    assert len(choose(found, Selection(score=0, most=1)).score) == 1


def test_extreme_logits_give_probabilities() -> None:
    hm = np.array([[[-200, -300, 200]]], np.float32)
    with np.errstate(over="raise"):
        _, _, score = find_peaks(hm)
    assert score.tolist() == [1.0, 0.0]


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3]), st.integers(0, 1000))
def test_patches_are_what_a_convolution_sees(height: int, width: int, kernel: int, seed: int) -> None:
    torch.manual_seed(seed)
    features = torch.randn(2, 3, height, width, dtype=torch.float64)
    conv = torch.nn.Conv2d(3, 4, kernel, padding=kernel // 2).double()
    cell = torch.randint(0, height * width, (2, 7))
    seen = torch.nn.functional.linear(patches_at(features, cell, kernel), conv.weight.flatten(1), conv.bias)
    torch.testing.assert_close(seen, decode_torch.values_at(conv(features), cell))
