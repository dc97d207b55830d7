"""What a picture file says of itself before it is decoded: size, which way up, and whether it holds several pictures.

The sizes in headers are believed for one purpose above all: a file of one megabyte can announce a picture of gigabytes,
and is refused before a decoder takes them (`trackforge.intake.limits`).
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import BinaryIO, NamedTuple

from trackforge.io.tiff import numbers, orientation_of, tiff_pages

__all__ = ["Header", "is_whole", "read_header"]

TAIL = 1 << 14
"""Bytes at the end of a PNG that are searched for EXIF data, which some editors put behind the pixels."""
START = 1 << 16
"""Bytes in which the properties of an AVIF picture, or the text before pixels, are looked for."""


class Header(NamedTuple):
    """What the file announces.

    Attributes:
        kind: Name of the format.
        width: In pixels, as stored.
        height: In pixels, as stored.
        orientation: As EXIF counts, 1..8; 1 is upright.
        several: Whether more pictures than one may be in it.
        scan: Where the first scan of a JPEG begins, in bytes.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    several: bool = False
    scan: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)``, upright."""
        return (self.height, self.width) if self.orientation > 4 else (self.width, self.height)


def read_header(file: BinaryIO) -> Header | None:
    """Read the header of a picture file; None where there is none that tells a size above 0.

    Raises:
        OSError: The file cannot be read.
    """
    file.seek(0)
    head = file.read(32)
    for magic, read in _READERS:
        if magic(head):
            try:
                header = read(file)
            except (struct.error, IndexError, ValueError, OverflowError):
                return None
            return header if header is not None and min(header.width, header.height) > 0 else None
    return None


def _jpeg(file: BinaryIO) -> Header | None:
    """Walk the segments to the first scan; the frame header tells the size, EXIF data the orientation."""
    file.seek(2)
    size: tuple[int, int] | None = None
    orientation = rubbish = 0
    while rubbish < START:
        rubbish += 1  # of millions of segments, too
        found = file.read(4)
        while (found[0] != 0xFF or found[1] == 0xFF) and rubbish < START:  # or fill bytes
            found = found[1:] + file.read(1)
            rubbish += 1
        code, length = found[1], (found[2] << 8) + found[3]
        if code in (0x01, *range(0xD0, 0xD8)):  # these have no length
            file.seek(-2, io.SEEK_CUR)
        elif code == 0xDA:
            return Header("jpeg", *size, orientation or 1, scan=file.tell() - 4) if size else None
        elif 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">xHH", file.read(5))
            size = (width, height)
            file.seek(length - 7, io.SEEK_CUR)
        elif code == 0xE1 and not orientation:
            body = file.read(length - 2)
            orientation = orientation_of(body[6:]) if body[:6] == b"Exif\0\0" else 0
        else:
            file.seek(length - 2, io.SEEK_CUR)
    return None


def _png(file: BinaryIO) -> Header | None:
    """Walk the chunks to the pixels; EXIF data may also come behind them."""
    width, height = struct.unpack(">II", _at(file, 16, 8))
    orientation, several = 0, False
    file.seek(8)
    while len(chunk := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", chunk)
        if name in (b"IDAT", b"IEND"):
            break
        if name == b"eXIf":
            orientation = orientation_of(file.read(length))
            file.seek(4, io.SEEK_CUR)
        else:
            several = several or name == b"acTL"
            file.seek(length + 4, io.SEEK_CUR)
    if not orientation:
        end = file.seek(0, io.SEEK_END)
        file.seek(max(0, end - TAIL))
        tail = file.read()
        at = tail.rfind(b"eXIf")
        if at >= 4:
            body = at + 4 + int.from_bytes(tail[at - 4 : at], "big")
            if tail[body : body + 4] == struct.pack(">I", zlib.crc32(tail[at:body])):  # no chance hit in the pixels
                orientation = orientation_of(tail[at + 4 : body])
    return Header("png", width, height, orientation or 1, several)


def is_whole(png: bytes) -> bool:
    """Tell whether every chunk of a PNG ends within it: decoders take what memory a chunk says before they look."""
    at, size = 8, len(png)
    while at + 12 <= size:
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IEND":
            return end <= size
        at = end
    return False


def _webp(file: BinaryIO) -> Header | None:
    file.seek(12)
    name, data = file.read(4), file.read(4) + file.read(10)
    if name == b"VP8 ":
        width, height = struct.unpack("<HH", data[10:14])
        return Header("webp", width & 0x3FFF, height & 0x3FFF)
    if name == b"VP8L":
        bits = struct.unpack("<I", data[5:9])[0]
        return Header("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if name != b"VP8X":
        return None
    width, height = (int.from_bytes(data[k : k + 3], "little") + 1 for k in (8, 11))
    orientation = 1
    if data[4] & 8:
        at = 12
        while len(chunk := _at(file, at, 8)) == 8:
            length = struct.unpack("<I", chunk[4:])[0]
            if chunk[:4] == b"EXIF":
                body = file.read(min(length, TAIL))
                orientation = orientation_of(body.removeprefix(b"Exif\0\0")) or 1
                break
            at += 8 + length + length % 2
    return Header("webp", width, height, orientation, bool(data[4] & 2))


def _tiff(file: BinaryIO) -> Header | None:
    pages = tiff_pages(file, most=2)
    if not pages:
        return None
    tags = numbers(file, *pages[0], (256, 257, 274))
    orientation = tags.get(274, 1)
    turn = orientation if 1 <= orientation <= 8 else 1
    return Header("tiff", tags.get(256, 0), tags.get(257, 0), turn, len(pages) > 1)


def _gif(file: BinaryIO) -> Header | None:
    width, height = struct.unpack("<HH", _at(file, 6, 4))
    return Header("gif", width, height, several=True)


def _bmp(file: BinaryIO) -> Header | None:
    head = _at(file, 14, 12)
    if struct.unpack("<I", head[:4])[0] < 40:  # as OS/2 wrote them
        return Header("bmp", *struct.unpack("<HH", head[4:8]))
    width, height = struct.unpack("<ii", head[4:])
    return Header("bmp", width, abs(height))


def _jp2(file: BinaryIO) -> Header | None:
    """Find the code stream behind the boxes: its own size is what decoders take, whatever the boxes say."""
    at = 0
    while (head := _at(file, at, 8))[:4] != b"\xff\x4f\xff\x51":
        length, name = struct.unpack(">I4s", head)
        skip = 8
        if length == 1:
            length, skip = struct.unpack(">Q", file.read(8))[0], 16
        if name == b"jp2c":
            at += skip
            break
        if length < skip:
            return None
        at += length
    mark, width, height, left, top = struct.unpack(">4s4xIIII", _at(file, at, 24))
    return Header("jp2", width - left, height - top) if mark == b"\xff\x4f\xff\x51" else None


def _avif(file: BinaryIO) -> Header | None:
    """Take the largest size that the properties name; a smaller picture inside would be its thumbnail or a tile."""
    start = _at(file, 0, START)
    sizes = [struct.unpack_from(">II", start, found.end() + 4) for found in re.finditer(b"ispe", start)]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    angle = start.find(b"irot")
    mirror = start.find(b"imir")
    turns = start[angle + 4] & 3 if angle >= 0 else 0
    flips = (4, 2)[start[mirror + 4] & 1] if mirror >= 0 else 0
    return Header("avif", width, height, _AVIF_TURNS[turns, flips])


_AVIF_TURNS = {
    (0, 0): 1,
    (1, 0): 8,
    (2, 0): 3,
    (3, 0): 6,
    (0, 4): 4,
    (0, 2): 2,
    (1, 4): 5,
    (1, 2): 7,
    (2, 4): 2,
    (2, 2): 4,
    (3, 4): 7,
    (3, 2): 5,
}
"""Quarter turns to the left, then what the mirror alone would be in EXIF: to what both together are in EXIF."""


def _pnm(file: BinaryIO) -> Header | None:
    start = re.sub(rb"#[^\n\r]*", b"", _at(file, 0, START))
    if start[:2] == b"P7":
        sides = [re.search(rb"\s" + name + rb"\s+(\d{1,10})\s", start) for name in (b"WIDTH", b"HEIGHT")]
        numbers = [side[1] for side in sides if side]
    else:
        numbers = list(found.groups()) if (found := re.match(rb"P.\s+(\d{1,10})\s+(\d{1,10})\s", start)) else []
    return Header("pnm", int(numbers[0]), int(numbers[1]))


def _hdr(file: BinaryIO) -> Header | None:
    found = re.search(rb"[-+]Y\s+(\d{1,10})\s+[-+]X\s+(\d{1,10})\s", _at(file, 0, START))
    return Header("hdr", int(found[2]), int(found[1])) if found else None


def _sun(file: BinaryIO) -> Header | None:
    return Header("sun", *struct.unpack(">II", _at(file, 4, 8)))


_READERS = (
    (lambda head: head[:2] == b"\xff\xd8", _jpeg),
    (lambda head: head[:8] == b"\x89PNG\r\n\x1a\n" and head[12:16] == b"IHDR", _png),
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", _webp),
    (lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _tiff),
    (lambda head: head[:4] == b"GIF8", _gif),
    (lambda head: head[:2] == b"BM", _bmp),
    (lambda head: head[4:8] == b"jP  " or head[:4] == b"\xff\x4f\xff\x51", _jp2),
    (lambda head: head[4:8] == b"ftyp", _avif),
    (lambda head: head[:1] == b"P" and head[1:2] in b"1234567Ff" and head[2:3].isspace(), _pnm),
    (lambda head: head[:2] == b"#?", _hdr),
    (lambda head: head[:4] == b"\x59\xa6\x6a\x95", _sun),
)


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)
