"""Whether a film ends before its header says: judged by what was read, not by what was shown.

A header states how many packets or places there are, or how long the whole film is. Sound may be longer than the
pictures, the last picture may be held for seconds, an edit list may hide some, an AVI may have empty places: none of
that is a film cut short.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.video.stream import VideoStream

from trackforge.io.decode import Extent
from trackforge.io.streams import start_of

__all__ = ["Promise"]

TOLERANCE = 0.005
"""Share of what is stated that may be missing before a film counts as cut short: headers are often off by one."""
TIMED = frozenset({"matroska,webm", "flv", "asf"})
"""Formats whose header says how long the film is; of others FFmpeg guesses that from what it finds at the end."""


@dataclass(frozen=True)
class Promise:
    """What the header of a film states.

    Attributes:
        packets: Packets of the video stream, or None.
        places: Places of the video stream on its grid, empty ones counted, or None.
        seconds: From the start to the end of the longest stream, or None.
        start: Second at which the first stream begins.
    """

    packets: int | None = None
    places: int | None = None
    seconds: float | None = None
    start: float = 0.0

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream) -> Promise:
        """Return what is stated, as far as the format's word can be taken."""
        name = container.format.name
        if name.startswith("mov"):
            entries = getattr(stream, "index_entries", None)  # what edit lists left
            if entries is not None and stream.frames:
                return cls(packets=len(entries))
            if entries is None and stream.duration and stream.time_base:  # PyAV 14 does not show the index
                return cls(seconds=float(stream.duration * stream.time_base), start=start_of(stream))
            return cls()
        if name == "avi":
            return cls(places=min(stream.frames, _indexed(container, stream) or stream.frames) or None)
        if name in TIMED and container.duration:
            return cls(seconds=container.duration / 1e6, start=(container.start_time or 0) / 1e6)
        return cls()

    def lack(self, extent: Extent, seen: int, rate: float | None) -> str:
        """Return what is missing at the end, in words; an empty text where nothing proves that something is.

        Args:
            extent: What was read, to the end.
            seen: Frames, damaged ones included.
            rate: Frames per second, or None.
        """
        if self.seconds is not None:
            # programs disagree on whether the time before the start counts; the kinder reading is taken
            reached = max(extent.end, extent.end - self.start)
            some = 2 / (rate or 1.0) + TOLERANCE * self.seconds
            short = self.seconds - reached
            return f"it ends after {max(reached, 0.0):.1f} of {self.seconds:.1f} s" if short > some else ""
        if self.packets is not None:
            short = self.packets - extent.packets
        elif self.places is not None:
            short = self.places - extent.places
        else:
            return ""
        if short <= 1 + TOLERANCE * (extent.packets + short):
            return ""
        return f"about {short:.0f} of its {seen + short:.0f} frames are missing"


def _indexed(container: InputContainer, stream: VideoStream) -> int | None:
    """Return the places of an AVI up to its last picture, which may be held for many; None where it has no index.

    The index comes last, so it is there where the file is as long as its header says. Else FFmpeg lists what it has
    read so far.
    """
    entries: Any = getattr(stream, "index_entries", None)
    try:
        with Path(container.name.removeprefix("file:")).open("rb") as file:
            stated = int.from_bytes(file.read(8)[4:], "little") + 8
    except (OSError, ValueError):  # an address, say
        return None
    return int(entries[-1].timestamp) + 1 if entries and stated <= container.size else None
