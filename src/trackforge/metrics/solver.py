"""The assignment solver of the metrics, which must also agree where several assignments are equally good.

The official evaluator leaves such ties to SciPy, so its choice is part of the numbers (two equal boxes in a frame are
enough for one). Where SciPy is installed it is used. Where not, lap solves, a check tells whether its answer is the
only one, and the rare frame with a tie goes through SciPy's own order of search, written out here.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["best_total", "solver"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Solver: TypeAlias = Callable[[Floats], tuple[Ints, Ints]]


@functools.cache
def solver() -> Solver:
    """Return a function from costs (N, M), <= 0, to rows and columns of the cheapest assignment.

    Pairs of cost 0 may be among them or not.
    """
    if importlib.util.find_spec("scipy"):
        solve: Solver = importlib.import_module("scipy.optimize").linear_sum_assignment
        return solve
    return solve_without_scipy


def solve_without_scipy(cost: Floats) -> tuple[Ints, Ints]:
    """Do as `scipy.optimize.linear_sum_assignment` on costs <= 0, apart from pairs of cost 0, with lap.

    Costs c are solved as c + r and as c - r, with small random r. If both give the same assignment A, then for every
    other B: c(A) + r(A) <= c(B) + r(B) and c(A) - r(A) <= c(B) - r(B); the sum of both says that A is cheapest, and
    a B just as cheap would need r(B) = r(A) to the last bit. If they differ there is, or nearly is, a tie.
    """
    real = cost < 0
    noise = np.random.default_rng(0).random(cost.shape) * (1e-9 * -cost.min(initial=0.0)) * real
    row, column = _lap(cost + noise, real)
    again_row, again_column = _lap(cost - noise, real)
    if np.array_equal(row, again_row) and np.array_equal(column, again_column):
        return row, column
    return shortest_augmenting_paths(cost)


def _lap(cost: Floats, real: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    lap: Any = importlib.import_module("lap")
    column = np.asarray(lap.lapjv(cost, extend_cost=True)[1], np.int64)
    row = np.flatnonzero(column >= 0)
    row = row[real[row, column[row]]]
    return row, column[row]


def shortest_augmenting_paths(cost: Floats) -> tuple[Ints, Ints]:
    """Return the cheapest assignment of min(N, M) pairs, among equals the one that SciPy's order of search meets.

    That order: rows one by one, the shorter side being rows; columns from the last to the first; of equally near
    columns the first met, or else the last that is free; a column that was visited gives its place to the last.

    Source: Crouse, "On Implementing 2D Rectangular Assignment Algorithms", IEEE TAES 52, 2016.
    """
    if cost.shape[0] > cost.shape[1]:
        found = shortest_augmenting_paths(cost.T)
        order = np.argsort(found[1])
        return found[1][order], found[0][order]
    costs: list[list[float]] = cost.tolist()
    rows, columns = cost.shape
    row_price, column_price = [0.0] * rows, [0.0] * columns
    row_of, column_of = [-1] * columns, [-1] * rows
    for start in range(rows):
        distance, came_from = [np.inf] * columns, [-1] * columns
        waiting, visited = list(range(columns - 1, -1, -1)), [start]
        reached: list[int] = []
        row, so_far, end = start, 0.0, -1
        while end < 0:
            nearest, best = np.inf, -1
            for place, column in enumerate(waiting):
                length = so_far + costs[row][column] - row_price[row] - column_price[column]
                if length < distance[column]:
                    distance[column], came_from[column] = length, row
                if distance[column] < nearest or (distance[column] == nearest and row_of[column] < 0):
                    nearest, best = distance[column], place
            so_far, column = nearest, waiting[best]
            reached.append(column)
            waiting[best] = waiting[-1]
            waiting.pop()
            if row_of[column] < 0:
                end = column
            else:
                row = row_of[column]
                visited.append(row)
        row_price[start] += so_far
        for row in visited[1:]:
            row_price[row] += so_far - distance[column_of[row]]
        for column in reached:
            column_price[column] -= so_far - distance[column]
        row = -1
        while row != start:
            row = came_from[end]
            row_of[end] = row
            column_of[row], end = end, column_of[row]
    return np.arange(rows), np.array(column_of, np.int64)


def best_total(row: Ints, column: Ints, weight: Ints) -> int:
    """Return the greatest total weight of a one-to-one matching, given the pairs that have weight > 0."""
    if not len(row):
        return 0
    rows, r = np.unique(row, return_inverse=True)
    columns, c = np.unique(column, return_inverse=True)
    cost = np.zeros((len(rows), len(columns)))
    cost[r, c] = -weight
    # every optimum has the same total, so lap needs no second thoughts here
    chosen = solver()(cost) if importlib.util.find_spec("scipy") else _lap(cost, cost < 0)
    return int(-cost[chosen].sum())
