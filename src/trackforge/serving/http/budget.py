"""What bodies that have not been decoded yet may take, of all clients together."""

from __future__ import annotations

from trackforge.serving.http.denials import Overloaded

__all__ = ["Budget"]


class Budget:
    """Bytes that are there to be had; belongs to one event loop.

    Args:
        limit: How many.

    Attributes:
        held: How many are taken.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Take bytes; whoever has nothing yet gets them in any case, so that one body always goes through.

        Raises:
            Overloaded: So many are not there.
        """
        if self.held and self.held + size > self._limit:
            raise Overloaded(
                f"Bodies that wait may take {self._limit:,} bytes; others do. Try again in a moment, send smaller "
                "ones, or let the server be started with more --max-waiting-bytes."
            )
        self.held += size

    def give(self, size: int) -> None:
        """Give bytes back."""
        self.held -= size
