"""Frames, and what is known about a stream of them before the first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.intake.names import readable
from trackforge.types.arrays import as_array, as_number, as_whole, shown
from trackforge.types.columns import freeze

__all__ = ["Frame", "Stream"]

UNKNOWN = "Leave out what is not known."
SECONDS = "a finite number of seconds since the start of the sequence, or None"
COUNT = "Of points in time, take the difference to the first: (time - first).total_seconds()."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What is known about the frames of one sequence before they come; a source says it, sinks and trackers are told.

    Attributes:
        name: Of the sequence; empty where it has none.
        rate: Frames per second as stated, or None. What passed between two frames, their timestamps say.
        size: ``(width, height)`` in pixels, or None.
        length: Frames to come, or None where only the end will tell; damaged ones may be missing.
        total: Frames of the whole sequence, which ``frame.index`` counts, where only some of them come; else None.
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
    total: int | None = None
    classes: tuple[str, ...] = ()
    pixel_aspect: float = 1.0
    live: bool = False

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "name", _name("stream.name", self.name))
        if self.rate is not None:
            what = "a number of frames per second > 0"
            rate = as_number("stream.rate", self.rate, what, UNKNOWN)
            if not rate > 0:
                raise InvalidInputError(f"stream.rate must be {what}; got {shown(self.rate)}. {UNKNOWN}")
            put(self, "rate", rate)
        if self.size is not None:
            size = _size(self.size)
            if size is None or min(size) < 1:
                raise InvalidInputError(
                    f"stream.size must be (width, height) in pixels, both >= 1; got {shown(self.size)}. Leave it out "
                    "where it is not known."
                )
            put(self, "size", size)
        for field in ("length", "total"):
            value = getattr(self, field)
            frames = None if value is None else as_whole(value)
            if value is not None and (frames is None or frames < 0):
                raise InvalidInputError(
                    f"stream.{field} must be a number of frames >= 0; got {shown(value)}. {UNKNOWN}"
                )
            put(self, field, frames)
        what, advice = "a number > 0, the width of a pixel over its height", "Leave it out for square ones."
        aspect = as_number("stream.pixel_aspect", self.pixel_aspect, what, advice)
        if not aspect > 0:
            raise InvalidInputError(f"stream.pixel_aspect must be {what}; got {shown(self.pixel_aspect)}. {advice}")
        put(self, "pixel_aspect", aspect)
        classes: object = self.classes
        if isinstance(classes, str):
            raise InvalidInputError(f"stream.classes must be several names; got {classes!r}. Write ({classes!r},).")
        try:
            put(self, "classes", tuple(self.classes))
        except TypeError:
            raise InvalidInputError(f"stream.classes must be several names; got {shown(classes)}.") from None

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
        put = object.__setattr__
        index = as_whole(self.index)  # takes NumPy's integers, too
        if index is None or index < 0:
            raise InvalidInputError(
                f"frame.index is 0-based and must be a whole number >= 0; got {shown(self.index)}. 64 bits hold it."
            )
        put(self, "index", index)
        put(self, "sequence", _name("frame.sequence", self.sequence))
        if self.timestamp is not None:
            put(self, "timestamp", as_number("frame.timestamp", self.timestamp, SECONDS, COUNT))
        size = _size(self.size)
        if size is None or min(size) < 0:
            came = shown(self.size)
            raise InvalidInputError(f"frame.size must be (width, height) in pixels, both >= 0; got {came}.")
        put(self, "size", size)
        if self.image is None:
            return
        image = as_array("frame.image", self.image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise InvalidInputError(
                f"frame.image must be RGB uint8 (H, W, 3) with a pixel or more; got {image.dtype} {image.shape}. "
                "Convert it first."
            )
        height, width = image.shape[:2]
        if self.size == (0, 0):
            put(self, "size", (width, height))
        elif self.size != (width, height):
            raise InvalidInputError(
                f"frame.size is (width, height) and must fit the image; got {self.size} for a {width}x{height} image."
            )
        put(self, "image", freeze(np.ascontiguousarray(image)))


def _name(field: str, value: object) -> str:
    """Return a name as text that can be written."""
    if not isinstance(value, str):
        raise InvalidInputError(f"{field} must be text; got {shown(value)}.")
    return readable(value)


def _size(value: object) -> tuple[int, int] | None:
    """Return width and height as whole numbers, or None where there are not two."""
    try:
        sides = [as_whole(side) for side in value]  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - whatever it is, it is no pair
        return None
    if len(sides) != 2 or sides[0] is None or sides[1] is None:
        return None
    return sides[0], sides[1]
