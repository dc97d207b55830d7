"""Transforms that put several pictures into one."""

from __future__ import annotations

from dataclasses import dataclass

from trackforge.config import check, setting
from trackforge.training.augment import pixels
from trackforge.training.augment.geometry import PAD, fit, mirrored, ordered, scaled
from trackforge.training.augment.rules import BoxRule, cut
from trackforge.training.augment.values import Draw, LabelledImage

__all__ = ["MixUp", "Mosaic"]


@dataclass(frozen=True, kw_only=True)
class Mosaic:
    """Put four pictures around a random point of a canvas of twice the input's size; let a `RandomAffine` follow.

    Each picture is scaled to fit the input and touches the point with a corner; what sticks out of the canvas is lost.

    Source: Bochkovskiy et al., "YOLOv4", 2020, section 3.3; YOLOX (Apache-2.0).
    """

    centre: tuple[float, float] = setting(
        (0.5, 1.5), help="Range of the point where the pictures meet.", unit="input sizes", minimum=0, maximum=2
    )
    clip: bool = setting(True, help="Cut boxes at the border of their picture and of the canvas.")
    pad: int = setting(PAD, help="Grey value of what no picture covers.", minimum=0, maximum=255)

    def __post_init__(self) -> None:
        check(self)
        ordered(self, "centre")

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return a mosaic of the picture and three others."""
        height, width = draw.size
        y, x = (int(draw.rng.uniform(*self.centre) * n) for n in (height, width))
        others = [draw.another(False) for _ in range(3)]
        canvas = pixels.canvas((2 * width, 2 * height), self.pad)
        tiles = []
        for place, part in enumerate((picture, *others)):
            if part is None:
                continue
            tile = scaled(part, fit(part.size, draw.size)[1])
            left, top = x - (place % 2 == 0) * tile.size[0], y - (place < 2) * tile.size[1]
            window = pixels.paste(canvas, tile.image, left, top)
            tiles.append(cut(tile.moved(canvas, pixels.shift(left, top)), window, clip=self.clip))
        return LabelledImage.mixed(canvas, tiles)


@dataclass(frozen=True, kw_only=True)
class MixUp:
    """Lay another picture with objects over this one, half transparent; the objects of both count.

    The other one is scaled to fit the input, then by a random factor; where it is larger than the picture, a random
    part is taken. A picture without objects stays as it is, and so does one of whose partner no object is left.

    Source: Ghiasi et al., "Simple Copy-Paste", 2021, as YOLOX (Apache-2.0) has it.
    """

    probability: float = setting(1.0, help="How often.", unit="share", minimum=0, maximum=1)
    scale: tuple[float, float] = setting((0.5, 1.5), help="Least and greatest scale.", unit="times", minimum=0.01)
    flip: float = setting(0.5, help="How often the other one is mirrored.", unit="share", minimum=0, maximum=1)
    share: float = setting(0.5, help="Weight of the picture itself.", unit="share", minimum=0, maximum=1)
    clip: bool = setting(True, help="Cut boxes at the border.")
    min_side: float = setting(1.0, help="Boxes with a side of at most this do not come along.", unit="px", minimum=0)
    max_aspect: float | None = setting(
        None, help="Boxes at least this many times as long as wide do not come along.", unit="ratio", minimum=1
    )
    pad: int = setting(PAD, help="Grey value beside the other picture.", minimum=0, maximum=255)
    fill: int = setting(0, help="Grey value beyond the input's size times the scale.", minimum=0, maximum=255)

    def __post_init__(self) -> None:
        check(self)
        ordered(self, "scale")

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture with another one over it, or as it was."""
        if not picture.count or not draw.chance(self.probability):
            return picture
        factor, flipped, (across, down) = (
            draw.rng.uniform(*self.scale),
            draw.chance(self.flip),
            draw.rng.uniform(size=2),
        )
        other = draw.another(True)
        if other is None:
            return picture
        ratio = fit(other.size, draw.size)[0] * factor
        other = scaled(other, (max(int(other.size[0] * ratio), 1), max(int(other.size[1] * ratio), 1)))
        height, width = (max(int(n * factor), 1) for n in draw.size)
        left, top = -int(across * max(width - picture.size[0], 0)), -int(down * max(height - picture.size[1], 0))
        canvas = pixels.canvas(picture.size, self.fill)
        canvas[max(top, 0) : top + height, max(left, 0) : left + width] = self.pad
        if flipped:
            other = mirrored(other)
        shift_x = left + (width - other.size[0] if flipped else 0)
        window = pixels.paste(canvas, other.image, shift_x, top)
        other = cut(other.moved(canvas, pixels.shift(shift_x, top)), window, clip=self.clip)
        other = BoxRule(clip=False, min_side=self.min_side, max_aspect=self.max_aspect)(other)
        if not other.count:
            return picture
        return LabelledImage.mixed(pixels.mix(picture.image, canvas, self.share), (picture, other))
