"""What files and cameras have in common: opening through PyAV, and turning pictures into arrays."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from trackforge.errors import SourceError
from trackforge.intake.addresses import is_address, shown_address, without_secrets
from trackforge.intake.limits import check_limit, limits
from trackforge.io.levels import Levels
from trackforge.io.upright import deinterlaced, exchanges_sides, turned

__all__ = [
    "Converter",
    "Damage",
    "Extent",
    "Readable",
    "ffmpeg_path",
    "has_clock",
    "open_video",
    "pictures",
    "pixel_aspect",
    "rate_of",
]


class Readable(Protocol):
    """What FFmpeg can read from, beside files and addresses: the end of a pipe."""

    def read(self, size: int, /) -> bytes:
        """Return some bytes, at most ``size``; none at the end."""


def ffmpeg_path(path: str | Path) -> str:
    """Return a path as FFmpeg takes it for one, whatever it holds: ``12:30.mp4`` would be a protocol to it.

    >>> ffmpeg_path("12:30.mp4"), ffmpeg_path("http://host/a.mp4")
    ('file:12:30.mp4', 'http://host/a.mp4')
    """
    return str(path) if is_address(str(path)) else f"file:{path}"


log = logging.getLogger(__name__)
LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""For titles that are not UTF-8, which cameras and old programs write; PyAV 19 takes them without being told."""
COVERS = Disposition.attached_pic | Disposition.timed_thumbnails
OBLONG = 8.0
"""Widths of a pixel in heights above which they are an error of the file."""
STILLS = frozenset({"bmp", "gif", "mjpeg", "png", "tiff", "webp"})
"""Codecs of pictures: in a container with several streams more often a cover or a preview than the film."""


def open_video(
    address: str,
    *,
    file: Readable | None = None,
    form: str | None = None,
    options: Mapping[str, str] | None = None,
    timeout: float | None = None,
    threads: Literal["AUTO", "SLICE"] = "AUTO",
    advice: str = "Name a video that plays.",
) -> tuple[InputContainer, VideoStream]:
    """Open a file, device or URL and return the container with its video stream.

    Of several video streams the one is taken that is no cover picture, is marked as the default, is coded as film
    rather than as pictures, and has the most pixels, in this order; among equals the one that FFmpeg thinks best.

    Args:
        address: A path, an address, or with ``form`` the name of a device.
        file: Where to read from instead; then the address serves messages only.
        form: FFmpeg's name of the format or device kind; None to detect it.
        options: FFmpeg options.
        timeout: Seconds to wait for an answer, and later for data.
        threads: ``"AUTO"`` decodes whole frames in parallel, ``"SLICE"`` adds no delay.
        advice: What to do where it cannot be opened.

    Raises:
        SourceError: It cannot be opened, or holds no video that can be decoded.
        DataError: Its pictures are larger than the limit ``pixels``.
    """
    shown, given = shown_address(address), file or (address if form else ffmpeg_path(address))
    try:
        container = av.open(given, "r", format=form, options=dict(options or {}), timeout=timeout, **LENIENT)
    except (FFmpegError, OSError, ValueError) as error:
        problem = SourceError(f"{shown} cannot be opened as video: {reason(error)}. {advice}")
        raise problem from (error if shown == address else None)  # FFmpeg's error repeats the address
    try:
        stream = _chosen(container, shown, advice)
        check_limit("pixels", stream.width * stream.height, "A frame's width times height", path=shown)
        # for pictures that are larger than the header says
        stream.codec_context.options = {"max_pixels": str(min(limits().pixels, 2**31 - 1))}
        stream.thread_type = threads
    except BaseException:
        container.close()
        raise
    return container, stream


def _chosen(container: InputContainer, shown: str, advice: str) -> VideoStream:
    """Return the stream that is meant by "the video"."""
    found = [stream for stream in container.streams.video if not stream.disposition & COVERS]
    if not found:
        apart = " but a cover picture" if container.streams.video else ""
        raise SourceError(f"{shown} must hold video; it holds none{apart}. {advice}")
    known = [stream for stream in found if stream.codec_context is not None]
    if not known:
        raise SourceError(
            f"{shown} must hold video that can be decoded; this build of FFmpeg does not know its codec. "
            "Convert it to H.264, or install a PyAV that knows it."
        )
    best = container.streams.best("video")

    def rank(stream: VideoStream) -> tuple[bool, bool, int, bool, int]:
        return (
            bool(stream.disposition & Disposition.default),
            stream.codec_context.name not in STILLS,
            stream.width * stream.height,
            best is not None and stream.index == best.index,
            -stream.index,
        )

    stream = max(known, key=rank)
    if len(found) > 1:
        log.info("%s holds %d video streams; number %d is taken", shown, len(found), stream.index)
    return stream


def reason(error: BaseException) -> str:
    """Return FFmpeg's own words, without error number, path and secrets."""
    return without_secrets(str(getattr(error, "strerror", None) or error)).rstrip(".")


def has_clock(container: InputContainer) -> bool:
    """Tell whether a format stores times: bare JPEGs and bare H.264 have none, and FFmpeg invents 25 a second."""
    flag: Any = Flags.no_timestamps
    return not container.format.flags & flag.value


def rate_of(stream: VideoStream) -> float | None:
    """Return the frames per second that a stream states, or None."""
    if has_clock(cast("InputContainer", stream.container)):
        rate = stream.average_rate or stream.guessed_rate
    else:
        rate = stream.codec_context.framerate
    return float(rate) if rate else None


