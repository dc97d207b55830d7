"""Any filter of filterpy as a motion model: Kalman, extended, unscented, interacting multiple models.

The state stays in plain arrays, so that tracks are selected, saved and pickled like those of every other model. One
filter object a call serves as the workbench on which each track is put in turn; that makes this a tool for trying
filters out, not for speed (about 50 us a track and step, where `trackforge.motion.KalmanXYAH` needs 0.5).

>>> import numpy as np
>>> def constant_velocity():
...     from filterpy.kalman import KalmanFilter
...     f = KalmanFilter(dim_x=8, dim_z=4)
...     f.F[:4, 4:] = f.H[:, :4] = np.eye(4)
...     f.P *= 100
...     return f
>>> motion = FilterpyMotion(constant_velocity, box="xywh")

filterpy (MIT) is not imported here: the factory does that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.motion.pairs import ConstantVelocity, Floats
from trackforge.motion.xyah import KalmanXYAH
from trackforge.motion.xysr import KalmanXYSR
from trackforge.motion.xywh import KalmanXYWH
from trackforge.protocols import MotionState

__all__ = ["FilterpyMotion"]

Filter: TypeAlias = Any
"""A KalmanFilter, ExtendedKalmanFilter, UnscentedKalmanFilter or IMMEstimator; anything with their attributes."""
BoxForm: TypeAlias = Literal["xyah", "xywh", "xysr", "xyxy"]
_FORMS: dict[str, Callable[[], ConstantVelocity]] = {"xyah": KalmanXYAH, "xywh": KalmanXYWH, "xysr": KalmanXYSR}


def start_at_rest(f: Filter, z: Floats) -> None:
    """Write the measurement into the first states; the others and the covariance stay as the factory made them."""
    flat = np.array(f.x, np.float64).reshape(-1)
    flat[: len(z)] = z
    f.x = flat.reshape(np.shape(f.x))


def advance(f: Filter, dt: float) -> None:
    """Predict once a whole frame interval, and once more for a fraction that is left.

    For the fraction, process noise is scaled by it; an unscented filter gets it as its time step, of any other the
    transition matrix is raised to that power, which is exact for linear motion.
    """
    for _ in range(int(dt)):
        f.predict()
    rest = dt - int(dt)
    if not rest:
        return
    before = [(member, {name: getattr(member, name, None) for name in ("F", "Q")}) for member in _members(f)]
    for member, matrices in before:
        member.Q = np.asarray(matrices["Q"]) * rest
        if matrices["F"] is not None:
            member.F = _power(matrices["F"], rest)
    if hasattr(f, "points_fn"):
        f.predict(dt=rest * f._dt)
    else:
        f.predict()
    for member, matrices in before:  # the workbench goes on to the next track
        for name, matrix in matrices.items():
            if matrix is not None:
                setattr(member, name, matrix)


def _power(matrix: npt.ArrayLike, exponent: float) -> Floats:
    from scipy.linalg import fractional_matrix_power  # type: ignore[import-untyped]  # filterpy needs SciPy as well

    return np.real(fractional_matrix_power(np.asarray(matrix, np.float64), exponent))


def correct_plainly(f: Filter, z: Floats) -> None:
    """Call ``update`` with the measurement in the shape of the filter's state."""
    f.update(z if np.ndim(_members(f)[0].x) == 1 else z[:, None])


