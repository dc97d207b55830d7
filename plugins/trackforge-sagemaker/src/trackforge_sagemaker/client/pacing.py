"""How fast requests are made: so many a second, evenly, whatever the number of threads."""

from __future__ import annotations

import threading
import time

__all__ = ["Pace"]


class Pace:
    """Lets so many calls a second begin, evenly; for any number of threads.

    Args:
        per_second: None for as many as come.
    """

    def __init__(self, per_second: float | None) -> None:
        self._gap = 0.0 if per_second is None else 1 / per_second
        self._next, self._guard = 0.0, threading.Lock()

    def wait(self) -> None:
        """Wait until it is time."""
        if not self._gap:
            return
        with self._guard:
            now = time.monotonic()
            begin = max(now, self._next)
            self._next = begin + self._gap
        time.sleep(begin - now)