def pixel_aspect(container: InputContainer, stream: VideoStream) -> float:
    """Return the width of a pixel over its height in upright pictures; 1 where nothing sensible is stated.

    Only the first picture tells whether the film is to be turned, so that width and height change places; it is decoded
    where pixels are not square and the film is a file, in which one can go back.
    """
    stated = stream.sample_aspect_ratio
    aspect = float(stated) if stated else 1.0
    if aspect == 1.0 or not 1 / OBLONG <= aspect <= OBLONG:
        return 1.0
    if not is_address(container.name) and (container.size or 0) > 0:
        with contextlib.suppress(FFmpegError, OSError):
            first = next((picture for picture in pictures(container, stream) if not isinstance(picture, Damage)), None)
            aspect = 1 / aspect if first is not None and exchanges_sides(display_matrix(first)) else aspect
            container.seek(0)
    return aspect


class Damage(NamedTuple):
    """Why a picture cannot be had; ``last`` where no more can follow."""

    why: str
    last: bool = False


@dataclass
class Extent:
    """How far a container was read.

    Attributes:
        packets: Packets of the video stream.
        places: Places of the video stream on its grid, the empty ones of an AVI counted.
        end: Second at which the last packet of any stream ends, by the container's clock; below 0 before the first.
    """

    packets: int = 0
    places: int = 0
    end: float = -1.0

    def add(self, packet: Packet[Any], *, ours: bool) -> None:
        """Take note of a packet."""
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is not None and packet.time_base is not None:
            self.end = max(self.end, float((stamp + (packet.duration or 0)) * packet.time_base))
        if ours and packet.size:
            self.packets += 1
            self.places = max(self.places, (packet.dts or 0) + 1)


def pictures(
    container: InputContainer, stream: VideoStream, extent: Extent | None = None
) -> Iterator[VideoFrame | Damage]:
    """Yield every picture in order of presentation; for one that is damaged, a `Damage` instead.

    A picture has the time that the container gives it. Where that stores none it has none, and in an AVI, which stores
    an order of decoding on a grid, the picture that is shown n-th has the n-th place that is not empty.

    A demuxer that fails ends the iteration, after the pictures that came before it and a last Damage: what follows
    cannot be found any more.

    Args:
        container: As `open_video` returned it.
        stream: As `open_video` returned it.
        extent: Is kept up to date with all that is read, sound included; None where nobody asks.
    """
    times = _Times(container, stream)
    packets = container.demux(stream) if extent is None else container.demux()
    problem = ""
    while not problem:
        try:
            packet = cast("Packet[VideoStream]", next(packets))
        except StopIteration:
            return
        except (FFmpegError, OSError) as error:
            problem = reason(error)
            packet = cast("Packet[VideoStream]", Packet())  # an empty one, to get what the decoder still holds
            packet.stream, packet.time_base = stream, cast("Fraction", stream.time_base)
        ours = packet.stream.index == stream.index  # its own index says nothing where it only flushes
        if extent is not None:
            extent.add(packet, ours=ours)
        if not ours:
            continue
        times.add(packet)
        try:
            decoded = packet.decode()
        except FFmpegError as error:
            times.lose()
            yield Damage(reason(error))
            continue
        for picture in decoded:
            times.put(picture)
            yield Damage("the picture is damaged") if picture.is_corrupt else picture
    yield Damage(problem, last=True)


class _Times:
    """Gives pictures the times that their container does not give them rightly."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._none = not has_clock(container)
        self._ordered = container.format.name == "avi" and bool(stream.codec_context.has_b_frames)
        self._places: deque[int] = deque()

    def add(self, packet: Packet[VideoStream]) -> None:
        if self._ordered and packet.size and packet.dts is not None:
            self._places.append(packet.dts)

    def lose(self) -> None:
        if self._places:
            self._places.popleft()

    def put(self, picture: VideoFrame) -> None:
        if self._none:
            picture.pts = None
        elif self._places:
            picture.pts = self._places.popleft()


class Converter:
    """Turns decoded pictures into upright RGB uint8 ``(H, W, 3)`` arrays, the same bytes as OpenCV would give.

    Grey pictures of more than 8 bits go through `trackforge.io.levels`; colours of more than 8 bits, whose format says
    what black and white are, keep their upper bits. Interlaced pictures lose their combs (`trackforge.io.upright`).

    One object serves one sequence: a scaler set up for every frame, as ``VideoFrame.to_ndarray(format="rgb24")`` does,
    takes five times as long as the conversion itself.

    Args:
        levels: For grey pictures of more than 8 bits, where they are shared; None for its own.
    """

    def __init__(self, levels: Levels | None = None) -> None:
        self._reformatter = VideoReformatter()
        self._levels = levels or Levels("The film")
        self._combed = False

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
                log.info("The film is interlaced: every second row becomes the middle of itself and its neighbours")
        return turned(image, display_matrix(picture))


def is_deep_grey(form: Any) -> bool:
    """Tell whether pictures of a format hold nothing but grey of more than 8 bits; not floats, whose range is known."""
    parts = form.components
    return len(parts) == 1 and parts[0].bits in range(9, 17) and str(form.name).startswith("gray")


def display_matrix(picture: VideoFrame) -> npt.NDArray[np.int32] | None:
    """Return the nine numbers of a picture's display matrix; None where it is to be shown as it is stored."""
    side = cast("Mapping[str, Any]", picture.side_data).get("DISPLAYMATRIX")
    return None if side is None or side.buffer_size != 36 else np.frombuffer(bytes(side), np.int32)
