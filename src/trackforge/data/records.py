"""Pictures inside RecordIO files, read where they lie: `trackforge.data.pictures` opens such a file as a container.

A record holds a picture with labels (``tools/im2rec.py``), or, in what SageMaker's Pipe mode makes of an augmented
manifest, a picture and nothing else; which of the two is seen from its first bytes.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError
from trackforge.io.headers import Header, read_header
from trackforge.io.image_records import ImageRecord, decode_image_record
from trackforge.io.pictures import decode_picture
from trackforge.io.recordio import RecordReader, is_recordio

__all__ = ["RecordPictures", "begins_with_picture", "is_picture", "record_head"]

HEAD = 1 << 14
"""Bytes of a record in which its labels and the size of its picture mostly stand."""
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
ENDINGS = {"jpeg": ".jpg", "sun": ".ras"}
"""Of kinds of pictures whose ending is not their name."""


def is_picture(payload: bytes) -> bool:
    """Tell whether a record is a JPEG or PNG by itself; labels before it never begin so."""
    return payload.startswith((JPEG, PNG))


def begins_with_picture(path: Path) -> bool:
    """Tell whether the first record of a file is a picture by itself; False where there is none."""
    if not is_recordio(path):
        return False
    with path.open("rb") as file:
        return is_picture(file.read(HEAD)[8:])


def record_head(reader: RecordReader, number: int) -> tuple[ImageRecord, Header | None]:
    """Return a record and the header of its picture, reading no more of the record than that takes.

    Returns:
        The record, whose picture may be cut off, with the label ``()`` NaN where it is a picture by itself; and the
        header, None where it is no picture.

    Raises:
        DataError: It is too short for what it announces; with its number.
    """
    for most in (HEAD, None):
        payload = reader.read(number, most)
        whole = most is None or len(payload) != most
        try:
            record = _taken_apart(payload, number, reader.path)
        except DataError:
            if whole:
                raise
            continue
        if whole or record.image.startswith(JPEG):  # other kinds tell some things at their end
            header = read_header(io.BytesIO(record.image))
            if whole or header is not None:
                return record, header
    raise AssertionError  # the second round is whole


def _taken_apart(payload: bytes, number: int, path: Path) -> ImageRecord:
    if is_picture(payload):
        return ImageRecord(np.array(np.nan, np.float32), number, payload)
    return decode_image_record(payload, what=f"Record {number}", path=path)


class RecordPictures:
    """The pictures of a file of records, by the number of their record; see `trackforge.data.pictures.Container`.

    Args:
        path: The file. One that is damaged gives the records before the damage.

    Raises:
        DataError: From every method: there is no such record, or it holds no picture.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = RecordReader(path, tolerant=True)

    def size(self, key: int) -> tuple[int, int]:
        """Return ``(width, height)`` of a picture in pixels, upright."""
        return self._known(record_head(self._reader, key)[1], key).size

    def read(self, key: int) -> npt.NDArray[np.uint8]:
        """Return a picture, RGB uint8 ``(H, W, 3)``, upright."""
        return decode_picture(self._image(key), f"{self._path}#{key}")

    def encoded(self, key: int) -> tuple[bytes, str]:
        """Return a picture as a file, and the ending that it should have."""
        image = self._image(key)
        kind = self._known(read_header(io.BytesIO(image)), key).kind
        return image, ENDINGS.get(kind, f".{kind}")

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def _image(self, key: int) -> bytes:
        if self._reader.damage is not None and key >= len(self._reader):
            raise self._reader.damage
        return _taken_apart(self._reader.read(key), key, self._path).image

    def _known(self, header: Header | None, key: int) -> Header:
        if header is None:
            raise DataError(f"Record {key} must hold a picture; what it holds cannot be decoded.", path=self._path)
        return header
