"""How long a camera has been away, and how often it was looked for."""

from __future__ import annotations

import time

__all__ = ["Absence"]

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two attempts to reach a camera again: they double from the first to the longest."""


class Absence:
    """One time without a camera; it begins when it is first asked how long it lasts.

    Attributes:
        attempts: Attempts to reach it so far.
        pause: Seconds to wait before the next.
        problem: What went wrong last, fit to be shown; empty where nothing is known.
    """

    def __init__(self, problem: str = "") -> None:
        self.attempts = 0
        self.pause = FIRST_PAUSE
        self.problem = problem
        self._begin: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds since this was first asked."""
        now = time.monotonic()
        self._begin = now if self._begin is None else self._begin
        return now - self._begin

    def try_again(self) -> None:
        """Count an attempt, and wait longer before the next."""
        self.attempts += 1
        self.pause = min(2 * self.pause, LONGEST_PAUSE)
