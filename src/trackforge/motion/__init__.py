"""Motion models: where a box will be in the next frame, for all tracks at once.

Each model is a `trackforge.protocols.MotionModel`: pure functions on a state of plain float64 arrays.
`trackforge.motion.filterpy` lets any filter of filterpy serve as one; it is imported on demand.
"""

from __future__ import annotations

from trackforge.motion.xyah import KalmanXYAH, KalmanXYAHConfig
from trackforge.motion.xysr import KalmanXYSR, KalmanXYSRConfig
from trackforge.motion.xywh import KalmanXYWH, KalmanXYWHConfig

__all__ = ["KalmanXYAH", "KalmanXYAHConfig", "KalmanXYSR", "KalmanXYSRConfig", "KalmanXYWH", "KalmanXYWHConfig"]
