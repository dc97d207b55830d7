"""How FairMOT wants its pictures.

RGB, divided by 255 in float32, nothing subtracted. The picture is scaled by ``min(H / h, W / w)`` to a rounded size
(area interpolation), put into the middle (an odd pixel goes to the right and the bottom), and surrounded by grey 128:
the published code asks OpenCV for 127.5 there, which stores 128.

Two quirks of the published code are not part of this. Its reader of films first stretches every frame to 1920 x 1080,
whatever its aspect: a film of another aspect is squeezed, which costs accuracy and gains nothing. And its way back from
the input to the picture takes the scale before rounding, so that boxes are off by less than a pixel at sizes that do
not fit; ``mapping="nominal"`` of `trackforge.models.Preprocessing` does the same, ``"drawn"`` is exact.

Source: ifzhang/FairMOT (MIT), its readers of pictures and films.
"""

from __future__ import annotations

from typing import Literal

from trackforge.models import Preprocessing

__all__ = ["MULTIPLE", "SIZE", "preprocessing"]

MULTIPLE = 32
"""What height and width of an input must be multiples of: the coarsest level of every network of the family."""
SIZE = (608, 1088)
"""Height and width that the published weights were trained and measured with."""


def preprocessing(
    size: tuple[int, int] | None = None, *, mapping: Literal["nominal", "drawn"] = "drawn"
) -> Preprocessing:
    """Return FairMOT's preprocessing for inputs of ``size = (height, width)``, by default the published one.

    Raises:
        ConfigError: The size is no multiple of 32.
    """
    return Preprocessing(
        size=size or SIZE,
        multiple=MULTIPLE,
        rounding="nearest",
        align="centre",
        mapping=mapping,
        interpolation="area",
        order="rgb",
        scale=255.0,
        pad=128,
        arithmetic="float32",
    )
