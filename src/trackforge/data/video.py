"""Any frame of a video by number, exactly: labels of frame 412 must meet the pixels of frame 412."""

from __future__ import annotations

import contextlib
import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, MissingDependencyError, SourceError
from trackforge.intake.reading import reading

__all__ = ["VideoFrames"]


class VideoFrames:
    """Random access to the frames of a video file; a `trackforge.data.pictures.Container`.

    The file's packets are listed once without decoding, which gives every frame's time and the key frames. A frame is
    then decoded from the key frame before it, or from where the last read stopped if that is nearer. An AVI whose
    pictures are coded out of order has no times to tell them apart by; there frames are counted from the first.

    Before the process forks, the decoder is shut; parent and child open it again when they read. FFmpeg's threads do
    not exist in the child, and freeing there what waits for them would hang.

    Attributes:
        path: The file.
        rate: Frames per second, None where the file does not say.

    Raises:
        DataError: The file is no video, or holds no frame.
        MissingDependencyError: PyAV is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: Any = None
        self._stream: Any = None
        self._decoder: Any = None
        self._convert: Any = None
        self._levels: Any = None
        self._size: tuple[int, int] | None = None
        self._next = -1  # number of the frame that the decoder yields next; -1: the decoder stands nowhere
        _alive.add(self)
        with reading(path, "A video"):
            file, stream = self._open()
            self.rate = self._rate_of(stream)
            packets = [
                (stamp, p.is_keyframe)
                for p in file.demux(stream)
                if p.size and (stamp := p.dts if self._counted else p.pts) is not None
            ]
        if not packets:
            raise DataError("The video holds no frame.", path=path)
        packets.sort()
        self._pts = np.array([pts for pts, _ in packets], np.int64)
        self._key = np.array([key for _, key in packets], bool)

    def __len__(self) -> int:
        return len(self._pts)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # the interpreter may be going down
            self.close()

    @property
    def key_frames(self) -> npt.NDArray[np.int64]:
        """The frames that are coded by themselves, so that a film can be cut there without coding it anew."""
        return np.flatnonzero(self._key)

    def times(self, key: int) -> int:
        """Return the time stamp of a frame in the ticks of the file."""
        self._check(key)
        return int(self._pts[key])

    def size(self, key: int) -> tuple[int, int]:
        """Return ``(width, height)`` of the frames in pixels, upright: how a film is turned, its frames say."""
        self._check(key)
        if self._size is None:
            height, width = self.read(key).shape[:2]
            self._size = (width, height)
        return self._size

    def encoded(self, key: int) -> None:
        """Return None: frames are not stored one by one."""
        self._check(key)

    def read(self, key: int) -> npt.NDArray[np.uint8]:
        """Return frame ``key`` (0-based), RGB uint8 ``(H, W, 3)``, upright.

        Raises:
            DataError: The video has no such frame, or it cannot be decoded.
        """
        self._check(key)
        with reading(self.path, "A video"):
            if self._deep:
                self._settle(key)
            return self._read(key)

    def _settle(self, key: int) -> None:
        """See to it that the first frames decide the levels, as they do where the film is read from its beginning."""
        for first in range(key):
            if self._levels.span is not None:
                return
            self._read(first)

    def _read(self, key: int) -> npt.NDArray[np.uint8]:
        before = np.flatnonzero(self._key[: key + 1])
        start = int(before[-1]) if len(before) and not self._counted else 0
        try:
            if self._decoder is None or not start <= self._next <= key:
                self._seek(start)
            for frame in self._decoder:
                counted = self._counted or frame.pts is None
                number = self._next if counted else int(np.searchsorted(self._pts, frame.pts))
                self._next = number + 1
                if number == key:
                    rgb: npt.NDArray[np.uint8] = self._convert(frame)
                    return rgb
                if number > key:
                    break
        except self._error as error:
            self.close()
            raise DataError(f"Frame {key} cannot be decoded ({error}).", path=self.path) from error
        self.close()
        raise DataError(f"Frame {key} cannot be decoded: the decoder skipped it.", path=self.path)

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._decoder is not None:
            self._decoder.close()  # frees the frame that it holds, and the threads that converted that
        if self._file is not None:
            self._file.close()
        self._decoder = self._file = self._stream = self._convert = None

    def _check(self, key: int) -> None:
        if not 0 <= key < len(self):
            raise DataError(f"The video has frames 0..{len(self) - 1}; frame {key} was asked for.", path=self.path)

    def _open(self) -> tuple[Any, Any]:
        try:
            from av.error import FFmpegError

            from trackforge.io.decode import open_video
            from trackforge.io.levels import Levels
            from trackforge.io.rgb import Converter, is_deep_grey
            from trackforge.io.streams import only_ordered, rate_of
        except ImportError as error:
            raise MissingDependencyError(
                "Frames of a video need PyAV, which is not installed. Install trackforge-mot[video]."
            ) from error
        self._error, self._rate_of = FFmpegError, rate_of
        try:
            self._file, self._stream = open_video(str(self.path))
        except SourceError as error:
            raise DataError(f"The file must be a video. {error}", path=self.path) from error
        self._stream.codec_context.thread_count = 1  # loader workers are parallel already
        self._counted = only_ordered(self._file, self._stream)
        self._deep = is_deep_grey(self._stream.format)
        self._levels = self._levels or Levels(self.path.stem)
        # of our own: the one PyAV keeps has threads that a fork would lose
        self._convert = Converter(self.path.stem, self._levels)
        return self._file, self._stream

    def _seek(self, number: int) -> None:
        if self._file is None:
            self._open()
        elif self._decoder is not None:
            self._decoder.close()
        self._file.seek(int(self._pts[number]), stream=self._stream)
        self._decoder, self._next = self._file.decode(self._stream), number


_alive: weakref.WeakSet[VideoFrames] = weakref.WeakSet()


def _before_fork() -> None:
    for video in list(_alive):
        video.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
