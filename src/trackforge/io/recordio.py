"""RecordIO, the container of MXNet's data sets and of SageMaker's Pipe mode: records of bytes, one after the other.

A record is the mark ``0xced7230a``, a word whose upper three bits say which part it is and whose other 29 count its
bytes, the bytes, and zeros up to a multiple of four. Where the mark itself occurs in a payload at a multiple of four,
the writer splits there and leaves it out, and a reader puts it back: so whoever meets the mark there has met a record.

Written byte for byte as dmlc-core and MXNet 1.9.1 do. A file is somebody else's: what a record announces is compared
with what is left of the file before memory is taken. Source: dmlc-core (Apache-2.0), ``recordio.h``, behaviour only.
"""

from __future__ import annotations

import contextlib
import os
import struct
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from trackforge.errors import DataError, InvalidInputError
from trackforge.intake.limits import check_limit
from trackforge.intake.reading import reading

__all__ = ["RecordReader", "RecordWriter", "encode_record", "is_recordio", "read_index", "records", "write_index"]

MARK = struct.pack("<I", 0xCED7230A)
LENGTH = (1 << 29) - 1
"""The most bytes of one part."""
WHOLE, FIRST, MIDDLE, LAST = range(4)
HEAD = 8


def encode_record(payload: bytes) -> bytes:
    """Return a payload as a record.

    >>> encode_record(b"ab").hex()
    '0a23d7ce0200000061620000'

    Raises:
        InvalidInputError: A part of it has 2**29 bytes or more.
    """
    places, place = [], payload.find(MARK)
    while place >= 0:
        if place % 4 == 0:
            places.append(place)
        place = payload.find(MARK, place + (4 if place % 4 == 0 else 1))
    begins, ends = [0, *(place + 4 for place in places)], [*places, len(payload)]
    out = bytearray()
    for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        length = end - begin
        if length > LENGTH:
            raise InvalidInputError(f"A record must have at most {LENGTH:,} bytes; got {length:,}. Divide it.")
        part = WHOLE if not places else FIRST if not number else LAST if number == len(places) else MIDDLE
        out += MARK + struct.pack("<I", part << 29 | length) + payload[begin:end] + bytes(-length % 4)
    return bytes(out)


def is_recordio(path: str | Path) -> bool:
    """Tell whether a file begins as RecordIO does; False where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(4) == MARK
    except OSError:
        return False


class RecordWriter:
    """Writes records to a file that is open for writing.

    Args:
        file: Where to.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0

    def write(self, payload: bytes) -> int:
        """Write a record and return the byte at which it begins, as an index names it.

        Raises:
            InvalidInputError: It is too large.
        """
        record, begin = encode_record(payload), self.position
        self._file.write(record)
        self.position += len(record)
        return begin


