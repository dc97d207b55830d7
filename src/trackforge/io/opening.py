"""How a video is come by: a file that can be opened again, a pipe that can be read once, a stream of the network.

What is live is found out from the stream that was opened, never from how its address is spelt.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from av.container import InputContainer
from av.video.stream import VideoStream

from trackforge.errors import SourceError
from trackforge.intake.addresses import STDIN, is_address, shown_address
from trackforge.io.decode import open_video

__all__ = ["Opening", "is_finite"]

TIMEOUT = 10.0
"""Seconds to wait for an answer from an address, and later for data."""
PIPES = (
    "A pipe cannot be rewound: send a format that reads from front to end, such as MPEG-TS, or save it to a file first."
)
ARRIVING = frozenset({"mpjpeg"})
"""Formats that only cameras speak: pictures one after the other, without a clock and without an end."""
PLAYLISTS = frozenset({"hls", "dash"})
"""Formats whose file lists the streams; its length says nothing about theirs, an end of the list does."""


def is_finite(container: InputContainer, stream: VideoStream) -> bool:
    """Tell whether what was opened has an end: a file, wherever it lies, rather than a camera.

    Either the server states its length, or the format its duration, as films and finished playlists do.
    """
    names = set(container.format.name.split(","))
    if names & ARRIVING:
        return False
    if not names & PLAYLISTS and (container.size or 0) > 0:
        return True
    if "mp4" in names and not stream.frames:  # in fragments, of which the last one that came is no end
        return False
    return container.duration is not None and container.duration > 0


class Opening:
    """One video, opened as often as its kind allows.

    Args:
        path: A file, a pipe (``-`` is standard input), or an address.
        form: FFmpeg's name of the format or kind of device; None to detect it.
        options: FFmpeg options.
        timeout: Seconds to wait for an answer and for data; None for what suits: no limit for files.
        advice: What to do where it cannot be opened.
        live: Whether a picture must not wait for those after it; what `look` opened is then kept for `take`.

    Attributes:
        path: As given.
        shown: The same, for messages.
        once: Whether it is a pipe, which can be read once.
        advice: What to do where it cannot be read, beside what is wrong with any file.
    """

    def __init__(
        self,
        path: str,
        *,
        form: str | None = None,
        options: Mapping[str, str] | None = None,
        timeout: float | None = None,
        advice: str = "Name a video that plays.",
        live: bool = False,
    ) -> None:
        self.path, self.shown = path, "standard input" if path in STDIN else shown_address(path)
        self.once = form is None and not is_address(path) and _is_pipe(path)
        self._threads: Literal["AUTO", "SLICE"] = "SLICE" if live else "AUTO"
        self.advice = PIPES if self.once else advice
        self._more: dict[str, Any] = {
            "form": form,
            "options": options,
            "timeout": timeout or (TIMEOUT if is_address(path) else None),
            "advice": self.advice,
        }
        self._keeps = live or self.once or is_address(path)
        self._kept: tuple[InputContainer, VideoStream] | None = None
        self._used = False

    @contextlib.contextmanager
    def look(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """Open it to see what it is. A file is closed again; anything else is kept for `take`.

        Raises:
            SourceError: It cannot be opened, or holds no video.
        """
        self._kept = self._kept or self.open()
        try:
            yield self._kept
        except BaseException:
            self.close()
            raise
        if not self._keeps:
            self.close()

    def hurry(self, *, live: bool) -> None:
        """Say whether a picture must not wait for those after it, once that is known; else decoding is faster."""
        self._threads = "SLICE" if live else "AUTO"
        if self._kept is not None and not self._kept[1].codec_context.is_open:
            self._kept[1].thread_type = self._threads

    def take(self) -> tuple[InputContainer, VideoStream]:
        """Open it at its beginning, for the caller to close.

        Raises:
            SourceError: It cannot be opened, or is a pipe that was read already.
        """
        kept, self._kept = self._kept, None
        return kept or self.open()

    def open(self) -> tuple[InputContainer, VideoStream]:
        """Open it anew; raises as `take` does."""
        if self.once and self._used:
            raise SourceError(
                f"A pipe can be read once; {self.shown} was read already. Save it to a file to read it again."
            )
        self._used = True
        file = _Pipe(self.path) if self.once else None
        address = self.shown if self.once else _path(self.path)
        return open_video(address, file=file, threads=self._threads, **self._more)

    def close(self) -> None:
        """Let go of what is kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept[0].close()


class _Pipe:
    """The end of a pipe from which FFmpeg reads what is there, as soon as it is."""

    def __init__(self, path: str) -> None:
        self._file = -1
        try:
            self._file = os.dup(sys.__stdin__.fileno() if sys.__stdin__ else 0) if path in STDIN else _opened(path)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise SourceError(f"{path} cannot be read: {why}. Send it a video.") from error
        if os.isatty(self._file):
            raise SourceError("Standard input must be a video; it is a terminal. Send it one: ... | trackforge track -")

    def read(self, size: int) -> bytes:
        return os.read(self._file, size)

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)


def _opened(path: str) -> int:
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))


def _path(path: str) -> str:
    """Return what FFmpeg opens for a standard input that is a file: a name by which it can go back in it."""
    return "/dev/stdin" if path in STDIN else path


def _is_pipe(path: str) -> bool:
    """Tell whether a path cannot be opened again: a named pipe, a socket, or standard input unless it is a file."""
    try:
        mode = os.fstat(0).st_mode if path in STDIN else Path(path).stat().st_mode
    except (OSError, ValueError):
        return path in STDIN
    if path in STDIN and not Path("/dev/stdin").exists():
        return True
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
