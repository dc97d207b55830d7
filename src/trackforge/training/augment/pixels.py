"""What happens to pixels alone. All coordinates are continuous: pixel 0 covers 0..1, its centre lies at 0.5."""

from __future__ import annotations

from typing import Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from trackforge.errors import MissingDependencyError
from trackforge.training.augment.values import Floats, Image

try:
    import cv2
except ImportError as error:
    raise MissingDependencyError(
        "Augmenting pictures needs OpenCV, which is not installed: pip install 'trackforge-mot[train]'."
    ) from error

__all__ = ["Interpolation", "canvas", "lookup", "lookup_hsv", "mirror", "mix", "paste", "resize", "shift", "warp"]

Interpolation: TypeAlias = Literal["nearest", "linear", "cubic", "area", "lanczos", "random"]
Table: TypeAlias = npt.NDArray[np.uint8]
_FLAGS = {
    "linear": cv2.INTER_LINEAR,
    "nearest": cv2.INTER_NEAREST,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}


def canvas(size: tuple[int, int], pad: int | tuple[int, ...]) -> Image:
    """Return a picture of ``size = (width, height)`` in one colour."""
    out = np.empty((size[1], size[0], 3), np.uint8)
    out[:] = pad
    return out


def resize(
    image: Image, size: tuple[int, int], how: Interpolation = "linear", rng: np.random.Generator | None = None
) -> Image:
    """Resize to ``size = (width, height)``; ``"random"`` draws one of the interpolations."""
    if how == "random":
        names = tuple(_FLAGS)
        how = cast("Interpolation", names[0 if rng is None else int(rng.integers(len(names)))])
    if (image.shape[1], image.shape[0]) == size:
        return image
    return cast("Image", cv2.resize(image, size, interpolation=_FLAGS[how]))


def warp(image: Image, matrix: Floats, size: tuple[int, int], pad: int) -> Image:
    """Map a picture by an affine map ``(3, 3)`` of continuous pixels onto a canvas of ``size = (width, height)``."""
    # OpenCV counts from the centre of the first pixel
    centred = matrix[:2].copy()
    centred[:, 2] += matrix[:2, :2].sum(axis=1) / 2 - 0.5
    return cast("Image", cv2.warpAffine(image, centred, size, borderValue=(pad, pad, pad)))


def mirror(image: Image) -> Image:
    """Swap left and right."""
    return cast("Image", cv2.flip(image, 1))


def paste(onto: Image, image: Image, left: int, top: int) -> tuple[int, int, int, int]:
    """Put a picture onto another, in place, and return the ``(x1, y1, x2, y2)`` that it covers there."""
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + image.shape[1], onto.shape[1]), min(top + image.shape[0], onto.shape[0])
    if x1 < x2 and y1 < y2:
        onto[y1:y2, x1:x2] = image[y1 - top : y2 - top, x1 - left : x2 - left]
    return x1, y1, max(x1, x2), max(y1, y2)


def mix(a: Image, b: Image, share: float) -> Image:
    """Return ``share`` of ``a`` and the rest of ``b``, which is of the same size."""
    return cast("Image", cv2.addWeighted(a, share, b, 1 - share, 0))


def lookup(image: Image, table: Table) -> Image:
    """Replace values by a table ``(256,)``, the same for the three channels."""
    return cast("Image", cv2.LUT(image, table))


def lookup_hsv(image: Image, hue: Table, saturation: Table, value: Table) -> Image:
    """Replace hues (0..179, two degrees each), saturations and values (0..255) by tables ``(256,)``."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv = cv2.LUT(hsv, np.stack((hue, saturation, value), axis=1)[None])
    return cast("Image", cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def shift(x: float, y: float) -> Floats:
    """Return the map ``(3, 3)`` that moves by some pixels."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
