"""Constant-velocity filters on the ground, two coordinates of N tracks at once, and their smoothing.

A state is ``(place (N, 2), velocity (N, 2), spread (N, 2, 3))``, in metres, and seconds; the spread of a coordinate is
var(place), cov(place, velocity), var(velocity). Coordinates are filtered apart, along axes in which the camera's errors
are independent (`trackforge.analytics.ground`). Source: Kalman, 1960; Rauch, Tung and Striebel, AIAA Journal 3, 1965.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["State", "correct", "predict", "smooth"]

Floats: TypeAlias = npt.NDArray[np.float64]
State: TypeAlias = tuple[Floats, Floats, Floats]


def predict(state: State, dt: Floats, power: float) -> State:
    """Go on by ``dt`` ``(N,)`` seconds; ``power`` is the density of white acceleration, m²/s³."""
    place, velocity, spread = state
    step = dt[:, None]
    pp, pv, vv = spread[..., 0], spread[..., 1], spread[..., 2]
    ahead = np.empty_like(spread)
    ahead[..., 0] = pp + step * (2 * pv + step * (vv + power * step / 3))
    ahead[..., 1] = pv + step * (vv + power * step / 2)
    ahead[..., 2] = vv + power * step
    return place + step * velocity, velocity, ahead


def correct(state: State, seen: Floats, noise: Floats) -> State:
    """Take in where tracks are seen ``(N, 2)``, of variance ``noise`` ``(N, 2)``."""
    place, velocity, spread = state
    pp, pv, vv = spread[..., 0], spread[..., 1], spread[..., 2]
    total = pp + noise
    by_place, by_velocity = pp / total, pv / total
    off = seen - place
    after = np.empty_like(spread)
    after[..., 0] = by_place * noise
    after[..., 1] = by_velocity * noise
    after[..., 2] = vv - by_velocity * pv
    return place + by_place * off, velocity + by_velocity * off, after


def smooth(state: State, later: State, dt: Floats, power: float) -> State:
    """Return filtered states in the light of the smoothed ones ``dt`` ``(N,)`` seconds later."""
    place, velocity, spread = state
    step = dt[:, None]
    ahead_place, ahead_velocity, ahead = predict(state, dt, power)
    pp, pv, vv = spread[..., 0], spread[..., 1], spread[..., 2]
    a, b, c = ahead[..., 0], ahead[..., 1], ahead[..., 2]
    # the gain is P F' / ahead: P F' = [[pp + pv dt, pv], [pv + vv dt, vv]], the inverse of a symmetric 2 x 2 in full
    across = a * c - b * b
    m11, m12, m21, m22 = pp + pv * step, pv, pv + vv * step, vv
    g11, g12 = (m11 * c - m12 * b) / across, (m12 * a - m11 * b) / across
    g21, g22 = (m21 * c - m22 * b) / across, (m22 * a - m21 * b) / across
    off_place, off_velocity = later[0] - ahead_place, later[1] - ahead_velocity
    d11, d12, d22 = (later[2][..., k] - ahead[..., k] for k in range(3))
    after = np.empty_like(spread)
    after[..., 0] = pp + g11 * (g11 * d11 + 2 * g12 * d12) + g12 * g12 * d22
    after[..., 1] = pv + g11 * (g21 * d11 + g22 * d12) + g12 * (g21 * d12 + g22 * d22)
    after[..., 2] = vv + g21 * (g21 * d11 + 2 * g22 * d12) + g22 * g22 * d22
    return (
        place + g11 * off_place + g12 * off_velocity,
        velocity + g21 * off_place + g22 * off_velocity,
        after,
    )
