"""Pictures by name: those in files of their own, and those that lie inside a container.

A picture is named by a path. ``"film.mp4#12"`` is the picture with key 12 inside a container, here frame 12 of a video
(or page 12 of a TIFF, record 12 of a RecordIO file); which endings are containers says `CONTAINERS`, and a plugin may
add its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError
from trackforge.io.pictures import decode_picture, opencv, picture_bytes, picture_size
from trackforge.io.stacks import open_pictures
from trackforge.registry.suffixes import STACK_SUFFIXES, VIDEO_SUFFIXES

__all__ = ["CONTAINERS", "Container", "PictureReader", "size_advice", "split_key"]


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


def _open_records(path: Path) -> Container:
    from trackforge.data.records import RecordPictures

    return RecordPictures(path)


CONTAINERS: dict[str, Callable[[Path], Container]] = {
    **dict.fromkeys(VIDEO_SUFFIXES, _open_video),
    **dict.fromkeys(STACK_SUFFIXES, open_pictures),
    ".rec": _open_records,
}
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
        return decode_picture(picture_bytes(file), path)

    def size(self, path: str | Path) -> tuple[int, int]:
        """Return ``(width, height)`` in pixels, from the header where that is known to tell.

        Raises:
            DataError: The picture is missing, or is none.
        """
        file, key = split_key(path)
        return picture_size(file) if key is None else self._container(file).size(key)

    def encoded(self, path: str | Path) -> tuple[bytes, str]:
        """Return the content of a picture file and its ending; frames of a video are encoded as JPEG, quality 95.

        Raises:
            DataError: The picture is missing or cannot be read.
        """
        file, key = split_key(path)
        if key is None:
            return picture_bytes(file), file.suffix.lower()
        container = self._container(file)
        stored = container.encoded(key)
        if stored is not None:
            return stored
        cv2 = opencv()
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


def size_advice(stated: tuple[int, int], size: tuple[int, int]) -> str:
    """Say what may have happened where a picture is not as large, ``(width, height)``, as its labels state."""
    if stated == size[::-1]:
        return (
            "Were the labels made before the picture was turned upright, as its EXIF says? Turn the labels, or take "
            "the orientation out of the picture."
        )
    return "Was it replaced or resized after labelling? Scale the labels, or restore it."
