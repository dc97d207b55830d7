"""Centre, aspect ratio and height at constant velocity: the filter of DeepSORT, JDE, FairMOT and ByteTrack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trackforge.config import check, setting
from trackforge.motion.pairs import ConstantVelocity, Floats, Spread

__all__ = ["KalmanXYAH", "KalmanXYAHConfig"]


@dataclass(frozen=True, kw_only=True)
class KalmanXYAHConfig:
    """Settings of `KalmanXYAH`; the defaults are the published numbers."""

    position_std: float = setting(0.05, help="Noise of centre and height.", unit="box heights", minimum=0)
    velocity_std: float = setting(0.00625, help="Noise of their velocities.", unit="box heights a frame", minimum=0)
    aspect_std: float = setting(0.01, help="Noise of the aspect ratio as it evolves.", unit="ratio", minimum=0)
    aspect_velocity_std: float = setting(1e-5, help="Noise of its velocity.", unit="ratio a frame", minimum=0)
    measured_aspect_std: float = setting(0.1, help="Noise of the measured aspect ratio.", unit="ratio", minimum=0)
    initial_position: float = setting(2.0, help="Initial uncertainty of position, in position_std.", minimum=0)
    initial_velocity: float = setting(10.0, help="Initial uncertainty of velocity, in velocity_std.", minimum=0)
    freeze_height_velocity: bool = setting(True, help="Keep the height of tracks without a detection.")
    score_noise: bool = setting(False, help="Trust boxes more the better their score: noise times 1 - score.")

    def __post_init__(self) -> None:
        check(self)


class KalmanXYAH(ConstantVelocity):
    """Kalman filters on centre x, centre y, aspect ratio (width / height) and height; batched, exact.

    Source: Wojke et al., ICIP 2017, section 2.1; numbers as in ifzhang/ByteTrack (MIT).
    """

    def __init__(self, config: KalmanXYAHConfig | None = None) -> None:
        self.config = c = config or KalmanXYAHConfig()
        position, velocity = c.position_std, c.velocity_std
        first, speed = c.initial_position * position, c.initial_velocity * velocity
        super().__init__(
            Spread.from_std(
                (first, first, 0, first, speed, speed, 0, speed),
                (0, 0, c.aspect_std, 0, 0, 0, c.aspect_velocity_std, 0),
            ),
            Spread.from_std(
                (position, position, 0, position, velocity, velocity, 0, velocity),
                (0, 0, c.aspect_std, 0, 0, 0, c.aspect_velocity_std, 0),
            ),
            Spread.from_std(
                (position, position, 0, position, 0, 0, 0, 0), (0, 0, c.measured_aspect_std, 0, 0, 0, 0, 0)
            ),
            size=slice(3, 4),
            frozen=slice(3, 4) if c.freeze_height_velocity else None,
            growth=(0, 1),
            score_noise=c.score_noise,
        )

    def measure(self, xyxy: Floats) -> Floats:
        """Turn boxes into centre, aspect ratio and height; a box of height 0 has aspect ratio 0."""
        out = np.empty(xyxy.shape)
        low, size = xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]
        np.add(low, size / 2, out=out[:, :2])
        width, height = size[:, 0], size[:, 1]
        if height.all():
            np.divide(width, height, out=out[:, 2])
        else:
            out[:, 2] = np.divide(width, height, out=np.zeros(len(out)), where=height > 0)
        out[:, 3] = height
        return out

    def corners(self, position: Floats) -> Floats:
        """Turn centre, aspect ratio and height back into boxes."""
        half = np.empty((len(position), 2))
        np.multiply(position[:, 3], 0.5, out=half[:, 1])
        np.multiply(position[:, 2], half[:, 1], out=half[:, 0])
        out = np.empty((len(half), 4))
        np.subtract(position[:, :2], half, out=out[:, :2])
        np.add(position[:, :2], half, out=out[:, 2:])
        return out
