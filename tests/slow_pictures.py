"""Small pictures that take long to decode, where nobody looks at what they announce."""

from __future__ import annotations

import struct
import zlib

__all__ = ["many_scans", "overfull"]


def many_scans(width: int, height: int, scans: int) -> bytes:
    """Return a grey progressive JPEG with so many scans in all, each of which says "nothing changes"."""

    def segment(code: int, body: bytes) -> bytes:
        return b"\xff" + bytes([code]) + struct.pack(">H", len(body) + 2) + body

    def packed(bits: str) -> bytes:
        bits += "1" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")

    blocks = -(-width // 8) * -(-height // 8)
    start = b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64)
    start += segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    for table, symbol in ((b"\x00", b"\0"), (b"\x10", b"\xe0")):  # one code each; 0xE0: the next blocks are empty
        start += segment(0xC4, table + bytes([1] + [0] * 15) + symbol)
    flat = segment(0xDA, b"\1\1\0\0\0\0") + packed("0" * blocks)
    empty = segment(0xDA, b"\1\1\0\1\x3f\0") + packed(("0" + "1" * 14) * (blocks // 32767 + 1))
    return start + flat + empty * (scans - 1) + b"\xff\xd9"


def overfull(size: int) -> bytes:
    """Return a PNG of 8 x 8 pixels that unpacks to so many bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packing, piece = zlib.compressobj(1), bytes(1 << 20)
    data = b"".join(packing.compress(piece) for _ in range(size >> 20)) + packing.flush()
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
