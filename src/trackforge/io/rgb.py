"""Decoded pictures as upright RGB arrays, whatever their format."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from trackforge.io.levels import Levels
from trackforge.io.upright import deinterlaced, turned

__all__ = ["Converter", "display_matrix", "is_deep_grey"]

log = logging.getLogger(__name__)


class Converter:
    """Turns decoded pictures into upright RGB uint8 ``(H, W, 3)`` arrays, the same bytes as OpenCV would give.

    Grey pictures of more than 8 bits go through `trackforge.io.levels`; colours of more than 8 bits, whose format says
    what black and white are, keep their upper bits. Interlaced pictures lose their combs (`trackforge.io.upright`).

    One object serves one sequence: a scaler set up for every frame, as ``VideoFrame.to_ndarray(format="rgb24")`` does,
    takes five times as long as the conversion itself.

    Args:
        name: Of the sequence, for messages.
        levels: For grey pictures of more than 8 bits, where another converter began the sequence; None for its own.
    """

    def __init__(self, name: str = "The film", levels: Levels | None = None) -> None:
        self._name = name
        self._reformatter = VideoReformatter()
        self._levels = levels or Levels(name)
        self._combed = False
        self._form: tuple[Any, ...] = ()
        self._matrix: npt.NDArray[np.int32] | None = None

    def __call__(self, picture: VideoFrame) -> npt.NDArray[np.uint8]:
        """Convert one picture, turned and mirrored as its metadata asks for."""
        image: Any
        deep: Any
        if is_deep_grey(picture.format):
            deep = self._reformatter.reformat(picture, format="gray16le").to_ndarray()
            image = np.repeat(self._levels(deep)[:, :, np.newaxis], 3, axis=2)
        else:
            image = self._reformatter.reformat(picture, format="rgb24").to_ndarray()
        if picture.interlaced_frame:
            image = deinterlaced(image)
            if not self._combed:
                self._combed = True
                log.info(
                    "%s is interlaced: every second row becomes the middle of itself and its neighbours", self._name
                )
        return turned(image, self._turning(picture))

    def _turning(self, picture: VideoFrame) -> npt.NDArray[np.int32] | None:
        """Return the display matrix of a picture, read again where its angle, size or format is another.

        Not for each: a picture of PyAV and its side data hold each other once these were asked for, so that it would
        stay in memory until the garbage collector comes, which counts objects, not bytes.
        """
        form = (
            getattr(picture, "rotation", None),
            picture.width,
            picture.height,
            picture.format and picture.format.name,
        )
        if form != self._form:
            self._form, self._matrix = form, display_matrix(picture)
        return self._matrix


def is_deep_grey(form: Any) -> bool:
    """Tell whether pictures of a format hold nothing but grey of more than 8 bits; not floats, whose range is known.

    None, where a damaged header states no format, is not.
    """
    parts: Any = form.components if form is not None else ()
    return len(parts) == 1 and parts[0].bits in range(9, 17) and str(form.name).startswith("gray")


def display_matrix(picture: VideoFrame) -> npt.NDArray[np.int32] | None:
    """Return the nine numbers of a picture's display matrix; None where it is to be shown as it is stored."""
    side = cast("Mapping[str, Any]", picture.side_data).get("DISPLAYMATRIX")
    return None if side is None or side.buffer_size != 36 else np.frombuffer(bytes(side), np.int32)
