"""Writing GIFs, through PyAV: small moving pictures for pages that show no video."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from trackforge.errors import SinkError
from trackforge.io.decode import ffmpeg_path, reason

__all__ = ["GifWriter"]

log = logging.getLogger(__name__)
SIDE = 480
"""Longest side in pixels: GIF packs so badly that larger ones are of no use."""
RATE = 12.5
"""Most pictures a second; what comes between is left out."""
CLOCK = 100
"""Ticks a second, as the format counts."""


class GifWriter:
    """Encodes RGB pictures, each with its own time and its own 256 colours, into a GIF that repeats.

    Pictures are scaled down to a longest side of 480 pixels, and of more than 12.5 a second some are left out; both is
    said. Times stay true to 1/100 s.

    Args:
        path: Where to write.
        size: ``(width, height)`` of the first picture; others are brought to it.
        pixel_aspect: Width of a pixel over its height; the pictures are stretched by it, as the format cannot say it.
        name: What to call the file in messages.

    Attributes:
        size: ``(width, height)`` of the GIF.

    Raises:
        OSError: The file cannot be written.
    """

    encoder = "gif"

    def __init__(self, path: Path, size: tuple[int, int], *, pixel_aspect: float = 1.0, name: str = "") -> None:
        self.path, self.name = path, name or path.name
        width, height = size[0] * max(pixel_aspect, 1.0), size[1] / min(pixel_aspect, 1.0)
        scale = min(1.0, SIDE / max(width, height))
        self.size = max(1, round(width * scale)), max(1, round(height * scale))
        if scale < 1:
            log.info("%s: pictures are drawn at %dx%d", self.name, *self.size)
        self._last: int | None = None
        self._told = False
        self._graph: Graph | None = None
        try:
            self._container: Any = av.open(ffmpeg_path(path), "w", format="gif")
            self._stream: Any = self._container.add_stream("gif", rate=CLOCK)
        except (FFmpegError, OSError, ValueError) as error:
            raise OSError(getattr(error, "errno", None) or 0, reason(error)) from error
        self._stream.width, self._stream.height = self.size
        self._stream.pix_fmt = "pal8"
        self._stream.codec_context.time_base = Fraction(1, CLOCK)

    def write(self, image: npt.NDArray[np.uint8], seconds: float) -> None:
        """Encode one picture, shown from ``seconds`` on.

        Raises:
            OSError: The file cannot be written; a full disk, say.
        """
        tick = round(seconds * CLOCK)
        if self._last is not None and tick - self._last < CLOCK / RATE:
            if not self._told:
                self._told = True
                log.info("%s shows at most %g pictures a second", self.name, RATE)
            return
        self._last = tick
        if (image.shape[1], image.shape[0]) != self.size:
            image = np.asarray(cv2.resize(image, self.size, interpolation=cv2.INTER_AREA), np.uint8)
        frame = VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = tick, Fraction(1, CLOCK)
        try:
            self._graph = self._graph or self._filters()
            self._graph.push(frame)
            reduced: Any = self._graph.pull()
            reduced.pts, reduced.time_base = tick, Fraction(1, CLOCK)
            self._container.mux(self._stream.encode(reduced))
        except (FFmpegError, OSError, ValueError) as error:
            raise OSError(getattr(error, "errno", None) or 0, reason(error)) from error

    def close(self) -> None:
        """Write what the encoder still holds.

        Raises:
            OSError: The file cannot be written.
            SinkError: The encoder cannot finish.
        """
        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.mux(self._stream.encode(None))
        except ValueError as error:
            raise SinkError(f"{self.name} cannot be finished: {reason(error)}. Leave out this output.") from error
        except (FFmpegError, OSError) as error:
            raise OSError(getattr(error, "errno", None) or 0, reason(error)) from error
        finally:
            container.close()

    def _filters(self) -> Graph:
        """Give every picture the 256 colours that suit it best."""
        graph = Graph()
        source = graph.add_buffer(
            width=self.size[0], height=self.size[1], format=VideoFormat("rgb24"), time_base=Fraction(1, CLOCK)
        )
        split, palette = graph.add("split"), graph.add("palettegen", "stats_mode=single")
        use, sink = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4"), graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(palette, 1, 0)
        palette.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        return graph
