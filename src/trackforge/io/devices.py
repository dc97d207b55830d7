"""What people write for a camera: a number, a device file, a name on Windows, or an address."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from trackforge.errors import SourceError
from trackforge.intake.addresses import is_address, source_name

__all__ = ["device", "device_name"]


def device(path: str) -> tuple[str, str | None]:
    """Return FFmpeg's address and format for what users write."""
    if path.startswith("video="):
        return path, "dshow"
    if not path.isdigit():
        return path, "v4l2" if path.startswith("/dev/") or (not is_address(path) and _is_device(path)) else None
    if sys.platform == "darwin":
        return path, "avfoundation"
    if sys.platform == "win32":
        raise SourceError(f"Windows knows cameras by name, not by number; got {path!r}. Write 'video=NAME' instead.")
    return f"/dev/video{path}", "v4l2"


def _is_device(path: str) -> bool:
    try:
        return Path(path).is_char_device()
    except (OSError, ValueError):
        return False


def device_name(path: str) -> str:
    """Return the name of the sequence, fit for a file."""
    if is_address(path):
        return source_name(path)
    name = f"camera{path}" if path.isdigit() else Path(path.removeprefix("video=")).name
    return re.sub(r"[^\w.\-]+", "_", name).strip("_.") or "camera"
