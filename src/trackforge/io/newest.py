"""The newest of what comes, whenever somebody asks: a thread takes everything, and keeps the last."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from trackforge.types import Frame

__all__ = ["Newest"]


class Newest:
    """Gives the newest frame whenever asked; a thread receives meanwhile.

    Args:
        frames: Frames as they come; iterated over, and closed, by the thread.
        name: Of the thread.

    Attributes:
        dropped: Frames so far in whose place a newer one came.
        taken: Frames so far that were given.
    """

    def __init__(self, frames: Iterator[Frame], name: str) -> None:
        self.dropped = self.taken = 0
        self._frames = frames
        self._stopped = False
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: BaseException | None = None
        self._done = False
        self._thread = threading.Thread(target=self._fill, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Frame]:
        """Give frames until the end.

        Raises:
            BaseException: What the frames raised, after the last of them.
        """
        while True:
            with self._changed:
                while self._frame is None and not self._done:
                    self._changed.wait(0.5)  # a limit, so that Ctrl-C gets through on every system
                frame, self._frame = self._frame, None
            if frame is None:
                if self._error is not None:
                    raise self._error
                return
            self.taken += 1
            yield frame

    def stop(self) -> None:
        """End the thread at its next frame; it may sit in a read for longer, and being a daemon holds up nobody."""
        self._stopped = True
        self._thread.join(1.0)

    def _fill(self) -> None:
        error: BaseException | None = None
        try:
            for frame in self._frames:
                if self._stopped:
                    break
                with self._changed:
                    self.dropped += self._frame is not None
                    self._frame = frame
                    self._changed.notify()
        except BaseException as problem:  # noqa: BLE001 - it belongs to the thread that takes
            error = problem
        with self._changed:
            self._error, self._done = error, True
            self._changed.notify()
