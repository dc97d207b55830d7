"""The room that films and their results take on disk: promised to those that come, and watched as they grow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from trackforge.serving.films.film import Film
from trackforge.serving.refusals import NoRoom

__all__ = ["Room"]

GLANCE = 0.5
"""Seconds between two looks at what a film that grows takes."""


class Room:
    """The room of the films of a server.

    Args:
        space: Bytes of all films and their results.
        largest: Bytes that one film may have.
        films: Those that are kept, whenever asked.
    """

    def __init__(self, space: int, largest: int, films: Iterable[Film]) -> None:
        self._space, self._largest, self._films = space, largest, films
        self._lock = threading.Lock()

    def left(self) -> int:
        """Return the bytes that another film may take; 0 or less where there is no room."""
        return min(self._largest, self._space - sum(max(film.room, film.promised) for film in self._films))

    def check(self) -> None:
        """Refuse where there is no room for another film.

        Raises:
            NoRoom: There is none.
        """
        if self.left() <= 0:
            raise _full()

    def take(self, film: Film, stated: int | None) -> int:
        """Promise a film that comes the bytes that it states, or all that are left; return these.

        Raises:
            NoRoom: It states more than is left.
        """
        with self._lock:
            film.promised = 0
            left = self.left()
            wanted = self._largest if stated is None else min(stated, self._largest)
            if left <= 0 or (stated is not None and wanted > left):
                raise _full()
            film.promised = min(wanted, left)
            return film.promised

    def watch(self) -> Callable[[], None]:
        """Return what is to be called as a result grows; it raises `NoRoom` where there is no room any more."""
        looked = time.monotonic()

        def look() -> None:
            nonlocal looked
            if time.monotonic() - looked >= GLANCE:
                looked = time.monotonic()
                if sum(film.room for film in self._films) > self._space:
                    raise _full()

        return look


def _full() -> NoRoom:
    return NoRoom(
        "The films that are kept, and their results, must take no more room than --films-space says; it is used up. "
        "Delete one, or wait until one expires."
    )
