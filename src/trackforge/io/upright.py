"""Pictures as they were meant to be looked at: turned and mirrored as the container asks for, without combs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["deinterlaced", "exchanges_sides", "turned"]


def turned(image: npt.NDArray[np.uint8], matrix: npt.NDArray[np.int32] | None) -> npt.NDArray[np.uint8]:
    """Return a picture ``(H, W, 3)`` as a display matrix asks for: one of the eight ways to turn and mirror it.

    A matrix that asks for something between (a camera held aslant) is taken for the nearest of them.

    Args:
        image: As it is stored.
        matrix: The nine numbers of a display matrix, row by row (ISO/IEC 14496-12, 8.3.2); None to leave it.

    Returns:
        A contiguous array, the same one where nothing is asked for.
    """
    if matrix is None:
        return image
    a, b, _, c, d = matrix[:5].tolist()  # x' = a x + c y, y' = b x + d y
    if exchanges_sides(matrix):
        image, across, down = image.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return np.ascontiguousarray(image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def exchanges_sides(matrix: npt.NDArray[np.int32] | None) -> bool:
    """Tell whether a picture turned by a display matrix is as wide as it was high."""
    if matrix is None:
        return False
    a, b, _, c, d = matrix[:5].tolist()
    return bool(abs(b) + abs(c) > abs(a) + abs(d))


def deinterlaced(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an interlaced picture ``(H, W, 3)`` without its combs, at full height.

    The rows of the upper field stay as they are; every other value becomes the middle one of itself and the two above
    and below. So what moved between the fields has one place, that of the upper field, while edges and slopes of what
    stood still keep every row. One picture suffices: nothing waits for the next, and a picture read by its number is
    the one that was seen in the film.
    """
    if len(image) < 3:
        return image
    made: Any = np.array(image)
    above, own, below = image[0:-1:2], made[1::2], image[2::2]
    rows = min(len(own), len(below))  # an even height leaves a last row without one below
    least, greatest = np.minimum(above[:rows], below[:rows]), np.maximum(above[:rows], below[:rows])
    np.clip(own[:rows], least, greatest, out=own[:rows])
    if rows < len(own):
        own[rows] = image[-2]
    return np.asarray(made, np.uint8)
