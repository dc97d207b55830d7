"""The pictures of documents, as a browser can show them: any frame of a film or a folder, the last ones kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from trackforge.data.pictures import PictureReader, split_key
from trackforge.errors import DataError, SourceError
from trackforge.io.pictures import opencv, picture_bytes
from trackforge.serving.labels.refusals import NoPicture

__all__ = ["Pictures"]

KEPT = 96 << 20
"""Bytes of encoded pictures that are kept."""
OPEN = 4
"""Films that are open at once."""
QUALITY = 90
AS_THEY_ARE = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
"""Files that every browser shows, upright as their EXIF data says."""
_Key = tuple[str, int, int]


class Pictures:
    """Encoded pictures by path; films stay open, so that the frame after the last one costs little.

    Safe to use from several threads: each film is read by one at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, tuple[bytes, str]] = OrderedDict()
        self._held = 0
        self._readers: OrderedDict[Path, tuple[PictureReader, threading.Lock]] = OrderedDict()

    def tag(self, path: Path) -> str:
        """Return what changes with the picture.

        Raises:
            NoPicture: There is no such file.
        """
        return '"{:x}-{:x}-{}"'.format(*_known(path))

    def encoded(self, path: Path) -> tuple[bytes, str]:
        """Return a picture and its media type: JPEG, or the file as it is where every browser shows it.

        Args:
            path: As `Document.picture` gives it.

        Raises:
            NoPicture: It is away, or cannot be read.
        """
        known = _known(path)
        key = (str(path), known[0], known[1])
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = self._read(path)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._held += len(made[0])
            while self._held > KEPT and len(self._kept) > 1:
                _, (gone, _) = self._kept.popitem(last=False)
                self._held -= len(gone)
        return made

    def close(self) -> None:
        """Close the films."""
        with self._lock:
            readers = list(self._readers.values())
            self._readers.clear()
            self._kept.clear()
            self._held = 0
        for reader, lock in readers:
            with lock:
                reader.close()

    def _read(self, path: Path) -> tuple[bytes, str]:
        file, number = split_key(path)
        as_it_is = AS_THEY_ARE.get(file.suffix.lower()) if number is None else None
        try:
            if as_it_is is not None:
                return picture_bytes(file), as_it_is
            reader, lock = self._reader(file if number is not None else file.parent)
            with lock:
                image = reader.read(path)
        except (DataError, SourceError) as error:
            why = str(error).replace(f"{file.parent}/", "")
            raise NoPicture(f"The picture must be one that can be read. {why}") from error
        done, data = opencv().imencode(".jpg", image[:, :, ::-1], [1, QUALITY])  # 1: IMWRITE_JPEG_QUALITY
        if not done:
            raise NoPicture(f"The picture must be one that JPEG can hold; {path.name} is too large. Cut it smaller.")
        return data.tobytes(), "image/jpeg"

    def _reader(self, place: Path) -> tuple[PictureReader, threading.Lock]:
        with self._lock:
            if place not in self._readers:
                self._readers[place] = (PictureReader(), threading.Lock())
            self._readers.move_to_end(place)
            gone = [self._readers.popitem(last=False)[1] for _ in range(len(self._readers) - OPEN)]
            found = self._readers[place]
        for reader, lock in gone:
            with lock:
                reader.close()
        return found


def _known(path: Path) -> tuple[int, int, int]:
    """Return time and size of the file that holds a picture, and its number there."""
    file, number = split_key(path)
    try:
        status = file.stat()
    except (OSError, ValueError):
        status = None
    if status is None or not file.is_file():
        name = file.name if number is not None else file.name.partition("#")[0]
        raise NoPicture(
            f"The pictures must be where the document says, seen from its folder; {name} is not there. Bring it "
            'back, or mend "source" in the document.'
        )
    return status.st_mtime_ns, status.st_size, 0 if number is None else number
