"""The three rules of selection against slow implementations, one box after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge_ssd.layout import UNLIMITED, Rule
from trackforge_ssd.selection import select
from trackforge_ssd.variants import RULES


def slow_iou(a: np.ndarray, b: np.ndarray) -> np.float32:
    zero = np.float32(0)
    w = max(zero, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(zero, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h
    return zero if union <= 0 else w * h / union


def slow(p: np.ndarray, boxes: np.ndarray, rule: Rule) -> list[tuple[int, int]]:
    """Anchor and class of what is found, best first."""
    entries = []
    if rule.best_class:
        for i, row in enumerate(p[:, 1:]):
            if row.max() >= np.float32(rule.score):
                entries.append((row.max(), i, int(row.argmax())))
    else:
        for c in range(p.shape[1] - 1):
            entries += [(p[i, c + 1], i, c) for i in range(len(p)) if p[i, c + 1] > np.float32(rule.score)]
    entries.sort(key=lambda entry: -entry[0])
    if rule.per_class:
        counts: dict[int, int] = {}
        chosen = []
        for entry in entries:
            counts[entry[2]] = counts.get(entry[2], 0) + 1
            if counts[entry[2]] <= rule.candidates:
                chosen.append(entry)
        entries = chosen
    else:
        entries = entries[: rule.candidates]
    kept: list[tuple[int, int]] = []
    for _, i, c in entries:
        for j, other in kept:
            if other == c or rule.class_agnostic:
                iou, limit = slow_iou(boxes[j], boxes[i]), np.float32(rule.limit)
                if iou > limit or (rule.inclusive and iou == limit):
                    break
        else:
            kept.append((i, c))
    return kept[: rule.most]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(0, 60),
    classes=st.integers(1, 4),
    dialect=st.sampled_from(sorted(RULES)),
    agnostic=st.booleans(),
    candidates=st.sampled_from([1, 5, 20, UNLIMITED]),
    most=st.sampled_from([None, 3]),
)
def test_what_is_found_is_what_the_slow_rule_finds(
    seed: int, count: int, classes: int, dialect: str, agnostic: bool, candidates: int, most: int | None
) -> None:
    r = np.random.default_rng(seed)
    p = r.dirichlet(np.full(1 + classes, 0.3), count).astype(np.float32).reshape(count, 1 + classes)
    # On a coarse grid, so that equal overlaps and boxes of no size happen.
    corner = r.integers(0, 6, (count, 2))
    boxes = np.concatenate((corner, corner + r.integers(0, 5, (count, 2))), axis=1).astype(np.float32)
    base = RULES[dialect]
    rule = Rule(
        best_class=base.best_class,
        inclusive=base.inclusive,
        per_class=base.per_class,
        limit=float(r.choice([0.0, 1 / 3, 0.45, 0.5])),
        candidates=candidates,
        most=most,
        class_agnostic=agnostic,
    )
    found = select(p, boxes, rule)
    expected = slow(p, boxes, rule)
    assert found.class_id.tolist() == [c for _, c in expected]
    assert found.score.tolist() == [p[i, c + 1] for i, c in expected]
    assert found.xyxy.tolist() == [boxes[i].tolist() for i, _ in expected]


def test_an_overlap_of_just_the_limit_goes_by_the_dialect() -> None:
    boxes = np.array([[0, 0, 2, 1], [1, 0, 3, 1]], np.float32)  # a third
    p = np.array([[0.1, 0.9], [0.2, 0.8]], np.float32)
    for inclusive, count in ((True, 1), (False, 2)):
        rule = Rule(limit=float(np.float32(1) / np.float32(3)), inclusive=inclusive)
        assert len(select(p, boxes, rule).score) == count


@pytest.mark.parametrize("agnostic", [False, True])
def test_what_is_another_class_is_not_taken_for_the_one_wanted(agnostic: bool) -> None:
    """A dog that looks a little like a cat is no cat, where an anchor stands for its best class."""
    r = np.random.default_rng(1)
    p = r.dirichlet(np.full(4, 0.5), 80).astype(np.float32)
    boxes = np.concatenate((x := r.uniform(0, 3, (80, 2)), x + 1), axis=1).astype(np.float32)
    rule = Rule(best_class=True, inclusive=True, class_agnostic=agnostic, candidates=40)
    every = select(p, boxes, rule)
    for keep in ((2,), (0, 1), ()):
        found, rows = select(p, boxes, rule, keep), np.isin(every.class_id, keep)
        for part, whole in zip(found, every, strict=True):
            assert part.tolist() == whole[rows].tolist()


@pytest.mark.parametrize("keep", [(2,), (0, 2)])
def test_other_classes_are_not_looked_at(keep: tuple[int, ...]) -> None:
    r = np.random.default_rng(0)
    p = r.dirichlet(np.full(4, 0.5), 50).astype(np.float32)
    boxes = np.concatenate((x := r.uniform(0, 9, (50, 2)), x + 1), axis=1).astype(np.float32)
    for rule in RULES.values():
        assert set(select(p, boxes, rule, keep).class_id.tolist()) == set(keep)
