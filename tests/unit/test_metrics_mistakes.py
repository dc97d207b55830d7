"""Curves, best scores, confusion and mistakes: by hand, and in agreement with the average precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge.errors import InvalidInputError
from trackforge.metrics import average_precision
from trackforge.metrics.boxes_of_pictures import PictureBoxes, match_boxes
from trackforge.metrics.curves import SCORES, class_curves, mean_curves
from trackforge.metrics.mistakes import KINDS, judge
from trackforge.table import TrackTable

NAMES = ("person", "car", "dog")


def world(seed: int, *, pictures: int = 6) -> tuple[PictureBoxes, PictureBoxes]:
    """True boxes with ignore regions, and detections near them, with ties and boxes of nothing."""
    chance = np.random.default_rng(seed)
    n, m = int(chance.integers(0, 40)), int(chance.integers(0, 60))

    def boxes(count: int) -> np.ndarray:
        low = chance.integers(0, 200, (count, 2))
        return np.concatenate((low, low + chance.integers(1, 120, (count, 2))), axis=1).astype(float)

    xyxy = boxes(n)
    near = boxes(m)
    if n and m:
        close = chance.random(m) < 0.7
        near[close] = xyxy[chance.integers(0, n, m)][close]
        near += chance.integers(-6, 7, (m, 4)) * close[:, None]
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
    truth = PictureBoxes(
        image=chance.integers(0, pictures, n),
        xyxy=xyxy,
        class_id=chance.integers(0, 3, n),
        ignore=chance.random(n) < 0.2,
    )
    found = PictureBoxes(
        image=chance.integers(0, pictures, m),
        xyxy=near,
        class_id=chance.integers(0, 3, m),
        score=chance.integers(1, 21, m) / 20,
    )
    return truth, found


def as_table(side: PictureBoxes) -> TrackTable:
    order = np.argsort(side.image, kind="stable")
    side = side[order]
    return TrackTable(
        frame=side.image,
        xyxy=side.xyxy,
        class_id=side.class_id,
        score=side.score,
        extra={"flag": (~side.ignore).astype(np.int64)},
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_curves_agree_with_the_evaluator_of_coco(seed: int) -> None:
    """The mean of the precision over recall is AP50, of every class, and the largest recall is that of the matching."""
    truth, found = world(seed)
    report = average_precision(as_table(truth), as_table(found), classes=NAMES, lengths=6)
    order = np.argsort(found.image, kind="stable")  # ties are taken in the order of the rows
    found = found[order]
    curves = class_curves(truth, found, match_boxes(truth, found), 3)
    for name, one in zip(NAMES, curves, strict=True):
        assert one.truths == report.classes[name].truths
        assert one.average_precision == pytest.approx(report.classes[name].ap50, abs=1e-9, nan_ok=True)
        if one.truths and one.best_f1 > 0:  # no other score is better
            assert one.best_f1 >= np.nanmax(one.f1) - 1e-12
            kept = int(((found.class_id == NAMES.index(name)) & (found.score >= one.best_score)).sum())
            assert one.best_recall <= 1
            assert kept >= round(one.best_recall * one.truths)
    mean = mean_curves(curves)
    assert mean.average_precision == pytest.approx(report.mean.ap50, abs=1e-9, nan_ok=True)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.75, 1.1]))
@settings(max_examples=60)
def test_every_box_is_accounted_for_once(seed: int, score: float) -> None:
    truth, found = world(seed)
    matching = match_boxes(truth, found)
    made = judge(truth, found, matching, 3, score=score)
    real = ~truth.ignore
    assert made.confusion[:3].sum(axis=1).tolist() == np.bincount(truth.class_id[real], minlength=3).tolist()
    judged = made.found != "ignored"
    assert made.confusion[:, :3].sum() == judged.sum()
    assert (found.score[judged] >= score).all()
    counts = made.counts()
    assert counts["right"] == np.trace(made.confusion[:3, :3]) == (made.truth == "right").sum()
    for kind in ("confused", "misplaced"):
        assert counts[kind] == (made.truth == kind).sum()
    kept = found[found.score >= score]  # what lies below a score does not matter to what lies above it
    alone = judge(truth, kept, match_boxes(truth, kept), 3, score=0.0)
    assert alone.counts() == counts
    assert (alone.confusion == made.confusion).all()
    pictures = made.by_picture(truth, found, 6)
    assert {kind: int(pictures[kind].sum()) for kind in KINDS} == {kind: counts[kind] for kind in KINDS}


def test_kinds_by_hand() -> None:
    truth = PictureBoxes(
        image=[0, 0, 0, 0, 1],  # type: ignore[arg-type]
        xyxy=[[0, 0, 40, 40], [100, 0, 140, 40], [200, 0, 240, 40], [300, 0, 340, 40], [0, 0, 99, 99]],  # type: ignore[arg-type]
        class_id=[0, 0, 1, 1, 0],  # type: ignore[arg-type]
        ignore=[False, False, False, False, True],  # type: ignore[arg-type]
    )
    found = PictureBoxes(
        image=[0, 0, 0, 0, 0, 0, 1],  # type: ignore[arg-type]
        xyxy=[
            [0, 0, 40, 40],  # right
            [2, 0, 42, 40],  # the same again
            [100, 0, 140, 15],  # a part of the second
            [200, 0, 240, 40],  # the third, of another class
            [500, 0, 540, 40],  # nothing there
            [500, 0, 540, 40],  # nothing there, below the score
            [10, 10, 20, 20],  # in an ignore region
        ],  # type: ignore[arg-type]
        class_id=[0, 0, 0, 0, 1, 1, 0],  # type: ignore[arg-type]
        score=[0.9, 0.8, 0.9, 0.9, 0.9, 0.1, 0.9],  # type: ignore[arg-type]
    )
    made = judge(truth, found, match_boxes(truth, found), 2, score=0.5)
    assert made.found.tolist() == ["right", "double", "misplaced", "confused", "false", "ignored", "ignored"]
    assert made.truth.tolist() == ["right", "misplaced", "confused", "missed", "ignored"]
    assert made.truth_of.tolist() == [0, 0, 1, 2, -1, -1, -1]
    assert made.confusion.tolist() == [[1, 0, 1], [1, 0, 1], [2, 1, 0]]
    assert made.counts() == {"right": 1, "missed": 1, "confused": 1, "misplaced": 1, "double": 1, "false": 1}


def test_the_best_score_lies_between_two_detections() -> None:
    truth = PictureBoxes(image=[0, 1], xyxy=[[0, 0, 9, 9]] * 2, class_id=[0, 0])  # type: ignore[arg-type]
    found = PictureBoxes(
        image=[0, 1, 1],  # type: ignore[arg-type]
        xyxy=[[0, 0, 9, 9], [0, 0, 9, 9], [50, 50, 60, 60]],  # type: ignore[arg-type]
        class_id=[0, 0, 0],  # type: ignore[arg-type]
        score=[0.9, 0.6, 0.2],  # type: ignore[arg-type]
    )
    (one,) = class_curves(truth, found, match_boxes(truth, found), 1)
    assert (one.best_score, one.best_f1, one.best_precision, one.best_recall) == (pytest.approx(0.4), 1, 1, 1)
    at = {round(float(s), 3): k for k, s in enumerate(SCORES)}
    assert (one.precision[at[0.1]], one.recall[at[0.7]], one.precision[at[1.0]]) == (pytest.approx(2 / 3), 0.5, 1)
    assert mean_curves([one]).best_score == pytest.approx(0.4, abs=0.01)


def test_without_truth_and_without_detections() -> None:
    none = PictureBoxes(image=[], xyxy=[], class_id=[])  # type: ignore[arg-type]
    some = PictureBoxes(image=[0], xyxy=[[0, 0, 9, 9]], class_id=[0])  # type: ignore[arg-type]
    (unknown,) = class_curves(none, some, match_boxes(none, some), 1)
    assert np.isnan(unknown.best_f1)
    assert unknown.to_dict()["best_f1"] is None
    (blind,) = class_curves(some, none, match_boxes(some, none), 1)
    assert (blind.average_precision, blind.best_f1) == (0, 0)
    assert np.isnan(mean_curves([unknown]).best_score)
    with pytest.raises(InvalidInputError, match="equally long"):
        PictureBoxes(image=[0, 1], xyxy=[[0, 0, 9, 9]], class_id=[0])  # type: ignore[arg-type]
