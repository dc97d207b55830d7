"""What files and cameras have in common: opening through PyAV, the stream that is meant, its pictures in time."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from trackforge.errors import SourceError
from trackforge.intake.addresses import is_address, shown_address, without_secrets
from trackforge.intake.limits import check_limit, limits
from trackforge.io.rgb import display_matrix
from trackforge.io.upright import exchanges_sides

__all__ = [
    "Damage",
    "Extent",
    "Readable",
    "ffmpeg_path",
    "has_clock",
    "only_ordered",
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
LOOK = 500
"""Entries of a film's index to look at for its rate."""
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
            f"{shown} must hold video that can be decoded; this build of FFmpeg does not know its codec, or "
            "the file is damaged. Convert it to H.264."
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
    """Return the frames per second that a stream states, or None.

    It is the average, so that a film of uneven steps has one; but a last picture that is held for long does not count.
    """
    if not has_clock(cast("InputContainer", stream.container)):
        rate = stream.codec_context.framerate
        return float(rate) if rate else None
    average = float(stream.average_rate or stream.guessed_rate or 0)
    if average * 1.25 < float(stream.guessed_rate or 0):
        stamps = [entry.timestamp for entry in itertools.islice(getattr(stream, "index_entries", ()), LOOK)]
        step = float(np.median(np.diff(stamps)) * (stream.time_base or 0)) if len(stamps) > 2 else 0.0
        average = 1 / step if step > 0 else average
    return average or None


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
    problem, ended = "", False
    while not problem:
        try:
            packet = cast("Packet[VideoStream]", next(packets))
        except StopIteration:
            return
        except (FFmpegError, OSError, IndexError) as error:
            # PyAV fails at the end of a file in which streams came up that its beginning did not announce
            ended, problem = isinstance(error, IndexError), reason(error)
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
    if not ended:
        yield Damage(problem, last=True)


def only_ordered(container: InputContainer, stream: VideoStream) -> bool:
    """Tell whether a container stores an order of decoding that is not that of presentation, and nothing else."""
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames)


class _Times:
    """Gives pictures the times that their container does not give them rightly."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._none = not has_clock(container)
        self._ordered = only_ordered(container, stream)
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
