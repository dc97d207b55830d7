"""The pictures of documents, as a browser can show them: any frame of a film or a folder, the last ones kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from trackforge.data.pictures import PictureReader, split_key
from trackforge.errors import DataError, SourceError
from trackforge.io.pictures import opencv, picture_bytes
from trackforge.serving.labels.refusals import NoPicture

__all__ = ["Pictures"]

KEPT = 96 << 20
"""Bytes of encoded pictures that are kept."""
OPEN = 4
"""Films that are open at once."""
BACK = 8
"""Frames before a wanted one that are kept when somebody goes back in a film."""
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
        self._readers: OrderedDict[_Key, _Reader] = OrderedDict()

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
        return self._found((str(path), *known[:2])) or self._read(path, known)

    def _found(self, key: _Key) -> tuple[bytes, str] | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def _keep(self, key: _Key, made: tuple[bytes, str]) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._held += len(made[0])
            while self._held > KEPT and len(self._kept) > 1:
                _, (gone, _) = self._kept.popitem(last=False)
                self._held -= len(gone)

    def close(self) -> None:
        """Close the films."""
        with self._lock:
            readers = list(self._readers.values())
            self._readers.clear()
            self._kept.clear()
            self._held = 0
        for one in readers:
            one.close()

    def _read(self, path: Path, known: tuple[int, int, int]) -> tuple[bytes, str]:
        file, number = split_key(path)
        as_it_is = AS_THEY_ARE.get(file.suffix.lower()) if number is None else None
        try:
            if as_it_is is not None:
                made = picture_bytes(file), as_it_is
                self._keep((str(path), *known[:2]), made)
                return made
            reader = self._reader((str(file), *known[:2]) if number is not None else (str(file.parent), 0, 0))
            with reader.lock:
                found = self._found((str(path), *known[:2]))
                if found is not None:  # somebody else has read it meanwhile
                    return found
                if number is None:
                    made = _jpeg(reader.pictures.read(path), path.name)
                    self._keep((str(path), *known[:2]), made)
                for one in () if number is None else reader.way(number):
                    place = file.with_name(f"{file.name}#{one}")
                    made = _jpeg(reader.pictures.read(place), place.name)
                    self._keep((str(place), *known[:2]), made)
                return made
        except (DataError, SourceError) as error:
            why = str(error).replace(f"{file.parent}/", "")
            raise NoPicture(f"The picture must be one that can be read. {why}") from error

    def _reader(self, place: _Key) -> _Reader:
        with self._lock:
            if place not in self._readers:
                self._readers[place] = _Reader()
            self._readers.move_to_end(place)
            gone = [self._readers.popitem(last=False)[1] for _ in range(len(self._readers) - OPEN)]
            found = self._readers[place]
        for one in gone:
            one.close()
        return found


class _Reader:
    """A film or a folder that is open, and where in it the last picture was."""

    def __init__(self) -> None:
        self.pictures, self.lock = PictureReader(), threading.Lock()
        self._last = -1

    def way(self, number: int) -> range:
        """Return the frames to read for one: going back, those before it as well, since all are decoded on the way."""
        back = number < self._last
        self._last = number
        return range(max(0, number - BACK) if back else number, number + 1)

    def close(self) -> None:
        """Close it, once nobody reads."""
        with self.lock:
            self.pictures.close()


def _jpeg(image: Any, name: str) -> tuple[bytes, str]:
    done, data = opencv().imencode(".jpg", image[:, :, ::-1], [1, QUALITY])  # 1: IMWRITE_JPEG_QUALITY
    if not done:
        raise NoPicture(f"The picture must be one that JPEG can hold; {name} is too large. Cut it smaller.")
    return data.tobytes(), "image/jpeg"


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
