"""What files and cameras have in common: opening through PyAV, the stream that is meant, its pictures in time."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from trackforge.errors import SourceError
from trackforge.intake.addresses import is_address, shown_address, without_secrets
from trackforge.intake.limits import check_limit, limits
from trackforge.io.aside import aside
from trackforge.io.rgb import display_matrix
from trackforge.io.streams import chosen_stream, has_clock, leave_others, only_ordered
from trackforge.io.upright import exchanges_sides

__all__ = [
    "Damage",
    "Extent",
    "Readable",
    "ffmpeg_path",
    "open_video",
    "pictures",
    "pixel_aspect",
    "reason",
]

LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""For titles that are not UTF-8, which cameras and old programs write; PyAV 19 takes them without being told."""
JOINED = {"merge_pmt_versions": "1"}
"""So that the parts of a joined transport stream are one stream, though their programs number theirs differently."""
AGAIN = {"multiple_requests": "1"}
"""For films on web servers: with a connection for each part that it reads, FFmpeg 8 may lose the first pictures."""
OBLONG = 8.0
"""Widths of a pixel in heights above which they are an error of the file."""


class Readable(Protocol):
    """What FFmpeg can read from, beside files and addresses: the end of a pipe."""

    def read(self, size: int, /) -> bytes:
        """Return some bytes, at most ``size``; none at the end."""


def ffmpeg_path(path: str | Path) -> str:
    """Return a path as FFmpeg takes it for one, whatever it holds: ``12:30.mp4`` would be a protocol to it.

    >>> ffmpeg_path("12:30.mp4"), ffmpeg_path("HTTP://host/a.mp4")
    ('file:12:30.mp4', 'http://host/a.mp4')
    """
    if not is_address(str(path)):
        return f"file:{path}"
    scheme, rest = str(path).split("://", 1)
    return f"{scheme.lower()}://{rest}"  # the only case that FFmpeg knows


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
    """Open a file, device or URL and return the container with the video stream that is meant.

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

    def reach() -> InputContainer:
        web = str(given).startswith(("http://", "https://"))
        asked = JOINED | (AGAIN if web else {}) | dict(options or {})
        opened: InputContainer = av.open(given, "r", format=form, options=asked, timeout=timeout, **LENIENT)
        return opened

    try:
        container = aside(reach) if is_address(address) else reach()
    except (FFmpegError, OSError, ValueError) as error:
        problem = SourceError(f"{shown} cannot be opened as video: {reason(error)}. {advice}")
        raise problem from (error if shown == address else None)  # FFmpeg's error repeats the address
    try:
        stream = chosen_stream(container, shown, advice)
        check_limit("pixels", stream.width * stream.height, "A frame's width times height", path=shown)
        # for pictures that are larger than the header says
        stream.codec_context.options = {"max_pixels": str(min(limits().pixels, 2**31 - 1))}
        stream.thread_type = threads
        if is_address(address):
            leave_others(container, stream)
    except BaseException:
        container.close()
        raise
    return container, stream


def reason(error: BaseException) -> str:
    """Return FFmpeg's own words, without error number, path and secrets."""
    words = without_secrets(str(getattr(error, "strerror", None) or error)).rstrip(".")
    return "nothing came in time" if words == "Immediate exit requested" else words


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
        if ours and stamp is not None:
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
        if not ours or (not packet.size and packet.dts is not None):
            continue  # an empty packet amid others repeats a picture; the decoder would take it for the end
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
