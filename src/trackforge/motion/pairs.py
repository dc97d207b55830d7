"""The filter behind every motion model here: four independent (position, velocity) pairs a track.

The constant-velocity filters of the tracking literature keep an 8 x 8 covariance, yet each position interacts with its
own velocity only: transition, noise and measurement matrices are block diagonal, so the covariance stays block
diagonal for ever. Three numbers a pair hold all of it, and 8 x 8 algebra becomes a few elementwise operations on
``(N, 4)`` arrays. This is exact, not an approximation.

A state is one float64 array ``(N, 5, 4)``: for each track the planes *position*, *velocity*, *variance of position*,
*covariance*, *variance of velocity*, each with one number for each of the four measured quantities. In memory the
planes come first where possible (``(5, N, 4)`` behind a transposed view), so that each plane is contiguous.

Source: Kalman, "A New Approach to Linear Filtering and Prediction Problems", 1960; the block structure follows from
Wojke et al., "Simple Online and Realtime Tracking with a Deep Association Metric", ICIP 2017, section 2.1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.protocols import MotionState

__all__ = ["ConstantVelocity", "Spread"]

Floats = npt.NDArray[np.float64]
LEAST_DOUBT = 1e-6
LEAST_SQUARE = 1e-6
"""Square pixels below which a box's size no longer shrinks its noise; a box of height 0 must not divide by it."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Variances of the four positions, and of their four velocities: ``relative * size**2 + fixed``.

    Attributes:
        relative: ``(2, 1, 4)`` squared standard deviations per pixel of box size; None where nothing grows with size.
        fixed: ``(2, 1, 4)`` variances in the units of the state.
    """

    relative: Floats | None
    fixed: Floats

    @classmethod
    def from_std(cls, relative: tuple[float, ...] | None, fixed: tuple[float, ...]) -> Spread:
        """Make from eight standard deviations each: four positions, then four velocities."""
        squares = None if relative is None else np.square(np.array(relative, np.float64)).reshape(2, 1, 4)
        return cls(squares, np.square(np.array(fixed, np.float64)).reshape(2, 1, 4))


class ConstantVelocity(ABC):
    """N Kalman filters of four (position, velocity) pairs each; subclasses say what the positions mean.

    Process noise grows in proportion to ``dt``: position and velocity both do a random walk, whose variance adds up
    over time. At ``dt=1`` this is the published filter. Two half steps give the same mean and the same velocity
    variance as one whole step; the position variance differs only by what the velocity noise of the first half adds
    in the second (an eighth of its variance a frame).
    """

    def __init__(
        self,
        initial: Spread,
        process: Spread,
        measurement: Spread,
        *,
        size: slice | list[int] | None = None,
        frozen: slice | None = None,
        growth: tuple[int, int],
        score_noise: bool = False,
    ) -> None:
        """Set the noise.

        Args:
            initial: Uncertainty of new filters.
            process: What one frame adds.
            measurement: Uncertainty of a measured box.
            size: The one or four positions that noise is relative to, or None.
            frozen: The velocities that become 0 while a track has no detection, or None.
            growth: Powers of the image scale with which the last two positions grow; the first two are the centre.
            score_noise: Whether the noise of a measured box shrinks with its score, see `update`.
        """
        self._initial, self._process, self._measurement = initial, process, measurement
        self._size, self._frozen = size, frozen
        self._growth, self._score_noise = np.array(growth, np.float64), score_noise

    @abstractmethod
    def measure(self, xyxy: Floats) -> Floats:
        """Turn boxes into measurements, ``(N, 4)`` to ``(N, 4)``."""

    @abstractmethod
    def corners(self, position: Floats) -> Floats:
        """Turn measurements back into xyxy boxes, ``(N, 4)`` to ``(N, 4)``."""

    def initiate(self, xyxy: Floats, /) -> MotionState:
        """Start one filter a box, at rest; ``(N, 4)`` pixels."""
        z = self._checked(xyxy)
        out = np.zeros((5, len(z), 4))
        out[0] = z
        out[2::2] = self._noise(self._initial, z)
        return (out.transpose(1, 0, 2),)

    def predict(
        self, state: MotionState, /, *, dt: float = 1.0, coasting: npt.NDArray[np.bool_] | None = None
    ) -> MotionState:
        """Advance by ``dt`` frame intervals.

        Args:
            state: N filters.
            dt: Frame intervals to advance, ``>= 0``; fractions are fine.
            coasting: ``(N,)`` mask of the tracks without a detection in the last frame, or None for none.

        Raises:
            InvalidInputError: ``dt`` is negative or NaN.
        """
        if not dt >= 0:
            raise InvalidInputError(f"dt must be >= 0 frame intervals; got {dt}. Frames must come in order.")
        p, v, pp, pv, vv = planes = state[0].transpose(1, 0, 2)
        if coasting is not None and self._frozen is not None and coasting.any():
            v = v.copy()
            v[coasting, self._frozen] = 0
        noise = self._noise(self._process, p)
        out = np.empty(planes.shape)
        if dt == 1.0:  # the usual case, without a multiplication that changes nothing
            np.add(p, v, out=out[0])
            np.add(pv, vv, out=out[3])
            np.add(pv, out[3], out=out[2])
        else:
            noise = noise * dt
            np.add(p, v * dt, out=out[0])
            np.add(pv, vv * dt, out=out[3])
            np.multiply(pv + out[3], dt, out=out[2])
        out[1] = v
        out[2] += pp
        out[4] = vv
        out[2::2] += noise
        return (out.transpose(1, 0, 2),)

    def update(
        self, state: MotionState, xyxy: Floats, /, *, score: npt.NDArray[np.floating[Any]] | None = None
    ) -> MotionState:
        """Correct each filter with its own measured box.

        Args:
            state: N filters.
            xyxy: ``(N, 4)`` pixels.
            score: ``(N,)`` scores, 0..1. With the setting ``score_noise`` the variance of a box is multiplied with
                ``1 - score``; without it, or without scores, all boxes count alike.

        Raises:
            InvalidInputError: There is not one box a filter, or not one score a box.

        Source: Du et al., "GIAOTracker: A Comprehensive Framework for MCMOT with Global Information and Optimizing
        Strategies in VisDrone 2021", ICCVW 2021, section 3.2; Du et al., "StrongSORT: Make DeepSORT Great Again", IEEE
        Transactions on Multimedia 2023, equation 3 (NSA Kalman filter).
        """
        z = self._checked(xyxy)
        planes = state[0].transpose(1, 0, 2)
        if planes.shape[1] != len(z):
            raise InvalidInputError(f"update needs one box a filter; got {len(z)} boxes for {planes.shape[1]} filters.")
        p, _, pp, pv, vv = planes
        noise = self._measured(p, len(z), score)
        total = pp + noise
        gain = planes[2:4] / total
        out = np.empty(planes.shape)
        np.multiply(gain, z - p, out=out[:2])
        out[:2] += planes[:2]
        # P - K S K' written as P R / S: the same number without the cancellation
        np.multiply(planes[2:4], noise / total, out=out[2:4])
        np.subtract(vv, gain[1] * pv, out=out[4])
        return (out.transpose(1, 0, 2),)

    def warp(self, state: MotionState, affine: Floats, /) -> MotionState:
        """Carry filters over from the pixels of the last frame to those of this one, after the camera moved.

        The centre and its velocity are mapped. The size grows with the root of the area scale and keeps its shape,
        as cameras that turn, zoom and travel change it: a turn of the image leaves boxes upright, and a stretch in
        one direction counts by its mean. Composing two maps therefore equals their product.

        What a turn would make of horizontal and vertical variances that differ, their correlation, is left out; each
        keeps its exact variance. Where both are equal, as in `KalmanXYAH` and `KalmanXYSR`, and the map has one scale
        for all directions, nothing is left out: the result is exact. `KalmanXYWH` keeps the correlation where
        ``keep_correlation`` says so.

        Args:
            state: N filters.
            affine: ``(2, 3)`` takes ``(x, y, 1)`` of the last frame to ``(x, y)`` of this one.

        Raises:
            InvalidInputError: The map is none: another shape, not finite, or without area.

        Source: Aharon et al., "BoT-SORT", arXiv 2206.14651, section 3.2, equations 8 to 11, for the centre.
        """
        linear, shift, scale = _map(affine)
        planes = state[0].transpose(1, 0, 2)
        out = np.empty(planes.shape)
        np.matmul(planes[:2, :, :2], linear.T, out=out[:2, :, :2])
        out[0, :, :2] += shift
        np.matmul(planes[2:5, :, :2], np.square(linear).T, out=out[2:5, :, :2])
        growth = scale**self._growth
        out[:2, :, 2:] = planes[:2, :, 2:] * growth
        out[2:5, :, 2:] = planes[2:5, :, 2:] * np.square(growth)
        return (out.transpose(1, 0, 2),)

    def boxes(self, state: MotionState, /) -> Floats:
        """Return the estimated boxes, ``(N, 4)`` float64 xyxy pixels."""
        return self.corners(state[0][:, 0])

    def mahalanobis(self, state: MotionState, xyxy: Floats, /, *, position_only: bool = False) -> Floats:
        """Return squared Mahalanobis distances of M measured boxes to N filters, ``(N, M)``.

        The covariance is that of the predicted *measurement*: state plus measurement noise. Compare with quantiles of
        the chi-square distribution of four degrees of freedom (9.4877 for 95 %), or two with ``position_only``
        (5.9915), which looks at the first two quantities, the centre.
        """
        z = self._checked(xyxy)
        p, _, pp, _, _ = state[0].transpose(1, 0, 2)
        total = pp + self._measured(p, len(p), None)
        weight = 1 / total
        out, spare = np.empty((len(p), len(z))), np.empty((len(p), len(z)))
        for i in range(2 if position_only else 4):
            term = spare if i else out
            np.subtract(z[:, i], p[:, i, None], out=term)
            np.square(term, out=term)
            term *= weight[:, i, None]
            if i:
                out += term
        return out

    def dense(self, state: MotionState, /) -> tuple[Floats, Floats]:
        """Return means ``(N, 8)`` and covariances ``(N, 8, 8)``: four positions, then their velocities."""
        p, v, pp, pv, vv = state[0].transpose(1, 0, 2)
        covariance = np.zeros((len(p), 8, 8))
        i = np.arange(4)
        covariance[:, i, i] = pp
        covariance[:, i, i + 4] = covariance[:, i + 4, i] = pv
        covariance[:, i + 4, i + 4] = vv
        return np.concatenate((p, v), axis=1), covariance

    def _noise(self, spread: Spread, position: Floats) -> Floats:
        """Return variances of positions and velocities, ``(2, N, 4)``, or ``(2, 1, 4)`` where all are alike."""
        if self._size is None or spread.relative is None:
            return spread.fixed
        square = np.square(position[:, self._size])
        out = spread.relative * np.maximum(square, LEAST_SQUARE, out=square)
        out += spread.fixed
        return out

    def _measured(self, position: Floats, count: int, score: npt.NDArray[np.floating[Any]] | None) -> Floats:
        """Return the variances of measured boxes, ``(N, 4)``, or ``(1, 4)`` where all are alike."""
        noise: Floats = self._noise(self._measurement, position)[0]
        return noise * _doubt(score, count) if self._score_noise and score is not None else noise

    def _checked(self, xyxy: npt.ArrayLike) -> Floats:
        array = np.asarray(xyxy, np.float64)
        if array.ndim != 2 or array.shape[1] != 4:
            raise InvalidInputError(f"Boxes must have shape (N, 4), one row a filter; got {array.shape}.")
        return self.measure(array)


def _doubt(score: npt.ArrayLike, count: int) -> Floats:
    """Return the share of the noise that scores leave, ``(N, 1)``; never nothing, so that no variance becomes 0."""
    array = np.asarray(score, np.float64)
    if array.shape != (count,):
        raise InvalidInputError(f"score must have shape ({count},), one a box; got {array.shape}.")
    doubt: Floats = np.clip(1.0 - array, LEAST_DOUBT, 1.0)[:, None]
    return doubt


def _map(affine: npt.ArrayLike) -> tuple[Floats, Floats, float]:
    """Return the linear part ``(2, 2)``, the shift ``(2,)`` and the scale of lengths of an affine map."""
    array = np.asarray(affine, np.float64)
    scale = 0.0
    if array.shape == (2, 3) and np.isfinite(array).all():
        scale = float(abs(array[0, 0] * array[1, 1] - array[0, 1] * array[1, 0])) ** 0.5
    if not 0 < scale < np.inf:
        raise InvalidInputError(
            f"A camera's motion must be a finite (2, 3) array that keeps areas above 0; got {array.tolist()}. "
            "Use None for frames in which it is not known."
        )
    return array[:, :2], array[:, 2], scale
