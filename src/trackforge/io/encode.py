"""Writing video files, through PyAV."""

from __future__ import annotations

import logging
from collections.abc import Mapping
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

from trackforge.errors import MissingDependencyError, SinkError
from trackforge.io.decode import ffmpeg_path, reason
from trackforge.io.fitting import fit_picture

__all__ = ["ENCODERS", "WEB_ENCODERS", "VideoWriter"]

log = logging.getLogger(__name__)
ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf", "mpeg4")
"""H.264 first, as every player knows it; MPEG-4 part 2 is built into every FFmpeg."""
WEB_ENCODERS = ("libvpx-vp9", "libvpx")
"""What a .webm may hold: VP9, or VP8."""
CLOCK = 60_000
"""Ticks a second: fits the usual frame rates, and MPEG-4 has no finer than 65,535."""
LEAST = 16
"""Shortest side in pixels: a block of H.264."""
SIDE = 16_384
"""Longest side in pixels that H.264 encoders take."""
AREA = 139_264 * 256
"""Most pixels of a picture in the largest level of H.264; no player promises more."""
SMALLER = 4096
"""Longest side to fall back to, where every encoder refuses a larger one."""
FASTEST = 1000.0
"""Frames per second above which a stated rate is no rate, but the ticks of some clock."""


class VideoWriter:
    """Encodes RGB pictures of one size, each with its own time, into an mp4, mkv, mov or webm file.

    Args:
        path: Where to write.
        size: ``(width, height)`` of the first picture. Odd sizes gain a column or row, as the colour format asks for
            even ones, and small ones as many as a block needs; what is too large for the encoder is scaled down, and
            that is said. Pictures of other sizes are fitted in.
        rate: Frames per second to state.
        quality: Constant rate factor of H.264: 0 (lossless) to 51 (worst).
        encoders: FFmpeg's names, tried in order.
        options: Further options of the encoder, by FFmpeg's names: ``{"g": "25"}`` for a key frame at least so often.
        pixel_aspect: Width of a pixel over its height, for the player to stretch the pictures by.
        name: What to call the file in messages; its own name where empty.

    Attributes:
        size: ``(width, height)`` of the video.
        encoder: FFmpeg's name of the encoder that works.

    Raises:
        OSError: The file cannot be written.
        MissingDependencyError: None of the encoders is there.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: float,
        quality: int,
        encoders: tuple[str, ...] = ENCODERS,
        *,
        options: Mapping[str, str] | None = None,
        pixel_aspect: float = 1.0,
        name: str = "",
    ) -> None:
        self.path, self.name = path, name or path.name
        self._tick = CLOCK // 1000 if path.suffix.lower() in (".mkv", ".webm") else 1  # Matroska counts milliseconds
        self._last = -self._tick
        self._first = size
        self._options = dict(options or {})
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        problems: list[str] = []
        for side in (SIDE, SMALLER) if max(size) > SMALLER else (SIDE,):
            self.size = _encodable(size, side)
            if self._start(rate, quality, encoders, pixel_aspect, problems):
                if problems:
                    log.info("%s is encoded with %s, for want of %s", self.name, self.encoder, ", ".join(problems))
                if min(self.size[0] - size[0], self.size[1] - size[1]) < 0:
                    log.warning(
                        "%s: pictures of %dx%d are too large for the encoder %s and are drawn at %dx%d",
                        self.name,
                        *size,
                        self.encoder,
                        *self.size,
                    )
                return
        raise MissingDependencyError(
            f"Writing video needs an encoder that works; here none does: {', '.join(problems)}. Install PyAV's wheel."
        )

    def _start(
        self, rate: float, quality: int, encoders: tuple[str, ...], pixel_aspect: float, problems: list[str]
    ) -> bool:
        """Open the file with the first encoder that takes the size; tell what is wrong with the others."""
        for name in encoders:
            self._container = container = self._opened()
            try:
                self._stream = self._started(container, name, rate, quality, pixel_aspect)
            except (FFmpegError, ValueError) as error:  # this build lacks it, or it lacks its device
                self._abandon()
                problems.append(f"{name} ({reason(error)})")
                continue
            self.encoder = name
            return True
        return False

    def _opened(self) -> OutputContainer:
        # The index in front; elsewhere nothing drawn by lot, as Matroska's ids are: the same run writes the same bytes.
        in_front = self.path.suffix.lower() in (".mp4", ".mov")
        options = {"movflags": "+faststart"} if in_front else {"fflags": "+bitexact"}
        try:
            return av.open(ffmpeg_path(self.path), "w", options=options)
        except (FFmpegError, OSError, ValueError) as error:
            raise _as_os_error(error) from error

    def _started(
        self, container: OutputContainer, encoder: str, rate: float, quality: int, pixel_aspect: float
    ) -> VideoStream:
        stream: Any = container.add_stream(encoder, rate=_fraction(rate))
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, CLOCK)
        context.color_range, context.colorspace = 1, 6  # as cv2 converts: limited range, ITU-R BT.601
        context.color_primaries, context.color_trc = 6, 6
        if pixel_aspect != 1.0:
            context.sample_aspect_ratio = Fraction(pixel_aspect).limit_denominator(255)
        if encoder == "libx264":
            stream.options = {"preset": "veryfast", "crf": str(quality)}
        elif encoder in WEB_ENCODERS:
            context.bit_rate = 0 if encoder == "libvpx-vp9" else round(self.size[0] * self.size[1] * rate * 0.15)
            stream.options = {"deadline": "realtime", "cpu-used": "7", "row-mt": "1", "crf": str(min(quality + 8, 63))}
        else:
            context.bit_rate = round(self.size[0] * self.size[1] * rate * 0.15)
        stream.options = {**stream.options, **self._options}
        context.open()
        return cast("VideoStream", stream)

    def write(self, image: npt.NDArray[np.uint8], seconds: float) -> None:
        """Encode one picture, shown from ``seconds`` on.

        Raises:
            OSError: The file cannot be written; a full disk, say.
            SinkError: The encoder refuses the picture.
        """
        planes = cv2.cvtColor(self._fitted(image), cv2.COLOR_RGB2YUV_I420)
        frame = VideoFrame.from_numpy_buffer(np.asarray(planes, np.uint8), format="yuv420p")
        self._last = max(self._last + self._tick, round(seconds * CLOCK))
        frame.pts, frame.time_base = self._last, Fraction(1, CLOCK)
        try:
            self._mux(frame)
        except SinkError:
            raise
        except (FFmpegError, OSError) as error:
            self._abandon()
            raise _as_os_error(error) from error

    def close(self) -> None:
        """Write what the encoder still holds, and the index.

        Raises:
            OSError: The file cannot be written.
            SinkError: The encoder cannot finish.
        """
        if self._container is None:
            return
        try:
            self._mux(None)
            self._container.close()
            self._container = None
        except SinkError:
            raise
        except (FFmpegError, OSError) as error:
            self._abandon()
            raise _as_os_error(error) from error

    def _mux(self, frame: VideoFrame | None) -> None:
        if self._container is None or self._stream is None:
            message = "the video is closed already"
            raise ValueError(message)
        try:
            packets = self._stream.encode(frame)
        except (FFmpegError, ValueError) as error:
            self._abandon()
            refused = SinkError(
                f"{self.name} cannot be encoded: {self.encoder} refuses pictures of {self.size[0]}x{self.size[1]} "
                f"({reason(error)}). Choose another encoder, or leave out this output."
            )
            raise refused from error
        self._container.mux(packets)

    def _abandon(self) -> None:
        """Let go of a file that cannot be finished."""
        container, self._container = self._container, None
        if container is not None:
            try:
                container.close()
            except (FFmpegError, OSError) as error:
                log.debug("%s: %s", self.path, error)

    def _fitted(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Bring a picture to the video's size: padded or scaled; with bars where it has another shape."""
        height, width = image.shape[:2]
        if (width, height) == self.size:
            return image
        if (width, height) != self._first:
            return fit_picture(image, self.size)
        spare = self.size[0] - width, self.size[1] - height
        if min(spare) < 0:
            return np.asarray(cv2.resize(image, self.size, interpolation=cv2.INTER_AREA), np.uint8)
        edge = cv2.copyMakeBorder(image, 0, spare[1], 0, spare[0], cv2.BORDER_REPLICATE)
        return np.asarray(edge, np.uint8)


def _encodable(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the even size, of the same shape, at which pictures can be encoded."""
    width, height = size
    scale = min(1.0, side / max(size), (AREA / (width * height)) ** 0.5)
    if scale < 1.0:
        width, height = int(width * scale) // 2 * 2, int(height * scale) // 2 * 2
    return max(LEAST, width + width % 2), max(LEAST, height + height % 2)


def _fraction(rate: float) -> Fraction:
    """Return a rate as containers state it; below one a second, as 1 / n."""
    rate = min(rate, FASTEST)
    return Fraction(rate).limit_denominator(1001) if rate >= 1 else Fraction(1, round(1 / rate))


def _as_os_error(error: Exception) -> OSError:
    """Return what FFmpeg says about a file as the error that Python would raise."""
    return OSError(getattr(error, "errno", None) or 0, reason(error))
