"""Gated assignment against lap's own gate, SciPy, and every possibility tried."""

from __future__ import annotations

import itertools

import lap
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trackforge.assignment import assign
from trackforge.errors import InvalidInputError, MissingDependencyError

SOLVERS = ["auto", "lap", "scipy"]
shapes = st.tuples(st.integers(0, 9), st.integers(0, 9))
# Few values, so that ties are everywhere; many, so that there are none.
coarse = shapes.flatmap(lambda s: hnp.arrays(np.float64, s, elements=st.sampled_from([0, 0.25, 0.5, 0.75, 1, np.inf])))


def sparse(shape, seed, share):
    """Random costs of which a share is finite; no two are alike."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < share, rng.random(shape), np.inf)


fine = st.builds(sparse, shapes, st.integers(0, 2**32 - 1), st.floats(0, 1))


def total(cost, limit, rows, columns):
    return float((cost[rows, columns] - limit).sum())


def best_total(cost, limit):
    """The least possible sum of cost - limit, by trying everything; for small matrices."""
    n, m = cost.shape
    best = 0.0
    for k in range(1, min(n, m) + 1):
        for rows in itertools.combinations(range(n), k):
            for columns in itertools.permutations(range(m), k):
                picked = cost[list(rows), list(columns)]
                if (picked <= limit).all():
                    best = min(best, float((picked - limit).sum()))
    return best


def check_form(cost, limit, rows, columns):
    assert rows.dtype == columns.dtype == np.int64
    assert (np.diff(rows) > 0).all()
    assert len(set(columns.tolist())) == len(columns)
    assert (cost[rows, columns] <= limit).all()


@pytest.mark.parametrize("solver", SOLVERS)
@given(cost=st.one_of(coarse, fine), limit=st.sampled_from([0.0, 0.25, 0.5, 0.8, 2.0]))
def test_costs_what_lapjv_with_a_limit_costs(solver, cost, limit):
    rows, columns = assign(cost, limit, solver=solver)
    check_form(cost, limit, rows, columns)
    if not cost.size:
        return
    _, x, _ = lap.lapjv(np.where(np.isinf(cost), 1e5, cost), extend_cost=True, cost_limit=limit + 1e-15)
    official = np.flatnonzero(x >= 0)
    np.testing.assert_allclose(
        total(cost, limit, rows, columns), total(cost, limit, official, x[official]), rtol=0, atol=1e-9
    )


@given(cost=fine, limit=st.floats(0.01, 1.5))
def test_makes_the_pairs_that_lapjv_makes(cost, limit):
    """Without ties the optimum is unique: lap gated, lap ungated on our terms, and SciPy all find it."""
    rows, columns = assign(cost, limit)
    other = assign(cost, limit, solver="scipy")
    np.testing.assert_array_equal(rows, other[0])
    np.testing.assert_array_equal(columns, other[1])
    if cost.size:
        _, x, _ = lap.lapjv(np.where(np.isinf(cost), 1e5, cost), extend_cost=True, cost_limit=limit)
        np.testing.assert_array_equal(rows, np.flatnonzero(x >= 0))
        np.testing.assert_array_equal(columns, x[x >= 0])


@pytest.mark.parametrize("solver", SOLVERS)
@given(
    cost=hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.integers(-4, 8)),
    limit=st.integers(-3, 8),
)
def test_nothing_is_better(solver, cost, limit):
    rows, columns = assign(cost, limit, solver=solver)
    check_form(cost, limit, rows, columns)
    assert total(cost, limit, rows, columns) == pytest.approx(best_total(cost, limit))


@given(cost=st.one_of(coarse, fine))
def test_without_a_limit_as_many_pairs_as_possible(cost):
    rows, columns = assign(cost)
    check_form(cost, np.inf, rows, columns)
    assert np.isfinite(cost[rows, columns]).all()
    if cost.size:
        _, x, _ = lap.lapjv(np.where(np.isinf(cost), 1e5, cost), extend_cost=True)
        official = np.flatnonzero(x >= 0)
        picked = cost[official, x[official]]
        possible = np.isfinite(picked)
        assert len(rows) == possible.sum()
        assert cost[rows, columns].sum() == pytest.approx(picked[possible].sum())


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_pair_at_the_limit_is_made(solver):
    for cost in ([[0.5]], [[0.5, 0.9]], [[0.5], [0.6]], [[0.5, 0.5, 0.9]], [[0.5, 0.5], [0.5, 0.5]]):
        rows, columns = assign(np.array(cost), 0.5, solver=solver)
        assert len(rows) == min(np.shape(cost))
        assert (np.array(cost)[rows, columns] == 0.5).all()


def test_gating_is_part_of_the_optimisation():
    """Cutting off afterwards would pair 0-1 and 1-0 first and then lose one of them."""
    cost = np.array([[0.1, 0.3], [0.2, 1.0]])
    assert [a.tolist() for a in assign(cost, 0.9)] == [[0, 1], [1, 0]]
    assert [a.tolist() for a in assign(np.array([[0.0, 0.6], [0.45, 1.0]]), 0.5)] == [[0], [0]]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6, 1e12])
@pytest.mark.parametrize("limit", [0.7, np.inf])
def test_the_unit_of_cost_makes_no_difference(scale, limit):
    """lap takes any cost from a million on for infinity; nobody should notice."""
    cost = np.random.default_rng(3).random((30, 40))
    expected = assign(cost, limit)
    for solver in ("lap", "scipy"):
        np.testing.assert_array_equal(assign(cost * scale, limit * scale, solver=solver), expected)


@pytest.mark.parametrize("limit", [0.4, np.inf])
def test_crowded_and_sparse_paths_agree(monkeypatch, limit):
    from trackforge import assignment

    cost = np.random.default_rng(4).random((25, 20))
    crowded = assign(cost, limit)
    monkeypatch.setattr(assignment, "CROWDED", 10**6)
    np.testing.assert_array_equal(assign(cost, limit), crowded)


def test_a_large_scene_of_easy_and_contested_pairs():
    rng = np.random.default_rng(0)
    cost = np.full((120, 150), np.inf)
    for i in range(120):
        near = rng.integers(max(0, i - 3), min(150, i + 4), rng.integers(0, 5))
        cost[i, near] = rng.random(len(near))
    found = assign(cost, 0.7)
    _, x, _ = lap.lapjv(np.where(np.isinf(cost), 1e5, cost), extend_cost=True, cost_limit=0.7)
    np.testing.assert_array_equal(found[0], np.flatnonzero(x >= 0))
    np.testing.assert_array_equal(found[1], x[x >= 0])


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_empty(shape):
    for found in assign(np.empty(shape), 0.5):
        assert found.shape == (0,)
        assert found.dtype == np.int64


@pytest.mark.parametrize("wrong", [np.nan, -np.inf])
def test_refuses_costs_that_are_no_numbers(wrong):
    with pytest.raises(InvalidInputError, match="NaN or -inf"):
        assign(np.array([[0.1, np.inf], [wrong, 0.2]]), 0.5)


def test_refuses_what_is_no_matrix():
    with pytest.raises(InvalidInputError, match=r"\(N, M\)"):
        assign(np.zeros(3), 0.5)
    with pytest.raises(InvalidInputError, match="limit"):
        assign(np.zeros((3, 3)), float("nan"))


def test_the_arguments_stay_as_they_were():
    cost = np.random.default_rng(1).random((6, 5))
    cost.flags.writeable = False
    assign(cost, 0.5)


def test_scipy_steps_in_where_lap_is_absent(monkeypatch):
    import sys

    from trackforge import assignment

    cost = np.random.default_rng(2).random((6, 5))
    expected = assign(cost, 0.8)
    monkeypatch.setitem(sys.modules, "lap", None)
    assignment._solver.cache_clear()
    try:
        np.testing.assert_array_equal(assign(cost, 0.8), expected)
        with pytest.raises(MissingDependencyError, match="pip install lap"):
            assign(cost, 0.8, solver="lap")
        monkeypatch.setitem(sys.modules, "scipy.optimize", None)
        assignment._solver.cache_clear()
        with pytest.raises(MissingDependencyError, match="pip install lap"):
            assign(cost, 0.8)
    finally:
        assignment._solver.cache_clear()
