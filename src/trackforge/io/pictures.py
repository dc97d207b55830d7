"""Picture files: their content decoded, and their size from the header.

One reader for sources and data sets. A picture is RGB and upright: turned as its EXIF data asks for, its size included.
One that is cut short is damaged, though a decoder would fill what is missing with grey and go on.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, MissingDependencyError

__all__ = ["decode_picture", "opencv", "picture_bytes", "picture_size"]


def opencv() -> Any:
    """Import OpenCV.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError(
            "Reading pictures needs OpenCV, which is not installed. Install trackforge-mot[video].", name="cv2"
        ) from error
    return cv2


def picture_bytes(path: Path) -> bytes:
    """Return the content of a picture file.

    Raises:
        DataError: It is missing, or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(error, path) from error


def _unreadable(error: OSError, path: Path) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError("The picture is missing. Restore it, or leave it out.", path=path)
    return DataError(f"The picture cannot be read: {error.strerror or error}.", path=path)


def decode_picture(data: bytes, path: str | Path) -> npt.NDArray[np.uint8]:
    """Decode a picture file's content to RGB uint8 ``(H, W, 3)``, upright; ``path`` is for the error message.

    Raises:
        DataError: It is no picture, or cut short.
        MissingDependencyError: OpenCV is not installed.
    """
    cv2 = opencv()
    if not data:
        raise DataError("The picture is empty (0 bytes). Restore it, or leave it out.", path=path)
    bgr = None
    with contextlib.suppress(cv2.error):
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise DataError("The picture cannot be decoded. Restore it, or leave it out.", path=path)
    if data[:2] == b"\xff\xd8" and not _complete(data):
        # libjpeg fills what is missing with grey and only warns; training on that would go unnoticed
        raise DataError("The JPEG is cut short. Restore it, or leave it out.", path=path)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr), np.uint8)


def _complete(jpeg: bytes) -> bool:
    """Tell whether the end mark follows the first scan; inside a scan the mark cannot occur."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        at += 1 if jpeg[at + 1] == 0xFF else 2 + int(struct.unpack_from(">H", jpeg, at + 2)[0])
    return jpeg.find(b"\xff\xd9", at) >= 0


def picture_size(path: str | Path) -> tuple[int, int]:
    """Return ``(width, height)`` of a picture file, upright; reads the header only for JPEG, PNG and BMP.

    Raises:
        DataError: It is missing, or no picture.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(26)
            size = _png(head) or _bmp(head) or (_jpeg(file) if head[:2] == b"\xff\xd8" else None)
    except (struct.error, IndexError):
        size = None
    except OSError as error:
        raise _unreadable(error, path) from error
    if size is None or min(size) <= 0:
        height, width = decode_picture(picture_bytes(path), path).shape[:2]
        size = (width, height)
    return size


def _png(head: bytes) -> tuple[int, int] | None:
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _bmp(head: bytes) -> tuple[int, int] | None:
    if head[:2] != b"BM" or struct.unpack("<I", head[14:18])[0] < 40:
        return None
    width, height = struct.unpack("<ii", head[18:26])
    return width, abs(height)


def _jpeg(file: BinaryIO) -> tuple[int, int] | None:
    """Walk the segments to the frame header; a picture that EXIF turns by 90 degrees has its sides exchanged."""
    file.seek(2)
    turned = False
    while True:
        mark, code = struct.unpack("BB", file.read(2))
        while code == 0xFF:  # fill bytes
            code = file.read(1)[0]
        if mark != 0xFF:
            return None
        length = struct.unpack(">H", file.read(2))[0]
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            _, height, width = struct.unpack(">BHH", file.read(5))
            return (height, width) if turned else (width, height)
        body = file.read(length - 2) if code == 0xE1 else b""
        if body[:6] == b"Exif\0\0":
            turned = _orientation(body[6:]) in (5, 6, 7, 8)
        elif code != 0xE1:
            file.seek(length - 2, os.SEEK_CUR)


def _orientation(tiff: bytes) -> int:
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        offset = struct.unpack(order + "I", tiff[4:8])[0]
        for k in range(struct.unpack_from(order + "H", tiff, offset)[0]):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, offset + 2 + 12 * k)
            if tag == 0x0112:
                return int(value)
    except (KeyError, struct.error):
        pass
    return 1
