"""Answers that lie in a file: sent piece by piece, with nothing left behind, whoever leaves when."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import BinaryIO

from starlette.responses import StreamingResponse

__all__ = ["file_response"]

_PIECE = 1 << 18


def file_response(path: Path, media_type: str, headers: Mapping[str, str]) -> StreamingResponse:
    """Return an answer with the content of a file, which is removed at once and gone when the answer is over."""
    file = path.open("rb")
    path.unlink()  # who has it open reads it to its end
    size = os.fstat(file.fileno()).st_size
    return StreamingResponse(_pieces(file), media_type=media_type, headers={**headers, "content-length": str(size)})


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
