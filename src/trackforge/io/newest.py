"""The newest of what comes, whenever somebody asks: a thread takes everything, and keeps the last."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Newest"]

T = TypeVar("T")


class Newest(Generic[T]):
    """Gives the newest item whenever asked; a thread receives meanwhile.

    Args:
        items: Items as they come, none of them None; iterated over, and closed, by the thread.
        name: Of the thread.

    Attributes:
        dropped: Items so far in whose place a newer one came.
        taken: Items so far that were given.
    """

    def __init__(self, items: Iterator[T], name: str) -> None:
        self.dropped = self.taken = 0
        self._items = items
        self._stopped = False
        self._changed = threading.Condition()
        self._item: T | None = None
        self._error: BaseException | None = None
        self._done = False
        here = contextvars.copy_context()  # the limits that hold here hold there
        self._thread = threading.Thread(target=here.run, args=(self._fill,), name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        """Give items until the end.

        Raises:
            BaseException: What the items raised, after the last of them.
        """
        while True:
            with self._changed:
                while self._item is None and not self._done:
                    self._changed.wait(0.5)  # a limit, so that Ctrl-C gets through on every system
                item, self._item = self._item, None
            if item is None:
                if self._error is not None:
                    raise self._error
                return
            self.taken += 1
            yield item

    def end(self) -> None:
        """Give no more items: whoever waits for one is woken at once. May be called from any thread."""
        with self._changed:
            self._stopped = self._done = True
            self._item = None
            self._changed.notify()

    def stop(self) -> None:
        """End the thread at its next item; it may sit in a read for longer, and being a daemon holds up nobody."""
        self._stopped = True
        self._thread.join(1.0)

    def _fill(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                with self._changed:
                    if self._stopped:
                        break
                    self.dropped += self._item is not None
                    self._item = item
                    self._changed.notify()
        except BaseException as problem:  # noqa: BLE001 - it belongs to the thread that takes
            error = problem
        with self._changed:
            self._error, self._done = None if self._stopped else error, True
            self._changed.notify()
