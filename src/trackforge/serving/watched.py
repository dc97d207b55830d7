"""A detector under watch: how much it does, how long it takes, and whether it is still to be trusted."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from trackforge.errors import InvalidInputError, PluginError
from trackforge.protocols import Detector, StreamAware, notes_of
from trackforge.runs.blame import blaming
from trackforge.runs.component import Component
from trackforge.types import Detections, Frame, Stream

__all__ = ["Pulse", "Watched"]


class Pulse:
    """What the threads that look tell all others.

    Attributes:
        batches: Calls of the detector that came back with something.
        frames: Frames in them.
        seconds: What they took.
        failures: Calls that failed.
        doubt: The latest failure that may be the detector's own and not a frame's; None where there was none since
            somebody last made sure.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.batches = self.frames = self.failures = 0
        self.seconds = 0.0
        self.doubt: BaseException | None = None

    def add(self, frames: int, took: float, error: BaseException | None) -> None:
        """Take note of a call of the detector."""
        with self._lock:
            if error is None:
                self.batches, self.frames, self.seconds = self.batches + 1, self.frames + frames, self.seconds + took
            else:
                self.failures += 1
                if not isinstance(error, InvalidInputError):  # which says that it is the frame
                    self.doubt = error


class Watched:
    """A detector whose calls are timed, and whose faults are named.

    Args:
        detector: Any; what it remembers, if it does, is not said any more.
        component: What it was made from.
        pulse: Is told.
    """

    def __init__(self, detector: Detector, component: Component, pulse: Pulse) -> None:
        self._detector, self._component, self._pulse = detector, component, pulse
        self.classes: Sequence[str] = tuple(detector.classes)
        self.embedding_dim = detector.embedding_dim

    def open(self, stream: Stream, /) -> None:
        """Pass on what is known of the frames."""
        if isinstance(self._detector, StreamAware):
            self._detector.open(stream)

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Detect, and tell how that went.

        Raises:
            PluginError: The detector wanted to end the program: that is a fault of it, and no reason to.
            Exception: Whatever else it raises.
        """
        error: BaseException | None = None
        begun = time.monotonic()
        try:
            with blaming(self._component):
                return self._detector.detect(frames)
        except Exception as raised:
            error = raised
            raise
        except BaseException as raised:
            error = raised
            what = f"The detector {self._component.name!r} ended with {type(raised).__name__}: {raised}."
            raise PluginError(f"{what} Look into its own log.") from raised
        finally:
            self._pulse.add(len(frames), time.monotonic() - begun, error)

    def notes(self) -> Sequence[str]:
        """Pass on what the detector has noticed."""
        return notes_of(self._detector)
