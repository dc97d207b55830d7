"""Files that hold several pictures: pages of a TIFF, animated PNG, WebP and GIF. Each of them is a frame.

A file of one picture is the common case and is opened here, too, so that whoever reads need not know.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, MissingDependencyError
from trackforge.intake.limits import check_limit, limits
from trackforge.io.headers import Header, is_whole, read_header
from trackforge.io.levels import stretch
from trackforge.io.pictures import Deep, check_pixels, decode_upright, opencv, picture_bytes, upright
from trackforge.io.tiff import tiff_pages

__all__ = ["Pictures", "count_pictures", "open_pictures"]

BLOCK = 1 << 26
"""Bytes of decoded pictures of an animation that are held at once."""
SHORTEST, USUAL = 0.011, 0.1
"""Seconds that a picture of an animation must be shown for to be meant, and what browsers take where it is not."""


class Pictures:
    """The pictures of one file, opened for reading; this one holds a single picture.

    Attributes:
        durations: Seconds that each is shown for, where the file says; otherwise empty.
    """

    def __init__(self, path: Path, data: bytes, header: Header | None) -> None:
        self.path, self._data, self._header = path, data, header
        self.durations: Sequence[float] = ()

    def __len__(self) -> int:
        return 1

    def read(self, key: int, deep: Deep = stretch) -> npt.NDArray[np.uint8]:
        """Return one picture, RGB uint8 ``(H, W, 3)``, upright.

        Args:
            key: Its place in the file, from 0.
            deep: Brings a picture of more than 8 bits to 8.

        Raises:
            DataError: It is damaged, too large, or there is none of that number.
        """
        self._check(key)
        return decode_upright(self._data, self._header, self.path, deep)

    def size(self, key: int) -> tuple[int, int]:
        """Return ``(width, height)`` of one picture in pixels, upright; raises as `read` does."""
        height, width = self.read(key).shape[:2]
        return width, height

    def encoded(self, key: int) -> tuple[bytes, str] | None:  # noqa: ARG002 - a container of pictures has this
        """Return None: none of the pictures is stored as a file of its own."""
        return None

    def close(self) -> None:
        """Free the content."""
        self._data = b""

    def _check(self, key: int) -> None:
        if not 0 <= key < len(self):
            raise DataError(f"The picture must be one of {len(self)} in the file; got number {key}.", path=self.path)


class _Pages(Pictures):
    """Pages of a TIFF: the file is not loaded; each page is read as if it were the first."""

    def __init__(self, path: Path, pages: Sequence[tuple[int, str, bool]]) -> None:
        super().__init__(path, b"", None)
        self._pages = pages
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    def __len__(self) -> int:
        return len(self._pages)

    def read(self, key: int, deep: Deep = stretch) -> npt.NDArray[np.uint8]:
        self._check(key)
        offset, order, big = self._pages[key]
        struct.pack_into(order + ("Q" if big else "I"), self._map, 8 if big else 4, offset)  # in our copy of the header
        if len(self._map) < 1 << 31:  # what OpenCV takes in one piece
            return decode_upright(self._map, read_header(self._map), self.path, deep)  # type: ignore[arg-type]
        header = read_header(self._map)  # type: ignore[arg-type]
        if header is not None:
            check_pixels(header, self.path)
        cv2 = opencv()
        done: bool = False
        images: Sequence[Any] = ()
        with contextlib.suppress(cv2.error):
            done, images = cv2.imreadmulti(str(self.path), start=key, count=1, flags=cv2.IMREAD_UNCHANGED)
        if not done or not images:
            raise DataError("The page cannot be decoded. Restore the file.", path=self.path)
        return upright(images[0] if images[0].dtype == np.uint8 else deep(images[0]))

    def close(self) -> None:
        self._map.close()


class _Animation(Pictures):
    """Pictures of an animated PNG, WebP or GIF, each as it is shown: put onto those before it."""

    def __init__(self, path: Path, data: bytes, header: Header, durations: Sequence[float]) -> None:
        super().__init__(path, data, header)
        self.durations = durations
        self._first = 0
        self._block: Sequence[Any] = ()
        self._cv2 = opencv()
        if not hasattr(self._cv2, "imdecodeanimation"):
            raise MissingDependencyError(
                f"Animated pictures need OpenCV 4.12 or newer; this is {self._cv2.__version__}. Install "
                "trackforge-mot[video] afresh.",
                name="cv2",
            )

    def __len__(self) -> int:
        return len(self.durations)

    def read(self, key: int, deep: Deep = stretch) -> npt.NDArray[np.uint8]:  # noqa: ARG002 - 8 bits, all of them
        self._check(key)
        header: Any = self._header
        if not self._first <= key < self._first + len(self._block):
            check_pixels(header, self.path)
            if header.kind == "png" and not is_whole(self._data):
                raise DataError("The PNG is cut short or damaged. Restore it, or leave it out.", path=self.path)
            count = max(1, BLOCK // (header.width * header.height * 4))
            done: bool = False
            animation: Any = None
            with contextlib.suppress(self._cv2.error):
                done, animation = self._cv2.imdecodeanimation(np.frombuffer(self._data, np.uint8), key, count)
            self._first, self._block = key, tuple(animation.frames) if done else ()
        if not self._block:
            raise DataError("The picture cannot be decoded. Restore it, or leave it out.", path=self.path)
        return upright(self._block[key - self._first].copy(), header.orientation)

    def close(self) -> None:
        super().close()
        self._block = ()


def open_pictures(path: str | Path) -> Pictures:
    """Open a picture file, which may hold several.

    Raises:
        DataError: It is missing, cannot be read, or is larger than a limit. That it is no picture shows on reading.
        MissingDependencyError: OpenCV is too old for animated pictures.
    """
    path = Path(path)
    pages: list[tuple[int, str, bool]] = []
    if path.suffix.lower() in (".tif", ".tiff"):  # which may be too large to be loaded
        with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
            pages = _pages(file)
    if len(pages) > 1:
        try:
            return _Pages(path, pages)
        except (OSError, ValueError) as error:
            raise DataError(f"The picture cannot be read: {error}.", path=path) from error
    data = picture_bytes(path)
    header = read_header(io.BytesIO(data))
    if header is not None and header.several:
        durations = _durations(io.BytesIO(data), header.kind)
        if len(durations) > 1:
            return _Animation(path, data, header, durations)
    return Pictures(path, data, header)


def count_pictures(path: str | Path) -> int:
    """Return how many pictures a file holds, from its structure; 1 where that cannot be told."""
    with contextlib.suppress(OSError, DataError, ValueError), Path(path).open("rb") as file:
        header = read_header(file)
        if header is not None and header.several:
            return max(1, len(_pages(file) if header.kind == "tiff" else _durations(file, header.kind)))
    return 1


def _pages(file: BinaryIO) -> list[tuple[int, str, bool]]:
    header = read_header(file)
    if header is None or header.kind != "tiff" or not header.several:
        return []
    pages = tiff_pages(file, most=limits().frames + 1)
    check_limit("frames", len(pages), "The pages of a TIFF", path=getattr(file, "name", None))
    return pages


def _durations(file: BinaryIO, kind: str) -> list[float]:
    """Return the seconds that each picture is shown for; an animation that is cut short ends where it breaks off."""
    found: list[float] = []
    with contextlib.suppress(struct.error, IndexError):
        for seconds in _WALKS[kind](file) if kind in _WALKS else ():
            found.append(seconds if seconds >= SHORTEST else USUAL)
            check_limit("frames", len(found), "The pictures of an animation", path=getattr(file, "name", None))
    return found


def _apng(file: BinaryIO) -> Iterator[float]:
    file.seek(8)
    while True:
        length, name = struct.unpack(">I4s", file.read(8))
        if name == b"fcTL":
            part, whole = struct.unpack(">20xHH", file.read(24))
            yield part / (whole or 100)
            length -= 24
        elif name == b"IEND":
            return
        file.seek(length + 4, io.SEEK_CUR)


def _webp(file: BinaryIO) -> Iterator[float]:
    file.seek(12)
    while True:
        name, length = struct.unpack("<4sI", file.read(8))
        length += length % 2
        if name == b"ANMF":
            yield int.from_bytes(file.read(15)[12:], "little") / 1000
            length -= 15
        file.seek(length, io.SEEK_CUR)


def _gif(file: BinaryIO) -> Iterator[float]:
    file.seek(10)
    _skip_colors(file, file.read(3)[0])
    seconds = 0.0
    while (kind := file.read(1)) != b";":
        if kind == b"!":
            label, block = file.read(1), file.read(file.read(1)[0])
            if label == b"\xf9":
                seconds = struct.unpack_from("<H", block, 1)[0] / 100
            if not block:
                continue
        elif kind == b",":
            yield seconds
            _skip_colors(file, file.read(9)[8])
            file.read(1)
            seconds = 0.0
        else:
            return
        while length := file.read(1)[0]:
            file.seek(length, io.SEEK_CUR)


def _skip_colors(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(6 << (flags & 7), io.SEEK_CUR)


_WALKS = {"png": _apng, "webp": _webp, "gif": _gif}
