"""Answers that lie in a file: sent piece by piece, with nothing left behind, whoever leaves when."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import BinaryIO

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

__all__ = ["file_response"]

_PIECE = 1 << 18


def file_response(path: Path, media_type: str, headers: Mapping[str, str]) -> StreamingResponse:
    """Return an answer with the content of a file, which is removed at once and gone when the answer is over."""
    file = path.open("rb")
    path.unlink()  # who has it open reads it to its end
    size = os.fstat(file.fileno()).st_size
    return _FileResponse(file, media_type=media_type, headers={**headers, "content-length": str(size)})


class _FileResponse(StreamingResponse):
    """Closes its file, also where the client leaves before the end, or does not read."""

    def __init__(self, file: BinaryIO, *, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(_pieces(file), media_type=media_type, headers=headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece
