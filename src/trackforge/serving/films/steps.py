"""The steps of a film as lines of JSON on disk, which grow while readers follow."""

from __future__ import annotations

import json
import os
from pathlib import Path

from trackforge.errors import SinkError
from trackforge.serving.answers import step_json
from trackforge.types import Step

__all__ = ["StepLines"]

PIECE = 1 << 16
"""Bytes that a reader gets at once, at most."""


class StepLines:
    """A file of one line a step; what `size` counts is written, and whole lines.

    Args:
        path: The file, which is made anew.

    Attributes:
        size: Bytes so far.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)

    def write(self, step: Step, classes: tuple[str, ...]) -> None:
        """Append a step.

        Raises:
            SinkError: The disk is full, say.
        """
        line = memoryview((json.dumps(step_json(step, classes), ensure_ascii=False) + "\n").encode())
        length = len(line)
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError as error:
            raise SinkError(f"The steps of a film cannot be written: {error.strerror}. Make room.") from error
        self.size += length

    def close(self) -> None:
        """Write no more; may be called more than once."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def read(self, start: int) -> bytes:
        """Return what stands there from a byte on, a piece of it; nothing where the lines end now.

        Raises:
            OSError: It was removed meanwhile.
        """
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(min(PIECE, max(0, self.size - start)))
