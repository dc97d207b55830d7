"""Centre, width and height at constant velocity: the filter of BoT-SORT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.motion import coupling
from trackforge.motion.pairs import ConstantVelocity, Floats, Spread
from trackforge.protocols import MotionState

__all__ = ["KalmanXYWH", "KalmanXYWHConfig"]


@dataclass(frozen=True, kw_only=True)
class KalmanXYWHConfig:
    """Settings of `KalmanXYWH`; the defaults are the published numbers."""

    position_std: float = setting(0.05, help="Noise of centre, width and height.", unit="box sizes", minimum=0)
    velocity_std: float = setting(0.00625, help="Noise of their velocities.", unit="box sizes a frame", minimum=0)
    initial_position: float = setting(2.0, help="Initial uncertainty of position, in position_std.", minimum=0)
    initial_velocity: float = setting(10.0, help="Initial uncertainty of velocity, in velocity_std.", minimum=0)
    freeze_size_velocity: bool = setting(True, help="Keep width and height of tracks without a detection.")
    keep_correlation: bool = setting(
        False, help="After a camera has turned, keep how x and y hang together: exact, and slower."
    )
    score_noise: bool = setting(False, help="Trust boxes more the better their score: noise times 1 - score.")

    def __post_init__(self) -> None:
        check(self)


class KalmanXYWH(ConstantVelocity):
    """Kalman filters on centre x, centre y, width and height; batched, exact.

    Horizontal noise is relative to the width, vertical noise to the height.

    Source: Aharon et al., "BoT-SORT: Robust Associations Multi-Pedestrian Tracking", arXiv 2206.14651, section 3.1,
    equations 1 to 7.
    """

    def __init__(self, config: KalmanXYWHConfig | None = None) -> None:
        self.config = c = config or KalmanXYWHConfig()
        nothing = (0.0,) * 8
        position, velocity = (c.position_std,) * 4, (c.velocity_std,) * 4
        first, speed = (c.initial_position * c.position_std,) * 4, (c.initial_velocity * c.velocity_std,) * 4
        super().__init__(
            Spread.from_std(first + speed, nothing),
            Spread.from_std(position + velocity, nothing),
            Spread.from_std(position + nothing[:4], nothing),
            size=[2, 3, 2, 3],
            frozen=slice(2, 4) if c.freeze_size_velocity else None,
            growth=(1, 1),
            score_noise=c.score_noise,
        )

    def initiate(self, xyxy: Floats, /) -> MotionState:
        """Start one filter a box, at rest; ``(N, 4)`` pixels."""
        state = super().initiate(xyxy)
        return (*state, np.zeros((len(state[0]), 4))) if self.config.keep_correlation else state

    def predict(
        self, state: MotionState, /, *, dt: float = 1.0, coasting: npt.NDArray[np.bool_] | None = None
    ) -> MotionState:
        """Advance by ``dt`` frame intervals; see the base class."""
        moved = super().predict(state, dt=dt, coasting=coasting)
        if not self.config.keep_correlation:
            return moved
        step = np.array([[1.0, dt], [0.0, 1.0]])
        return (*moved, (step @ state[1].reshape(-1, 2, 2) @ step.T).reshape(-1, 4))

    def update(
        self, state: MotionState, xyxy: Floats, /, *, score: npt.NDArray[np.floating[Any]] | None = None
    ) -> MotionState:
        """Correct each filter with its own measured box; see the base class."""
        corrected = super().update(state, xyxy, score=score)
        if not self.config.keep_correlation:
            return corrected
        z = self._checked(xyxy)
        centre, cross = coupling.corrected(state[0], state[1], z, self._measured(state[0][:, 0], len(z), score))
        corrected[0][:, :, :2] = centre
        return (*corrected, cross)

    def warp(self, state: MotionState, affine: Floats, /) -> MotionState:
        """Carry filters over to this frame's pixels; exact with ``keep_correlation``. See the base class."""
        warped = super().warp(state, affine)
        if not self.config.keep_correlation:
            return warped
        more, cross = coupling.turned(state[0], state[1], np.asarray(affine, np.float64)[:, :2])
        warped[0][:, 2:, :2] += more
        return (*warped, cross)

    def mahalanobis(self, state: MotionState, xyxy: Floats, /, *, position_only: bool = False) -> Floats:
        """Return squared Mahalanobis distances of M measured boxes to N filters, ``(N, M)``; see the base class."""
        if not self.config.keep_correlation:
            return super().mahalanobis(state, xyxy, position_only=position_only)
        noise = self._measured(state[0][:, 0], len(state[0]), None)
        out = coupling.distances(state[0], state[1], self._checked(xyxy), noise)
        if position_only:
            return out
        centre = super().mahalanobis(state, xyxy, position_only=True)
        return out + (super().mahalanobis(state, xyxy) - centre)

    def dense(self, state: MotionState, /) -> tuple[Floats, Floats]:
        """Return means ``(N, 8)`` and covariances ``(N, 8, 8)``: four positions, then their velocities."""
        mean, covariance = super().dense(state)
        if self.config.keep_correlation:
            coupling.put_into(covariance, state[1])
        return mean, covariance

    def measure(self, xyxy: Floats) -> Floats:
        """Turn boxes into centre, width and height."""
        out = np.empty(xyxy.shape)
        size = np.subtract(xyxy[:, 2:], xyxy[:, :2], out=out[:, 2:])
        np.add(xyxy[:, :2], size / 2, out=out[:, :2])
        return out

    def corners(self, position: Floats) -> Floats:
        """Turn centre, width and height back into boxes."""
        half = position[:, 2:] * 0.5
        out = np.empty((len(half), 4))
        np.subtract(position[:, :2], half, out=out[:, :2])
        np.add(position[:, :2], half, out=out[:, 2:])
        return out
