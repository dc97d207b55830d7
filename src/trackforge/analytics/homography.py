"""From pixels to metres on the ground: a plane homography from four points or more.

>>> plane = fit_plane(np.array([[100, 100], [300, 100], [400, 300], [0, 300]]), rectangle(20.0, 10.0))
>>> plane.ground(np.array([[200.0, 300.0]])).round(6).tolist()
[[10.0, 10.0]]
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError

__all__ = ["Plane", "fit_plane", "rectangle"]

Floats: TypeAlias = npt.NDArray[np.float64]
FLAT = 2e-3
"""Height of a triangle over its longest side, below which its corners count as lying on one line."""
WEAK = 1e-7
"""Least over greatest singular value below which points do not fix a homography."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Where the ground is in the picture.

    Attributes:
        matrix: ``(3, 3)`` from pixels to metres; its last row is above 0 on this side of the horizon.
        residual: Root mean square distance of the points from where they should be, in metres; 0 for four points.
        pixels: The same in pixels.
    """

    matrix: Floats
    residual: float
    pixels: float

    def ground(self, points: Floats) -> Floats:
        """Return the places ``(N, 2)`` in metres of pixels ``(N, 2)``; NaN on the horizon and beyond."""
        return self.both(points)[0]

    def both(self, points: Floats) -> tuple[Floats, Floats]:
        """Return what `ground` and `scale` do, in one go."""
        mapped = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        depth = np.where(mapped[:, 2] > 0, mapped[:, 2], np.nan)[:, None]
        places = mapped[:, :2] / depth
        return places, (self.matrix[:2, :2] - places[:, :, None] * self.matrix[2, :2]) / depth[:, :, None]

    def image(self, places: Floats) -> Floats:
        """Return the pixels ``(N, 2)`` of places ``(N, 2)`` in metres; NaN behind the camera."""
        inverse = np.linalg.inv(self.matrix)
        mapped = np.column_stack((places, np.ones(len(places)))) @ inverse.T
        depth = np.where(mapped[:, 2] > 0, mapped[:, 2], np.nan)
        points: Floats = mapped[:, :2] / depth[:, None]
        return points

    def scale(self, points: Floats) -> Floats:
        """Return metres a pixel at pixels ``(N, 2)``: Jacobians ``(N, 2, 2)``, a row for each of x and y in metres."""
        return self.both(points)[1]


def rectangle(width: float, height: float) -> Floats:
    """Return the corners ``(4, 2)`` of a rectangle in metres, clockwise from the far left one, as seen from above."""
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def fit_plane(image: Floats, ground: Floats) -> Plane:
    """Find the homography: exact for four points, the least algebraic error for more (normalised DLT).

    Args:
        image: ``(P, 2)`` pixels.
        ground: ``(P, 2)`` the same points in metres.

    Raises:
        ConfigError: There are fewer than four, or another number of the one than of the other; two are the same, three
            of four are on one line, or the horizon goes between them.

    Source: Hartley and Zisserman, Multiple View Geometry, 2004, algorithm 4.2.
    """
    image, ground = np.asarray(image, np.float64), np.asarray(ground, np.float64)
    if len(image) != len(ground) or len(image) < 4:
        raise ConfigError(
            f"The ground needs four points or more, as many in the picture as in metres; got {len(image)} in the "
            f"picture and {len(ground)} in metres. Give each point both ways."
        )
    for what, points in (("in the picture", image), ("in metres", ground)):
        _check(what, points)
    (a, from_image), (b, from_ground) = _normalised(image), _normalised(ground)
    ones, zeros = np.ones(len(a)), np.zeros((len(a), 3))
    own = np.column_stack((a, ones))
    rows = np.concatenate(
        (np.hstack((own, zeros, -b[:, :1] * own)), np.hstack((zeros, own, -b[:, 1:] * own)))
    )  # (2P, 9) h = 0
    _, strength, right = np.linalg.svd(rows)
    if strength[7] <= WEAK * strength[0]:
        raise ConfigError(
            f"The {len(image)} points of the ground must not all but one lie on one line; they do, in the picture or "
            "in metres. Choose points that span an area."
        )
    matrix = np.linalg.inv(from_ground) @ right[-1].reshape(3, 3) @ from_image
    depth = np.column_stack((image, ones)) @ matrix[2]
    matrix = matrix / np.linalg.norm(matrix[2]) * (1 if np.median(depth) > 0 else -1)
    depth = np.column_stack((image, ones)) @ matrix[2]
    if (depth <= 0).any() or abs(np.linalg.det(matrix)) < 1e-300:
        beyond = ", ".join(_told(row, image) for row in np.flatnonzero(depth <= 0).tolist())
        raise ConfigError(
            f"All points of the ground must be on this side of the horizon; {beyond or 'none'} would be behind it. "
            "Points in the picture and in metres must be in the same order, around the area: were two exchanged?"
        )
    plane = Plane(matrix, 0.0, 0.0)
    if len(image) == 4:
        return plane
    metres = np.sqrt(np.mean(np.sum((plane.ground(image) - ground) ** 2, axis=1)))
    pixels = np.sqrt(np.mean(np.sum((plane.image(ground) - image) ** 2, axis=1)))
    return Plane(matrix, float(metres), float(pixels))


def _check(what: str, points: Floats) -> None:
    """Refuse points that are one twice, or three of four of which are on one line."""
    extent = float(np.ptp(points, axis=0).max())
    for one, other in itertools.combinations(range(min(len(points), 100)), 2):
        if np.hypot(*(points[one] - points[other])) <= 1e-6 * extent:
            raise ConfigError(
                f"The points of the ground must differ; {what}, {_told(one, points)} and {_told(other, points)} are "
                "the same. Choose another."
            )
    for three in itertools.combinations(range(4), 3) if len(points) == 4 else ():
        corners = points[list(three)]
        sides = corners - np.roll(corners, 1, axis=0)
        longest = float(np.hypot(*sides.T).max())
        doubled = abs(sides[0, 0] * sides[1, 1] - sides[0, 1] * sides[1, 0])
        if doubled <= FLAT * longest**2:
            told = ", ".join(_told(row, points) for row in three)
            raise ConfigError(
                f"No three of the four points of the ground may lie on one line; {what}, {told} do. Choose corners of "
                "an area, or more points."
            )


def _told(row: int, points: Floats) -> str:
    x, y = points[row].tolist()
    return f"point {row + 1} ({x:g},{y:g})"


def _normalised(points: Floats) -> tuple[Floats, Floats]:
    """Return points moved to the origin and scaled to a mean distance of the root of 2, and the matrix that does it."""
    centre = points.mean(axis=0)
    scale = np.sqrt(2) / np.hypot(*(points - centre).T).mean()
    matrix = np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])
    return (points - centre) * scale, matrix
