"""How the horizontal and the vertical motion of a box hang together after a camera has turned.

A filter of independent pairs (`trackforge.motion.pairs`) has no room for it: where horizontal and vertical variances
differ, a turn of the image makes them depend on each other. Four numbers a track hold what comes in: the covariances of
x with y, x with y's velocity, x's velocity with y, and of both velocities; ``(N, 4)``, read as ``(N, 2, 2)``. With the
pairs they make the 4 x 4 covariance of the centre and its velocity. Sizes stay out of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["corrected", "distances", "put_into", "turned"]

Floats = npt.NDArray[np.float64]
PLACE = [0, 4, 1, 5]
"""Where x, its velocity, y and its velocity stand in a dense state of four positions and four velocities."""


def corrected(pairs: Floats, cross: Floats, z: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Correct centres with measured ones.

    Args:
        pairs: ``(N, 5, 4)`` the filters before.
        cross: ``(N, 4)`` what is between x and y.
        z: ``(N, 4)`` measurements; the first two count.
        noise: ``(N, 4)``, or ``(1, 4)``, variances of the measurement.

    Returns:
        The planes of x and y, ``(N, 5, 2)``, and what is between them, ``(N, 4)``.
    """
    covariance, mean = _joint(pairs, cross), pairs[:, :2, :2].transpose(0, 2, 1).reshape(-1, 4)
    seen = covariance[:, :, ::2]  # with x and y themselves
    expected = seen[:, ::2] + np.eye(2) * noise[:, None, :2]
    gain = np.linalg.solve(expected, seen.transpose(0, 2, 1)).transpose(0, 2, 1)
    mean = mean + np.einsum("nij,nj->ni", gain, z[:, :2] - mean[:, ::2])
    covariance = covariance - gain @ seen.transpose(0, 2, 1)
    out = np.empty((len(pairs), 5, 2))
    out[:, :2] = mean.reshape(-1, 2, 2).transpose(0, 2, 1)
    for i in range(2):
        block = covariance[:, 2 * i : 2 * i + 2, 2 * i : 2 * i + 2]
        out[:, 2, i], out[:, 3, i], out[:, 4, i] = block[:, 0, 0], block[:, 0, 1], block[:, 1, 1]
    return out, covariance[:, :2, 2:].reshape(-1, 4)


def turned(pairs: Floats, cross: Floats, linear: Floats) -> tuple[Floats, Floats]:
    """Map centres: what comes to their variances, ``(N, 3, 2)``, from ``cross``, and the new ``cross``.

    Args:
        pairs: ``(N, 5, 4)`` the filters before.
        cross: ``(N, 4)`` what is between x and y.
        linear: ``(2, 2)`` the linear part of the map.
    """
    (a, b), (c, d) = linear
    between = cross.reshape(-1, 2, 2)
    x, y = (_block(pairs, i) for i in range(2))
    across = between.transpose(0, 2, 1)
    new = a * c * x + b * d * y + a * d * between + b * c * across
    both = np.stack((between[:, 0, 0] * 2, between[:, 0, 1] + between[:, 1, 0], between[:, 1, 1] * 2), axis=1)
    return both[:, :, None] * np.array([a * b, c * d]), new.reshape(-1, 4)


def distances(pairs: Floats, cross: Floats, z: Floats, noise: Floats) -> Floats:
    """Return squared Mahalanobis distances of measured centres, ``(N, M)``; arguments as for `corrected`."""
    expected = _joint(pairs, cross)[:, ::2, ::2] + np.eye(2) * noise[:, None, :2]
    apart = z[None, :, :2] - pairs[:, None, 0, :2]
    out: Floats = np.einsum("nmi,nij,nmj->nm", apart, np.linalg.inv(expected), apart)
    return out


def put_into(dense: Floats, cross: Floats) -> None:
    """Write what is between x and y into dense covariances, ``(N, 8, 8)``."""
    x, y = np.array(PLACE[:2])[:, None], np.array(PLACE[2:])[None, :]
    between = cross.reshape(-1, 2, 2)
    dense[:, x, y] = between
    dense[:, y.T, x.T] = between.transpose(0, 2, 1)


def _block(pairs: Floats, i: int) -> Floats:
    """Return the covariance of a position with its velocity, ``(N, 2, 2)``."""
    return np.take(pairs[:, 2:, i], [0, 1, 1, 2], axis=1).reshape(-1, 2, 2)


def _joint(pairs: Floats, cross: Floats) -> Floats:
    """Return covariances of x, its velocity, y and its velocity, ``(N, 4, 4)``."""
    out = np.empty((len(pairs), 4, 4))
    between = cross.reshape(-1, 2, 2)
    out[:, :2, :2], out[:, 2:, 2:] = _block(pairs, 0), _block(pairs, 1)
    out[:, :2, 2:], out[:, 2:, :2] = between, between.transpose(0, 2, 1)
    return out
