"""A request and its answer, as far as they are not the business of whoever carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Answer", "Request"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came.

    Attributes:
        body: The body, or the file that it was written to.
        content_type: Its type as stated, or None.
        accept: What the client wants, or None.
        headers: All headers, names in lower case.
    """

    body: bytes | Path
    content_type: str | None = None
    accept: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def head(self) -> bytes:
        """The first bytes of the body."""
        if isinstance(self.body, bytes):
            return self.body[:64]
        with self.body.open("rb") as file:
            return file.read(64)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back, with status 200.

    Attributes:
        body: The body, or a file with it, which is whoever's who gets the answer: to be sent, and removed.
        media_type: Its type.
        headers: Further headers.
    """

    body: bytes | Path
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
