"""Frames of video files, through PyAV."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from trackforge.config import check, setting
from trackforge.errors import ConfigError, SourceError, did_you_mean
from trackforge.intake.addresses import STDIN, is_address, source_name
from trackforge.intake.reading import reading
from trackforge.io.completeness import Promise
from trackforge.io.decode import Damage, Extent, pixel_aspect, reason
from trackforge.io.fitting import Steady
from trackforge.io.opening import Opening
from trackforge.io.rgb import Converter
from trackforge.io.seeking import Landing, counted, land
from trackforge.io.starting import parse_start
from trackforge.io.streams import rate_of, start_of
from trackforge.io.timeline import Timeline
from trackforge.types import Frame, Stream

__all__ = ["VideoSource", "VideoSourceConfig"]

log = logging.getLogger(__name__)
WRAP = 2**33 / 90_000
"""Seconds that the stamps of MPEG streams count, 26.5 hours, before they begin again."""
TS_PACKET = 188
"""Bytes that a frame of an MPEG stream takes at the least."""
_DURATION = re.compile(r"(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,9})?)")


@dataclass(frozen=True, kw_only=True)
class VideoSourceConfig:
    """Settings of `VideoSource`."""

    path: str | Path = setting(help="Video file, address of one, or a pipe; - for standard input.")
    start: str | int = setting(0, help="First frame to give, by its number, or by its time: 1:30, 90s.", minimum=0)
    stop: int | None = setting(None, help="Frame to stop before; none for the end.", unit="frames", minimum=0)
    stride: int = setting(1, help="Give every n-th frame.", unit="frames", minimum=1)
    on_corrupt: Literal["skip", "stop"] = setting(
        "skip", help="Damaged frames are skipped, counted and logged once, or stop the run with an error."
    )

    def __post_init__(self) -> None:
        check(self)
        try:
            parse_start(self.start)
        except ConfigError as error:
            raise ConfigError(f"{type(self).__name__}.{error}") from None


class VideoSource:
    """Frames of a video file, RGB, upright.

    ``frame.index`` is the position in the file whatever ``start`` and ``stride`` are, and a frame that cannot be
    decoded leaves a gap, so that results line up with annotations of the file. Timestamps are the file's, mended where
    they do not increase (`trackforge.io.timeline`). Every iteration starts anew; a pipe can be read
    once. Pictures that change their size are scaled into the first one's.

    Attributes:
        name: The file's name without its ending.
        rate: Frames per second, or None where the file does not say.
        skipped: Damaged frames left out by the latest iteration.
        lack: What the latest iteration missed at the end, where the film is cut short; empty where it is whole.

    Raises:
        SourceError: The file is missing, empty or no video.
    """

    def __init__(self, config: VideoSourceConfig, opening: Opening | None = None) -> None:
        self.config = config
        self.name = source_name(str(config.path))
        self.skipped, self.lack = 0, ""
        self._round = 0
        _check_file(str(config.path))
        self._opening = opening or Opening(str(config.path))
        self.path = self._opening.shown
        with reading(self.path, "A video"), self._opening.look() as (container, stream):
            self.rate = rate_of(stream)
            self._stated = stream.frames
            self._seconds = _duration(container, stream)
            if container.format.name.startswith("mov"):  # of a film in fragments, the first one's are stated
                left = getattr(stream, "index_entries", None)  # by an edit list
                self._stated = min(self._stated, len(left)) if left is not None else self._stated
                self._stated = max(self._stated, round((self._seconds or 0) * float(stream.average_rate or 0)))
            self._most = (container.size or 0) // TS_PACKET if _wrap(container) else None
            self._pixel_aspect = pixel_aspect(container, stream)

    @property
    def stream(self) -> Stream:
        """Name, rate, length and shape of a pixel as the file states them; the size is the first frame's.

        Where no length is stated, it is what the duration suggests; of a pipe only the end tells it.
        """
        length = None if self._opening.once else self._length()
        total = None if length is None else self._total()
        return Stream(
            name=self.name,
            rate=self.rate,
            length=length,
            total=None if total == length else total,
            pixel_aspect=self._pixel_aspect,
        )

    def __len__(self) -> int:
        """Frames to come: as the file states, or else as its duration and rate suggest.

        Raises:
            TypeError: The file tells neither.
        """
        length = self._length()
        if length is None:
            message = f"{self.path} does not say how many frames it holds."
            raise TypeError(message)
        return length

    def _length(self) -> int | None:
        total = self._total()
        first = parse_start(self.config.start)
        if isinstance(first, float):
            if not self.rate:
                return None
            first = math.ceil(first * self.rate - 1e-6)
        return total and len(range(total)[first : self.config.stop : self.config.stride])

    def _total(self) -> int | None:
        total = self._stated or round((self._seconds or 0) * (self.rate or 0))
        if self._most is not None and total > self._most:  # FFmpeg's guess from the last stamp of joined streams
            return None
        return total or None

    def __iter__(self) -> Iterator[Frame]:
        """Decode from the first frame that is to be given; what comes before is decoded only where nothing else tells.

        Raises:
            SourceError: Nothing can be decoded; or, with ``on_corrupt="stop"``, a frame is damaged or the end missing.
        """
        self.skipped, self.lack = 0, ""
        this = self._round
        first, stop, stride = parse_start(self.config.start), self.config.stop, self.config.stride
        container, stream, landing, extent = self._enter(first)
        convert, steady = Converter(self.name), Steady(self.name)
        promise = Promise.of(container, stream)
        timeline = Timeline(self.name, self.rate, origin=start_of(stream), wrap=_wrap(container))
        index, end, given = 0, "", 0
        for at, stamp in enumerate(landing.stamps if landing else ()):
            timeline.place(at, float(stamp * stream.time_base) if stream.time_base else None)
        begun: int | None = None
        with reading(self.path, "A video"), container:
            for at, picture in counted(container, stream, extent, landing):
                index = at + 1
                if this != self._round or (stop is not None and at >= stop):
                    return
                if isinstance(picture, Damage):
                    if picture.last:
                        end, index = picture.why, at
                    else:
                        self._lose(at, picture.why)
                    continue
                seconds = timeline.place(at, None if picture.pts is None else picture.time)
                if begun is None and (at < first if isinstance(first, int) else seconds < first - 1e-9):
                    continue
                begun = (first if isinstance(first, int) else at) if begun is None else begun
                if (at - begun) % stride:
                    continue
                try:
                    image = steady(convert(picture))
                except (FFmpegError, ValueError) as error:  # a format that nobody can convert
                    self._lose(at, reason(error))
                    continue
                given += 1
                yield Frame(index=at, image=image, timestamp=seconds, sequence=self.name)
        if index > self.skipped and not given and begun is None:
            log.warning("%s: none of its %d frames is given; start is %s", self.path, index, self.config.start)
        self._check_end(index, promise.lack(extent, index, self.rate), end)

    def _enter(self, first: int | float) -> tuple[InputContainer, VideoStream, Landing | None, Extent]:
        """Open the film, and go to where it is to begin if that can be done without decoding."""
        extent = Extent()
        container, stream = self._opening.take()
        if not first or self._opening.once or is_address(str(self.config.path)):
            return container, stream, None, extent
        landing = None
        try:
            landing = land(container, stream, first, extent)
        finally:
            if landing is None:
                container.close()
        if landing is None:
            return (*self._opening.open(), None, Extent())
        return container, stream, landing, extent

    def close(self) -> None:
        """End iterations under way, at their next frame."""
        self._round += 1
        self._opening.close()

    def _lose(self, index: int, why: str) -> None:
        if self.config.on_corrupt == "stop":
            raise SourceError(
                f"{self.path}: frame {index} cannot be decoded: {why}. Repair the file, or set on_corrupt='skip'."
            )
        if not self.skipped:
            log.warning(
                "%s: frame %d cannot be decoded (%s) and is skipped; further ones are only counted",
                self.path,
                index,
                why,
            )
        self.skipped += 1

    def _check_end(self, seen: int, lack: str, problem: str) -> None:
        """Tell of a file that cannot be read to the end that its header states."""
        if seen == self.skipped:
            why = f" ({problem})" if problem and not seen else ""
            advice = self._opening.advice if self._opening.once else "Repair the file."
            raise SourceError(f"{self.path} must hold frames that can be decoded; none of {seen} can{why}. {advice}")
        if not lack and not problem:
            return
        self.lack = lack or f"after frame {seen - 1}, {problem}"
        message = f"{self.path} is cut short or damaged: {self.lack}"
        if self.config.on_corrupt == "stop":
            raise SourceError(f"{message}. Repair the file, or set on_corrupt='skip'.")
        log.warning("%s", message)


def _check_file(path: str) -> None:
    if path in STDIN or is_address(path):
        return
    file = Path(path)
    if file.is_dir():
        raise SourceError(f"A video must be a file; {path} is a folder. Use the source 'images' for folders.")
    if not file.exists():
        near = did_you_mean(file.name, [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else [])
        raise SourceError(f"A video file must exist; {path} does not.{near}")
    if file.is_file() and not file.stat().st_size:
        raise SourceError(f"A video file must hold something; {path} is empty. Copy it again.")


def _wrap(container: InputContainer) -> float | None:
    """Return the seconds after which the stamps of a format begin again at 0, or None."""
    return WRAP if container.format.name in ("mpegts", "mpeg") else None


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Return the seconds that the pictures take, as stated for them or else for the whole."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    stated = _DURATION.fullmatch(next((v for k, v in stream.metadata.items() if k.upper().startswith("DURATION")), ""))
    if stated:  # as Matroska keeps it for each stream
        hours, minutes, seconds = map(float, stated.groups())
        return 3600 * hours + 60 * minutes + seconds - start_of(stream)
    return container.duration / 1e6 if container.duration else None  # PyAV counts microseconds
