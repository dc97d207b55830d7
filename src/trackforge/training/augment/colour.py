"""Transforms that change colours and leave boxes where they are. All work by tables of 256 values: exact and fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from trackforge.config import check, setting
from trackforge.training.augment import pixels
from trackforge.training.augment.values import Draw, Floats, LabelledImage

__all__ = ["Contrast", "Hsv", "HsvGain", "Photometric"]

_LEVELS = np.arange(256, dtype=np.float64)


def _table(values: Floats) -> pixels.Table:
    return np.clip(values, 0, 255).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Hsv:
    """Add random amounts to hue, saturation and value; each of the three is left alone half of the time.

    Source: YOLOX (Apache-2.0).
    """

    hue: int = setting(5, help="Hue changes by up to this, either way.", unit="2 degrees", minimum=0, maximum=90)
    saturation: int = setting(30, help="Saturation changes by up to this.", unit="of 255", minimum=0, maximum=255)
    value: int = setting(30, help="Value changes by up to this.", unit="of 255", minimum=0, maximum=255)
    probability: float = setting(1.0, help="How often.", unit="share", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture in other colours."""
        if not draw.chance(self.probability):
            return picture
        amount = draw.rng.uniform(-1, 1, 3) * (self.hue, self.saturation, self.value)
        hue, saturation, value = (np.trunc(amount) * draw.rng.integers(0, 2, 3)).tolist()
        if not (hue or saturation or value):
            return picture
        tables = (_LEVELS + hue) % 180, _LEVELS + saturation, _LEVELS + value
        return picture.replace(image=pixels.lookup_hsv(picture.image, *map(_table, tables)))


@dataclass(frozen=True, kw_only=True)
class HsvGain:
    """Multiply saturation and value by random factors around 1.

    Source: FairMOT (MIT).
    """

    saturation: float = setting(0.5, help="Saturation changes by up to this.", unit="share", minimum=0, maximum=1)
    value: float = setting(0.5, help="Value changes by up to this.", unit="share", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture in other colours."""
        saturation, value = 1 + draw.rng.uniform(-1, 1, 2) * (self.saturation, self.value)
        tables = _LEVELS, _LEVELS * saturation, _LEVELS * value
        return picture.replace(image=pixels.lookup_hsv(picture.image, *map(_table, tables)))


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Multiply all values by a random factor around 1, now and then.

    Source: MXNet's augmenter of detection pictures (Apache-2.0).
    """

    amount: float = setting(0.5, help="Multiplied by 1 up to this more or less.", unit="share", minimum=0, maximum=1)
    probability: float = setting(0.5, help="How often.", unit="share", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture, brighter or darker."""
        if not draw.chance(self.probability):
            return picture
        factor = 1 + draw.rng.uniform(-self.amount, self.amount)
        return picture.replace(image=pixels.lookup(picture.image, _table(_LEVELS * factor)))


@dataclass(frozen=True, kw_only=True)
class Photometric:
    """Brightness, contrast, hue and saturation, each with its own chance.

    Source: ByteTrack (MIT): contrast before hue. SSD (Liu et al., 2016, as in weiliu89/caffe, BSD-2): before or after.
    """

    brightness: float = setting(32.0, help="Added, up to this, either way.", unit="of 255", minimum=0, maximum=255)
    contrast: float = setting(0.5, help="Multiplied by 1 up to this more or less.", unit="share", minimum=0, maximum=1)
    saturation: float = setting(
        0.5, help="Multiplied by 1 up to this more or less.", unit="share", minimum=0, maximum=1
    )
    hue: int = setting(18, help="Hue changes by up to this, either way.", unit="2 degrees", minimum=0, maximum=90)
    probability: float = setting(0.5, help="How often each of the four.", unit="share", minimum=0, maximum=1)
    order: Literal["before", "either"] = setting("before", help="Contrast before hue and saturation, or after as well.")

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture in other colours."""
        image, rng = picture.image, draw.rng
        brightness, contrast, saturation = rng.uniform(-1, 1, 3) * (self.brightness, self.contrast, self.saturation)
        hue = int(rng.integers(-self.hue, self.hue, endpoint=True))
        bright, contrasted, coloured, saturated = (rng.random(4) < self.probability).tolist()
        late = rng.random() < 0.5 and self.order == "either"
        table = _table(_LEVELS + brightness) if bright else _LEVELS.astype(np.uint8)
        stretch = _table(_LEVELS * (1 + contrast))
        if contrasted and not late:
            table = stretch[table]
        if bright or (contrasted and not late):
            image = pixels.lookup(image, table)
        if coloured or saturated:
            turned = (_LEVELS + (hue if coloured else 0)) % 180
            denser = _LEVELS * (1 + (saturation if saturated else 0))
            image = pixels.lookup_hsv(image, _table(turned), _table(denser), _table(_LEVELS))
        if contrasted and late:
            image = pixels.lookup(image, stretch)
        return picture.replace(image=image)