class FilterpyMotion:
    """A `trackforge.protocols.MotionModel` made of filterpy filters.

    A state is three arrays: means ``(N, F, S)``, covariances ``(N, F, S, S)`` and weights ``(N, F)`` of the F filters
    of an IMMEstimator; F is 1 for every other kind.

    Args:
        make_filter: Returns a new filter with all its matrices set. It must measure four numbers (``dim_z=4``) unless
            ``measure`` says otherwise.
        box: What the first four states are: ``"xyah"`` centre, aspect ratio and height; ``"xywh"`` centre, width and
            height; ``"xysr"`` centre, area and aspect ratio; ``"xyxy"`` corners.
        measure: Turns boxes ``(N, 4)`` xyxy into measurements ``(N, Z)``; in place of ``box``.
        corners: Turns means ``(N, S)`` into boxes ``(N, 4)`` xyxy; in place of ``box``.
        start: ``start(filter, z)`` sets a new filter (each one of an IMMEstimator) to its first measurement ``(Z,)``.
        advance: ``advance(filter, dt)`` predicts by ``dt`` frame intervals, where motion is not linear or noise does
            not grow in proportion to time.
        correct: ``correct(filter, z)`` updates with a measurement ``(Z,)``. An ExtendedKalmanFilter needs one that
            passes its Jacobian: ``lambda f, z: f.update(z[:, None], jacobian, h)``.

    To be pickled, the functions must be importable, not lambdas.

    Raises:
        InvalidInputError: ``make_filter`` returns something that is no filter, or only one of ``measure`` and
            ``corners`` is given.
    """

    def __init__(
        self,
        make_filter: Callable[[], Filter],
        *,
        box: BoxForm = "xyah",
        measure: Callable[[Floats], Floats] | None = None,
        corners: Callable[[Floats], Floats] | None = None,
        start: Callable[[Filter, Floats], None] = start_at_rest,
        advance: Callable[[Filter, float], None] = advance,
        correct: Callable[[Filter, Floats], None] = correct_plainly,
    ) -> None:
        if (measure is None) != (corners is None):
            raise InvalidInputError("measure and corners go together; got one of them. Give both, or use box.")
        if box != "xyxy" and box not in _FORMS:
            raise InvalidInputError(f"box must be one of xyxy, {', '.join(_FORMS)}; got {box!r}.")
        self._make, self._start, self._advance, self._correct = make_filter, start, advance, correct
        form = _FORMS[box]() if box in _FORMS else None
        self._measure = measure or (form.measure if form else np.array)
        self._corners = corners
        self._corners_of_four = form.corners if form else np.array
        for f in _members(make_filter()):
            if not all(hasattr(f, name) for name in ("x", "P", "predict", "update")):
                raise InvalidInputError(
                    f"make_filter must return a filterpy filter with x, P, predict and update; got {type(f).__name__}."
                )

    def initiate(self, xyxy: Floats, /) -> MotionState:
        """Start one filter a box; ``(N, 4)`` pixels."""
        measured = self._measure(_checked(xyxy))
        state = self._empty(len(measured))
        for i, z in enumerate(measured):
            bench = self._make()  # a new one each: start may change what the next must not see
            for f in _members(bench):
                self._start(f, z)
            _unload(bench, state, i)
        return state

    def predict(
        self, state: MotionState, /, *, dt: float = 1.0, coasting: npt.NDArray[np.bool_] | None = None
    ) -> MotionState:
        """Advance by ``dt`` frame intervals; ``coasting`` makes no difference to these filters.

        Raises:
            InvalidInputError: ``dt`` is negative or NaN.
        """
        del coasting
        if not dt >= 0:
            raise InvalidInputError(f"dt must be >= 0 frame intervals; got {dt}. Frames must come in order.")
        out = self._empty(len(state[0]))
        for i, bench in enumerate(self._loaded(state)):
            self._advance(bench, dt)
            _unload(bench, out, i)
        return out

    def update(
        self, state: MotionState, xyxy: Floats, /, *, score: npt.NDArray[np.floating[Any]] | None = None
    ) -> MotionState:
        """Correct each filter with its own measured box; ``(N, 4)`` pixels; ``score`` makes no difference."""
        del score
        measured = self._measure(_checked(xyxy))
        if len(measured) != len(state[0]):
            raise InvalidInputError(
                f"update needs one box a filter; got {len(measured)} boxes for {len(state[0])} filters."
            )
        out = self._empty(len(measured))
        for i, bench in enumerate(self._loaded(state)):
            self._correct(bench, measured[i])
            _unload(bench, out, i)
        return out

    def boxes(self, state: MotionState, /) -> Floats:
        """Return the estimated boxes, ``(N, 4)`` float64 xyxy pixels."""
        mean = np.einsum("nf,nfs->ns", state[2], state[0])
        return np.asarray(self._corners(mean) if self._corners else self._corners_of_four(mean[:, :4]), np.float64)

    def mahalanobis(self, state: MotionState, xyxy: Floats, /, *, position_only: bool = False) -> Floats:
        """Return squared Mahalanobis distances of M measured boxes to N filters, ``(N, M)``.

        The filter itself says what it expects to measure and how surely, through the residual ``y`` and the covariance
        ``S`` that it leaves behind after an update; for several models, those of their mixture.
        """
        measured = self._measure(_checked(xyxy))
        out = np.empty((len(state[0]), len(measured)))
        if not out.size:
            return out
        used = slice(0, 2 if position_only else None)
        for i, bench in enumerate(self._loaded(state)):
            self._correct(bench, measured[0])
            members = _members(bench)
            expected = np.stack([measured[0] - np.asarray(f.y, np.float64).reshape(-1) for f in members])
            weight = state[2][i]
            mean = weight @ expected
            apart = expected - mean
            spread = sum(w * (np.asarray(f.S) + np.outer(a, a)) for w, f, a in zip(weight, members, apart, strict=True))
            difference = (measured - mean)[:, used]
            out[i] = np.einsum("mz,zm->m", difference, np.linalg.solve(spread[used, used], difference.T))
        return out

    def dense(self, state: MotionState, /) -> tuple[Floats, Floats]:
        """Return means ``(N, S)`` and covariances ``(N, S, S)``; of several models, those of their mixture."""
        x, p, weight = state
        mean = np.einsum("nf,nfs->ns", weight, x)
        apart = x - mean[:, None]
        return mean, np.einsum("nf,nfst->nst", weight, p + apart[..., None] * apart[..., None, :])

    def _empty(self, count: int) -> MotionState:
        members = _members(self._make())
        shape, size = (count, len(members)), np.size(members[0].x)
        return np.empty((*shape, size)), np.empty((*shape, size, size)), np.ones(shape)

    def _loaded(self, state: MotionState) -> Iterator[Filter]:
        """Yield a filter that stands where each track stands, in turn; always the same object."""
        bench = self._make() if len(state[0]) else None
        for x, p, weight in zip(*state, strict=True):
            _load(bench, x, p, weight)
            yield bench


