"""VOC's average precision against the rule written down once more: plain loops, one detection after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge.metrics.voc import voc_average_precision
from trackforge.table import TrackTable

Row = tuple[int, int, float, tuple[float, float, float, float]]
"""Frame, class, score (or whether it is difficult), corners."""


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = w * h if w > 0 and h > 0 else 0.0
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def by_the_rule(truth: list[Row], found: list[Row], least: float) -> tuple[float, float]:
    """Area and 11 points of one class, as the development kit computes them."""
    easy = sum(not row[2] for row in truth)
    if not easy:
        return math.nan, math.nan
    seen: set[int] = set()
    hits, wrong = 0, 0
    recall, precision = [], []
    for frame, _, _, box in sorted(found, key=lambda row: -row[2]):
        best, place = -1.0, -1
        for k, (where, _, _, other) in enumerate(truth):
            if where == frame and overlap(box, other) > best:
                best, place = overlap(box, other), k
        if best >= least:
            if truth[place][2]:
                continue
            hits, wrong = (hits, wrong + 1) if place in seen else (hits + 1, wrong)
            seen.add(place)
        else:
            wrong += 1
        recall.append(hits / easy)
        precision.append(hits / (hits + wrong))
    eleven = 0.0
    for tenth in range(11):
        above = [p for r, p in zip(recall, precision, strict=True) if 10 * r >= tenth - 1e-9]
        eleven += (max(above) if above else 0.0) / 11
    ends, tops = [0.0, *recall, 1.0], [0.0, *precision, 0.0]
    for k in range(len(tops) - 2, -1, -1):
        tops[k] = max(tops[k], tops[k + 1])
    area = sum((ends[k] - ends[k - 1]) * tops[k] for k in range(1, len(ends)))
    return area, eleven


def table(rows: list[Row], *, truth: bool) -> TrackTable:
    numbers = np.array([row[2] for row in rows], float)
    return TrackTable(
        frame=np.array([row[0] for row in rows], np.int64),
        track_id=np.full(len(rows), -1),
        xyxy=np.array([row[3] for row in rows], float).reshape(-1, 4),
        class_id=np.array([row[1] for row in rows], np.int64),
        sequence="s",
        **({"extra": {"flag": (numbers == 0).astype(np.int64)}} if truth else {"score": numbers}),
    )


def assert_as_by_the_rule(truth: list[Row], found: list[Row], least: float = 0.5) -> None:
    report = voc_average_precision(
        {"s": table(truth, truth=True)}, {"s": table(found, truth=False)}, classes=("a", "b"), overlap=least, lengths=4
    )
    wanted = [by_the_rule([r for r in truth if r[1] == k], [r for r in found if r[1] == k], least) for k in (0, 1)]
    for name, (area, eleven) in zip("ab", wanted, strict=True):
        assert report.classes[name].area == pytest.approx(area, nan_ok=True, abs=1e-12)
        assert report.classes[name].eleven == pytest.approx(eleven, nan_ok=True, abs=1e-12)
    there = [pair for pair in wanted if not math.isnan(pair[0])]
    mean = np.mean(there, axis=0) if there else (math.nan, math.nan)
    assert (report.area, report.eleven) == pytest.approx(tuple(mean), nan_ok=True, abs=1e-12)


def at(x: float, y: float = 0) -> tuple[float, float, float, float]:
    return (x, y, x + 10, y + 10)


@pytest.mark.parametrize(
    ("truth", "found"),
    [
        ([(0, 0, 0, at(0))], [(0, 0, 0.9, at(1))]),
        ([(0, 0, 0, at(0))], [(1, 0, 0.9, at(0))]),  # another picture
        ([(0, 0, 0, at(0))], [(0, 1, 0.9, at(0))]),  # another class
        ([(0, 0, 0, at(0))], [(0, 0, 0.9, at(1)), (0, 0, 0.8, at(0))]),  # a double is wrong, however good
        ([(0, 0, 0, at(0)), (0, 0, 1, at(30))], [(0, 0, 0.9, at(30)), (0, 0, 0.8, at(30)), (0, 0, 0.7, at(0))]),
        ([(0, 0, 1, at(0))], [(0, 0, 0.9, at(0))]),  # nothing but a difficult one
        ([(0, 0, 0, at(0)), (0, 0, 0, at(3))], [(0, 0, 0.9, at(1)), (0, 0, 0.8, at(1))]),  # the nearest is taken
        ([(k, 0, 0, at(0)) for k in range(4)] * 3, [(k, 0, 0.1 * k, at(0)) for k in range(4)]),
        ([(0, 0, 0, at(0)), (0, 1, 0, at(50))], []),
    ],
)
def test_by_hand(truth: list[Row], found: list[Row]) -> None:
    assert_as_by_the_rule(truth, found)


places = st.tuples(st.integers(0, 8), st.integers(0, 3)).map(lambda xy: at(float(xy[0]), float(xy[1])))
truths = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 1), places), max_size=12)
scores = st.lists(st.integers(0, 1000), min_size=20, max_size=20, unique=True)  # the rule does not order equal ones
detections = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), places), max_size=20)


@settings(max_examples=60, deadline=None)
@given(truths, detections, scores, st.sampled_from([0.3, 0.5, 0.75]))
def test_at_random(truth: list[Row], boxes: list, score: list[int], least: float) -> None:
    found = [(frame, kind, score[k] / 1000, box) for k, (frame, kind, box) in enumerate(boxes)]
    # Where two boxes are overlapped equally, either may be meant: leave them out.
    kept = [one for k, one in enumerate(truth) if one[3] not in [o[3] for o in truth[:k] if o[:2] == one[:2]]]
    for frame, kind, _, box in found:
        near = [overlap(box, one[3]) for one in kept if one[:2] == (frame, kind)]
        if len(near) != len(set(near)) and max(near) > 0:
            found = [one for one in found if one[:2] != (frame, kind)]
    assert_as_by_the_rule(kept, found, least)
