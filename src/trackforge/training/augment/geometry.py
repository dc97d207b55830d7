"""Transforms that move pixels of one picture, and the boxes with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trackforge import boxes as geometry
from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.models.preprocessing import Preprocessing
from trackforge.training.augment import pixels
from trackforge.training.augment.rules import clipped, cut
from trackforge.training.augment.values import Bools, Draw, Floats, LabelledImage, upright

__all__ = ["Expand", "Flip", "IouCrop", "LetterBox", "Prepare", "RandomAffine", "Stretch"]

PAD = 114
"""The grey that YOLOX pads with."""


def ordered(owner: object, *names: str) -> None:
    """Refuse ranges that are given upside down."""
    for name in names:
        low, high = getattr(owner, name)
        if low > high:
            raise ConfigError(f"{type(owner).__name__}.{name} must be low,high; got {low:g},{high:g}. Swap them.")


def scaled(
    picture: LabelledImage, size: tuple[int, int], how: pixels.Interpolation = "linear", draw: Draw | None = None
) -> LabelledImage:
    """Resize a picture to ``size = (width, height)``, its boxes with it."""
    image = pixels.resize(picture.image, size, how, draw.rng if draw is not None else None)
    return picture.moved(image, np.diag((size[0] / picture.size[0], size[1] / picture.size[1], 1.0)))


def fit(size: tuple[int, int], target: tuple[int, int]) -> tuple[float, tuple[int, int]]:
    """Return the scale at which a picture fits, and its ``(width, height)`` then, rounded down as YOLOX does.

    Args:
        size: ``(width, height)`` of the picture.
        target: ``(height, width)`` of the input.
    """
    (_, _, *end), placement = Preprocessing(size=target, multiple=1).place(*size)
    return placement.scale[0], (end[0], end[1])


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Put the picture where a detector puts it, scaled and padded the same, by the settings that stand in its weights.

    The values follow on the device: `trackforge.models.InputValues`. The size is that of the step; a picture that has
    it already is passed on.
    """

    preprocessing: Preprocessing

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture at the input's size."""
        if picture.size == draw.size[::-1]:
            return picture
        canvas = pixels.canvas((draw.size[1], draw.size[0]), self.preprocessing.pad)
        scale, offset = self.preprocessing.resized(draw.size).draw(picture.image, canvas)
        return picture.moved(canvas, pixels.shift(*offset) @ np.diag((*scale, 1.0)))


@dataclass(frozen=True, kw_only=True)
class LetterBox:
    """Scale to fit the input, keep the aspect, pad the rest; `Prepare` does it as certain weights want it.

    Boxes are scaled by the exact ratio, not by the rounded size, and moved as the pixels are, by whole ones; the two
    differ by less than a pixel. A picture that has the input's size already is passed on.

    Source: YOLOX (Apache-2.0): corner, 114, linear, size rounded down. FairMOT (MIT): centre, 127.5 which OpenCV stores
    as 128, area, size rounded.
    """

    pad: int = setting(PAD, help="Grey value of the padding.", minimum=0, maximum=255)
    place: Literal["corner", "centre"] = setting("corner", help="Where the picture goes: top left, or the middle.")
    rounding: Literal["down", "nearest"] = setting("down", help="How the scaled size is rounded.")
    interpolation: pixels.Interpolation = setting("linear", help="How pixels are interpolated.")

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture at the input's size."""
        (height, width), size = draw.size, picture.size
        if size == (width, height):
            return picture
        make = Preprocessing(size=draw.size, multiple=1, rounding=self.rounding, align=self.place)
        (left, top, right, bottom), placement = make.place(*size)
        scaled = pixels.resize(picture.image, (right - left, bottom - top), self.interpolation, draw.rng)
        out = pixels.canvas((width, height), self.pad)
        pixels.paste(out, scaled, left, top)
        return picture.moved(out, pixels.shift(left, top) @ np.diag((*placement.scale, 1.0)))


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Scale to the input's size without keeping the aspect, as SSD does.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", 2016, section 2.2.
    """

    interpolation: pixels.Interpolation = setting("linear", help="How pixels are interpolated.")

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture at the input's size."""
        return scaled(picture, (draw.size[1], draw.size[0]), self.interpolation, draw)


