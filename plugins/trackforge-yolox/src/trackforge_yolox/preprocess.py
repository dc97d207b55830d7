"""How a picture becomes the network's input; travels with the weights.

Two dialects exist and cannot be told apart by looking at the weights' shapes. Feeding one to weights of the other does
not fail, it silently ruins the results, so the `Preprocessing` is part of every file that trackforge writes.

========== ============================================================ =========================================
name       picture                                                      weights
========== ============================================================ =========================================
yolox      BGR, 0..255                                                  YOLOX releases since 0.1.1
bytetrack  RGB, 0..1, minus ImageNet mean, over std; float64 arithmetic ByteTrack
legacy     the same in float32 arithmetic                               YOLOX releases before 0.1.1
========== ============================================================ =========================================

All of them shrink or enlarge the picture to fit, keep its aspect, put it in the top left corner and pad with grey 114.

Source: Megvii-BaseDetection/YOLOX (Apache-2.0); ifzhang/ByteTrack (MIT).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError, WeightsError

__all__ = ["PREPROCESSINGS", "Preprocessing", "preprocessing"]

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Triple = tuple[float, float, float]
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
MULTIPLE = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Letterbox, colour order and normalisation: ``(value / scale - mean) / std``, rounded once to float32.

    Attributes:
        size: ``(height, width)`` of the input in pixels, multiples of 32.
        order: Channel order of the input.
        scale: What values 0..255 are divided by.
        mean: Subtracted, by channel of the input.
        std: Divided by, by channel of the input.
        pad: Grey value 0..255 around the picture.
        arithmetic: ``"float64"``, or ``"float32"`` with rounding after each step.
    """

    size: tuple[int, int]
    order: Literal["bgr", "rgb"] = "bgr"
    scale: float = 1.0
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    pad: int = 114
    arithmetic: Literal["float64", "float32"] = "float64"

    def __post_init__(self) -> None:
        if len(self.size) != 2 or any(n < MULTIPLE or n % MULTIPLE for n in self.size):
            raise ConfigError(
                f"size must be height,width in multiples of {MULTIPLE}; got {tuple(self.size)}. "
                f"Take {tuple(max(MULTIPLE, round(n / MULTIPLE) * MULTIPLE) for n in self.size)}, say."
            )

    @property
    def plain(self) -> bool:
        """Whether values stay as they are, 0..255."""
        return self.scale == 1 and not any(self.mean) and self.std == (1.0, 1.0, 1.0)

    @property
    def table(self) -> Floats:
        """The input value of each channel of the input and each 0..255, ``(3, 256)``."""
        return _table(self)

    def resized(self, size: tuple[int, int] | None) -> Preprocessing:
        """Return the same for another ``(height, width)``; None keeps this one."""
        return self if size is None else dataclasses.replace(self, size=(int(size[0]), int(size[1])))

    def fit(self, width: int, height: int) -> tuple[float, tuple[int, int]]:
        """Return the scale of a picture of that size, and its scaled ``(width, height)`` in the input."""
        ratio = min(self.size[0] / height, self.size[1] / width)
        return ratio, (max(int(width * ratio), 1), max(int(height * ratio), 1))

    def letterbox(self, image: Image, canvas: Image) -> float:
        """Put a picture into a canvas.

        Args:
            image: RGB ``(h, w, 3)``.
            canvas: ``(H, W, 3)`` of ``size``; is overwritten with RGB.

        Returns:
            The scale: input pixels a picture pixel.
        """
        ratio, (width, height) = self.fit(image.shape[1], image.shape[0])
        canvas[:height, :width] = self._scaled(image, (width, height))
        canvas[height:] = self.pad
        canvas[:height, width:] = self.pad
        return ratio

    def planes(self, image: Image, out: Floats) -> float:
        """Turn a picture into the network's input.

        Args:
            image: RGB ``(h, w, 3)``.
            out: ``(3, H, W)`` of ``size``; is overwritten.

        Returns:
            The scale: input pixels a picture pixel.
        """
        ratio, (width, height) = self.fit(image.shape[1], image.shape[0])
        colours = cv2.split(self._scaled(image, (width, height)))
        for channel, colour in enumerate(colours if self.order == "rgb" else colours[::-1]):
            row = self.table[channel]
            # cv2.LUT goes by the 256 possible values: exact, and ten times faster than float arithmetic on the picture.
            out[channel, :height, :width] = colour if self.plain else cv2.LUT(colour, row)
            out[channel, height:] = row[self.pad]
            out[channel, :height, width:] = row[self.pad]
        return ratio

    def _scaled(self, image: Image, size: tuple[int, int]) -> Image:
        if (image.shape[1], image.shape[0]) == size:
            return image
        return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Read what `to_dict` gave.

        Raises:
            WeightsError: It is not that.
        """
        try:
            plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            return cls(**plain)
        except (TypeError, ConfigError) as error:
            raise WeightsError(
                f"The preprocessing in the weights must be readable; {error}. Export them anew."
            ) from error


@functools.lru_cache(maxsize=16)
def _table(p: Preprocessing) -> Floats:
    dtype = np.dtype(p.arithmetic)
    values = np.arange(256, dtype=dtype)[None].repeat(3, axis=0)
    values /= p.scale
    # In place: float32 values are computed in float64 and rounded after each step, as the old code did.
    values -= np.array(p.mean)[:, None]
    values /= np.array(p.std)[:, None]
    out = values.astype(np.float32)
    out.flags.writeable = False
    return out


_IMAGENET: dict[str, Any] = {"order": "rgb", "scale": 255.0, "mean": IMAGENET_MEAN, "std": IMAGENET_STD}
PREPROCESSINGS: Mapping[str, Mapping[str, Any]] = {
    "yolox": {"order": "bgr"},
    "bytetrack": _IMAGENET,
    "legacy": {**_IMAGENET, "arithmetic": "float32"},
}
"""The dialects by name, without a size."""


def preprocessing(name: str, size: tuple[int, int]) -> Preprocessing:
    """Return the dialect of that name for inputs of ``size = (height, width)``."""
    return Preprocessing(size=size, **PREPROCESSINGS[name])
