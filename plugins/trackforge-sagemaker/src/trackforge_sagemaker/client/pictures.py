"""Pictures as endpoints take them: JPEG or PNG bytes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.types import Frame

__all__ = ["KINDS", "Kind", "encoded", "picture_of"]

Kind = Literal["jpeg", "png"]
KINDS: dict[Kind, str] = {"jpeg": "image/jpeg", "png": "image/png"}
"""Their media types."""


def encoded(image: npt.NDArray[np.uint8], kind: Kind = "jpeg", quality: int = 95) -> bytes:
    """Return a picture, RGB uint8 ``(H, W, 3)``, as a file's bytes; PNG loses nothing, JPEG is a fraction of it.

    Raises:
        InvalidInputError: It cannot be encoded: it has a side of more than 65,535 pixels, say.
    """
    import cv2

    settings = [int(cv2.IMWRITE_JPEG_QUALITY), quality] if kind == "jpeg" else [int(cv2.IMWRITE_PNG_COMPRESSION), 3]
    done, data = cv2.imencode(".jpg" if kind == "jpeg" else ".png", image[..., ::-1], settings)
    if not done:
        raise InvalidInputError(f"A picture of {image.shape[1]}x{image.shape[0]} cannot be made a {kind.upper()}.")
    return bytes(data)


def picture_of(frame: Frame) -> npt.NDArray[np.uint8]:
    """Return the picture of a frame.

    Raises:
        InvalidInputError: It has none.
    """
    if frame.image is None:
        raise InvalidInputError(f"An endpoint needs pictures; frame {frame.index} has none. Take a film or pictures.")
    return frame.image
