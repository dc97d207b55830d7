"""The history of a document: one line of JSON for every edit, added before the document itself is saved.

Nothing in it changes any more. Which lines still lead to the document, and how far it is on its way along them, follow
from the revisions that they name, so undoing writes nothing here, and works after a restart as before.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.errors import DataError, SinkError

__all__ = ["Entry", "Journal"]


@dataclass(frozen=True)
class Entry:
    """Where one edit leads, and where it stands.

    Attributes:
        before: Revision that it was made to.
        after: Revision that it made.
        key: What its sender calls it, so that sending it twice does it once.
        place: First byte of its line.
    """

    before: str
    after: str
    key: str
    place: int


class Journal:
    """The edits of one document.

    Args:
        path: The file; it need not be there yet.

    Raises:
        SinkError: It is there, and cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self._end = 0
        try:
            with path.open("rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # the process ended while it was written: nobody was told that this edit is done
                    told = _parsed(line)
                    if told is not None:
                        self._take(Entry(told["before"], told["after"], told["key"], self._end))
                    self._end += len(line)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise SinkError(f"{path} cannot be read: {error.strerror}. See who may read it.") from error

    def position(self, revision: str) -> int:
        """Return how many of the entries stand in a document of that revision; forget them where it is another's."""
        for place in range(len(self.entries), 0, -1):
            if self.entries[place - 1].after == revision:
                return place
        if self.entries and self.entries[0].before == revision:
            return 0
        self.entries.clear()  # somebody else wrote the document: what was done before does not lead here
        return 0

    def add(self, before: str, after: str, key: str, **told: Any) -> int:
        """Write an edit down, so that it is there after a crash; return where it was before, for `cut`.

        Raises:
            SinkError: The file cannot be written.
        """
        line = json.dumps({"before": before, "after": after, "key": key, **told}, separators=(",", ":")) + "\n"
        place = self._end
        try:
            with self.path.open("r+b" if self.path.exists() else "xb") as file:
                file.truncate(place)
                file.seek(place)
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SinkError(f"{self.path} cannot be written: {error.strerror}. Make room, or see who may.") from error
        self._end = place + len(line.encode())
        self._take(Entry(before, after, key, place))
        return place

    def cut(self, place: int) -> None:
        """Take back what was written from a place on, for the document could not be saved."""
        self._end = place
        with contextlib.suppress(OSError):  # the disk has its troubles already
            os.truncate(self.path, place)
        self.entries = [one for one in self.entries if one.place < place]

    def told(self, entry: Entry) -> dict[str, Any]:
        """Return all that is written of an edit.

        Raises:
            DataError: The line is damaged.
        """
        with self.path.open("rb") as file:
            file.seek(entry.place)
            told = _parsed(file.readline())
        whole = told is not None and all(isinstance(told.get(name), dict) for name in ("undo", "redo"))
        if told is None or not whole or told["after"] != entry.after:
            raise DataError("The history must be as it was written; a line of it is damaged.", path=self.path)
        return told

    def _take(self, entry: Entry) -> None:
        """Add an entry behind the one that it follows; those in between were undone and are past."""
        del self.entries[self.position(entry.before) :]
        self.entries.append(entry)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
        right = all(isinstance(told[name], str) for name in ("before", "after", "key"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return told if right else None
