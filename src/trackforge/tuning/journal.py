"""A study's journal is a line a record, appended; a full disk or a kill can tear the last one."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import BinaryIO

__all__ = ["mend"]

log = logging.getLogger(__name__)
RECORD = b'{"op_code":'
"""How every record begins."""
BLOCK = 1 << 16


def mend(path: Path) -> int:
    """Cut a journal back to the end of its last whole line; the caller keeps others from writing meanwhile.

    What does not begin as a journal is somebody else's file, and left as it is.

    Args:
        path: The journal.

    Returns:
        The bytes that were cut off: the record that was being written.

    Raises:
        OSError: It cannot be read or written.
    """
    with path.open("rb") as file:
        start = file.read(len(RECORD))
        end = file.seek(0, os.SEEK_END)
        if not start or not RECORD.startswith(start):
            return 0
        whole = _last_line_end(file, end)
    if whole == end:
        return 0
    with path.open("rb+") as file:
        file.truncate(whole)
        os.fsync(file.fileno())
    log.warning("%s: its last record was cut off in writing, and is left out", path)
    return end - whole


def _last_line_end(file: BinaryIO, end: int) -> int:
    """Return the offset after the last newline; 0 where there is none."""
    while end:
        begin = max(0, end - BLOCK)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0