def _members(f: Filter) -> list[Filter]:
    """Return the filters inside an IMMEstimator, or the filter itself."""
    return list(f.filters) if hasattr(f, "filters") and hasattr(f, "mu") else [f]


def _load(bench: Filter, x: Floats, p: Floats, weight: Floats) -> None:
    members = _members(bench)
    for f, mean, covariance in zip(members, x, p, strict=True):
        f.x, f.P = mean.reshape(np.shape(f.x)).copy(), covariance.copy()
        if hasattr(f, "points_fn"):  # an unscented filter corrects with the points that its last prediction left
            f.sigmas_f = f.points_fn.sigma_points(f.x, f.P)
    if members[0] is not bench:
        bench.mu = weight.copy()
        bench.cbar = weight @ bench.M
        bench.omega = bench.M * weight[:, None] / bench.cbar
        bench.x = sum(w * f.x for w, f in zip(weight, members, strict=True))


def _unload(bench: Filter, state: MotionState, row: int) -> None:
    members = _members(bench)
    for j, f in enumerate(members):
        state[0][row, j] = np.asarray(f.x, np.float64).reshape(-1)
        state[1][row, j] = f.P
    if members[0] is not bench:
        state[2][row] = bench.mu


def _checked(xyxy: npt.ArrayLike) -> Floats:
    array = np.asarray(xyxy, np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise InvalidInputError(f"Boxes must have shape (N, 4), one row a filter; got {array.shape}.")
    return array
