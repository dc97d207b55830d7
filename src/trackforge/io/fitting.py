"""Pictures of one size, whatever size they come in: scaled whole into the frame, with black bars."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Steady", "fit_picture"]

log = logging.getLogger(__name__)


def fit_picture(image: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Scale a picture to fit into a size, and fill what is left with black bars on both sides.

    Args:
        image: ``(H, W, 3)``.
        size: ``(width, height)`` in pixels of the result.
    """
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    image = np.asarray(cv2.resize(image, inner, interpolation=cv2.INTER_AREA), np.uint8)
    spare = size[0] - inner[0], size[1] - inner[1]
    left, top = spare[0] // 2, spare[1] // 2
    return np.asarray(
        cv2.copyMakeBorder(image, top, spare[1] - top, left, spare[0] - left, cv2.BORDER_CONSTANT, value=(0, 0, 0)),
        np.uint8,
    )


class Steady:
    """Keeps the pictures of a sequence at the size of its first, so that all its boxes mean the same pixels.

    Adaptive streams and cameras change their size while they run; this is said once.

    Args:
        name: Of the sequence, for the message.

    Attributes:
        size: ``(width, height)`` of the first picture, or None before it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.size: tuple[int, int] | None = None
        self._told = False

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return a picture in the size of the first."""
        size = (image.shape[1], image.shape[0])
        if self.size is None:
            self.size = size
        if size == self.size:
            return image
        if not self._told:
            log.warning(
                "%s: pictures changed from %dx%d to %dx%d; they are scaled into the first size, and so are all boxes",
                self.name,
                *self.size,
                *size,
            )
            self._told = True
        return fit_picture(image, self.size)
