"""Which boxes stay after a picture was cut, and in what shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trackforge.config import check, setting
from trackforge.training.augment.values import Bools, Draw, Floats, LabelledImage

__all__ = ["BoxRule"]


@dataclass(frozen=True, kw_only=True)
class BoxRule:
    """Drop what can no longer be seen, and clip if asked to; a transform like any other.

    Boxes that lie outside the picture altogether are always dropped. Ignore regions are clipped like boxes, but no
    size is too small for them. YOLOX clips; ByteTrack does not, so that the network learns the whole extent of people
    who stand half outside.
    """

    clip: bool = setting(True, help="Cut boxes at the border of the picture.")
    min_side: float = setting(1.0, help="Boxes with a side of at most this are dropped.", unit="px", minimum=0)
    min_visible: float = setting(
        0.0,
        help="Boxes with less than this share of their area inside are dropped.",
        unit="share",
        minimum=0,
        maximum=1,
    )
    max_aspect: float | None = setting(
        None, help="Boxes at least this many times as long as wide are dropped.", unit="ratio", minimum=1
    )

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, picture: LabelledImage, _draw: Draw | None = None, /) -> LabelledImage:
        """Return the picture with the boxes that stay."""
        inside, seen = clipped(picture.xyxy, (0, 0, *picture.size))
        xyxy = inside if self.clip else picture.xyxy
        side = xyxy[:, 2:] - xyxy[:, :2]
        good = side.min(axis=1, initial=np.inf) > self.min_side
        if self.min_visible:
            area = (picture.xyxy[:, 2:] - picture.xyxy[:, :2]).prod(axis=1)
            good &= (inside[:, 2:] - inside[:, :2]).prod(axis=1) >= self.min_visible * area
        if self.max_aspect is not None:
            good &= side.max(axis=1, initial=0) < self.max_aspect * side.min(axis=1, initial=np.inf)
        return picture.replace(xyxy=xyxy).keep(seen & (good | picture.ignore))


def clipped(xyxy: Floats, window: tuple[float, float, float, float]) -> tuple[Floats, Bools]:
    """Return boxes ``(N, 4)`` cut at a window ``(x1, y1, x2, y2)``, and which of them have an area there."""
    low, high = np.array(window[:2] * 2, np.float64), np.array(window[2:] * 2, np.float64)
    inside: Any = np.clip(xyxy, low, high)
    return inside, (inside[:, 2:] > inside[:, :2]).all(axis=1)


def cut(picture: LabelledImage, window: tuple[float, float, float, float], *, clip: bool) -> LabelledImage:
    """Drop boxes that lie outside a window of the picture, and clip the others to it if asked to."""
    inside, seen = clipped(picture.xyxy, window)
    if seen.all() and not clip:
        return picture
    return (picture.replace(xyxy=inside) if clip else picture).keep(seen)
