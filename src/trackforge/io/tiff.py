"""Directories of TIFF files, which EXIF data are, too: where the pages of a file stand, and the numbers in them."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

__all__ = ["numbers", "orientation_of", "tiff_pages"]

REDUCED, MASK = 1, 4
"""Bits of NewSubfileType: a page is a smaller copy of another, or tells which pixels of it count."""


def tiff_pages(file: BinaryIO, most: int = 1 << 40) -> list[tuple[int, str, bool]]:
    """Return where the pages of a TIFF stand: offset, order of bytes, whether it is a BigTIFF.

    Smaller copies of pages, and masks, are left out; the first page always counts. A chain that is damaged or runs in
    a circle ends there.
    """
    head = _read(file, 0, 16)
    order, big = (">" if head[:2] == b"MM" else "<"), head[2:4] in (b"+\0", b"\0+")
    offset: int = struct.unpack(order + "Q", head[8:16])[0] if big else struct.unpack(order + "I", head[4:8])[0]
    pages: list[tuple[int, str, bool]] = []
    seen = set()
    while offset and offset not in seen and len(pages) < most:
        seen.add(offset)
        try:
            count: int = struct.unpack(order + ("Q" if big else "H"), _read(file, offset, 8 if big else 2))[0]
            end = offset + (8 + 20 * count if big else 2 + 12 * count)
            kind = numbers(file, offset, order, big, (254,)).get(254, 0)
            following: int = struct.unpack(order + ("Q" if big else "I"), _read(file, end, 8 if big else 4))[0]
        except (struct.error, OverflowError, ValueError):
            break
        if not pages or not kind & (REDUCED | MASK):
            pages.append((offset, order, big))
        offset = following
    return pages


def numbers(file: BinaryIO, offset: int, order: str, big: bool, wanted: tuple[int, ...]) -> dict[int, int]:
    """Return those of the wanted tags of a TIFF directory that hold one whole number."""
    count = struct.unpack(order + ("Q" if big else "H"), _read(file, offset, 8 if big else 2))[0]
    width, entry = (20, "HHQ") if big else (12, "HHI")
    table = file.read(min(count, 4096) * width)
    found = {}
    for k in range(len(table) // width):
        tag, kind, _ = struct.unpack_from(order + entry, table, k * width)
        form = {1: "B", 3: "H", 4: "I", 16: "Q" if big else ""}.get(kind)
        if tag in wanted and form:
            found[tag] = struct.unpack_from(order + form, table, k * width + struct.calcsize("<" + entry))[0]
    return found


def orientation_of(tiff: bytes) -> int:
    """Return the orientation that EXIF data state, 1..8; 0 where they state none."""
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        value = numbers(io.BytesIO(tiff), struct.unpack(order + "I", tiff[4:8])[0], order, False, (0x0112,))[0x0112]
    except (KeyError, struct.error):
        return 0
    return value if 1 <= value <= 8 else 0


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)
