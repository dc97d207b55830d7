"""Centre and area at constant velocity, aspect ratio constant: the filter of SORT and OC-SORT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.motion.pairs import ConstantVelocity, Floats, Spread
from trackforge.protocols import MotionState

__all__ = ["KalmanXYSR", "KalmanXYSRConfig"]


@dataclass(frozen=True, kw_only=True)
class KalmanXYSRConfig:
    """Settings of `KalmanXYSR`; the defaults are the numbers of SORT, which OC-SORT took over.

    Variances, not standard deviations, because that is how they were published. They are absolute: the filter treats
    a box of 10 pixels and one of 1000 alike.
    """

    position_variance: float = setting(1.0, help="Process noise of the centre.", unit="px^2", minimum=0)
    area_variance: float = setting(1.0, help="Process noise of the area.", unit="px^4", minimum=0)
    aspect_variance: float = setting(1.0, help="Process noise of the aspect ratio.", unit="ratio^2", minimum=0)
    velocity_variance: float = setting(0.01, help="Process noise of the centre's velocity.", minimum=0)
    area_velocity_variance: float = setting(0.0001, help="Process noise of the area's velocity.", minimum=0)
    measured_position_variance: float = setting(1.0, help="Noise of a measured centre.", unit="px^2", minimum=0)
    measured_area_variance: float = setting(10.0, help="Noise of a measured area.", unit="px^4", minimum=0)
    measured_aspect_variance: float = setting(10.0, help="Noise of a measured ratio.", unit="ratio^2", minimum=0)
    initial_variance: float = setting(10.0, help="Initial uncertainty of centre, area and aspect ratio.", minimum=0)
    initial_velocity_variance: float = setting(10000.0, help="Initial uncertainty of the velocities.", minimum=0)
    aspect_epsilon: float = setting(
        0.0, help="Added to the height when the aspect ratio is measured; OC-SORT has 1e-6.", unit="px", minimum=0
    )
    stop_vanishing: bool = setting(True, help="Stop an area that would shrink to nothing.")
    score_noise: bool = setting(False, help="Trust boxes more the better their score: noise times 1 - score.")

    def __post_init__(self) -> None:
        check(self)

    @classmethod
    def sort(cls) -> KalmanXYSRConfig:
        """Return the numbers of SORT (Bewley et al., ICIP 2016)."""
        return cls()

    @classmethod
    def ocsort(cls) -> KalmanXYSRConfig:
        """Return the numbers of OC-SORT (Cao et al., CVPR 2023): SORT's, and a guard against boxes of height 0."""
        return cls(aspect_epsilon=1e-6)


class KalmanXYSR(ConstantVelocity):
    """Kalman filters on centre x, centre y, area and aspect ratio (width / height); batched, exact.

    Seven states: the aspect ratio has no velocity.

    Source: Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016, section 3.2, equation 1.
    """

    def __init__(self, config: KalmanXYSRConfig | None = None) -> None:
        self.config = c = config or KalmanXYSRConfig()
        start, speed = c.initial_variance, c.initial_velocity_variance
        centre, measured = c.position_variance, c.measured_position_variance
        # The aspect ratio is a pair whose velocity is 0 for certain, so nothing ever moves it.
        super().__init__(
            _fixed(start, start, start, start, speed, speed, speed, 0),
            _fixed(
                centre,
                centre,
                c.area_variance,
                c.aspect_variance,
                c.velocity_variance,
                c.velocity_variance,
                c.area_velocity_variance,
                0,
            ),
            _fixed(measured, measured, c.measured_area_variance, c.measured_aspect_variance, 0, 0, 0, 0),
            growth=(2, 0),
            score_noise=c.score_noise,
        )

    def measure(self, xyxy: Floats) -> Floats:
        """Turn boxes into centre, area and aspect ratio; a box of height 0 has aspect ratio 0."""
        out = np.empty(xyxy.shape)
        size = xyxy[:, 2:] - xyxy[:, :2]
        np.add(xyxy[:, :2], size / 2, out=out[:, :2])
        width, height = size[:, 0], size[:, 1]
        np.multiply(width, height, out=out[:, 2])
        if self.config.aspect_epsilon:
            height = height + self.config.aspect_epsilon
        if height.all():
            np.divide(width, height, out=out[:, 3])
        else:
            out[:, 3] = np.divide(width, height, out=np.zeros(len(out)), where=height > 0)
        return out

    def corners(self, position: Floats) -> Floats:
        """Turn centre, area and aspect ratio back into boxes; where one of these is not positive, a point."""
        half = np.empty((len(position), 2))
        area = position[:, 2]
        width = np.sqrt(np.maximum(area * position[:, 3], 0), out=half[:, 0])
        if width.all():
            np.divide(area, width, out=half[:, 1])
        else:
            half[:, 1] = np.divide(area, width, out=np.zeros(len(half)), where=width > 0)
        half *= 0.5
        out = np.empty((len(half), 4))
        np.subtract(position[:, :2], half, out=out[:, :2])
        np.add(position[:, :2], half, out=out[:, 2:])
        return out

    def predict(
        self, state: MotionState, /, *, dt: float = 1.0, coasting: npt.NDArray[np.bool_] | None = None
    ) -> MotionState:
        """Advance by ``dt`` frame intervals; areas that would become 0 or less stop changing. See the base class."""
        if self.config.stop_vanishing:
            filters = state[0]
            vanishing = filters[:, 0, 2] + dt * filters[:, 1, 2] <= 0
            if vanishing.any():
                filters = filters.copy()
                filters[vanishing, 1, 2] = 0
                state = (filters,)
        return super().predict(state, dt=dt, coasting=coasting)

    def dense(self, state: MotionState, /) -> tuple[Floats, Floats]:
        """Return means ``(N, 7)`` and covariances ``(N, 7, 7)``: x, y, area, ratio, then three velocities."""
        mean, covariance = super().dense(state)
        return mean[:, :7], covariance[:, :7, :7]


def _fixed(*variances: float) -> Spread:
    return Spread(None, np.array(variances, np.float64).reshape(2, 1, 4))
