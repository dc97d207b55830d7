"""Going to a place in a film without decoding what comes before, and still knowing which frame it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from trackforge.io.decode import Damage, Extent, pictures
from trackforge.io.streams import has_clock, only_ordered, start_of

__all__ = ["Landing", "counted", "land"]

MORE = 250
"""Packets that are looked at beyond the place, for pictures there that turn out to be damaged."""


@dataclass(frozen=True)
class Landing:
    """Where a film is to be entered.

    Attributes:
        first: Number of the first picture that is wanted.
        stamps: Time stamps of all pictures before it, in order, in units of the stream.
        places: Number of each picture by its time stamp, from the first wanted one on.
    """

    first: int
    stamps: list[int]
    places: dict[int, int]


def land(container: InputContainer, stream: VideoStream, first: int | float, extent: Extent) -> Landing | None:
    """Go to the key picture from which the wanted place can be decoded; None where only decoding all of it tells.

    The packets on the way are read and counted, not decoded. They tell how many pictures there are, and when, if each
    has a time stamp of its own. From the key picture before the nearest one on pictures are decoded, so that they come
    out as they would from the beginning.

    Args:
        container: Freshly opened. Where None is returned it has been read from, and has to be opened anew.
        stream: Of the pictures.
        first: Number of the first picture (int), or its second since the start (float).
        extent: Is told of the packets that are passed over.
    """
    if not first or not has_clock(container) or only_ordered(container, stream) or not stream.time_base:
        return None
    stamps: list[int] = []
    keys: list[tuple[int, int]] = []
    after = 0
    base = float(stream.time_base)
    wanted = None if isinstance(first, int) else (first + (start_of(stream) or 0.0)) / base - 1e-6
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.pts is None or packet.dts is None or packet.is_corrupt or packet.is_discard:
                return None
            if packet.is_keyframe:
                keys.append((packet.pts, len(stamps)))
            stamps.append(packet.pts)
            passed = len(stamps) > first if wanted is None else packet.dts > wanted
            after += passed
            if after > MORE:
                break
    except (FFmpegError, OSError, IndexError):
        return None
    ordered = np.sort(np.array(stamps, np.int64))
    number = int(first) if wanted is None else int(np.searchsorted(ordered, wanted))
    if number >= len(ordered) or (np.diff(ordered) <= 0).any() or ordered[0] < 0:
        return None
    before = [one for one in keys if one[0] <= ordered[number]]
    if len(before) < 3:
        return None
    stamp, packets = before[-2]
    try:
        container.seek(stamp, stream=stream)
    except (FFmpegError, OSError):
        return None
    extent.packets += packets
    extent.places = max(extent.places, packets)
    places = {int(one): number + place for place, one in enumerate(ordered[number:].tolist())}
    return Landing(number, ordered[:number].tolist(), places)


def counted(
    container: InputContainer, stream: VideoStream, extent: Extent, landing: Landing | None
) -> Iterator[tuple[int, VideoFrame | Damage]]:
    """Yield every picture with its number, from the landing on; what was passed over has none and is not yielded."""
    at = None if landing is not None else 0
    for picture in pictures(container, stream, extent):
        if at is None and landing is not None:
            if isinstance(picture, Damage):
                if picture.last:
                    yield landing.first, picture
                continue
            at = landing.places.get(-1 if picture.pts is None else picture.pts)
        if at is not None:
            yield at, picture
            at += 1
