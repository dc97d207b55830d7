"""The streams of a container: which of them is meant by "the video", and what it states about time."""

from __future__ import annotations

import itertools
import logging
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition
from av.video.stream import VideoStream

from trackforge.errors import SourceError

__all__ = ["chosen_stream", "has_clock", "leave_others", "only_ordered", "rate_of", "start_of"]

log = logging.getLogger(__name__)
COVERS = Disposition.attached_pic | Disposition.timed_thumbnails
LOOK = 500
"""Entries of a film's index to look at for its rate."""
STILLS = frozenset({"bmp", "gif", "mjpeg", "png", "tiff", "webp"})
"""Codecs of pictures: in a container with several streams more often a cover or a preview than the film."""


def chosen_stream(container: InputContainer, shown: str, advice: str) -> VideoStream:
    """Return the stream that is meant by "the video".

    Of several the one is taken that is no cover picture, is marked as the default, is coded as film rather than as
    pictures, and has the most pixels, in this order; among equals the one that FFmpeg thinks best.

    Args:
        container: What was opened.
        shown: Its address, for messages.
        advice: What to do where there is none.

    Raises:
        SourceError: There is none, or none that can be decoded.
    """
    found = [stream for stream in container.streams.video if not stream.disposition & COVERS]
    if not found:
        apart = " but a cover picture" if container.streams.video else ""
        raise SourceError(f"{shown} must hold video; it holds none{apart}. {advice}")
    known = [stream for stream in found if stream.codec_context is not None]
    if not known:
        raise SourceError(
            f"{shown} must hold video that can be decoded; this build of FFmpeg does not know its codec, or "
            "the file is damaged. Convert it to H.264."
        )
    best = container.streams.best("video")

    def rank(stream: VideoStream) -> tuple[bool, bool, int, bool, int]:
        return (
            bool(stream.disposition & Disposition.default),
            stream.codec_context.name not in STILLS,
            stream.width * stream.height,
            best is not None and stream.index == best.index,
            -stream.index,
        )

    stream = max(known, key=rank)
    if len(found) > 1:
        log.info("%s holds %d video streams; number %d is taken", shown, len(found), stream.index)
    return stream


def leave_others(container: InputContainer, stream: VideoStream) -> None:
    """Ask for one video stream only: of an adaptive stream, every quality would be fetched otherwise."""
    discard: Any = getattr(av.stream, "Discard", None)
    if discard is not None:  # PyAV 14 cannot
        for other in container.streams.video:
            other.discard = discard.default if other is stream else discard.all


def has_clock(container: InputContainer) -> bool:
    """Tell whether a format stores times: bare JPEGs and bare H.264 have none, and FFmpeg invents 25 a second."""
    flag: Any = Flags.no_timestamps
    return not container.format.flags & flag.value


def rate_of(stream: VideoStream) -> float | None:
    """Return the frames per second that a stream states, or None.

    It is the average, so that a film of uneven steps has one; but a last picture that is held for long does not count.
    """
    if not has_clock(cast("InputContainer", stream.container)):
        rate = stream.codec_context.framerate
        return float(rate) if rate else None
    average = float(stream.average_rate or stream.guessed_rate or 0)
    if average * 1.25 < float(stream.guessed_rate or 0):
        stamps = [entry.timestamp for entry in itertools.islice(getattr(stream, "index_entries", ()), LOOK)]
        step = float(np.median(np.diff(stamps)) * (stream.time_base or 0)) if len(stamps) > 2 else 0.0
        average = 1 / step if step > 0 else average
    return average or None


def only_ordered(container: InputContainer, stream: VideoStream) -> bool:
    """Tell whether a container stores an order of decoding that is not that of presentation, and nothing else."""
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames)


def start_of(stream: VideoStream) -> float:
    """Return the time in seconds of the first picture, as the container states it."""
    return float((stream.start_time or 0) * (stream.time_base or 0))
