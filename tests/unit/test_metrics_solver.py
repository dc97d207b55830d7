"""The metrics' solver without SciPy makes SciPy's choices, ties included."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import linear_sum_assignment

from trackforge.metrics.solver import best_total, shortest_augmenting_paths, solve_without_scipy

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=8)
TIED = arrays.arrays(np.float64, SHAPES, elements=st.sampled_from([0.0, 0.0, -0.5, -1.0, -1.5, -1000.5]))
ANY = arrays.arrays(np.float64, SHAPES, elements=st.floats(-2, 0, allow_subnormal=False))


@settings(max_examples=400)
@given(cost=TIED | ANY)
def test_same_search_as_scipy(cost: npt.NDArray[np.float64]) -> None:
    ours, scipy = shortest_augmenting_paths(cost), linear_sum_assignment(cost)
    assert np.array_equal(ours[0], scipy[0])
    assert np.array_equal(ours[1], scipy[1])


@settings(max_examples=400)
@given(cost=TIED)
def test_lap_makes_the_same_choice_of_real_pairs(cost: npt.NDArray[np.float64]) -> None:
    chosen = []
    for row, column in (solve_without_scipy(cost), linear_sum_assignment(cost)):
        real = cost[row, column] < 0
        chosen.append(set(zip(row[real].tolist(), column[real].tolist(), strict=True)))
    assert chosen[0] == chosen[1]


@settings(max_examples=100)
@given(weight=arrays.arrays(np.int64, SHAPES, elements=st.integers(0, 9)))
def test_best_total(weight: npt.NDArray[np.int64]) -> None:
    row, column = np.nonzero(weight)
    best = linear_sum_assignment(weight, maximize=True)
    assert best_total(row, column, weight[row, column]) == weight[best].sum()
