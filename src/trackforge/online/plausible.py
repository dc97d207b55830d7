"""What a tracker is given that is valid, and yet hardly what was meant: said once, and changing nothing.

Scores in percent, boxes in shares of the picture, boxes beside the picture, boxes without area, and the frames of
another sequence all give results, and wrong ones.
"""

from __future__ import annotations

import logging

import numpy as np

from trackforge.types import Detections, Frame

__all__ = ["Watch"]

log = logging.getLogger(__name__)
LEAP = 100_000
"""Indices from one frame to the next above which they count time rather than frames; an hour at 25 a second is less."""
FIRST, THEN = 100, 50
"""Frames with boxes that are looked at: the first hundred, then every fiftieth."""


class Watch:
    """Looks at what one tracker is given; each thing is said once in its life."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._sequence = ""
        self._frames = 0
        self._index: int | None = None

    def begin(self) -> None:
        """Expect a new sequence: the tracker was reset."""
        self._sequence, self._index = "", None

    def look(self, detections: Detections, frame: Frame) -> None:
        """Say what is implausible about a frame and its detections."""
        if self._index is not None and frame.index - self._index > LEAP:
            self._say(
                "index",
                f"frame.index should count frames; {frame.index} comes after {self._index}, and a track lives for some "
                "frames only. If it is a time, give it in seconds as frame.timestamp, and count the frames.",
            )
        name, self._index = frame.sequence, frame.index
        if name and name != self._sequence:
            if self._sequence:
                self._say(
                    "sequence",
                    f"Frame {frame.index} is of sequence {name!r}, the frames before are of {self._sequence!r}, and "
                    "the tracker goes on with its tracks and ids. Call reset() between sequences.",
                )
            self._sequence = name
        if len(detections):
            self._frames += 1
            if self._frames <= FIRST or not self._frames % THEN:
                self._look_at_scores(detections, frame.index)
                self._look_at_boxes(detections, frame)

    def _look_at_scores(self, detections: Detections, index: int) -> None:
        highest, lowest = float(detections.score.max()), float(detections.score.min())
        if highest > 1.001 or lowest < 0:
            odd = highest if highest > 1.001 else lowest
            self._say(
                "score",
                f"Scores should lie between 0 and 1, as the thresholds of trackers mean them; frame {index} has "
                f"{odd:.4g}. Divide percent by 100; other scales need thresholds of their own.",
            )

    def _look_at_boxes(self, detections: Detections, frame: Frame) -> None:
        xyxy = detections.xyxy
        least, most = xyxy.min(axis=0).tolist(), xyxy.max(axis=0).tolist()
        width, height = frame.size
        if not (xyxy[:, 2:] > xyxy[:, :2]).all():
            n = int((xyxy[:, 2:] <= xyxy[:, :2]).any(axis=1).sum())
            self._say(
                "area",
                f"Boxes should have an area; {n} of {len(xyxy)} in frame {frame.index} have none, and overlap with "
                "nothing. Leave them out.",
            )
        elif max(most) <= 1.0001 and min(least) >= 0 and (xyxy != np.rint(xyxy)).any():
            self._say(
                "normalised",
                f"Boxes should be in pixels; all of frame {frame.index} lie between 0 and 1. Are they shares of the "
                "picture? Multiply them by its width and height.",
            )
        elif width > 0 and height > 0 and (most[0] >= width or most[1] >= height or least[2] <= 0 or least[3] <= 0):
            beside = (xyxy[:, :2] >= (width, height)).any(axis=1) | (xyxy[:, 2:] <= 0).any(axis=1)
            n = int(beside.sum())
            if 2 * n >= len(xyxy):
                self._say(
                    "outside",
                    f"Boxes should lie in the picture; {n} of {len(xyxy)} in frame {frame.index} lie beside its "
                    f"{width}x{height} pixels. Are they of another video, or of another size of this one?",
                )

    def _say(self, what: str, words: str) -> None:
        if what not in self._said:
            self._said.add(what)
            log.warning("%s", words)
