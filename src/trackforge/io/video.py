"""Frames of video files, through PyAV."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from av.container import InputContainer
from av.video.stream import VideoStream

from trackforge.config import check, setting
from trackforge.errors import SourceError, did_you_mean
from trackforge.intake.addresses import STDIN, is_address, shown_address
from trackforge.io.decode import Converter, Damage, pictures, rate_of
from trackforge.io.fitting import Steady
from trackforge.io.opening import Opening, name_of
from trackforge.io.timeline import Timeline
from trackforge.types import Frame, Stream

__all__ = ["VideoSource", "VideoSourceConfig"]

log = logging.getLogger(__name__)
TOLERANCE = 0.005
"""Share of the stated frames that may be missing before a file counts as damaged: headers are often off by one."""


@dataclass(frozen=True, kw_only=True)
class VideoSourceConfig:
    """Settings of `VideoSource`."""

    path: str | Path = setting(help="Video file, address of one, or a pipe; - for standard input.")
    start: int = setting(0, help="First frame to give.", unit="frames", minimum=0)
    stop: int | None = setting(None, help="Frame to stop before; none for the end.", unit="frames", minimum=0)
    stride: int = setting(1, help="Give every n-th frame.", unit="frames", minimum=1)
    on_corrupt: Literal["skip", "stop"] = setting(
        "skip", help="Damaged frames are skipped, counted and logged once, or stop the run with an error."
    )

    def __post_init__(self) -> None:
        check(self)


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

    Raises:
        SourceError: The file is missing, empty or no video.
    """

    def __init__(self, config: VideoSourceConfig, opening: Opening | None = None) -> None:
        self.config = config
        self.path = shown_address(str(config.path))
        self.name = name_of(str(config.path))
        self.skipped = 0
        self._round = 0
        _check_file(str(config.path))
        self._opening = opening or Opening(str(config.path))
        with self._opening.look() as (container, stream):
            self.rate = rate_of(stream)
            self._stated = stream.frames
            self._seconds = _duration(container, stream)
            # mp4 edit lists may hide frames that the header counts, so fewer there prove nothing
            self._exact = not container.format.name.startswith("mov")
            self._timed = container.format.name != "avi"  # which stores an order of decoding, but no times

    @property
    def stream(self) -> Stream:
        """Name, rate and length as the file states them, or as its duration suggests; the size is the first frame's.

        Of a pipe only the end tells the length.
        """
        return Stream(name=self.name, rate=self.rate, length=None if self._opening.once else self._length())

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
        total = self._stated or round((self._seconds or 0) * (self.rate or 0))
        return len(range(total)[self.config.start : self.config.stop : self.config.stride]) if total else None

    def __iter__(self) -> Iterator[Frame]:
        """Decode from the first frame.

        Raises:
            SourceError: Nothing can be decoded; or, with ``on_corrupt="stop"``, a frame is damaged or the end missing.
        """
        self.skipped = 0
        this = self._round
        first, stop, stride = self.config.start, self.config.stop, self.config.stride
        container, stream = self._opening.take()
        convert, steady = Converter(), Steady(self.name)
        origin = float((stream.start_time or 0) * (stream.time_base or 0))
        timeline = Timeline(self.name, self.rate, origin=origin)
        index, last = 0, 0.0
        with container:
            for index, picture in enumerate(pictures(container, stream), start=1):
                at = index - 1
                if this != self._round or (stop is not None and at >= stop):
                    return
                if isinstance(picture, Damage):
                    self._lose(at, picture.why)
                    continue
                last = timeline.place(at, picture.time if self._timed and picture.pts is not None else None)
                if at >= first and (at - first) % stride == 0:
                    yield Frame(index=at, image=steady(convert(picture)), timestamp=last, sequence=self.name)
        self._check_end(index, last)

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

    def _check_end(self, seen: int, last: float) -> None:
        """Tell of a file that ends before its header says."""
        if seen == self.skipped:
            raise SourceError(f"{self.path} must hold frames that can be decoded; none of {seen} can. Repair the file.")
        missing = self._stated - seen if self._exact else 0
        if self._seconds and self.rate:
            missing = max(missing, round((self._seconds - last) * self.rate) - 1)
        if missing <= 1 + TOLERANCE * (seen + missing):
            return
        message = f"{self.path} is cut short or damaged: about {missing} of its {seen + missing} frames are missing"
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


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None  # PyAV counts microseconds
