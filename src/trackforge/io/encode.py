"""Writing video files, through PyAV."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from trackforge.errors import MissingDependencyError
from trackforge.io.decode import ffmpeg_path, reason
from trackforge.io.fitting import fit_picture

__all__ = ["ENCODERS", "VideoWriter"]

log = logging.getLogger(__name__)
ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf", "mpeg4")
"""H.264 first, as every player knows it; MPEG-4 part 2 is built into every FFmpeg."""
CLOCK = 60_000
"""Ticks a second: fits the usual frame rates, and MPEG-4 has no finer than 65,535."""


class VideoWriter:
    """Encodes RGB pictures of one size, each with its own time, into an mp4, mkv or mov file.

    Args:
        path: Where to write.
        size: ``(width, height)`` of the first picture. Odd sizes gain a column or row, as the colour format asks for
            even ones; pictures of other sizes are fitted in.
        rate: Frames per second to state.
        quality: Constant rate factor of H.264: 0 (lossless) to 51 (worst).
        encoders: FFmpeg's names, tried in order.

    Raises:
        OSError: The file cannot be written.
        MissingDependencyError: None of the encoders is there.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], rate: float, quality: int, encoders: tuple[str, ...] = ENCODERS
    ) -> None:
        self.path = path
        self.size = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self._last = -1
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        problems = []
        for name in encoders:
            self._container = container = self._opened()
            try:
                self._stream = self._started(container, name, rate, quality)
            except (FFmpegError, ValueError) as error:  # this build lacks it, or it lacks its device
                self._abandon()
                problems.append(f"{name} ({reason(error)})")
                continue
            self.encoder = name
            if problems:
                log.info("%s is encoded with %s, for want of %s", path, name, ", ".join(problems))
            return
        raise MissingDependencyError(
            f"Writing video needs an encoder that works; here none does: {', '.join(problems)}. Install PyAV's wheel."
        )

    def _opened(self) -> OutputContainer:
        index_first = {"movflags": "+faststart"} if self.path.suffix.lower() in (".mp4", ".mov") else {}
        try:
            return av.open(ffmpeg_path(self.path), "w", options=index_first)
        except (FFmpegError, OSError, ValueError) as error:
            raise _as_os_error(error) from error

    def _started(self, container: OutputContainer, encoder: str, rate: float, quality: int) -> VideoStream:
        stream: Any = container.add_stream(encoder, rate=_fraction(rate))
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, CLOCK)
        context.color_range, context.colorspace = 1, 6  # as cv2 converts: limited range, ITU-R BT.601
        context.color_primaries, context.color_trc = 6, 6
        if encoder == "libx264":
            stream.options = {"preset": "veryfast", "crf": str(quality)}
        else:
            context.bit_rate = round(self.size[0] * self.size[1] * rate * 0.15)
        context.open()
        return cast("VideoStream", stream)

    def write(self, image: npt.NDArray[np.uint8], seconds: float) -> None:
        """Encode one picture, shown from ``seconds`` on.

        Raises:
            OSError: The file cannot be written; a full disk, say.
        """
        planes = cv2.cvtColor(self._fitted(image), cv2.COLOR_RGB2YUV_I420)
        frame = VideoFrame.from_numpy_buffer(np.asarray(planes, np.uint8), format="yuv420p")
        self._last = max(self._last + 1, round(seconds * CLOCK))
        frame.pts, frame.time_base = self._last, Fraction(1, CLOCK)
        try:
            self._mux(frame)
        except (FFmpegError, OSError) as error:
            self._abandon()
            raise _as_os_error(error) from error

    def close(self) -> None:
        """Write what the encoder still holds, and the index.

        Raises:
            OSError: The file cannot be written.
        """
        if self._container is None:
            return
        try:
            self._mux(None)
            self._container.close()
            self._container = None
        except (FFmpegError, OSError) as error:
            self._abandon()
            raise _as_os_error(error) from error

    def _mux(self, frame: VideoFrame | None) -> None:
        if self._container is None or self._stream is None:
            message = "the video is closed already"
            raise ValueError(message)
        self._container.mux(self._stream.encode(frame))

    def _abandon(self) -> None:
        """Let go of a file that cannot be finished."""
        container, self._container = self._container, None
        if container is not None:
            try:
                container.close()
            except (FFmpegError, OSError) as error:
                log.debug("%s: %s", self.path, error)

    def _fitted(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Bring a picture to the video's size: one more column or row, or scaled with bars."""
        height, width = image.shape[:2]
        if (width, height) == self.size:
            return image
        spare = self.size[0] - width, self.size[1] - height
        if max(spare) > 1 or min(spare) < 0:
            return fit_picture(image, self.size)
        edge = cv2.copyMakeBorder(image, 0, spare[1], 0, spare[0], cv2.BORDER_REPLICATE)
        return np.asarray(edge, np.uint8)


def _fraction(rate: float) -> Fraction:
    """Return a rate as containers state it; below one a second, as 1 / n."""
    return Fraction(rate).limit_denominator(1001) if rate >= 1 else Fraction(1, round(1 / rate))


def _as_os_error(error: Exception) -> OSError:
    """Return what FFmpeg says about a file as the error that Python would raise."""
    return OSError(getattr(error, "errno", None) or 0, reason(error))