@dataclass(frozen=True, kw_only=True)
class Flip:
    """Mirror left and right, now and then."""

    probability: float = setting(0.5, help="How often.", unit="share", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture, mirrored or not."""
        if not draw.chance(self.probability):
            return picture
        return mirrored(picture)


def mirrored(picture: LabelledImage) -> LabelledImage:
    """Swap left and right of a picture and its boxes."""
    across = np.array([[-1.0, 0.0, picture.size[0]], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return picture.moved(pixels.mirror(picture.image), across)


@dataclass(frozen=True, kw_only=True)
class RandomAffine:
    """Turn, scale, shear and move; the result has the input's size, whatever came in.

    Boxes become the upright boxes around their mapped corners, which are larger than the object when turned; FairMOT
    shrinks them a little (``tighten``).

    Source: YOLOX (Apache-2.0), after a mosaic of twice the input's size: ``pivot="corner"``, so a mosaic scaled by 1
    shows its top left quarter; its releases before 0.2 and ByteTrack (MIT): ``pivot="centre"``. FairMOT (MIT):
    ``pivot="centre"``, ``swap_translate=True``, ``tighten=True``.
    """

    degrees: float = setting(10.0, help="Turned by up to this, either way.", unit="degrees", minimum=0, maximum=180)
    translate: float = setting(0.1, help="Moved by up to this, either way.", unit="input sizes", minimum=0)
    scale: tuple[float, float] = setting((0.1, 2.0), help="Least and greatest scale.", unit="times", minimum=0.01)
    shear: float = setting(2.0, help="Sheared by up to this, either way.", unit="degrees", minimum=0, maximum=60)
    pivot: Literal["centre", "corner"] = setting("centre", help="The point that stays where it is, but for moving.")
    swap_translate: bool = setting(False, help="Measure moves along x in heights and along y in widths (FairMOT).")
    tighten: bool = setting(False, help="Shrink boxes by the root of the cosine of the angle (FairMOT).")
    clip: bool = setting(True, help="Cut boxes at the border of the result.")
    pad: int = setting(PAD, help="Grey value of the padding.", minimum=0, maximum=255)

    def __post_init__(self) -> None:
        check(self)
        ordered(self, "scale")

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture at the input's size."""
        height, width = draw.size
        matrix, angle = self._matrix(picture.size, draw)
        image = pixels.warp(picture.image, matrix, (width, height), self.pad)
        factor = max(abs(math.sin(angle)), abs(math.cos(angle))) ** 0.5 if self.tighten else 1.0

        def hull(xyxy: Floats) -> Floats:
            out = upright(xyxy, matrix)
            if factor == 1:
                return out
            centre, half = (out[:, :2] + out[:, 2:]) / 2, (out[:, 2:] - out[:, :2]) / 2 * factor
            return np.concatenate((centre - half, centre + half), axis=1)

        return cut(picture.moved(image, matrix, hull=hull), (0, 0, width, height), clip=self.clip)

    def _matrix(self, size: tuple[int, int], draw: Draw) -> tuple[Floats, float]:
        """Draw a map ``(3, 3)`` and return it with its angle in radians."""
        height, width = draw.size
        symmetric = draw.rng.uniform(-1, 1, 5)
        angle = math.radians(self.degrees * symmetric[0])
        scale = draw.rng.uniform(*self.scale)
        shear_x, shear_y = (math.tan(math.radians(self.shear * s)) for s in symmetric[1:3])
        by_x, by_y = (height, width) if self.swap_translate else (width, height)
        move = pixels.shift(self.translate * symmetric[3] * by_x, self.translate * symmetric[4] * by_y)
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        linear = np.eye(3)
        linear[:2, :2] = np.array([[1, shear_x], [shear_y, 1]]) @ np.array([[cos, sin], [-sin, cos]])
        if self.pivot == "centre":
            linear = pixels.shift(width / 2, height / 2) @ linear @ pixels.shift(-size[0] / 2, -size[1] / 2)
        return move @ linear, angle


@dataclass(frozen=True, kw_only=True)
class Expand:
    """Put the picture somewhere on a larger canvas, which makes objects small.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", 2016, section 3.6.
    """

    probability: float = setting(0.5, help="How often.", unit="share", minimum=0, maximum=1)
    ratio: tuple[float, float] = setting((1.0, 4.0), help="Least and greatest canvas.", unit="picture sizes", minimum=1)
    fill: tuple[int, int, int] = setting(
        (124, 116, 104), help="Colour of the canvas: the mean picture.", unit="RGB", minimum=0, maximum=255
    )
    limit: int = setting(
        2048,
        help="A canvas that would be longer is made this long, with a smaller picture on it.",
        unit="px",
        minimum=32,
    )

    def __post_init__(self) -> None:
        check(self)
        ordered(self, "ratio")

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture on a canvas, or as it was."""
        if not draw.chance(self.probability):
            return picture
        ratio, (x, y) = draw.rng.uniform(*self.ratio), draw.rng.uniform(size=2)
        shrink = min(1.0, max(self.limit, *draw.size) / (max(picture.size) * ratio))
        if shrink < 1:
            small = max(round(picture.size[0] * shrink), 1), max(round(picture.size[1] * shrink), 1)
            picture = scaled(picture, small, "area")
        width, height = (int(n * ratio) for n in picture.size)
        left, top = int(x * (width - picture.size[0] + 1)), int(y * (height - picture.size[1] + 1))
        out = pixels.canvas((width, height), self.fill)
        pixels.paste(out, picture.image, left, top)
        return picture.moved(out, pixels.shift(left, top))


@dataclass(frozen=True, kw_only=True)
class IouCrop:
    """Cut out a part in which some object has a drawn overlap with the part; objects need their centre inside.

    Ignore regions stay as far as they reach into the part. A picture without objects is cut freely.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", 2016, section 2.2.
    """

    overlaps: tuple[float, ...] = setting(
        (0.1, 0.3, 0.5, 0.7, 0.9), help="Least overlaps to choose from.", unit="IoU", minimum=0, maximum=1
    )
    whole: bool = setting(True, help="The whole picture is one of the choices.")
    free: bool = setting(True, help="A part with no demand on overlap is one of the choices.")
    scale: tuple[float, float] = setting(
        (0.3, 1.0), help="Least and greatest side of the part.", unit="share of the side", minimum=0.01, maximum=1
    )
    aspect: tuple[float, float] = setting(
        (0.5, 2.0), help="Least and greatest width over height of the part.", unit="ratio", minimum=0.01
    )
    trials: int = setting(50, help="After so many parts that will not do, the picture stays whole.", minimum=1)

    def __post_init__(self) -> None:
        check(self)
        ordered(self, "scale", "aspect")

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return a part of the picture, or all of it."""
        choices = [*self.overlaps, *([0.0] if self.free else []), *([-1.0] if self.whole else [])]
        least = choices[int(draw.rng.integers(len(choices)))] if choices else -1.0
        if least < 0:
            return picture
        (width, height), objects = picture.size, picture.xyxy[~picture.ignore]
        for across, down, x, y in draw.rng.uniform(size=(self.trials, 4)):
            low, high = self.scale
            w, h = (max(int(n * (low + (high - low) * u)), 1) for n, u in ((width, across), (height, down)))
            left, top = int(x * (width - w + 1)), int(y * (height - h + 1))
            window = (left, top, left + w, top + h)
            if self.aspect[0] <= w / h <= self.aspect[1] and self._suits(objects, window, least):
                return self._part(picture, window)
        return picture

    @staticmethod
    def _suits(objects: Floats, window: tuple[int, int, int, int], least: float) -> bool:
        if not len(objects):
            return True
        held = bool(_centred(objects, window).any())
        return held and float(geometry.iou(objects, np.array([window], np.float64)).max()) >= least

    @staticmethod
    def _part(picture: LabelledImage, window: tuple[int, int, int, int]) -> LabelledImage:
        x1, y1, x2, y2 = window
        inside, seen = clipped(picture.xyxy, window)
        keep = seen & (picture.ignore | _centred(picture.xyxy, window))
        held = picture.replace(xyxy=inside).keep(keep)
        return held.moved(picture.image[y1:y2, x1:x2], pixels.shift(-x1, -y1))


def _centred(xyxy: Floats, window: tuple[int, int, int, int]) -> Bools:
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    out: Bools = np.all((centre > window[:2]) & (centre < window[2:]), axis=1)
    return out
