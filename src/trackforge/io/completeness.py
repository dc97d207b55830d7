"""Whether a film ends before its header says: judged by what was read, not by what was shown.

A header states how many packets or places there are, or how long the whole film is. Sound may be longer than the
pictures, the last picture may be held for seconds, an edit list may hide some, an AVI may have empty places: none of
that is a film cut short.
"""

from __future__ import annotations

from dataclasses import dataclass

from av.container import InputContainer
from av.video.stream import VideoStream

from trackforge.io.decode import Extent

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
            entries = getattr(stream, "index_entries", None)  # after edit lists; PyAV < 16 does not tell
            return cls(packets=len(entries) if entries is not None and stream.frames else None)
        if name == "avi":
            return cls(places=stream.frames or None)
        if name in TIMED and container.duration:
            return cls(seconds=container.duration / 1e6, start=(container.start_time or 0) / 1e6)
        return cls()

    def missing(self, extent: Extent, rate: float | None) -> int:
        """Return about how many frames are missing at the end; 0 where nothing proves that some are.

        Args:
            extent: What was read, to the end.
            rate: Frames per second, or None.
        """
        if self.packets is not None:
            lack = self.packets - extent.packets
        elif self.places is not None:
            lack = self.places - extent.places
        elif self.seconds is not None and rate:
            # programs disagree on whether the time before the start counts; the kinder reading is taken
            lack = round((self.seconds - max(extent.end, extent.end - self.start)) * rate)
        else:
            return 0
        return lack if lack > 1 + TOLERANCE * (extent.packets + lack) else 0
