"""Text that grows line by line: a file that is whole or absent, or standard output, read while it is written."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import TextIO

from trackforge.errors import SinkError
from trackforge.intake.addresses import STDOUT
from trackforge.io.atomic import PartialFile

__all__ = ["TextOutput"]


class TextOutput:
    """The text of one output.

    What goes to standard output, a pipe or a terminal is flushed with every write, so that whoever reads it has the
    line at once. If nobody reads standard output any more that is no error: ``trackforge track a.mp4 -o - | head``.

    Args:
        path: The file; ``-`` for standard output.

    Attributes:
        ended: Whether nobody reads it any more.
        direct: Whether it is a pipe, a terminal or standard output, beside which there is no place for another file.

    Raises:
        SinkError: It cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.ended = False
        self._partial = PartialFile(path)
        self.direct = self._partial.direct
        self._standard = str(path) in STDOUT
        with self._partial.writing() as place:
            self._file: TextIO = _stdout() if self._standard else place.open("w", encoding="utf-8", newline="\n")

    def write(self, text: str) -> None:
        """Append a text; nothing is done once nobody reads it.

        Raises:
            SinkError: It cannot be written.
        """
        if self.ended:
            return
        with self._partial.writing():
            try:
                self._file.write(text)
                if self._partial.direct:
                    self._file.flush()
            except OSError as error:
                windows = os.name == "nt" and error.errno == errno.EINVAL  # what a closed pipe is there
                if not (self._standard and (isinstance(error, BrokenPipeError) or windows)):
                    raise
                self.ended = True

    def settle(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None = None,  # noqa: ARG002 - as __exit__ has it
    ) -> None:
        """End a ``with`` block: see `PartialFile.settle`.

        Raises:
            SinkError: The rest cannot be written.
        """
        if self.ended:
            with contextlib.suppress(OSError):  # what could not be written before cannot be flushed now
                self._file.close()
            return
        self._partial.settle(kind, error, close=self._file.close)


def _stdout() -> TextIO:
    """Return standard output by a name of its own, which may be closed; opening its path anew would begin a file anew.

    Raises:
        SinkError: There is none.
    """
    try:
        sys.stdout.flush()
        number = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):  # replaced by something else: a notebook's, a test's
        number = 1
    try:
        return os.fdopen(os.dup(number), "w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise SinkError(f"Standard output cannot be written to: {error.strerror}. Write to a file.") from error
