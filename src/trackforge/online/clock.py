"""Time in frame intervals."""

from __future__ import annotations

import logging
import math
from typing import Any

from trackforge.errors import InvalidInputError
from trackforge.online.state import must, whole
from trackforge.types import Detections, Frame

__all__ = ["Clock", "Thousandfold", "expect"]

log = logging.getLogger(__name__)
CERTAIN = 5
"""Steps of a thousand frame intervals after which time stamps pass for milliseconds."""

JITTER = 0.05
"""Frame intervals within which an elapsed time counts as whole: containers round timestamps to milliseconds."""


def expect(detections: object, frame: object) -> None:
    """See to it that a tracker is given what it can work with.

    Raises:
        InvalidInputError: These are other objects: arrays, say, or the number of a frame.
    """
    if not (isinstance(detections, Detections) and isinstance(frame, Frame)):
        raise InvalidInputError(
            "update() takes trackforge.Detections and a trackforge.Frame; got "
            f"{type(detections).__name__} and {type(frame).__name__}. "
            "Wrap them: Detections(xyxy=boxes, score=scores), Frame(index=number)."
        )


LATEST = 2.0**53
"""Frame intervals up to which float64 tells one from the next."""


class Thousandfold:
    """Notices milliseconds that are given as seconds: steps of a thousand frame intervals, from the first one on."""

    def __init__(self) -> None:
        self._steps: int | None = 0

    def notices(self, intervals: float) -> bool:
        """Look at the frame intervals from one frame to the next; true once, when it is certain."""
        if self._steps is None:
            return False
        if not 900 < intervals < 1100:
            self._steps = None
            return False
        self._steps += 1
        if self._steps < CERTAIN:
            return False
        self._steps = None
        return True


class Clock:
    """Tells how many frame intervals passed between two frames.

    The rule: with a ``frame_rate`` and timestamps on both frames, seconds times frame rate, and a value within 5 % of
    a whole number of intervals *is* that number; else the difference of frame indices; with ``count_updates``, always
    1. A sequence without gaps therefore always has steps of exactly 1.

    Attributes:
        now: Frame intervals since the first frame.
        updates: Frames seen since the start, the current one included.
        index: ``frame.index`` of the last frame, -1 before the first.
    """

    def __init__(self, frame_rate: float | None = None, *, count_updates: bool = False) -> None:
        self.frame_rate = frame_rate
        self.count_updates = count_updates
        self.reset()

    def reset(self) -> None:
        """Start again before the first frame."""
        self.now = 0.0
        self.updates = 0
        self.index = -1
        self._timestamp: float | None = None
        self._thousandfold = Thousandfold()

    def advance(self, frame: Frame) -> float:
        """Go to a frame and return the step from the last one in frame intervals (1.0 for the first).

        Raises:
            InvalidInputError: The frame's index or timestamp does not increase, or leaps beyond all counting.
        """
        self._check_order(frame)
        dt = 1.0 if self.count_updates or self.updates == 0 else self._elapsed(frame)
        if not self.now + dt <= LATEST:
            raise InvalidInputError(
                f"Time must stay below 2**53 frame intervals, where single frames can still be counted; "
                f"frame.index {frame.index} would be {dt:.3g} later. Repair its index or timestamp."
            )
        if self.updates:
            self.now += dt
        self.updates += 1
        self._note(frame)
        return dt

    def skip(self, frame: Frame) -> None:
        """Go to a frame without letting time pass; raises as `advance` does."""
        self._check_order(frame)
        self._note(frame)

    def state_dict(self) -> dict[str, Any]:
        """Return the time as plain numbers."""
        timestamp = {} if self._timestamp is None else {"timestamp": self._timestamp}
        return {"now": self.now, "updates": self.updates, "index": self.index, **timestamp}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken.

        Raises:
            StateError: It says no time.
        """
        self.now = float(state["now"])
        self.updates, self.index = whole("updates", state["updates"], 0), whole("index", state["index"], -1)
        self._timestamp = float(state["timestamp"]) if "timestamp" in state else None
        must("times must be finite and not negative", 0 <= self.now <= LATEST and math.isfinite(self._timestamp or 0.0))

    def _check_order(self, frame: Frame) -> None:
        if frame.index <= self.index:
            raise InvalidInputError(
                f"frame.index must increase from update to update; got {frame.index} after {self.index}. "
                "Pass frames in order, each once, and call reset() between sequences."
            )

    def _note(self, frame: Frame) -> None:
        self.index, self._timestamp = frame.index, frame.timestamp

    def _elapsed(self, frame: Frame) -> float:
        if self.frame_rate is None or frame.timestamp is None or self._timestamp is None:
            return float(frame.index - self.index)
        seconds = frame.timestamp - self._timestamp
        if not seconds > 0:
            raise InvalidInputError(
                f"frame.timestamp must increase from update to update; got {frame.timestamp} s after "
                f"{self._timestamp} s. Repair the timestamps, or leave out frame_rate to count frame indices."
            )
        dt = seconds * self.frame_rate
        if self._thousandfold.notices(dt / (frame.index - self.index)):
            log.warning(
                "frames are %.4g s apart, a thousand times what frame_rate %.4g asks for, so that no track lives from "
                "one to the next; if frame.timestamp is in milliseconds, give it in seconds",
                seconds,
                self.frame_rate,
            )
        if not dt <= LATEST:
            return dt
        whole = round(dt)
        return float(whole) if whole and abs(dt - whole) <= JITTER else dt
