"""The camera over the synthetic street: from metres on the ground to pixels. NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Camera"]


@dataclass(frozen=True)
class Camera:
    """A level camera on a mast, looking along the ground.

    Attributes:
        width: Image width in pixels.
        height: Image height in pixels.
        mast: Height of the camera over the ground, in metres.
        horizon: Height of the horizon in the image, from the top, in image heights.
        focal: Focal length in image heights.
    """

    width: int
    height: int
    mast: float = 5.5
    horizon: float = 0.08
    focal: float = 1.1

    def scale(self, z: float) -> float:
        """Return how many pixels a metre takes at a distance of ``z`` metres."""
        return self.focal * self.height / z

    def point(self, x: float, z: float, up: float = 0.0) -> tuple[float, float]:
        """Return the pixel of the point ``x`` metres to the right, ``z`` ahead and ``up`` over the ground."""
        scale = self.scale(z)
        return self.width / 2 + scale * x, self.horizon * self.height + scale * (self.mast - up)

    def side(self, z: float) -> float:
        """Return how many metres to the right the image ends, at a distance of ``z`` metres."""
        return self.width / 2 / self.scale(z)
