"""Centre, width and height at constant velocity: the filter of BoT-SORT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trackforge.config import check, setting
from trackforge.motion.pairs import ConstantVelocity, Floats, Spread

__all__ = ["KalmanXYWH", "KalmanXYWHConfig"]


@dataclass(frozen=True, kw_only=True)
class KalmanXYWHConfig:
    """Settings of `KalmanXYWH`; the defaults are the published numbers."""

    position_std: float = setting(0.05, help="Noise of centre, width and height.", unit="box sizes", minimum=0)
    velocity_std: float = setting(0.00625, help="Noise of their velocities.", unit="box sizes a frame", minimum=0)
    initial_position: float = setting(2.0, help="Initial uncertainty of position, in position_std.", minimum=0)
    initial_velocity: float = setting(10.0, help="Initial uncertainty of velocity, in velocity_std.", minimum=0)
    freeze_size_velocity: bool = setting(True, help="Keep width and height of tracks without a detection.")
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
