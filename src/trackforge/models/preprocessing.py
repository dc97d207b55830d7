"""How a picture becomes a network's input, as settings that travel with the weights.

Feeding weights the input of another family does not fail, it silently ruins the results. So everything that differs
between families is a setting of one `Preprocessing`, which is part of every file that trackforge writes:

=================== ========================= ======================= =================== =============================
family              size                      place, padding          scaling             values
=================== ========================= ======================= =================== =============================
YOLOX               letterbox, rounded down   top left, 114           linear              BGR, 0..255
ByteTrack           letterbox, rounded down   top left, 114           linear              RGB, / 255, ImageNet mean, std
FairMOT, JDE        letterbox, rounded        centre, 128             area                RGB, / 255
SSD (MXNet)         stretched                 none                    linear              RGB, 0..255, minus a mean
classifiers, ReID   stretched                 none                    linear              RGB, / 255, ImageNet mean, std
=================== ========================= ======================= =================== =============================

A value of the input depends on one of 256 values of the picture only, so a `table` gives it: exactly, and ten times
faster than arithmetic on the picture.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError, WeightsError

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "Placement", "Preprocessing"]

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Triple = tuple[float, float, float]
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


class Placement(NamedTuple):
    """Where a picture lies in an input: a point of the picture times ``scale``, plus ``offset``, both ``(x, y)``."""

    scale: tuple[float, float]
    offset: tuple[float, float] = (0.0, 0.0)

    def back(self, xyxy: Floats) -> Floats:
        """Map boxes ``(N, 4)`` from pixels of the input to pixels of the picture."""
        if self.offset == (0.0, 0.0) and self.scale[0] == self.scale[1]:  # the most common case, and the quickest
            out: Floats = xyxy / np.float32(self.scale[0])
        else:
            scale: Floats = np.array(self.scale * 2, np.float32)
            offset: Floats = np.array(self.offset * 2, np.float32)
            out = (xyxy - offset) / scale
        return out


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Size, place, colour order and normalisation: ``(value / scale - mean) / std``, rounded once to float32.

    Attributes:
        size: ``(height, width)`` of the input in pixels.
        multiple: What both must be multiples of: the largest stride of the network.
        fit: ``"letterbox"`` keeps the aspect, ``"stretch"`` fills the input.
        rounding: How the size of the scaled picture becomes whole: ``"down"`` or ``"nearest"``.
        align: Where a letterboxed picture lies: ``"corner"`` (top left) or ``"centre"``.
        mapping: How boxes come back from a letterbox: by the ``"nominal"`` scale and place, before rounding, as
            published codes do, or by those ``"drawn"``, which is exact.
        interpolation: ``"linear"``, ``"area"``, ``"cubic"`` or ``"nearest"``; ``"adaptive"`` is area for shrinking,
            cubic for enlarging and linear for pictures that do both.
        order: Channel order of the input.
        scale: What values 0..255 are divided by.
        mean: Subtracted, by channel of the input.
        std: Divided by, by channel of the input.
        pad: Grey value 0..255 around the picture.
        arithmetic: ``"float64"``, or ``"float32"`` with rounding after each step.
    """

    size: tuple[int, int]
    multiple: int = 32
    fit: Literal["letterbox", "stretch"] = "letterbox"
    rounding: Literal["down", "nearest"] = "down"
    align: Literal["corner", "centre"] = "corner"
    mapping: Literal["nominal", "drawn"] = "nominal"
    interpolation: Literal["linear", "area", "cubic", "nearest", "adaptive"] = "linear"
    order: Literal["bgr", "rgb"] = "bgr"
    scale: float = 1.0
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    pad: int = 114
    arithmetic: Literal["float64", "float32"] = "float64"

    def __post_init__(self) -> None:
        for name, known in get_type_hints(type(self)).items():  # a word of a later version must not mean another one
            if get_origin(known) is Literal and getattr(self, name) not in get_args(known):
                raise ConfigError(f"{name} must be one of {', '.join(get_args(known))}; got {getattr(self, name)!r}.")
        step = self.multiple
        if step < 1:
            raise ConfigError(f"multiple must be >= 1; got {step}.")
        if len(self.size) != 2 or any(n < step or n % step for n in self.size):
            raise ConfigError(
                f"size must be height,width in multiples of {step}; got {tuple(self.size)}. "
                f"Take {tuple(max(step, round(n / step) * step) for n in self.size)}, say."
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

    def place(self, width: int, height: int) -> tuple[tuple[int, int, int, int], Placement]:
        """Return left, top, right, bottom of a picture of that size in the input, and how boxes come back."""
        down, across = self.size
        if self.fit == "stretch":
            return (0, 0, across, down), Placement((across / width, down / height))
        ratio = min(down / height, across / width)
        whole = int if self.rounding == "down" else round
        w, h = max(whole(width * ratio), 1), max(whole(height * ratio), 1)
        left = top = 0
        offset = (0.0, 0.0)
        if self.align == "centre":
            left, top = (across - w) // 2, (down - h) // 2  # the odd pixel goes to the right and the bottom
            offset = ((across - width * ratio) / 2, (down - height * ratio) / 2)
        if self.mapping == "nominal":
            return (left, top, left + w, top + h), Placement((ratio, ratio), offset)
        return (left, top, left + w, top + h), Placement((w / width, h / height), (float(left), float(top)))

    def draw(self, image: Image, canvas: Image) -> Placement:
        """Put a picture into a canvas.

        Args:
            image: RGB ``(h, w, 3)``.
            canvas: ``(H, W, 3)`` of ``size``; is overwritten with RGB.
        """
        (left, top, right, bottom), placement = self.place(image.shape[1], image.shape[0])
        canvas[top:bottom, left:right] = self._scaled(image, (right - left, bottom - top))
        _surround(canvas, (left, top, right, bottom), self.pad)
        return placement

    def planes(self, image: Image, out: Floats) -> Placement:
        """Turn a picture into the network's input.

        Args:
            image: RGB ``(h, w, 3)``.
            out: ``(3, H, W)`` of ``size``; is overwritten.
        """
        import cv2

        box, placement = self.place(image.shape[1], image.shape[0])
        left, top, right, bottom = box
        colours = cv2.split(self._scaled(image, (right - left, bottom - top)))
        table = self.table
        for channel, colour in enumerate(colours if self.order == "rgb" else colours[::-1]):
            row = table[channel]
            out[channel, top:bottom, left:right] = colour if self.plain else cv2.LUT(colour, row)
            _surround(out[channel], box, row[self.pad])
        return placement

    def _scaled(self, image: Image, size: tuple[int, int]) -> Image:
        if (image.shape[1], image.shape[0]) == size:
            return image
        import cv2

        kinds = {
            "linear": cv2.INTER_LINEAR,
            "area": cv2.INTER_AREA,
            "cubic": cv2.INTER_CUBIC,
            "nearest": cv2.INTER_NEAREST,
        }
        kind: str = self.interpolation
        if kind == "adaptive":
            wider, taller = size[0] > image.shape[1], size[1] > image.shape[0]
            kind = "linear" if wider != taller else "cubic" if wider else "area"
        return cv2.resize(image, size, interpolation=kinds[kind])  # type: ignore[return-value]

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
        except (TypeError, AttributeError, ConfigError) as error:
            raise WeightsError(
                f"The preprocessing in the weights must be readable; {error}. Export them anew."
            ) from error


def _surround(plane: npt.NDArray[Any], box: tuple[int, int, int, int], value: Any) -> None:
    """Fill what lies around a box."""
    left, top, right, bottom = box
    plane[:top] = value
    plane[bottom:] = value
    plane[top:bottom, :left] = value
    plane[top:bottom, right:] = value


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