class RecordReader:
    """The records of a file by number, from 0.

    The heads of all records are looked at when it is opened, which costs a seek each; payloads are read when asked for.

    Args:
        path: The file.
        tolerant: Keep the records before a damaged one, and the damage as an attribute, instead of raising.

    Attributes:
        offsets: The byte at which each record begins.
        damage: What ends the records before the file ends, or None.

    Raises:
        DataError: A record is damaged or cut short; with its number and byte.
        MissingFileError, SourceError: It is not there, or cannot be opened.
    """

    def __init__(self, path: str | Path, *, tolerant: bool = False) -> None:
        self.path = Path(path)
        self.offsets = array("q")
        self.damage: DataError | None = None
        with reading(self.path, "A RecordIO file"):
            self._file = self.path.open("rb", buffering=0)
            self._size = os.fstat(self._file.fileno()).st_size
            try:
                begin = 0
                for kind, place, _ in _walk(self._file, self._size, self.path):
                    begin = place - HEAD if kind in (WHOLE, FIRST) else begin
                    if kind in (WHOLE, LAST):
                        self.offsets.append(begin)
            except DataError as error:
                if not tolerant:
                    self._file.close()
                    raise
                self.damage = error

    def __len__(self) -> int:
        return len(self.offsets)

    def __enter__(self) -> RecordReader:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # it was never opened
            self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        return map(self.read, range(len(self)))

    def read(self, number: int, most: int | None = None) -> bytes:
        """Return a payload.

        Args:
            number: Of the record, from 0.
            most: Return its first bytes only; all of a record in several parts.

        Raises:
            DataError: There is no such record, or the file has changed meanwhile.
        """
        if not 0 <= number < len(self):
            raise DataError(f"A record must be one of {len(self)} in the file; got number {number}.", path=self.path)
        with reading(self.path, "A RecordIO file"):
            self._file.seek(self.offsets[number])
            content = bytearray()
            for kind, place, length in _walk(self._file, self._size, self.path, number=number):
                wanted = length if most is None or kind != WHOLE else min(length, most)
                self._file.seek(place)
                piece = self._file.read(wanted)
                if len(piece) < wanted:
                    raise DataError(f"Record {number} must be whole; the file was cut meanwhile.", path=self.path)
                if kind == WHOLE:
                    return piece
                content += piece if kind == FIRST else MARK + piece
                if kind == LAST:
                    return bytes(content)
        raise DataError(f"Record {number} must be there; the file was cut meanwhile.", path=self.path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _walk(file: BinaryIO, size: int, path: Path | None, *, number: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield each part of the records from where a file stands: kind, place of its bytes, and their number.

    Parts are not gathered: a file may consist of nothing but empty ones.
    """
    here = begin = file.tell()
    first = True
    while here < size:
        file.seek(here)
        kind, length = _head(file.read(HEAD), number, here, path, first=first)
        if length > size - here - HEAD:
            raise _damaged(number, here, f"announces {length:,} bytes, of which {size - here - HEAD:,} are there", path)
        yield kind, here + HEAD, length
        here += HEAD + length + -length % 4
        first = kind in (WHOLE, LAST)
        if first:
            begin, number = here, number + 1
    if not first:
        raise _damaged(number, begin, "lacks its last part", path)


def _head(head: bytes, number: int, here: int, path: Path | None, *, first: bool) -> tuple[int, int]:
    if len(head) < HEAD:
        raise _damaged(number, here, f"is cut short: {len(head)} bytes of its head are there", path)
    if head[:4] != MARK:
        raise _damaged(number, here, f"must begin with {MARK.hex()}; it begins with {head[:4].hex()}", path)
    (word,) = struct.unpack_from("<I", head, 4)
    kind, length = word >> 29, word & LENGTH
    if kind > LAST or (kind in (WHOLE, FIRST)) != first:
        raise _damaged(number, here, f"has a part of kind {kind} where it cannot be", path)
    return kind, length


def _damaged(number: int, here: int, what: str, path: Path | None) -> DataError:
    message = f"A RecordIO file must be whole; record {number} at byte {here:,} {what}. Get the file anew."
    return DataError(message, path=path)


def records(stream: BinaryIO, *, name: str | Path | None = None) -> Iterator[bytes]:
    """Yield the payloads of a stream that only flows on, such as the FIFO of SageMaker's Pipe mode.

    Args:
        stream: Open for reading.
        name: What to call it in messages.

    Raises:
        DataError: A record is damaged or cut short; with its number and byte.
    """
    path = None if name is None else Path(name)
    number = here = 0
    content, first = bytearray(), True
    while head := _exactly(stream, HEAD):
        kind, length = _head(head, number, here, path, first=first)
        check_limit("bytes", length + len(content), f"Record {number}", path=path)
        padded = length + -length % 4
        piece = _exactly(stream, padded)
        if len(piece) < padded:
            raise _damaged(number, here, f"announces {length:,} bytes, of which {len(piece):,} came", path)
        content += piece[:length] if first else MARK + piece[:length]
        here += HEAD + padded
        first = kind in (WHOLE, LAST)
        if first:
            yield bytes(content)
            content, number = bytearray(), number + 1
    if not first:
        raise _damaged(number, here, "lacks its last part", path)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    """Read so many bytes, fewer at the end; in pieces, for what is announced may never come."""
    pieces, left = [], count
    while left and (piece := stream.read(min(left, 1 << 20))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def read_index(path: str | Path) -> dict[int, int]:
    """Read an ``.idx`` file: the byte at which the record of each key begins.

    Raises:
        DataError: A line is not a key and a byte; with the line.
        MissingFileError, SourceError: It is not there, or cannot be opened.
    """
    found: dict[int, int] = {}
    with reading(path, "An index"), Path(path).open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            words = line.split()
            if not words:
                continue
            if len(words) != 2 or not all(word.isascii() and word.isdecimal() and len(word) < 19 for word in words):
                shown = ascii(line.strip()[:40])
                raise DataError(f"A line must be a key and a byte; got {shown}.", path=path, line=number)
            found[int(words[0])] = int(words[1])
    return found


def write_index(places: Mapping[int, int]) -> str:
    """Return the text of an ``.idx`` file, in the order given."""
    return "".join(f"{key}\t{place}\n" for key, place in places.items())
