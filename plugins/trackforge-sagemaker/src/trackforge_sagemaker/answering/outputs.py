"""Results of a film in one JSON document, written frame by frame: its size in memory is that of a frame."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from trackforge.io.text_output import TextOutput
from trackforge.types import Step

__all__ = ["JsonArray"]


class JsonArray:
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
        self._path, self._items, self._before, self._after = path, items, before, after
        self._text: TextOutput | None = None
        self._first = True

    def __enter__(self) -> JsonArray:
        self._text, self._first = TextOutput(self._path), True
        self._text.write(self._before + "[")
        return self

    def write(self, step: Step, /) -> None:
        """Append what a frame gives."""
        if self._text is None:
            message = "A sink must be open to be written to."
            raise RuntimeError(message)
        for item in self._items(step):
            self._text.write(("" if self._first else ",\n") + json.dumps(item, ensure_ascii=False, allow_nan=False))
            self._first = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """End the document and make the file final, or leave nothing after an error."""
        text, self._text = self._text, None
        if text is not None:
            if kind is None:
                text.write("]" + self._after)
            text.settle(kind, error)
