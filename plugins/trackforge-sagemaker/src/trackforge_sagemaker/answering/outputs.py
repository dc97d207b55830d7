"""Results of a film in one JSON document, written frame by frame: its size in memory is that of a frame."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from trackforge.io.text_sink import TextSink
from trackforge.types import Step

__all__ = ["JsonArray"]


class JsonArray(TextSink):
    """A sink that writes a JSON array of what each frame gives.

    Args:
        path: The file.
        items: What a step gives: any number of items.
        before: What stands before the array.
        after: What stands behind it.

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(self, path: Path, items: Callable[[Step], Iterable[Any]], before: str = "", after: str = "") -> None:
        super().__init__(path)
        self._items, self._before, self._after = items, before, after
        self._first = True

    def head(self) -> str:
        """Return what begins the array."""
        self._first = True
        return self._before + "["

    def body(self, step: Step) -> str:
        """Return what a frame gives."""
        texts = []
        for item in self._items(step):
            texts.append(("" if self._first else ",\n") + json.dumps(item, ensure_ascii=False, allow_nan=False))
            self._first = False
        return "".join(texts)

    def tail(self) -> str:
        """Return what ends the document."""
        return "]" + self._after
