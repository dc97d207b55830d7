"""Frames of cameras and network streams, through PyAV."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Literal, TypeAlias

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from trackforge.config import check, setting
from trackforge.errors import ConfigError, SourceError
from trackforge.intake.addresses import shown_address
from trackforge.io.absence import Absence
from trackforge.io.decode import Damage, pictures, pixel_aspect
from trackforge.io.devices import device, device_name
from trackforge.io.fitting import Steady
from trackforge.io.newest import Newest
from trackforge.io.opening import Opening, is_finite
from trackforge.io.rgb import Converter
from trackforge.io.streams import rate_of
from trackforge.io.timeline import Timeline
from trackforge.io.video import VideoSource, VideoSourceConfig
from trackforge.types import Frame, Stream

__all__ = ["CameraSource", "CameraSourceConfig"]

log = logging.getLogger(__name__)
SHORTEST_INTERVAL = 0.01
"""Seconds between pictures of a camera that states no rate, at the least, where they have to be counted by time."""
Timed: TypeAlias = "tuple[int, float, VideoFrame]"
"""Index, seconds since the first, and picture."""
OF_FILES = ("start", "stop", "stride", "on_corrupt")
"""Settings that need frames that can be counted from the first."""


@dataclass(frozen=True, kw_only=True)
class CameraSourceConfig:
    """Settings of `CameraSource`."""

    path: str = setting(help="Device number (0), device file (/dev/video0) or address (rtsp://, http://, udp://, ...).")
    latest: bool = setting(
        True, help="Give only the newest frame, dropping what a slow consumer missed; otherwise every frame in order."
    )
    reconnect: int | None = setting(
        None,
        help="Attempts to reach a lost camera again; 0 ends with the stream, none for as many as patience allows.",
        minimum=0,
    )
    patience: float = setting(
        3600.0,
        help="Longest time to go on trying to reach a lost camera; inf for ever.",
        unit="s",
        minimum=0.0,
        infinite=True,
    )
    timeout: float = setting(10.0, help="Longest wait for an answer, and for a frame.", unit="s", minimum=0.1)
    options: tuple[str, ...] = setting((), help="Further FFmpeg options, each as key=value.")
    start: int = setting(0, help="Of a stream that ends: first frame to give.", unit="frames", minimum=0)
    stop: int | None = setting(
        None, help="Of a stream that ends: frame to stop before; none for the end.", unit="frames", minimum=0
    )
    stride: int = setting(1, help="Of a stream that ends: give every n-th frame.", unit="frames", minimum=1)
    on_corrupt: Literal["skip", "stop"] = setting(
        "skip", help="Of a stream that ends: damaged frames are skipped and counted, or stop the run with an error."
    )

    def __post_init__(self) -> None:
        check(self)
        for option in self.options:
            if "=" not in option:
                raise ConfigError(f"CameraSourceConfig.options must read key=value; got {option!r}.")


class CameraSource:
    """Frames of a camera or a network stream as they come, RGB, upright, all of the size of the first.

    What is live is found out from the stream. One that states its duration or length ends: a film behind an address, a
    playlist that is complete. It is read like a file, every frame of it (`VideoSource`). Any other is a camera's:

    * With ``latest`` a thread reads ahead and keeps only the newest frame, so that a slow consumer sees the present,
      with gaps in ``frame.index``.
    * A stream that breaks off is connected to again, after 1, 2, 4, ... seconds, for as long as ``reconnect`` and
      ``patience`` allow; the index then goes on by the frames that were probably missed.
    * Timestamps are seconds since the first frame, outages included, and increase whatever the camera's clock does
      (`trackforge.io.timeline`); pictures without a clock (multipart JPEG) count from when they arrive.

    Attributes:
        name: Of the sequence, from the address: without anything secret, and fit for a file.
        rate: Frames per second that the stream states, or None.
        live: Whether the stream has no end of its own.
        dropped: Frames that a slow consumer missed so far.
        reconnects: How often it broke off and came back.

    Raises:
        SourceError: The camera cannot be reached.
        ConfigError: It is live, and frames are to be counted from the first.
    """

    def __init__(self, config: CameraSourceConfig) -> None:
        self.config = config
        address, form = device(config.path)
        self.name = device_name(config.path)
        self.dropped = self._skipped = self.reconnects = 0
        self._shown = shown_address(config.path)
        self._closed = threading.Event()
        self._absence: Absence | None = None
        options = {"rtsp_transport": "tcp"} if address.lower().startswith(("rtsp://", "rtsps://")) else {}
        options |= dict(option.split("=", 1) for option in config.options)
        advice = "Check the address, and that nobody else uses the camera."
        self._opening = Opening(address, form=form, options=options, timeout=config.timeout, advice=advice, live=True)
        of_file = {key: getattr(config, key) for key in OF_FILES}
        self._film: VideoSource | None = None
        self._taken: Newest[Timed] | None = None
        with self._opening.look() as (container, stream):
            self.live = not is_finite(container, stream)
            self._opening.hurry(live=self.live)
            self.rate = rate_of(stream)
            self._pixel_aspect = pixel_aspect(container, stream)
            if self.live and of_file != {key: getattr(CameraSourceConfig, key) for key in OF_FILES}:
                raise ConfigError(
                    f"{', '.join(OF_FILES)} are for streams that end; {self._shown} is live. Leave them out."
                )
        if not self.live:
            self._film = VideoSource(VideoSourceConfig(path=address, **of_file), self._opening)
            self.name = self._film.name

    @property
    def stream(self) -> Stream:
        """Name, and the rate that the camera states; of a stream that ends also its length."""
        if self._film is not None:
            return self._film.stream
        return Stream(name=self.name, rate=self.rate, live=self.config.latest, pixel_aspect=self._pixel_aspect)

    @property
    def skipped(self) -> int:
        """Damaged frames left out so far."""
        return self._skipped if self._film is None else self._film.skipped

    @property
    def away(self) -> str | None:
        """What is wrong while the camera is away, without secrets; None while it is there."""
        absence = self._absence
        return None if absence is None else absence.problem or "the stream ended"

    def __iter__(self) -> Iterator[Frame]:
        """Give frames until the stream ends, or `close` is called.

        Raises:
            SourceError: The stream broke off and could not be reached again.
        """
        self._closed.clear()
        if self._film is not None:
            return iter(self._film)
        return self._newest() if self.config.latest else self._receive()

    def close(self) -> None:
        """End the iteration under way, and free the camera.

        With ``latest`` an iteration that waits for a frame ends at once, otherwise at the next frame or `timeout`.
        """
        self._closed.set()
        taken = self._taken
        if taken is not None:
            taken.end()
        self._opening.close()
        if self._film is not None:
            self._film.close()

    def _newest(self) -> Iterator[Frame]:
        """Give the newest frame, whenever asked, and tell at the end how many were missed."""
        newest, made = Newest(self._pictures(), f"camera {self.name}"), self._maker()
        self._taken = newest
        try:
            if self._closed.is_set():  # before it could be told
                newest.end()
            for picture in newest:
                self.dropped = newest.dropped
                yield made(picture)
        finally:
            newest.stop()
            self.dropped = newest.dropped
            if self.dropped:
                log.warning(
                    "%s: %d of %d frames were dropped, since newer ones came before they were asked for",
                    self.name,
                    self.dropped,
                    self.dropped + newest.taken,
                )

    def _receive(self) -> Iterator[Frame]:
        """Give every frame in order."""
        made = self._maker()
        for picture in self._pictures():
            yield made(picture)

    def _maker(self) -> Callable[[Timed], Frame]:
        """Return what makes frames of one size of pictures; it costs more than to decode them, so not for all."""
        convert, steady = Converter(self.name), Steady(self.name)

        def made(given: Timed) -> Frame:
            index, seconds, picture = given
            return Frame(index=index, image=steady(convert(picture)), timestamp=seconds, sequence=self.name)

        return made

    def _pictures(self) -> Iterator[Timed]:
        """Give every picture in order, over all connections, with its index and seconds."""
        index, begin, last = 0, 0.0, 0.0
        timeline = Timeline(self.name, self.rate)
        for container, stream in self._connections():
            timeline.rejoin()
            anew = index > 0
            for picture in self._intact(container, stream):
                now = time.monotonic()
                begin = begin if index else now
                seconds = timeline.place(index, None if picture.pts is None else picture.time, now - begin)
                missed = timeline.missed
                if anew and self.rate is None:
                    missed = round((now - last) / max(SHORTEST_INTERVAL, (last - begin) / index)) - 1
                index += max(0, missed)
                yield index, seconds, picture
                index, last, anew = index + 1, now, False

    def _intact(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Give the pictures of one connection that could be decoded."""
        problem = ""
        for picture in pictures(container, stream):
            if self._closed.is_set():
                return
            if not isinstance(picture, Damage):
                self._return()
                yield picture
            elif picture.last:
                problem = picture.why
            else:
                self._skipped += 1
        if self._absence is None:
            self._absence = Absence(problem)
            log.warning("%s: the stream ended%s%s", self._shown, problem and f": {problem}", self._hope())

    def _hope(self) -> str:
        """Say what follows when a stream ends."""
        attempts, patience = self.config.reconnect, self.config.patience
        if attempts is None:
            return "; trying to reach it again" + ("" if patience == inf else f" for {patience:g} s")
        return f"; trying to reach it again, {attempts} times" if attempts else ""

    def _return(self) -> None:
        """Take note of a picture: the camera is there."""
        if self._absence is not None:
            log.warning("%s: is back after %.0f s", self._shown, self._absence.seconds)
            self._absence, self.reconnects = None, self.reconnects + 1

    def _connections(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """Give one connection after the other until there is none."""
        self._absence = None
        opened: tuple[InputContainer, VideoStream] | None = self._opening.take()
        while opened is not None:
            with opened[0]:
                yield opened
            opened = None if self._closed.is_set() else self._reconnect()

    def _reconnect(self) -> tuple[InputContainer, VideoStream] | None:
        """Reach the camera again; a connection without a picture leaves the absence, and its pauses, as they are."""
        away, problem = self._absence or Absence(), None
        most = self.config.reconnect
        if most == 0:
            return None
        while (most is None or away.attempts < most) and not (away.attempts and away.seconds >= self.config.patience):
            if self._closed.wait(min(away.pause, max(0.0, self.config.patience - away.seconds))):
                return None
            away.try_again()
            try:
                opened = self._opening.open()
                if is_finite(*opened):  # the recording of a broadcast that is over, which was seen already
                    opened[0].close()
                    return None
                return opened
            except SourceError as error:
                problem, away.problem = error, str(error)
                log.info("%s: attempt %d: %s", self._shown, away.attempts, error)
        raise SourceError(
            f"A camera must go on; {self._shown} broke off and could not be reached again in {away.attempts} "
            f"attempt(s) over {away.seconds:.0f} s. Check it, or allow more with reconnect=... and patience=..."
        ) from problem
