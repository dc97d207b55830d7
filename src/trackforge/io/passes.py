"""What decoding a picture costs beyond its pixels: passes over a JPEG, bytes that a PNG unpacks to and has no use for.

A progressive JPEG is made of scans, each a pass over the whole picture that need hold no bit worth telling: a body of
200 kB can ask for a thousand of them (the libjpeg-turbo project, "Two Issues with the JPEG Standard"). A
PNG whose compressed data go on behind its last row is unpacked to their end all the same, a thousand times their size.
"""

from __future__ import annotations

import re
import zlib

from trackforge.io.headers import Header

__all__ = ["is_overfull", "scans"]

SEGMENTS = 4096
"""Segments behind the first scan of a JPEG, at most: nobody writes so many, and each would be walked."""
SPARE = 256 << 20
"""Bytes that a PNG may unpack to for nothing without being looked at: a quarter of a second."""
RATIO = 1032
"""How much the compression of a PNG can spare at most (deflate)."""
_MARKER = re.compile(rb"\xff+([^\x00\x01\xff\xd0-\xd7])")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def scans(data: bytes, header: Header, most: int) -> int:
    """Return how many scans a JPEG has, or more than ``most``.

    Within a scan no marker can stand unescaped; thumbnails lie in segments, which are passed by, or behind the end.

    Args:
        data: Its content.
        header: Its header.
        most: How many are counted.
    """
    at, count = header.scan, 0
    if (pairs := data.count(b"\xff\xda", at)) <= 1:  # nearly every picture, and many times as quick as to walk
        return pairs
    for _ in range(SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or found[1] == b"\xd9":
            return count
        count += found[1] == b"\xda"
        if count > most:
            return count
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return most + 1


def is_overfull(png: bytes, header: Header) -> bool:
    """Tell whether a PNG, whole (`trackforge.io.headers.is_whole`), unpacks to much more than its pixels take."""
    depth, kind = png[24], png[25]
    row = (header.width * depth * _CHANNELS.get(kind, 4) + 7) // 8 + 1
    room = 2 * row * header.height + SPARE  # interlaced rows are shorter, and more
    parts = list(_packed(png))
    if sum(map(len, parts)) * RATIO <= room:
        return False
    unpacking, came = zlib.decompressobj(), 0
    for part in parts:
        left = bytes(part)
        while left and not unpacking.eof:
            try:
                came += len(unpacking.decompress(left, 1 << 20))
            except zlib.error:
                return False  # the decoder says so
            if came > room:
                return True
            left = unpacking.unconsumed_tail
    return False


def _packed(png: bytes) -> list[memoryview]:
    view, at, found = memoryview(png), 8, []
    while at + 12 <= len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            found.append(view[at + 8 : at + 8 + size])
        at += 12 + size
    return found
