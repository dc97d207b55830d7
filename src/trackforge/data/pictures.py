"""Pictures on disk: their size from the header, their pixels, and pictures that lie inside a container.

A picture is named by a path. ``"film.mp4#12"`` is the picture with key 12 inside a container, here frame 12 of a video;
which endings are containers says `CONTAINERS`, and a plugin may add its own, such as a RecordIO file.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, MissingDependencyError

__all__ = ["CONTAINERS", "IMAGE_SUFFIXES", "VIDEO_SUFFIXES", "Container", "PictureReader", "image_size", "split_key"]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg")


class Container(Protocol):
    """A file that holds many pictures, opened for reading."""

    def size(self, key: int) -> tuple[int, int]:
        """Return ``(width, height)`` of one picture in pixels."""

    def read(self, key: int) -> npt.NDArray[np.uint8]:
        """Return one picture, RGB uint8 ``(H, W, 3)``."""

    def encoded(self, key: int) -> tuple[bytes, str] | None:
        """Return a picture's file content and ending as stored, or None where it is not stored as a file."""

    def close(self) -> None:
        """Free what it holds."""


def _open_video(path: Path) -> Container:
    from trackforge.data.video import VideoFrames

    return VideoFrames(path)


CONTAINERS: dict[str, Callable[[Path], Container]] = dict.fromkeys(VIDEO_SUFFIXES, _open_video)
"""File ending, in lower case, to what opens such a container."""


def split_key(path: str | Path) -> tuple[Path, int | None]:
    """Split ``"film.mp4#12"`` into the container and the key; a plain picture has the key None."""
    text = str(path)
    head, mark, key = text.rpartition("#")
    if mark and key.isdecimal() and Path(head).suffix.lower() in CONTAINERS:
        return Path(head), int(key)
    return Path(text), None


class PictureReader:
    """Reads pictures by path and keeps containers open between calls.

    Safe to pickle and to carry into a forked worker: open files stay behind, each process opens its own.
    """

    def __init__(self) -> None:
        self._open: dict[Path, Container] = {}
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]

    def read(self, path: str | Path) -> npt.NDArray[np.uint8]:
        """Return the picture, RGB uint8 ``(H, W, 3)``, turned upright as its EXIF data says.

        Raises:
            DataError: It is missing, or cannot be decoded.
            MissingDependencyError: OpenCV (for a video, PyAV) is not installed.
        """
        file, key = split_key(path)
        if key is not None:
            return self._container(file).read(key)
        return decode(_bytes(file), path)

    def size(self, path: str | Path) -> tuple[int, int]:
        """Return ``(width, height)`` in pixels, from the header where that is known to tell.

        Raises:
            DataError: The picture is missing, or is none.
        """
        file, key = split_key(path)
        return image_size(file) if key is None else self._container(file).size(key)

    def encoded(self, path: str | Path) -> tuple[bytes, str]:
        """Return the content of a picture file and its ending; frames of a video are encoded as JPEG, quality 95.

        Raises:
            DataError: The picture is missing or cannot be read.
        """
        file, key = split_key(path)
        if key is None:
            return _bytes(file), file.suffix.lower()
        container = self._container(file)
        stored = container.encoded(key)
        if stored is not None:
            return stored
        cv2 = _cv2()
        done, data = cv2.imencode(".jpg", container.read(key)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        if not done:
            raise DataError("The frame could not be encoded as JPEG.", path=path)
        return data.tobytes(), ".jpg"

    def close(self) -> None:
        """Close every open container."""
        for container in self._open.values():
            container.close()
        self._open.clear()

    def _container(self, file: Path) -> Container:
        if self._process != os.getpid():  # after a fork the parent's handles share its file offset: open our own
            self._open, self._process = {}, os.getpid()
        if file not in self._open:
            if not file.is_file():
                raise DataError("The file that holds the pictures is missing. Check the root of the set.", path=file)
            self._open[file] = CONTAINERS[file.suffix.lower()](file)
        return self._open[file]


def _cv2() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError(
            "Reading pictures needs OpenCV, which is not installed. Install trackforge-mot[video]."
        ) from error
    return cv2


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError("The picture is missing. Restore it, or drop its labels.", path=path) from None
    except OSError as error:
        raise DataError(f"The picture cannot be read: {error.strerror or error}.", path=path) from error


def decode(data: bytes, path: str | Path) -> npt.NDArray[np.uint8]:
    """Decode a picture file's content to RGB uint8 ``(H, W, 3)``; ``path`` is for the error message.

    Raises:
        DataError: It is no picture, or cut short.
    """
    cv2 = _cv2()
    if not data:
        raise DataError("The picture is empty (0 bytes). Restore it, or drop its labels.", path=path)
    bgr = None
    with contextlib.suppress(cv2.error):
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise DataError("The picture cannot be decoded. Restore it, or drop its labels.", path=path)
    if data[:2] == b"\xff\xd8" and not _complete(data):
        # libjpeg fills what is missing with grey and only warns; training on that would go unnoticed
        raise DataError("The JPEG is cut short. Restore it, or drop its labels.", path=path)
    rgb: npt.NDArray[np.uint8] = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return rgb


def _complete(jpeg: bytes) -> bool:
    """Tell whether the end mark follows the first scan; inside a scan the mark cannot occur."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        at += 1 if jpeg[at + 1] == 0xFF else 2 + int(struct.unpack_from(">H", jpeg, at + 2)[0])
    return jpeg.find(b"\xff\xd9", at) >= 0


def image_size(path: str | Path) -> tuple[int, int]:
    """Return ``(width, height)`` of a picture file, upright; reads the header only for JPEG, PNG and BMP.

    Raises:
        DataError: It is missing, or no picture.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(26)
            size = _png(head) or _bmp(head) or (_jpeg(file) if head[:2] == b"\xff\xd8" else None)
    except FileNotFoundError:
        raise DataError("The picture is missing. Restore it, or drop its labels.", path=path) from None
    except (struct.error, IndexError):
        size = None
    except OSError as error:
        raise DataError(f"The picture cannot be read: {error.strerror or error}.", path=path) from error
    if size is None:
        height, width = decode(_bytes(path), path).shape[:2]
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
