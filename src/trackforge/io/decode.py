"""What files and cameras have in common: opening through PyAV, and turning pictures into arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from trackforge.errors import SourceError
from trackforge.intake.addresses import is_address, shown_address, without_secrets

__all__ = ["Converter", "Damage", "Readable", "ffmpeg_path", "open_video", "pictures", "rate_of"]


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
    """Open a file, device or URL and return the container with its first video stream.

    Args:
        address: A path, an address, or with ``form`` the name of a device.
        file: Where to read from instead; then the address serves messages only.
        form: FFmpeg's name of the format or device kind; None to detect it.
        options: FFmpeg options.
        timeout: Seconds to wait for an answer, and later for data.
        threads: ``"AUTO"`` decodes whole frames in parallel, ``"SLICE"`` adds no delay.
        advice: What to do where it cannot be opened.

    Raises:
        SourceError: It cannot be opened, or holds no video.
    """
    shown, given = shown_address(address), file or (address if form else ffmpeg_path(address))
    try:
        container = av.open(given, "r", format=form, options=dict(options or {}), timeout=timeout)
    except (FFmpegError, OSError) as error:
        problem = SourceError(f"{shown} cannot be opened as video: {without_secrets(reason(error))}. {advice}")
        raise problem from (error if shown == address else None)  # FFmpeg's error repeats the address
    if not container.streams.video:
        container.close()
        raise SourceError(f"{shown} must hold video; it holds none. {advice}")
    stream = container.streams.video[0]
    stream.thread_type = threads
    return container, stream


def reason(error: BaseException) -> str:
    """Return FFmpeg's own words, without error number and path."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def rate_of(stream: VideoStream) -> float | None:
    """Return the frames per second that a stream states, or None."""
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else None


class Damage(NamedTuple):
    """Why a picture cannot be had; ``last`` where no more can follow."""

    why: str
    last: bool = False


def pictures(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame | Damage]:
    """Yield every picture in order of presentation; for one that is damaged, a `Damage` instead.

    A demuxer that fails ends the iteration, after the pictures that came before it and a last Damage: what follows
    cannot be found any more.
    """
    packets = container.demux(stream)
    problem = ""
    while not problem:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (FFmpegError, OSError) as error:
            problem = reason(error)
            packet = cast("Packet[VideoStream]", Packet())  # an empty one, to get what the decoder still holds
            packet.stream, packet.time_base = stream, cast("Fraction", stream.time_base)
        try:
            decoded = packet.decode()
        except FFmpegError as error:
            yield Damage(reason(error))
            continue
        for picture in decoded:
            yield Damage("the picture is damaged") if picture.is_corrupt else picture
    yield Damage(problem, last=True)


class Converter:
    """Turns decoded pictures into upright RGB uint8 ``(H, W, 3)`` arrays, the same bytes as OpenCV would give.

    One object serves one sequence: a scaler set up for every frame, as ``VideoFrame.to_ndarray(format="rgb24")`` does,
    takes five times as long as the conversion itself.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, picture: VideoFrame) -> npt.NDArray[np.uint8]:
        """Convert one picture, turned as its metadata asks for."""
        image: Any = self._reformatter.reformat(picture, format="rgb24").to_ndarray()
        turns = round(picture.rotation / 90) % 4  # counterclockwise, as np.rot90 counts
        return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
