"""Which points lie in a polygon."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError

__all__ = ["area", "check_polygon", "inside"]

Floats: TypeAlias = npt.NDArray[np.float64]


def inside(points: Floats, polygon: Floats) -> npt.NDArray[np.bool_]:
    """Return which points are in a polygon, by the number of its edges to their right: odd is inside.

    Args:
        points: ``(..., 2)``.
        polygon: ``(P, 2)`` corners in order; it may be of any shape. Where it crosses itself, what lies in two of its
            parts is outside.

    Source: Shimrat, Communications of the ACM 5, 1962.
    """
    x, y = points[..., 0, None], points[..., 1, None]
    (x1, y1), (x2, y2) = polygon.T, np.roll(polygon, -1, axis=0).T
    spans = (y1 > y) != (y2 > y)
    height = np.where(y1 == y2, 1.0, y2 - y1)  # level edges span nothing
    right = spans & (x < x1 + (y - y1) * ((x2 - x1) / height))
    odd: npt.NDArray[np.bool_] = np.logical_xor.reduce(right, axis=-1)
    return odd


def area(polygon: Floats) -> float:
    """Return the area of a polygon ``(P, 2)`` that does not cross itself; below 0 where it turns to the left."""
    x, y = (polygon - polygon.mean(axis=0)).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def check_polygon(setting: str, name: str, polygon: Floats) -> None:
    """Refuse a polygon in which nothing can be.

    Raises:
        ConfigError: Its corners are all on one line.
    """
    spread = np.linalg.svd(polygon - polygon.mean(axis=0), compute_uv=False)
    if spread[1] <= 1e-9 * max(float(spread[0]), 1e-300):
        raise ConfigError(
            f"{setting}: {name!r} must be an area; its corners are all on one line: {polygon.tolist()}. Move one."
        )
