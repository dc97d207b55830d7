"""What an analytic knows of the frames: when each is, how large the picture is, what the classes are called."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from trackforge.types import Frame, Stream

__all__ = ["Scene", "plural"]

GUESS = 25.0
"""Frames per second that decide when to forget, where nobody knows a time; never shown."""


class Scene:
    """Tells the time of frames: their timestamps, or else index over the stated frame rate.

    Attributes:
        now: Seconds since the start of the sequence by which to forget; a guess where nobody knows.
        time: The same, None where nobody knows.
        passed: Seconds since the frame before, 0 for the first.
        frame: Index of the frame.
        size: ``(width, height)`` in pixels of the first picture, None where it is not known.
        classes: Names.
    """

    def __init__(self) -> None:
        self._rate: float | None = None
        self.size: tuple[int, int] | None = None
        self.classes: tuple[str, ...] = ()
        self.reset()

    def open(self, stream: Stream) -> None:
        """Take what is known beforehand."""
        self._rate, self.size, self.classes = stream.rate, stream.size, stream.classes

    def reset(self) -> None:
        """Forget the frames, not what was known before them."""
        self.now, self.passed, self.frame = 0.0, 0.0, -1
        self.time: float | None = None

    def tick(self, frame: Frame) -> bool:
        """Go on to a frame; return whether the size of the picture has just become known."""
        at = frame.timestamp if frame.timestamp is not None else frame.index / (self._rate or GUESS)
        self.passed = max(at - self.now, 0.0) if self.frame >= 0 else 0.0
        self.now, self.frame = float(at), frame.index
        self.time = self.now if frame.timestamp is not None or self._rate else None
        if self.size is None and min(frame.size) > 0:
            self.size = frame.size
            return True
        return False

    def class_name(self, class_id: int) -> str:
        """Return the name of a class, ``"class 3"`` where there is none."""
        return self.classes[class_id] if 0 <= class_id < len(self.classes) else f"class {class_id}"

    def copy(self) -> Scene:
        """Return another that knows the same."""
        return copy(self)

    def state_dict(self) -> dict[str, Any]:
        """Return everything."""
        return {
            "rate": self._rate,
            "size": None if self.size is None else list(self.size),
            "classes": list(self.classes),
            "now": self.now,
            "passed": self.passed,
            "frame": self.frame,
            "time": self.time,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        known = Stream(rate=state["rate"], size=state["size"], classes=tuple(state["classes"]))
        self.open(known)
        self.now, self.passed, self.frame = float(state["now"]), float(state["passed"]), int(state["frame"])
        self.time = None if state["time"] is None else float(state["time"])


def plural(count: int, word: str) -> str:
    """Return ``"1 track"`` or ``"2 tracks"``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
