"""What an input is, by its content and by its name."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from pathlib import Path

__all__ = ["asking", "digest_of", "kind_of"]


def asking(content: str, **how: str) -> str:
    """Return what tells askings apart: the content, and who was asked for what.

    >>> asking("1f", endpoint="films-v1") == asking("1f", endpoint="films-v2")
    False

    Args:
        content: What tells the content apart.
        how: Endpoint, form of the answer, and so on; what is empty says nothing.
    """
    told = {key: value for key, value in how.items() if value}
    return hashlib.sha256(json.dumps([content, told], sort_keys=True).encode()).hexdigest()


def digest_of(source: Path | bytes) -> str:
    """Return what tells contents apart: their SHA-256."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    found = hashlib.sha256()
    with source.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def kind_of(name: str | Path) -> str:
    """Return the content type that an ending stands for.

    >>> kind_of("street.mp4"), kind_of("a.jpg"), kind_of("a")
    ('video/mp4', 'image/jpeg', 'application/octet-stream')
    """
    known = {".mkv": "video/x-matroska", ".avi": "video/x-msvideo", ".mov": "video/quicktime", ".webm": "video/webm"}
    ending = Path(str(name)).suffix.lower()
    return known.get(ending) or mimetypes.guess_type(str(name))[0] or "application/octet-stream"
