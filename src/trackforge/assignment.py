"""Which row goes with which column: optimal assignment with a limit, gated inside the solver."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError, MissingDependencyError

__all__ = ["assign"]

Rows: TypeAlias = npt.NDArray[np.int64]
SolverName: TypeAlias = Literal["auto", "lap", "scipy"]
Solver: TypeAlias = Callable[[npt.NDArray[np.float64]], tuple[npt.NDArray[Any], npt.NDArray[Any]]]
CROWDED = 4
"""Candidates a row or column from which on it does not pay to look for pairs that compete with no other."""
LARGEST = 1e5
"""lap takes a million for infinity; greater numbers than this are scaled down before they get there."""
PREFERENCE = 1e-12
"""What a pair outside the limit costs more than one exactly at it, so that ties are broken towards more pairs."""


def assign(cost: npt.ArrayLike, limit: float = np.inf, *, solver: SolverName = "auto") -> tuple[Rows, Rows]:
    """Choose pairs so that the sum of ``cost - limit`` over them is least; none may cost more than ``limit``.

    This is the problem that ``lap.lapjv(cost, extend_cost=True, cost_limit=limit)`` solves: staying alone costs half
    the limit on either side, so a pair is worth making exactly where it is cheaper than two lonely ends, and the gate
    takes part in the optimisation instead of cutting pairs off afterwards. A pair *at* the limit costs as much as
    leaving both alone; it is made, as lapjv does wherever such a pair competes with no other. Without a limit, as many
    pairs as possible are made, the cheapest such set.

    Pairs that are each other's only candidates need no solver, which in ordinary scenes is most of them.

    Args:
        cost: ``(N, M)``, ``inf`` for pairs that must not be; negative costs are fine.
        limit: Greatest cost of a pair.
        solver: ``"lap"`` (Jonker-Volgenant), ``"scipy"``, or ``"auto"``: lap where it is installed. Both find the
            optimum; only where several are equally good may they choose differently.

    Returns:
        Rows and columns of the pairs, both ``(K,)`` int64, rows ascending.

    Raises:
        InvalidInputError: The cost is not a matrix, or contains NaN or minus infinity; or the limit is NaN.
        MissingDependencyError: The solver is not installed.

    Source: Jonker and Volgenant, "A Shortest Augmenting Path Algorithm", Computing 38, 1987; Crouse, "On Implementing
    2D Rectangular Assignment Algorithms", IEEE TAES 52, 2016 (SciPy).
    """
    matrix = np.asarray(cost, np.float64)
    if matrix.ndim != 2:
        raise InvalidInputError(f"cost must have shape (N, M); got {matrix.shape}.")
    if limit != limit:
        raise InvalidInputError("limit must be a number; got NaN.")
    if not matrix.size:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    if not matrix.min() > -np.inf:  # the least of numbers with a NaN among them is NaN
        raise InvalidInputError(
            "Costs must be numbers or +inf; got NaN or -inf. Look for boxes or embeddings that are not finite."
        )
    candidate = matrix <= limit if limit < np.inf else np.isfinite(matrix)
    if np.count_nonzero(candidate) > CROWDED * sum(matrix.shape):
        return _solve(matrix, limit, _solver(solver))
    # of the flat array, since NumPy looks for what is true in a matrix ten times as slowly
    rows, columns = np.divmod(np.flatnonzero(candidate), matrix.shape[1])
    if len(rows) < 2:
        return rows.astype(np.int64, copy=False), columns.astype(np.int64, copy=False)
    in_row, in_column = np.bincount(rows, minlength=matrix.shape[0]), np.bincount(columns, minlength=matrix.shape[1])
    alone = (in_row[rows] == 1) & (in_column[columns] == 1)
    if alone.all():
        return rows.astype(np.int64, copy=False), columns.astype(np.int64, copy=False)
    in_row[rows[alone]] = 0
    in_column[columns[alone]] = 0
    some_rows, some_columns = np.flatnonzero(in_row), np.flatnonzero(in_column)
    r, c = _solve(matrix[some_rows[:, None], some_columns], limit, _solver(solver))
    rows = np.concatenate((rows[alone], some_rows[r]))
    columns = np.concatenate((columns[alone], some_columns[c]))
    order = rows.argsort()
    return rows[order], columns[order]


def _solve(cost: npt.NDArray[np.float64], limit: float, solver: Solver) -> tuple[Rows, Rows]:
    """Solve a block; rows of the result ascend."""
    if limit == np.inf:
        finite = cost[np.isfinite(cost)]
        least, greatest = finite.min(), finite.max()
        # dear enough that no saving elsewhere pays for a pair that is not made
        limit = float(greatest + (greatest - least or 1.0) * (min(cost.shape) + 1))
    gain = cost - limit
    good = gain <= 0
    largest = float(-gain.min())
    gain[~good] = PREFERENCE * (max(abs(limit), largest) or 1.0)
    if largest > LARGEST:
        gain *= LARGEST / largest
    rows, columns = solver(gain)
    kept = good[rows, columns]
    return rows[kept].astype(np.int64, copy=False), columns[kept].astype(np.int64, copy=False)


@functools.cache
def _solver(name: str) -> Solver:
    if name in ("auto", "lap"):
        try:
            import lap  # type: ignore[import-untyped]
        except ImportError as error:
            if name == "lap":
                raise MissingDependencyError("The solver 'lap' is not installed; run: pip install lap") from error
        else:
            return functools.partial(_jonker_volgenant, lap.lapjv)
    try:
        from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError(
            "Assignment needs lap, or scipy in its place; neither is installed. Run: pip install lap"
        ) from error
    return linear_sum_assignment  # type: ignore[no-any-return]


def _jonker_volgenant(
    lapjv: Callable[..., Any], cost: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    n, m = cost.shape
    square = cost
    if n != m:  # padding with a constant: what is left over has to go somewhere, at no difference in cost
        square = np.zeros((max(n, m),) * 2)
        square[:n, :m] = cost
    _, column, _ = lapjv(square)
    column = column[:n]
    rows = np.flatnonzero(column < m)
    return rows, column[rows]
