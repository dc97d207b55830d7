"""Memory for the next picture: what a network frees is what it will need again.

The C library of Linux gives large blocks back to the system at once, and gets them again as empty pages, one by one:
a tenth of the time of a network. MXNet plans its memory; torch on a CPU leaves it to the C library, which can be asked
to keep some.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's ``mallopt``."""
KEPT = 512 << 20
LARGEST = 32 << 20
"""The largest block that glibc can be asked to take from what it keeps, in bytes."""


def keep_freed_memory() -> bool:
    """Ask the C library to keep up to 512 MiB that are freed, for the whole process; tell whether it does."""
    if sys.platform != "linux":
        return False
    try:
        mallopt: Any = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))
