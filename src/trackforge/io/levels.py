"""Pictures of more than 8 bits a channel brought to 8 by one stated rule: thermal, depth and machine-vision cameras.

Thermal, depth and machine-vision cameras store 12 or 14 bits, or hundredths of a kelvin, in 16: shown as they are, all
of it is one shade of grey.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Levels", "stretch"]

log = logging.getLogger(__name__)
FULL = 1 << 15
"""Levels of 65,536 that a picture must span to count as one that uses the full range."""
LOST = 0.25
"""Share of a picture outside the range of the first one above which that is said."""


class Levels:
    """Brings the grey pictures of one stream from 16 bits to 8; the first picture decides for all.

    The rule:

    * a first picture that spans half of the 16-bit range or more uses the range: the upper 8 bits are taken;
    * otherwise the least value of the first picture becomes 0, its greatest 255, and what lies between is rounded down
      in equal steps. Both stay for the whole stream, so that a walker keeps its shade; what later lies outside is 0
      or 255;
    * a picture of one value (a closed shutter) decides nothing: its upper 8 bits are taken, and the next one decides.

    One object serves one stream: a film, or a folder of pictures.

    Args:
        name: Of the stream, for messages.

    Attributes:
        span: Least and greatest value of the picture that decided; None before it.
    """

    def __init__(self, name: str = "The pictures") -> None:
        self.name = name
        self.span: tuple[int, int] | None = None
        self._table: npt.NDArray[np.uint8] | None = None
        self._told = False
        self._range: tuple[float, float] | None = None  # of numbers that are no uint16

    def __call__(self, image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return a uint16 picture of any shape as uint8; or one of other numbers, such as degrees in floats.

        Of these, too, the least and the greatest value of the first picture become 0 and 255; NaN becomes 0.
        """
        if image.dtype != np.uint16:
            return self._other(image)
        if self.span is None and image.size:
            self._decide(int(image.min()), int(image.max()))
        if self._table is None:
            upper: npt.NDArray[np.uint8] = (image >> 8).astype(np.uint8)
            return upper
        if not self._told:
            self._tell_lost(image)
        shades: npt.NDArray[np.uint8] = self._table[image]
        return shades

    def _other(self, image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        values = image.astype(np.float64)
        good = np.isfinite(values)
        if self._range is None and good.any():
            least, greatest = values[good].min(), values[good].max()
            self._range = (least, greatest) if greatest > least else None
        least, greatest = self._range or (0.0, np.inf)
        with np.errstate(invalid="ignore", over="ignore"):
            values = (np.clip(values, least, greatest) / 2 - least / 2) / (greatest / 2 - least / 2)
        shades: npt.NDArray[np.uint8] = (np.where(np.isnan(values), 0, values) * 255).astype(np.uint8)
        return shades

    def _decide(self, least: int, greatest: int) -> None:
        if least == greatest:
            return
        self.span = (least, greatest)
        if greatest - least < FULL:
            values = np.arange(1 << 16, dtype=np.int64).clip(least, greatest) - least
            self._table = (values * 255 // (greatest - least)).astype(np.uint8)
            log.info("%s: of 16 bits, %d to %d are used, and become 0 to 255", self.name, least, greatest)

    def _tell_lost(self, image: npt.NDArray[np.uint16]) -> None:
        least, greatest = self.span or (0, 0)
        share: Any = np.count_nonzero((image < least) | (image > greatest)) / max(image.size, 1)
        if share > LOST:
            self._told = True
            log.warning(
                "%s: %.0f %% of a picture lie outside of %d to %d, which the first picture decided, and lose their "
                "detail; bring the pictures to 8 bits yourself where that matters",
                self.name,
                100 * share,
                least,
                greatest,
            )


def stretch(image: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Return one uint16 picture as uint8, as `Levels` does with the first of a stream.

    >>> stretch(np.array([[7000, 7600, 8200]], np.uint16))
    array([[  0, 127, 255]], dtype=uint8)
    """
    return Levels()(image)
