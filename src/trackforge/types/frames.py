"""Frames, and what is known about a stream of them before the first."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.types.columns import freeze

__all__ = ["Frame", "Stream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What is known about the frames of one sequence before they come; a source says it, sinks and trackers are told.

    Attributes:
        name: Of the sequence; empty where it has none.
        rate: Frames per second as stated, or None. What passed between two frames, their timestamps say.
        size: ``(width, height)`` in pixels, or None.
        length: Frames to come, or None where only the end will tell; damaged ones may be missing.
        classes: Class names of the detector, which ``class_id`` indexes; empty where none is known.
        pixel_aspect: Width of a pixel over its height as it is to be shown; 2 for a film squeezed to half its width.
        live: Whether each frame is the newest there is when it is asked for, as a camera's; who asks late misses some.

    Raises:
        InvalidInputError: The rate or the shape of a pixel is no number above 0, a side is no whole number above 0,
            the length is below 0, or the classes are one text instead of several.
    """

    name: str = ""
    rate: float | None = None
    size: tuple[int, int] | None = None
    length: int | None = None
    classes: tuple[str, ...] = ()
    pixel_aspect: float = 1.0
    live: bool = False

    def __post_init__(self) -> None:
        if self.rate is not None and not (math.isfinite(self.rate) and self.rate > 0):
            raise InvalidInputError(
                f"stream.rate must be a number of frames per second > 0; got {self.rate}. Leave out what is not known."
            )
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise InvalidInputError(
                f"stream.size must be (width, height) in pixels, both >= 1; got {self.size}. Leave it out "
                "where it is not known."
            )
        if self.length is not None and self.length < 0:
            raise InvalidInputError(
                f"stream.length must be a number of frames >= 0; got {self.length}. Leave out what is not known."
            )
        if not (math.isfinite(self.pixel_aspect) and self.pixel_aspect > 0):
            raise InvalidInputError(
                f"stream.pixel_aspect must be a number > 0, the width of a pixel over its height; got "
                f"{self.pixel_aspect}. Leave it out for square ones."
            )
        classes: object = self.classes
        if isinstance(classes, str):
            raise InvalidInputError(f"stream.classes must be several names; got {classes!r}. Write ({classes!r},).")
        object.__setattr__(self, "classes", tuple(self.classes))

    def seen(self, frame: Frame) -> Stream:
        """Return what is known after the first frame, too: its size counts, and its name where the source has none."""
        size = frame.size if min(frame.size) > 0 else self.size
        return replace(self, name=self.name or frame.sequence, size=size)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Frame:
    """One image of a sequence, or the time at which one was taken.

    Attributes:
        index: 0-based position in the sequence; strictly increasing, gaps allowed.
        size: ``(width, height)`` in pixels.
        image: RGB uint8 ``(H, W, 3)``, or None where only detections are known.
        timestamp: Seconds since the start of the sequence, or None where the source has no clock.
        sequence: Name of the sequence, for results that hold several.
        file: Name of the picture's file, below the folder of the sequence and with ``/``; None where there is none.

    Raises:
        InvalidInputError: The index is no whole number >= 0, the timestamp is not finite, or the image is no RGB uint8
            image of the stated size.
    """

    index: int
    size: tuple[int, int] = (0, 0)
    image: npt.NDArray[np.uint8] | None = None
    timestamp: float | None = None
    sequence: str = ""
    file: str | None = None

    def __post_init__(self) -> None:
        try:
            index = operator.index(self.index)  # takes NumPy's integers, too
        except TypeError:
            index = -1
        if index < 0:
            raise InvalidInputError(f"frame.index is 0-based and must be a whole number >= 0; got {self.index!r}.")
        object.__setattr__(self, "index", index)
        if self.timestamp is not None and not math.isfinite(self.timestamp):
            raise InvalidInputError(
                f"frame.timestamp must be a finite number of seconds, or None; got {self.timestamp}."
            )
        if self.image is None:
            return
        image = np.asarray(self.image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise InvalidInputError(
                f"frame.image must be RGB uint8 (H, W, 3) with a pixel or more; got {image.dtype} {image.shape}. "
                "Convert it first."
            )
        height, width = image.shape[:2]
        if self.size == (0, 0):
            object.__setattr__(self, "size", (width, height))
        elif tuple(self.size) != (width, height):
            raise InvalidInputError(
                f"frame.size is (width, height) and must fit the image; got {self.size} for a {width}x{height} image."
            )
        object.__setattr__(self, "image", freeze(np.ascontiguousarray(image)))
