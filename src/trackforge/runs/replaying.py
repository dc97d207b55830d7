"""Detections that are known already, tracked: the one loop of tuning, of validation and of benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trackforge.protocols import StreamAware, Tracker
from trackforge.types import Detections, Frame, Step, Stream

__all__ = ["replay"]


def replay(found: Iterable[tuple[Frame, Detections]], tracker: Tracker, stream: Stream | None = None) -> Iterator[Step]:
    """Reset a tracker and yield what it makes of one sequence of detections, frame by frame.

    Args:
        found: Frames, with or without pictures, and what was detected in each.
        tracker: Is reset first, and told about the stream if it wants to know.
        stream: What is known of the sequence; by default what its first frame says.
    """
    tracker.reset()
    for number, (frame, detections) in enumerate(found):
        if number == 0 and isinstance(tracker, StreamAware):
            tracker.open((stream or Stream()).seen(frame))
        yield Step(frame=frame, detections=detections, tracks=tracker.update(detections, frame))
