"""Frames of cameras and network streams, through PyAV."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from trackforge.config import check, setting
from trackforge.errors import ConfigError, SourceError
from trackforge.io.decode import Converter, Damage, open_video, pictures, rate_of
from trackforge.io.timeline import Timeline
from trackforge.types import Frame, Stream

__all__ = ["CameraSource", "CameraSourceConfig"]

log = logging.getLogger(__name__)
LONGEST_PAUSE = 30.0
"""Seconds between two attempts to reconnect, at most; they double from one second on."""


@dataclass(frozen=True, kw_only=True)
class CameraSourceConfig:
    """Settings of `CameraSource`."""

    path: str = setting(help="Device number (0), device file (/dev/video0) or address (rtsp://, http://, udp://, ...).")
    latest: bool = setting(
        True, help="Give only the newest frame, dropping what a slow consumer missed; otherwise every frame in order."
    )
    reconnect: int = setting(5, help="Attempts to reach a lost camera again; 0 ends with the stream.", minimum=0)
    timeout: float = setting(10.0, help="Longest wait for an answer, and for a frame.", unit="s", minimum=0.1)
    options: tuple[str, ...] = setting((), help="Further FFmpeg options, each as key=value.")

    def __post_init__(self) -> None:
        check(self)
        for option in self.options:
            if "=" not in option:
                raise ConfigError(f"CameraSourceConfig.options must read key=value; got {option!r}.")


class CameraSource:
    """Frames of a camera or a network stream as they come, RGB, upright.

    With ``latest`` a thread reads ahead and keeps only the newest frame, so that a slow consumer sees the present, with
    gaps in ``frame.index``. A stream that breaks off is connected to again, after 1, 2, 4, ... seconds; the index then
    goes on by the frames that were probably missed. Timestamps are seconds since the first frame, outages included, and
    increase whatever the camera's clock does (`trackforge.io.timeline`).

    Attributes:
        name: The address, without user name and password.
        rate: Frames per second that the stream states, or None.
        skipped: Damaged frames left out so far.
        dropped: Frames that a slow consumer missed so far.

    Raises:
        SourceError: The camera cannot be reached.
    """

    def __init__(self, config: CameraSourceConfig) -> None:
        self.config = config
        self.name = _without_password(config.path)
        self.skipped = 0
        self.dropped = 0
        self._closed = threading.Event()
        self._opened: tuple[InputContainer, VideoStream] | None = self._connect()
        self.rate = rate_of(self._opened[1])

    @property
    def stream(self) -> Stream:
        """Name, and the rate that the camera states; the size is the first frame's."""
        return Stream(name=self.name, rate=self.rate)

    def __iter__(self) -> Iterator[Frame]:
        """Give frames until the stream ends, or `close` is called.

        Raises:
            SourceError: The stream broke off and could not be reached again.
        """
        self._closed.clear()
        return self._newest() if self.config.latest else self._receive()

    def close(self) -> None:
        """End the iteration under way, at its next frame, and free the camera."""
        self._closed.set()
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None

    def _newest(self) -> Iterator[Frame]:
        """Give the newest frame, whenever asked; a thread receives meanwhile."""
        slot = _Slot()
        thread = threading.Thread(target=slot.fill, args=(self._receive(),), name=f"camera {self.name}", daemon=True)
        thread.start()
        try:
            while True:
                frame = slot.take()
                self.dropped = slot.dropped
                if frame is None:
                    return
                yield frame
        finally:
            slot.stop.set()
            thread.join(1.0)  # it may sit in a read until `timeout`; being a daemon, it holds up nobody

    def _receive(self) -> Iterator[Frame]:
        """Give every frame in order, over all connections."""
        index = 0
        begin: float | None = None
        timeline = Timeline(self.name, self.rate)
        for container, stream in self._connections():
            timeline.rejoin()
            convert = Converter()
            for picture in self._intact(container, stream):
                now = time.monotonic()
                begin = now if begin is None else begin
                timestamp = timeline.place(index, None if picture.pts is None else picture.time, now - begin)
                index += timeline.missed
                yield Frame(index=index, image=convert(picture), timestamp=timestamp, sequence=self.name)
                index += 1

    def _intact(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Give the pictures of one connection that could be decoded."""
        problem = ""
        for picture in pictures(container, stream):
            if self._closed.is_set():
                return
            if not isinstance(picture, Damage):
                yield picture
            elif picture.last:
                problem = picture.why
            else:
                self.skipped += 1
        log.warning("%s: the stream ended%s", self.name, problem and f": {problem}")

    def _connections(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """Give one connection after the other until there is none."""
        opened: tuple[InputContainer, VideoStream] | None = self._opened or self._connect()
        self._opened = None
        while opened is not None:
            with opened[0]:
                yield opened
            opened = self._reconnect()

    def _reconnect(self) -> tuple[InputContainer, VideoStream] | None:
        pause, problem = 1.0, None
        for attempt in range(1, self.config.reconnect + 1):
            if self._closed.wait(pause):
                break
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                return self._connect()
            except SourceError as error:
                problem = error
                log.warning("%s: attempt %d of %d: %s", self.name, attempt, self.config.reconnect, error)
        if problem is None or self._closed.is_set():
            return None
        raise SourceError(
            f"A camera must go on; {self.name} broke off and could not be reached again in "
            f"{self.config.reconnect} attempt(s). Check it, or allow more with reconnect=..."
        ) from problem

    def _connect(self) -> tuple[InputContainer, VideoStream]:
        address, form = _device(self.config.path)
        options = {"rtsp_transport": "tcp"} if address.startswith(("rtsp://", "rtsps://")) else {}
        options |= dict(option.split("=", 1) for option in self.config.options)
        try:
            return open_video(
                address,
                form=form,
                options=options,
                timeout=self.config.timeout,
                threads="SLICE",
                advice="Check the address, and that nobody else uses the camera.",
            )
        except SourceError as error:
            raise SourceError(str(error).replace(address, self.name)) from None  # no password in logs


class _Slot:
    """Room for one frame: a newer one takes the place of an older."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.dropped = 0
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: BaseException | None = None
        self._done = False

    def fill(self, frames: Iterator[Frame]) -> None:
        """Receive until the end, an error or `stop`."""
        error: BaseException | None = None
        try:
            for frame in frames:
                if self.stop.is_set():
                    break
                with self._changed:
                    self.dropped += self._frame is not None
                    self._frame = frame
                    self._changed.notify()
        except BaseException as problem:  # noqa: BLE001 - it belongs to the thread that takes
            error = problem
        with self._changed:
            self._error, self._done = error, True
            self._changed.notify()

    def take(self) -> Frame | None:
        """Wait for a frame; None at the end."""
        with self._changed:
            while self._frame is None and not self._done:
                self._changed.wait(0.5)  # a limit, so that Ctrl-C gets through on every system
            frame, self._frame = self._frame, None
        if frame is None and self._error is not None:
            raise self._error
        return frame


def _device(path: str) -> tuple[str, str | None]:
    """Return FFmpeg's address and format for what users write."""
    if path.startswith("video="):
        return path, "dshow"
    if not path.isdigit():
        return path, "v4l2" if path.startswith("/dev/") else None
    if sys.platform == "darwin":
        return path, "avfoundation"
    if sys.platform == "win32":
        raise SourceError(f"Windows knows cameras by name, not by number; got {path!r}. Write 'video=NAME' instead.")
    return f"/dev/video{path}", "v4l2"


def _without_password(path: str) -> str:
    scheme, mark, rest = path.partition("://")
    host, slash, tail = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{tail}"
